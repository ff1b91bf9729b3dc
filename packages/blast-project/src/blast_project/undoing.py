"""Going back and forth between generations, and with them the manifest and the lock of that moment."""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.errors import InstallError, UsageError
from blast_core.tuples import NamedTuple
from blast_project.changes import compare_installed
from blast_project.environment.generations import Generation, is_doubtful, read_snapshots
from blast_project.environment.manager import VenvManager
from blast_project.environment.state import State, read_state, write_state
from blast_project.moving import jump_path, kept_files, plan_restoration
from blast_project.project import environment_path, find_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_project.changes import VersionChange
    from blast_project.session import Session

__all__ = ["HistoryRow", "Move", "diff", "history", "redo", "rollback", "undo"]


class Move(NamedTuple):
    """A switch between generations: their numbers, the project's files restored, and what differs."""

    before: int
    generation: int
    restored: tuple[str, ...]
    changes: tuple[VersionChange, ...]


class HistoryRow(NamedTuple):
    """One generation, as ``blast history`` lists it; ``created`` is in seconds since 1970."""

    number: int
    current: bool
    created: float
    command: str
    python: str
    packages: int


def undo(session: Session, *, force: bool) -> Move:
    """Go to the generation that was current before the current one was made, or before a rollback went to it.

    Raises:
        UsageError: there is nothing to undo.
        InstallError: the manifest or the lock was edited since, and ``force`` is not set.
    """
    manager = _manager(session)
    current = _current(manager)
    parent = manager.find(_read_jump(manager, current.number) or current.parent)
    if parent is None:
        raise UsageError(
            "there is nothing to undo",
            reason="the generation before this one is not kept" if current.parent else "this is the first generation",
            hint="'blast history' lists what is kept",
        )
    return _move(session, manager, current, parent, force=force)


def redo(session: Session, *, force: bool) -> Move:
    """Go to the newest generation that was made from the current one.

    Raises:
        UsageError: there is nothing to redo.
        InstallError: as ``undo``.
    """
    manager = _manager(session)
    current = _current(manager)
    children = [row for row in manager.history() if row.parent == current.number and row.number > current.number]
    if not children:
        raise UsageError(
            "there is nothing to redo", reason="no generation was made from this one", hint="'blast history' lists them"
        )
    return _move(session, manager, current, children[-1], force=force)


def rollback(session: Session, number: int, *, force: bool) -> Move:
    """Go to generation ``number``.

    Raises:
        UsageError: it is not kept.
        InstallError: as ``undo``.
    """
    manager = _manager(session)
    current = _current(manager)
    target = manager.find(number)
    if target is None:
        kept = ", ".join(str(row.number) for row in manager.history())
        raise UsageError(f"there is no generation {number}", reason=f"kept are {kept}")
    move = _move(session, manager, current, target, force=force)
    jump = f"{target.number} {current.number}\n".encode()
    fs.replace_file(jump_path(manager.environment), jump, durable=False)
    return move


def _read_jump(manager: VenvManager, number: int) -> int:
    """Return where a rollback to ``number`` came from, which ``undo`` takes back; 0 if there was none."""
    words = (_read(jump_path(manager.environment)) or b"").split()
    return int(words[1]) if len(words) == 2 and words[0] == b"%d" % number and words[1].isdigit() else 0


def history(session: Session) -> list[HistoryRow]:
    """Return the generations that are kept, oldest first."""
    manager = _manager(session)
    current = _current(manager).number
    return [
        HistoryRow(row.number, row.number == current, row.created, row.command, row.python, len(row.installed))
        for row in manager.history()
    ]


def diff(session: Session, before: int | None, after: int | None) -> tuple[int, int, tuple[VersionChange, ...]]:
    """Return the numbers of two generations and what differs between them.

    Raises:
        UsageError: one of them is not kept.
    """
    manager = _manager(session)
    kept = {row.number: row for row in manager.history()}
    current = _current(manager)
    second = kept.get(after) if after is not None else current
    first = kept.get(before) if before is not None else kept.get((second or current).parent)
    if first is None and before is None and after is None:
        raise UsageError(
            "there is nothing to compare with",
            reason="this is the first generation that is kept",
            hint="'blast history' lists what is kept",
        )
    if first is None or second is None:
        raise UsageError("there is no such generation", reason=f"kept are {', '.join(map(str, kept))}")
    return first.number, second.number, compare_installed(first.installed, second.installed)


def _move(session: Session, manager: VenvManager, current: Generation, target: Generation, *, force: bool) -> Move:
    from blast_project.exclusive import exclusive, sweep_temporaries

    # A named environment is one view of several: the project's files are those of the others, too.
    root = find_root(session.settings.directory, session.settings.home) if not session.settings.is_named else None
    restored: tuple[str, ...] = ()
    with exclusive(session, *filter(None, (root, manager.environment))):
        if root is not None:
            sweep_temporaries(root)
        target = _whole(session, manager, target)
        snapshots = read_snapshots(manager.environment, target) if root is not None else {}
        if snapshots and root is not None:
            before = read_snapshots(manager.environment, current)
            found = {name: _read(os.path.join(root, name)) for name in kept_files(root, {**before, **snapshots})}
            plan = plan_restoration(found, before, snapshots)
            if plan.edited and not force:
                raise _refusal(plan.edited)
            fs.replace_files([(os.path.join(root, name), snapshots[name]) for name in plan.restored])
            for name in plan.removed:
                fs.unlink(os.path.join(root, name))
            restored = (*plan.restored, *plan.removed)
        manager.switch(target.number, session.reporter.note)
        if restored and root is not None:
            # After the switch, which flushes the environment: where one journal holds both, nothing is left to be done.
            fs.sync_directory(root)
        # Where hooks have run, the next command has to see whether they shall run for this generation.
        hooked = os.path.exists(os.path.join(manager.environment, ".blast", "hooks"))
        if root is not None and snapshots and target.options and not hooked:
            # Of one that was moved since, the store is told by the next command that looks closer.
            before_that = read_state(manager.environment)
            known = before_that.environment if before_that is not None else os.sep
            state = State(target.number, len(target.installed), target.site_packages, environment=known)
            write_state(root, manager.environment, target.options, state, None)
    changes = compare_installed(current.installed, target.installed)
    return Move(current.number, target.number, tuple(sorted(restored)), changes)


def _whole(session: Session, manager: VenvManager, target: Generation) -> Generation:
    """Return ``target``, or what is made in its place where a power loss spoiled it.

    Raises:
        InstallError: the store does not hold it any more.
    """
    if not is_doubtful(manager.environment, target.number):
        return target
    from blast_project.remaking import remake

    return remake(session, manager, target)


def _refusal(edited: list[str]) -> InstallError:
    return InstallError(
        f"{' and '.join(edited)} changed since this generation was made",
        reason="going to another generation would put another content in their place",
        hint="save what you need and use --force, or 'blast sync' to make a generation of the present state",
    )


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _manager(session: Session) -> VenvManager:
    directory = session.settings.directory
    return VenvManager(environment_path(find_root(directory, session.settings.home) or directory, session.settings))


def _current(manager: VenvManager) -> Generation:
    current = manager.current()
    if current is None:
        raise UsageError(
            f"{manager.environment} has no generations",
            reason="no environment of Blast's stands there",
            hint="'blast sync' makes one",
        )
    return current
