"""Compile a TOML document."""

from __future__ import annotations

from binascii import crc32
from struct import Struct

from blast_core import limits
from blast_core.errors import InvalidField
from blast_core.formats.dpx import layout
from blast_core.formats.dpx.layout import Kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime, time

__all__ = ["encode"]

_FLOAT = Struct("<d")
_LONG = Struct("<q")
_UNSIGNED = Struct("<Q")


def encode(document: Mapping[str, object], source: bytes, mtime_ns: int) -> bytes:
    """Return a document in its binary form.

    Args:
        document: what ``tomllib.loads`` gives: dictionaries, lists, strings, integers of any size, floats, booleans,
            dates and times; a tomlkit document is unwrapped first.
        source: the bytes of the TOML file that it was read from.
        mtime_ns: that file's modification time in nanoseconds.

    Returns:
        The bytes of ``pyproject.dx``; the same arguments give the same bytes.

    Raises:
        InvalidField: a value that TOML has no form for, a lone surrogate, or nesting deeper than 64.

    Spec: docs/spec/dpx.md. Cost: one pass, without recursion.
    """
    from blast_core.digests import blake3_digest

    unwrap = getattr(document, "unwrap", None)
    encoder = _Encoder()
    encoder.add_document(unwrap() if unwrap else document)
    nodes, pool = b"".join(encoder.nodes), bytes(encoder.pool)
    content = nodes + pool
    total = layout.CONTENT_AT + len(content)
    if total > limits.DPX_SIZE:
        raise InvalidField("the manifest is too large", field="total size", value=str(total))
    head = layout.HEADER.pack(
        layout.MAGIC, layout.FORMAT_VERSION, 0, len(encoder.nodes), len(pool), total, mtime_ns, len(source),
        blake3_digest(source), blake3_digest(content), 0, bytes(20),
    )  # fmt: skip
    check = crc32(content, crc32(head[layout.CRC_AT + 4 :], crc32(head[: layout.CRC_AT])))
    return head[: layout.CRC_AT] + check.to_bytes(4, "little") + head[layout.CRC_AT + 4 :] + content


class _Encoder:
    """Nodes breadth first: a queue of containers whose children are still to be laid, so depth costs no stack."""

    def __init__(self) -> None:
        self.nodes: list[bytes] = []
        self.pool = bytearray()
        self._places: dict[bytes, int] = {b"": 0}
        self._queue: list[tuple[int, object, int, tuple[int, int]]] = []

    def add_document(self, document: Mapping[str, object]) -> None:
        if not isinstance(document, dict):
            raise _refuse(document)
        self._add(document, (0, 0), 0)
        for number, container, depth, key in self._queue:
            if depth > limits.DPX_DEPTH:
                raise InvalidField("nested too deeply", field="depth", value=str(depth))
            first = len(self.nodes)
            is_table = isinstance(container, dict)
            kind = Kind.TABLE if is_table else Kind.ARRAY
            self.nodes[number] = layout.NODE.pack(kind, 0, 0, *key, _pair(first, len(container)))  # type: ignore[arg-type]  # queued containers have a length
            if is_table:
                for name, value in container.items():  # type: ignore[attr-defined]  # a dictionary
                    if not isinstance(name, str):
                        raise _refuse(name)
                    self._add(value, self._store(_utf8(name)), depth + 1)
            else:
                for value in container:  # type: ignore[attr-defined]  # a list
                    self._add(value, (0, 0), depth + 1)

    def _add(self, value: object, key: tuple[int, int], depth: int) -> None:
        if isinstance(value, dict | list | tuple):
            self._queue.append((len(self.nodes), value, depth, key))
            self.nodes.append(b"")
            return
        kind, payload, minutes = self._scalar(value)
        self.nodes.append(layout.NODE.pack(kind, 0, minutes, *key, payload))

    def _scalar(self, value: object) -> tuple[int, int, int]:
        if isinstance(value, str):
            return Kind.STRING, _pair(*self._store(_utf8(value))), 0
        if isinstance(value, bool):
            return Kind.BOOLEAN, int(value), 0
        if isinstance(value, int):
            return self._integer(value)
        if isinstance(value, float):
            return Kind.FLOAT, _UNSIGNED.unpack(_FLOAT.pack(value))[0], 0
        return _moment(value)

    def _integer(self, value: int) -> tuple[int, int, int]:
        if -(1 << 63) <= value < 1 << 63:
            return Kind.INTEGER, _UNSIGNED.unpack(_LONG.pack(value))[0], 0
        size = (value if value >= 0 else ~value).bit_length() // 8 + 1
        return Kind.BIG_INTEGER, _pair(*self._store(value.to_bytes(size, "little", signed=True))), 0

    def _store(self, content: bytes) -> tuple[int, int]:
        at = self._places.get(content)
        if at is None:
            at = self._places[content] = len(self.pool)
            self.pool += content
        return at, len(content)


def _pair(low: int, high: int) -> int:
    return high << 32 | low


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidField("not Unicode text", field="string", value=ascii(text)) from error


def _moment(value: object) -> tuple[int, int, int]:
    from datetime import date, datetime, time

    if isinstance(value, datetime):
        packed = _pack_date(value) | _pack_time(value)
        offset = value.utcoffset()
        if offset is None:
            return Kind.LOCAL_DATE_TIME, packed, 0
        seconds = offset.days * 86400 + offset.seconds
        if offset.microseconds or seconds % 60:
            raise _refuse(value)
        return Kind.DATE_TIME, packed, seconds // 60
    if isinstance(value, date):
        return Kind.LOCAL_DATE, _pack_date(value), 0
    if isinstance(value, time) and value.tzinfo is None:
        return Kind.LOCAL_TIME, _pack_time(value), 0
    raise _refuse(value)


def _pack_date(day: date) -> int:
    return day.year << 46 | day.month << 42 | day.day << 37


def _pack_time(moment: datetime | time) -> int:
    return moment.hour << 32 | moment.minute << 26 | moment.second << 20 | moment.microsecond


def _refuse(value: object) -> InvalidField:
    return InvalidField("TOML has no form for the value", field="value", value=ascii(value)[:80])
