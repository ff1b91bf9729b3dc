"""Where the targets of a group part: which of them might have got another answer alone than in the group.

A group is solved as one target on which everything holds that holds on any of them. That gives each target what it
would get alone, if

- every package that took no part in a conflict is in the version that the target would take, given what the packages of
  earlier generations ask: then the order of decisions does not matter, and no conflict arises from it alone either;
- everything that the other packages were decided by is the same on all targets: what they may be chosen from, what is
  asked of them, and the order in which they were found.

Where one of these fails, the targets for which it does must be solved again, apart from each other where they differ.
The masks that tell them apart are *borders*: sets of targets, of which the group has some and not others.
"""

from __future__ import annotations

from blast_core.tuples import NamedTuple
from blast_pm.resolver.clauses import Asked, Constrained, Depends, OwnDependency, Unusable
from blast_pm.resolver.reach import compute_reach
from blast_pm.resolver.universe import NOT_SELECTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from blast_core.requirements import Requirement
    from blast_pm.resolver.clauses import Clause
    from blast_pm.resolver.reach import Reach
    from blast_pm.resolver.request import Choice
    from blast_pm.resolver.result import Chosen
    from blast_pm.resolver.solver import Solver
    from blast_pm.resolver.universe import Package, Universe

__all__ = ["Verdict", "borders_of_clauses", "borders_of_proof", "examine", "split"]


class Verdict(NamedTuple):
    """What a solution for a group is worth.

    Attributes:
        sound: the targets for which it is what they would have got alone.
        apart: the others, in the groups to solve them in.
        reach: which packages are needed on which targets.
    """

    sound: int
    apart: list[int]
    reach: Reach


def split(group: int, borders: Iterable[int]) -> list[int]:
    """Return the parts of a group that no border cuts, the one with the lowest bit first."""
    parts = [group] if group else []
    for border in borders:
        parts = [part for whole in parts for part in (whole & border, whole & ~border) if part]
    return sorted(parts, key=lambda part: part & -part)


def borders_of_proof(universe: Universe, proof: Clause) -> set[int]:
    """Return what tells targets apart in the proof that a group has no solution; nothing if none of them has one."""
    from blast_pm.resolver.derivation import leaves

    return borders_of_clauses(universe, leaves(proof))


def borders_of_clauses(universe: Universe, clauses: Iterable[Clause]) -> set[int]:
    """Return the sets of targets on which the requirements hold that clauses were made of."""
    borders: set[int] = set()
    roots = universe.policy.roots
    for clause in clauses:
        cause = clause.cause
        if isinstance(cause, Asked):
            borders.update(mask for row, mask in roots if row == cause.requirement)
        elif isinstance(cause, Constrained):
            borders.update(
                mask
                for row, mask in universe.policy.constraints.get(cause.requirement.name, ())
                if row == cause.requirement
            )
        elif isinstance(cause, Depends | OwnDependency):
            borders.update(_where(universe, cause.package, clause, cause.requirements))
    group = universe.request.group
    return {border for border in borders if _cuts(border, group)}


def examine(solver: Solver, chosen: Chosen) -> Verdict:
    """Tell for which targets of a group a solution is what they would have got alone."""
    group = solver.universe.request.group
    reach = compute_reach(solver.universe, chosen)
    if not group & (group - 1):
        return Verdict(group, [], reach)
    examination = _Examination(solver, chosen, reach)
    examination.run()
    apart = split(group & ~examination.sound, examination.borders)
    if apart == [group]:
        apart = [1 << bit for bit in range(group.bit_length()) if group >> bit & 1]
    return Verdict(examination.sound, apart, reach)


def _cuts(border: int, group: int) -> bool:
    return bool(border & group) and bool(group & ~border)


def _where(universe: Universe, part: Package, clause: Clause, requirements: tuple[Requirement, ...]) -> Iterator[int]:
    """Yield the targets on which the requirements of a part hold that a clause was made of."""
    policy = universe.policy
    if not policy.overrides:
        for requirement in requirements:
            marker = requirement.marker
            yield policy.markers.holds_with(marker, part.extra) if part.extra else policy.markers.holds(marker)
        return
    versions = next(versions for package, versions in clause.terms if package is part) & ~NOT_SELECTED
    while versions:
        index = versions.bit_length() - 2
        versions ^= 2 << index
        rows = universe.rows(part, index)
        yield from () if isinstance(rows, Unusable) else (mask for row, mask in rows if row in requirements)


