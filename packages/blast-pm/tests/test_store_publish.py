"""The rare turns of publishing: others are faster, rows are garbage, somebody takes too long, the disk fails late."""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blast_core import fs
from blast_core.errors import StoreError
from blast_core.reporter import SilentReporter
from blast_pm.metadata.store import Database
from blast_pm.store import fetching, objects
from blast_pm.store.archives import StoredWheel
from blast_pm.store.cache import GlobalCache, StoredDistribution, WantedDistribution
from blast_pm.store.home import StorePaths
from blast_pm.store.ingest import adopt_object
from blast_pm.store.leases import hold_store
from blast_pm.store.locks import lock
from blast_pm.store.objects import unpack_archive
from blast_pm.store.publish import is_complete, publish_tree
from blast_pm.store.staging import object_lock_path
from blast_pm.store.testing import LocalWheels, check_store, want_wheel
from blast_pm.testing import make_wheel


@pytest.fixture
def paths(tmp_path: Path) -> StorePaths:
    return StorePaths(str(tmp_path / "home"))


@pytest.fixture
def database(paths: StorePaths) -> Iterator[Database]:
    database = Database(os.path.join(paths.home, "store", "meta.lmdb"))
    yield database
    database.close()


@pytest.fixture
def cache(paths: StorePaths, database: Database) -> GlobalCache:
    return GlobalCache(paths.home, database)


@pytest.fixture
def stored(cache: GlobalCache, tmp_path: Path) -> StoredDistribution:
    return cache.add_wheel(make_wheel(tmp_path, "pkg", "1"))


def _before_rename(monkeypatch: pytest.MonkeyPatch, happen: Callable[[str], object]) -> None:
    real = fs.rename

    def rename(source: str, destination: str) -> None:
        monkeypatch.setattr(fs, "rename", real)
        happen(destination)
        real(source, destination)

    monkeypatch.setattr(fs, "rename", rename)


def test_a_tree_that_came_in_the_last_moment_is_kept(
    cache: GlobalCache, stored: StoredDistribution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "tree")
    with StoredWheel(cache.get_path(stored.blake3)) as archive:
        unpack_archive(archive, str(tmp_path / "staged"))
        _before_rename(monkeypatch, lambda destination: unpack_archive(archive, destination))
        publish_tree(str(tmp_path / "staged"), path, archive)
        assert is_complete(path, archive)
    assert os.path.isdir(tmp_path / "staged")


