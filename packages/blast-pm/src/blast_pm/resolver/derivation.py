"""The proof that nothing fits, as a tree of plain values: facts that sources and the user state, and what follows.

``derive`` turns the solver's clauses into it; ``explain`` turns it into sentences; ``to_dict`` into JSON.
"""

from __future__ import annotations

from blast_core.tuples import NamedTuple
from blast_pm.resolver.clauses import Asked, Clause, Constrained, Depends, Learned, OwnDependency, SameVersion, Unusable
from blast_pm.resolver.universe import NOT_SELECTED
from blast_pm.resolver.wording import all_of, describe_versions, either

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from blast_core.requirements import Requirement
    from blast_pm.resolver.universe import Package

__all__ = [
    "Derivation",
    "Fact",
    "derive",
    "in_order",
    "iter_facts",
    "iter_steps",
    "leaves",
    "to_dict",
]

#: A step with more reasons than this is cut in two, with a conclusion between.
_MOST_PREMISES = 4
#: Of different words for the same kind of trouble with a package's versions, so many are told.
_MOST_DETAILS = 2
_OTHERS = " or "
#: Of the alternatives in a conclusion, so many are named.
_MOST_NEEDED = 3


class Fact(NamedTuple):
    """Something that needs no proof.

    Attributes:
        kind: ``asked``, ``constrained``, ``depends``, ``own``, or why versions can't be used: ``python``, ``platform``,
            ``source``, ``yanked``, ``prerelease``, ``metadata``.
        subject: the versions it is about, such as ``flask>=3.0``; the asker for ``asked`` and ``constrained``.
        object: what is needed, such as ``werkzeug>=3.0.0``, or the words that go with the kind.
        name: the project that the subject belongs to; of ``asked`` and ``constrained`` that of the object.
        other: the project that is needed, "" if none is.
        missing: ``project`` if that is on no index, ``version`` if it has no version that fits, ``address`` if it is
            needed from an address that the user does not name; else "".
        known: its versions, such as ``1.0 to 2.3``, where none fits; the index's words where there is no project; of
            ``python`` the target's version.
    """

    kind: str
    subject: str
    object: str
    name: str
    other: str = ""
    missing: str = ""
    known: str = ""


class Derivation(NamedTuple):
    """Something that follows.

    Attributes:
        conclusion: in words; "" for the last one, that nothing fits.
        premises: what it follows from, in the order to tell them; a derivation may be a premise in several places.
    """

    conclusion: str
    premises: tuple[Derivation | Fact, ...]


def leaves(clause: Clause) -> list[Clause]:
    """Return the clauses that a proof starts from, each once, in the order they are met."""
    found: dict[int, Clause] = {}
    seen: set[int] = set()
    waiting = [clause]
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current.cause, Learned):
            waiting += [other for _, other in reversed(current.cause.steps)]
            waiting.append(current.cause.first)
        else:
            found[id(current)] = current
    return list(found.values())


def derive(clause: Clause, origins: Mapping[Requirement, str], python: str) -> Derivation:
    """Return the tree behind a clause that ended the search.

    Args:
        clause: without terms, or with terms that always hold.
        origins: words for where requirements stand.
        python: version of the target's.
    """
    node = _Deriver(origins, python).node(clause)
    if isinstance(node, Fact):
        return Derivation("", (node,))
    return node._replace(conclusion="")


def to_dict(derivation: Derivation) -> list[dict[str, object]]:
    """Return the tree as JSON values: its steps, last one last.

    Returns:
        Per step ``conclusion`` and ``premises``; a premise is the fields of a fact, or ``step`` with the number of an
        earlier step, counted from 1.
    """
    order = iter_steps(derivation)
    numbers = {id(step): number for number, step in enumerate(order, 1)}
    return [
        {
            "conclusion": step.conclusion,
            "premises": [
                {key: value for key, value in premise._asdict().items() if value}
                if isinstance(premise, Fact)
                else {"step": numbers[id(premise)]}
                for premise in step.premises
            ],
        }
        for step in order
    ]


def iter_steps(derivation: Derivation) -> list[Derivation]:
    """Return the tree's steps, each once, premises before what follows from them."""
    done: dict[int, Derivation] = {}
    waiting: list[tuple[Derivation, bool]] = [(derivation, False)]
    while waiting:
        step, is_ready = waiting.pop()
        if id(step) in done:
            continue
        if is_ready:
            done[id(step)] = step
            continue
        waiting.append((step, True))
        waiting += [(premise, False) for premise in reversed(step.premises) if isinstance(premise, Derivation)]
    return list(done.values())


