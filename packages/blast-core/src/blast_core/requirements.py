"""Requirements of PEP 508: ``name[extra] >=1.0 ; marker`` and ``name @ https://… ; marker``.

Written by hand, because a lock reads thousands of them: a requirement costs 2 to 4 us the first time and one look-up
after, where ``packaging`` takes some 20.
"""

from __future__ import annotations

from blast_core.errors import InvalidRequirement
from blast_core.marker_syntax import format_marker, parse_marker, syntax_error
from blast_core.names import normalize_name
from blast_core.tuples import NamedTuple
from blast_core.version.specifiers import compile_specifier

__all__ = ["Requirement", "format_requirement", "parse_requirement"]

_BLANK = " \t"
_NAME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
_NAME_ENDS = frozenset("-_.")
_CACHE_LIMIT = 65536
_KIND = "requirement"


class Requirement(NamedTuple):
    """What someone needs of a project.

    Attributes:
        name: normalised (PEP 503).
        extras: normalised (PEP 685), sorted, each once.
        specifier: clauses as written, without blanks, joined by commas; "" for any version.
        marker: in the form of ``format_marker``; "" always holds.
        url: of a direct reference, "" for what an index has. Then ``specifier`` is "".
    """

    name: str
    extras: tuple[str, ...] = ()
    specifier: str = ""
    marker: str = ""
    url: str = ""


_parsed: dict[str, Requirement] = {}


def parse_requirement(text: str) -> Requirement:
    """Parse a requirement, the legacy ``name (>=1)`` included. There are no comments in it.

    Raises:
        InvalidRequirement: it is not a requirement; ``reason`` points at the place, ``details["position"]`` is its
            offset in ``text``.

    Spec: PEP 508. Cost: remembered by text.
    """
    requirement = _parsed.get(text)
    if requirement is None:
        if len(_parsed) >= _CACHE_LIMIT:
            _parsed.clear()
        requirement = _parsed[text] = _parse(text)
    return requirement


def format_requirement(requirement: Requirement) -> str:
    """Return the written form of a requirement; parsing it gives an equal one."""
    name, extras, specifier, marker, url = requirement
    text = f"{name}[{','.join(extras)}]" if extras else name
    text += f" @ {url}" if url else specifier
    if not marker:
        return text
    # A URL may hold a semicolon: a blank must end it.
    return f"{text} ; {marker}" if url else f"{text}; {marker}"


def _parse(text: str) -> Requirement:
    start = text.lstrip(_BLANK)
    rest = start.lstrip(_NAME)
    name = start[: len(start) - len(rest)]
    if not name or name[0] in _NAME_ENDS:
        raise syntax_error(_KIND, text, len(text) - len(start), "the name of a project")
    if name[-1] in _NAME_ENDS:
        raise syntax_error(_KIND, text, len(text) - len(rest) - 1, "a name that ends in a letter or a digit")
    rest = rest.lstrip(_BLANK)
    extras: tuple[str, ...] = ()
    if rest.startswith("["):
        extras, rest = _read_extras(text, rest)
    if rest.startswith("@"):
        return _read_reference(text, normalize_name(name), extras, rest)
    clauses, semicolon, condition = rest.partition(";")
    specifier = _read_specifier(text, rest, clauses) if clauses else ""
    marker = _read_marker(text, condition) if semicolon else ""
    return Requirement(normalize_name(name), extras, specifier, marker)


def _read_extras(text: str, rest: str) -> tuple[tuple[str, ...], str]:
    """Return the extras in the brackets that ``rest`` begins with, and what comes after the brackets."""
    inside, bracket, after = rest[1:].partition("]")
    position = len(text) - len(rest) + 1
    if not bracket:
        raise syntax_error(_KIND, text, len(text), "a closing bracket after the extras")
    if not inside.strip(_BLANK):
        return (), after.lstrip(_BLANK)
    extras = set()
    for part in inside.split(","):
        extra = part.strip(_BLANK)
        if extra.strip(_NAME) or not extra or extra[0] in _NAME_ENDS or extra[-1] in _NAME_ENDS:
            place = position + len(part) - len(part.lstrip(_BLANK))
            raise syntax_error(_KIND, text, place, "the name of an extra, with commas between several")
        extras.add(normalize_name(extra))
        position += len(part) + 1
    return tuple(sorted(extras)), after.lstrip(_BLANK)


