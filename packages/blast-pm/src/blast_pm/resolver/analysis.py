"""From a conflict to what is to be learned from it: the first unique implication point, by resolution."""

from __future__ import annotations

from blast_core.tuples import NamedTuple
from blast_pm.resolver.clauses import Clause, Learned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_pm.resolver.assignment import Assignment
    from blast_pm.resolver.universe import Package

    #: Trail position, level and index in the package's history of the entry that made a term true.
    Satisfier = tuple[int, int, int]

__all__ = ["Lesson", "analyze"]


class Lesson(NamedTuple):
    """What a conflict teaches.

    Attributes:
        clause: true in general, and violated now; without terms where there is no solution.
        level: the lowest level on which all but one of its terms stay satisfied.
        steps: how many clauses it was resolved with.
    """

    clause: Clause
    level: int
    steps: int


def analyze(state: Assignment, conflict: Clause) -> Lesson:
    """Resolve a violated clause with the causes of its terms until only one of them stems from its level.

    Cost: one look at the histories of the clause's packages, and of each clause's that it is resolved with.
    """
    terms: dict[int, int] = {}
    satisfiers: dict[int, Satisfier] = {}
    _merge(state, terms, satisfiers, conflict, -1)
    steps: list[tuple[Package, Clause]] = []
    while terms:
        pivot = max(satisfiers, key=lambda number: satisfiers[number][0])
        _, level, index = satisfiers[pivot]
        cause = state.history[pivot][index][3]
        below = max((other[1] for number, other in satisfiers.items() if number != pivot), default=0)
        if cause is None or below < level:
            return Lesson(_learned(state, terms, conflict, steps), below, len(steps))
        steps.append((state.packages[pivot], cause))
        _merge(state, terms, satisfiers, cause, pivot)
    return Lesson(_learned(state, terms, conflict, steps), 0, len(steps))


def _learned(state: Assignment, terms: dict[int, int], conflict: Clause, steps: list[tuple[Package, Clause]]) -> Clause:
    if not steps:
        return conflict
    packages = state.packages
    return Clause(tuple((packages[number], mask) for number, mask in terms.items()), Learned(conflict, tuple(steps)))


def _merge(
    state: Assignment, terms: dict[int, int], satisfiers: dict[int, Satisfier], clause: Clause, pivot: int
) -> None:
    """Resolve ``terms`` with ``clause`` on ``pivot``: masks unite there and intersect elsewhere."""
    for package, other in clause.terms:
        number = package.id
        known = terms.get(number)
        mask = other
        if known is not None:
            mask = other | known if number == pivot else other & known
        if mask == package.full:
            terms.pop(number, None)
            satisfiers.pop(number, None)
        elif mask != known:
            terms[number] = mask
            satisfiers[number] = _satisfier(state, number, mask)


def _satisfier(state: Assignment, number: int, mask: int) -> Satisfier:
    """Return the earliest entry of a package's history that satisfies the term."""
    entries = state.history[number]
    index = len(entries) - 1
    outside = ~mask
    while index and not entries[index - 1][2] & outside:
        index -= 1
    return entries[index][0], entries[index][1], index
