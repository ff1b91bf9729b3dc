"""``blast run``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from blast_cli.commands._shared import group_selection
from blast_cli.options import add_group_options, add_index_options, add_lock_options, add_policy_options
from blast_core.errors import UsageError

if TYPE_CHECKING:
    from blast_cli.outcome import Context, Outcome

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--no-sync", action="store_true", help="use the environment as it is")
    parser.add_argument("--no-project", action="store_true", help="ignore a project that may be here")
    parser.add_argument(
        "--with", action="append", default=[], dest="with_", metavar="REQ", help="also with REQ, for this run"
    )
    add_lock_options(parser)
    add_group_options(parser)
    add_index_options(parser)
    add_policy_options(parser)
    parser.add_argument("-m", dest="module", action="store_true", help="run a module")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="CMD", help="a command, a script or a module")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Sync where needed, then become the command."""
    from blast_project.running import replace_process
    from blast_project.session import Session
    from blast_project.starting import RunOptions, prepare_run

    words = arguments.words[1:] if arguments.words[:1] == ["--"] else list(arguments.words)
    if not words:
        raise UsageError("nothing to run", hint="name a command, such as 'blast run python'")
    options = RunOptions(
        words=tuple(["-m", *words] if arguments.module else words),
        selection=group_selection(arguments),
        frozen=arguments.frozen,
        locked=arguments.locked,
        sync=not arguments.no_sync,
        inexact=arguments.inexact,
        requirements=tuple(arguments.with_),
        project=not arguments.no_project,
    )
    with Session(context.settings, context.reporter) as session:
        start = prepare_run(session, options)
    context.reporter.close()
    replace_process(start.line, start.variables)
