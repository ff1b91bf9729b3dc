"""Arrays of a TOML document as lists of elements with their comments, so that one can be added or taken away.

Only an array's own text is read and written here; tomlkit does the rest of the document. An array that is written has
one element a line, a comma behind each, as uv, Poetry and cargo write theirs.
"""

from __future__ import annotations

from blast_core.tuples import NamedTuple

__all__ = ["ArrayElement", "ArrayText", "quote_text", "read_array", "write_array"]

_INDENT = "    "
_OPENING = frozenset("[{")
_CLOSING = frozenset("]}")


class ArrayElement(NamedTuple):
    """An element of an array.

    Attributes:
        text: as written in TOML: a quoted text or an inline table.
        before: the lines above it that belong to no other element: comments, or "" for an empty line.
        comment: what stands behind it on its line, such as ``# why``, with the blanks before it.
    """

    text: str
    before: tuple[str, ...] = ()
    comment: str = ""


class ArrayText(NamedTuple):
    """An array as written.

    Attributes:
        elements: in their order.
        opening: the comment behind the opening bracket, with the blanks before it.
        after: comments and empty lines below the last element.
        indent: what elements are indented by.
        closing: what the closing bracket is indented by.
        is_multiline: whether it is written on several lines.
    """

    elements: tuple[ArrayElement, ...]
    opening: str
    after: tuple[str, ...]
    indent: str
    closing: str
    is_multiline: bool


def quote_text(text: str) -> str:
    """Return ``text`` as a TOML string: in double quotes, or in single ones where that saves escapes."""
    if text.isprintable():
        if '"' not in text and "\\" not in text:
            return f'"{text}"'
        if "'" not in text:
            return f"'{text}'"
    signs = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return '"' + "".join(signs.get(sign, sign if sign.isprintable() else f"\\U{ord(sign):08x}") for sign in text) + '"'


def read_array(source: str) -> ArrayText:
    """Read the text of an array, brackets included. It must be a valid one: a TOML parser has seen it."""
    elements: list[ArrayElement] = []
    pending: list[str] = []
    opening = ""
    at, line_has_element, newlines = 1, False, 0
    while (sign := source[at]) != "]":
        if sign == "\n":
            newlines += 1
            if newlines > 1 and not line_has_element:
                pending.append("")
            line_has_element = False
        elif sign == "#":
            end = source.find("\n", at)
            comment = source[at:end].rstrip()
            blank = source[len(source[:at].rstrip(" \t")) : at] or " "
            if line_has_element:
                elements[-1] = elements[-1]._replace(comment=blank + comment)
            elif not newlines:
                opening = blank + comment
            else:
                pending.append(comment)
                # The line end behind a comment of its own makes no empty line.
                line_has_element = True
            at = end
            continue
        elif sign not in " \t\r,":
            end = _element_end(source, at)
            elements.append(ArrayElement(source[at:end], tuple(pending)))
            pending = []
            line_has_element = True
            at = end
            continue
        at += 1
    indent, closing = _indents(source)
    return ArrayText(tuple(elements), opening, tuple(pending), indent, closing, "\n" in source)


def _element_end(source: str, at: int) -> int:
    """Return the end of the element that begins at ``at``."""
    depth = 0
    while True:
        sign = source[at]
        if sign in "\"'":
            at = _string_end(source, at)
        elif sign == "#":
            at = source.find("\n", at)
        else:
            depth += (sign in _OPENING) - (sign in _CLOSING)
            at += 1
        if depth <= 0 and (source[at] in ",]#\n\r" or source[at] in " \t"):
            return at


def _string_end(source: str, at: int) -> int:
    """Return the end of the string that begins at ``at``: of one line, or of several in triple quotes."""
    quote = source[at]
    closing = quote * 3 if source.startswith(quote * 3, at) else quote
    at += len(closing)
    while not source.startswith(closing, at):
        at += 2 if quote == '"' and source[at] == "\\" else 1
    at += len(closing)
    while len(closing) == 3 and source[at] == quote:
        # Up to two quotes may stand right before the closing three.
        at += 1
    return at


def _indents(source: str) -> tuple[str, str]:
    """Return what the elements and the closing bracket are indented by."""
    lines = source.split("\n")
    closing = _blank_head(lines[-1]) if len(lines) > 1 and lines[-1].strip() == "]" else ""
    for line in lines[1:]:
        content = line.lstrip(" \t")
        if content.strip() and not content.startswith("]"):
            return _blank_head(line), closing
    return closing + _INDENT, closing


def _blank_head(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def write_array(array: ArrayText, newline: str = "\n") -> str:
    """Return an array's text, one element a line; an empty one, or one that was on one line and shrank, stays there."""
    if not array.elements and not array.after and not array.opening:
        return "[]"
    if not array.is_multiline:
        return "[" + ", ".join(element.text for element in array.elements) + "]"
    lines = ["[" + array.opening]
    for element in array.elements:
        lines += [array.indent + line if line else "" for line in element.before]
        lines.append(f"{array.indent}{element.text},{element.comment}")
    lines += [array.indent + line if line else "" for line in array.after]
    lines.append(array.closing + "]")
    return newline.join(lines)
