"""The header block of METADATA and WHEEL, as the email format has it, without the email package's cost."""

from __future__ import annotations

__all__ = ["Headers", "parse_headers"]

_BLANKS = " \t"


class Headers:
    """Fields in file order; names are matched without regard to case."""

    def __init__(self, fields: tuple[tuple[str, str], ...]) -> None:
        self.fields = fields

    def get_all(self, name: str) -> tuple[str, ...]:
        """Return every value of a field, () if it is missing."""
        return tuple(value for key, value in self.fields if key == name)

    def get(self, name: str) -> str:
        """Return the first value of a field, "" if it is missing."""
        return next((value for key, value in self.fields if key == name), "")

    def get_one(self, name: str) -> str:
        """Return the value of a field that must stand exactly once.

        Raises:
            ValueError: it is missing, empty or repeated.
        """
        values = self.get_all(name)
        if len(values) != 1 or not values[0]:
            raise ValueError(f"it has {len(values)} fields {name!r} with a value instead of one")
        return values[0]


def parse_headers(content: bytes) -> Headers:
    """Parse the lines before the first empty one; names come out in lower case.

    What is a field, a line and the end is as the email package has it, which other tools read these files with: a name
    is ASCII without blanks, a line that is neither a field nor the continuation of one ends the block. A byte that is
    not UTF-8 becomes U+FFFD: old wheels have Latin-1 in the author's name or in the text below.
    """
    fields: list[tuple[str, str]] = []
    for line in _header_block(content).split("\n"):
        if line[:1] in {" ", "\t"}:
            if fields:
                name, value = fields[-1]
                fields[-1] = (name, f"{value}\n{line.strip(_BLANKS)}")
            continue
        name, colon, value = line.partition(":")
        if not colon or not _is_field_name(name):
            if line.startswith("From "):
                continue
            break
        fields.append((name.lower(), value.strip(_BLANKS)))
    return Headers(tuple(field for field in fields if field[0]))


def _is_field_name(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _header_block(content: bytes) -> str:
    unified = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in content else content
    return unified.partition(b"\n\n")[0].removeprefix(b"\xef\xbb\xbf").decode(errors="replace")
