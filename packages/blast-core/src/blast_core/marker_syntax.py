"""The grammar of environment markers: reading them into trees and writing them.

A marker is a tree of tuples: a ``Comparison`` of one variable with one text, or a ``Combination`` of markers. Nested
combinations of one kind are merged and repetitions dropped, so a marker has one written form, ``format_marker``.
"""

from __future__ import annotations

from blast_core.errors import InvalidRequirement
from blast_core.names import normalize_name
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

    Kind = Literal["and", "or"]

__all__ = [
    "ALWAYS",
    "BLANK",
    "SETS",
    "Combination",
    "Comparison",
    "Marker",
    "combine_markers",
    "format_marker",
    "parse_marker",
    "syntax_error",
]

_VARIABLES = {
    name: name
    for name in (
        "python_version",
        "python_full_version",
        "os_name",
        "sys_platform",
        "platform_release",
        "platform_system",
        "platform_version",
        "platform_machine",
        "platform_python_implementation",
        "implementation_name",
        "implementation_version",
        "extra",
        "extras",
        "dependency_groups",
    )
} | {
    # Spellings from before PEP 508.
    "os.name": "os_name",
    "sys.platform": "sys_platform",
    "platform.version": "platform_version",
    "platform.machine": "platform_machine",
    "platform.python_implementation": "platform_python_implementation",
    "python_implementation": "platform_python_implementation",
}
SETS = frozenset(("extras", "dependency_groups"))
_OPERATORS = ("===", "==", "~=", "!=", "<=", ">=", "<", ">")
BLANK = " \t"
_WORD = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_."
_ESCAPED = frozenset("\\\n\r\0")
#: Deeper parentheses than any real marker has; the parser and the evaluator recurse.
_DEEPEST = 64
_CACHE_LIMIT = 16384


class Comparison(NamedTuple):
    """One variable compared with one text.

    Attributes:
        operator: ``==``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, ``~=``, ``===``, ``in`` or ``not in``.
        variable: the variable's present name, such as ``sys_platform``.
        value: the text, normalised where it names an extra or a group.
        reversed: whether the text stands on the left.
    """

    operator: str
    variable: str
    value: str
    reversed: bool


class Combination(NamedTuple):
    """Markers of which all (``and``) or one (``or``) must hold; no part is a combination of the same kind."""

    kind: Kind
    parts: tuple[Marker, ...]


Marker = Comparison | Combination
#: The marker that always holds, written "".
ALWAYS = Combination("and", ())

_parsed: dict[str, Marker] = {}


def parse_marker(text: str) -> Marker:
    """Return the tree of a marker; "" gives ``ALWAYS``.

    Raises:
        InvalidRequirement: it is not a marker; ``reason`` points at the place.

    Spec: PEP 508, Environment markers; PEP 751 for ``extras`` and ``dependency_groups``. Cost: remembered by text.
    """
    marker = _parsed.get(text)
    if marker is None:
        if len(_parsed) >= _CACHE_LIMIT:
            _parsed.clear()
        marker = _parsed[text] = _parse(text)
    return marker


def combine_markers(kind: Kind, parts: Iterable[Marker]) -> Marker:
    """Combine markers: parts of the same kind are merged, repetitions dropped, one part stands for itself."""
    merged: dict[Marker, None] = {}
    for part in parts:
        if isinstance(part, Combination) and (part.kind == kind or not part.parts):
            merged.update(dict.fromkeys(part.parts))
        else:
            merged[part] = None
    return next(iter(merged)) if len(merged) == 1 else Combination(kind, tuple(merged))


def format_marker(marker: Marker) -> str:
    """Return a marker's written form: double quotes, one blank between words, parentheses round nested combinations."""
    if isinstance(marker, Comparison):
        text = _quote(marker.value)
        sides = (text, marker.variable) if marker.reversed else (marker.variable, text)
        return f" {marker.operator} ".join(sides)
    written = [
        format_marker(part) if isinstance(part, Comparison) else f"({format_marker(part)})" for part in marker.parts
    ]
    return f" {marker.kind} ".join(written)


def _quote(value: str) -> str:
    if _ESCAPED.isdisjoint(value):
        if '"' not in value:
            return f'"{value}"'
        if "'" not in value:
            return f"'{value}'"
    escaped = "".join(f"\\x{ord(sign):02x}" if sign in _ESCAPED or sign == '"' else sign for sign in value)
    return f'"{escaped}"'


def syntax_error(kind: str, source: str, position: int, expected: str, hint: str = "") -> InvalidRequirement:
    """Return the error that says what was expected at ``position`` of ``source``, with a caret under the place.

    Credentials in a URL are hidden, and of a long text only the neighbourhood is shown.
    """
    shown = "".join(sign if sign.isprintable() else " " for sign in _hide_credentials(source))
    start = max(0, position - 60)
    window = shown[start : start + 120]
    return InvalidRequirement(
        f"{shown if len(shown) <= 120 else shown[:117] + '...'!r} is not a {kind}",
        reason=f"expected {expected}:\n    {window}\n    {' ' * (position - start)}^",
        hint=hint,
        position=position,
        expected=expected,
    )


