"""PubGrub over sets of versions as ints: decide, propagate, learn, until everything selected is decided."""

from __future__ import annotations

from blast_core.errors import ResolutionLimit
from blast_pm.resolver.assignment import Assignment
from blast_pm.resolver.choice import Chooser, link_clause, need_clause
from blast_pm.resolver.clauses import Asked, Clause, Constrained, Depends, Learned, Unusable
from blast_pm.resolver.request import is_pin
from blast_pm.resolver.universe import NOT_SELECTED, Universe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.requirements import Requirement
    from blast_pm.resolver.request import Request
    from blast_pm.resolver.universe import Package

    #: Who asks (None: the project), in which version, for what, and on which targets.
    Wish = tuple[Package | None, int, Requirement, int]

__all__ = ["MOST_CONFLICTS", "Solver", "Unsolvable"]

#: Real projects take 0 to some 50 conflicts, the worst known ones some 2,000; a search that needs more than this would
#: hardly end within a minute.
MOST_CONFLICTS = 10_000
# Clauses and candidates looked at, with repetitions: some 20 s of work. A limit in seconds would give different answers
# on different machines.
_MOST_WORK = 100_000_000
_WORK_PER_LOOK = 20


class Unsolvable(Exception):
    """There is no solution.

    Args:
        clause: the clause without terms, whose cause is the proof.
    """

    def __init__(self, clause: Clause) -> None:
        super().__init__("unsolvable")
        self.clause = clause


