"""Changes that get past the first check: digests, seals and check sums are made right again.

A mutator is a function of the input, the room that it may take, a seed, and the fuzzer's own mutation of bytes.
"""

from __future__ import annotations

import random
import struct
from binascii import crc32
from typing import TYPE_CHECKING

from blast_core.digests import blake3_digest
from blast_core.formats.dpl.testing import reseal
from blast_core.formats.dpx import layout as dpx_layout
from blast_runtime.modmap import CHECK_PRIME

if TYPE_CHECKING:
    from collections.abc import Callable

    Change = Callable[[bytes, int], bytes]
    Mutator = Callable[[bytes, int, int, Change], bytes]

__all__ = [
    "mutate_dpl",
    "mutate_dpm",
    "mutate_dpp",
    "mutate_dpx",
    "seal_dpl",
    "seal_dpm",
    "seal_dpp",
    "seal_dpx",
]

_NUMBERS = (0, 1, 2, 4, 15, 16, 17, 63, 64, 255, 256, 4095, 4096, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 16, 2**32 - 1)
_WIDE = (*_NUMBERS, 2**32, 2**48, 2**63 - 1, 2**63, 2**64 - 1)


def seal_dpp(data: bytes) -> bytes:
    """Return a container with the digest of its content."""
    return data[:32] + blake3_digest(data[64:]) + data[64:] if len(data) >= 64 else data


def seal_dpl(data: bytes) -> bytes:
    """Return a lock with right seals and content hash, where its header says where they belong."""
    try:
        return reseal(bytearray(data))
    except struct.error:
        return data


def seal_dpx(data: bytes) -> bytes:
    """Return a compiled manifest with a right content hash and check sum."""
    if len(data) < dpx_layout.CONTENT_AT:
        return data
    fixed = bytearray(data)
    fixed[72:104] = blake3_digest(data[dpx_layout.CONTENT_AT :])
    at = dpx_layout.CRC_AT
    fixed[at : at + 4] = struct.pack("<I", crc32(fixed[at + 4 :], crc32(fixed[:at])))
    return bytes(fixed)


def seal_dpm(data: bytes) -> bytes:
    """Return a module map with a right check sum."""
    return data[:-4] + (int.from_bytes(data[:-4], "little") % CHECK_PRIME).to_bytes(4, "little")


def _change_numbers(data: bytes, source: random.Random, unit: int) -> bytes:
    """Set one to four aligned numbers to boundaries, to other numbers of the file, or to what is nearly right."""
    changed = bytearray(data)
    for _ in range(source.randint(1, 4)):
        width, form = source.choice(((2, "<H"), (4, "<I"), (4, "<I"), (8, "<Q")))
        if len(changed) < width:
            break
        at = source.randrange(0, len(changed) - width + 1, unit if len(changed) > unit + width else 1)
        value = int.from_bytes(changed[at : at + width], "little")
        other = source.randrange(0, len(changed) - width + 1)
        value = source.choice(
            (
                value + source.choice((-16, -1, 1, 2, 16)),
                value ^ 1 << source.randrange(width * 8),
                source.choice(_WIDE),
                int.from_bytes(changed[other : other + width], "little"),
                len(changed),
                len(changed) // 16,
            )
        )
        struct.pack_into(form, changed, at, value & ((1 << width * 8) - 1))
    return bytes(changed)


def _move_pieces(data: bytes, source: random.Random, size: int) -> bytes:
    """Swap or repeat pieces of one size, such as entries of a table."""
    if len(data) < 4 * size:
        return data
    first, second = (source.randrange(0, len(data) - size, 2) for _ in range(2))
    changed = bytearray(data)
    changed[first : first + size], changed[second : second + size] = (
        data[second : second + size],
        data[first : first + size] if source.random() < 0.5 else data[second : second + size],
    )
    return bytes(changed)


def _mutate(data: bytes, room: int, seed: int, change: Change, sizes: tuple[int, ...]) -> bytes:
    source = random.Random(seed)  # noqa: S311 - the fuzzer's seed, so that a run can be repeated
    kind = source.random()
    if kind < 0.5:
        data = _change_numbers(data, source, source.choice((1, 2, 4)))
    elif kind < 0.65:
        data = _move_pieces(data, source, source.choice(sizes))
    else:
        data = change(data, room)
    return data[:room]


def mutate_dpp(data: bytes, room: int, seed: int, change: Change) -> bytes:
    """Change a container and make its digest right; its total size too, most of the time."""
    changed = _mutate(data, room, seed, change, (4, 16, 80))
    if seed % 8 and len(changed) >= 64:
        changed += bytes(-len(changed) % 16)
        changed = changed[:28] + struct.pack("<I", len(changed) // 16) + changed[32:]
    return seal_dpp(changed)[:room]


def mutate_dpl(data: bytes, room: int, seed: int, change: Change) -> bytes:
    """Change a lock and make its seals right."""
    return seal_dpl(_mutate(data, room, seed, change, (4, 8, 24, 96)))[:room]


def mutate_dpx(data: bytes, room: int, seed: int, change: Change) -> bytes:
    """Change a compiled manifest and make its check sum right; its total size too, most of the time."""
    changed = _mutate(data, room, seed, change, (4, 20, 40))
    if seed % 8 and len(changed) >= dpx_layout.CONTENT_AT:
        changed = changed[:16] + struct.pack("<Q", len(changed)) + changed[24:]
    return seal_dpx(changed)[:room]


def mutate_dpm(data: bytes, room: int, seed: int, change: Change) -> bytes:
    """Change a module map and make its check sum right; its total size too, most of the time."""
    changed = _mutate(data, room, seed, change, (4, 8, 24, 48))
    if seed % 8 and len(changed) >= 64:
        changed = changed[:8] + struct.pack("<I", len(changed)) + changed[12:]
    return seal_dpm(changed)[:room]
