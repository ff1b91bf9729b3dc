"""Property 6, hash-table lookup: a table answers as a dictionary does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blast_core.fnv import build_table, fnv1a64, probe, table_slots


@pytest.mark.property
@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=12), max_size=80), st.lists(st.binary(max_size=12), max_size=20))
def test_lookup_equals_a_dictionary(keys: list[bytes], others: list[bytes]) -> None:
    expected: dict[bytes, list[int]] = {}
    for index, key in enumerate(keys):
        expected.setdefault(key, []).append(index)
    slots = table_slots(len(keys))
    table = memoryview(build_table([fnv1a64(key) for key in keys]))
    for key in keys + others:
        found = [index for index in probe(table, slots, fnv1a64(key)) if keys[index] == key]
        assert found == expected.get(key, [])


@pytest.mark.property
@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 7), max_size=60))
def test_lookup_survives_forced_collisions(hashes: list[int]) -> None:
    slots = table_slots(len(hashes))
    table = memoryview(build_table(hashes))
    for value in range(8):
        found = [index for index in probe(table, slots, value) if hashes[index] == value]
        assert found == [index for index, other in enumerate(hashes) if other == value]


@pytest.mark.property
@settings(max_examples=200, deadline=None)
@given(st.integers(0, 5), st.data(), st.integers(0, 2**64 - 1))
def test_any_bytes_are_probed_in_bounded_time(exponent: int, data: st.DataObject, value: int) -> None:
    slots = 1 << exponent
    table = data.draw(st.binary(min_size=4 * slots, max_size=4 * slots))
    assert len(list(probe(memoryview(table), slots, value))) <= slots
