"""A lock as a graph: who needs whom, with which specifier, under which extra, on which targets.

Nothing is decoded before it is asked for: `blast tree --package P` reads the packages below P and no others.
"""

from __future__ import annotations

from blast_core.errors import UsageError
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from blast_core.formats.dpl.model import LockedDependency, LockedSource, LockTarget
    from blast_core.formats.dpl.reader import DplEntry, DplLockFile
    from blast_core.interpreter import Target
    from blast_pm.resolver.markers import TargetMarkers

__all__ = ["Edge", "LockedGraph", "Node", "find_target", "target_of_lock", "words_for"]

_ROOT_KINDS = frozenset(("editable", "workspace"))
_GROUP = "group:"
# What stands in the lock of a project without a name.
_NAMELESS = "nameless-project"
_MOST_NAMES = 3
_HERE = frozenset((".", ""))
# So begin the names of a project's groups; its extras have none before them.
_OF_LOCK = ("group:", "package:")


class Node(NamedTuple):
    """A locked version; the lock may have several entries of it, for the targets where different groups need it.

    Attributes:
        name: normalised.
        version: "" where only a build tells.
        mask: the targets it is locked for, of those that are looked at.
    """

    name: str
    version: str
    mask: int

    @property
    def title(self) -> str:
        """Name and version; of a project without one, such as the root of a workspace, its lock has made them up."""
        if self.name == _NAMELESS:
            return "the project"
        return f"{self.name} {self.version}" if self.version not in {"", "0"} else self.name


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


class LockedGraph:
    """Packages of an open lock and what they ask of each other.

    Args:
        lock: stays open as long as the graph is used.
        targets: mask of the targets to look at; all if None.

    Attributes:
        lock: as given.
        targets: all of the lock's, as markers are evaluated for them.
        names: of the targets.
        everywhere: mask of the targets that are looked at.
    """

    def __init__(self, lock: DplLockFile, targets: int | None = None) -> None:
        from blast_pm.resolver.markers import TargetMarkers

        self.lock = lock
        self._entries: dict[Node, list[DplEntry]] = {}
        self._nodes: dict[str, tuple[Node, ...]] = {}
        self._all: tuple[Node, ...] = ()
        self._edges: dict[Node, tuple[Edge, ...]] = {}
        self._incoming: dict[Node, list[Edge]] | None = None
        locked = lock.targets
        self.targets: tuple[Target, ...] = tuple(target_of_lock(target) for target in locked)
        self.names: tuple[str, ...] = tuple(target.name for target in locked)
        self.everywhere = (1 << len(locked)) - 1 if targets is None else targets
        self._markers: TargetMarkers = TargetMarkers(self.targets)
        self._refused: dict[str, int] = _refused_on(locked)

    # Packages

    def nodes(self) -> tuple[Node, ...]:
        """Return every package that is locked for one of the targets, by name and version."""
        if not self._all:
            groups: dict[str, list[DplEntry]] = {}
            for entry in self.lock.entries():
                groups.setdefault(entry.name, []).append(entry)
            self._all = tuple(node for name, entries in groups.items() for node in self._keep(name, entries))
        return self._all

    def find(self, name: str) -> tuple[Node, ...]:
        """Return the locked versions of a project, lowest first; none if it isn't locked for the targets.

        Cost: O(1).
        """
        found = self._nodes.get(name)
        return found if found is not None else self._keep(name, list(self.lock.find(name)))

    def _keep(self, name: str, entries: list[DplEntry]) -> tuple[Node, ...]:
        versions: dict[str, list[DplEntry]] = {}
        for entry in entries:
            if entry.target_mask & self.everywhere:
                versions.setdefault(entry.version, []).append(entry)
        nodes = []
        for version, group in versions.items():
            mask = 0
            for entry in group:
                mask |= entry.target_mask & self.everywhere
            node = Node(name, version, mask)
            self._entries[node] = group
            nodes.append(node)
        self._nodes[name] = tuple(nodes)
        return self._nodes[name]

    def source(self, node: Node) -> LockedSource:
        """Return where a package comes from."""
        return self._entries[node][0].source

    def roots(self) -> tuple[Node, ...]:
        """Return the project and those members of its workspace that nobody asks for, the project first."""
        kinds = [(node, self.source(node)) for node in self.nodes()]
        own = [node for node, source in kinds if source.kind in _ROOT_KINDS and source.location in _HERE]
        others = [node for node, source in kinds if source.kind == "workspace" and node not in own]
        return (*own, *(node for node in others if not self.incoming(node)))

    @property
    def root_name(self) -> str:
        """Name of the project."""
        roots = self.roots()
        return roots[0].name if roots else "the project"

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

    def _read_edges(self, node: Node) -> list[Edge]:
        found: dict[tuple[Node, str, tuple[str, ...], str, str, str], int] = {}
        for entry in self._entries[node]:
            mask = entry.target_mask & self.everywhere
            self._add_edges(found, entry.dependencies, mask, "")
            is_project = entry.source.kind in _ROOT_KINDS and entry.source.location in _HERE
            for extra, rows in entry.extras:
                item = extra if not is_project or extra.startswith(_OF_LOCK) else f"extra:{extra}"
                self._add_edges(found, rows, mask & ~self._refused.get(item, 0), extra)
        edges = [Edge(node, *key, mask) for key, mask in found.items()]
        edges.sort(key=lambda edge: (bool(edge.group), edge.group, edge.extra, edge.target))
        return edges

    def _add_edges(
        self,
        found: dict[tuple[Node, str, tuple[str, ...], str, str, str], int],
        rows: Iterable[LockedDependency],
        mask: int,
        extra: str,
    ) -> None:
        # The project's dependency groups stand among its extras, under the names that the lock has for groups.
        group = extra.removeprefix(_GROUP) if extra.startswith(_GROUP) else ""
        extra = "" if group else extra
        for name, specifier, extras, marker in rows:
            where = mask & self._holds(marker, extra)
            if not where:
                continue
            for target in self.find(name):
                if target.mask & where:
                    key = (target, specifier, extras, marker, extra, group)
                    found[key] = found.get(key, 0) | where & target.mask

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
        for item, refused in self._refused.items():
            if mask & self.everywhere == self.everywhere & ~refused:
                return _with_item(item)
        return _words_for(self.targets, mask & self.everywhere)


