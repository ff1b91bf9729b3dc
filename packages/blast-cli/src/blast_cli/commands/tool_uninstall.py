"""``blast tool uninstall``."""

from __future__ import annotations

from blast_cli.outcome import Context, Outcome
from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="the tools")
    parser.add_argument("--all", action="store_true", help="every tool")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Remove tools with their programs."""
    from blast_cli.commands._tools import failures_of, tool_document, tool_lines
    from blast_project.session import Session
    from blast_project.tool_install import uninstall_tools

    if bool(arguments.names) == arguments.all:
        raise UsageError("which tools?", hint="name them, or give '--all'")
    with Session(context.settings, context.reporter) as session:
        changes, failed = uninstall_tools(session, arguments.names, everything=arguments.all)
    lines = [line for change in changes for line in tool_lines(change)]
    document: dict[str, object] = {"tools": [tool_document(change) for change in changes]}
    more, code = failures_of(failed, document)
    return Outcome(document, (*lines, *more) or ("No tool is installed",), code=code)
