"""From a set of targets to a short marker that holds on just these, of all that a lock has.

The marker need not be right anywhere else, which is what makes it short: of six platforms the two Macs are
``sys_platform == "darwin"``. Sets are masks; a product of a range of Pythons and of some marker values is a *term*, and
the marker is the cheapest ``or`` of terms that is found by taking the most for its length first, or the like of what
the complement gives by De Morgan.
"""

from __future__ import annotations

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from blast_core.interpreter import Target

__all__ = ["MarkerWriter", "shortest_marker"]

# In the order in which they are preferred; later ones only where the earlier ones leave targets alike.
_VARIABLES = (
    "sys_platform",
    "platform_machine",
    "implementation_name",
    "os_name",
    "platform_system",
    "platform_python_implementation",
)
_PREFERRED = 3
_PYTHON = "python_version"

#: A comparison: its text and that of its opposite.
_Literal = tuple[str, str]


class _Term(NamedTuple):
    """Comparisons that must all hold, and the targets on which they do."""

    mask: int
    cost: int
    literals: tuple[_Literal, ...]


class MarkerWriter:
    """Writes markers for the targets of one lock, and remembers them.

    Args:
        environments: the marker values of target i, where bit i of every mask stands for it.
    """

    __slots__ = ("_everywhere", "_known", "_terms")

    def __init__(self, environments: Sequence[Mapping[str, str]]) -> None:
        self._everywhere = (1 << len(environments)) - 1
        self._terms = _make_terms(environments, self._everywhere)
        self._known: dict[int, str | None] = {self._everywhere: ""}

    def write(self, mask: int) -> str | None:
        """Return a marker that holds on the targets of ``mask`` and on no other; "" for all of them.

        Returns:
            None where no marker tells them apart: two targets have the same values, or there is none.
        """
        if mask not in self._known:
            self._known[mask] = self._write(mask)
        return self._known[mask]

    def _write(self, mask: int) -> str | None:
        texts = []
        chosen = self._cover(mask)
        if chosen is not None:
            texts.append(_any_of(chosen))
        rest = self._cover(self._everywhere & ~mask)
        if rest is not None:
            texts.append(_none_of(rest))
        return min(texts, key=lambda text: (_length(text), text), default=None)

    def _cover(self, mask: int) -> list[_Term] | None:
        """Return terms that hold together on just ``mask``; None if there are none."""
        usable = [term for term in self._terms if not term.mask & ~mask]
        left, chosen = mask, list[_Term]()
        while left:
            best = max(usable, key=lambda term: ((term.mask & left).bit_count() / term.cost, -term.cost), default=None)
            if best is None or not best.mask & left:
                return None
            chosen.append(best)
            left &= ~best.mask
        return _without_needless(chosen, mask) if chosen else None


def shortest_marker(mask: int, targets: Sequence[Target]) -> str:
    """Return a short marker that holds on the targets in ``mask`` and on none of the others.

    Args:
        mask: bit i for ``targets[i]``.
        targets: all targets of a lock.

    Returns:
        "" where the mask is that of all targets, or where no marker tells the targets apart.

    Cost: some milliseconds for the first marker of 60 targets; use a ``MarkerWriter`` for many.
    """
    writer = _writers.get(key := tuple(target.name for target in targets))
    if writer is None:
        _writers.clear()
        writer = _writers[key] = MarkerWriter([target.marker_environment for target in targets])
    return writer.write(mask) or ""


_writers: dict[tuple[str, ...], MarkerWriter] = {}


def _make_terms(environments: Sequence[Mapping[str, str]], everywhere: int) -> tuple[_Term, ...]:
    """Return all terms, for each mask the cheapest."""
    pythons = _python_ranges(environments)
    names = _telling(environments)
    singles = [term for name in names for term in _comparisons(name, environments)]
    platforms = [_Term(everywhere, 0, ()), *singles, *_alone(names, environments)]
    for at, left in enumerate(singles):
        platforms += [_both(left, right) for right in singles[at + 1 :] if _cross(left.mask, right.mask)]
    best: dict[int, _Term] = {}
    for platform in _cheapest(platforms).values():
        for python in (_Term(everywhere, 0, ()), *pythons):
            term = _both(python, platform)
            if term.mask and term.literals and (term.mask not in best or term.cost < best[term.mask].cost):
                best[term.mask] = term
    return tuple(best.values())


