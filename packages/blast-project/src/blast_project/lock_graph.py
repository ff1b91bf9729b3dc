"""A lock as a graph: who needs whom, with which specifier, under which extra, on which targets.

Nothing is decoded before it is asked for: `blast tree --package P` reads the packages below P and no others.
"""

from __future__ import annotations

from blast_core.errors import UsageError
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from blast_core.formats.dpl.model import LockedDependency, LockTarget
    from blast_core.formats.dpl.reader import DplEntry, DplLockFile
    from blast_core.interpreter import Target
    from blast_pm.resolver.markers import TargetMarkers
    from blast_project.project import Project

__all__ = ["Edge", "LockGraph", "Node", "find_target", "target_of_lock"]

_ROOT_KINDS = frozenset(("editable", "workspace"))


class Node(NamedTuple):
    """A locked version.

    Attributes:
        name: normalised.
        version: "" where only a build tells.
        mask: the targets it is locked for.
    """

    name: str
    version: str
    mask: int

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}" if self.version else self.name


class Edge(NamedTuple):
    """One package asks for another.

    Attributes:
        source: who asks.
        target: the version that was locked for it.
        specifier: "" for any version.
        extras: asked of ``target``.
        marker: as written, "" for always.
        extra: of ``source``, that asks for it; "" for its plain requirements.
        group: of the project, that asks for it; "" for none.
        mask: the targets on which it holds.
    """

    source: Node
    target: Node
    specifier: str
    extras: tuple[str, ...]
    marker: str
    extra: str
    group: str
    mask: int


class LockGraph:
    """Packages of an open lock and what they ask of each other.

    Args:
        lock: stays open as long as the graph is used.
        project: whose dependency groups are known from its manifest; the lock has them as bits only.
        targets: mask of the targets to look at; all if None.
    """

    def __init__(self, lock: DplLockFile, project: Project | None = None, targets: int | None = None) -> None:
        from blast_pm.resolver.markers import TargetMarkers

        self.lock = lock
        self._project = project
        self._entries: dict[Node, DplEntry] = {}
        self._nodes: dict[str, tuple[Node, ...]] = {}
        self._all: tuple[Node, ...] = ()
        self._edges: dict[Node, tuple[Edge, ...]] = {}
        self._incoming: dict[Node, list[Edge]] | None = None
        locked = lock.targets
        self.targets: tuple[Target, ...] = tuple(target_of_lock(target) for target in locked)
        self.names: tuple[str, ...] = tuple(target.name for target in locked)
        self.everywhere = (1 << len(locked)) - 1 if targets is None else targets
        self._markers: TargetMarkers = TargetMarkers(self.targets)

    # Packages

    def nodes(self) -> tuple[Node, ...]:
        """Return every package that is locked for one of the targets, by name and version."""
        if not self._all:
            found = []
            for entry in self.lock.entries():
                node = self._keep(entry)
                if node.mask:
                    found.append(node)
            self._all = tuple(found)
        return self._all

    def find(self, name: str) -> tuple[Node, ...]:
        """Return the locked versions of a project, lowest first; none if it isn't locked for the targets.

        Cost: O(1).
        """
        found = self._nodes.get(name)
        if found is None:
            nodes = (self._keep(entry) for entry in self.lock.find(name))
            found = self._nodes[name] = tuple(node for node in nodes if node.mask)
        return found

    def entry(self, node: Node) -> DplEntry:
        """Return all that the lock has of a package."""
        return self._entries[node]

    def roots(self) -> tuple[Node, ...]:
        """Return the project and the members of its workspace, the project first."""
        found = [node for node in self.nodes() if self._entries[node].source.kind in _ROOT_KINDS]
        own = [node for node in found if self._entries[node].source.location in {".", ""}]
        return (*own, *(node for node in found if node not in own))

    @property
    def root_name(self) -> str:
        """Name of the project."""
        roots = self.roots()
        return roots[0].name if roots else "the project"

    def _keep(self, entry: DplEntry) -> Node:
        node = Node(entry.name, entry.version, entry.target_mask & self.everywhere)
        self._entries[node] = entry
        return node

    # Edges

    def edges(self, node: Node) -> tuple[Edge, ...]:
        """Return what a package asks for, extras and groups included, by extra, group and name.

        Cost: O(its requirements), remembered.
        """
        found = self._edges.get(node)
        if found is None:
            found = self._edges[node] = tuple(self._read_edges(node))
        return found

    def active(self, node: Node, extras: Iterable[str]) -> tuple[Edge, ...]:
        """Return what a package asks for when ``extras`` of it are asked for; none of it leads back to itself."""
        asked = self.closure(node, extras)
        return tuple(
            edge for edge in self.edges(node) if edge.target != node and (not edge.extra or edge.extra in asked)
        )

    def closure(self, node: Node, extras: Iterable[str]) -> frozenset[str]:
        """Return ``extras`` and those that the package then asks of itself, as ``all`` of ``plot`` and ``web``."""
        asked = set(extras)
        while True:
            own = {
                extra
                for edge in self.edges(node)
                if edge.target == node and (not edge.extra or edge.extra in asked)
                for extra in edge.extras
            }
            if own <= asked:
                return frozenset(asked)
            asked |= own

    def incoming(self, node: Node) -> tuple[Edge, ...]:
        """Return who asks for a package, itself left out, by name. Cost: all edges once."""
        if self._incoming is None:
            self._incoming = {}
            for asker in self.nodes():
                for edge in self.edges(asker):
                    if edge.target != asker:
                        self._incoming.setdefault(edge.target, []).append(edge)
        return tuple(self._incoming.get(node, ()))

    def _read_edges(self, node: Node) -> Iterator[Edge]:
        entry = self._entries[node]
        yield from self._edges_of(node, entry.dependencies, "", "")
        for extra, rows in entry.extras:
            # Groups of the project stand beside its extras, under the lock's names; they are read below.
            if ":" not in extra:
                yield from self._edges_of(node, rows, extra, "")
        if self._project is not None and node.name == self._project.name:
            for group, own_rows in _rows_by_group(self._project):
                yield from self._edges_of(node, own_rows, "", group)

    def _edges_of(self, node: Node, rows: Iterable[LockedDependency], extra: str, group: str) -> Iterator[Edge]:
        for name, specifier, extras, marker in rows:
            mask = node.mask & self._holds(marker, extra)
            if not mask:
                continue
            for target in self.find(name):
                if target.mask & mask:
                    yield Edge(node, target, specifier, extras, marker, extra, group, mask & target.mask)

    def _holds(self, marker: str, extra: str) -> int:
        return self._markers.holds_with(marker, extra) if extra else self._markers.holds(marker)

    # Targets

    def runs_on(self, requires_python: str) -> int:
        """Return the targets whose Python satisfies a Requires-Python; one that can't be read rules nothing out."""
        from blast_core.errors import InvalidRequirement

        try:
            return self._markers.runs_on(requires_python)
        except InvalidRequirement:
            return self.everywhere

    def where(self, mask: int) -> str:
        """Return in words on which targets something holds; "" for all that are looked at."""
        if mask & self.everywhere == self.everywhere:
            return ""
        from blast_core.marker_masks import shortest_marker

        return shortest_marker(mask & self.everywhere, self.targets)


