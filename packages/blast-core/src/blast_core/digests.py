"""Digests: BLAKE3 for trust and addresses, sha256 where the ecosystem says so."""

from __future__ import annotations

from blast_core.limits import CHUNK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mmap import mmap
    from typing import Protocol

    Buffer = bytes | bytearray | memoryview | mmap

    class _Hasher(Protocol):
        def update(self, data: bytes, /) -> object: ...

        def digest(self) -> bytes: ...


__all__ = ["blake3_digest", "blake3_file", "sha256_file", "tree_name"]

_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_TREE_DIGITS = 20


def blake3_digest(data: Buffer) -> bytes:
    """Return the 32 bytes of the BLAKE3 of ``data``."""
    from blake3 import blake3

    return blake3(data).digest()


def blake3_file(path: str) -> bytes:
    """Return the 32 bytes of a file's BLAKE3.

    Raises:
        OSError: the file can't be read.

    Cost: one pass in pieces of 1 MiB. The file is not mapped, because one that shrinks meanwhile must not kill us.
    """
    from blake3 import blake3

    return _hash_file(path, blake3())


def sha256_file(path: str) -> bytes:
    """Return the 32 bytes of a file's SHA-256.

    Raises:
        OSError: the file can't be read.
    """
    from hashlib import sha256

    return _hash_file(path, sha256())


def tree_name(digest: bytes) -> str:
    """Return the name of the unpacked tree of the container with this BLAKE3: its first 20 base32 digits, lower case.

    100 bits: no two distributions of one machine collide, and a link to a file below fits an ext4 inode (59 bytes).

    Raises:
        ValueError: the digest is shorter than 13 bytes.
    """
    if len(digest) * 8 < _TREE_DIGITS * 5:
        message = f"a digest of {len(digest)} bytes is too short for a tree's name"
        raise ValueError(message)
    number = int.from_bytes(digest[:13], "big") >> 4
    return "".join(_BASE32[number >> shift & 31] for shift in range(5 * (_TREE_DIGITS - 1), -1, -5))


def _hash_file(path: str, hasher: _Hasher) -> bytes:
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            hasher.update(chunk)
    return hasher.digest()
