"""Which builds of interpreters there are, and where: the library's catalogue, or a mirror's list.

The catalogue is that of ``pbs-installer``, a package that is released whenever there are new builds; no address of a
download site stands in Blast. A mirror is a directory or an address that holds archives under their own names, and a
file ``SHA256SUMS`` as ``sha256sum`` writes it. One without that file is laid out as the original: ``<release>/<name>``,
and the catalogue's digests count.
"""

from __future__ import annotations

import os

from blast_core.errors import IndexAccessError, OfflineError
from blast_core.limits import INDEX_PAGE
from blast_core.tuples import NamedTuple
from blast_project.python.builds import Build, parse_file_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from blast_pm.index.fetch import Fetcher
    from blast_project.session import Session

__all__ = ["SUMS", "Catalogue", "known_builds", "open_catalogue", "parse_sums"]

SUMS = "SHA256SUMS"
_ABSENT = (404, 403)
_HEX = frozenset("0123456789abcdef")
_DIGITS = 64


class Catalogue(NamedTuple):
    """Builds and what fetches them.

    Attributes:
        builds: all that is known, in no order.
        mirror: where they come from; "" for the catalogue's own addresses.
    """

    builds: tuple[Build, ...]
    mirror: str


def open_catalogue(session: Session, tool: Mapping[str, Any], mirror: str = "") -> Catalogue:
    """Return the builds that can be had.

    Args:
        session: settings.
        tool: the project's ``[tool.blast]``.
        mirror: goes before the settings.

    Raises:
        IndexAccessError: the mirror can't be read.
    """
    from blast_project.python.policy import read_mirror

    place = mirror or read_mirror(session.settings, tool)
    if not place:
        return Catalogue(known_builds(), "")
    directory = _directory_of(place, session.settings.directory)
    if directory:
        return Catalogue(tuple(_in_directory(directory)), directory)
    from blast_pm.index.credentials import split_credentials
    from blast_project.python.network import open_fetcher

    base = split_credentials(place)[0].rstrip("/")
    with open_fetcher(session, place) as fetcher:
        text = _fetch_sums(fetcher, base)
    if text is None:
        return Catalogue(tuple(_laid_out_below(base)), place)
    return Catalogue(tuple(_listed(text, lambda name: f"{base}/{_quote(name)}")), place)


def known_builds() -> tuple[Build, ...]:
    """Return the builds of the library's catalogue, with their addresses.

    Cost: 45 ms to import, 10 ms to read; never on the way of a command that has an interpreter.
    """
    import warnings
    from urllib.parse import unquote

    with warnings.catch_warnings():
        # It opens its table in a way that is deprecated in some versions of Python.
        warnings.simplefilter("ignore", DeprecationWarning)
        from pbs_installer._versions import PYTHON_VERSIONS

    found = []
    for version, files in PYTHON_VERSIONS.items():
        number = f"{version.major}.{version.minor}.{version.micro}"
        for (system, machine, _), (url, sha256) in files.items():
            name = unquote(url.rpartition("/")[2])
            if version.implementation == "cpython":
                build = parse_file_name(name, url, sha256 or "")
                # Old releases have names without the release's date.
                found.append(build or _plain("cpython", number, system, machine, name, url, sha256 or ""))
            else:
                found.append(_plain(version.implementation, number, system, machine, name, url, sha256 or ""))
    return tuple(build for build in found if build.sha256)


def _plain(implementation: str, number: str, system: str, machine: str, name: str, url: str, sha256: str) -> Build:
    library = "gnu" if system == "linux" else "none"
    return Build(implementation, number, "", system, machine, library, name, url, sha256)


def parse_sums(text: str) -> Iterator[tuple[str, str]]:
    """Yield name and digest of each line of a file as ``sha256sum`` writes it; other lines are passed over."""
    for line in text.splitlines():
        digest, _, name = line.strip().partition(" ")
        name = name.strip().removeprefix("*").removeprefix("./")
        if len(digest) == _DIGITS and _HEX.issuperset(digest.lower()) and name and "/" not in name and "\\" not in name:
            yield name, digest.lower()


def _listed(text: str, locate: Callable[[str], str]) -> Iterator[Build]:
    others: dict[str, Build] | None = None
    for name, digest in parse_sums(text):
        build = parse_file_name(name, locate(name), digest)
        if build is None and name.startswith(("pypy", "graalpy")):
            others = {one.filename: one for one in known_builds()} if others is None else others
            known = others.get(name)
            build = known._replace(url=locate(name), sha256=digest) if known is not None else None
        if build is not None:
            yield build


def _in_directory(directory: str) -> Iterator[Build]:
    path = os.path.join(directory, SUMS)
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError as error:
        raise IndexAccessError(
            f"the mirror {directory} can't be used",
            reason=f"its {SUMS}: {error.strerror or error}",
            hint=f"'sha256sum *.tar.* > {SUMS}' there lists its archives",
        ) from error
    yield from _listed(text, lambda name: os.path.join(directory, name))


def _laid_out_below(base: str) -> Iterator[Build]:
    for build in known_builds():
        below = f"{build.release}/{_quote(build.filename)}" if build.release else _quote(build.filename)
        yield build._replace(url=f"{base}/{below}")


def _fetch_sums(fetcher: Fetcher, base: str) -> str | None:
    answer = fetcher.get(f"{base}/{SUMS}", {}, limit=INDEX_PAGE, read=(200,), accept=_ABSENT)
    return answer.body.decode("utf-8", "replace") if answer.status not in _ABSENT else None


def _directory_of(place: str, here: str) -> str:
    """Return the directory that a mirror is; "" for one on the network."""
    if place.startswith("file:"):
        from blast_pm.index.file_urls import path_of_url

        return path_of_url(place)
    if "://" in place:
        return ""
    directory = os.path.join(here, os.path.expanduser(place))
    if not os.path.isdir(directory):
        raise OfflineError(
            f"the mirror {place} is no directory", hint="BLAST_PYTHON_MIRROR names a directory or an address"
        )
    return directory


def _quote(name: str) -> str:
    from urllib.parse import quote

    return quote(name)
