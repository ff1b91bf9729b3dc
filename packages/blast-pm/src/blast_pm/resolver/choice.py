"""Looking ahead: which version of a package to choose, and what rules out the newer ones.

Versions are walked from the most wanted. One that needs something which the state denies is dropped, and all versions
dropped because of one package q become one clause: {p: dropped, q: not what any of them asks}. It blames what was
asked, never the state of q: the state may change, the clause must stay true.
"""

from __future__ import annotations

from itertools import islice

from blast_pm.resolver.clauses import Clause, Depends, OwnDependency, SameVersion, Unusable
from blast_pm.resolver.universe import NOT_SELECTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from blast_core.requirements import Requirement
    from blast_pm.resolver.assignment import Assignment
    from blast_pm.resolver.universe import Package, Universe

__all__ = ["Chooser", "link_clause", "need_clause"]

# After so many drops of p blamed on the decision for q, q's decision is taken back and p decided first.
_SWAP_AFTER = 5
# After so many candidates in vain, announce twice as many. At most the second number are announced ahead of the walk,
# anew each time that it has come the third number further: so an index far away is kept busy by boto3's 3,000 releases.
_TRIED_TO_PREFETCH = 4
_MOST_AHEAD = 160
_ANNOUNCED_EVERY = 16
# When all candidates were dropped because of the same package so many times, look beyond what the state allows.
_WALK_ON_AFTER = 2


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

    def add(self, bit: int, same: _Drop) -> None:
        """Take in a version that was dropped for the same reason."""
        self.versions |= bit
        self.asked |= same.asked
        self.requirements.update(same.requirements)

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

    Attributes:
        looks: how many candidates were looked at.
        swap: after ``choose``: the decided package that blocks too many candidates, if any.
    """

    def __init__(self, universe: Universe, state: Assignment) -> None:
        self.looks = 0
        self.swap: Package | None = None
        self._universe = universe
        self._state = state
        self._blocked: dict[tuple[int, int], int] = {}
        self._exhausted: dict[tuple[int, int], int] = {}
        self._tried: dict[int, int] = {}

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
                bit = rest & -rest if package.oldest else 1 << (rest.bit_length() - 1)
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
        for bit in self.candidates(base, versions):
            drop = self._blame(parts, bit, drops)
            if drop is None:
                chosen = bit
                break
            versions &= ~bit
            self.expect(base, versions)
            if self._is_blocking(base, drop):
                break
        else:
            if len(drops) == 1:
                self._walk_on(parts, *drops.values())
        return chosen, self._clauses(base, drops)

    def expect(self, package: Package, versions: int) -> None:
        """Note that a candidate was tried in vain and ``versions`` are left; announce those that may be looked at next.

        The more candidates of a package were tried, the more are announced, so that a long search waits for many at
        once.
        """
        tried = self._tried[package.id] = self._tried.get(package.id, 0) + 1
        is_power_of_two = not tried & (tried - 1)
        if tried < _TRIED_TO_PREFETCH or not (is_power_of_two or tried % _ANNOUNCED_EVERY == 0):
            return
        wanted = islice(self.candidates(package, versions), min(2 * tried, _MOST_AHEAD))
        prefetch = self._universe.request.source.prefetch_dependencies
        for bit in wanted:
            prefetch(package.name, package.table.texts[bit.bit_length() - 2])

    def _walk_on(self, parts: Sequence[Package], drop: _Drop) -> None:
        """Look at the versions after those that the state allowed, while the same package rules them out too.

        Where a parent pins a narrow range of each version, as boto3 does of botocore, every parent would otherwise have
        to be tried before the next few versions are looked at.
        """
        other = drop.other
        if other is None:
            return
        base = parts[0].base
        key = (drop.part.id, other.id)
        count = self._exhausted[key] = self._exhausted.get(key, 0) + 1
        if count < _WALK_ON_AFTER:
            return
        if base.oldest:
            versions = base.full & -(2 << drop.versions.bit_length() - 1)
        else:
            versions = base.full & ((drop.versions & -drop.versions) - 1)
        for bit in self.candidates(base, versions):
            found: dict[tuple[int, object], _Drop] = {}
            self._blame(parts, bit, found)
            same = found.get(key)
            if same is None:
                break
            drop.add(bit, same)
            versions &= ~bit
            self.expect(base, versions)

    def _clauses(self, base: Package, drops: dict[tuple[int, object], _Drop]) -> list[Clause]:
        clauses: list[Clause] = []
        for drop in drops.values():
            clauses.append(drop.clause())
            if drop.part is not base:
                clauses.append(link_clause(drop.part, drop.versions))
        return clauses

    def _blame(self, parts: Sequence[Package], bit: int, drops: dict[tuple[int, object], _Drop]) -> _Drop | None:
        """Return the drop that the version went into, None if nothing speaks against it."""
        self.looks += 1
        index = bit.bit_length() - 2
        for part in parts:
            rows = self._universe.rows(part, index)
            if isinstance(rows, Unusable):
                drop = drops.setdefault((part.base.id, rows), _Drop(part.base, None, rows))
                drop.versions |= bit
                return drop
            for row, _ in rows:
                other = self._denied(part, row, bit)
                if other is None:
                    continue
                drop = drops.setdefault(
                    (part.id, other.id), _Drop(part, None if other.base is part.base else other, None)
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
