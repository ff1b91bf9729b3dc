"""``pip tree``: what is installed as a tree, in the form that ``uv pip tree`` prints."""

from __future__ import annotations

from blast_core.markers import evaluate_marker
from blast_core.names import normalize_name
from blast_core.tuples import NamedTuple
from blast_project.pip.inventory import read_facts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_project.pip.inventory import InstalledDistribution
    from blast_project.pip.sites import Site

__all__ = ["InstalledTree", "TreeWishes", "grow_installed"]

_MANY = 255


class TreeWishes(NamedTuple):
    """What of the tree is shown.

    Attributes:
        depth: rows below it are left out; the roots have depth 0.
        prune: names that are left out, with what is below them.
        packages: names where the tree begins; () for all that nothing else needs.
        dedupe: show what something needs once only.
        invert: show who needs it instead.
        specifiers: say which versions are asked for.
    """

    depth: int = _MANY
    prune: frozenset[str] = frozenset()
    packages: tuple[str, ...] = ()
    dedupe: bool = True
    invert: bool = False
    specifiers: bool = False


class InstalledTree(NamedTuple):
    """The tree.

    Attributes:
        lines: for people.
        edges: (who needs, what is needed, which versions), normalised names, sorted; all of them.
        missing: packages that were named and are not installed.
    """

    lines: tuple[str, ...]
    edges: tuple[tuple[str, str, str], ...]
    missing: tuple[str, ...]


def grow_installed(rows: Sequence[InstalledDistribution], site: Site, wishes: TreeWishes) -> InstalledTree:
    """Return what is installed as a tree."""
    return _Grower(rows, site, wishes).grow()


class _Grower:
    def __init__(self, rows: Sequence[InstalledDistribution], site: Site, wishes: TreeWishes) -> None:
        self._rows = {row.key: row for row in rows if row.key not in wishes.prune}
        self._wishes = wishes
        self._seen: set[str] = set()
        self._starred = False
        self._lines: list[str] = []
        edges = {
            (row.key, need.name, _sorted(need.specifier))
            for row in self._rows.values()
            for need in read_facts(row).requirements
            if need.name in self._rows and _holds(need.marker, site)
        }
        self._edges = tuple(sorted(edges))
        self._below: dict[str, list[tuple[str, str]]] = {}
        for source, target, specifier in self._edges:
            one, other = (target, source) if wishes.invert else (source, target)
            self._below.setdefault(one, []).append((other, specifier))

    def grow(self) -> InstalledTree:
        wishes = self._wishes
        wanted = tuple(dict.fromkeys(normalize_name(name) for name in wishes.packages))
        for name in wanted or self._roots():
            if name in self._rows:
                self._visit(name, "", (), frozenset())
        if self._starred:
            is_circle = not wishes.dedupe
            why = "is a cycle and cannot be shown" if is_circle else "already displayed"
            self._lines.append(f"(*) Package tree {why}")
        missing = tuple(name for name in wanted if name not in self._rows)
        return InstalledTree(tuple(self._lines), self._edges, missing)

    def _roots(self) -> list[str]:
        """Return where the tree begins: what nothing leads to, then one of each circle that is left."""
        led_to = {name for below in self._below.values() for name, _ in below}
        roots = [name for name in self._rows if name not in led_to]
        reached: set[str] = set()
        for name in roots:
            self._reach(name, reached)
        for name in self._rows:
            if name not in reached:
                roots.append(name)
                self._reach(name, reached)
        return sorted(roots)

    def _reach(self, name: str, reached: set[str]) -> None:
        waiting = [name]
        while waiting:
            one = waiting.pop()
            if one not in reached:
                reached.add(one)
                waiting += [below for below, _ in self._below.get(one, ())]

    def _visit(self, name: str, specifier: str, last: tuple[bool, ...], above: frozenset[str]) -> None:
        wishes, row = self._wishes, self._rows[name]
        below = self._below.get(name, ())
        repeated = bool(below) and (name in above or (wishes.dedupe and name in self._seen))
        said = ""
        if wishes.specifiers and last:
            word = "requires" if wishes.invert else "required"
            what = f"{self._parent} " if wishes.invert else ""
            said = f" [{word}: {what}{specifier or '*'}]"
        lead = "".join("    " if one else "│   " for one in last[:-1])
        branch = ("└── " if last[-1] else "├── ") if last else ""
        self._lines.append(f"{lead}{branch}{row.key} v{row.version}{said}{' (*)' if repeated else ''}")
        if repeated:
            self._starred = True
            return
        self._seen.add(name)
        if len(last) >= wishes.depth:
            return
        for number, (child, asked) in enumerate(below):
            self._parent = name
            self._visit(child, asked, (*last, number == len(below) - 1), above | {name})

    _parent = ""


def _sorted(specifier: str) -> str:
    """Return a specifier as uv writes it: by version."""
    if "," not in specifier:
        return specifier
    from blast_core.version.keys import version_key

    def order(clause: str) -> bytes:
        version = clause.lstrip("<>=!~").removesuffix(".*")
        return bytes(version_key(version))

    return ", ".join(sorted((clause.strip() for clause in specifier.split(",")), key=order))


def _holds(marker: str, site: Site) -> bool:
    return not marker or evaluate_marker(marker, site.interpreter.target.marker_environment)
