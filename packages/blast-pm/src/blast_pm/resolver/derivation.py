"""The proof that nothing fits, as plain values: facts that sources and the user state, and what follows.

``derive`` turns a solver's clauses into it; ``explain`` turns it into sentences; ``to_dict`` into JSON.
"""

from __future__ import annotations

from blast_core.tuples import NamedTuple
from blast_pm.resolver.clauses import Asked, Clause, Constrained, Depends, OwnDependency, SameVersion, Unusable
from blast_pm.resolver.proofs import leaves, shorten
from blast_pm.resolver.reasons import python_words
from blast_pm.resolver.universe import NOT_SELECTED
from blast_pm.resolver.wording import all_of, describe_versions, either, readable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from blast_core.requirements import Requirement
    from blast_pm.resolver.proofs import Lemma
    from blast_pm.resolver.propagation import Use
    from blast_pm.resolver.request import Request
    from blast_pm.resolver.universe import Package

__all__ = ["Derivation", "Fact", "Premise", "Step", "derive", "iter_facts", "leaves", "to_dict", "written"]

#: Of the alternatives in a conclusion, so many are named.
_MOST_NEEDED = 3
_ADDRESS_TROUBLE = "address"
#: So few versions are named one by one when they are what is left.
_MOST_EXACT = 3
#: Kinds of versions that nobody expects to get: if only some are ruled out so, a word is enough.
_ASIDE = {"yanked": "yanked", "prerelease": "pre-release"}


class Fact(NamedTuple):
    """Something that needs no proof.

    Attributes:
        kind: ``asked``, ``constrained``, ``depends``, ``own`` (a package needs another version of itself), or why
            versions can't be used: ``python``, ``platform``, ``source``, ``policy``, ``yanked``, ``prerelease``,
            ``metadata``, ``offline`` (what they need is not known without the network).
        package: the project, or an extra of it as ``name[extra]``, that the fact is about.
        versions: words for the versions it is about, such as ``flask>=3.0``; "" of ``asked`` and ``constrained``.
        requirement: what is asked for, allowed or needed, such as ``werkzeug>=3.0``.
        other: the project that is needed, "" if none is.
        origin: where the requirement stands, of what the user says; also of a dependency that an override replaces.
        detail: words that go with the kind.
        missing: ``project`` if what is asked for is on no index, ``offline`` if that is not known without the network,
            ``version`` if it has no version that fits, ``address`` if it is needed from an address that the user does
            not name; else "".
        known: its versions, such as ``1.0 to 2.3``, where none fits; the index's words where there is no project; of
            ``python`` words for the target's version; of ``platform`` and ``source`` what there are wheels for.
    """

    kind: str
    package: str
    versions: str = ""
    requirement: str = ""
    other: str = ""
    origin: str = ""
    detail: str = ""
    missing: str = ""
    known: str = ""

    @property
    def is_offline(self) -> bool:
        """Whether it is so only as far as is known without the network."""
        return "offline" in (self.kind, self.missing)


class Premise(NamedTuple):
    """A fact or an earlier conclusion at work in a step.

    Attributes:
        fact: None for an earlier conclusion.
        step: place of the step whose conclusion it is, counted from 0; -1 for a fact.
        after: place of the premise of the same step that alone makes this one matter; -1 if there is no such one.
        about: the project that it says something new about; "" for the last premise of a step.
        left: words for the versions that are left of that, where it rules some out; else "".
        aside: whether it only rules out some yanked versions or pre-releases, which needs no sentence.
        but_for: what was told aside of its subject, such as ``yanked``.
        rules_out: whether its own subject is what it rules out, because what that needs can't be had.
    """

    fact: Fact | None
    step: int = -1
    after: int = -1
    about: str = ""
    left: str = ""
    aside: bool = False
    but_for: str = ""
    rules_out: bool = False


class Step(NamedTuple):
    """Something that follows.

    Attributes:
        conclusion: in words; "" for the last step, that nothing fits.
        premises: what it follows from, in the order to tell them.
        clash: the project of which nothing is left, where the premises together leave nothing; else "".
    """

    conclusion: str
    premises: tuple[Premise, ...]
    clash: str = ""


#: Steps, each after those that it uses.
Derivation = tuple[Step, ...]


def derive(clause: Clause, request: Request) -> Derivation:
    """Return the proof of a clause that ended the search.

    Args:
        clause: without terms, or with terms that always hold.
        request: what was searched for.
    """
    order = {row: place for place, row in enumerate((*request.requirements, *request.constraints))}
    lemmas = shorten(clause, order)
    facts = _Facts(request.origins, request.overrides, _python(request))
    places = {id(lemma.clause): place for place, lemma in enumerate(lemmas[:-1])}
    return tuple(
        _make_step(lemma, facts, places, is_last=place == len(lemmas) - 1) for place, lemma in enumerate(lemmas)
    )


