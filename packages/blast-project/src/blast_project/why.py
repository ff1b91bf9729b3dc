"""``blast why``: every way from the project to a package, and what holds its version."""

from __future__ import annotations

from heapq import heappop, heappush

from blast_core.tuples import NamedTuple
from blast_project.tree import edge_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from blast_project.lock_graph import Edge, LockedGraph, Node
    from blast_project.prospects import Limit, Prospect

__all__ = ["Ways", "find_ways", "take_ways", "why_document", "why_text"]


class Ways(NamedTuple):
    """Ways from the project to a package, shortest first; ``is_whole`` tells whether these are all."""

    found: tuple[tuple[Edge, ...], ...]
    is_whole: bool


def take_ways(graph: LockedGraph, node: Node, most: int) -> Ways:
    """Return ``most`` of the ways to a package, or all if there are no more."""
    ways: list[tuple[Edge, ...]] = []
    for way in find_ways(graph, node):
        if len(ways) == most:
            return Ways(tuple(ways), is_whole=False)
        ways.append(way)
    return Ways(tuple(ways), is_whole=True)


def find_ways(graph: LockedGraph, node: Node) -> Iterator[tuple[Edge, ...]]:
    """Yield the ways from the project to a package that meet no package twice, the shortest first.

    Cost: for each way that is taken from it about its length times the askers along it; there may be more of them than
    anyone can wait for.
    """
    roots = set(graph.roots())
    distance = _distances(graph, roots)
    # Grown from the package upwards, those first that can be the shortest when they are whole, and of these the one
    # that is nearest to it: otherwise all that are equally short would be grown before one is whole.
    number = 0
    waiting: list[tuple[int, int, int, tuple[Edge, ...], frozenset[Node]]] = [(0, 0, 0, (), frozenset((node,)))]
    while waiting:
        _, _, _, way, met = heappop(waiting)
        top = way[0].source if way else node
        if way and top in roots:
            yield way
            continue
        for edge in graph.incoming(top):
            if edge.source in met or edge.source not in distance or not _leads_on(graph, edge, way):
                continue
            number += 1
            length = len(way) + 1 + distance[edge.source]
            heappush(waiting, (length, distance[edge.source], number, (edge, *way), met | {edge.source}))


def _leads_on(graph: LockedGraph, edge: Edge, way: tuple[Edge, ...]) -> bool:
    """Tell whether an edge leads to a way: on some target, and with the extra that its first step needs."""
    mask = edge.mask
    for lower in way:
        mask &= lower.mask
    if not mask:
        return False
    extra = way[0].extra if way else ""
    return not extra or extra in graph.closure(way[0].source, edge.extras)


def _distances(graph: LockedGraph, roots: set[Node]) -> dict[Node, int]:
    """Return how many steps each package is from the project at least."""
    found = dict.fromkeys(roots, 0)
    frontier = list(roots)
    while frontier:
        further = []
        for node in frontier:
            for edge in graph.edges(node):
                if edge.target not in found:
                    found[edge.target] = found[node] + 1
                    further.append(edge.target)
        frontier = further
    return found


# Words


def why_text(graph: LockedGraph, node: Node, ways: Ways, prospect: Prospect, line_of: Callable[[Edge], int]) -> str:
    """Return in words why a package is locked in its version.

    Args:
        graph: the lock.
        node: the package.
        ways: to it.
        prospect: what is newer.
        line_of: tells on which line of pyproject.toml a requirement of the project stands, 0 if nobody knows.
    """
    where = graph.where(node.mask)
    head = f"{node.title} (if {where})" if where else node.title
    if not ways.found:
        return f"{head}: this is the project itself\n"
    lines = [head]
    for way in ways.found:
        steps = [way[0].source.title, *(f"{_title(edge)}{edge_words(edge)}" for edge in way)]
        lines.append("  " + " -> ".join(steps))
    if not ways.is_whole:
        lines.append("  … and by more ways: '--all' shows them")
    return "\n".join([*lines, *_version_words(prospect, line_of)]) + "\n"


def _title(edge: Edge) -> str:
    extras = f"[{','.join(edge.extras)}]" if edge.extras else ""
    return f"{edge.target.name}{extras} {edge.target.version}".rstrip()


def _version_words(prospect: Prospect, line_of: Callable[[Edge], int]) -> list[str]:
    name = prospect.node.name
    if not prospect.known:
        ends = [limit for limit in prospect.limits if _has_end(limit.specifier)]
        held = f"{name} is held by {_listed(ends, line_of)}" if ends else f"nobody holds {name} down"
        return [held, "which versions there are is not known: 'blast outdated --all' asks the index"]
    if not prospect.is_outdated:
        return [f"{prospect.node.version} is the newest version that settings let in"]
    lines = []
    if prospect.free != prospect.node.version:
        lines.append(f"all who ask allow {prospect.free}: 'blast lock --upgrade-package {name}' takes it if it can")
    if prospect.blockers:
        lines.append(f"{prospect.latest} is held back by {_listed(prospect.blockers, line_of)}")
        lines += _remedies(prospect)
    return lines


def _listed(limits: list[Limit] | tuple[Limit, ...], line_of: Callable[[Edge], int]) -> str:
    words = []
    for limit in limits:
        line = line_of(limit.edge) if limit.is_project and limit.edge is not None else 0
        words.append(f"{limit.words}{f' at pyproject.toml:{line}' if line else ''}")
    return ", ".join(words)


def _remedies(prospect: Prospect) -> list[str]:
    latest, name = prospect.latest, prospect.node.name
    lines = []
    for limit in prospect.blockers:
        if limit.by == "Python":
            lines.append(f"to allow {latest}: a Python that satisfies {limit.specifier}")
        elif limit.is_project:
            lines.append(f"to allow {latest}: relax '{name}{limit.specifier}' in pyproject.toml")
        elif limit.edge is not None:
            lines.append(
                f"to allow {latest}: another version of {limit.edge.source.name} that does not ask for "
                f"{name}{limit.specifier}"
            )
    return lines


def _has_end(specifier: str) -> bool:
    """Tell whether a specifier rules out what is new."""
    return any(not clause.lstrip().startswith((">", "!")) for clause in specifier.split(",") if clause.strip())


def why_document(graph: LockedGraph, node: Node, ways: Ways, prospect: Prospect) -> dict[str, object]:
    """Return the same as JSON."""
    return {
        "name": node.name,
        "version": node.version,
        "where": graph.where(node.mask),
        "ways": [[_step(way[0].source), *(_step(edge.target, edge) for edge in way)] for way in ways.found],
        "complete": ways.is_whole,
        "known": prospect.known,
        "latest": prospect.latest,
        "allowed": prospect.free,
        "askers": [
            {"by": limit.by, "specifier": limit.specifier, "binding": limit in prospect.blockers}
            for limit in prospect.limits
        ],
    }


def _step(node: Node, edge: Edge | None = None) -> dict[str, object]:
    step: dict[str, object] = {"name": node.name, "version": node.version}
    if edge is not None:
        step |= {
            "specifier": edge.specifier,
            "extras": list(edge.extras),
            "marker": edge.marker,
            "extra": edge.extra,
            "group": edge.group,
        }
    return step
