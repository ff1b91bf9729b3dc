"""Where everything lies in a DPX file. All integers are little-endian.

Header, 128 bytes at 0::

    0   4s   magic b"DPX1"                  40  32s  BLAKE3 of the source
    4   u16  format version, 1              72  32s  BLAKE3 of bytes 128 to the end
    6   u16  flags, 0                       104 u32  CRC-32 of bytes 0 to 103 and 108 to the end
    8   u32  node count, at least 1         108 20s  zeros
    12  u32  pool size in bytes
    16  u64  total size: 128 + 20 * node count + pool size
    24  i64  modification time of the source, nanoseconds since 1970
    32  u64  size of the source in bytes

Nodes follow at 128, 20 bytes each, then the pool to the end of the file::

    0   u8   kind                           4   u32  key: offset into the pool
    1   u8   zero                           8   u32  key: length
    2   i16  offset from UTC in minutes     12  u64  payload

Node 0 is the document, a table. The children of a table or array are neighbours, and the children of a later container
lie behind those of an earlier one, so every node but the first belongs to exactly one container, which stands before
it: a reader needs one pass, no recursion and no search, and there can be no cycle. Payloads by kind: see ``Kind``.
"""

from __future__ import annotations

from struct import Struct

__all__ = ["CONTENT_AT", "CRC_AT", "FORMAT_VERSION", "HEADER", "MAGIC", "NODE", "PAIR", "Kind"]

MAGIC = b"DPX1"
FORMAT_VERSION = 1
CRC_AT = 104
CONTENT_AT = 128

HEADER = Struct("<4sHHIIQqQ32s32sI20s")
NODE = Struct("<BBhIIQ")
PAIR = Struct("<II")


class Kind:
    """What a node is, and what its payload says. A pair is two u32, the low half first."""

    TABLE = 1  # pair: first child, count; each child has a key
    ARRAY = 2  # pair: first child, count; children have no key
    STRING = 3  # pair: offset into the pool, length in bytes; UTF-8
    INTEGER = 4  # i64
    BIG_INTEGER = 5  # pair: offset into the pool, length; two's complement, lowest byte first, no shorter form exists
    FLOAT = 6  # IEEE 754 binary64
    BOOLEAN = 7  # 0 or 1
    DATE_TIME = 8  # packed, see below; the node's minutes are the offset from UTC
    LOCAL_DATE_TIME = 9  # packed
    LOCAL_DATE = 10  # packed, time zero
    LOCAL_TIME = 11  # packed, date zero

    # Packed: year << 46 | month << 42 | day << 37 | hour << 32 | minute << 26 | second << 20 | microsecond.
