"""``blast history``."""

from __future__ import annotations

import time

from blast_cli.commands._environments import add_environment_option, context_in
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_environment_option(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """List the generations, newest last."""
    from blast_project.session import Session
    from blast_project.undoing import history

    context = context_in(arguments, context)
    with Session(context.settings, context.reporter) as session:
        rows = history(session)
    document = {"generations": [row._asdict() for row in rows]}
    lines = [
        f"{'*' if row.current else ' '} {row.number:>4}  {_when(row.created)}  {row.packages:>4}  {row.command}"
        for row in rows
    ]
    return Outcome(document, data="\n".join(["    GEN  WHEN                 DISTS  COMMAND", *lines]))


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
