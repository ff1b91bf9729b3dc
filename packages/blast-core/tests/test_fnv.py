"""FNV-1a against its published vectors, and the tables against a plain dictionary."""

from __future__ import annotations

import struct

import pytest

from blast_core.fnv import build_table, fnv1a64, probe, table_slots


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"", 0xCBF29CE484222325, id="empty"),
        pytest.param(b"a", 0xAF63DC4C8601EC8C, id="a"),
        pytest.param(b"foobar", 0x85944171F73967E8, id="foobar"),
        pytest.param(b"chongo was here!\n", 0x46810940EFF5F915, id="chongo"),
    ],
)
def test_matches_the_published_vectors(data: bytes, expected: int) -> None:
    assert fnv1a64(data) == expected


@pytest.mark.parametrize(("count", "slots"), [(0, 1), (1, 2), (2, 4), (3, 8), (4, 8), (5, 16), (241, 512), (256, 512)])
def test_slots_are_a_power_of_two_and_twice_the_count(count: int, slots: int) -> None:
    assert table_slots(count) == slots


def test_all_keys_in_one_bucket_are_all_found() -> None:
    hashes = [7 + (number << 32) for number in range(50)]
    table = memoryview(build_table(hashes))
    assert list(probe(table, table_slots(50), 7)) == list(range(50))


def test_probe_wraps_round_the_end() -> None:
    table = memoryview(build_table([3, 3]))
    assert list(probe(table, 4, 3)) == [0, 1]


def test_probe_of_a_full_table_ends() -> None:
    table = memoryview(struct.pack("<4I", 1, 2, 3, 4))
    assert list(probe(table, 4, 2)) == [2, 3, 0, 1]


def test_probe_of_a_table_that_repeats_one_entry_ends() -> None:
    table = memoryview(struct.pack("<8I", *[1] * 8))
    assert list(probe(table, 8, 0)) == [0] * 8


def test_an_empty_table_yields_nothing() -> None:
    assert list(probe(memoryview(build_table([])), 1, 12345)) == []