def test_a_tree_that_is_in_the_way_and_not_complete_is_an_error(
    cache: GlobalCache, stored: StoredDistribution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def occupy(path: str) -> None:
        os.makedirs(f"{path}/other")

    with StoredWheel(cache.get_path(stored.blake3)) as archive:
        unpack_archive(archive, str(tmp_path / "staged"))
        _before_rename(monkeypatch, occupy)
        with pytest.raises(OSError, match="not empty"):
            publish_tree(str(tmp_path / "staged"), str(tmp_path / "tree"), archive)


def test_a_tree_that_leaves_while_it_is_looked_at_is_replaced(
    cache: GlobalCache, stored: StoredDistribution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "tree")
    os.mkdir(path)
    with StoredWheel(cache.get_path(stored.blake3)) as archive:
        unpack_archive(archive, str(tmp_path / "staged"))
        _before_rename(monkeypatch, os.rmdir)
        publish_tree(str(tmp_path / "staged"), path, archive)
        assert is_complete(path, archive)


@pytest.mark.parametrize("spoil", ["missing", "size", "kind", "file"])
def test_a_tree_that_is_not_complete(
    cache: GlobalCache, stored: StoredDistribution, tmp_path: Path, spoil: str
) -> None:
    path = str(tmp_path / "tree")
    with StoredWheel(cache.get_path(stored.blake3)) as archive:
        unpack_archive(archive, path)
        assert is_complete(path, archive)
        module = f"{path}/pkg/__init__.py"
        os.chmod(f"{path}/pkg", 0o755)
        os.unlink(module)
        if spoil == "size":
            fs.write_file(module, b"")
        elif spoil == "kind":
            os.mkdir(module)
        elif spoil == "file":
            fs.remove_tree(path)
            fs.write_file(path, b"")
        assert not is_complete(path, archive)


@pytest.mark.parametrize("message", ["", "ab", "no digits", "ab" * 32, "../../" * 4])
def test_only_whole_objects_are_adopted(stored: StoredDistribution, paths: StorePaths, message: str) -> None:
    assert adopt_object(message, stored.sha256, paths) is None
    assert adopt_object(stored.blake3, stored.sha256, paths) == stored
    assert adopt_object(stored.blake3, "00" * 32, paths) is None


@pytest.mark.parametrize("value", [b"", b"garbage", b"i\x01\x00\x00\x00", b")\x01z\x01a"])
def test_a_row_that_is_garbage_is_no_row(
    cache: GlobalCache, stored: StoredDistribution, database: Database, paths: StorePaths, value: bytes, tmp_path: Path
) -> None:
    database.put("trees", bytes.fromhex(stored.sha256), value)
    assert cache.find([stored.sha256]) == {}
    assert [one.distribution for one in cache.iter_objects()] == [None]
    assert cache.add_wheel(str(tmp_path / "pkg-1-py3-none-any.whl")) == stored
    assert check_store(paths.home) == 1


def test_who_takes_too_long_is_not_waited_for(
    cache: GlobalCache, paths: StorePaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_PATIENCE_S", 0.1)
    notes: list[str] = []
    reporter = SilentReporter()
    monkeypatch.setattr(reporter, "note", notes.append)
    wanted = want_wheel(make_wheel(tmp_path, "slow", "1"))
    os.makedirs(paths.staging)
    with lock(object_lock_path(paths.staging, wanted.sha256), 0):
        assert list(cache.ensure([wanted], LocalWheels().fetch, reporter)) == [wanted.sha256]
    assert notes == [f"process {os.getpid()} takes long over slow-1-py3-none-any.whl"]


@pytest.mark.parametrize("lasting", [False, True])
def test_a_disk_that_can_not_be_flushed(
    cache: GlobalCache, paths: StorePaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, lasting: bool
) -> None:
    real = fs.sync_filesystem
    failed = threading.Event()

    def sync(path: str) -> None:
        if failed.is_set() and not lasting:
            real(path)
            return
        failed.set()
        raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    def fetch(wanted: WantedDistribution, path: str, progress: Callable[[int], None]) -> None:
        wheels.fetch(wanted, path, progress)
        if len(wheels.fetched) == 2:
            failed.wait(10)

    wheels = LocalWheels()
    wanteds = [want_wheel(make_wheel(tmp_path, f"p{number}", "1")) for number in range(2)]
    monkeypatch.setattr(fs, "sync_filesystem", sync)
    monkeypatch.setenv("BLAST_FLUSH", "now")
    if lasting:
        with pytest.raises(StoreError) as caught:
            cache.ensure(wanteds, fetch, SilentReporter(), 1)
        assert "Input/output" in caught.value.reason
        assert cache.find([wanted.sha256 for wanted in wanteds]) == {}
    else:
        assert len(cache.ensure(wanteds, fetch, SilentReporter(), 1)) == 2
        assert check_store(paths.home) == 2


@pytest.mark.parametrize("name", ["EROFS", "EACCES"])
def test_a_store_that_can_not_be_written_is_used_without_a_lock(tmp_path: Path, name: str) -> None:
    fs.set_fault(f"fail:1+:{name}")
    try:
        with hold_store(StorePaths(str(tmp_path / "home")), 0, shared=True):
            pass
        with pytest.raises(StoreError, match="lock the store"):
            hold_store(StorePaths(str(tmp_path / "home")), 0, shared=False)
    finally:
        fs.set_fault(None)


@pytest.mark.parametrize("action", ["remove", "repair"])
def test_a_disk_that_refuses_is_told(
    cache: GlobalCache, stored: StoredDistribution, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    os.chmod(f"{stored.tree}/pkg", 0o755)
    fs.unlink(f"{stored.tree}/pkg/__init__.py")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(objects, "Staging", refuse)
    with pytest.raises(StoreError, match=action) as caught:
        getattr(cache, f"{action}_object")(stored.blake3)
    assert "free some space" in caught.value.hint
