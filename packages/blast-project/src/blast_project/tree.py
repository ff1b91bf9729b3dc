"""``blast tree``: what a project needs as rows of a tree, downwards or, inverted, upwards."""

from __future__ import annotations

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from blast_project.lock_graph import Edge, LockedGraph, Node
    from blast_project.selection import GroupSelection

__all__ = [
    "TreeOptions",
    "TreeRow",
    "choose_groups",
    "edge_words",
    "grow",
    "leaves",
    "text_of",
    "tree_document",
]

_MANY = 1_000_000
# So begins the lock's name of what a member of the workspace asks for.
_MEMBER = "package:"


class TreeOptions(NamedTuple):
    """What of the graph is shown.

    Attributes:
        depth: rows deeper than it are left out; the roots have depth 0.
        prune: names that are left out, with all that only they need.
        dedupe: show what a package needs once only.
        invert: show who needs a package, rather than what it needs.
    """

    depth: int = _MANY
    prune: frozenset[str] = frozenset()
    dedupe: bool = True
    invert: bool = False


class TreeRow(NamedTuple):
    """One line of a tree.

    Attributes:
        node: the package.
        edge: why it stands here, None for a root.
        last: for each level down to this one, whether the row there is the last of its siblings.
        repeated: what is below it is shown elsewhere, or it is below itself.
        cut: what is below it is deeper than wanted.
    """

    node: Node
    edge: Edge | None
    last: tuple[bool, ...]
    repeated: bool
    cut: bool = False

    @property
    def depth(self) -> int:
        """0 for a root."""
        return len(self.last)


def grow(
    graph: LockedGraph, roots: Sequence[Node], options: TreeOptions, keep: Callable[[Edge], bool] | None = None
) -> Iterator[TreeRow]:
    """Yield the rows of a tree from the top to the bottom.

    Args:
        graph: the lock.
        roots: where it begins; all of their extras count.
        options: what is shown.
        keep: which edges count, such as those of chosen groups; all if None.

    Cost: with ``dedupe`` at most a row per edge and root; without it as many as there are ways through the graph.
    """
    seen: set[tuple[Node, frozenset[str]]] = set()
    # Each: the edge, the package, the extras asked of it, whether it is the last of its siblings at each level, and
    # the packages on the way to it.
    stack: list[tuple[Edge | None, Node, frozenset[str], tuple[bool, ...], frozenset[Node]]] = [
        (None, root, frozenset(), (), frozenset()) for root in reversed(roots)
    ]
    while stack:
        edge, node, extras, last, above = stack.pop()
        state = (node, extras)
        below = _below(graph, edge, node, options, keep)
        repeated = bool(below) and (node in above or (options.dedupe and state in seen))
        cut = bool(below) and not repeated and len(last) >= options.depth
        yield TreeRow(node, edge, last, repeated, cut)
        if repeated or cut:
            continue
        seen.add(state)
        path = above | {node}
        for number in range(len(below) - 1, -1, -1):
            child = below[number]
            far = child.source if options.invert else child.target
            asked = frozenset((child.extra,) if options.invert else child.extras) - {""}
            stack.append((child, far, asked, (*last, number == len(below) - 1), path))


def _below(
    graph: LockedGraph, edge: Edge | None, node: Node, options: TreeOptions, keep: Callable[[Edge], bool] | None
) -> list[Edge]:
    if options.invert:
        edges = [row for row in graph.incoming(node) if edge is None or _brings(graph, row, edge)]
    elif edge is None:
        edges = [row for row in graph.edges(node) if row.target != node]
    else:
        edges = list(graph.active(node, edge.extras))
    far = (row.source.name if options.invert else row.target.name for row in edges)
    return [
        row for row, name in zip(edges, far, strict=True) if name not in options.prune and (keep is None or keep(row))
    ]


def _brings(graph: LockedGraph, upper: Edge, lower: Edge) -> bool:
    """Tell whether who asks for ``lower.source`` as ``upper`` does gets what ``lower`` is about, on some target."""
    if not upper.mask & lower.mask:
        return False
    return not lower.extra or lower.extra in graph.closure(lower.source, upper.extras)


def choose_groups(
    graph: LockedGraph,
    selection: GroupSelection,
    members: Sequence[str] = ("",),
    defaults: Mapping[str, tuple[str, ...]] | None = None,
) -> Callable[[Edge], bool]:
    """Return which edges belong to the groups and extras that were chosen; edges of other packages all do.

    Extras are chosen only where one is named: without a word all are shown.

    Args:
        graph: of the lock.
        selection: the user's words.
        members: of a workspace that are meant; "" for the project at its root.
        defaults: by member the groups that count unasked, see `blast_project.selection.default_groups`.

    Raises:
        UsageError: a group or an extra is named that the project doesn't have.
    """
    from blast_project.selection import select_groups

    known = graph.lock.groups
    if not selection.extras and not selection.only_groups:
        selection = selection._replace(all_extras=True)
    mask = select_groups(known, selection, members, defaults or {})
    chosen = {group for bit, group in enumerate(known) if mask >> bit & 1}
    own = {root.name for root in graph.roots()}

    def keep(edge: Edge) -> bool:
        if edge.source.name not in own:
            return True
        group = _group_of(edge)
        return group in chosen or group not in known

    return keep