def _hide_credentials(source: str) -> str:
    start = source.find("://") + 3
    if start < 3:
        return source
    authority = source[start:].split("/", 1)[0]
    end = start + authority.rfind("@")
    return source[:start] + "*" * (end - start) + source[end:] if end > start else source


class _Reader:
    """A place in a marker's text."""

    __slots__ = ("at", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def skip_blank(self) -> None:
        rest = self.text[self.at :]
        self.at += len(rest) - len(rest.lstrip(BLANK))

    def take(self, sign: str) -> bool:
        """Step over ``sign`` if it stands here."""
        if self.text.startswith(sign, self.at):
            self.at += len(sign)
            return True
        return False

    def take_word(self, word: str) -> bool:
        """Step over ``word`` if it stands here and ends here."""
        end = self.at + len(word)
        following = self.text[end : end + 1]
        if self.text.startswith(word, self.at) and not (following.isalnum() or following == "_"):
            self.at = end
            return True
        return False

    def fail(self, expected: str) -> InvalidRequirement:
        return syntax_error("marker", self.text, self.at, expected)


def _parse(text: str) -> Marker:
    if not text.strip(BLANK):
        return ALWAYS
    reader = _Reader(text)
    marker = _read_expression(reader, 0)
    if reader.at != len(text):
        raise reader.fail("'and', 'or' or the end of the marker")
    return marker


def _read_expression(reader: _Reader, depth: int) -> Marker:
    """Read ``atom ((and | or) atom)*``; ``and`` binds tighter."""
    alternatives = [[_read_atom(reader, depth)]]
    while True:
        if reader.take_word("and"):
            alternatives[-1].append(_read_atom(reader, depth))
        elif reader.take_word("or"):
            alternatives.append([_read_atom(reader, depth)])
        else:
            return combine_markers("or", [combine_markers("and", parts) for parts in alternatives])


def _read_atom(reader: _Reader, depth: int) -> Marker:
    reader.skip_blank()
    if reader.take("("):
        if depth == _DEEPEST:
            raise reader.fail(f"at most {_DEEPEST} nested parentheses")
        marker = _read_expression(reader, depth + 1)
        if not reader.take(")"):
            raise reader.fail("'and', 'or' or a closing parenthesis")
    else:
        marker = _read_comparison(reader)
    reader.skip_blank()
    return marker


def _read_comparison(reader: _Reader) -> Comparison:
    start = reader.at
    left_variable, left = _read_operand(reader)
    reader.skip_blank()
    operator = _read_operator(reader)
    reader.skip_blank()
    right_variable, right = _read_operand(reader)
    # As packaging decides: a variable on the left is looked up, else what stands on the right is, quoted or not.
    is_reversed = not left_variable
    variable, value = (right, left) if is_reversed else (left, right)
    if is_reversed and not right_variable and variable not in _VARIABLES:
        reader.at = start
        raise reader.fail("a marker variable on one of the two sides")
    variable = _VARIABLES[variable]
    if variable in SETS:
        if not is_reversed or operator not in {"in", "not in"}:
            reader.at = start
            raise reader.fail(f"'<name>' in {variable}, or not in: it is a set")
        value = normalize_name(value)
    elif variable == "extra":
        value = normalize_name(value)
    return Comparison(operator, variable, value, is_reversed)


def _read_operator(reader: _Reader) -> str:
    for operator in _OPERATORS:
        if reader.take(operator):
            return operator
    if reader.take_word("in"):
        return "in"
    if reader.take_word("not"):
        reader.skip_blank()
        if reader.text[reader.at - 1] in BLANK and reader.take_word("in"):
            return "not in"
        raise reader.fail("'in' after 'not'")
    raise reader.fail("one of <=, <, !=, ==, >=, >, ~=, ===, in, not in")


def _read_operand(reader: _Reader) -> tuple[bool, str]:
    """Return whether the operand is a variable, and its name or text."""
    text, at = reader.text, reader.at
    quote = text[at : at + 1]
    if quote in {'"', "'"}:
        end = text.find(quote, at + 1)
        if end < 0:
            raise reader.fail(f"a closing {quote} for the quote that opens here")
        value = text[at + 1 : end]
        if not _ESCAPED.isdisjoint(value) or not value.isascii():
            value = _decode_text(reader, text[at : end + 1])
        reader.at = end + 1
        return False, value
    rest = text[at:]
    word = rest[: len(rest) - len(rest.lstrip(_WORD))]
    variable = _VARIABLES.get(word)
    if variable is None:
        raise reader.fail("a marker variable or a quoted text")
    reader.at = at + len(word)
    return True, variable


def _decode_text(reader: _Reader, quoted: str) -> str:
    """Read a text with escapes, which are Python's."""
    import ast

    try:
        value = ast.literal_eval(quoted)
        value.encode("utf-8")
    except (SyntaxError, ValueError):
        raise reader.fail("a text that Python can read") from None
    return str(value)