def _python_ranges(environments: Sequence[Mapping[str, str]]) -> list[_Term]:
    minors = sorted({_minor(environment) for environment in environments})
    if any(len(minor) != 2 for minor in minors):
        return []
    masks = {
        minor: sum(1 << bit for bit, environment in enumerate(environments) if _minor(environment) == minor)
        for minor in minors
    }
    found = []
    for first in range(len(minors)):
        for last in range(first, len(minors)):
            if last - first + 1 == len(minors):
                continue
            mask = sum(masks[minor] for minor in minors[first : last + 1])
            literals = []
            if first == last and 0 < first < len(minors) - 1:
                literals.append(_compare(_PYTHON, "==", "!=", _dotted(minors[first])))
            else:
                if first:
                    literals.append(_compare(_PYTHON, ">=", "<", _dotted(minors[first])))
                if last < len(minors) - 1:
                    literals.append(_compare(_PYTHON, "<", ">=", _dotted(minors[last + 1])))
            found.append(_term(mask, literals))
    everything = sum(masks.values())
    others = [(minor, _compare(_PYTHON, "!=", "==", _dotted(minor))) for minor in minors[1:-1]]
    found += [_term(everything & ~masks[minor], [literal]) for minor, literal in others]
    return list(_cheapest(found).values())


def _comparisons(name: str, environments: Sequence[Mapping[str, str]]) -> list[_Term]:
    values: dict[str, int] = {}
    for bit, environment in enumerate(environments):
        value = environment.get(name, "")
        values[value] = values.get(value, 0) | 1 << bit
    everywhere = (1 << len(environments)) - 1
    found = []
    if len(values) > 1:
        for value, mask in values.items():
            if not value.isprintable() or '"' in value or "\\" in value:
                continue
            found.append(_term(mask, [_compare(name, "==", "!=", value)]))
            found.append(_term(everywhere & ~mask, [_compare(name, "!=", "==", value)]))
    return found


def _alone(names: Sequence[str], environments: Sequence[Mapping[str, str]]) -> Iterable[_Term]:
    """Yield for each platform the term of all of its values, so that every one can be told from all others."""
    by_name = {
        (name, literals[0][0]): (mask, literals)
        for name in names
        for mask, _, literals in _comparisons(name, environments)
    }
    for values in dict.fromkeys(tuple((name, one.get(name, "")) for name in names) for one in environments):
        rows = [by_name.get((name, f'{name} == "{value}"')) for name, value in values]
        told = [row for row in rows if row is not None]
        mask = (1 << len(environments)) - 1
        for one, _ in told:
            mask &= one
        yield _term(mask, [literal for _, literals in told for literal in literals])


def _telling(environments: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
    """Return the variables to use: the preferred ones, and others as far as these leave targets alike.

    A variable that some target says nothing about tells nothing.
    """
    known = tuple(name for name in _VARIABLES if all(name in one for one in environments))
    whole = {(_minor(one), *(one[name] for name in known)) for one in environments}
    for count in range(_PREFERRED, len(known)):
        names = known[:count]
        if len({(_minor(one), *(one[name] for name in names)) for one in environments}) == len(whole):
            return names
    return known


def _minor(environment: Mapping[str, str]) -> tuple[int, ...]:
    parts = environment.get(_PYTHON, "").split(".")
    return tuple(int(part) for part in parts if part.isdecimal())


def _dotted(minor: tuple[int, ...]) -> str:
    return ".".join(map(str, minor))


def _compare(name: str, operator: str, opposite: str, value: str) -> _Literal:
    return f'{name} {operator} "{value}"', f'{name} {opposite} "{value}"'


def _term(mask: int, literals: Iterable[_Literal]) -> _Term:
    rows = tuple(literals)
    return _Term(mask, sum(_length(text) + 5 for text, _ in rows), rows)


def _length(text: str) -> int:
    """Return how long a marker is to a reader: what it is not says less than what it is."""
    return len(text) + 4 * text.count("!=")


def _both(left: _Term, right: _Term) -> _Term:
    return _Term(left.mask & right.mask, left.cost + right.cost, (*left.literals, *right.literals))


def _cross(left: int, right: int) -> bool:
    """Tell whether the sets have something in common and neither holds the other."""
    return left & right not in (0, left, right)


def _cheapest(terms: Iterable[_Term]) -> dict[int, _Term]:
    best: dict[int, _Term] = {}
    for term in terms:
        if term.mask not in best or term.cost < best[term.mask].cost:
            best[term.mask] = term
    return best


def _without_needless(terms: list[_Term], mask: int) -> list[_Term]:
    kept = list(terms)
    for term in sorted(terms, key=lambda term: -term.cost):
        covered = 0
        for other in kept:
            if other is not term:
                covered |= other.mask
        if covered == mask:
            kept.remove(term)
    return kept


def _any_of(terms: Sequence[_Term]) -> str:
    texts = [" and ".join(text for text, _ in term.literals) for term in terms]
    if len(texts) == 1:
        return texts[0]
    return " or ".join(f"({text})" if " and " in text else text for text in texts)


def _none_of(terms: Sequence[_Term]) -> str:
    texts = [" or ".join(opposite for _, opposite in term.literals) for term in terms]
    if len(texts) == 1:
        return texts[0]
    return " and ".join(f"({text})" if " or " in text else text for text in texts)
