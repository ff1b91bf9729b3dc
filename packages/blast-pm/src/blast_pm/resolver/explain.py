"""From a proof to sentences that say who asked for what, and why that can't be.

Pure: plain values in, text out. Each step of a proof becomes a few lines. A line is a chain, as in 'the project asks
for a, which needs b, which needs c<2'; the last line of a step stands against the others.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from blast_pm.resolver.derivation import Derivation, Fact, Premise, Step

__all__ = ["phrase", "sentences", "summary"]

# Longer proofs are told from their end; the derivation has all of it.
_MOST_SENTENCES = 24
_MOST_NAMED = 3
_NOTHING = "nothing fits"
_OURS = (
    "but ",
    "so ",
    "your ",
    "the command line",
    "every version of ",
    "no version of ",
    "a constraint",
    "an override",
)


def summary(derivation: Derivation, where: str = "") -> str:
    """Return one line: which requirements of the user can't be met, and why if that takes few words.

    Args:
        derivation: the proof.
        where: words for the targets on which it is so, such as `` for Python 3.9``.
    """
    said: dict[str, Fact] = {}
    for step in derivation:
        for row in step.premises:
            if row.fact is not None and row.fact.kind in ("asked", "constrained"):
                said.setdefault(row.fact.requirement, row.fact)
    names = list(said)
    if not names:
        return f"{_NOTHING} together{where}"
    if len(names) == 1:
        return f"{_NOTHING} {names[0]}{where}: {_short_reason(derivation)}"
    if len(names) == 2:
        return f"{_NOTHING} both {names[0]} and {names[1]}{where}"
    if len(names) > _MOST_NAMED + 1:
        names = [*names[:_MOST_NAMED], f"{len(names) - _MOST_NAMED} more requirements"]
    return f"{_NOTHING} {', '.join(names[:-1])} and {names[-1]} together{where}"


def _short_reason(derivation: Derivation) -> str:
    """Return why nothing fits a single requirement."""
    facts = [row.fact for row in derivation[-1].premises]
    last = facts[-1]
    if len(derivation) > 1 or last is None:
        return "what it needs does not go together"
    if last.missing in ("project", "offline", "version"):
        return (
            f"it needs {last.requirement}, but " if last.kind == "depends" and last.missing == "version" else ""
        ) + (_lack(last))
    others = [fact for fact in facts if fact is not None and fact.kind not in ("asked", "depends")]
    if last.kind not in ("asked", "depends") and len(others) == 1:
        # What stands in brackets is told below.
        return phrase(last).partition(" (")[0] if last.kind in ("python", "platform", "source") else phrase(last)
    return "what it needs does not go together"


def sentences(derivation: Derivation) -> list[str]:
    """Tell a proof, line by line, each conclusion before it is used.

    A conclusion that is used elsewhere than in the next step has a number, as in ``(1)``.
    """
    numbers = _numbers(derivation)
    lines: list[str] = []
    for place, step in enumerate(derivation):
        lines += _tell(step, place, derivation, numbers)
    left_out = len(lines) - _MOST_SENTENCES
    if left_out > 0:
        return [f"The proof has {left_out} more lines, which --json shows. It ends:", *lines[left_out:]]
    return lines


def _numbers(derivation: Derivation) -> dict[int, int]:
    users: dict[int, list[int]] = {}
    for place, step in enumerate(derivation):
        for row in step.premises:
            if row.step >= 0:
                users.setdefault(row.step, []).append(place)
    numbered = [step for step in sorted(users) if users[step] != [step + 1]]
    return {step: number for number, step in enumerate(numbered, 1)}


def _tell(step: Step, place: int, derivation: Derivation, numbers: dict[int, int]) -> list[str]:
    chains = _without_repetition(_chains(step.premises))
    lines = []
    subjects: set[str] = set()
    for number, chain in enumerate(chains):
        is_last = number == len(chains) - 1
        words = _chain_words(chain, subjects, derivation, numbers)
        lines.append(_sentence(f"but {words}" if is_last and number else words))
    conclusion = step.conclusion
    if conclusion:
        label = f" ({numbers[place]})" if place in numbers else ""
        lines.append(_sentence(f"so {conclusion}{label}"))
    elif len(chains) > 1 and step.clash:
        lines.append(_sentence(f"so no version of {step.clash} is left"))
    return lines


def _chains(premises: Sequence[Premise]) -> list[list[Premise]]:
    """Part the premises into runs in which each follows from the one before alone; what is told aside is left out."""
    chains: list[list[Premise]] = []
    end = -1
    for place, row in enumerate(premises):
        if row.aside:
            continue
        follows = chains and row.after == end and row.fact is not None and row.fact.kind not in ("asked", "constrained")
        if follows:
            chains[-1].append(row)
        else:
            chains.append([row])
        end = place
    return chains


def _without_repetition(chains: list[list[Premise]]) -> list[list[Premise]]:
    """Leave out that something was asked for where that was told before, as for a second extra of one package."""
    told: set[tuple[str, str]] = set()
    shorter = []
    for chain in chains:
        fact = chain[0].fact
        if fact is not None and fact.kind == "asked":
            key = (fact.origin, fact.requirement)
            if key in told and len(chain) > 1:
                shorter.append(chain[1:])
                continue
            told.add(key)
        shorter.append(chain)
    return shorter


def _chain_words(rows: Sequence[Premise], subjects: set[str], derivation: Derivation, numbers: dict[int, int]) -> str:
    words = ""
    for row in rows:
        fact = row.fact
        if fact is None:
            number = f" ({numbers[row.step]})" if row.step in numbers else ""
            part = f"{derivation[row.step].conclusion}{number}"
        elif fact.kind == "depends" and words:
            part = f", which needs {_needed(fact)}"
        elif words:
            part = f", but {phrase(fact)}"
        elif fact.kind == "depends" and fact.package in subjects:
            part = f"{fact.versions} also needs {_needed(fact)}"
        else:
            part = phrase(fact)
        if fact is not None and fact.kind == "depends":
            subjects.add(fact.package)
        if row.but_for:
            part += f" ({row.but_for} versions aside)"
        if row.left:
            part += f", which leaves {row.left}"
        elif row.rules_out and row.fact is not None and not row.fact.missing:
            part += ", which rules that out"
        words += part
    return words


def phrase(fact: Fact) -> str:
    """Return a fact as a clause of a sentence."""
    told = _PHRASES.get(fact.kind)
    if told is not None:
        return told(fact)
    return f"{fact.versions} can't be used ({fact.detail})"


def _policy(fact: Fact) -> str:
    if fact.detail == "newer":
        return f"{fact.versions} is newer than exclude-newer allows"
    versions = fact.versions.replace("every version", "any version")
    return f"your settings (no-build, no-binary or exclude-newer) let in no file of {versions}"


def _no_wheel(fact: Fact) -> str:
    wheel = f"wheel for {fact.detail}"
    if fact.versions.startswith("every "):
        words = f"no {fact.versions.removeprefix('every ')} has a {wheel}"
    else:
        words = f"{fact.versions} has no {wheel}"
    notes = [f"its wheels are for {fact.known}"] if fact.known else []
    if fact.kind == "source":
        notes.append("it would have to be built")
    return f"{words} ({'; '.join(notes)})" if notes else words


def _needed(fact: Fact) -> str:
    """Return what is needed, and that it does not exist, if so."""
    by = f" (so says {fact.origin})" if fact.kind == "depends" and fact.origin else ""
    if fact.missing in ("project", "offline", "version"):
        return f"{fact.requirement}{by}, but {_lack(fact)}"
    if fact.missing == "address":
        if fact.kind == "asked":
            return f"{fact.requirement}, but no distribution was read from that address"
        return f"{fact.requirement}, an address that your project does not ask for itself"
    return f"{fact.requirement}{by}"


def _lack(fact: Fact) -> str:
    if fact.missing in ("project", "offline"):
        return fact.known
    return f"there is only {fact.other} {fact.known}" if fact.known else f"{fact.other} has no version"


def _sentence(words: str) -> str:
    """Make words a sentence; those that begin with a project's name or a file's stay as they are."""
    first = words[:1].upper() + words[1:] if words.startswith(_OURS) else words
    return f"{first}."


_PHRASES: dict[str, Callable[[Fact], str]] = {
    "asked": lambda fact: f"{fact.origin} asks for {_needed(fact)}",
    "constrained": lambda fact: f"{fact.origin} allows only {_needed(fact)}",
    "depends": lambda fact: f"{fact.versions} needs {_needed(fact)}",
    "own": lambda fact: f"{fact.versions} needs {fact.requirement} of itself",
    "python": lambda fact: f"{fact.versions} needs {fact.detail.replace(' or Python ', ' or ')} ({fact.known})",
    "platform": _no_wheel,
    "source": _no_wheel,
    "policy": _policy,
    "yanked": lambda fact: f"{fact.versions} was yanked",
    "prerelease": lambda fact: f"{fact.versions} is a pre-release",
}
