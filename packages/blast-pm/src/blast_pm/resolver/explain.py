"""From a proof to sentences that say who asked for what, why that can't be, and what would help.

Pure: trees of plain values in, text out.
"""

from __future__ import annotations

from blast_core.tuples import NamedTuple
from blast_pm.resolver.derivation import Derivation, Fact, in_order, iter_steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Relaxation", "hints", "phrase", "sentences"]

# Longer proofs are told from their end; the tree has all of it.
_MOST_SENTENCES = 20
# A step that is used once is told together with its user if both have so many premises at most.
_MOST_TOLD_TOGETHER = 4
_LAST_WORDS = "no set of versions fits"


class Relaxation(NamedTuple):
    """A requirement without whose bound there would be a solution.

    Attributes:
        requirement: as written, such as ``werkzeug<2``.
        origin: where it stands.
        instead: what would then be chosen, such as ``werkzeug 3.1.3``; "" where it would not be installed at all.
    """

    requirement: str
    origin: str
    instead: str


def sentences(derivation: Derivation) -> list[str]:
    """Tell a proof, a sentence per step, each conclusion before it is used.

    A conclusion that is used later than in the next sentence has a number, as in ``(1)``.
    """
    steps = iter_steps(_simplify(derivation))
    places = {id(step): place for place, step in enumerate(steps)}
    users: dict[int, list[int]] = {}
    for place, step in enumerate(steps):
        for premise in step.premises:
            if isinstance(premise, Derivation):
                users.setdefault(places[id(premise)], []).append(place)
    numbers: dict[int, int] = {}
    lines = []
    for place, step in enumerate(steps):
        told = []
        opening = "Because"
        for premise in step.premises:
            if isinstance(premise, Fact):
                told.append(phrase(premise))
            elif places[id(premise)] in numbers:
                told.append(f"{premise.conclusion} ({numbers[places[id(premise)]]})")
            else:
                opening = "And because"
        number = ""
        if users.get(place, [place + 1]) != [place + 1]:
            numbers[place] = len(numbers) + 1
            number = f" ({numbers[place]})"
        lines.append(f"{opening} {_series(told)}, {step.conclusion or _LAST_WORDS}{number}.")
    left_out = len(lines) - _MOST_SENTENCES
    if left_out > 0:
        return [f"The proof has {left_out} more steps, which --json shows. It ends:", *lines[left_out:]]
    return lines


def _simplify(derivation: Derivation) -> Derivation:
    """Put short steps that are used once into their users."""
    steps = iter_steps(derivation)
    uses: dict[int, int] = {}
    for step in steps:
        for premise in step.premises:
            uses[id(premise)] = uses.get(id(premise), 0) + 1
    made: dict[int, Derivation] = {}
    for step in steps:
        parts: list[Derivation | Fact] = []
        room = _MOST_TOLD_TOGETHER - len(step.premises)
        for premise in step.premises:
            if isinstance(premise, Fact):
                parts.append(premise)
                continue
            inner = made[id(premise)]
            if uses[id(premise)] == 1 and len(inner.premises) - 1 <= room:
                room -= len(inner.premises) - 1
                parts += inner.premises
            else:
                parts.append(inner)
        made[id(step)] = Derivation(step.conclusion, tuple(in_order(_once(parts))))
    return made[id(derivation)]


def _once(parts: Iterable[Derivation | Fact]) -> list[Derivation | Fact]:
    return list({part if isinstance(part, Fact) else id(part): part for part in parts}.values())


def phrase(fact: Fact) -> str:
    """Return a fact as a clause of a sentence."""
    kind, subject, needed = fact.kind, fact.subject, fact.object
    if kind in ("asked", "constrained", "depends"):
        verb = {"asked": "asks for", "constrained": "allows only", "depends": "needs"}[kind]
        return f"{subject} {verb} {needed}{_but(fact)}"
    if kind == "own":
        return f"{subject} needs {needed} of itself"
    if kind == "python":
        return f"{subject} needs {needed} (this is {fact.known})"
    if kind in ("platform", "source"):
        wheel = f"wheel for {needed}" + (" (it would have to be built)" if kind == "source" else "")
        if subject.startswith("every "):
            return f"no {subject.removeprefix('every ')} has a {wheel}"
        return f"{subject} has no {wheel}"
    if kind == "yanked":
        return f"{subject} was yanked"
    if kind == "prerelease":
        return f"{subject} is a pre-release"
    return f"{subject} can't be used ({needed})"


def _but(fact: Fact) -> str:
    """Say that what is needed does not exist, if so."""
    if fact.missing == "project":
        return f", but {fact.known}"
    if fact.missing == "address":
        if fact.kind == "asked":
            return ", but no distribution was read from that address"
        return ", an address that your project does not ask for itself"
    if fact.missing == "version":
        return f", but there is only {fact.other} {fact.known}" if fact.known else f", but {fact.other} has no version"
    return ""


def hints(facts: Sequence[Fact], relaxations: Sequence[Relaxation], *, offers_prereleases: bool) -> list[str]:
    """Return what the user can do, the most promising first.

    Args:
        facts: those of the proof.
        relaxations: requirements that are known to be all that stands in the way.
        offers_prereleases: whether the policy lets pre-releases in.
    """
    found = [_relax(relaxation) for relaxation in relaxations]
    other_pythons = [fact for fact in facts if fact.kind == "python"]
    for fact in facts:
        if fact.missing == "project":
            found.append(f"check the name {fact.other!r}, or add the index that has it")
        elif fact.missing == "address" and fact.kind == "depends":
            found.append(f"add '{fact.object}' to your project's own requirements")
        elif fact.missing == "version" and fact.known and not relaxations:
            found.append(f"ask for a version of {fact.other} that exists: {fact.known}")
        elif fact in other_pythons[:1]:
            found.append(f"use another Python: {phrase(fact)}")
        elif fact.kind == "yanked":
            found.append(f"pin {fact.name} with '==' to accept a yanked version")
        elif fact.kind == "prerelease" and not offers_prereleases:
            found.append(f"allow pre-releases of {fact.name}")
        elif fact.kind == "platform":
            found.append(f"resolve for a Python and a platform that {fact.name} has wheels for")
        elif fact.kind == "source":
            found.append(f"allow {fact.name} to be built from source")
    return list(dict.fromkeys(found)) or ["loosen or remove one of the requirements named above"]


def _relax(relaxation: Relaxation) -> str:
    outcome = f"{relaxation.instead} fits" if relaxation.instead else "all others fit together"
    return f"relax '{relaxation.requirement}' of {relaxation.origin}: without it {outcome}"


def _series(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
