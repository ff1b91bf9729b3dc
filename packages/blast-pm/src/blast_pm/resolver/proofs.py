"""From the clause that ended a search to the shortest proof found of it: few facts, and few conclusions between.

A search learns in the order in which it happened to look. What a reader wants is the facts that can't all be true,
told in one go if one can follow them so, else with as few conclusions between as possible.
"""

from __future__ import annotations

from blast_core.tuples import NamedTuple
from blast_pm.resolver.clauses import Asked, Clause, Constrained, Depends, Learned, SameVersion, Unusable
from blast_pm.resolver.propagation import shortest_refutation
from blast_pm.resolver.universe import NOT_SELECTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_core.requirements import Requirement
    from blast_pm.resolver.clauses import Term
    from blast_pm.resolver.propagation import Use

__all__ = ["Lemma", "leaves", "shorten"]

# Searches that learned more than this are retold lesson by lesson, without looking for a shorter way.
_MOST_FACTS = 600
_MOST_LEMMAS = 200
#: Words about the same trouble with different versions are joined by it.
_OTHERS = " or "
_MOST_DETAILS = 2


class Lemma(NamedTuple):
    """A clause and how it follows.

    Attributes:
        clause: without terms (or with terms that always hold) for the last one, that nothing fits.
        uses: facts and earlier lemmas, each after what it needs; the last one contradicts the others.
    """

    clause: Clause
    uses: tuple[Use, ...]


def leaves(clause: Clause) -> list[Clause]:
    """Return the clauses that a proof starts from, each once, in the order they are met."""
    return [other for other in _closure(clause) if not isinstance(other.cause, Learned)]


def shorten(clause: Clause, order: Mapping[Requirement, int]) -> list[Lemma]:
    """Return a short proof of a clause that a search ended with, what is used before what uses it.

    Args:
        clause: without terms, or with terms that always hold.
        order: places of the user's requirements, in the order to tell them.
    """
    known = _closure(clause)
    facts = _in_order([other for other in known if not isinstance(other.cause, Learned | SameVersion)], order)
    learned = [other for other in known if isinstance(other.cause, Learned)]
    if clause not in learned:  # the search ended with a fact that says it all
        learned.append(clause)
    facts = _without_duplicates(facts)
    shortener = _Shortener(facts)
    places = {id(other): place for place, other in enumerate(learned)}
    kept: dict[int, Lemma] = {}
    waiting = {len(learned) - 1}
    while waiting:
        place = max(waiting)
        waiting.discard(place)
        goal = learned[place]
        earlier = [learned[other] for other in sorted(waiting) if other < place]
        kept[place] = Lemma(goal, tuple(shortener.follow(goal, earlier)))
        waiting.update(
            places[id(use.clause)] for use in kept[place].uses if id(use.clause) in places and use.clause is not goal
        )
    return [kept[place] for place in sorted(kept)]


class _Shortener:
    def __init__(self, facts: Sequence[Clause]) -> None:
        self._facts = facts
        # Reasons stay apart until it is known which of them matter.
        self._united = [*_united([fact for fact in facts if not isinstance(fact.cause, Unusable)])]
        self._united += [fact for fact in facts if isinstance(fact.cause, Unusable)]
        self._left = _MOST_LEMMAS

    def follow(self, goal: Clause, earlier: Sequence[Clause]) -> list[Use]:
        """Return how ``goal`` follows from facts alone, else with what is told anyway, else as it was learned."""
        assumed = [] if _is_final(goal) else list(goal.terms)
        if len(self._facts) <= _MOST_FACTS and self._left:
            self._left -= 1
            for lemmas in ([], earlier) if earlier else ([],):
                for facts in (self._united, self._facts):
                    found = shortest_refutation([*facts, *lemmas], assumed)
                    if found is not None:
                        return self._unite(found, assumed)
        causes = _causes(goal) or [goal]
        found = shortest_refutation(_in_order(causes, {}), assumed)
        if found is None:  # it was learned from them, so they refute it
            raise AssertionError("a learned clause does not follow from its causes")
        return self._unite(found, assumed)

    def _unite(self, uses: list[Use], assumed: list[Term]) -> list[Use]:
        """Join what says the same of several versions, and fill the gaps in what they need, where that is enough."""
        clauses = list(
            {id(use.clause): use.clause for use in uses if not isinstance(use.clause.cause, SameVersion)}.values()
        )
        for simpler in (_united(clauses), _without_gaps(_united(clauses))):
            if [clause.terms for clause in simpler] != [clause.terms for clause in clauses]:
                uses = shortest_refutation(simpler, assumed) or uses
        return uses


