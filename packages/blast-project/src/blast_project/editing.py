"""Adding and removing requirements: edit the manifest in memory, lock, sync, and only then publish all of it."""

from __future__ import annotations

import os
import time

from blast_core import fs
from blast_core.errors import InvalidManifest, UsageError
from blast_core.names import normalize_name
from blast_core.requirements import parse_requirement
from blast_core.tuples import NamedTuple
from blast_project.asking import name_requirements, open_loader, parse_asked, parse_name
from blast_project.bounds import bounded, merged
from blast_project.exclusive import exclusive, sweep_temporaries
from blast_project.lock_files import LockResult, publish_lock
from blast_project.locking import finish_draft, lock_project
from blast_project.project import (
    MANIFEST_NAME,
    Project,
    edited_manifest,
    environment_path,
    keep_read,
    load_project,
    manifest_text,
    with_manifest,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from blast_compat.pyproject import Manifest
    from blast_core.interpreter import Interpreter
    from blast_project.added_indexes import AddedIndex
    from blast_project.added_sources import Added, GitReference
    from blast_project.asking import Asked
    from blast_project.selection import GroupSelection
    from blast_project.session import Session
    from blast_project.syncing import SyncResult

__all__ = ["EditResult", "Place", "add_requirements", "edit_manifest", "remove_requirements"]


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


class _Edit(NamedTuple):
    """An edit that is not published yet: the manifest's text before and after, and the project as it will be."""

    before: str
    text: str
    after: Project


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
    bounds: str = "",
    lock: bool = True,
    sync: bool = True,
    command: str = "add",
    selection: GroupSelection,
    editable: bool = False,
    reference: GitReference | None = None,
    indexes: Sequence[AddedIndex] = (),
) -> EditResult:
    """Add requirements to the manifest, lock and sync; on failure nothing has changed.

    A requirement without a version gets one from what was resolved, as ``bounds`` says; what has an address gets an
    entry in the sources. One that stands there already keeps its extras, and its specifier and marker where the new one
    has none. In a member of a workspace the member's manifest is edited.

    Args:
        session: services.
        project: the project.
        requirements: lines of PEP 508, paths and addresses.
        place: which list they go to.
        bounds: ``lower`` (``>=1.2``), ``major`` (``>=1.2,<2``), ``minor`` (``>=1.2,<1.3``), ``exact`` (``==1.2``)
            or ``none``; "" is ``lower``, for what has no specifier in the manifest yet.
        lock: resolve; without it the lines are written as they are.
        sync: make the environment what the lock says.
        command: what history says of it.
        selection: what is installed.
        editable: directories are added as editable.
        reference: which commit of repositories is meant, where their address doesn't say it.
        indexes: go into the manifest, too.

    Raises:
        InvalidRequirement: a line is neither PEP 508 nor an address.
        UsageError: a line names the project itself.
        NoSolution: the requirements can't be met together.
    """
    asked = [parse_asked(line, session.settings.directory, editable=editable) for line in requirements]
    for row in asked:
        _check_other(project, row.requirement.name)
    with exclusive(session, project.root, environment_path(project.root, session.settings)):
        options = _Options(lock, sync, command, selection)
        project = load_project(os.path.normpath(os.path.join(project.root, project.member)), session.settings.home)
        before = manifest_text(project)
        if any(index.url for index in indexes):
            from blast_project.added_indexes import with_added_indexes

            project = with_manifest(project, with_added_indexes(before, indexes))
        rows = _named(session, project, asked, reference)
        return _add(session, project, rows, place, bounds, options, indexes, before)


def _check_other(project: Project, name: str) -> None:
    if name and name == normalize_name(edited_manifest(project).name):
        raise UsageError(
            f"'{name}' is this project",
            reason="a project can't require itself",
            hint="choose another name",
        )


def _named(
    session: Session, project: Project, asked: Sequence[Asked], reference: GitReference | None
) -> tuple[Added, ...]:
    """Return what to write into the manifest; an address that doesn't say which project it holds is read."""
    from blast_project.added_sources import GitReference, added

    session.use_project(project.manifest)
    unnamed = [row for row in asked if not row.is_named]
    loader = open_loader(session, _interpreter(session, project), unnamed) if unnamed else None
    found = []
    for row, requirement in zip(asked, name_requirements(loader, asked), strict=True):
        _check_other(project, requirement.name)
        found.append(added(project, row, requirement, reference or GitReference()))
    return tuple(found)


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
    wanted = [parse_name(name).name for name in names]
    with exclusive(session, project.root, environment_path(project.root, session.settings)):
        project = load_project(os.path.normpath(os.path.join(project.root, project.member)), session.settings.home)
        return _remove(session, project, wanted, place, _Options(lock, sync, command, selection))


