"""The inputs that are kept: per target one packed file, the same bytes for the same inputs.

A pack is ``BFC1``, then zlib over all inputs, each behind its length (u32, little-endian), ordered by SHA-256.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CORPUS", "choose", "pack", "read_corpus", "unpack", "write_directory"]

CORPUS = Path(__file__).resolve().parent / "corpus"
_MAGIC = b"BFC1"


def pack(inputs: Iterable[bytes]) -> bytes:
    """Return a pack; inputs that stand twice come once."""
    ordered = sorted(set(inputs), key=lambda content: hashlib.sha256(content).digest())
    joined = b"".join(struct.pack("<I", len(content)) + content for content in ordered)
    return _MAGIC + zlib.compress(joined, 9)


def unpack(packed: bytes) -> list[bytes]:
    """Return the inputs of a pack.

    Raises:
        ValueError: it is none.
    """
    if packed[:4] != _MAGIC:
        raise ValueError("not a pack of inputs")
    joined, position, inputs = zlib.decompress(packed[4:]), 0, []
    while position < len(joined):
        (length,) = struct.unpack_from("<I", joined, position)
        inputs.append(joined[position + 4 : position + 4 + length])
        position += 4 + length
    return inputs


def read_corpus(target: str) -> list[bytes]:
    """Return what is kept for a target: its pack, and what once failed, a file each."""
    packed = CORPUS / f"{target}.pack"
    inputs = unpack(packed.read_bytes()) if packed.is_file() else []
    return inputs + [path.read_bytes() for path in sorted((CORPUS / "failed" / target).glob("*"))]


def choose(inputs: Iterable[bytes], room: int) -> list[bytes]:
    """Return the smallest of the inputs that fit into a pack of ``room`` bytes."""
    chosen: list[bytes] = []
    size = 0
    for content in sorted(set(inputs), key=lambda content: (len(content), content)):
        size += len(zlib.compress(content, 6)) + 4
        if size > room:
            break
        chosen.append(content)
    return chosen


def write_directory(inputs: Iterable[bytes], directory: Path) -> None:
    """Write inputs as files, named by their digest as libFuzzer does."""
    directory.mkdir(parents=True, exist_ok=True)
    for content in inputs:
        (directory / hashlib.sha1(content, usedforsecurity=False).hexdigest()).write_bytes(content)
