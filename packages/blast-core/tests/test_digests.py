"""Digests against their published values, and the names of trees."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

import pytest

from blast_core.digests import blake3_digest, blake3_file, sha256_file, tree_name

if TYPE_CHECKING:
    from pathlib import Path

EMPTY = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"


def test_blake3_of_nothing_is_the_published_one() -> None:
    assert blake3_digest(b"").hex() == EMPTY


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1])
def test_files_hash_as_their_bytes(size: int, tmp_path: Path) -> None:
    content = bytes(size)
    path = tmp_path / "file"
    path.write_bytes(content)
    assert blake3_file(str(path)) == blake3_digest(content)
    assert sha256_file(str(path)) == hashlib.sha256(content).digest()


def test_a_tree_is_named_by_the_first_digits_of_base32() -> None:
    for number in range(50):
        digest = blake3_digest(bytes([number]))
        assert tree_name(digest) == base64.b32encode(digest).decode().lower()[:20]


def test_a_short_digest_names_no_tree() -> None:
    with pytest.raises(ValueError, match="too short"):
        tree_name(bytes(12))
