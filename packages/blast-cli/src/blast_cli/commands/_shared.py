"""What several commands show or ask in the same way."""

from __future__ import annotations

import os

from blast_cli.changed import change_lines, move_line
from blast_cli.outcome import Outcome
from blast_cli.output import took

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from blast_cli.outcome import Context
    from blast_project.changes import VersionChange
    from blast_project.lock_changes import LockChange
    from blast_project.lock_files import LockResult
    from blast_project.project import Project
    from blast_project.selection import GroupSelection
    from blast_project.session import Session
    from blast_project.syncing import SyncResult
    from blast_project.undoing import Move

__all__ = [
    "change_lines",
    "changes_document",
    "group_selection",
    "lock_change_lines",
    "lock_changes_document",
    "lock_line",
    "made_lines",
    "member_project",
    "move_outcome",
    "nearby",
    "plural",
    "sync_document",
    "sync_lines",
    "with_hooks",
]


def group_selection(arguments: argparse.Namespace) -> GroupSelection:
    """Return what the group options of a command say."""
    from blast_project.selection import GroupSelection

    return GroupSelection(
        groups=tuple(arguments.group),
        no_groups=tuple(arguments.no_group),
        all_groups=arguments.all_groups,
        no_dev=arguments.no_dev,
        only_groups=(*arguments.only_group, *(("dev",) if arguments.only_dev else ())),
        extras=tuple(arguments.extra),
        all_extras=arguments.all_extras,
        members=_members(arguments),
        no_defaults=arguments.no_default_groups,
        dev=getattr(arguments, "dev", False) is True,
        no_extras=tuple(arguments.no_extra),
        left_out=_left_out(arguments),
    )


def _left_out(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Return what is not installed though it is chosen, where the command has words for that."""
    if not hasattr(arguments, "no_install_package"):
        return ()
    from blast_core.names import normalize_name
    from blast_project.selection import LOCAL, PROJECT, WORKSPACE

    kinds = ("no_install_project", PROJECT), ("no_install_workspace", WORKSPACE), ("no_install_local", LOCAL)
    said = [word for name, word in kinds if getattr(arguments, name)]
    return (*said, *(normalize_name(name) for name in arguments.no_install_package))


def _members(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Return the packages of the workspace that are meant, where the command asks for some."""
    if getattr(arguments, "all_packages", False):
        return (":all:",)
    named = getattr(arguments, "members", ())
    if not named:
        return ()
    from blast_core.names import normalize_name

    return tuple(normalize_name(name) for name in named)


def member_project(project: Project, name: str) -> Project:
    """Return the project as if the command had been called in the package of a name.

    Raises:
        UsageError: there is none.
    """
    from blast_core.errors import UsageError
    from blast_core.names import normalize_name

    wanted = normalize_name(name)
    if project.workspace is None and wanted == project.name:
        return project
    for member, path in project.workspace.places if project.workspace is not None else ():
        if member == wanted:
            return project._replace(member="" if path == "." else path)
    known = ", ".join(member for member, _ in project.workspace.places) if project.workspace is not None else ""
    raise UsageError(
        f"there is no package '{name}' here",
        reason=f"the packages are {known}" if known else f"{project.root} is no workspace",
        hint="'--project DIR' names another place",
    )


def plural(count: int, noun: str) -> str:
    """Return such as ``1 package`` or ``3 packages``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def changes_document(changes: Sequence[VersionChange]) -> list[dict[str, str]]:
    """Return the changes as JSON."""
    return [{"name": name, "before": before, "after": after} for name, before, after in changes]


def lock_change_lines(changes: Sequence[LockChange]) -> tuple[str, ...]:
    """Return the same for two locks: what differs on some targets only says on which."""
    lines = change_lines([change[:3] for change in changes])
    return tuple(
        f"{line} (if {change.where})" if change.where else line for line, change in zip(lines, changes, strict=True)
    )


def lock_changes_document(changes: Sequence[LockChange]) -> list[dict[str, str]]:
    """Return the changes of a lock as JSON."""
    return [change._asdict() for change in changes]


def lock_line(result: LockResult, milliseconds: int, *, dry_run: bool = False) -> str:
    """Return the line that says what locking came to."""
    count = plural(len(result.pins()), "package")
    if not result.changed:
        return f"The lock is up to date ({count})"
    return f"{'Would lock' if dry_run else 'Locked'} {count} in {took(milliseconds)}"


def sync_document(result: SyncResult) -> dict[str, object]:
    """Return a sync as JSON."""
    return {
        "environment": result.environment,
        "generation": result.generation,
        "changed": result.changed,
        "created": result.created,
        "python": result.python,
        "packages": result.packages,
        "link_mode": result.link_mode,
        "changes": changes_document(result.changes),
    }


def sync_lines(result: SyncResult, milliseconds: int, *, dry_run: bool = False) -> tuple[str, ...]:
    """Return the lines that say what a sync did, or would do."""
    if not result.changed:
        return (f"The environment is up to date ({plural(result.packages, 'package')})",)
    count, place = plural(result.packages, "package"), nearby(result.environment)
    if dry_run:
        made = (f"Would make {place} with Python {result.python}",) if result.created else ()
        return (*made, f"Would sync {count}", *change_lines(result.changes))
    python = result.python if result.created else ""
    return made_lines(result.environment, python, result.generation, result.packages, milliseconds, result.changes)


def made_lines(
    environment: str,
    python: str,
    generation: int,
    packages: int,
    milliseconds: int,
    changes: Sequence[VersionChange | tuple[str, str, str]],
) -> tuple[str, ...]:
    """Return the lines that say that a generation was made; ``python`` is "" where an environment stood before."""
    made = (f"Made {nearby(environment)} with Python {python}",) if python else ()
    synced = f"Synced {plural(packages, 'package')} in {took(milliseconds)} (generation {generation})"
    return (*made, synced, *change_lines(changes))


def with_hooks(
    outcome: Outcome, session: Session, result: SyncResult, selection: GroupSelection, context: Context
) -> Outcome:
    """Run the hooks of the project that was synced, and return the outcome with what became of them."""
    from blast_project.hooks import run_hooks

    def begin() -> None:
        # What hooks print comes after what was done before them.
        context.reporter.close()
        if not context.output.json:
            context.output.show(outcome._replace(data=""))

    done = run_hooks(session, result.environment, selection, context.output.say, begin)
    if not done.steps:
        return outcome
    document = {**outcome.document, "hooks": list(done.steps)}
    lines = (done.line,) if done.status else ()
    return outcome._replace(document=document, lines=lines, code=1 if done.status else outcome.code)


def nearby(path: str) -> str:
    """Return a path as it is called from here, where it lies below."""
    here = os.path.join(os.getcwd(), "")
    return path.removeprefix(here)


def move_outcome(move: Move) -> Outcome:
    """Return what undo, redo and rollback show."""
    document = {
        "generation": move.generation,
        "before": move.before,
        "restored": list(move.restored),
        "changes": changes_document(move.changes),
    }
    head = move_line(move.before, move.generation, move.restored)
    return Outcome(document, (head, *change_lines(move.changes)))