def _is_final(clause: Clause) -> bool:
    return all(mask == package.full for package, mask in clause.terms) or not isinstance(clause.cause, Learned)


def _closure(clause: Clause) -> list[Clause]:
    """Return a clause and all that it was learned from, each once, causes first."""
    done: dict[int, Clause] = {}
    waiting: list[tuple[Clause, bool]] = [(clause, False)]
    while waiting:
        current, is_ready = waiting.pop()
        if id(current) in done:
            continue
        causes = _causes(current)
        if is_ready or not causes:
            done[id(current)] = current
            continue
        waiting.append((current, True))
        waiting += [(cause, False) for cause in reversed(causes)]
    return list(done.values())


def _causes(clause: Clause) -> list[Clause]:
    cause = clause.cause
    return [cause.first, *[other for _, other in cause.steps]] if isinstance(cause, Learned) else []


def _in_order(clauses: Sequence[Clause], order: Mapping[Requirement, int]) -> list[Clause]:
    """Sort what the user says first, then what is needed, then what stands against versions."""

    def place(clause: Clause) -> tuple[int, int]:
        cause = clause.cause
        if isinstance(cause, Asked):
            return 0, order.get(cause.requirement, len(order))
        return (1 if isinstance(cause, Depends) else 3 if isinstance(cause, Constrained) else 2), 0

    return sorted(clauses, key=place)


def _without_duplicates(facts: Sequence[Clause]) -> list[Clause]:
    """Join the facts about different versions of a package that say the same of them."""
    joined: dict[object, Clause] = {}
    for clause in facts:
        cause = clause.cause
        if isinstance(cause, Depends):
            key: object = ("depends", cause.package.id, clause.terms[-1])
            known = joined.get(key)
            joined[key] = clause if known is None else _join_depends(known, clause)
        else:
            joined[id(clause)] = clause
    return list(joined.values())


def _united(facts: Sequence[Clause]) -> list[Clause]:
    """Join the facts about different versions of one package.

    All that need another package need it in any of the versions that they ask for; all that can't be used for reasons
    of one kind can't be used.
    """
    united: dict[object, Clause] = {}
    for clause in facts:
        cause = clause.cause
        key: object = id(clause)
        if isinstance(cause, Depends):
            other, denied = clause.terms[-1]
            # What nothing fits stays apart: together with versions that do fit it would say nothing.
            key = (cause.package.id, other.id, denied == other.full)
        elif isinstance(cause, Unusable) and cause.kind != "missing":
            key = (cause.package.id, cause.kind)
        known = united.get(key)
        united[key] = clause if known is None else _join(known, clause)
    return list(united.values())


def _without_gaps(facts: Sequence[Clause]) -> list[Clause]:
    """Say of what several versions need only from where to where it goes: more than is so, but never less."""
    filled = []
    for clause in facts:
        cause = clause.cause
        if isinstance(cause, Depends) and len(cause.requirements) > 1:
            other, denied = clause.terms[-1]
            asked = other.full & ~denied & ~NOT_SELECTED
            whole = other.full & (1 << asked.bit_length()) - (asked & -asked) if asked else 0
            clause = Clause((clause.terms[0], (other, denied & ~whole)), cause)  # noqa: PLW2901 - the same, said shorter
        filled.append(clause)
    return filled


def _join(one: Clause, two: Clause) -> Clause:
    return _join_depends(one, two) if isinstance(one.cause, Depends) else _join_unusable(one, two)


def _join_depends(one: Clause, two: Clause) -> Clause:
    first, second = one.cause, two.cause
    assert isinstance(first, Depends)
    assert isinstance(second, Depends)
    versions = first.versions | second.versions
    requirements = tuple(dict.fromkeys((*first.requirements, *second.requirements)))
    other, denied = one.terms[-1]
    cause = Depends(first.package, versions, requirements)
    return Clause(((first.package, versions), (other, denied & two.terms[-1][1])), cause)


def _join_unusable(one: Clause, two: Clause) -> Clause:
    """Join the reasons against versions of one package, those of the newest versions first."""
    first, second = one.cause, two.cause
    assert isinstance(first, Unusable)
    assert isinstance(second, Unusable)
    (package, old), (_, new) = one.terms[0], two.terms[0]
    if old > new:
        first, second = second, first
    details = list(dict.fromkeys((*second.detail.split(_OTHERS), *first.detail.split(_OTHERS))))
    cause = second._replace(detail=_OTHERS.join(details[:_MOST_DETAILS]), known=second.known or first.known)
    return Clause(((package, old | new),), cause)
