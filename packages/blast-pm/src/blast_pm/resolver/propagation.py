"""Following a handful of clauses to a contradiction, for proofs that are to be told.

What unit propagation derives needs no 'suppose that': each clause in turn forces one package, as a person would follow
it. Every clause that a search learns follows so from those it was learned from, so any proof can be told in this way.
"""

from __future__ import annotations

from blast_core.tuples import NamedTuple
from blast_pm.resolver.choice import link_clause, need_clause
from blast_pm.resolver.clauses import Clause, Depends
from blast_pm.resolver.universe import NOT_SELECTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from blast_pm.resolver.clauses import Term
    from blast_pm.resolver.universe import Package

__all__ = ["Use", "refute", "shortest_refutation"]

# Leaving out what is not needed costs a refutation for each clause; longer ones stay as they are.
_MOST_LEFT_OUT = 60


class Use(NamedTuple):
    """One clause at work.

    Attributes:
        clause: all its terms but one were true, so that one is false.
        narrows: the package of that one; None at the end, where all terms were true.
        before: what was left of that package, 0 at the end.
        subject: what was left of the clause's first package.
        needs: for each of the true terms the package and the places of the earlier uses that made it true; none where
            it is assumed.
    """

    clause: Clause
    narrows: Package | None
    before: int
    subject: int
    needs: tuple[tuple[Package, tuple[int, ...]], ...]


def refute(clauses: Sequence[Clause], assumed: Iterable[Term] = ()) -> list[Use] | None:
    """Return the uses that lead to a contradiction, each after those that it needs; None if there is none.

    Args:
        clauses: what is known; that an extra is installed in its package's version need not be among it.
        assumed: terms that are taken as true.

    Cost: a few passes over the clauses.
    """
    search = _Search(clauses, assumed)
    return _users_order(search.needed()) if search.run() else None


def _users_order(uses: list[Use]) -> list[Use]:
    """End with what the user says rather than with a dependency, where both say the contrary of one package.

    'You ask for a, which needs b<2. But you ask for b>=2' is told in the order of the requirements, whichever of them
    the clauses met first.
    """
    last = uses[-1]
    if not isinstance(last.clause.cause, Depends) or len(last.clause.terms) != 2:
        return uses
    subject, other = last.clause.terms[0][0], last.clause.terms[1][0]
    needs = dict(last.needs)
    if len(needs.get(other, ())) != 1 or not needs.get(subject):
        return uses
    place = needs[other][0]
    said = uses[place]
    is_elsewhere = any(place in reasons for use in uses[:-1] for _, reasons in use.needs)
    if said.narrows is not other or len(said.clause.terms) != 1 or is_elsewhere:
        return uses
    if not place > min(_grounds(uses, needs[subject])):
        return uses
    turned = [use for at, use in enumerate(uses[:-1]) if at != place]

    def moved(at: int) -> int:
        return at - 1 if at > place else at

    turned = [
        use._replace(needs=tuple((package, tuple(map(moved, reasons))) for package, reasons in use.needs))
        for use in turned
    ]
    reasons = tuple(map(moved, needs[subject]))
    turned.append(last._replace(narrows=other, before=other.full, needs=((subject, reasons),)))
    left = other.full & ~last.clause.terms[1][1]
    turned.append(said._replace(narrows=None, before=0, subject=left, needs=((other, (len(turned) - 1,)),)))
    return turned


def _grounds(uses: list[Use], places: tuple[int, ...]) -> set[int]:
    """Return the places of the uses without needs that others build on."""
    found: set[int] = set()
    waiting = list(places)
    while waiting:
        place = waiting.pop()
        reasons = [other for _, others in uses[place].needs for other in others]
        waiting += reasons
        if not reasons:
            found.add(place)
    return found


def shortest_refutation(clauses: Sequence[Clause], assumed: Sequence[Term] = ()) -> list[Use] | None:
    """Return a refutation of which no clause can be left out, the last clauses being the first to go.

    Cost: a refutation for each clause that the first one uses, up to a limit.
    """
    uses = refute(clauses, assumed)
    if uses is None:
        return None
    used = {id(use.clause) for use in uses}
    kept = [clause for clause in clauses if id(clause) in used]
    for clause in kept[::-1][:_MOST_LEFT_OUT]:
        if not any(other is clause for other in kept):
            continue
        shorter = refute([other for other in kept if other is not clause], assumed)
        if shorter is not None:
            uses = shorter
            used = {id(use.clause) for use in uses}
            kept = [other for other in kept if id(other) in used]
    return uses


