"""Objects one by one: what verify sees, repair heals, remove takes away and size counts."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blast_core import fs
from blast_core.errors import ObjectMissing, StoreLocked
from blast_pm.metadata.store import Database
from blast_pm.store import cache as cache_module
from blast_pm.store.cache import GlobalCache, StoredDistribution
from blast_pm.store.testing import check_store, ensure_wheels, list_tree
from blast_pm.testing import make_wheel

_FILES = {"pkg/__init__.py": b"x = 1\n", "pkg/data": b"0123456789", "pkg/sub/more.py": b"y = 2\n"}


@pytest.fixture
def wheel(tmp_path: Path) -> str:
    return make_wheel(tmp_path, "pkg", "1", files=_FILES)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[GlobalCache]:
    database = Database(str(tmp_path / "home/store/meta.lmdb"))
    yield GlobalCache(str(tmp_path / "home"), database)
    database.close()


@pytest.fixture
def stored(cache: GlobalCache, wheel: str) -> StoredDistribution:
    return cache.add_wheel(wheel)


def _edit(tree: str) -> None:
    os.chmod(f"{tree}/pkg/data", 0o644)
    with open(f"{tree}/pkg/data", "r+b") as file:
        file.write(b"X")


def _truncate(tree: str) -> None:
    os.chmod(f"{tree}/pkg/data", 0o644)
    os.truncate(f"{tree}/pkg/data", 3)


def _link(tree: str) -> None:
    os.chmod(f"{tree}/pkg", 0o755)
    os.rename(f"{tree}/pkg/data", f"{tree}/../data")
    os.symlink("../../data", f"{tree}/pkg/data")


def _delete(tree: str) -> None:
    os.chmod(f"{tree}/pkg", 0o755)
    os.unlink(f"{tree}/pkg/data")


def _add(tree: str) -> None:
    os.chmod(f"{tree}/pkg", 0o755)
    with open(f"{tree}/pkg/evil.py", "wb") as file:
        file.write(b"")


@pytest.mark.parametrize(
    ("spoil", "field", "path"),
    [
        (_edit, "changed", "pkg/data"),
        (_truncate, "changed", "pkg/data"),
        (_link, "changed", "pkg/data"),
        (_delete, "missing", "pkg/data"),
        (_add, "extra", "pkg/evil.py"),
    ],
)
def test_damage_is_named_and_repaired(
    cache: GlobalCache, stored: StoredDistribution, spoil: Callable[[str], None], field: str, path: str, tmp_path: Path
) -> None:
    assert cache.verify_object(stored.blake3).is_sound
    before = list_tree(stored.tree)
    spoil(stored.tree)
    report = cache.verify_object(stored.blake3)
    assert not report.is_sound
    assert {name: getattr(report, name) for name in ("changed", "missing", "extra") if getattr(report, name)} == {
        field: (path,)
    }
    assert cache.repair_object(stored.blake3) == report
    assert cache.verify_object(stored.blake3).is_sound
    assert list_tree(stored.tree) == before
    assert os.listdir(tmp_path / "home/tmp") == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="NO MODES: root reads what nobody may read")
def test_a_file_that_can_not_be_read_is_no_damage_of_the_wheel(cache: GlobalCache, stored: StoredDistribution) -> None:
    os.chmod(f"{stored.tree}/pkg/data", 0)
    assert cache.verify_object(stored.blake3).changed == ("pkg/data",)
    cache.repair_object(stored.blake3)
    assert cache.verify_object(stored.blake3).is_sound


def test_a_whole_tree_that_is_gone_is_unpacked_again(cache: GlobalCache, stored: StoredDistribution) -> None:
    before = list_tree(stored.tree)
    fs.remove_tree(stored.tree)
    assert len(cache.repair_object(stored.blake3).missing) == len(_FILES) + 3
    assert list_tree(stored.tree) == before


def test_a_sound_tree_is_left_alone(cache: GlobalCache, stored: StoredDistribution) -> None:
    before = os.lstat(stored.tree)
    assert cache.repair_object(stored.blake3).is_sound
    assert os.lstat(stored.tree).st_ino == before.st_ino


def test_compiled_bytecode_is_no_damage(cache: GlobalCache, stored: StoredDistribution) -> None:
    os.chmod(f"{stored.tree}/pkg", 0o755)
    os.mkdir(f"{stored.tree}/pkg/__pycache__")
    for name in ("__init__.cpython-312.pyc", "evil.cpython-312.pyc", "__init__.txt"):
        with open(f"{stored.tree}/pkg/__pycache__/{name}", "wb"):
            pass
    assert cache.verify_object(stored.blake3).extra == (
        "pkg/__pycache__/__init__.txt",
        "pkg/__pycache__/evil.cpython-312.pyc",
    )


@pytest.mark.parametrize("at", [0, 70, -1])
def test_a_damaged_container_is_named_removed_and_fetched_again(
    cache: GlobalCache, stored: StoredDistribution, wheel: str, tmp_path: Path, at: int
) -> None:
    path = cache.get_path(stored.blake3)
    with open(path, "rb") as file:
        content = bytearray(file.read())
    content[at] ^= 1
    os.chmod(path, 0o644)
    with open(path, "wb") as file:
        file.write(content)
    assert "BLAKE3" in cache.verify_object(stored.blake3).damage
    with pytest.raises(ObjectMissing, match="damaged"):
        cache.repair_object(stored.blake3)
    assert cache.find([stored.sha256]) == {}
    assert cache.add_wheel(wheel) == stored
    assert check_store(str(tmp_path / "home")) == 1


def test_objects_are_listed_and_removed(cache: GlobalCache, stored: StoredDistribution, tmp_path: Path) -> None:
    other = cache.add_wheel(make_wheel(tmp_path, "other", "1"))
    listed = {one.blake3: one for one in cache.iter_objects()}
    assert {blake3: one.distribution for blake3, one in listed.items()} == {
        stored.blake3: stored,
        other.blake3: other,
    }
    cache.remove_object(stored.blake3)
    assert [one.blake3 for one in cache.iter_objects()] == [other.blake3]
    assert not os.path.exists(stored.tree)
    assert cache.find([stored.sha256, other.sha256]) == {other.sha256: other}
    with pytest.raises(ObjectMissing):
        cache.get_path(stored.blake3)
    cache.remove_object(stored.blake3)
    assert check_store(str(tmp_path / "home")) == 1


def test_removing_a_planted_link_leaves_its_target(
    cache: GlobalCache, stored: StoredDistribution, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    os.chmod(stored.tree, 0o755)  # A directory that changes its parent is written to.
    os.rename(stored.tree, outside)
    os.symlink(outside, stored.tree)
    cache.remove_object(stored.blake3)
    assert (outside / "pkg/data").exists()
    assert not os.path.lexists(stored.tree)


def test_nothing_is_removed_while_the_store_is_in_use(
    cache: GlobalCache, stored: StoredDistribution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "_LOCK_TIMEOUT_S", 0.05)
    with cache.in_use(), pytest.raises(StoreLocked):
        cache.remove_object(stored.blake3)
    assert os.path.isdir(stored.tree)
    cache.remove_object(stored.blake3)


def test_size_counts_files_and_bytes(cache: GlobalCache, tmp_path: Path) -> None:
    assert cache.size().total_bytes == 0
    ensure_wheels(str(tmp_path / "home"), [make_wheel(tmp_path, f"p{n}", "1", files=_FILES) for n in range(2)])
    size = cache.size()
    assert (size.archives, size.trees) == (2, 2)
    trees = [list_tree(one.tree) for one in cache.iter_objects()]
    assert size.tree_bytes == sum(len(content) for tree in trees for _, content in tree.values())
    assert size.tree_files == 2 * (len(_FILES) + 3)
    assert size.archive_bytes == sum(os.path.getsize(one.archive) for one in cache.iter_objects())
    assert size.staging_bytes == 0
    assert size.total_bytes == size.archive_bytes + size.tree_bytes
