"""The commands as whole operations on the project around a directory: lock it, sync it, run in it."""

from __future__ import annotations

import os

from blast_core.tuples import NamedTuple
from blast_project.environment.state import look
from blast_project.exclusive import exclusive
from blast_project.install_wishes import for_platform
from blast_project.lock_files import LockResult, publish_lock, read_lock
from blast_project.locking import lock_project
from blast_project.project import LOCK_NAME, Project, environment_path, find_root, load_project
from blast_project.project_files import contents_of, read_contents, remember_lock
from blast_project.selection import GroupSelection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from blast_compat.pyproject import Manifest
    from blast_core.interpreter import Interpreter
    from blast_project.session import Session
    from blast_project.syncing import PreparedSync, SyncResult

__all__ = [
    "SyncOptions",
    "known_interpreter",
    "lock_here",
    "project_interpreter",
    "sync_here",
]


class SyncOptions(NamedTuple):
    """The options of ``blast sync``.

    Attributes:
        selection: the groups and extras.
        frozen: use the lock as it is, without looking at the manifest.
        locked: fail if the lock does not answer to the manifest.
        inexact: keep distributions that the lock does not name.
        dry_run: change nothing.
        command: what history says.
        upgrade: take the newest versions.
        upgrade_names: of these projects alone.
    """

    selection: GroupSelection = GroupSelection()
    frozen: bool = False
    locked: bool = False
    inexact: bool = False
    dry_run: bool = False
    command: str = "sync"
    upgrade: bool = False
    upgrade_names: tuple[str, ...] = ()


def project_interpreter(session: Session, project: Project) -> Interpreter:
    """Return the interpreter of the project.

    It is the one asked for, that of ``.python-version``, that of the environment, or the first that fits, in this
    order.

    Raises:
        InterpreterNotFound: none satisfies requires-python.
    """
    return _find_interpreter(session, project.root, project.manifest.requires_python or "", project.manifest)


def _find_interpreter(session: Session, root: str, requires: str, manifest: Manifest | None = None) -> Interpreter:
    """Return the interpreter of the project at ``root``; one is downloaded only for a manifest, which may forbid it."""
    from blast_core.errors import InterpreterError
    from blast_project.environment.layout import environment_interpreter
    from blast_project.hot_key import request_of

    request = session.settings.python or request_of(root, "")
    if request and not session.settings.python:
        from blast_project.python.version_files import read_python_version_file

        request = read_python_version_file(root)
    if not request:
        standing = environment_interpreter(environment_path(root, session.settings))
        if standing:
            try:
                return session.find_interpreter(standing, requires)
            except InterpreterError:
                # The environment's interpreter went away or no longer satisfies the manifest: choose another.
                pass
    return session.find_interpreter(request, requires, manifest, download=manifest is not None)


def known_interpreter(session: Session, root: str) -> Interpreter | None:
    """Return the interpreter of the project at ``root`` without a look at its manifest; None where there is none.

    Whether it satisfies requires-python is part of what is known of these files: another interpreter, another key.
    """
    from blast_core.errors import InterpreterError

    try:
        return _find_interpreter(session, root, "")
    except InterpreterError:
        return None


def _tell_of_loss(session: Session, environment: str) -> None:
    """Say that the interpreter of an environment went away, which is made again with another."""
    from blast_project.environment.layout import python_path

    path = python_path(environment)
    if os.path.exists(path):
        return
    try:
        lost = os.readlink(path)
    except OSError:
        return
    session.reporter.note(f"the interpreter of {environment} is gone ({lost}); it is made again with another")