def _group_of(edge: Edge) -> str:
    """Return the lock's name of the group of the project that an edge belongs to."""
    if edge.extra.startswith(_MEMBER):
        return edge.extra
    return f"group:{edge.group}" if edge.group else f"extra:{edge.extra}" if edge.extra else "default"


# Words


def text_of(rows: Iterable[TreeRow], newest: Mapping[Node, str] | None = None, *, invert: bool = False) -> str:
    """Return rows as text, such as ``│   └── lib 3.0 (>=3)``.

    Args:
        rows: from `grow`.
        newest: newer versions to mention.
        invert: the rows show who needs what.
    """
    lines = []
    repeated = False
    for row in rows:
        lead = "".join("    " if last else "│   " for last in row.last[:-1])
        branch = ("└── " if row.last[-1] else "├── ") if row.last else ""
        latest = f" (latest {newest[row.node]})" if newest and row.node in newest else ""
        more = " (*)" if row.repeated else " …" if row.cut else ""
        lines.append(f"{lead}{branch}{_title(row)}{edge_words(row.edge)}{latest}{more}")
        repeated |= row.repeated
    if repeated:
        lines.append(f"(*) {'who needs it' if invert else 'what it needs'} is shown above")
    return "\n".join(lines) + "\n"


def _title(row: TreeRow) -> str:
    node, edge = row.node, row.edge
    if edge is not None and edge.target == node and edge.extras:
        return f"{node.name}[{','.join(edge.extras)}] {node.version}".rstrip()
    return node.title


def edge_words(edge: Edge | None) -> str:
    """Return what an edge asks in parentheses, with a blank before; "" where it asks for any version, always."""
    if edge is None:
        return ""
    marker = _without_extra(edge.marker) if edge.extra else edge.marker
    words = [
        edge.specifier,
        f"if {marker}" if marker else "",
        _extra_words(edge.extra),
        f"group {edge.group}" if edge.group else "",
    ]
    said = "; ".join(word for word in words if word)
    return f" ({said})" if said else ""


def _extra_words(extra: str) -> str:
    """Return who asks: an extra, a member of the workspace, or an extra or group of a member; "" for none of them."""
    if not extra.startswith(_MEMBER):
        return f"extra {extra}" if extra else ""
    member, _, group = extra.removeprefix(_MEMBER).partition(":")
    kind, _, name = group.partition(":")
    return f"{kind} {name} of {member}" if name else f"member {member}"


def _without_extra(marker: str) -> str:
    """Return a marker without the question for the extra that is said apart."""
    if "extra" not in marker:
        return marker
    from blast_core.marker_syntax import Comparison, combine_markers, format_marker, parse_marker

    tree = parse_marker(marker)
    parts = (tree,) if isinstance(tree, Comparison) else tree.parts if tree.kind == "and" else (tree,)
    rest = [part for part in parts if not (isinstance(part, Comparison) and part.variable == "extra")]
    return format_marker(combine_markers("and", rest)) if rest else ""


def tree_document(
    graph: LockedGraph, rows: Sequence[TreeRow], newest: Mapping[Node, str] | None = None
) -> dict[str, object]:
    """Return rows as JSON: every package once, with what it needs, or who needs it where the tree is inverted."""
    below: dict[Node, list[dict[str, object]]] = {}
    shown: set[tuple[Node, Edge]] = set()
    roots = []
    path: list[Node] = []
    for row in rows:
        del path[row.depth :]
        below.setdefault(row.node, [])
        if row.edge is None:
            roots.append(_name_of(row.node))
        elif (path[-1], row.edge) not in shown:
            shown.add((path[-1], row.edge))
            below[path[-1]].append(_edge_document(graph, row))
        path.append(row.node)
    packages = [
        {
            **_name_of(node),
            "where": graph.where(node.mask),
            **({"latest": newest[node]} if newest and node in newest else {}),
            "needs": edges,
        }
        for node, edges in sorted(below.items())
    ]
    return {"targets": _target_names(graph), "roots": roots, "packages": packages}


def _target_names(graph: LockedGraph) -> list[str]:
    return [name for bit, name in enumerate(graph.names) if graph.everywhere >> bit & 1]


def _name_of(node: Node) -> dict[str, object]:
    return {"name": node.name, "version": node.version}


def _edge_document(graph: LockedGraph, row: TreeRow) -> dict[str, object]:
    edge = row.edge
    assert edge is not None, "a root has no edge"
    return {
        **_name_of(row.node),
        "specifier": edge.specifier,
        "extras": list(edge.extras),
        "marker": edge.marker,
        "extra": edge.extra,
        "group": edge.group,
        "where": graph.where(edge.mask),
    }


def leaves(graph: LockedGraph, prune: Collection[str]) -> list[Node]:
    """Return the packages that need no others: where an inverted tree of a whole lock begins."""
    return [
        node
        for node in graph.nodes()
        if node.name not in prune and not any(e.target != node for e in graph.edges(node))
    ]
