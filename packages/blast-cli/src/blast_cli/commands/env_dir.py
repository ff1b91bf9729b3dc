"""``blast env dir``."""

from __future__ import annotations

from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", help="an environment; the name of a matrix stands for all of it")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Print where named environments are, for whoever activates them or tells an editor."""
    from blast_project.named_environments import find_named

    rows = find_named(context.settings, arguments.name)
    return Outcome({"directories": [row.path for row in rows]}, data="".join(f"{row.path}\n" for row in rows))
