"""``blast lock``."""

from __future__ import annotations

import time

from blast_cli.commands._shared import change_lines, changes_document, lock_line
from blast_cli.options import add_index_options, add_policy_options
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--check", action="store_true", help="fail if the lock does not answer to the manifest")
    parser.add_argument("--dry-run", action="store_true", help="say what would change and write nothing")
    parser.add_argument("-U", "--upgrade", action="store_true", help="take the newest versions")
    parser.add_argument(
        "-P", "--upgrade-package", action="append", default=[], metavar="NAME", help="the newest of NAME"
    )
    parser.add_argument(
        "--install-git-driver", action="store_true", help="let git show and merge locks in this repository"
    )
    add_index_options(parser)
    add_policy_options(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Lock."""
    from blast_project.locking import publish_lock
    from blast_project.operations import lock_here
    from blast_project.project import load_project
    from blast_project.session import Session

    project = load_project(context.settings.directory)
    if arguments.install_git_driver:
        from blast_compat.locks.git_driver import install_git_driver

        install_git_driver(project.root)
        return Outcome({"installed": True}, ("git now shows differences of blast.lock as text and merges locks",))
    began = time.monotonic()
    with Session(context.settings, context.reporter) as session:
        result = lock_here(
            session,
            project,
            upgrade=arguments.upgrade,
            upgrade_names=arguments.upgrade_package,
            check=arguments.check,
            publish=None if arguments.dry_run else publish_lock,
        )
    document = {
        "changed": result.changed,
        "packages": len(result.pins()),
        "visited": result.visited,
        "changes": changes_document(result.changes),
    }
    milliseconds = round((time.monotonic() - began) * 1000)
    return Outcome(document, (lock_line(result, milliseconds), *change_lines(result.changes)))
