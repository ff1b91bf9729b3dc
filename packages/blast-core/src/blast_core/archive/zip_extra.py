"""Extra fields of ZIP headers: those that change what the header means are understood, all must be well formed."""

from __future__ import annotations

from struct import Struct
from zlib import crc32

from blast_core.tuples import NamedTuple

__all__ = ["Sizes", "parse_extra", "zip64_sizes"]

_FIELD = Struct("<2H")
_UNICODE_PATH = Struct("<BI")
_ZIP64 = 0x0001
_UNICODE_PATH_ID = 0x7075
_MAX16 = 0xFFFF
_MAX32 = 0xFFFFFFFF
# No honest offset comes near: signed 64-bit readers would see a negative number.
_WIDE_LIMIT = 1 << 63
_REPEATED = Struct("<2Q")


class Sizes(NamedTuple):
    """The fields that zip64 can widen, in the order in which the extra field has them."""

    raw: int
    stored: int
    offset: int
    disk: int


def parse_extra(extra: bytes, raw_name: bytes) -> bytes | None:
    """Check the extra fields of one header and return the content of the zip64 one, if any.

    Raises:
        ValueError: they are not well formed, repeat one that matters, or rename the member.
    """
    if not extra:
        return None
    zip64 = None
    seen_path = False
    position = 0
    while position < len(extra):
        if position + _FIELD.size > len(extra):
            raise ValueError("its extra field is cut")
        identifier, length = _FIELD.unpack_from(extra, position)
        position += _FIELD.size
        content = extra[position : position + length]
        position += length
        if len(content) != length:
            raise ValueError("its extra field is cut")
        if identifier == _ZIP64:
            if zip64 is not None:
                raise ValueError("it has two zip64 fields")
            zip64 = content
        elif identifier == _UNICODE_PATH_ID:
            _check_unicode_path(content, raw_name, seen_path=seen_path)
            seen_path = True
    return zip64


def _check_unicode_path(content: bytes, raw_name: bytes, *, seen_path: bool) -> None:
    if seen_path:
        raise ValueError("it has two Unicode path fields")
    if content != _UNICODE_PATH.pack(1, crc32(raw_name)) + raw_name:
        raise ValueError("its Unicode path field gives it another path")


def zip64_sizes(zip64: bytes | None, plain: Sizes, *, is_local: bool = False) -> Sizes:
    """Return the fields of a header after zip64 had its say.

    Args:
        zip64: the content of the zip64 extra field, None without one.
        plain: what the header itself says.
        is_local: a local header's field holds both sizes or is absent.

    Raises:
        ValueError: the field is longer or shorter than the header asks for, or absurd.
    """
    if zip64 is None:
        return plain
    limits = (_MAX32, _MAX32, _MAX32, _MAX16)
    wanted = [index for index, limit in enumerate(limits) if plain[index] == limit]
    if is_local and wanted != [0, 1]:
        # Bazel's writer (protobuf, selenium) repeats in it what the header has already said.
        if not wanted and zip64 == _REPEATED.pack(plain.raw, plain.stored):
            return plain
        raise ValueError("its local zip64 field is not what its header asks for")
    length = sum(4 if index == 3 else 8 for index in wanted)  # the disk is the only one of 4 bytes
    if not wanted or len(zip64) != length:
        raise ValueError(f"its zip64 field has {len(zip64)} bytes where its header asks for {length}")
    values = list(plain)
    for place, index in enumerate(wanted):
        values[index] = int.from_bytes(zip64[place * 8 : place * 8 + 8], "little")
        if values[index] >= _WIDE_LIMIT:
            raise ValueError("its zip64 field is absurdly large")
    return Sizes(*values)
