"""``blast env remove``."""

from __future__ import annotations

import os

from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("names", nargs="+", metavar="NAME", help="environments; that of a matrix stands for all")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Remove named environments; what a manifest declares can be made again."""
    from blast_core.errors import InstallError
    from blast_project.named_environments import check_place, find_named
    from blast_project.retiring import remove_environment
    from blast_project.session import Session

    wanted = [row for name in arguments.names for row in find_named(context.settings, name)]
    removed = []
    with Session(context.settings, context.reporter) as session:
        for row in wanted:
            if not os.path.isdir(row.path):
                continue
            check_place(row)
            if not remove_environment(session, row.path):
                raise InstallError(f"{row.name} is in use", reason="a program runs in it", hint="end it, and try again")
            removed.append(row.name)
    lines = tuple(f"Removed {name}" for name in removed) or ("Nothing was there",)
    return Outcome({"removed": removed}, lines)
