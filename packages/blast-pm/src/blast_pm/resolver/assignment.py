"""The partial solution of PubGrub: what is left for each package, why, and what follows from it.

Per package one int, the versions still possible (bit 0: not to be selected at all). A clause of two terms lies in flat
watch lists of both its packages: when the one's term is satisfied, the other's is denied with one ``&``. Longer clauses
are watched through two of their terms.
"""

from __future__ import annotations

from heapq import heappop, heappush

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_pm.resolver.clauses import Clause
    from blast_pm.resolver.universe import Package

    #: Where in the trail, on which level, what was left then, and the clause it follows from (None for a decision).
    Entry = tuple[int, int, int, Clause | None]
    #: The term is satisfied if nothing of the first is left; then only the last is left of the package between.
    Watch = tuple[int, int, int, Clause]

__all__ = ["Assignment"]


class _LongClause:
    """A clause of three or more terms; the first two are the watched ones.

    ``outside`` and ``ids`` are parallel: the versions that do not satisfy the term, and the package.
    """

    __slots__ = ("clause", "ids", "outside")

    def __init__(self, clause: Clause, ids: list[int], outside: list[int]) -> None:
        self.clause = clause
        self.ids = ids
        self.outside = outside


class Assignment:
    """What is decided and derived, with the history that conflict analysis and backtracking need.

    Attributes:
        packages: by id.
        left: per package the versions still possible, never 0.
        history: per package its entries, oldest first; the first one has no trail position.
        level: how many decisions stand.
        decided: per package the level of its decision, -1 if undecided.
        rank: per package its class when the next decision is chosen: 0 before 1 before 2.
        order: the decided packages, by level (level 1 first).
        work: how many clauses propagation has looked at: a measure of effort that is the same on every machine.
    """

    def __init__(self) -> None:
        self.packages: list[Package] = []
        self.left: list[int] = []
        self.history: list[list[Entry]] = []
        self.decided: list[int] = []
        self.order: list[int] = []
        self.level = 0
        self.work = 0
        self._trail: list[int] = []
        self._level_starts: list[int] = []
        self._pairs: list[list[Watch]] = []
        self._long: list[list[tuple[int, _LongClause]]] = []
        self._changed: list[int] = []
        self._young: list[tuple[int, Clause | int]] = []
        self._recheck: list[Clause | int] = []
        self._open: list[tuple[int, int, int]] = []
        self._single: list[tuple[int, int, int]] = []
        self.rank: list[int] = []

    # -- packages -----------------------------------------------------------------------------------------------------

    def add(self, package: Package) -> None:
        """Take in a package about which nothing is known yet."""
        self.packages.append(package)
        self.left.append(package.full)
        self.history.append([(-1, 0, package.full, None)])
        self.decided.append(-1)
        self.rank.append(2)
        self._pairs.append([])
        self._long.append([])

    def pop_next(self) -> int:
        """Return the selected, undecided package to decide next, -1 if there is none.

        Those with one candidate left come first, then by rank, then in order of discovery. The package is off the queue
        until it is decided and the decision taken back, or ``requeue``.
        """
        left = self.left
        decided = self.decided
        single = self._single
        while single:
            number = heappop(single)[2]
            rest = left[number]
            if decided[number] < 0 and not rest & 1 and not rest & (rest - 1):
                return number
        waiting = self._open
        while waiting:
            number = heappop(waiting)[2]
            if decided[number] < 0 and not left[number] & 1:
                return number
        return -1

    def requeue(self, number: int) -> None:
        """Put a selected, undecided package where ``pop_next`` finds it."""
        package = self.packages[number]
        key = (self.rank[number], package.order, number)
        heappush(self._open, key)
        rest = self.left[number]
        if not rest & (rest - 1):
            heappush(self._single, key)

    # -- assigning ----------------------------------------------------------------------------------------------------

    def decide(self, number: int, bit: int) -> None:
        """Choose one version of a package, on a new level."""
        self.level += 1
        self._level_starts.append(len(self._trail))
        self.decided[number] = self.level
        self.order.append(number)
        self._set(number, bit, None)

    def _set(self, number: int, rest: int, clause: Clause | None) -> None:
        before = self.left[number]
        self.left[number] = rest
        self.history[number].append((len(self._trail), self.level, rest, clause))
        self._trail.append(number)
        self._changed.append(number)
        if not rest & 1 and self.decided[number] < 0:
            key = (self.rank[number], self.packages[number].order, number)
            if before & 1:
                heappush(self._open, key)
            if not rest & (rest - 1):
                heappush(self._single, key)

    def assume(self, package: Package, clause: Clause) -> Clause | None:
        """Take in a clause of one term as a fact from the beginning; return it if it can't be true now."""
        number = package.id
        keep = package.full & ~clause.terms[0][1]
        if not self.left[number] & ~keep:
            return None
        if not self.left[number] & keep:
            self._note(clause)
            return clause
        entries = self.history[number]
        first = 1
        while first < len(entries) and entries[first][0] < 0:
            first += 1
        rest = entries[first - 1][2] & keep
        was_open = not self.left[number] & 1
        self.history[number] = [
            *entries[:first],
            (-1, 0, rest, clause),
            *[(at, level, after & keep, why) for at, level, after, why in entries[first:]],
        ]
        self.left[number] &= keep
        self._changed.append(number)
        self._note(number)
        if not self.left[number] & 1 and self.decided[number] < 0:
            if not was_open:
                self.requeue(number)
            elif not self.left[number] & (self.left[number] - 1):
                heappush(self._single, (self.rank[number], package.order, number))
        return None

    def add_pair(self, clause: Clause) -> Clause | None:
        """Take in a clause of two terms and draw its conclusion, if any; return it if it is in conflict."""
        (first, first_mask), (second, second_mask) = clause.terms
        p, q = first.id, second.id
        not_p, not_q = first.full & ~first_mask, second.full & ~second_mask
        self._pairs[p].append((not_p, q, not_q, clause))
        self._pairs[q].append((not_q, p, not_p, clause))
        self._note(clause)
        return self._conclude(clause)

    def add_learned(self, clause: Clause) -> Clause | None:
        """Take in a clause of any length that leaves one conclusion now; return it if it is in conflict."""
        terms = clause.terms
        if len(terms) == 1:
            return self.assume(terms[0][0], clause)
        if len(terms) == 2:
            return self.add_pair(clause)
        record = _LongClause(
            clause, [package.id for package, _ in terms], [package.full & ~mask for package, mask in terms]
        )
        self._watch_last(record)
        for number, outside in zip(record.ids[:2], record.outside, strict=False):
            self._long[number].append((outside, record))
        self._note(clause)
        return self._conclude(clause)

    def add_known(self, clause: Clause) -> Clause | None:
        """Draw the conclusion of a clause that is watched already, or has one term; return it if it is in conflict."""
        return self.assume(clause.terms[0][0], clause) if len(clause.terms) == 1 else self._conclude(clause)

    def _watch_last(self, record: _LongClause) -> None:
        """Move the terms that backtracking frees first to the front: unsatisfied ones, then the latest satisfied."""
        left, history = self.left, self.history

        def freed(place: int) -> int:
            number, outside = record.ids[place], record.outside[place]
            if left[number] & outside:
                return -(1 << 60)
            entries = history[number]
            at = len(entries) - 1
            while at and not entries[at - 1][2] & outside:
                at -= 1
            return -entries[at][0]

        places = sorted(range(len(record.ids)), key=freed)
        record.ids = [record.ids[place] for place in places]
        record.outside = [record.outside[place] for place in places]

    def _note(self, news: Clause | int) -> None:
        """Remember what was learned above level 0: after backtracking it may say something on a lower level too."""
        if self.level:
            self._young.append((self.level, news))

    def _conclude(self, clause: Clause) -> Clause | None:
        """Draw the conclusion of a clause of which all terms but one are satisfied; return it if all are."""
        left = self.left
        free: tuple[int, int] | None = None
        for package, mask in clause.terms:
            if left[package.id] & ~mask:
                if free is not None:
                    return None
                free = (package.id, ~mask)
        if free is None:
            return clause
        return self._deny(*free, clause)

    def _deny(self, number: int, keep: int, clause: Clause) -> Clause | None:
        before = self.left[number]
        rest = before & keep
        if rest == before:
            return None
        if not rest:
            return clause
        self._set(number, rest, clause)
        return None

    # -- consequences -------------------------------------------------------------------------------------------------

    def propagate(self) -> Clause | None:
        """Draw all conclusions from what has changed; return the clause that is in conflict, if one is."""
        changed = self._changed
        conflict = self._propagate_young()
        if conflict is not None:
            return conflict
        left = self.left
        pairs = self._pairs
        at = 0
        while at < len(changed):
            number = changed[at]
            at += 1
            rest = left[number]
            self.work += len(pairs[number]) + len(self._long[number])
            for outside, other, keep, clause in pairs[number]:
                if rest & outside:
                    continue
                before = left[other]
                after = before & keep
                if after != before:
                    if not after:
                        changed.clear()
                        return clause
                    self._set(other, after, clause)
                    rest = left[number]
            if self._long[number]:
                conflict = self._propagate_long(number)
                if conflict is not None:
                    changed.clear()
                    return conflict
        changed.clear()
        return None

    def _propagate_young(self) -> Clause | None:
        """Look again at what was learned above the level that backtracking has returned to."""
        waiting = self._recheck
        while waiting:
            news = waiting.pop()
            if isinstance(news, int):
                self._changed.append(news)
                continue
            conflict = self._conclude(news)
            if conflict is not None:
                waiting.clear()
                self._changed.clear()
                return conflict
        return None

    def _propagate_long(self, number: int) -> Clause | None:
        watched = self._long[number]
        rest = self.left[number]
        moved: set[_LongClause] = set()
        conflict: Clause | None = None
        for record in [record for outside, record in watched if not rest & outside]:
            if self._move(record, number):
                moved.add(record)
                continue
            other = 1 if record.ids[0] == number else 0
            conflict = self._deny(record.ids[other], record.outside[other], record.clause)
            if conflict is not None:
                break
        if moved:
            self._long[number] = [entry for entry in watched if entry[1] not in moved]
        return conflict

    def _move(self, record: _LongClause, number: int) -> bool:
        """Watch another unsatisfied term instead of the one on ``number``; tell whether there was one."""
        ids, outside, left = record.ids, record.outside, self.left
        for place in range(2, len(ids)):
            if left[ids[place]] & outside[place]:
                mine = 0 if ids[0] == number else 1
                ids[mine], ids[place] = ids[place], ids[mine]
                outside[mine], outside[place] = outside[place], outside[mine]
                self._long[ids[mine]].append((outside[mine], record))
                return True
        return False

    # -- going back ---------------------------------------------------------------------------------------------------

    def backtrack(self, level: int) -> None:
        """Take back all decisions above ``level`` and what followed from them."""
        if level >= self.level:
            return
        start = self._level_starts[level]
        del self._level_starts[level:]
        trail = self._trail
        touched = set(trail[start:])
        del trail[start:]
        for number in touched:
            entries = self.history[number]
            while entries[-1][0] >= start:
                entries.pop()
            self.left[number] = entries[-1][2]
        for number in self.order[level:]:
            self.decided[number] = -1
        del self.order[level:]
        self.level = level
        self._changed.clear()
        self._recall(level)
        for number in touched:
            if not self.left[number] & 1:
                self.requeue(number)

    def _recall(self, level: int) -> None:
        young = self._young
        recalled: list[Clause | int] = []
        while young and young[-1][0] > level:
            recalled.append(young.pop()[1])
        recalled.reverse()
        self._recheck = recalled
        if level:
            young += [(level, news) for news in recalled]
