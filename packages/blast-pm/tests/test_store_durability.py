"""Marks of what is not flushed: made before rows, removed by the flush, and believed only within one start."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from blast_core import boot, fs
from blast_pm.metadata.store import Database
from blast_pm.store import durability, rechecking, verify_all
from blast_pm.store.cache import GlobalCache
from blast_pm.store.flushing import flush_later
from blast_pm.store.leftovers import remove_leftovers
from blast_pm.store.verify_all import verify_objects
from blast_pm.testing import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from blast_pm.store.rows import StoredDistribution


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BLAST_FLUSH", "never")
    monkeypatch.setattr(boot, "_known", "000000000one")
    return tmp_path / "home"


@pytest.fixture
def cache(home: Path) -> Iterator[GlobalCache]:
    database = Database(str(home / "store" / "meta.lmdb"))
    cache = GlobalCache(str(home), database)
    yield cache
    cache.close()
    database.close()
    durability.take_mark(str(home))


@pytest.fixture
def stored(cache: GlobalCache, tmp_path: Path) -> StoredDistribution:
    return cache.add_wheel(str(make_wheel(tmp_path, "pkg", "1", files={"pkg/__init__.py": b"print('pkg')\n"})))


def restart(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Let this process be one of another start of the machine."""
    monkeypatch.setattr(boot, "_known", "000000000two")
    durability.take_mark(str(home))


def spoil(path: str, content: bytes) -> None:
    mode = os.stat(path).st_mode
    os.chmod(path, 0o644)
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, mode)


def note_order(monkeypatch: pytest.MonkeyPatch, name: str) -> list[str]:
    """Return a list that grows with every call of a function of `fs`, and with every row that is written."""
    order: list[str] = []
    flush, put = getattr(fs, name), Database.put_many

    def flushed(path: str) -> None:
        order.append(os.path.basename(path))
        flush(path)

    def entered(self: Database, database: str, items: Iterable[tuple[bytes, bytes]]) -> None:
        order.append("row")
        put(self, database, items)

    monkeypatch.setattr(fs, name, flushed)
    monkeypatch.setattr(Database, "put_many", entered)
    return order


def marks(home: Path) -> list[str]:
    return os.listdir(home / "unsynced") if (home / "unsynced").exists() else []