def iter_facts(derivation: Derivation) -> list[Fact]:
    """Return the facts of a tree, each once, in the order to tell them."""
    facts = [premise for step in iter_steps(derivation) for premise in step.premises if isinstance(premise, Fact)]
    return list(dict.fromkeys(facts))


class _Premises:
    """The premises of one step; what is the same for several versions of a package becomes one."""

    def __init__(self, deriver: _Deriver, first: Derivation | None = None) -> None:
        self._deriver = deriver
        self._nodes: dict[object, Derivation | Fact] = {} if first is None else {id(first): first}
        self._merged: dict[object, Clause] = {}
        self._wanted: dict[Package, int] = {}

    def __len__(self) -> int:
        return len(self._nodes)

    def add(self, clause: Clause) -> None:
        cause = clause.cause
        if isinstance(cause, SameVersion):
            return
        if isinstance(cause, Asked | Depends):
            package, denied = clause.terms[-1]
            self._wanted[package.base] = self._wanted.get(package.base, 0) | package.full & ~denied
        if isinstance(cause, Depends):
            key = (cause.package.id, clause.terms[1])
            known = self._merged.get(key)
            if known is not None and isinstance(known.cause, Depends):
                requirements = tuple(dict.fromkeys((*known.cause.requirements, *cause.requirements)))
                versions = known.cause.versions | cause.versions
                cause = Depends(cause.package, versions, requirements)
                clause = Clause(((cause.package, versions), clause.terms[1]), cause)
            self._tell(key, clause)
            return
        if isinstance(cause, Unusable):
            unusable = (cause.package.id, cause.kind)
            known = self._merged.get(unusable)
            if known is not None and isinstance(known.cause, Unusable):
                details = dict.fromkeys((*known.cause.detail.split(_OTHERS), *cause.detail.split(_OTHERS)))
                cause = cause._replace(detail=_OTHERS.join(list(details)[:_MOST_DETAILS]))
                clause = Clause(((cause.package, known.terms[0][1] | clause.terms[0][1]),), cause)
            self._tell(unusable, clause)
            return
        node = self._deriver.node(clause)
        self._nodes[node if isinstance(node, Fact) else id(node)] = node

    def _tell(self, key: object, clause: Clause) -> None:
        self._merged[key] = clause
        self._nodes[key] = self._deriver.fact(clause)

    def told(self) -> tuple[Derivation | Fact, ...]:
        """Return the premises in the order to tell them; of versions that can't be used, those that something wants."""
        for key, clause in self._merged.items():
            package, mask = clause.terms[0]
            wanted = mask & self._wanted.get(package, mask)
            if isinstance(clause.cause, Unusable) and wanted:
                self._nodes[key] = self._deriver.fact(Clause(((package, wanted),), clause.cause))
        return tuple(in_order(self._nodes.values()))


class _Deriver:
    """Turns clauses into nodes, each clause once."""

    def __init__(self, origins: Mapping[Requirement, str], python: str) -> None:
        self._origins = origins
        self._python = python
        self._nodes: dict[int, Derivation | Fact] = {}

    def node(self, clause: Clause) -> Derivation | Fact:
        """Make the nodes below ``clause`` bottom-up: a long search nests deeper than Python's stack."""
        waiting = [clause]
        while waiting:
            current = waiting[-1]
            missing = [other for other in _causes(current) if id(other) not in self._nodes]
            if missing:
                waiting += missing
                continue
            waiting.pop()
            if id(current) not in self._nodes:
                self._nodes[id(current)] = self._make(current)
        return self._nodes[id(clause)]

    def _make(self, clause: Clause) -> Derivation | Fact:
        if not isinstance(clause.cause, Learned):
            return self.fact(clause)
        causes = _causes(clause)
        pivots = [package for package, _ in clause.cause.steps]
        terms = _terms(causes[0])
        premises = _Premises(self)
        for place, other in enumerate(causes):
            if place:
                terms = _resolve(terms, other, pivots[place - 1])
            premises.add(other)
            if len(premises) >= _MOST_PREMISES and place < len(causes) - 2:
                between = Derivation(_conclude(terms), premises.told())
                premises = _Premises(self, between)
        return Derivation(_conclude(terms), premises.told())

    def fact(self, clause: Clause) -> Fact:
        cause = clause.cause
        if isinstance(cause, Asked | Constrained):
            return self._asked(cause, clause)
        if isinstance(cause, Depends):
            return self._depends(cause, clause)
        package = clause.terms[0][0]
        subject = describe_versions(package, clause.terms[0][1])
        if subject == repr(package):
            texts = package.table.texts
            subject = f"{subject} {texts[0]}" if len(texts) == 1 else f"every version of {subject}"
        if isinstance(cause, OwnDependency):
            return Fact("own", subject, either(map(_written, cause.requirements)), package.name)
        if isinstance(cause, Unusable):
            known = self._python if cause.kind == "python" else ""
            return Fact(cause.kind, subject, cause.detail, package.name, known=known)
        return Fact("same", subject, "", package.name)

    def _asked(self, cause: Asked | Constrained, clause: Clause) -> Fact:
        package, denied = clause.terms[0]
        kind, asker = ("asked", "your project") if isinstance(cause, Asked) else ("constrained", "a constraint")
        missing, known = _missing(package, denied, (cause.requirement,))
        origin = self._origins.get(cause.requirement, asker)
        return Fact(kind, origin, _written(cause.requirement), package.name, package.name, missing, known)

    def _depends(self, cause: Depends, clause: Clause) -> Fact:
        other, denied = clause.terms[1]
        missing, known = _missing(other, denied, cause.requirements)
        written = {_written(row) for row in cause.requirements}
        needed = written.pop() if len(written) == 1 else describe_versions(other, other.full & ~denied)
        return Fact(
            "depends",
            describe_versions(cause.package, cause.versions),
            needed,
            cause.package.name,
            other.name,
            missing,
            known,
        )


