"""``blast tool run`` and ``bx``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from blast_cli.options import add_index_options, add_policy_options
from blast_core.errors import UsageError

if TYPE_CHECKING:
    from blast_cli.outcome import Context, Outcome

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--from", dest="from_", default="", metavar="REQ", help="the requirement that brings the command"
    )
    parser.add_argument("--with", dest="with_", action="append", default=[], metavar="REQ", help="also with REQ")
    add_index_options(parser)
    add_policy_options(parser)
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="CMD", help="the command, or name@version")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Become the tool."""
    from blast_project.running import replace_process
    from blast_project.session import Session
    from blast_project.tools import prepare_tool

    words = arguments.words[1:] if arguments.words[:1] == ["--"] else list(arguments.words)
    if not words:
        raise UsageError("nothing to run", hint="name a tool, such as 'bx ruff --version'")
    with Session(context.settings, context.reporter) as session:
        line, variables = prepare_tool(session, words, arguments.from_, arguments.with_)
    context.reporter.close()
    replace_process(line, variables)