def _python(request: Request) -> str:
    words = python_words(request.target)
    return f"this is {words}" if len(request.targets) == 1 else f"the lock is for {words} too"


def iter_facts(derivation: Derivation) -> list[Fact]:
    """Return the facts of a proof, each once, in the order to tell them."""
    return list(dict.fromkeys(row.fact for step in derivation for row in step.premises if row.fact is not None))


def to_dict(derivation: Derivation) -> list[dict[str, object]]:
    """Return the proof as JSON values: its steps, last one last.

    Returns:
        Per step ``step`` (counted from 1), ``conclusion`` and ``premises``; a premise is the fields of a fact, or
        ``step`` with the number of an earlier step.
    """
    return [
        {
            "step": number,
            "conclusion": step.conclusion or "nothing fits",
            "premises": [
                {"step": row.step + 1}
                if row.fact is None
                else {key: value for key, value in row.fact._asdict().items() if value}
                for row in step.premises
            ],
        }
        for number, step in enumerate(derivation, 1)
    ]


def _make_step(lemma: Lemma, facts: _Facts, places: Mapping[int, int], *, is_last: bool) -> Step:
    uses = lemma.uses
    order = [place for place in _told_order(uses) if not isinstance(uses[place].clause.cause, SameVersion)]
    told = {place: number for number, place in enumerate(order)}
    lefts = _lefts(uses)
    asides = {place: kind for place in lefts if (kind := _kind_aside(uses[place]))}
    premises = []
    for place in order:
        use = uses[place]
        step = places.get(id(use.clause), -1)
        subject = [reason for package, reasons in use.needs if use.clause.terms[0][0] is package for reason in reasons]
        premises.append(
            Premise(
                fact=None if step >= 0 else facts.fact(_narrowed(use)),
                step=step,
                after=told.get(_only_reason(uses, use, asides), -1),
                about=use.narrows.name if use.narrows is not None else "",
                left=lefts.get(place, "") if place != order[-1] else "",
                aside=place in asides,
                rules_out=isinstance(use.clause.cause, Depends) and use.narrows is use.clause.terms[0][0],
                but_for=" and ".join(dict.fromkeys(_ASIDE[asides[other]] for other in subject if other in asides)),
            )
        )
    conclusion = "" if is_last else _conclude(dict(lemma.clause.terms))
    return Step(conclusion, tuple(premises), _clash(uses[-1]))


def _told_order(uses: Sequence[Use]) -> list[int]:
    """Return the places of the uses in the order to tell them, each after what it needs, the last one last.

    What follows from the sentence before goes on with it; else what is about the same package; else what the user says
    next. Reasons against versions of a package wait until something has brought it in.
    """
    last = len(uses) - 1
    introduced: set[Package] = set()
    brought = {use.narrows.base for use in uses if use.narrows is not None and _brings_in(use)}
    told: list[int] = []
    waiting = list(range(last))
    while waiting:
        ready = [
            place for place in waiting if all(other in told for _, others in uses[place].needs for other in others)
        ]
        before = uses[told[-1]] if told else None

        def rank(place: int, before: Use | None = before) -> tuple[int, int, int]:
            use = uses[place]
            subject = use.clause.terms[0][0].base
            is_early = not _brings_in(use) and subject in brought - introduced
            if before is None or is_early:
                nearness = 3 if is_early else 2
            elif any(told[-1] in others for _, others in use.needs):
                nearness = 0
            else:
                nearness = 1 if before.narrows is not None and before.narrows.base is subject else 2
            return nearness, 0 if isinstance(use.clause.cause, Asked) else 1, place

        chosen = min(ready, key=rank)
        waiting.remove(chosen)
        told.append(chosen)
        narrows = uses[chosen].narrows
        if narrows is not None and _brings_in(uses[chosen]):
            introduced.add(narrows.base)
    return [*told, last]


def _brings_in(use: Use) -> bool:
    """Tell whether a use makes a package needed, rather than ruling out versions of it."""
    cause = use.clause.cause
    return isinstance(cause, Asked) or (isinstance(cause, Depends) and use.narrows is use.clause.terms[-1][0])


def _kind_aside(use: Use) -> str:
    cause = use.clause.cause
    return cause.kind if isinstance(cause, Unusable) and cause.kind in _ASIDE else ""


def _only_reason(uses: Sequence[Use], use: Use, asides: Collection[int]) -> int:
    """Return the place of the use that alone, but for what is told aside, made the subject of this one true.

    Returns:
        -1 if there is none.
    """
    for package, reasons in use.needs:
        if package is not use.clause.terms[0][0]:
            continue
        left = [other for other in reasons if other not in asides]
        while len(left) == 1:
            reason = uses[left[0]]
            if not isinstance(reason.clause.cause, SameVersion):
                return left[0]
            left = [other for _, others in reason.needs for other in others if other not in asides]
    return -1