def edit_manifest(
    session: Session,
    project: Project,
    change: Callable[[str], str],
    *,
    lock: bool = True,
    sync: bool = True,
    command: str,
    selection: GroupSelection,
) -> EditResult:
    """Change the manifest's text by ``change``, lock and sync; on failure nothing has changed.

    Raises:
        NoSolution: the requirements can't be met together.
        Other: what ``change`` raises.
    """
    with exclusive(session, project.root, environment_path(project.root, session.settings)):
        project = load_project(os.path.normpath(os.path.join(project.root, project.member)), session.settings.home)
        text = manifest_text(project)
        edited = change(text)
        if not lock:
            _publish_manifest(project, edited, text)
            return EditResult(edited, (), None, None)
        interpreter = _interpreter(session, project, at_once=sync)
        edit = _Edit(text, edited, with_manifest(project, edited))
        if sync:
            session.installing = (interpreter, selection)
        locked = lock_project(session, edit.after, interpreter)
        locked_at = time.monotonic()
        options = _Options(lock, sync, command, selection)
        synced = _publish(session, project, edit, locked, interpreter, options)
    return EditResult(edited, (), locked, synced, locked_at)


def _add(
    session: Session,
    project: Project,
    rows: Sequence[Added],
    place: Place,
    bounds: str,
    options: _Options,
    indexes: Sequence[AddedIndex],
    text: str,
) -> EditResult:
    """Add what was read; ``text`` is the manifest on the disk, without the indexes that the project has by now."""
    rows = _as_standing(project, rows, place, keep_specifier=not bounds)
    bounds = bounds or "lower"
    lines = [row.line for row in rows]
    edited, plain = _with_lines(project, manifest_text(project), lines, place)
    for row in rows:
        if row.source is not None:
            from blast_compat.manifest_edit import set_source

            edited, plain = set_source(edited, row.name, row.source), None
    if any(index.is_pinned for index in indexes):
        from blast_project.added_indexes import with_added_indexes

        edited, plain = with_added_indexes(edited, indexes, [row.name for row in rows if row.source is None]), None
    if not options.lock:
        _publish_manifest(project, edited, text)
        return EditResult(edited, tuple(lines), None, None)
    interpreter = _interpreter(session, project, at_once=options.sync)
    after = plain or with_manifest(project, edited)
    if options.sync:
        session.installing = (interpreter, options.selection)
    # What will get a bound is locked once it has it; a draft knows nothing of members of a workspace.
    open_rows = (
        project.workspace is None
        and bounds != "none"
        and any(row.source is None and bounded(row.line, "0", bounds) != row.line for row in rows)
    )
    locked = lock_project(session, after, interpreter, draft=open_rows)
    versions = locked.pins()
    # What comes from an address has the version that is there: a bound would only have to be raised by hand.
    final = [
        row.line if row.source is not None else bounded(row.line, versions.get(row.name, ""), bounds) for row in rows
    ]
    if lines != final:
        before = after
        edited, plain = _with_lines(after, edited, final, place)
        after = plain or with_manifest(project, edited)
        narrowed = {parse_requirement(line).name for line in final}
        finished = finish_draft(session, after, locked, narrowed) if locked.draft is not None else None
        locked = finished or _relock(session, after, interpreter, _finished(session, before, locked))
    else:
        locked = _finished(session, after, locked)
    locked_at = time.monotonic()
    synced = _publish(session, project, _Edit(text, edited, after), locked, interpreter, options)
    return EditResult(edited, tuple(final), locked, synced, locked_at)


def _interpreter(session: Session, project: Project, *, at_once: bool = True) -> Interpreter:
    """Return the project's interpreter; most locks need none, so that it may be looked for where it is used."""

    def find() -> Interpreter:
        from blast_project.operations import project_interpreter

        return project_interpreter(session, project)

    if at_once:
        return find()
    from blast_project.python.on_demand import interpreter_on_demand

    return interpreter_on_demand(find)


def _as_standing(project: Project, rows: Sequence[Added], place: Place, *, keep_specifier: bool) -> list[Added]:
    """Return what is written of requirements, of which some may stand in the list already."""
    manifest = edited_manifest(project)
    if place.group:
        # With what other groups bring in, these are not lines of the group alone.
        standing = () if manifest.included_groups else manifest.groups.get(normalize_name(place.group), ())
    else:
        extras = manifest.optional_dependencies
        standing = extras.get(normalize_name(place.extra), ()) if place.extra else manifest.dependencies
    return [
        row._replace(line=merged(row.line, standing, keep_specifier=keep_specifier and row.source is None))
        for row in rows
    ]


def _finished(session: Session, project: Project, locked: LockResult) -> LockResult:
    return finish_draft(session, project, locked) or locked


def _with_lines(project: Project, text: str, lines: Sequence[str], place: Place) -> tuple[str, Project | None]:
    """Return the manifest's text with requirements added, and the project as it will be; None where that is to be read.

    Args:
        project: as ``text`` says.
        text: of the manifest that is edited.
        lines: the requirements.
        place: which list they go to.
    """
    group, extra = place.group or None, place.extra or None
    if project.workspace is None:
        from blast_compat.manifest_plain import add_plainly

        plain = add_plainly(text, project.manifest, lines, group=group, extra=extra)
        if plain is not None:
            return plain[0], project._replace(manifest=plain[1], source=plain[0].encode())
    from blast_compat.manifest_edit import add_requirements as add_lines

    return add_lines(text, lines, group=group, extra=extra), None


