"""``blast why``."""

from __future__ import annotations

from blast_cli.options import add_index_options
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]

# More than anyone reads, and few enough to be found at once.
_MOST, _ALL = 20, 100_000


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", help="a locked package")
    parser.add_argument(
        "--all", action="store_true", dest="all_ways", help=f"every way to it, not the {_MOST} shortest"
    )
    parser.add_argument("--target", action="append", default=[], metavar="NAME", help="for this target of the lock")
    parser.add_argument("--universal", action="store_true", help="for all targets of the lock")
    add_index_options(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Say why a package is locked, and what holds its version."""
    from blast_project.prospects import look_ahead
    from blast_project.questions import find_locked, open_question, requirement_lines
    from blast_project.session import Session
    from blast_project.why import take_ways, why_document, why_text

    # What an index said last is enough: nobody waits for a network to learn who asks for what.
    settings = context.settings if context.settings.refresh else context.settings._replace(offline=True)
    with Session(settings, context.reporter) as session:
        question = open_question(session, arguments.target, universal=arguments.universal)
        graph = question.graph
        nodes = find_locked(graph, arguments.name)
        prospects = look_ahead(session, question, nodes)
        ways = [take_ways(graph, node, _ALL if arguments.all_ways else _MOST) for node in nodes]
        line_of = requirement_lines(question.project)
        rows = list(zip(nodes, ways, prospects, strict=True))
        documents = [why_document(graph, *row) for row in rows]
        text = "\n".join(why_text(graph, *row, line_of) for row in rows)
    return Outcome({"packages": documents}, data=text)
