"""Records wait for few, large transactions, and are readable meanwhile."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import StoreError
from blast_pm.metadata import write_behind
from blast_pm.metadata.store import Database
from blast_pm.metadata.write_behind import WriteBehind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


class _Counting(Database):
    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.transactions = 0
        self.fails = False

    def put_rows(self, rows: Iterable[tuple[str, bytes, bytes]]) -> None:
        self.transactions += 1
        if self.fails:
            raise StoreError("the disk is full")
        super().put_rows(rows)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[_Counting]:
    opened = _Counting(str(tmp_path / "meta.lmdb"))
    yield opened
    opened.close()


def test_command_of_a_thousand_records_writes_once(database: _Counting) -> None:
    store = WriteBehind(database)
    for number in range(1000):
        store.put("pages" if number % 2 else "metadata", b"%d" % number, b"value")
        assert store.read("pages" if number % 2 else "metadata", b"%d" % number, bytes) == b"value"
    assert database.transactions == 0
    store.flush()
    store.flush()
    assert database.transactions == 1
    assert database.get("pages", b"999") == b"value"


def test_many_threads_at_the_limit_write_no_oftener_than_needed(
    database: _Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_behind, "_MOST_ROWS", 100)
    store = WriteBehind(database)

    def work(name: int) -> None:
        for number in range(250):
            store.put("misc", b"%d-%d" % (name, number), b"value")

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.flush()
    assert database.transactions <= 2000 / 100 + 1
    assert sum(1 for _ in database.items("misc")) == 2000


def test_disk_that_is_full_costs_the_cache_only(database: _Counting) -> None:
    store = WriteBehind(database)
    store.put("misc", b"a", b"1")
    database.fails = True
    store.flush()
    database.fails = False
    assert database.get("misc", b"a") is None
    assert store.read("misc", b"a", bytes) == b"1"  # by this process
