"""A file of pinned requirements as a lock: every line says exactly what is installed, so that nothing is resolved."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from blast_compat.locks.foreign import ForeignFile, ForeignPackage
from blast_core.errors import InvalidRequirement, UsageError
from blast_core.markers import evaluate_marker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_core.interpreter import Interpreter
    from blast_project.asking import Asked
    from blast_project.selection import GroupSelection
    from blast_project.session import Session

__all__ = ["pinned_packages"]


def pinned_packages(
    session: Session, path: str, interpreter: Interpreter, selection: GroupSelection
) -> Sequence[ForeignPackage]:
    """Return what a requirements file pins for an interpreter, by name.

    Args:
        session: services; relative paths in the file are relative to its directory.
        path: of the file.
        interpreter: whose markers decide.
        selection: of groups, of which there are none here.

    Raises:
        InvalidRequirement: a line pins nothing, or two pin one project to different versions; names the line.
        UsageError: the file names an index, or groups were asked for.
        IndexAccessError, IntegrityError, InstallError, ProjectError: an address can't be read.
    """
    from blast_project.requirement_files import read_file

    if selection.groups or selection.extras or selection.only_groups:
        raise UsageError(f"{path} has no groups and no extras", hint="leave those options out")
    settings = session.settings._replace(directory=os.path.dirname(path))
    lines = read_file(settings, os.path.basename(path))
    environment = interpreter.target.marker_environment
    asked = [row for row in lines.asked if evaluate_marker(row.requirement.marker, environment)]
    found: dict[str, ForeignPackage] = {}
    for package in _packages(session, path, interpreter, asked, lines.hashes, lines.origins):
        other = found.setdefault(package.name, package)
        if other != package:
            raise InvalidRequirement(
                f"{path} pins {package.name} twice",
                reason=f"to {other.version or other.source.location} and to {package.version}",
                hint="markers can tell which one counts where",
            )
    return [found[name] for name in sorted(found)]


def _packages(
    session: Session,
    path: str,
    interpreter: Interpreter,
    asked: Sequence[Asked],
    hashes: Mapping[str, frozenset[str]],
    origins: Mapping[str, str],
) -> Sequence[ForeignPackage]:
    rows = []
    for row in asked:
        requirement = row.requirement
        if requirement.url:
            continue
        where = origins.get(row.text, path)
        operator, _, version = requirement.specifier.rpartition("=")
        if operator not in ("=", "==") or "*" in version or "," in requirement.specifier:
            raise InvalidRequirement(
                f"{where}: '{row.text}' is not pinned",
                reason="a file of requirements is a lock where each line says '==' and a version",
                hint="'blast pip compile' makes such a file of it",
            )
        files = tuple(ForeignFile("", digest) for digest in sorted(hashes.get(requirement.name, ())))
        rows.append(ForeignPackage(requirement.name, version, where=where, files=files))
    return rows + _addressed(session, path, interpreter, [row for row in asked if row.requirement.url])


def _addressed(session: Session, path: str, interpreter: Interpreter, asked: Sequence[Asked]) -> list[ForeignPackage]:
    """Return what is named by an address or a path."""
    if not asked:
        return []
    from blast_project.asking import editables_of, name_requirements
    from blast_project.sources import SourceLoader

    root = os.path.dirname(path)
    loader = SourceLoader(session, root, interpreter, editables=editables_of(asked))
    found = []
    for requirement in name_requirements(loader, asked):
        candidate = loader.load(requirement)
        assert candidate.source is not None, "what has an address has a source"
        found.append(ForeignPackage(candidate.name, candidate.version, candidate.source, where=path))
    return found
