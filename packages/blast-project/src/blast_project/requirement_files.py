"""Requirement files as the pip interface takes them: names, paths, addresses and editables, with their hashes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from blast_core.errors import UsageError
from blast_core.requirements import parse_requirement
from blast_project.asking import parse_asked
from blast_project.origins import file_origins, place_in_file
from blast_project.settings import PolicyOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blast_compat.pyproject import Manifest
    from blast_compat.requirements import RequirementsFile
    from blast_core.requirements import Requirement
    from blast_project.asking import Asked
    from blast_project.settings import Settings

__all__ = ["RequirementLines", "read_file"]

_NO_ORIGINS: Mapping[str, str] = {}


class RequirementLines(NamedTuple):
    """What a file asks for.

    Attributes:
        lines: the requirements as written.
        requirements: the same, parsed; only those that say which project they are.
        constraints: from the constraint files that it names.
        hashes: by normalised name, the sha256 digests of which a file must have one; only for names that have any.
        asked: all of the requirements, editables and those without a name too; paths are absolute.
        origins: by text of a requirement or constraint, words for where it stands.
        wishes: what its lines ``--pre``, ``--no-binary`` and ``--only-binary`` say.
    """

    lines: tuple[str, ...]
    requirements: tuple[Requirement, ...]
    constraints: tuple[Requirement, ...]
    hashes: dict[str, frozenset[str]]
    asked: tuple[Asked, ...] = ()
    origins: Mapping[str, str] = _NO_ORIGINS
    wishes: PolicyOptions = PolicyOptions()


def read_file(settings: Settings, name: str) -> RequirementLines:
    """Read a requirements file, or the dependencies of a pyproject.toml.

    Args:
        settings: ``name`` is relative to their directory.
        name: the file.

    Raises:
        UsageError: there is no such file.
        InvalidRequirement, InvalidManifest: a line is wrong.
    """
    path = os.path.join(settings.directory, name)
    if not os.path.isfile(path):
        raise UsageError(f"{name}: there is no such file")
    if name.endswith(".toml"):
        from blast_compat.pyproject import read_manifest

        return _of_manifest(read_manifest(path), os.path.dirname(path), name)
    from blast_compat.requirements import read_requirements

    file = read_requirements(path, settings.environ)
    _check_indexes(settings, name, file)
    named = [parse_asked(line, settings.directory) for line in file.requirements]
    asked = [*named, *(parse_asked(line, settings.directory) for line in file.unnamed)]
    asked += [parse_asked(line, settings.directory, editable=True) for line in file.editables]
    return RequirementLines(
        (*file.requirements, *file.unnamed, *(f"-e {line}" for line in file.editables)),
        tuple(row.requirement for row in asked if row.is_named),
        tuple(parse_requirement(line) for line in file.constraints),
        {parse_requirement(line).name: _sha256(name, values) for line, values in file.hashes.items() if values},
        tuple(asked),
        {text: _place(place, path, name) for text, place in file.origins.items()},
        PolicyOptions(
            prerelease="allow" if file.pre else "",
            no_binary_package=file.no_binary,
            only_binary=file.only_binary,
        ),
    )


def _place(place: str, path: str, name: str) -> str:
    """Return words for ``FILE:LINE``, with the file's name as the user wrote it, or relative to that."""
    file, _, line = place.rpartition(":")
    shown = name if file == path else os.path.join(os.path.dirname(name), os.path.relpath(file, os.path.dirname(path)))
    return place_in_file(shown, int(line))


def _of_manifest(manifest: Manifest, directory: str, name: str) -> RequirementLines:
    """Return the dependencies of a manifest, its sources applied; their paths are relative to its directory."""
    from blast_project.asking import Asked
    from blast_project.requirement_sources import SourceBase, apply_sources

    base = SourceBase(directory)
    asked = [
        Asked(requirement, editable=False, text=line)
        for line in manifest.dependencies
        for requirement in apply_sources(parse_requirement(line), manifest.sources, base)
    ]
    with open(os.path.join(directory, os.path.basename(name)), encoding="utf-8") as file:
        origins = file_origins(name, file.read(), manifest.dependencies)
    named = tuple(row.requirement for row in asked)
    return RequirementLines(manifest.dependencies, named, (), {}, tuple(asked), origins)


def _check_indexes(settings: Settings, name: str, file: RequirementsFile) -> None:
    """Refuse a file that names indexes, unless the command line names another: a name is not the same everywhere."""
    named = [option for option, value in _index_options(file) if value]
    if named and not settings.index_url:
        raise UsageError(
            f"{name} has {named[0]}",
            reason="indexes of requirement files are not understood here yet",
            hint="'--index-url URL' says which index to ask instead",
        )


def _index_options(file: RequirementsFile) -> tuple[tuple[str, object], ...]:
    return (
        ("--index-url", file.index_url),
        ("--extra-index-url", file.extra_index_urls),
        ("--find-links", file.find_links),
        ("--no-index", file.no_index),
    )


def _sha256(name: str, values: tuple[str, ...]) -> frozenset[str]:
    digests = frozenset(value.partition(":")[2].lower() for value in values if value.startswith("sha256:"))
    if not digests or any(len(digest) != 64 or digest.strip("0123456789abcdef") for digest in digests):
        raise UsageError(
            f"{name}: a requirement's hashes hold no sha256, or one that is none",
            reason="the index promises sha256, and weaker kinds prove nothing",
            hint="write --hash=sha256: and 64 digits",
        )
    return digests
