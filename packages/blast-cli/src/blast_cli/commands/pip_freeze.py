"""``blast pip freeze``."""

from __future__ import annotations

from blast_cli.commands._pip import add_look_options, add_without_effect, place_choice
from blast_cli.outcome import Context, Outcome
from blast_core.names import normalize_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--exclude-editable", action="store_true", help="no editable projects")
    parser.add_argument("--exclude", action="append", default=[], metavar="NAME", help="not NAME")
    parser.add_argument("--all", action="store_true", help="also pip, and what else comes with an environment")
    parser.add_argument("-l", "--local", action="store_true", help="nothing of the system's own")
    add_look_options(parser)
    add_without_effect(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Print what an environment holds as requirements."""
    from blast_project.pip.inventory import find_distributions
    from blast_project.pip.reports import freeze_line, seed_names
    from blast_project.pip_interface import open_site
    from blast_project.session import Session

    with Session(context.settings, context.reporter) as session:
        site = open_site(session, place_choice(arguments))
        rows = find_distributions(site.own if arguments.local else site.search)
        left_out = {normalize_name(name) for name in arguments.exclude}
        if not arguments.all:
            left_out |= seed_names(site.interpreter.version)
        rows = [row for row in rows if row.key not in left_out]
        if arguments.exclude_editable:
            rows = [row for row in rows if not row.editable_location]
        rows.sort(key=lambda row: row.name.lower())
        lines = [(row, freeze_line(row, context.settings.environ)) for row in rows]
    document = [{"name": row.name, "version": row.version, "requirement": line} for row, line in lines]
    return Outcome({"packages": document}, data="\n".join(line for _, line in lines))
