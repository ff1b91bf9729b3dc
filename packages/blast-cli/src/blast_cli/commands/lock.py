"""``blast lock``."""

from __future__ import annotations

import time

from blast_cli.commands._shared import lock_change_lines, lock_changes_document, lock_line
from blast_cli.commands._upgrades import add_upgrade_options, upgrade_names, upgrade_settings
from blast_cli.options import add_index_options, add_policy_options, add_script_option
from blast_cli.options_install import add_build_wishes
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from blast_core.errors import StaleLock
    from blast_core.formats.dpl.reader import DplLockFile
    from blast_project.lock_changes import LockChange
    from blast_project.lock_files import LockResult
    from blast_project.project import Project
    from blast_project.project_tools import LockedTool
    from blast_project.session import Session

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--check", action="store_true", help="fail if the lock does not answer to the manifest, and say what differs"
    )
    parser.add_argument("--check-exists", action="store_true", help="fail if there is no lock, and look no further")
    parser.add_argument("--dry-run", action="store_true", help="say what would change and write nothing")
    add_upgrade_options(parser)
    parser.add_argument(
        "--target", action="append", default=[], metavar="NAME", help="lock for this target, not for the manifest's"
    )
    parser.add_argument(
        "--install-git-driver", action="store_true", help="let git show and merge locks in this repository"
    )
    parser.add_argument("--tools", action="store_true", help="lock the tools of [tool.blast.tools], too")
    parser.add_argument("--no-hints", action="store_true", help="resolve even if the same question was answered before")
    add_script_option(parser)
    add_index_options(parser)
    add_policy_options(parser)
    add_build_wishes(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Lock."""
    from blast_core.errors import StaleLock
    from blast_project.project import load_project
    from blast_project.session import Session

    script = None
    if arguments.script:
        from blast_cli.commands._scripts import context_of

        context, script = context_of(arguments, context)
    if script is not None and arguments.check and not script.is_locked:
        raise StaleLock(f"{script.lock} is missing", hint=f"'blast lock --script {arguments.script}' makes it")
    project = load_project(context.settings.directory, context.settings.home)
    if arguments.install_git_driver:
        from blast_compat.locks.git_driver import install_git_driver

        install_git_driver(project.root)
        return Outcome({"installed": True}, ("git now shows differences of blast.lock as text and merges locks",))
    before = _standing_lock(project.root)
    if arguments.check_exists:
        return _existing(before, project)
    began = time.monotonic()
    with Session(upgrade_settings(arguments, context.settings), context.reporter) as session:
        try:
            result = _lock(arguments, session, project, check=arguments.check, publish=not arguments.dry_run)
        except StaleLock as error:
            raise _explained(error, arguments, session, project, before) from error
        tools = _lock_tools(arguments, session, project) if arguments.tools and not arguments.dry_run else []
    if script is not None and not (arguments.check or arguments.dry_run):
        script.settle(publish=True)
    changes = _changes(before, result)
    document: dict[str, object] = {
        "changed": result.changed,
        "dry_run": arguments.dry_run,
        "packages": len(result.pins()),
        "visited": result.visited,
        "changes": lock_changes_document(changes),
    }
    milliseconds = round((time.monotonic() - began) * 1000)
    lines = [lock_line(result, milliseconds, dry_run=arguments.dry_run), *lock_change_lines(changes)]
    if result.changed and not changes and before is not None:
        lines.append("No version changes: only files, groups or settings do")
    if tools:
        document["tools"] = [{"name": row.name, "changed": row.result.changed} for row in tools]
        lines += [f"{row.name}: {lock_line(row.result, 0).partition(' in ')[0]}" for row in tools]
    if arguments.verbose:
        lines.append(f"Looked at the requirements of {result.visited} versions")
    return Outcome(document, tuple(lines))


def _lock(
    arguments: argparse.Namespace, session: Session, project: Project, *, check: bool, publish: bool
) -> LockResult:
    from blast_project.lock_files import publish_lock
    from blast_project.operations import lock_here

    return lock_here(
        session,
        project,
        upgrade=arguments.upgrade,
        upgrade_names=upgrade_names(arguments, project),
        check=check,
        publish=publish_lock if publish else None,
        hints=not arguments.no_hints,
        targets=arguments.target,
    )


def _lock_tools(arguments: argparse.Namespace, session: Session, project: Project) -> list[LockedTool]:
    """Lock the tools of the project, each by itself."""
    from blast_project.project_tools import lock_project_tools

    return lock_project_tools(session, project, upgrade=arguments.upgrade, check=arguments.check)


def _standing_lock(root: str) -> DplLockFile | None:
    """Return the lock on disk, in memory because it is about to be replaced; None without a sound one."""
    import os

    from blast_core.errors import FormatError
    from blast_core.formats.dpl.reader import DplLockFile
    from blast_project.project import LOCK_NAME

    try:
        with open(os.path.join(root, LOCK_NAME), "rb") as file:
            return DplLockFile.from_bytes(file.read())
    except (FileNotFoundError, FormatError):
        return None


def _existing(before: DplLockFile | None, project: Project) -> Outcome:
    from blast_core.errors import StaleLock

    if before is None:
        raise StaleLock(f"{project.root} has no lock that can be read", hint="'blast lock' makes it")
    return Outcome({"exists": True, "packages": len(before)}, ("There is a lock",))


def _changes(before: DplLockFile | None, result: LockResult) -> Sequence[LockChange]:
    from blast_project.lock_changes import LockChange, compare_locks

    if not result.changed:
        return ()
    if before is None:
        return tuple(LockChange(*change, "") for change in result.changes)
    return compare_locks(before, result.reader())


def _explained(
    error: StaleLock, arguments: argparse.Namespace, session: Session, project: Project, before: DplLockFile | None
) -> StaleLock:
    """Return the same error with what differs: requirements, and versions as far as they can be found out."""
    from blast_core.errors import BlastError, StaleLock
    from blast_project.lock_changes import compare_requirements

    if before is None:
        return error
    added, gone = compare_requirements(project, before)
    try:
        changes = _changes(before, _lock(arguments, session, project, check=False, publish=False))
    except BlastError:
        # Offline, or nothing fits: that it is stale is the news.
        changes = ()
    asked = [*(f"+ {line}" for line in added), *(f"- {line}" for line in gone)]
    parts = [
        "\n  ".join(["the manifest asks for something else now:", *asked]) if asked else error.reason,
        "\n ".join(["locking it would change versions:", *lock_change_lines(changes)]) if changes else "",
    ]
    return StaleLock(
        error.message,
        reason="\n".join(part for part in parts if part),
        hint=error.hint,
        added=list(added),
        removed=list(gone),
        changes=lock_changes_document(changes),
    )
