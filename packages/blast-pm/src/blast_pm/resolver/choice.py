"""Looking ahead: which version of a package to choose, and what rules out the newer ones.

Versions are walked from the most wanted. One that needs something which the state denies is dropped, and all versions
dropped because of one package q become one clause: {p: dropped, q: not what any of them asks}. It blames what was
asked, never the state of q: the state may change, the clause must stay true.
"""

from __future__ import annotations

from blast_pm.resolver.clauses import Clause, Depends, OwnDependency, SameVersion, Unusable
from blast_pm.resolver.universe import NOT_SELECTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from blast_core.requirements import Requirement
    from blast_pm.resolver.assignment import Assignment
    from blast_pm.resolver.universe import Package, Universe

__all__ = ["Chooser", "link_clause", "need_clause"]

# After so many drops of p blamed on the decision for q, q's decision is taken back and p decided first.
_SWAP_AFTER = 5
# While candidates are dropped, ask for the metadata of twice as many more each time, up to this many at once.
_MOST_PREFETCHED = 32


def link_clause(proxy: Package, versions: int) -> Clause:
    """Return the clause: if the package is one of ``versions``, its extra is not another version."""
    outside = proxy.full & ~NOT_SELECTED & ~versions
    return Clause(((proxy.base, versions), (proxy, outside)), SameVersion(proxy))


def need_clause(proxy: Package, versions: int) -> Clause:
    """Return the clause: if the extra is one of ``versions``, so is its package."""
    base = proxy.base
    return Clause(((proxy, versions), (base, base.full & ~versions)), SameVersion(proxy))


class _Drop:
    """Versions of a part that one other package rules out."""

    __slots__ = ("asked", "other", "part", "problem", "requirements", "versions")

    def __init__(self, part: Package, other: Package | None, problem: Unusable | None) -> None:
        self.part = part
        self.other = other
        self.problem = problem
        self.versions = 0
        self.asked = 0
        self.requirements: dict[Requirement, None] = {}

    def clause(self) -> Clause:
        part = self.part
        requirements = tuple(self.requirements)
        if self.problem is not None:
            return Clause(((part, self.versions),), self.problem)
        other = self.other
        if other is None:
            return Clause(((part, self.versions),), OwnDependency(part, requirements))
        return Clause(
            ((part, self.versions), (other, other.full & ~self.asked)),
            Depends(part, self.versions, requirements),
        )


class Chooser:
    """Chooses versions.

    Args:
        universe: what exists.
        state: what is decided.
        highest: prefer the newest, rather than the oldest.

    Attributes:
        looks: how many candidates were looked at.
        swap: after ``choose``: the decided package that blocks too many candidates, if any.
    """

    def __init__(self, universe: Universe, state: Assignment, *, highest: bool) -> None:
        self.looks = 0
        self.swap: Package | None = None
        self._universe = universe
        self._state = state
        self._highest = highest
        self._blocked: dict[tuple[int, int], int] = {}

    def candidates(self, package: Package, versions: int) -> Iterator[int]:
        """Walk the bits of ``versions``, the most wanted first."""
        package = package.base
        versions &= ~NOT_SELECTED
        for group in (
            versions & package.preferred,
            versions & package.first & ~package.preferred,
            versions & ~package.first & ~package.preferred,
        ):
            rest = group
            while rest:
                bit = 1 << (rest.bit_length() - 1) if self._highest else rest & -rest
                rest ^= bit
                yield bit

    def choose(self, parts: Sequence[Package]) -> tuple[int, list[Clause]]:
        """Return the first version whose requirements the state does not deny, and the clauses against those before.

        Args:
            parts: a package and those of its extras that are selected, or one extra whose package is decided.

        Returns:
            The bit, 0 if none is left or the walk was stopped for a swap; and the clauses, () if the first one fits.
        """
        self.swap = None
        base = parts[0].base
        versions = self._state.left[parts[0].id]
        if base is not parts[0]:
            versions &= self._state.left[base.id]
        drops: dict[tuple[int, object], _Drop] = {}
        chosen = 0
        for dropped, bit in enumerate(self.candidates(base, versions), 1):
            self.looks += 1
            drop = self._blame(parts, bit, drops)
            if drop is None:
                chosen = bit
                break
            versions &= ~bit
            self._prefetch(base, versions, dropped)
            if self._is_blocking(base, drop):
                break
        return chosen, self._clauses(base, drops)

    def _clauses(self, base: Package, drops: dict[tuple[int, object], _Drop]) -> list[Clause]:
        clauses: list[Clause] = []
        for drop in drops.values():
            clauses.append(drop.clause())
            if drop.part is not base:
                clauses.append(link_clause(drop.part, drop.versions))
        return clauses

    def _blame(self, parts: Sequence[Package], bit: int, drops: dict[tuple[int, object], _Drop]) -> _Drop | None:
        """Return the drop that the version went into, None if nothing speaks against it."""
        index = bit.bit_length() - 2
        for part in parts:
            rows = self._universe.requirements(part, index)
            if isinstance(rows, Unusable):
                drop = drops.setdefault((part.base.id, rows), _Drop(part.base, None, rows))
                drop.versions |= bit
                return drop
            for row in rows:
                other = self._denied(part, row, bit)
                if other is None:
                    continue
                key = (part.id, other.id)
                drop = drops.get(key) or drops.setdefault(
                    key, _Drop(part, None if other.base is part.base else other, None)
                )
                drop.versions |= bit
                drop.asked |= self._universe.mask(other, row)
                drop.requirements[row] = None
                return drop
        return None

    def _denied(self, part: Package, row: Requirement, bit: int) -> Package | None:
        """Return the package whose state denies what ``row`` asks for, None if none does."""
        find = self._universe.find
        other = find(row.name)
        if other is None:
            return None
        asked = self._universe.mask(other, row)
        if other is part.base:
            return None if asked & bit else other
        left = self._state.left
        if not left[other.id] & asked:
            return other
        for extra in row.extras:
            proxy = find(row.name, extra)
            if proxy is not None and not left[proxy.id] & asked:
                return proxy
        return None

    def _is_blocking(self, package: Package, drop: _Drop) -> bool:
        """Count a drop against the decision it is blamed on; tell whether those were enough to change the order."""
        other = drop.other
        if other is None or self._state.decided[other.base.id] < 0:
            return False
        key = (package.id, other.base.id)
        count = self._blocked[key] = self._blocked.get(key, 0) + 1
        if count != _SWAP_AFTER:
            return False
        self.swap = other.base
        return True

    def _prefetch(self, base: Package, versions: int, dropped: int) -> None:
        """Ask for the candidates that will be looked at next, when more and more of them are dropped."""
        if dropped == 1 or (dropped & (dropped - 1) and dropped % _MOST_PREFETCHED):
            return
        prefetch: Callable[[str, str], None] = self._universe.request.source.prefetch_dependencies
        count = min(2 * dropped, _MOST_PREFETCHED)
        for bit in self.candidates(base, versions):
            prefetch(base.name, base.table.texts[bit.bit_length() - 2])
            count -= 1
            if not count:
                break