def _remove(session: Session, project: Project, wanted: list[str], place: Place, options: _Options) -> EditResult:
    text = manifest_text(project)
    edited, removed, after = _without_lines(project, text, wanted, place)
    missing = [name for name in wanted if name not in {parse_requirement(line).name for line in removed}]
    if missing:
        from blast_project.elsewhere import hint_elsewhere

        raise UsageError(
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not in {_described(place)}",
            reason=f"{MANIFEST_NAME} was not changed",
            hint=hint_elsewhere(project.manifest, missing),
        )
    if after is None or after.manifest.sources:
        edited, after = _without_sources(project, edited, wanted), None
    if not options.lock:
        _publish_manifest(project, edited, text)
        return EditResult(edited, removed, None, None)
    interpreter = _interpreter(session, project, at_once=options.sync)
    after = after or with_manifest(project, edited)
    if options.sync:
        session.installing = (interpreter, options.selection)
    locked = lock_project(session, after, interpreter)
    locked_at = time.monotonic()
    synced = _publish(session, project, _Edit(text, edited, after), locked, interpreter, options)
    return EditResult(edited, removed, locked, synced, locked_at)


def _without_lines(
    project: Project, text: str, names: Sequence[str], place: Place
) -> tuple[str, tuple[str, ...], Project | None]:
    """Return the manifest's text without requirements, those removed, and the project, as ``_with_lines`` does."""
    group, extra = place.group or None, place.extra or None
    if project.workspace is None:
        from blast_compat.manifest_plain import remove_plainly

        plain = remove_plainly(text, project.manifest, names, group=group, extra=extra)
        if plain is not None:
            return plain[0], plain[2], project._replace(manifest=plain[1], source=plain[0].encode())
    from blast_compat.manifest_edit import remove_requirements as remove_lines

    return *remove_lines(text, names, group=group, extra=extra), None


def _publish(
    session: Session,
    project: Project,
    edit: _Edit,
    locked: LockResult,
    interpreter: Interpreter,
    options: _Options,
) -> SyncResult | None:
    """Fetch and compose first, because they can fail; then publish the files, then switch the environment.

    Where the project or its members are built, the files come first: a build backend reads them from the disk. They are
    taken back when something fails.
    """
    after = edit.after
    if not options.sync:
        _publish_files(session, project, edit, locked)
        return None
    from blast_project.first_generation import first_generation
    from blast_project.project_files import contents_of
    from blast_project.syncing import SyncRequest, prepare_sync

    request = SyncRequest(options.selection, options.command, contents_of(after.root, after.source, locked))
    if after.is_package or after.workspace is not None:
        from blast_project.taking_back import taken_back_on_failure

        path = edited_manifest(project).path
        with first_generation(session, project, interpreter), taken_back_on_failure(project.root, path):
            _publish_files(session, project, edit, locked)
            prepared = prepare_sync(session, after, locked, interpreter, request)
        return prepared.finish()
    with first_generation(session, project, interpreter):
        prepared = prepare_sync(session, after, locked, interpreter, request)
        _publish_files(session, project, edit, locked)
    return prepared.finish()


def _publish_files(session: Session, project: Project, edit: _Edit, locked: LockResult) -> None:
    _check_unedited(project, edit.before)
    is_edited = edit.text != edit.before
    publish_lock(project.root, locked, [(edited_manifest(project).path, edit.text.encode())] if is_edited else ())
    keep_read(edit.after, session.settings.home)


def _relock(session: Session, project: Project, interpreter: Interpreter, locked: LockResult) -> LockResult:
    """Lock again after bounds were written; the versions just found are preferred: the answer stays the same."""
    again = lock_project(session, project, interpreter, like=locked)
    return again._replace(visited=locked.visited + again.visited)


def _without_sources(project: Project, edited: str, names: Sequence[str]) -> str:
    """Take the sources of names away that no list of the manifest requires any more."""
    from blast_compat.pyproject import parse_manifest, set_source

    manifest = parse_manifest(edited, edited_manifest(project).path)
    required = {parse_requirement(line).name for line in _all_lines(manifest)}
    for name in names:
        if name in manifest.sources and name not in required:
            edited = set_source(edited, name, None)
    return edited


def _all_lines(manifest: Manifest) -> list[str]:
    lists = (manifest.dependencies, *manifest.optional_dependencies.values(), *manifest.groups.values())
    return [line for lines in lists for line in lines]


def _publish_manifest(project: Project, edited: str, before: str) -> None:
    if edited != before:
        _check_unedited(project, before)
        path = edited_manifest(project).path
        sweep_temporaries(os.path.dirname(path))
        fs.replace_file(path, edited.encode())


def _check_unedited(project: Project, before: str) -> None:
    path = edited_manifest(project).path
    with open(path, "rb") as file:
        now = file.read()
    if now != before.encode():
        raise InvalidManifest(
            f"{path} was changed while the command ran",
            reason="another program or person wrote it",
            hint="look at the file and run the command again",
        )


def _described(place: Place) -> str:
    if place.group:
        return f"the dependency group '{place.group}'"
    return f"the extra '{place.extra}'" if place.extra else "project.dependencies"
