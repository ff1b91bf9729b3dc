"""Adding and removing requirements: edit the manifest in memory, lock, sync, and only then publish all of it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from blast_core import fs
from blast_core.errors import InvalidManifest, UsageError
from blast_core.names import normalize_name
from blast_core.requirements import parse_requirement
from blast_project.bounds import bounded
from blast_project.exclusive import exclusive
from blast_project.first_generation import first_generation
from blast_project.locking import LockResult, lock_project, publish_lock
from blast_project.operations import project_interpreter
from blast_project.project import MANIFEST_NAME, Project, environment_path, load_project
from blast_project.unsupported import parse_asked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_core.interpreter import Interpreter
    from blast_project.selection import GroupSelection
    from blast_project.session import Session
    from blast_project.syncing import SyncResult

__all__ = ["EditResult", "Place", "add_requirements", "remove_requirements"]


class Place(NamedTuple):
    """Where in the manifest a requirement goes; both empty for ``project.dependencies``."""

    group: str = ""
    extra: str = ""


class EditResult(NamedTuple):
    """What an edit came to.

    Attributes:
        manifest: the new text of pyproject.toml.
        requirements: lines added or removed.
        locked: None where nothing was locked.
        synced: None where the environment was left alone.
        locked_at: when the lock was ready, by the monotonic clock.
    """

    manifest: str
    requirements: tuple[str, ...]
    locked: LockResult | None
    synced: SyncResult | None
    locked_at: float = 0.0


class _Options(NamedTuple):
    lock: bool
    sync: bool
    command: str
    selection: GroupSelection


def add_requirements(  # noqa: PLR0913 - the options of `blast add`
    session: Session,
    project: Project,
    requirements: Sequence[str],
    place: Place,
    *,
    bounds: str = "lower",
    lock: bool = True,
    sync: bool = True,
    command: str = "add",
    selection: GroupSelection,
) -> EditResult:
    """Add requirements to the manifest, lock and sync; on failure nothing has changed.

    A requirement without a version gets one from what was resolved, as ``bounds`` says.

    Args:
        session: services.
        project: the project.
        requirements: lines of PEP 508.
        place: which list they go to.
        bounds: ``lower`` (``>=1.2``), ``major`` (``>=1.2,<2``), ``minor`` (``>=1.2,<1.3``), ``exact`` (``==1.2``)
            or ``none``.
        lock: resolve; without it the lines are written as they are.
        sync: make the environment what the lock says.
        command: what history says of it.
        selection: what is installed.

    Raises:
        InvalidRequirement: a line is not PEP 508.
        UsageError: a line names the project itself.
        NoSolution: the requirements can't be met together.
    """
    for line in requirements:
        if parse_asked(line).name == project.name:
            raise UsageError(
                f"'{parse_requirement(line).name}' is this project",
                reason="a project can't require itself",
                hint="choose another name",
            )
    with exclusive(session, project.root, environment_path(project.root, session.settings)):
        options = _Options(lock, sync, command, selection)
        return _add(session, load_project(project.root), requirements, place, bounds, options)


def remove_requirements(
    session: Session,
    project: Project,
    names: Sequence[str],
    place: Place,
    *,
    lock: bool = True,
    sync: bool = True,
    command: str = "remove",
    selection: GroupSelection,
) -> EditResult:
    """Remove requirements from the manifest, lock and sync; on failure nothing has changed.

    Raises:
        UsageError: a name is not in that list.
    """
    wanted = [normalize_name(parse_requirement(name).name) for name in names]
    with exclusive(session, project.root, environment_path(project.root, session.settings)):
        return _remove(session, load_project(project.root), wanted, place, _Options(lock, sync, command, selection))


def _add(
    session: Session, project: Project, requirements: Sequence[str], place: Place, bounds: str, options: _Options
) -> EditResult:
    from blast_compat import pyproject

    text = _read_text(project)
    edited = pyproject.add_requirements(text, requirements, group=place.group or None, extra=place.extra or None)
    if not options.lock:
        _publish_manifest(project, edited, text)
        return EditResult(edited, tuple(requirements), None, None)
    interpreter = project_interpreter(session, project)
    locked = lock_project(session, _with_text(project, edited), interpreter)
    versions = locked.pins()
    final = [bounded(line, versions.get(parse_requirement(line).name, ""), bounds) for line in requirements]
    if list(requirements) != final:
        edited = pyproject.add_requirements(edited, final, group=place.group or None, extra=place.extra or None)
        locked = _relock(session, _with_text(project, edited), interpreter, locked)
    locked_at = time.monotonic()
    synced = _publish(session, project, edited, text, locked, interpreter, options)
    return EditResult(edited, tuple(final), locked, synced, locked_at)


def _remove(session: Session, project: Project, wanted: list[str], place: Place, options: _Options) -> EditResult:
    from blast_compat import pyproject

    text = _read_text(project)
    edited, removed = pyproject.remove_requirements(text, wanted, group=place.group or None, extra=place.extra or None)
    missing = [name for name in wanted if name not in {parse_requirement(line).name for line in removed}]
    if missing:
        raise UsageError(
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not in {_described(place)}",
            reason=f"{MANIFEST_NAME} was not changed",
            hint="--dev, --group or --optional name another list; 'blast lock show' lists what is locked",
        )
    if not options.lock:
        _publish_manifest(project, edited, text)
        return EditResult(edited, tuple(removed), None, None)
    interpreter = project_interpreter(session, project)
    locked = lock_project(session, _with_text(project, edited), interpreter)
    locked_at = time.monotonic()
    synced = _publish(session, project, edited, text, locked, interpreter, options)
    return EditResult(edited, tuple(removed), locked, synced, locked_at)


def _publish(
    session: Session,
    project: Project,
    edited: str,
    text: str,
    locked: LockResult,
    interpreter: Interpreter,
    options: _Options,
) -> SyncResult | None:
    """Fetch and compose first, because they can fail; then publish the files, then switch the environment."""
    from blast_project.syncing import SyncRequest, contents_of, prepare_sync

    after = _with_text(project, edited)
    if not options.sync:
        _publish_files(project, edited, text, locked)
        return None
    request = SyncRequest(options.selection, options.command, contents_of(after.source, locked))
    with first_generation(session, project, interpreter):
        prepared = prepare_sync(session, after, locked, interpreter, request)
        _publish_files(project, edited, text, locked)
    return prepared.finish()


def _publish_files(project: Project, edited: str, text: str, locked: LockResult) -> None:
    _check_unedited(project, text)
    publish_lock(project.root, locked)
    _publish_manifest(project, edited, text)


def _relock(session: Session, project: Project, interpreter: Interpreter, locked: LockResult) -> LockResult:
    """Lock again after bounds were written; the pins just found are preferred, so that the answer stays the same."""
    pins = locked.pins()
    return lock_project(session, project, interpreter, pins=pins)


def _with_text(project: Project, text: str) -> Project:
    from blast_compat.pyproject import parse_manifest

    return project._replace(manifest=parse_manifest(text, project.manifest.path), source=text.encode())


def _publish_manifest(project: Project, edited: str, before: str) -> None:
    if edited != before:
        _check_unedited(project, before)
        fs.replace_file(os.path.join(project.root, MANIFEST_NAME), edited.encode())


def _check_unedited(project: Project, before: str) -> None:
    with open(project.manifest.path, "rb") as file:
        now = file.read()
    if now != before.encode():
        raise InvalidManifest(
            f"{project.manifest.path} was changed while the command ran",
            reason="another program or person wrote it",
            hint="look at the file and run the command again",
        )


def _read_text(project: Project) -> str:
    return project.source.decode("utf-8")


def _described(place: Place) -> str:
    if place.group:
        return f"the dependency group '{place.group}'"
    return f"the extra '{place.extra}'" if place.extra else "project.dependencies"