def test_a_mark_is_on_the_disk_before_the_row(
    cache: GlobalCache, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = note_order(monkeypatch, "sync_directory")
    cache.add_wheel(str(make_wheel(tmp_path, "pkg", "1")))
    assert order == ["home", "unsynced", "row"]
    assert [name.split("-")[0] for name in marks(home)] == ["000000000one"]


def test_one_process_has_one_mark(cache: GlobalCache, home: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        cache.add_wheel(str(make_wheel(tmp_path, name, "1")))
    assert len(marks(home)) == 1
    assert len(durability.pending_trees(str(home))) == 2


def test_within_one_start_nothing_is_compared(cache: GlobalCache, stored: StoredDistribution, home: Path) -> None:
    durability.take_mark(str(home))
    spoil(f"{stored.tree}/pkg/__init__.py", b"")
    assert cache.find([stored.sha256]) == {stored.sha256: stored}


def test_what_is_sound_after_another_start_is_trusted_from_then_on(
    cache: GlobalCache, stored: StoredDistribution, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restart(monkeypatch, home)
    assert cache.find([stored.sha256]) == {stored.sha256: stored}
    assert marks(home) == []
    assert cache.rows.marks() == frozenset()


@pytest.mark.parametrize("content", [b"", b"print('p", bytes(13)])
def test_a_spoiled_tree_is_unpacked_again(
    cache: GlobalCache, stored: StoredDistribution, home: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    path = f"{stored.tree}/pkg/__init__.py"
    spoil(path, content)
    restart(monkeypatch, home)
    assert cache.find([stored.sha256]) == {stored.sha256: stored}
    with open(path, "rb") as file:
        assert file.read() == b"print('pkg')\n"
    assert marks(home) == []


def test_what_can_not_be_mended_is_forgotten_with_its_tree(
    cache: GlobalCache, stored: StoredDistribution, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(cache.get_path(stored.blake3), b"")
    spoil(f"{stored.tree}/pkg/__init__.py", b"")
    restart(monkeypatch, home)
    assert cache.find([stored.sha256]) == {}
    assert not os.path.lexists(stored.tree)
    assert (marks(home), os.listdir(home / "tmp")) == ([], [])


def test_a_lost_wheel_of_a_whole_tree_is_forgotten_too(
    cache: GlobalCache, stored: StoredDistribution, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.unlink(cache.get_path(stored.blake3))
    restart(monkeypatch, home)
    assert cache.find([stored.sha256]) == {}


def test_a_site_store_is_compared_and_left_alone(
    stored: StoredDistribution, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(str(tmp_path / "own" / "store" / "meta.lmdb"))
    own = GlobalCache(str(tmp_path / "own"), database, str(home))
    restart(monkeypatch, home)
    assert own.find([stored.sha256]) == {stored.sha256: stored}
    spoil(f"{stored.tree}/pkg/__init__.py", b"")
    assert own.find([stored.sha256]) == {}
    assert len(marks(home)) == 1
    own.close()
    database.close()


def test_where_no_start_is_known_all_is_flushed_before_the_row(
    cache: GlobalCache, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boot, "_known", "")
    order = note_order(monkeypatch, "sync_filesystem")
    cache.add_wheel(str(make_wheel(tmp_path, "pkg", "1")))
    assert (order, marks(home)) == (["home", "row"], [])


@pytest.mark.skipif(not os.path.exists("/proc/self"), reason="no sync -f here: flushing is NOT tried")
def test_a_flush_removes_the_mark_and_settles(
    cache: GlobalCache, stored: StoredDistribution, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stored
    monkeypatch.setenv("BLAST_FLUSH", "later")
    place = tmp_path / "it's a\nplace"
    place.mkdir()
    (place / "unsettled").touch()
    flush_later(str(home), str(place), str(place / "settled"), becomes=True)
    deadline = time.monotonic() + 60
    while (marks(home) or not (place / "settled").exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (marks(home), os.listdir(place)) == ([], ["settled"])
    cache.close()


def test_identity_of_the_start() -> None:
    boot._known = None
    try:
        found = boot.boot_id()
    finally:
        boot._known = None
    assert found == boot.boot_id()
    assert not found or (len(found) == 12 and found.isalnum())


@pytest.mark.parametrize("after_s", [0.0, 60.0])
def test_comparing_is_told_of_only_where_it_takes_long(
    cache: GlobalCache,
    stored: StoredDistribution,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    after_s: float,
) -> None:
    said: list[str] = []
    told = threading.Event()

    def note(text: str) -> None:
        said.append(text)
        told.set()

    def slow(*arguments: object) -> None:
        if not after_s:
            assert told.wait(20)
        verify_objects(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(rechecking, "_TOLD_AFTER_S", after_s)
    monkeypatch.setattr(verify_all, "verify_objects", slow)
    cache.rows.note = note
    restart(monkeypatch, home)
    assert cache.find([stored.sha256]) == {stored.sha256: stored}
    words = "the machine went down before all was on the disk: 1 distribution is compared with the wheels (0 MB)"
    assert said == ([] if after_s else [words])


def test_cleaning_flushes_what_a_killed_process_stored(
    cache: GlobalCache, stored: StoredDistribution, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its mark is nobody's any more; but not while somebody still stores, whose next object may be under it."""
    monkeypatch.setenv("BLAST_FLUSH", "later")
    flushed: list[str] = []
    monkeypatch.setattr(fs, "sync_filesystem", flushed.append)

    def clean(*, dry_run: bool = False) -> tuple[str, ...]:
        trees = [cache.paths.trees]
        return remove_leftovers(cache.paths, trees, before=0.0, now=time.time(), dry_run=dry_run).paths

    (name,) = marks(home)
    monkeypatch.setattr(durability, "_marks", {})  # the process is killed
    assert clean() == ()
    cache.close()
    assert clean(dry_run=True) == (f"unsynced/{name}",)
    assert (flushed, marks(home)) == ([], [name])
    assert clean() == (f"unsynced/{name}",)
    assert (flushed, marks(home)) == ([str(home)], [])
    assert cache.find([stored.sha256]) == {stored.sha256: stored}
