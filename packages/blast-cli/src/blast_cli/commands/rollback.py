"""``blast rollback``."""

from __future__ import annotations

from blast_cli.commands._environments import add_environment_option, context_in
from blast_cli.commands._shared import move_outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_cli.outcome import Context, Outcome

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_environment_option(parser)
    parser.add_argument("number", type=int, metavar="N", help="a generation, as 'blast history' numbers them")
    parser.add_argument("--force", action="store_true", help="also when pyproject.toml or the lock was edited since")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Go to a kept generation."""
    from blast_project.session import Session
    from blast_project.undoing import rollback

    context = context_in(arguments, context)
    with Session(context.settings, context.reporter) as session:
        return move_outcome(rollback(session, arguments.number, force=arguments.force))
