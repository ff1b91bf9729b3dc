"""DEFLATE by ISA-L and by zlib: the same verdict and the same bytes, whole and in pieces, sound and damaged."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blast_core.archive.inflate import crc32, inflate, inflate_chunks

pytestmark = pytest.mark.property

CONTENTS = st.one_of(
    st.binary(max_size=2000),
    st.builds(lambda unit, count: unit * count, st.binary(min_size=1, max_size=30), st.integers(0, 9000)),
)


def _deflate(content: bytes, level: int) -> bytes:
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15)
    return compressor.compress(content) + compressor.flush()


def _by_zlib(stored: bytes, size: int) -> bytes | None:
    stream = zlib.decompressobj(-15)
    try:
        raw = stream.decompress(stored, size + 1)
    except zlib.error:
        return None
    return raw if stream.eof and not stream.unused_data and len(raw) == size else None


def _whole(stored: bytes, size: int) -> bytes | None:
    try:
        return inflate(stored, size)
    except ValueError:
        return None


def _pieces(stored: bytes, size: int, piece: int) -> bytes | None:
    parts = [stored[start : start + piece] for start in range(0, len(stored), piece)]
    try:
        return b"".join(inflate_chunks(parts, size))
    except ValueError:
        return None


@given(CONTENTS, st.integers(0, 9), st.sampled_from([1, 7, 1000, 1 << 20]))
def test_sound_streams_come_back(content: bytes, level: int, piece: int) -> None:
    stored = _deflate(content, level)
    assert inflate(stored, len(content)) == content
    assert _pieces(stored, len(content), piece) == content
    assert crc32(content) == zlib.crc32(content)
    assert crc32(content[5:], crc32(content[:5])) == zlib.crc32(content)


@given(CONTENTS, st.integers(0, 9), st.integers(-3, 3), st.binary(max_size=3))
def test_lies_about_the_size_and_tails_are_refused(content: bytes, level: int, change: int, tail: bytes) -> None:
    stored = _deflate(content, level) + tail
    size = max(0, len(content) + change)
    wanted = content if size == len(content) and not tail else None
    assert _whole(stored, size) == wanted
    assert _pieces(stored, size, 100) == wanted


@given(st.binary(min_size=1, max_size=300), st.integers(1, 9), st.data())
def test_damaged_streams_get_one_verdict(content: bytes, level: int, data: st.DataObject) -> None:
    """What ISA-L lets pass is what zlib lets pass, so a wheel does not depend on the machine that reads it."""
    stored = bytearray(_deflate(content, level))
    stored[data.draw(st.integers(0, len(stored) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    wanted = _by_zlib(bytes(stored), len(content))
    assert _whole(bytes(stored), len(content)) == wanted
    assert _pieces(bytes(stored), len(content), 5) == wanted