def _narrowed(use: Use) -> Clause:
    """Return what a use says, of those versions only that were left when it was used."""
    clause = use.clause
    cause = clause.cause
    if not isinstance(cause, Depends | Unusable | OwnDependency):
        return clause
    package, mask = clause.terms[0]
    mask &= use.subject
    if isinstance(cause, Depends):
        return Clause(((package, mask), *clause.terms[1:]), cause._replace(versions=mask))
    return Clause(((package, mask),), cause)


def _lefts(uses: Sequence[Use]) -> dict[int, str]:
    """Return, by place, words for what is left of a package of which a use rules something out."""
    lefts = {}
    for place, use in enumerate(uses):
        package = use.narrows
        if package is None or isinstance(use.clause.cause, Asked | Constrained | SameVersion):
            continue
        mask = next(mask for other, mask in use.clause.terms if other is package)
        left = use.before & ~mask
        is_dependency = isinstance(use.clause.cause, Depends) and package is use.clause.terms[-1][0]
        if not left & NOT_SELECTED and left and not is_dependency:
            lefts[place] = describe_versions(package, left, is_exact=left.bit_count() <= _MOST_EXACT)
    return lefts


def _clash(last: Use) -> str:
    packages = [package for package, reasons in last.needs if reasons]
    return packages[-1].name if packages else ""


class _Facts:
    """Turns clauses that need no proof into facts."""

    def __init__(self, origins: Mapping[Requirement, str], overrides: Collection[Requirement], python: str) -> None:
        self._origins = origins
        self._overrides = overrides
        self._python = python

    def fact(self, clause: Clause) -> Fact:
        cause = clause.cause
        if isinstance(cause, Asked | Constrained):
            return self._asked(cause, clause)
        if isinstance(cause, Depends):
            return self._depends(cause, clause)
        package = clause.terms[0][0]
        versions = _of_all(package, describe_versions(package, clause.terms[0][1]))
        if isinstance(cause, OwnDependency):
            return Fact("own", repr(package), versions, either(map(written, cause.requirements)))
        assert isinstance(cause, Unusable)
        known = self._python if cause.kind == "python" else cause.known
        return Fact(cause.kind, repr(package), versions, detail=cause.detail, known=known)

    def _asked(self, cause: Asked | Constrained, clause: Clause) -> Fact:
        package, denied = clause.terms[0]
        kind, asker = ("asked", "your project") if isinstance(cause, Asked) else ("constrained", "a constraint")
        if cause.requirement in self._overrides:
            asker = "an override"
        missing, known = _missing(package, denied, (cause.requirement,))
        origin = self._origins.get(cause.requirement, asker)
        return Fact(
            kind, package.name, "", written(cause.requirement), package.name, origin, missing=missing, known=known
        )

    def _depends(self, cause: Depends, clause: Clause) -> Fact:
        other, denied = clause.terms[1]
        missing, known = _missing(other, denied, cause.requirements)
        texts = {written(row) for row in cause.requirements}
        needed = texts.pop() if len(texts) == 1 else describe_versions(other, other.full & ~denied & ~NOT_SELECTED)
        overridden = [row for row in cause.requirements if row in self._overrides]
        return Fact(
            "depends",
            repr(cause.package),
            describe_versions(cause.package, cause.versions),
            needed,
            other.name,
            self._origins.get(overridden[0], "an override") if overridden else "",
            missing=missing,
            known=known,
        )


def _of_all(package: Package, words: str) -> str:
    if words != repr(package):
        return words
    texts = package.table.texts
    return f"{words} {texts[0]}" if len(texts) == 1 else f"every version of {words}"


def _conclude(terms: Mapping[Package, int]) -> str:
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


def _missing(package: Package, denied: int, rows: tuple[Requirement, ...]) -> tuple[str, str]:
    """Say what is missing if no version fits: the project or the version, and what there is."""
    if denied != package.full:
        return "", ""
    if any(row.url for row in rows):
        return _ADDRESS_TROUBLE, ""
    for _, reason in package.base.facts:
        if reason.kind in ("missing", "offline"):
            return "project" if reason.kind == "missing" else "offline", reason.detail
    texts = package.table.texts
    if not texts:
        return "version", ""
    direct = package.base.direct
    if direct is not None and direct.url:
        return "version", f"{direct.version} from {direct.url}"
    return "version", texts[0] if len(texts) == 1 else f"{texts[0]} to {texts[-1]}"


def written(requirement: Requirement) -> str:
    """Return a requirement without its marker, as a person would write it."""
    extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
    address = f" @ {requirement.url}" if requirement.url else readable(requirement.specifier)
    return f"{requirement.name}{extras}{address}"
