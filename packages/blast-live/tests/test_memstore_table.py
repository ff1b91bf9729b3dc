"""What goes and what stays in a memory store, and who may wait for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_core.errors import DigestMismatch, InvalidField, ObjectMissing, StoreError, StoreLocked
from blast_live.memstore import daemon
from blast_live.memstore.claims import Claims
from blast_live.memstore.engine import Engine
from blast_live.memstore.model import Part, Record, decode_record, encode_record
from blast_live.memstore.table import LEASES, Table

if TYPE_CHECKING:
    from pathlib import Path


def drop(_: int) -> None:
    """Close nothing: the descriptors are made up."""


def blob(number: int) -> bytes:
    return number.to_bytes(32, "big")


def put(table: Table, key: str, *numbers: int, size: int = 10) -> Record:
    record = Record(key, tuple(Part(str(number), blob(number), size) for number in numbers))
    for number in numbers:
        table.stage(0, blob(number), size, 100 + number)
    table.publish(0, [record])
    return record


def test_what_was_used_longest_ago_goes_first() -> None:
    closed: list[int] = []
    table = Table(30, 10, closed.append)
    for number, key in enumerate("abc"):
        put(table, key, number)
    assert table.find("a") is not None
    put(table, "d", 3)
    assert [each.record.key for each in table.listing()] == ["c", "a", "d"]
    assert closed == [101]


def test_what_is_borrowed_stays_though_it_is_the_oldest() -> None:
    table = Table(30, 10, drop)
    first = put(table, "a", 0)
    table.lease(1, first)
    put(table, "b", 1)
    put(table, "c", 2)
    put(table, "d", 3)
    assert [each.record.key for each in table.listing()] == ["a", "c", "d"]
    assert table.evict(["a", "c"]) == (["c"], ["a"])
    assert table.shrink(0) == ["d"]
    table.release(1)
    assert table.shrink(0) == ["a"]


def test_a_record_of_which_one_part_is_borrowed_stays_whole() -> None:
    table = Table(100, 10, drop)
    whole = put(table, "a", 0, 1)
    table.lease(1, Record("part", whole.parts[:1]))
    assert table.shrink(0) == []
    assert [each.record for each in table.listing()] == [whole]


def test_nothing_goes_for_what_does_not_fit_all_the_same() -> None:
    table = Table(30, 10, drop)
    table.lease(1, put(table, "a", 0, size=25))
    put(table, "b", 1, size=5)
    with pytest.raises(StoreError, match="full"):
        table.stage(2, blob(9), 10, 109)
    assert {each.record.key for each in table.listing()} == {"a", "b"}


def test_descriptors_are_a_limit_as_bytes_are() -> None:
    table = Table(1000, 2, drop)
    put(table, "a", 0)
    put(table, "b", 1)
    put(table, "c", 2)
    assert {each.record.key for each in table.listing()} == {"b", "c"}


def test_a_blob_of_two_records_is_counted_once_and_goes_with_the_last() -> None:
    closed: list[int] = []
    table = Table(100, 10, closed.append)
    put(table, "a", 0, 1)
    put(table, "b", 1, 2)
    assert table.totals().size == 30
    table.evict(["a"])
    assert closed == [100]
    put(table, "b", 2)
    assert closed == [100, 101]


def test_one_connection_borrows_no_more_than_the_limit() -> None:
    table = Table(1 << 30, 100_000, drop)
    records = [put(table, str(number), number, size=0) for number in range(LEASES + 1)]
    for record in records[:LEASES]:
        table.lease(1, record)
    with pytest.raises(StoreError, match="borrow"):
        table.lease(1, records[LEASES])


def test_a_record_needs_its_parts_in_their_size() -> None:
    table = Table(100, 10, drop)
    table.stage(1, blob(0), 10, 100)
    with pytest.raises(ObjectMissing):
        table.publish(1, [Record("a", (Part("x", blob(1), 10),))])
    with pytest.raises(DigestMismatch):
        table.publish(1, [Record("a", (Part("x", blob(0), 11),))])


def test_a_circle_of_three_is_seen_when_it_would_close() -> None:
    claims = Claims()
    for owner, key in enumerate("abc"):
        claims.begin(owner, [key])
    claims.wait(0, ["b"])
    claims.wait(1, ["c"])
    with pytest.raises(StoreLocked, match="wait for each other"):
        claims.wait(2, ["a"])
    claims.end(1)
    claims.wait(2, ["a"])


def test_a_wait_ends_by_commit_rollback_or_time() -> None:
    table = Table(100, 10, drop)
    engine = Engine(table, patience_s=60)
    engine.begin(1, ["a", "b"], only_missing=False, wait_s=0, now=0)
    assert engine.get(2, ["a"], 10, 0) is None
    assert engine.get(3, ["b"], 10, 1) is None
    assert engine.settle(5) == []
    assert engine.deadline() == 10
    (late,) = engine.settle(10)
    assert late.owner == 2
    assert isinstance(late.answer, StoreLocked)
    assert "waited for 10 s" in late.answer.reason
    engine.rollback(1)
    (settled,) = engine.settle(10.5)
    assert (settled.owner, settled.answer) == (3, ((), ("b",)))


def test_an_install_that_takes_too_long_is_rolled_back() -> None:
    table = Table(100, 10, drop)
    engine = Engine(table, patience_s=60)
    engine.begin(1, ["a"], only_missing=False, wait_s=0, now=0)
    engine.put(1, blob(0), 10, 100)
    assert engine.begin(2, ["a"], only_missing=False, wait_s=100, now=1) is None
    (settled,) = engine.settle(61)
    assert settled.owner == 2
    assert table.totals().blobs == 0
    with pytest.raises(StoreError, match="no transaction"):
        engine.commit(1, [Record("a", (Part("x", blob(0), 10),))])


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(None, id="nothing"),
        pytest.param({"key": "a"}, id="no parts"),
        pytest.param({"key": "a", "parts": []}, id="empty"),
        pytest.param({"key": "", "parts": [["x", "00" * 32, 1]]}, id="no key"),
        pytest.param({"key": "a\n", "parts": [["x", "00" * 32, 1]]}, id="a line break"),
        pytest.param({"key": "a" * 513, "parts": [["x", "00" * 32, 1]]}, id="a long key"),
        pytest.param({"key": "a", "parts": [["x", "00" * 31, 1]]}, id="a short digest"),
        pytest.param({"key": "a", "parts": [["x", "0G" * 32, 1]]}, id="no digest"),
        pytest.param({"key": "a", "parts": [["x", "00" * 32, -1]]}, id="a negative size"),
        pytest.param({"key": "a", "parts": [["x", "00" * 32, True]]}, id="true"),
        pytest.param({"key": "a", "parts": [["x", "00" * 32, 1], ["x", "00" * 32, 1]]}, id="a name twice"),
        pytest.param({"key": "a", "parts": [["x", "00" * 32, 1]] * 513}, id="too many"),
        pytest.param({"key": "\ud800", "parts": [["x", "00" * 32, 1]]}, id="half a character"),
    ],
)
def test_what_is_no_record_is_refused(row: object) -> None:
    with pytest.raises(InvalidField):
        decode_record(row)


def test_a_record_comes_back_from_its_document() -> None:
    record = Record("numpy/2.1/ü", (Part("container", blob(1), 5), Part("x.so", blob(2), 0)), "redis")
    assert decode_record(encode_record(record)) == record


def test_a_container_has_a_store_of_its_own_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(daemon, "_CONTAINER_LIMITS", (str(limit),))
    whole = daemon.default_size()
    limit.write_text("max\n")
    assert daemon.default_size() == whole
    limit.write_text(f"{1 << 30}\n")
    assert daemon.default_size() == 1 << 28
