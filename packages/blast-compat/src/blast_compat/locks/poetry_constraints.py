"""Poetry's version constraints (``^1.2``, ``~1.2``, ``>=1,<2 || >=3``) as specifiers of which one has to hold."""

from __future__ import annotations

from blast_core.version import check_specifier, parse_version

__all__ = ["marker_of_pythons", "read_constraint"]

_OPERATORS = ("===", "==", "!=", "~=", "<=", ">=", "<", ">", "=")


def read_constraint(text: str) -> tuple[str, ...]:
    """Return specifiers (PEP 440) of which one has to hold; () for any version.

    Raises:
        InvalidRequirement, InvalidVersion: it is no constraint.

    Spec: Poetry's documentation, "Dependency specification".
    """
    found = []
    for part in text.replace("||", "|").split("|"):
        specifier = ",".join(_clause(word) for word in _words(part) if word != "*")
        if not specifier:
            return ()
        check_specifier(specifier)
        found.append(specifier)
    return tuple(found)


def marker_of_pythons(text: str) -> str:
    """Return the marker of a constraint of Python versions; "" for any.

    Raises:
        InvalidRequirement, InvalidVersion: it is no constraint.
    """
    parts = [" and ".join(_comparison(clause) for clause in one.split(",")) for one in read_constraint(text)]
    return parts[0] if len(parts) == 1 else " or ".join(f"({part})" for part in parts)


def _comparison(clause: str) -> str:
    operator = next(sign for sign in _OPERATORS if clause.startswith(sign))
    return f"python_full_version {operator} '{clause[len(operator) :]}'"


def _words(part: str) -> list[str]:
    """Return the clauses of an alternative; blanks may stand behind an operator, and in place of commas."""
    words: list[str] = []
    for word in part.replace(",", " ").split():
        if words and not words[-1].strip("<>=!~^"):
            words[-1] += word
        else:
            words.append(word)
    return words


def _clause(word: str) -> str:
    if word.startswith("^"):
        return _below(word[1:], caret=True)
    if word.startswith("~") and not word.startswith("~="):
        return _below(word[1:], caret=False)
    operator = next((sign for sign in _OPERATORS if word.startswith(sign)), "")
    version = word[len(operator) :]
    if operator in ("", "="):
        operator = "=="
    if version.endswith(".*") and operator in (">=", "<", ">", "<="):
        version = version[:-2]
    return operator + version


def _below(version: str, *, caret: bool) -> str:
    """Return the range from a version to the next that may be incompatible."""
    numbers = list(parse_version(version).release)
    if not caret:
        kept = 1 if len(numbers) < 2 else 2
    else:
        kept = next((place for place, number in enumerate(numbers) if number), len(numbers) - 1) + 1
    limit = [*numbers[: kept - 1], numbers[kept - 1] + 1]
    while len(limit) < 2:
        limit.append(0)
    return f">={version},<{'.'.join(map(str, limit))}"
