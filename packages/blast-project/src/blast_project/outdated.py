"""``blast outdated``: what is locked, what the manifest allows, what there is, and who stands between."""

from __future__ import annotations

from blast_core.tuples import NamedTuple
from blast_project.prospects import look_ahead

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_project.lock_graph import Node
    from blast_project.prospects import Prospect
    from blast_project.questions import Question
    from blast_project.session import Session

__all__ = ["Survey", "survey", "survey_document", "survey_lines"]

_HEAD = ("package", "current", "allowed", "latest", "held back by")


class Survey(NamedTuple):
    """What there is of newer versions.

    Attributes:
        outdated: packages of which there is a newer version, by name.
        current: how many have none.
        unknown: names that no answer of an index is known for.
        asked: when the index whose answer is the oldest gave it, in seconds since 1970; 0 if none did.
    """

    outdated: tuple[Prospect, ...]
    current: int
    unknown: tuple[str, ...]
    asked: int


def survey(session: Session, question: Question, *, transitive: bool, names: Sequence[str] = ()) -> Survey:
    """Look for newer versions of what the project asks for.

    Args:
        session: whose client is asked.
        question: the lock.
        transitive: of everything that is locked, not of what the project itself asks for alone.
        names: of these packages only, whoever asks for them.

    Raises:
        UsageError: one of the names isn't locked.
        IndexAccessError: an index can't be reached.
    """
    prospects = [
        prospect
        for prospect in look_ahead(session, question, _nodes(question, names, transitive=transitive))
        if question.graph.source(prospect.node).kind == "registry"
    ]
    outdated = tuple(prospect for prospect in prospects if prospect.is_outdated)
    unknown = tuple(sorted({prospect.node.name for prospect in prospects if not prospect.known}))
    fetched = [_fetched(session, prospect.node.name) for prospect in prospects if prospect.known]
    return Survey(outdated, len(prospects) - len(outdated) - len(unknown), unknown, min(fetched, default=0))


def _fetched(session: Session, name: str) -> int:
    record = session.client.stored_record(name)
    return record.fetched if record is not None else 0


def _nodes(question: Question, names: Sequence[str], *, transitive: bool) -> list[Node]:
    graph = question.graph
    if names:
        from blast_project.questions import find_locked

        return sorted({node for name in names for node in find_locked(graph, name)})
    roots = graph.roots()
    if transitive:
        return [node for node in graph.nodes() if node not in roots]
    return sorted({edge.target for root in roots for edge in graph.edges(root) if edge.target not in roots})


def survey_lines(question: Question, found: Survey) -> list[str]:
    """Return a table of what is outdated, without closing blanks."""
    if not found.outdated:
        return []
    rows = [_HEAD]
    for prospect in found.outdated:
        node = prospect.node
        where = question.graph.where(node.mask)
        name = f"{node.name} (if {where})" if where else node.name
        held = ", ".join(limit.words for limit in prospect.blockers)
        rows.append((name, node.version, prospect.allowed, prospect.latest, held or _lock_words(prospect)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _lock_words(prospect: Prospect) -> str:
    return f"the lock: 'blast lock --upgrade-package {prospect.node.name}'"


def survey_document(question: Question, found: Survey) -> dict[str, object]:
    """Return the same as JSON."""
    return {
        "outdated": [
            {
                "name": prospect.node.name,
                "current": prospect.node.version,
                "allowed": prospect.allowed,
                "upgradable": prospect.free,
                "latest": prospect.latest,
                "where": question.graph.where(prospect.node.mask),
                "direct": any(limit.is_project and limit.edge is not None for limit in prospect.limits),
                "blockers": [{"by": limit.by, "specifier": limit.specifier} for limit in prospect.blockers],
            }
            for prospect in found.outdated
        ],
        "current": found.current,
        "unknown": list(found.unknown),
        "asked": found.asked,
    }
