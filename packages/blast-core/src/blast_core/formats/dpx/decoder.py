"""Read a compiled manifest. Imports ``struct`` alone, and ``datetime`` when a date is met: it is for the hot path."""

from __future__ import annotations

import os
from binascii import crc32
from struct import Struct

from blast_core import limits
from blast_core.errors import BadMagic, InvalidField, TruncatedInput, UnsupportedFormatVersion
from blast_core.formats.dpx import layout
from blast_core.formats.dpx.layout import Kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

__all__ = ["DpxFile", "decode"]

_FLOAT = Struct("<d")
_LONG = Struct("<q")
_UNSIGNED = Struct("<Q")
_LOW = 0xFFFFFFFF
_RACY_NS = 20_000_000  # a source changed within one tick of the file system's clock may keep its time


def decode(data: bytes) -> dict[str, Any]:
    """Return the document of a compiled manifest.

    Args:
        data: the bytes of ``pyproject.dx``.

    Returns:
        What ``tomllib.loads`` gives for its source, keys in the same order.

    Raises:
        FormatError: not a DPX file, or damaged.

    Cost: one pass, without recursion; some 100 us for a manifest of 150 values.
    """
    return DpxFile.from_bytes(data).document()


class DpxFile:
    """A compiled manifest whose header holds and whose check sum is right.

    Attributes:
        mtime_ns: modification time of the source, nanoseconds since 1970.
        source_size: of the source, in bytes.
        source_hash: 32 bytes, BLAKE3 of the source.
        content_hash: 32 bytes, BLAKE3 of everything behind the header.
        pool_size: bytes of strings.
    """

    __slots__ = ("_count", "_data", "_file", "_pool_at", "_written_ns", "content_hash", "mtime_ns", "pool_size",
                 "source_hash", "source_size")  # fmt: skip

    def __init__(self, data: bytes, file: str = "", written_ns: int = 0) -> None:
        self._data = data
        self._file = file
        self._written_ns = written_ns
        if len(data) < layout.CONTENT_AT:
            raise TruncatedInput("too short for a compiled manifest", file=file, field="size", value=str(len(data)))
        (
            magic, version, flags, self._count, self.pool_size, total, self.mtime_ns, self.source_size,
            self.source_hash, self.content_hash, check, zeros,
        ) = layout.HEADER.unpack_from(data)  # fmt: skip
        if magic != layout.MAGIC:
            raise BadMagic("not a compiled manifest", file=file, field="magic", value=repr(magic))
        if version != layout.FORMAT_VERSION or flags:
            raise UnsupportedFormatVersion(
                "the compiled manifest has another format version",
                file=file,
                field="format version, flags",
                value=f"{version}, {flags}",
            )
        self._pool_at = layout.CONTENT_AT + layout.NODE.size * self._count
        if total != len(data) or total != self._pool_at + self.pool_size or not self._count or any(zeros):
            raise self.invalid("total size", total)
        view = memoryview(data)
        found = crc32(view[layout.CRC_AT + 4 :], crc32(view[: layout.CRC_AT]))
        if found != check:
            raise self.invalid("check sum", f"{found:08x}")

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Open a manifest that is in memory; raises ``FormatError`` as ``decode`` does."""
        return cls(data)

    @classmethod
    def open(cls, path: str) -> Self:
        """Open the manifest at ``path``; it is read whole and nothing has to be closed.

        Raises:
            FormatError: not a DPX file, or damaged.
            OSError: missing or unreadable.
        """
        with open(path, "rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            if status.st_size > limits.DPX_SIZE:
                raise InvalidField("too large", file=path, field="size", value=str(status.st_size))
            return cls(file.read(limits.DPX_SIZE), path, status.st_mtime_ns)

    def source_matches(self, path: str) -> bool:
        """Tell whether the file at ``path`` is still what was compiled.

        Time and size decide only when the compiled file is at least 20 ms younger than its source; otherwise, and when
        the time differs, the BLAKE3 of the source does.

        Args:
            path: of the TOML file; a missing one does not match.
        """
        try:
            status = os.stat(path)
            if status.st_size != self.source_size:
                return False
            if status.st_mtime_ns == self.mtime_ns and self._written_ns - self.mtime_ns >= _RACY_NS:
                return True
            with open(path, "rb") as file:
                source = file.read(self.source_size + 1)
        except FileNotFoundError:
            return False
        from blast_core.digests import blake3_digest

        return bool(self.source_hash == blake3_digest(source))

    def verify(self) -> None:
        """Check the content's BLAKE3 and decode everything once; raises ``FormatError``."""
        from blast_core.digests import blake3_digest

        found = blake3_digest(self._data[layout.CONTENT_AT :])
        if found != self.content_hash:
            raise self.invalid("content hash", found.hex())
        self.document()

    def document(self) -> dict[str, Any]:
        """Return the document; raises ``FormatError`` for nodes that are out of order or bounds."""
        rows = list(layout.NODE.iter_unpack(self._data[layout.CONTENT_AT : self._pool_at]))
        keyed = self._check_families(rows)
        values: list[Any] = [None] * self._count
        texts = _Texts(self)
        for number in range(self._count - 1, -1, -1):
            kind, zero, minutes, key_at, key_length, payload = rows[number]
            if zero or (minutes and kind != Kind.DATE_TIME) or ((key_at or key_length) and not keyed[number]):
                raise self.invalid(f"node {number}", rows[number])
            if kind == Kind.STRING:
                values[number] = texts[payload]
            elif kind == Kind.TABLE:
                values[number] = self._table(rows, values, texts, payload)
            elif kind == Kind.ARRAY:
                first = payload & _LOW
                values[number] = values[first : first + (payload >> 32)]
            else:
                values[number] = self._scalar(kind, minutes, payload)
        document: dict[str, Any] = values[0]
        return document

    def _check_families(self, rows: list[tuple[int, ...]]) -> bytearray:
        """Check that the containers share the nodes out in order, and return which nodes have a key."""
        if rows[0][0] != Kind.TABLE:
            raise self.invalid("node 0", rows[0][0])
        count = self._count
        keyed = bytearray(count)
        depths = bytearray(count)
        following = 1
        for number, row in enumerate(rows):
            kind = row[0]
            if kind not in (Kind.TABLE, Kind.ARRAY):
                continue
            first, children = row[5] & _LOW, row[5] >> 32
            depth = depths[number] + 1
            end = first + children
            if first != following or end > count or first <= number or (depth > limits.DPX_DEPTH + 1):
                raise self.invalid(f"children of node {number}", (first, children, depth))
            depths[first:end] = bytes([depth]) * children
            if kind == Kind.TABLE:
                keyed[first:end] = b"\1" * children
            following = end
        if following != count:
            raise self.invalid("nodes", following)
        return keyed

    def _table(self, rows: list[tuple[int, ...]], values: list[Any], texts: _Texts, payload: int) -> dict[str, Any]:
        table = {}
        first, count = payload & _LOW, payload >> 32
        for number in range(first, first + count):
            row = rows[number]
            table[texts[row[4] << 32 | row[3]]] = values[number]
        if len(table) != count:
            raise self.invalid(f"keys of nodes {first} to {first + count - 1}", "one stands twice")
        return table

    def _scalar(self, kind: int, minutes: int, payload: int) -> object:
        if kind == Kind.INTEGER:
            return _LONG.unpack(_UNSIGNED.pack(payload))[0]
        if kind == Kind.BOOLEAN and payload <= 1:
            return bool(payload)
        if kind == Kind.FLOAT:
            return _FLOAT.unpack(_UNSIGNED.pack(payload))[0]
        if kind == Kind.BIG_INTEGER:
            return self._big_integer(payload)
        if Kind.DATE_TIME <= kind <= Kind.LOCAL_TIME:
            return self._moment(kind, minutes, payload)
        raise self.invalid("kind", (kind, payload))

    def _big_integer(self, payload: int) -> int:
        content = self.slice(payload)
        value = int.from_bytes(content, "little", signed=True)
        if -(1 << 63) <= value < 1 << 63 or (value if value >= 0 else ~value).bit_length() // 8 + 1 != len(content):
            raise self.invalid("integer", "not in its shortest form")
        return value

    def _moment(self, kind: int, minutes: int, payload: int) -> object:
        from datetime import date, datetime, time, timedelta, timezone

        day = (payload >> 46, payload >> 42 & 15, payload >> 37 & 31)
        moment = (payload >> 32 & 31, payload >> 26 & 63, payload >> 20 & 63, payload & 0xFFFFF)
        try:
            if kind == Kind.LOCAL_TIME and not any(day):
                return time(*moment)
            if kind == Kind.LOCAL_DATE and not any(moment):
                return date(*day)
            if kind == Kind.LOCAL_DATE_TIME:
                return datetime(*day, *moment)  # noqa: DTZ001 - TOML's local date-time has no zone
            if kind == Kind.DATE_TIME:
                return datetime(*day, *moment, tzinfo=timezone(timedelta(minutes=minutes)))
        except ValueError as error:
            raise self.invalid("date or time", payload) from error
        raise self.invalid("date or time", payload)

    def slice(self, payload: int) -> bytes:
        """Return the pool's bytes of a pair; raises ``InvalidField`` when it passes the end."""
        at, length = payload & _LOW, payload >> 32
        if at + length > self.pool_size:
            raise self.invalid("string", (at, length))
        start = self._pool_at + at
        return self._data[start : start + length]

    def invalid(self, field: str, value: object) -> InvalidField:
        """Return the error for a field that can't be."""
        return InvalidField(
            "the compiled manifest is damaged",
            file=self._file,
            field=field,
            value=str(value)[:80],
            hint="delete it; it is made anew from pyproject.toml",
        )


class _Texts(dict[int, str]):
    """The strings of a file by their pair, each decoded once.

    Strings do not overlap, so together they are no longer than the pool: a small file whose many references share one
    long stretch is refused before it fills the memory.
    """

    __slots__ = ("_file", "_unread")

    def __init__(self, file: DpxFile) -> None:
        super().__init__()
        self._file = file
        self._unread = file.pool_size

    def __missing__(self, payload: int) -> str:
        self._unread -= payload >> 32
        if self._unread < 0:
            raise self._file.invalid("pool", "strings overlap")
        try:
            text = self[payload] = self._file.slice(payload).decode()
        except UnicodeDecodeError as error:
            raise self._file.invalid("string", payload & _LOW) from error
        return text
