"""``blast sync``."""

from __future__ import annotations

import time

from blast_cli.commands._scripts import add_script_option, context_of
from blast_cli.commands._shared import group_selection, sync_document, sync_lines
from blast_cli.options import (
    add_group_options,
    add_index_options,
    add_lock_options,
    add_member_options,
    add_policy_options,
)
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--dry-run", action="store_true", help="say what would change and change nothing")
    add_script_option(parser)
    add_lock_options(parser)
    add_group_options(parser)
    add_member_options(parser)
    add_index_options(parser)
    add_policy_options(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Sync."""
    from blast_project.operations import SyncOptions, sync_here
    from blast_project.session import Session

    began = time.monotonic()
    context, script = context_of(arguments, context)
    options = SyncOptions(
        selection=group_selection(arguments),
        frozen=arguments.frozen,
        locked=arguments.locked,
        inexact=arguments.inexact,
        dry_run=arguments.dry_run,
        command=context.command,
    )
    with Session(context.settings, context.reporter) as session:
        result = sync_here(session, options)
    if script is not None and not arguments.dry_run:
        script.settle()
    lines = sync_lines(result, round((time.monotonic() - began) * 1000))
    return Outcome({**sync_document(result), "dry_run": arguments.dry_run}, lines)
