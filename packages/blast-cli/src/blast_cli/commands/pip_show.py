"""``blast pip show``."""

from __future__ import annotations

from blast_cli.commands._pip import add_look_options, add_without_effect, place_choice
from blast_cli.exit_codes import FAILED
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_project.pip.reports import Shown

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("names", nargs="+", metavar="NAME", help="distributions")
    parser.add_argument("-f", "--files", action="store_true", help="list their files, too")
    add_look_options(parser)
    add_without_effect(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Show what is known of installed distributions."""
    from blast_project.pip.inventory import find_distributions
    from blast_project.pip.reports import show_distributions
    from blast_project.pip_interface import open_site
    from blast_project.session import Session

    with Session(context.settings, context.reporter) as session:
        site = open_site(session, place_choice(arguments))
        shown, missing = show_distributions(find_distributions(site.search), arguments.names, site)
    texts = ["\n".join(one.lines(verbose=bool(arguments.verbose), files=arguments.files)) for one in shown]
    words = (f"Package(s) not found: {', '.join(missing)}",) if missing else ()
    document = {"packages": [_document(one) for one in shown], "missing": missing}
    return Outcome(document, words, "\n---\n".join(texts), 0 if shown else FAILED)


def _document(one: Shown) -> dict[str, object]:
    return {
        "name": one.row.name,
        "version": one.row.version,
        "summary": one.fields.get("summary", ""),
        "location": one.location,
        "installer": one.row.installer,
        "editable_project_location": one.row.editable_location,
        "requires": list(one.requires),
        "required_by": list(one.required_by),
        "files": list(one.files) if one.files is not None else None,
    }