def lock_here(
    session: Session,
    project: Project,
    *,
    upgrade: bool = False,
    upgrade_names: Collection[str] = (),
    check: bool = False,
    publish: Callable[[str, LockResult], None] | None = publish_lock,
    hints: bool = True,
    targets: Sequence[str] = (),
) -> LockResult:
    """Lock the project and hand the result to ``publish``; see ``lock_project``.

    Raises:
        StaleLock, NoSolution: as ``lock_project``.
    """
    from blast_project.python.on_demand import interpreter_on_demand

    with exclusive(session, project.root):
        if not check:
            _begin_pages(session, project)
        interpreter = interpreter_on_demand(lambda: project_interpreter(session, project))
        result = lock_project(
            session,
            project,
            interpreter,
            upgrade=upgrade,
            upgrade_names=upgrade_names,
            check=check,
            hints=hints,
            targets=targets,
        )
        # A lock that was only read from its text is whole, but a check writes nothing.
        if publish is not None and not (check and result.changed):
            publish(project.root, result)
            if not (targets or session.settings.has_wishes or project.reads_other_files):
                remember_lock(session, project.root, contents_of(project.root, project.source, result))
        return result


def _begin_pages(session: Session, project: Project) -> None:
    """Let the pages come that will be needed in any case, while an unknown interpreter is asked what it is.

    Only where no lock stands: one that does may already be the answer.
    """
    if session.settings.offline or os.path.lexists(os.path.join(project.root, LOCK_NAME)):
        return
    wanted = [row.requirement for row in project.requirements()]
    session.use_project(project.manifest)
    session.client.prefetch(row.name for row in wanted if not row.url and not row.marker)


def sync_here(session: Session, options: SyncOptions) -> SyncResult:
    """Lock the project where needed, and make its environment what the lock says.

    Raises:
        StaleLock: ``locked`` or ``frozen`` is set and the lock will not do.
        NoSolution, IndexAccessError, IntegrityError, InstallError: nothing was changed.
    """
    root = find_root(session.settings.directory, session.settings.home)
    if root is not None:
        _tell_of_loss(session, environment_path(root, session.settings))
    upgrades = options.upgrade or bool(options.upgrade_names)
    if root is not None and not (options.frozen or upgrades or session.settings.has_wishes):
        with exclusive(session, root, environment_path(root, session.settings)):
            known = _prepare_known(session, root, options)
            if known is not None:
                return known.finish()
    project = load_project(session.settings.directory, session.settings.home)
    with exclusive(session, project.root, environment_path(project.root, session.settings)):
        interpreter = project_interpreter(session, project)
        if not options.dry_run:
            session.installing = (for_platform(interpreter, session.settings.wishes), options.selection)
        locked = _lock_for_sync(session, project, interpreter, options)
        from blast_project.syncing import SyncRequest, prepare_sync

        contents = contents_of(project.root, project.source, locked)
        # A lock that answers to this command's options answers to the manifest alone only by chance.
        record = not (options.frozen or session.settings.has_wishes)
        request = SyncRequest(
            options.selection, options.command, contents, options.inexact, options.dry_run, record=record
        )
        prepared = prepare_sync(session, project, locked, interpreter, request)
        if not (options.dry_run or options.locked or options.frozen):
            publish_lock(project.root, locked)
        return prepared.finish()


def _prepare_known(session: Session, root: str, options: SyncOptions) -> PreparedSync | None:
    """Prepare a sync of files that the store knows to be a manifest and its current lock; None for the long way."""
    seen = look(root)
    from blast_project.syncing import SyncRequest, prepare_known_sync

    contents = read_contents(root)
    if LOCK_NAME not in contents or b"python-preference" in contents["pyproject.toml"]:
        return None
    interpreter = known_interpreter(session, root)
    if interpreter is None:
        return None
    request = SyncRequest(options.selection, options.command, contents, options.inexact, options.dry_run, seen=seen)
    return prepare_known_sync(session, root, interpreter, request)


def _lock_for_sync(session: Session, project: Project, interpreter: Interpreter, options: SyncOptions) -> LockResult:
    if not options.frozen:
        return lock_project(
            session,
            project,
            interpreter,
            upgrade=options.upgrade,
            upgrade_names=options.upgrade_names,
            check=options.locked,
        )
    result = read_lock(session, project.root)
    if result is None:
        from blast_core.errors import StaleLock

        raise StaleLock(f"there is no {LOCK_NAME}", reason="--frozen forbids to make one", hint="'blast lock' makes it")
    return result
