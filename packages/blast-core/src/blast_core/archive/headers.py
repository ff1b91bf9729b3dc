"""The header block of METADATA and WHEEL, as the email format has it, without the email package's cost."""

from __future__ import annotations

__all__ = ["Headers", "parse_headers"]

_BLANKS = " \t"
_CONTINUES = frozenset(_BLANKS)
# Most lines begin with one of these.
_KNOWN = {
    name: name.lower()
    for name in (
        "Metadata-Version", "Name", "Version", "Summary", "Author-email", "License-File", "Classifier", "Keywords",
        "Requires-Dist", "Requires-Python", "Provides-Extra", "Project-URL", "Description-Content-Type", "Tag",
    )
}  # fmt: skip


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
    name = ""
    parts: list[str] = []
    for line in _header_block(content).split("\n"):
        if line[:1] in _CONTINUES:
            parts.append(line.strip(_BLANKS))
            continue
        written, colon, value = line.partition(":")
        found = _KNOWN.get(written) or _field_name(written, line)
        if found is None or (found and not colon):
            break
        if name:
            fields.append((name, parts[0] if len(parts) == 1 else "\n".join(parts)))
        name, parts = found, [value.strip(_BLANKS)]  # without a name, what continues it is passed over too
    if name:
        fields.append((name, parts[0] if len(parts) == 1 else "\n".join(parts)))
    return Headers(tuple(fields))


def _field_name(written: str, line: str) -> str | None:
    """Return the name in lower case, "" for a line that says nothing, None for the end of the block."""
    if line.startswith(("From ", ":")):
        return ""
    plain = written.isascii() and written.isprintable() and " " not in written
    return written.lower() if written and plain else None


def _header_block(content: bytes) -> str:
    unified = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in content else content
    return unified.partition(b"\n\n")[0].removeprefix(b"\xef\xbb\xbf").decode(errors="replace")