class _Examination:
    """Looks at one solution.

    Attributes:
        sound: the targets against which nothing was found.
        borders: what tells targets apart.
    """

    def __init__(self, solver: Solver, chosen: Chosen, reach: Reach) -> None:
        self._solver = solver
        self._universe = solver.universe
        self._group = solver.universe.request.group
        self._chosen = chosen
        self._reach = reach
        self.sound = self._group
        self.borders: set[int] = set()
        self._entangled: dict[int, Package] = {}
        self._waiting: list[Package] = []
        self._dropped: dict[int, int] = {}

    def run(self) -> None:
        self._collect_entangled()
        for package in self._chosen:
            if package is package.base:
                self._check_choice(package)
                self._check_address(package)
        while self._waiting:
            self._check_entangled(self._waiting.pop())

    def _hold_on(self, targets: int) -> None:
        """Note that something which the search went by holds on these targets only."""
        if self._group & ~targets:
            self.borders.add(targets)
            self.sound &= targets

    def _differ_on(self, targets: int) -> None:
        """Note that these targets would have got another answer, or might have."""
        self.borders.add(targets)
        self.sound &= ~targets

    def _entangle(self, package: Package) -> None:
        if package.base.id not in self._entangled:
            self._entangled[package.base.id] = package.base
            self._waiting.append(package.base)

    # -- packages in conflicts ----------------------------------------------------------------------------------------

    def _collect_entangled(self) -> None:
        solver = self._solver
        packages = self._universe.packages
        for clause in solver.lessons:
            if isinstance(clause.cause, Unusable):
                continue  # true on every target of the group
            for package, versions in clause.terms:
                self._entangle(package)
                self._dropped[package.base.id] = self._dropped.get(package.base.id, 0) | versions & ~NOT_SELECTED
        for number, versions in solver.ever.items():
            if versions & (versions - 1):
                self._entangle(packages[number])
        for border in borders_of_clauses(self._universe, solver.lessons):
            self._hold_on(border)

    def _check_entangled(self, package: Package) -> None:
        """Note where what a package was decided by differs."""
        relevant = self._relevant(package)
        self._hold_on(self._reach.masks.get(package.id, self._group))
        self._compare_choices(package, relevant)
        generations = self._reach.generations.get(package.id, ())
        first = min((generation for generation, _ in generations), default=0)
        for demand in self._reach.demands.get(package.id, ()):
            if relevant & ~demand.versions:
                self._hold_on(demand.targets)
                if demand.part is not None and demand.generation >= first:
                    self._entangle(demand.part)
        for part in (package, *package.proxies):
            self._check_versions_tried(part)
        self._hold_on(self._discovered_on(package.name, set()))

    def _relevant(self, package: Package) -> int:
        """Return the versions that a search may have looked at: all from the least wanted one that was tried.

        All versions count where one might be left alone in the end, because then it is decided before others.
        """
        tried = self._solver.ever.get(package.id, 0) | self._dropped.get(package.id, 0)
        everything = left = package.full & ~NOT_SELECTED
        for demand in self._reach.demands.get(package.id, ()):
            left &= demand.versions
        if not tried or package.preferred or not left & (left - 1):
            return everything
        if package.oldest:
            return everything & ((1 << tried.bit_length()) - 1)
        return everything & -(tried & -tried)

    def _compare_choices(self, package: Package, relevant: int) -> None:
        choices = package.choices
        if len(choices) < 2:
            return
        for choice in choices:
            if (choice.allowed & relevant, choice.preferred) != (package.full & relevant, package.preferred):
                self._differ_on(choice.targets)

    def _check_versions_tried(self, part: Package) -> None:
        """Note where the requirements of versions that were ever decided differ, as far as others depend on it."""
        universe = self._universe
        rest = self._solver.ever.get(part.id, 0)
        while rest:
            bit = rest & -rest
            rest ^= bit
            index = bit.bit_length() - 2
            self._hold_on(universe.limits.get((part.base.id, index), self._group))
            rows = universe.rows(part, index)
            for requirement, mask in rows if not isinstance(rows, Unusable) else ():
                other = universe.find(requirement.name)
                if other is None or other.id not in self._entangled or not self._group & ~mask:
                    continue
                relevant = self._relevant(other)
                if requirement.extras or relevant & ~universe.mask(other, requirement):
                    self._hold_on(mask)

    def _discovered_on(self, name: str, seen: set[str]) -> int:
        """Return the targets on which a project is certainly found by the same requirement as in the group."""
        part, mask = self._universe.discoverers[name]
        while part is not None and part.name not in seen:
            seen.add(part.name)
            part, where = self._universe.discoverers[part.name]
            mask &= where
        return mask

    # -- all others ---------------------------------------------------------------------------------------------------

    def _check_choice(self, package: Package) -> None:
        """Note where a target would have taken another version, or might have for want of an order."""
        where = self._reach.masks.get(package.id, 0)
        index = self._chosen[package]
        if where & ~self._universe.limits.get((package.id, index), -1):
            self._differ_on(where & ~self._universe.limits[package.id, index])
        bit = 2 << index
        for choice in package.choices:
            here = choice.targets & where
            if not here:
                continue
            if not choice.allowed & bit:
                self._differ_on(here)
                continue
            better = _wanted_before(package, choice, bit) & ~package.unusable
            if better:
                self._check_better(package, better, here)

    def _check_address(self, package: Package) -> None:
        """Note where a project would have been one of the index, for want of whoever named its address."""
        giver = self._universe.address_giver(package.name)
        if giver is not None and package.direct is not None:
            part, mask = giver
            self._hold_on(mask if part is None else mask & self._reach.masks.get(part.id, 0))

    def _check_better(self, package: Package, better: int, here: int) -> None:
        """Look for what rules out ``better`` versions on the targets ``here``, in time on each of them."""
        demands = self._reach.demands.get(package.id, ())
        for generation, mask in self._reach.generations[package.id]:
            targets = mask & here
            if not targets:
                continue
            for target in _parts(targets, [demand.targets for demand in demands]):
                rest = better
                for demand in demands:
                    if demand.targets & target and demand.generation < generation:
                        rest &= demand.versions
                if rest:
                    self._not_in_time(package, rest, target, generation)

    def _not_in_time(self, package: Package, better: int, target: int, generation: int) -> None:
        left = better
        for demand in self._reach.demands.get(package.id, ()):
            if demand.targets & target and demand.generation >= generation and left & ~demand.versions:
                left &= demand.versions
                if demand.part is not None:
                    self._entangle(demand.part)
        self._entangle(package)
        if left:
            if target != self._group:
                self._differ_on(target)
            self._trace(package, left)

    def _trace(self, package: Package, versions: int) -> None:
        """Entangle what ruled out versions of a package without a conflict, step by step."""
        clauses: list[Clause] = []
        waiting = [(package, versions)]
        seen: set[int] = set()
        while waiting:
            package, versions = waiting.pop()
            if package.id in seen:
                continue
            seen.add(package.id)
            self._entangle(package)
            before = package.full
            for _, _, rest, clause in self._solver.state.history[package.id]:
                if clause is not None and before & ~rest & versions:
                    clauses.append(clause)
                    waiting += [(other, other.full & ~mask) for other, mask in clause.terms if other is not package]
                before = rest
        for border in borders_of_clauses(self._universe, clauses):
            self._hold_on(border)


def _parts(targets: int, borders: Iterable[int]) -> Iterator[int]:
    parts = [targets]
    for border in borders:
        if _cuts(border, targets):
            parts = [part for whole in parts for part in (whole & border, whole & ~border) if part]
    yield from parts


def _wanted_before(package: Package, choice: Choice, bit: int) -> int:
    """Return the versions that would be tried before the one of ``bit``, as far as nothing rules them out."""
    before = bit - 1 if package.oldest else -(bit << 1)
    first = package.first & ~choice.preferred
    if bit & choice.preferred:
        wanted = choice.preferred & before
    elif bit & first:
        wanted = choice.preferred | first & before
    else:
        wanted = choice.preferred | first | before
    return wanted & choice.allowed & ~NOT_SELECTED
