"""What is installed in a place, whoever installed it and however it is recorded.

Beside ``.dist-info`` there are the older ``.egg-info``, ``.egg-link`` and ``.egg``.

Spec: recording installed projects (PEP 376, PEP 627), PEP 610; setuptools' formats as pip reads them.
"""

from __future__ import annotations

import os

from blast_core.names import normalize_name
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from blast_core.requirements import Requirement

__all__ = [
    "DISTUTILS",
    "DIST_INFO",
    "EGG",
    "EGG_INFO",
    "EGG_LINK",
    "Facts",
    "InstalledDistribution",
    "find_distributions",
    "read_facts",
]

DIST_INFO, EGG_INFO, DISTUTILS, EGG_LINK, EGG = "dist-info", "egg-info", "distutils", "egg-link", "egg"


class InstalledDistribution(NamedTuple):
    """A distribution as its metadata on disk names it.

    Attributes:
        name: as its metadata spells it.
        version: the same.
        kind: how it is recorded: ``DIST_INFO``; ``EGG_INFO`` for a directory, ``DISTUTILS`` for a file; ``EGG_LINK``
            for what ``setup.py develop`` left; ``EGG`` for what easy_install did.
        info: the directory or file with its metadata.
        directory: of modules, in which it was found.
        record: what stands in that directory for it: ``info`` itself, or the egg-link.
    """

    name: str
    version: str
    kind: str = DIST_INFO
    info: str = ""
    directory: str = ""
    record: str = ""

    @property
    def key(self) -> str:
        """The normalised name."""
        return normalize_name(self.name)

    @property
    def metadata_path(self) -> str:
        """The file with its metadata."""
        if self.kind == DIST_INFO:
            return os.path.join(self.info, "METADATA")
        return self.info if self.kind == DISTUTILS else os.path.join(self.info, "PKG-INFO")

    def read(self, name: str) -> str | None:
        """Return a small file beside its metadata; None where there is none."""
        if self.kind == DISTUTILS:
            return None
        try:
            with open(os.path.join(self.info, name), encoding="utf-8", errors="surrogateescape") as file:
                return file.read()
        except OSError:
            return None

    @property
    def installer(self) -> str:
        """Who installed it; "" where nothing says."""
        return (self.read("INSTALLER") or "").strip()

    @property
    def direct_url(self) -> dict[str, Any]:
        """What direct_url.json says; {} where there is none that can be read."""
        text = self.read("direct_url.json")
        if not text:
            return {}
        import json

        try:
            document = json.loads(text)
        except ValueError:
            return {}
        return document if isinstance(document, dict) and isinstance(document.get("url"), str) else {}

    @property
    def editable_location(self) -> str:
        """The directory of an editable project; "" for all else."""
        if self.kind == EGG_LINK:
            return os.path.dirname(self.info)
        document = self.direct_url
        details = document.get("dir_info")
        if not isinstance(details, dict) or not details.get("editable") or not document["url"].startswith("file:"):
            return ""
        from blast_pm.index.file_urls import path_of_url

        path = path_of_url(document["url"])
        below = document.get("subdirectory")
        return os.path.join(path, below) if isinstance(below, str) and below else path


class Facts(NamedTuple):
    """What the metadata of an installed distribution says of its needs.

    Attributes:
        requirements: markers unevaluated.
        requires_python: as written.
        extras: provided, normalised.
        invalid: what is wrong with it; "" for nothing.
    """

    requirements: tuple[Requirement, ...]
    requires_python: str = ""
    extras: tuple[str, ...] = ()
    invalid: str = ""


def read_facts(row: InstalledDistribution) -> Facts:
    """Return what a distribution needs; of one without readable metadata it is told in ``invalid``."""
    from blast_core.errors import BlastError
    from blast_pm.metadata.core_metadata import parse_metadata

    try:
        with open(row.metadata_path, "rb") as file:
            content = file.read()
        record = parse_metadata(content, row.name)
    except OSError as error:
        return Facts((), invalid=error.strerror or str(error))
    except BlastError as error:
        return Facts((), invalid=error.message)
    if record.requirements or row.kind == DIST_INFO:
        return Facts(record.requirements, record.requires_python, record.provides_extras, record.invalid)
    requirements, extras = _egg_requirements(row.read("requires.txt") or "")
    return Facts(requirements, record.requires_python, extras, record.invalid)


def _egg_requirements(text: str) -> tuple[tuple[Requirement, ...], tuple[str, ...]]:
    """Read setuptools' ``requires.txt``: lines below ``[extra:marker]``."""
    from blast_core.errors import BlastError
    from blast_core.markers import and_markers
    from blast_core.requirements import parse_requirement

    found: list[Requirement] = []
    extras: list[str] = []
    extra = marker = ""
    for line in (line.strip() for line in text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            extra, _, marker = line[1:-1].partition(":")
            extra = normalize_name(extra) if extra else ""
            if extra and extra not in extras:
                extras.append(extra)
        elif line and not line.startswith("#"):
            try:
                row = parse_requirement(line)
                for condition in (marker, f'extra == "{extra}"' if extra else ""):
                    if condition:
                        row = row._replace(marker=and_markers(row.marker, condition))
            except BlastError:
                continue
            found.append(row)
    return tuple(found), tuple(extras)


def find_distributions(search: Sequence[str]) -> list[InstalledDistribution]:
    """Return what is installed in directories of modules, by name; of one name what is found first.

    What has no metadata is no distribution; names that begin with ``~`` are what pip left of something that it removed.
    """
    found: dict[str, InstalledDistribution] = {}
    for directory in search:
        for row in sorted(_list_directory(directory)):
            found.setdefault(row.key, row)
    return [found[key] for key in sorted(found)]


def _list_directory(directory: str) -> Iterator[InstalledDistribution]:
    try:
        names = os.listdir(directory)
    except OSError:
        return
    for name in names:
        if name.startswith("~"):
            continue
        path = os.path.join(directory, name)
        row: InstalledDistribution | None = None
        if name.endswith(".dist-info"):
            row = _described(DIST_INFO, path, directory, path)
        elif name.endswith(".egg-info"):
            row = _described(EGG_INFO if os.path.isdir(path) else DISTUTILS, path, directory, path)
        elif name.endswith(".egg-link"):
            row = _linked(path, directory)
        elif name.endswith(".egg") and os.path.isdir(path):
            row = _described(EGG, os.path.join(path, "EGG-INFO"), directory, path)
        if row is not None:
            yield row


def _linked(path: str, directory: str) -> InstalledDistribution | None:
    """Return what an egg-link leads to: the first line is a directory with an ``.egg-info`` in it."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            place = file.readline().strip()
        names = [name for name in os.listdir(place) if name.endswith(".egg-info")]
    except OSError:
        return None
    return _described(EGG_LINK, os.path.join(place, min(names)), directory, path) if names else None


def _described(kind: str, info: str, directory: str, record: str) -> InstalledDistribution | None:
    """Read name and version; they stand at the head of the file (core metadata specification)."""
    plain = InstalledDistribution("", "", kind, info, directory, record)
    name = version = ""
    try:
        with open(plain.metadata_path, encoding="utf-8", errors="replace") as file:
            for line in file:
                key, _, value = line.partition(":")
                if key == "Name":
                    name = value.strip()
                elif key == "Version":
                    version = value.strip()
                if (name and version) or not line.strip():
                    break
    except OSError:
        return None
    return plain._replace(name=name, version=version) if name else None
