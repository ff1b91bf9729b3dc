"""Bounds-checked access to a format's bytes: what lies outside raises FormatError with file, field and value."""

from __future__ import annotations

from blast_core.errors import InvalidField, TruncatedInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from struct import Struct
    from typing import Any, NoReturn

__all__ = ["View", "aligned", "padding"]

_ALIGNMENT = 16


def aligned(size: int) -> int:
    """Return the next multiple of 16."""
    return (size + _ALIGNMENT - 1) & -_ALIGNMENT


def padding(size: int) -> bytes:
    """Return the zero bytes that bring ``size`` to a multiple of 16."""
    return bytes(-size % _ALIGNMENT)


class View:
    """A range of bytes that knows where it comes from, so that errors can say it.

    Args:
        data: the bytes.
        file: the file's path, "" for bytes in memory.
        name: what the range is, such as ``files``; the prefix of field names in errors.
    """

    __slots__ = ("data", "file", "name")

    def __init__(self, data: bytes | memoryview, file: str, name: str) -> None:
        self.data = memoryview(data)
        self.file = file
        self.name = name

    def unpack(self, struct: Struct, offset: int, field: str) -> tuple[Any, ...]:
        """Unpack ``struct`` at ``offset``.

        Raises:
            TruncatedInput: it does not lie inside.
        """
        if offset < 0 or offset + struct.size > len(self.data):
            self.cut(field, offset)
        return struct.unpack_from(self.data, offset)

    def part(self, offset: int, length: int, field: str) -> memoryview:
        """Return a part of the range.

        Raises:
            TruncatedInput: it does not lie inside.
        """
        if offset < 0 or length < 0 or offset + length > len(self.data):
            self.cut(field, offset)
        return self.data[offset : offset + length]

    def text(self, offset: int, length: int, field: str) -> str:
        """Return a part of the range as text.

        Raises:
            TruncatedInput: it does not lie inside.
            InvalidField: it is not UTF-8.
        """
        try:
            return str(self.part(offset, length, field), "utf-8")
        except UnicodeDecodeError:
            self.fail("it is not UTF-8", field, offset)

    def fail(self, message: str, field: str, value: object) -> NoReturn:
        """Raise InvalidField for a field of this range."""
        raise InvalidField(message, file=self.file, field=f"{self.name}.{field}", value=str(value))

    def cut(self, field: str, value: object) -> NoReturn:
        """Raise TruncatedInput for a field of this range."""
        raise TruncatedInput("it points past the end", file=self.file, field=f"{self.name}.{field}", value=str(value))