class _Search:
    def __init__(self, clauses: Sequence[Clause], assumed: Iterable[Term]) -> None:
        self._clauses = clauses
        self._left: dict[Package, int] = {}
        self._uses: list[Use] = []
        # By package: what each use allows, in order; -1 is an assumption.
        self._history: dict[Package, list[tuple[int, int]]] = {}
        for package, mask in assumed:
            self._narrow(package, mask, -1)
        mentioned = {package: None for clause in clauses for package, _ in clause.terms}
        mentioned.update(dict.fromkeys(self._left))
        self._extras = [package for package in mentioned if package is not package.base]

    def run(self) -> bool:
        """Apply clauses until one has only true terms.

        Those that say what something needs go before those that rule something out because of what it needs: a story
        runs forwards.
        """
        while True:
            if self._pass(forwards=True):
                return True
            count = len(self._uses)
            if self._pass(forwards=False):
                return True
            if len(self._uses) == count:
                return False

    def _pass(self, *, forwards: bool) -> bool:
        moved = True
        while moved:
            count = len(self._uses)
            if any(self._apply(clause, forwards=forwards) for clause in self._clauses):
                return True
            if any(self._apply(clause, forwards=False) for proxy in self._extras for clause in self._links(proxy)):
                return True
            moved = len(self._uses) > count and forwards
        return False

    def _links(self, proxy: Package) -> list[Clause]:
        base = proxy.base
        links = []
        allowed = self._left.get(base, base.full)
        if allowed != base.full and not allowed & NOT_SELECTED:
            links.append(link_clause(proxy, allowed))
        wanted = self._left.get(proxy, proxy.full)
        if not wanted & NOT_SELECTED:
            links.append(need_clause(proxy, wanted))
        return links

    def _apply(self, clause: Clause, *, forwards: bool) -> bool:
        """Use the clause if it says something new; tell whether it is the contradiction."""
        open_term: Term | None = None
        for package, mask in clause.terms:
            left = self._left.get(package, package.full)
            if not left & ~mask:
                continue
            if not left & mask or open_term is not None:
                return False
            open_term = package, mask
        first = clause.terms[0][0] if clause.terms else None
        subject = self._left.get(first, first.full) if first is not None else 0
        if open_term is None:
            self._uses.append(Use(clause, None, 0, subject, self._needs(clause, None)))
            return True
        package, mask = open_term
        if forwards and isinstance(clause.cause, Depends) and package is not clause.terms[-1][0]:
            return False
        before = self._left.get(package, package.full)
        self._uses.append(Use(clause, package, before, subject, self._needs(clause, package)))
        self._narrow(package, package.full & ~mask, len(self._uses) - 1)
        return False

    def _narrow(self, package: Package, allowed: int, use: int) -> None:
        self._left[package] = self._left.get(package, package.full) & allowed
        self._history.setdefault(package, []).append((use, allowed))

    def _needs(self, clause: Clause, narrows: Package | None) -> tuple[tuple[Package, tuple[int, ...]], ...]:
        return tuple(
            (package, self._reasons(package, mask)) for package, mask in clause.terms if package is not narrows
        )

    def _reasons(self, package: Package, mask: int) -> tuple[int, ...]:
        """Return few uses that together leave nothing of the package outside of ``mask``: one if one is enough."""
        entries = self._history.get(package, [])
        for use, allowed in entries:
            if not allowed & package.full & ~mask:
                return (use,) if use >= 0 else ()
        kept = list(entries)
        for entry in reversed(entries):
            left = package.full
            for other in kept:
                if other is not entry:
                    left &= other[1]
            if not left & ~mask:
                kept.remove(entry)
        return tuple(use for use, _ in kept if use >= 0)

    def needed(self) -> list[Use]:
        """Return the uses that the last one builds on, renumbered."""
        wanted = {len(self._uses) - 1}
        for place in range(len(self._uses) - 1, -1, -1):
            if place in wanted:
                wanted.update(other for _, others in self._uses[place].needs for other in others)
        numbers = {place: number for number, place in enumerate(sorted(wanted))}
        return [
            use._replace(
                needs=tuple((package, tuple(numbers[other] for other in others)) for package, others in use.needs)
            )
            for place, use in enumerate(self._uses)
            if place in wanted
        ]