class Solver:
    """One search.

    Args:
        request: the inputs.
        show_unusable: have versions that can't be chosen in the universe, with the reasons (for explanations).
        most_conflicts: give up after so many.
        most_visits: give up after reading so many candidates' dependencies; 0 for no limit.

    Attributes:
        universe: what was read.
        state: what is decided.
        conflicts: how many there were.
        lessons: the clauses that conflicts and drops were made of, in order.
        ever: by id of a package the versions that it was ever decided in.
    """

    def __init__(
        self,
        request: Request,
        *,
        show_unusable: bool = False,
        most_conflicts: int = MOST_CONFLICTS,
        most_visits: int = 0,
    ) -> None:
        self.universe = Universe(request, show_unusable=show_unusable)
        self.state = Assignment()
        self.conflicts = 0
        self._request = request
        self._most_conflicts = most_conflicts
        self._most_visits = most_visits
        self._waits = not show_unusable
        # A source that doesn't say it may.
        self._fetches_ahead = getattr(request.source, "fetches_ahead", True)
        self.lessons: list[Clause] = []
        self.ever: dict[int, int] = {}
        self._chooser = Chooser(self.universe, self.state)
        self._waiting: dict[str, list[Wish]] = {}
        self._expanded: set[tuple[int, int]] = set()

    def solve(self) -> None:
        """Search until everything that is selected is decided.

        Raises:
            Unsolvable: there is no solution.
            ResolutionLimit: the search was given up.
        """
        conflict = self._ask([(None, NOT_SELECTED, row, mask) for row, mask in self.universe.policy.roots])
        while True:
            if conflict is None:
                conflict = self.state.propagate()
            if conflict is not None:
                conflict = self._learn(conflict)
                continue
            number = self.state.pop_next()
            if number >= 0:
                if self._most_visits and self.universe.visited > self._most_visits:
                    raise self._limit()
                conflict = self._advance(self.state.packages[number])
                continue
            loaded, conflict = self._load_waiting()
            if not loaded:
                return

    def chosen(self) -> dict[Package, int]:
        """Return the index of the chosen version of every selected package and extra."""
        state = self.state
        return {state.packages[number]: state.left[number].bit_length() - 2 for number in state.order}

    # -- conflicts ----------------------------------------------------------------------------------------------------

    def _learn(self, conflict: Clause) -> Clause | None:
        self.conflicts += 1
        work = self.state.work + self._chooser.looks * _WORK_PER_LOOK
        if self.conflicts > self._most_conflicts or work > _MOST_WORK:
            raise self._limit()
        from blast_pm.resolver.analysis import analyze

        lesson = analyze(self.state, conflict)
        self.lessons.append(conflict)
        if isinstance(lesson.clause.cause, Learned):
            self.lessons += [clause for _, clause in lesson.clause.cause.steps]
        clause = lesson.clause
        if not lesson.steps and all(mask == package.full for package, mask in clause.terms):
            raise Unsolvable(clause)
        if not clause.terms:
            raise Unsolvable(clause)
        self.state.backtrack(lesson.level)
        if lesson.steps:
            return self.state.add_learned(clause)
        return self.state.add_known(clause)

    def _limit(self) -> ResolutionLimit:
        return ResolutionLimit(
            "no set of versions was found within the limit of the search",
            reason=f"{self.conflicts} conflicts between {len(self.state.packages)} packages were examined",
            hint="bounds on the packages that conflict most narrow the search: "
            + ", ".join(package.name for package in self._most_blamed()),
        )

    def _most_blamed(self) -> list[Package]:
        counts = [len(entries) for entries in self.state.history]
        best = sorted(range(len(counts)), key=lambda number: -counts[number])[:3]
        return [self.state.packages[number] for number in best]

    # -- decisions ----------------------------------------------------------------------------------------------------

    def _advance(self, package: Package) -> Clause | None:
        """Decide a selected package, or take in what stands against its most wanted versions."""
        state = self.state
        base = package.base
        if package is not base and state.decided[base.id] >= 0:
            parts = [package]
        else:
            if package is not base and state.left[base.id] & NOT_SELECTED:
                state.requeue(package.id)
                return state.add_pair(need_clause(package, state.left[package.id]))
            parts = [base, *[proxy for proxy in base.proxies if not state.left[proxy.id] & NOT_SELECTED]]
        for proxy in parts:
            missing = state.left[base.id] & ~state.left[proxy.id] & ~NOT_SELECTED
            if missing:
                state.requeue(package.id)
                return state.add_pair(link_clause(proxy, missing))
        bit, clauses = self._chooser.choose(parts)
        if clauses:
            state.requeue(package.id)
            return self._refuse(base, clauses)
        if (parts[0].id, bit) not in self._expanded:
            self._chooser.expect(base, state.left[base.id] & ~bit)
        state.decide(parts[0].id, bit)
        self.ever[parts[0].id] = self.ever.get(parts[0].id, 0) | bit
        if package is not parts[0]:
            state.requeue(package.id)
        return self._expand(parts[0], bit)

    def _refuse(self, package: Package, clauses: list[Clause]) -> Clause | None:
        conflict: Clause | None = None
        self.lessons += clauses
        for clause in clauses:
            found = self.state.add_known(clause) if len(clause.terms) == 1 else self.state.add_pair(clause)
            conflict = conflict or found
        swap = self._chooser.swap
        if swap is not None and conflict is None:
            self._let_choose_first(package, swap)
        return conflict

    def _let_choose_first(self, package: Package, other: Package) -> None:
        """Go back before the decision for ``other``, and decide ``package`` before it from now on."""
        state = self.state
        state.rank[package.id] = 0
        state.rank[other.id] = min(state.rank[other.id], 1)
        state.backtrack(state.decided[other.id] - 1)
        if not state.left[package.id] & NOT_SELECTED and state.decided[package.id] < 0:
            state.requeue(package.id)

    def _expand(self, part: Package, bit: int) -> Clause | None:
        """Take in what a decided version asks for."""
        key = (part.id, bit)
        if key in self._expanded:
            return None
        self._expanded.add(key)
        rows = self.universe.rows(part, bit.bit_length() - 2)
        return None if isinstance(rows, Unusable) else self._ask([(part, bit, row, mask) for row, mask in rows])

    # -- requirements -------------------------------------------------------------------------------------------------

    def _ask(self, rows: list[Wish]) -> Clause | None:
        """Take in requirements; those on projects not loaded yet wait until everything known is decided.

        Waiting is what lets the source fetch the pages of a whole generation of projects at once. Exact pins don't
        wait: they are decided first anyway.
        """
        universe = self.universe
        new = []
        for part, _, requirement, mask in rows:
            # What is known by address is not asked of an index, where its name may be somebody else's.
            indexed = not requirement.url and requirement.name not in self._request.direct
            if universe.discover(requirement.name, part, mask) and indexed:
                new.append(requirement.name)
            if requirement.url and universe.may_name_addresses(part, requirement):
                universe.note_address(requirement, part, mask)
        if new:
            self._request.source.prefetch(new)
        conflict: Clause | None = None
        for row in rows:
            requirement = row[2]
            if universe.find(requirement.name) is not None:
                found = self._connect(row)
            else:
                self._waiting.setdefault(requirement.name, []).append(row)
                early = is_pin(requirement.specifier) or not self._waits
                found = self._load(requirement.name) if early else None
            conflict = conflict or found
            if conflict is not None and not self.state.level:
                break  # final, so the other projects need not be read
        return conflict

    def _load_waiting(self) -> tuple[bool, Clause | None]:
        """Load the projects that something selected asks for; tell whether there was any."""
        left = self.state.left
        names = [
            name
            for name, rows in self._waiting.items()
            if any(part is None or not left[part.id] & ~bit for part, bit, _, _ in rows)
        ]
        conflict: Clause | None = None
        for name in names:
            found = self._load(name)
            conflict = conflict or found
        return bool(names), conflict

    def _load(self, name: str) -> Clause | None:
        package = self.universe.load(name)
        self.state.add(package)
        conflict: Clause | None = None
        for mask, reason in package.facts:
            if mask:
                conflict = self.state.assume(package, Clause(((package, mask),), reason)) or conflict
        for constraint, _ in self.universe.policy.constraints.get(name, ()):
            allowed = self.universe.mask(package, constraint) | NOT_SELECTED
            if package.full & ~allowed:
                clause = Clause(((package, package.full & ~allowed),), Constrained(constraint))
                conflict = self.state.assume(package, clause) or conflict
        for row in self._waiting.pop(name, ()):
            found = self._connect(row)
            conflict = conflict or found
        if self._fetches_ahead:
            self._prefetch_best(package)
        return conflict

    def _prefetch_best(self, package: Package) -> None:
        for bit in self._chooser.candidates(package, self.state.left[package.id]):
            if package.direct is None:
                text = package.table.texts[bit.bit_length() - 2]
                self._request.source.prefetch_dependencies(package.name, text)
            break

    def _connect(self, row: Wish) -> Clause | None:
        """Turn a requirement on a loaded project into clauses, one for the project and one for each extra."""
        part, bit, requirement, _ = row
        universe = self.universe
        base = universe.load(requirement.name)
        asked = universe.mask(base, requirement)
        conflict: Clause | None = None
        for extra in ("", *requirement.extras):
            package = base if not extra else universe.find(base.name, extra)
            if package is None:
                package = universe.proxy(base, extra)
                self.state.add(package)
            if part is not None and (package is part or package is part.base):
                continue
            if part is None:
                clause = Clause(((package, package.full & ~asked),), Asked(requirement))
                found = self.state.assume(package, clause)
            else:
                clause = Clause(((part, bit), (package, package.full & ~asked)), Depends(part, bit, (requirement,)))
                found = self.state.add_pair(clause)
            conflict = conflict or found
        return conflict