def _rows_by_group(project: Project) -> list[tuple[str, list[LockedDependency]]]:
    from blast_core.formats.dpl.model import LockedDependency

    groups: dict[str, list[LockedDependency]] = {}
    for row in project.requirements():
        kind, _, name = row.group.partition(":")
        if kind == "group":
            wanted = row.requirement
            rows = groups.setdefault(name, [])
            rows.append(LockedDependency(wanted.name, wanted.specifier, wanted.extras, wanted.marker))
    return sorted(groups.items())


def target_of_lock(target: LockTarget) -> Target:
    """Return a lock's target as the resolver's markers take it: of its Python the oldest and the newest patch."""
    from blast_core.interpreter import Target

    markers = dict(target.markers)
    patches = [f"{target.python_version}.{patch}" for patch in ("99", "0")]
    newest, oldest = (
        {
            "python_full_version": full,
            "implementation_version": full,
            "python_version": target.python_version,
            **markers,
        }
        for full in patches
    )
    return Target(target.name, patches[0], newest, (), also=(oldest,))


def find_target(names: Sequence[str], asked: str) -> int:
    """Return the mask of the targets that a name means: ``linux-x86_64-py312``, or ``linux-x86_64`` for every Python.

    Raises:
        UsageError: the lock has no such target.
    """
    mask = sum(1 << bit for bit, name in enumerate(names) if name == asked or name.rpartition("-py")[0] == asked)
    if not mask:
        raise UsageError(
            f"the lock has no target '{asked}'",
            reason=f"it has {', '.join(names)}",
            hint="'blast lock --target' and [tool.blast] targets say which it has",
        )
    return mask
