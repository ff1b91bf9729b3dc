"""B1 for the lock: whatever happens to its bytes, an answer is right or there is none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blast_core.errors import FormatError
from blast_core.formats.dpl.builder import build_lock
from blast_core.formats.dpl.reader import DplLockFile
from blast_core.formats.dpl.testing import reseal, sample_lock

SMALL = sample_lock(3, files=2, dependencies=2)
SMALL_BYTES = build_lock(SMALL)
LARGE = sample_lock(60, files=3)
LARGE_BYTES = build_lock(LARGE)


def check_answers(data: bytes) -> bool:
    """Ask a damaged copy of SMALL everything; return whether it gave any answer."""
    try:
        opened = DplLockFile.from_bytes(data)
        assert (opened.input_hash, opened.text_hash) == (SMALL.input_hash, SMALL.text_hash)
        for package in SMALL.packages:
            assert [entry.to_package() for entry in opened.find(package.name)] == [package]
        assert list(opened.find("absent")) == []
        assert [entry.to_package() for entry in opened.select(0, 3)] == list(SMALL.packages)
        assert opened.to_lock() == SMALL
    except FormatError:
        return False
    return True


def is_verified(data: bytes) -> bool:
    try:
        DplLockFile.from_bytes(data).verify()
    except FormatError:
        return False
    return True


def test_the_sound_lock_answers() -> None:
    assert check_answers(SMALL_BYTES)
    assert is_verified(SMALL_BYTES)


@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_any_flipped_byte(mask: int) -> None:
    for at in range(len(SMALL_BYTES)):
        data = bytearray(SMALL_BYTES)
        data[at] ^= mask
        answered = check_answers(bytes(data))
        # Bytes 96 to 127 are the content hash, which only verify() reads.
        assert answered == (96 <= at < 128), at
        assert not is_verified(bytes(data)), at


def test_cut_at_any_byte() -> None:
    assert not any(check_answers(SMALL_BYTES[:size]) for size in range(len(SMALL_BYTES)))


@pytest.mark.parametrize("byte", [b"\x00", b"\xff"])
def test_a_byte_inserted_anywhere(byte: bytes) -> None:
    for at in range(len(SMALL_BYTES) + 1):
        assert not check_answers(SMALL_BYTES[:at] + byte + SMALL_BYTES[at:])


def test_a_byte_moved_from_anywhere_to_the_end() -> None:
    """The size is right again, what lies in between is not."""
    for at in range(0, len(SMALL_BYTES) - 1, 3):
        data = SMALL_BYTES[:at] + SMALL_BYTES[at + 1 :] + SMALL_BYTES[at : at + 1]
        if data != SMALL_BYTES:
            assert not is_verified(data)
            check_answers(data)


@pytest.mark.property
@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.integers(0, len(LARGE_BYTES) - 1), st.integers(1, 255), min_size=1, max_size=8),
    st.integers(0, len(LARGE.packages) - 1),
)
def test_a_lookup_in_a_damaged_lock_of_many_pages(damage: dict[int, int], number: int) -> None:
    data = bytearray(LARGE_BYTES)
    for at, mask in damage.items():
        data[at] ^= mask
    package = LARGE.packages[number]
    assert not is_verified(bytes(data))
    try:
        (entry,) = DplLockFile.from_bytes(bytes(data)).find(package.name)
        assert entry.to_package() == package
    except FormatError:
        pass


@pytest.mark.property
@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(SMALL_BYTES) - 1), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4)
)
def test_a_hostile_hand_that_makes_the_seals_right(changes: list[tuple[int, bytes]]) -> None:
    """What passes verify() is a lawful lock in its one canonical form; everything else is a FormatError."""
    data = bytearray(SMALL_BYTES)
    for at, content in changes:
        data[at : at + len(content)] = content
    sealed = reseal(data[: len(SMALL_BYTES)])
    if is_verified(sealed):
        assert build_lock(DplLockFile.from_bytes(sealed).to_lock()) == sealed


@pytest.mark.property
@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=600))
def test_any_bytes_are_a_lock_or_an_error(data: bytes) -> None:
    for candidate in (data, b"DPL1\1\0\0\0" + data):
        assert not is_verified(candidate)
