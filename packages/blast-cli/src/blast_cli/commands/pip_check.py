"""``blast pip check``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blast_cli.commands._pip import add_look_options, add_without_effect, place_choice
from blast_cli.exit_codes import FAILED
from blast_cli.outcome import Context, Outcome

if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_look_options(parser)
    add_without_effect(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Say whether what is installed fits together."""
    from blast_project.pip.inventory import find_distributions
    from blast_project.pip.reports import find_problems
    from blast_project.pip_interface import open_site
    from blast_project.session import Session

    with Session(context.settings, context.reporter) as session:
        site = open_site(session, place_choice(arguments))
        rows = find_distributions(site.search)
        problems = find_problems(rows, site)
    document = {
        "checked": len(rows),
        "problems": [
            {"kind": row.kind, "name": row.name, "version": row.version, "message": row.words} for row in problems
        ],
    }
    text = "\n".join(row.words for row in problems) or "No broken requirements found."
    return Outcome(document, data=text, code=FAILED if problems else 0)