def _refused_on(locked: Sequence[LockTarget]) -> dict[str, int]:
    """Return, by group of the lock, the targets on which it isn't installed because it conflicts with another."""
    from blast_core.formats.dpl.targets import variant_items

    chosen: dict[str, int] = {}
    for bit, target in enumerate(locked):
        for item in variant_items(target):
            chosen[item] = chosen.get(item, 0) | 1 << bit
    return {item: ((1 << len(locked)) - 1) & ~mask for item, mask in chosen.items()}


def _with_item(item: str) -> str:
    """Return the marker of PEP 751 for what is there with a group or an extra of the project."""
    kind, _, name = item.partition(":")
    return f"'{name}' in {'extras' if kind == 'extra' else 'dependency_groups'}"


def words_for(locked: Sequence[LockTarget], mask: int) -> str:
    """Return a short marker that holds on some targets of a lock only; their names where no marker tells them apart."""
    return _words_for([target_of_lock(target) for target in locked], mask)


def _words_for(targets: Sequence[Target], mask: int) -> str:
    from blast_core.marker_masks import shortest_marker

    marker = shortest_marker(mask, targets)
    if marker:
        return marker
    names = [target.name for bit, target in enumerate(targets) if mask >> bit & 1]
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{', '.join(names[:_MOST_NAMES])}{more}"


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
    mask = sum(1 << bit for bit, name in enumerate(names) if asked in _spellings(name))
    if not mask:
        raise UsageError(
            f"the lock has no target '{asked}'",
            reason=f"it has {', '.join(names)}",
            hint="'blast lock --target' and [tool.blast] targets say which it has",
        )
    return mask


def _spellings(name: str) -> tuple[str, str, str]:
    """Return the whole name of a target, that without the variant of conflicting groups, and its platform."""
    base = name.partition("+")[0]
    return (name, base, base.rpartition("-")[0])
