"""``blast diff``."""

from __future__ import annotations

from blast_cli.commands._environments import add_environment_option, context_in
from blast_cli.commands._shared import change_lines, changes_document
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_environment_option(parser)
    parser.add_argument("before", nargs="?", type=int, help="a generation; the one before the current by default")
    parser.add_argument("after", nargs="?", type=int, help="a generation; the current one by default")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Show what differs between two generations."""
    from blast_project.session import Session
    from blast_project.undoing import diff

    context = context_in(arguments, context)
    with Session(context.settings, context.reporter) as session:
        before, after, changes = diff(session, arguments.before, arguments.after)
    document = {"before": before, "after": after, "changes": changes_document(changes)}
    return Outcome(document, data="\n".join(change_lines(changes)) or f"generations {before} and {after} are equal")
