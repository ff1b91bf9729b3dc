"""``blast pip tree``."""

from __future__ import annotations

from blast_cli.commands._pip import add_look_options, place_choice
from blast_cli.exit_codes import FAILED
from blast_cli.outcome import Context, Outcome
from blast_core.names import normalize_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("-d", "--depth", type=int, default=255, metavar="N", help="rows down to this depth only")
    parser.add_argument("--prune", action="append", default=[], metavar="NAME", help="leave NAME and its needs out")
    parser.add_argument("--package", action="append", default=[], metavar="NAME", help="begin with NAME")
    parser.add_argument("--no-dedupe", action="store_true", help="show what is needed each time, not once only")
    parser.add_argument("--invert", "--reverse", action="store_true", help="show who needs it instead")
    parser.add_argument("--show-version-specifiers", action="store_true", help="show which versions are asked for")
    add_look_options(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Show what is installed as a tree."""
    from blast_project.pip.inventory import find_distributions
    from blast_project.pip.tree import TreeWishes, grow_installed
    from blast_project.pip_interface import open_site
    from blast_project.session import Session

    wishes = TreeWishes(
        arguments.depth,
        frozenset(normalize_name(name) for name in arguments.prune),
        tuple(arguments.package),
        not arguments.no_dedupe,
        arguments.invert,
        arguments.show_version_specifiers,
    )
    with Session(context.settings, context.reporter) as session:
        site = open_site(session, place_choice(arguments))
        rows = find_distributions(site.search)
        tree = grow_installed(rows, site, wishes)
    document = {
        "packages": [{"name": row.key, "version": row.version} for row in rows],
        "needs": [{"name": name, "needs": needed, "specifier": specifier} for name, needed, specifier in tree.edges],
        "missing": list(tree.missing),
    }
    words = (f"Package(s) not found: {', '.join(tree.missing)}",) if tree.missing else ()
    return Outcome(document, words, "\n".join(tree.lines), FAILED if tree.missing and not tree.lines else 0)