def _causes(clause: Clause) -> list[Clause]:
    cause = clause.cause
    return [cause.first, *[other for _, other in cause.steps]] if isinstance(cause, Learned) else []


def _terms(clause: Clause) -> dict[Package, int]:
    return {package: mask for package, mask in clause.terms if mask != package.full}


def _resolve(terms: dict[Package, int], clause: Clause, pivot: Package) -> dict[Package, int]:
    """Return the terms that follow from ``terms`` and ``clause``, as the analysis of the conflict had them."""
    result = dict(terms)
    for package, other in clause.terms:
        known = terms.get(package, package.full)
        mask = other | known if package is pivot else other & known
        if mask == package.full:
            result.pop(package, None)
        else:
            result[package] = mask
    return result


def _conclude(terms: dict[Package, int]) -> str:
    """Say in words that not all the terms hold."""
    used = [describe_versions(package, mask) for package, mask in terms.items() if not mask & NOT_SELECTED]
    needed = [
        describe_versions(package, package.full & ~mask) for package, mask in terms.items() if mask & NOT_SELECTED
    ]
    if not needed:
        if len(used) == 1:
            return f"{used[0]} can't be used"
        return f"{all_of(used)} can't be used together" if used else ""
    if len(needed) > _MOST_NEEDED:
        needed = [*needed[: _MOST_NEEDED - 1], f"one of {len(needed) - _MOST_NEEDED + 1} others"]
    if not used:
        return f"{either(needed)} is needed"
    return f"{' together with '.join(used)} {'needs' if len(used) == 1 else 'need'} {either(needed)}"


def in_order(premises: Collection[Derivation | Fact]) -> list[Derivation | Fact]:
    """Tell a story: conclusions first, what is asked for, what that needs, and last what stands against it."""
    facts = [premise for premise in premises if isinstance(premise, Fact)]
    dependents = {fact.name for fact in facts if fact.kind == "depends"}

    unusable = {fact.name for fact in facts if fact.kind not in ("asked", "constrained", "depends")}
    needed = {fact.other for fact in facts if fact.kind == "depends"}

    def place(premise: Derivation | Fact) -> int:
        if isinstance(premise, Derivation):
            return 0
        if premise.kind == "asked":
            return 1 if premise.name in dependents | unusable else 5
        if premise.kind == "depends":
            return 3 if premise.name in needed else 2
        return 4

    return sorted(premises, key=place)


def _missing(package: Package, denied: int, rows: tuple[Requirement, ...]) -> tuple[str, str]:
    """Say what is missing if no version fits: the project or the version, and what there is."""
    if denied != package.full:
        return "", ""
    if any(row.url for row in rows):
        return "address", ""
    if any(reason.kind == "missing" for _, reason in package.base.facts):
        return "project", next(reason.detail for _, reason in package.base.facts if reason.kind == "missing")
    texts = package.table.texts
    if not texts:
        return "version", ""
    return "version", texts[0] if len(texts) == 1 else f"{texts[0]} to {texts[-1]}"


def _written(requirement: Requirement) -> str:
    extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
    return f"{requirement.name}{extras}{f' @ {requirement.url}' if requirement.url else requirement.specifier}"
