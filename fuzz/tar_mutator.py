"""Changes to tar archives whose headers' check sums are then made right."""

from __future__ import annotations

import gzip
import random
import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fuzz.mutators import Change

__all__ = ["mutate_tar", "seal_tar"]

_BLOCK = 512
_NAMES = (
    b"../x", b"/x", b"sample-1.0/../../x", b"sample-1.0/link/x", b"sample-1.0", b"other/x", b".", b"./sample-1.0/x",
    b"sample-1.0/" + b"d/" * 40, b"C:x", b"a\\b", b"sample-1.0/\xff", b"sample-1.0/a\nb", b"",
)  # fmt: skip
_LINKS = (b"../..", b"/etc/passwd", b"PKG-INFO", b"link", b".", b"sample-1.0/PKG-INFO", b"../sample-1.0/PKG-INFO")
# offset and length of: name, mode, user, size, link, magic, prefix
_FIELDS = ((0, 100), (100, 8), (108, 8), (124, 12), (157, 100), (257, 8), (345, 155))
_TYPES = b"\0001234567xgLKSVMNX"


def seal_tar(data: bytes) -> bytes:
    """Return an archive whose headers, as far as there is one after the other, have right check sums."""
    changed, position = bytearray(data), 0
    while position + _BLOCK <= len(changed) and any(changed[position : position + _BLOCK]):
        header = changed[position : position + _BLOCK]
        header[148:156] = b" " * 8
        changed[position + 148 : position + 156] = b"%06o\0 " % sum(header)
        try:
            size = int(bytes(header[124:136]).strip(b" \0") or b"0", 8)
        except ValueError:
            size = 0
        if size < 0:
            break
        position += _BLOCK + -(-size // _BLOCK) * _BLOCK
    return bytes(changed)


def mutate_tar(data: bytes, room: int, seed: int, change: Change) -> bytes:
    """Change one or two headers, or any bytes of an archive, and make the check sums right."""
    source = random.Random(seed)  # noqa: S311 - the fuzzer's seed, so that a run can be repeated
    packed = data[:2] == b"\x1f\x8b"
    if packed and source.random() < 0.5:
        return change(data, room)
    try:
        plain = gzip.decompress(data) if packed else data
    except (OSError, EOFError, struct.error, zlib.error):
        return change(data, room)
    if source.random() < 0.25 or len(plain) < _BLOCK:
        return seal_tar(change(plain, room))[:room]
    changed = bytearray(plain)
    for _ in range(source.choice((1, 1, 2))):
        _change_header(changed, source.randrange(len(changed) // _BLOCK) * _BLOCK, source)
    if source.random() < 0.2:
        start = source.randrange(len(changed) // _BLOCK) * _BLOCK
        changed[start:start] = changed[start : start + 2 * _BLOCK]
    sealed = seal_tar(bytes(changed))
    return (gzip.compress(sealed, 1, mtime=0) if packed else sealed)[:room]


def _change_header(changed: bytearray, at: int, source: random.Random) -> None:
    kind = source.random()
    if kind < 0.3:
        changed[at + 156] = source.choice(_TYPES)
        changed[at + 157 : at + 257] = source.choice(_LINKS).ljust(100, b"\0")
    elif kind < 0.6:
        changed[at : at + 100] = source.choice(_NAMES)[:100].ljust(100, b"\0")
    else:
        start, length = source.choice(_FIELDS)
        values = (
            b"777",
            b"0000644",
            b"0104755",
            b"-1",
            b"\x80\0\0\0\0\0\0\1",
            b"\xff" * length,
            b"0" * length,
            b"20000",
        )
        changed[at + start : at + start + length] = source.choice(values)[:length].ljust(length, b"\0")