def _read_reference(text: str, name: str, extras: tuple[str, ...], rest: str) -> Requirement:
    """Read ``@ url`` and, behind a blank, the marker."""
    after = rest[1:].lstrip(_BLANK)
    url = after.replace("\t", " ").partition(" ")[0]
    if not url:
        raise syntax_error(_KIND, text, len(text) - len(after), "a URL after the @")
    after = after[len(url) :].lstrip(_BLANK)
    if not after:
        return Requirement(name, extras, "", "", url)
    if not after.startswith(";"):
        raise syntax_error(_KIND, text, len(text) - len(after), "a semicolon before the marker, or the end")
    return Requirement(name, extras, "", _read_marker(text, after[1:]), url)


def _read_specifier(text: str, rest: str, clauses: str) -> str:
    """Read the specifiers ``clauses``, which ``rest`` begins with, and return them without blanks."""
    inside = clauses.strip(_BLANK)
    offset = len(text) - len(rest)
    if inside.startswith("("):
        offset += 1
        if not inside.endswith(")"):
            raise syntax_error(_KIND, text, offset - 1 + len(clauses), "a closing parenthesis after the specifiers")
        clauses, inside = clauses[1:], inside[1:-1].strip(_BLANK)
    if not inside:
        return ""
    offset += clauses.find(inside)
    if not inside.isprintable() and not inside.replace("\t", " ").isprintable():
        # Other white space than blanks, which a specifier alone might have round it.
        place = next(index for index, sign in enumerate(inside) if sign != "\t" and not sign.isprintable())
        raise syntax_error(_KIND, text, offset + place, "a version specifier, a semicolon with a marker, or the end")
    try:
        compiled = compile_specifier(inside)
    except InvalidRequirement as error:
        position = error.details["position"]
        assert isinstance(position, int)
        raise _specifier_error(text, offset + position, inside[position:]) from None
    if compiled.clauses <= inside.count(",") - inside.endswith(",") and "===" not in inside:
        hole = inside.find(",") if inside.startswith(",") else _find_hole(inside)
        raise syntax_error(_KIND, text, offset + hole, "a version specifier")
    return compiled.text


def _find_hole(inside: str) -> int:
    """Return where a clause is missing between two commas, one of which there is."""
    clauses = inside.split(",")
    hole = next(index for index, clause in enumerate(clauses) if not clause.strip(_BLANK))
    return len(",".join(clauses[:hole])) + 1


def _specifier_error(text: str, position: int, clause: str) -> InvalidRequirement:
    if clause[:1].isdigit():
        return syntax_error(_KIND, text, position, "an operator", hint=f"for that version alone write =={clause}")
    if clause[:1] in {"=", "<", ">", "!", "~"}:
        expected = "a version specifier such as >=1.2, ==1.4.* or ~=2.1"
        return syntax_error(_KIND, text, position, expected)
    return syntax_error(_KIND, text, position, "a version specifier, a semicolon with a marker, or the end")


def _read_marker(text: str, condition: str) -> str:
    if not condition.strip(_BLANK):
        raise syntax_error(_KIND, text, len(text), "a marker after the semicolon")
    try:
        return format_marker(parse_marker(condition))
    except InvalidRequirement as error:
        position, expected = error.details["position"], error.details["expected"]
        assert isinstance(position, int)
        raise syntax_error(_KIND, text, len(text) - len(condition) + position, str(expected)) from None
