"""Roots count as long as their environments stand, wherever they went; what is leased and looked up stays."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from blast_core import fs
from blast_core.errors import StoreLocked
from blast_pm.metadata.store import Database
from blast_pm.store import gc as gc_module
from blast_pm.store.cache import GlobalCache
from blast_pm.store.gc import Candidate, choose, hold_collection, remove_items
from blast_pm.store.home import StorePaths
from blast_pm.store.inventory import Item, take_inventory
from blast_pm.store.leases import ObjectLease, hold_store, read_leases
from blast_pm.store.roots import ALIVE, AWAY, GONE, MOVED, find_roots, is_registered, register_again, register_root
from blast_pm.store.testing import check_store, ensure_wheels
from blast_pm.testing import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DIGEST = "ab" * 32


@pytest.fixture
def home(tmp_path: Path) -> str:
    return str(tmp_path / "home")


def environment_at(path: Path) -> str:
    (path / ".blast/generations").mkdir(parents=True)
    return str(path)


def states(home: str) -> list[tuple[str, str]]:
    return [(os.path.basename(root.environment), root.state(time.time())) for root in find_roots(home)]


def test_a_root_lives_and_dies_with_its_directory(home: str, tmp_path: Path) -> None:
    environment = environment_at(tmp_path / "one")
    assert not is_registered(home, environment)
    assert register_root(home, environment, "/project", {home: "a b"}, 1, ()) != ""
    assert register_root(home, environment, "/project", {home: "b c"}, 2, (1,)) == "", "it is no new one"
    assert is_registered(home, environment)
    (root,) = find_roots(home)
    assert (root.environment, root.project) == (environment, "/project")
    assert root.trees == {1: {home: "a b"}, 2: {home: "b c"}}
    assert states(home) == [("one", ALIVE)]
    shutil.rmtree(environment)
    assert states(home) == [("one", GONE)]


def test_generations_that_are_not_kept_are_forgotten(home: str, tmp_path: Path) -> None:
    environment = environment_at(tmp_path / "one")
    for number, kept in ((1, ()), (2, (1,)), (3, (2,))):
        register_root(home, environment, "", {home: "a"}, number, kept)
    assert list(find_roots(home)[0].trees) == [2, 3]


def test_a_moved_environment_counts_until_it_is_deleted(home: str, tmp_path: Path) -> None:
    register_root(home, environment_at(tmp_path / "one"), "", {home: "a"}, 1, ())
    (tmp_path / "one").rename(tmp_path / "two")
    assert states(home) == [("one", MOVED)]
    assert not is_registered(home, str(tmp_path / "two"))
    # Another one in its old place does not take its registration.
    register_root(home, environment_at(tmp_path / "one"), "", {home: "b"}, 1, ())
    assert sorted(states(home)) == [("one", ALIVE), ("one", MOVED)]
    register_again(home, str(tmp_path / "two"), "", {1: {home: "a"}})
    assert sorted(states(home)) == [("one", ALIVE), ("one", GONE), ("two", ALIVE)]
    shutil.rmtree(tmp_path / "two")
    assert sorted(states(home)) == [("one", ALIVE), ("one", GONE), ("two", GONE)]


def test_an_environment_whose_disk_is_away_counts_for_a_while(home: str, tmp_path: Path) -> None:
    environment = environment_at(tmp_path / "disk/one")
    register_root(home, environment, "", {home: "a"}, 1, ())
    shutil.rmtree(tmp_path / "disk")
    (root,) = find_roots(home)
    assert root.state(time.time()) == GONE
    elsewhere = root._replace(device=root.device + 1)
    assert elsewhere.state(time.time()) == AWAY
    assert elsewhere.state(time.time() + 100 * 86400) == GONE, "numbers of devices change, too"


def test_damaged_registrations_are_passed_over(home: str, tmp_path: Path) -> None:
    path = register_root(home, environment_at(tmp_path / "one"), "", {home: "a"}, 1, ())
    with open(path, "rb") as file:
        content = file.read()
    for damaged in (b"", b"x", content[:20]):
        fs.replace_file(path, damaged, durable=False)
        assert find_roots(home) == []


def test_leases_are_seen_until_they_are_given_back(home: str) -> None:
    with hold_store(StorePaths(home), 0, shared=True):
        one, two = ObjectLease(home), ObjectLease(home)
        one.add([_DIGEST])
        one.add([_DIGEST, "cd" * 32])
        two.add(["ef" * 32])
    assert read_leases(home) == ({_DIGEST, "cd" * 32, "ef" * 32}, 2)
    one.release()
    assert read_leases(home) == ({"ef" * 32}, 1)
    two.release()
    two.release()
    assert read_leases(home) == (set(), 0)
    assert os.listdir(os.path.join(home, "leases")) == []


def test_the_lease_of_a_dead_process_is_none(home: str) -> None:
    program = (
        "import os, signal, sys\nfrom blast_pm.store.leases import ObjectLease\n"
        f"lease = ObjectLease({home!r})\nlease.add([{_DIGEST!r}])\nprint('held', flush=True)\nsys.stdin.read()\n"
    )
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=variables
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    assert read_leases(home) == ({_DIGEST}, 1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert read_leases(home) == (set(), 0)


@pytest.fixture
def cache(home: str, tmp_path: Path) -> Iterator[GlobalCache]:
    wheels = [make_wheel(tmp_path, name, "1.0", files={f"{name}/__init__.py": b""}) for name in ("one", "two")]
    ensure_wheels(home, wheels)
    database = Database(os.path.join(home, "store/meta.lmdb"))
    cache = GlobalCache(home, database)
    yield cache
    cache.close()
    database.close()


def items_of(cache: GlobalCache) -> list[Item]:
    return sorted(take_inventory(cache.paths, cache.rows).values(), key=lambda item: item.project)


def test_what_was_looked_up_stays(cache: GlobalCache, home: str) -> None:
    one, two = items_of(cache)
    with_lease = GlobalCache(home, cache.database)
    with_lease.find(one.sha256s)
    removal = remove_items(cache.paths, cache.rows, [one, two], frozenset)
    assert (removal.removed, removal.leased) == ((two.name,), (one.name,))
    assert with_lease.find(one.sha256s) != {}
    with_lease.close()
    assert remove_items(cache.paths, cache.rows, [one], frozenset).removed == (one.name,)
    assert (items_of(cache), check_store(home)) == ([], 0)


def test_what_came_to_be_reached_meanwhile_stays(cache: GlobalCache) -> None:
    one, two = items_of(cache)
    removal = remove_items(cache.paths, cache.rows, [one, two], lambda: {two.name})
    assert (removal.removed, removal.reached) == ((one.name,), (two.name,))


def test_nobody_waits_for_who_holds_the_store(cache: GlobalCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gc_module, "_PATIENCE_S", 0.0)
    items = items_of(cache)
    with cache.in_use():
        removal = remove_items(cache.paths, cache.rows, items, frozenset)
    assert (removal.removed, len(removal.busy)) == ((), 2)
    assert items_of(cache) == items


def test_one_cleans_at_a_time(cache: GlobalCache) -> None:
    with (
        hold_collection(cache.paths),
        pytest.raises(StoreLocked, match="cleaned already") as caught,
    ):
        hold_collection(cache.paths)
    assert caught.value.details["pid"] == os.getpid()


def test_a_link_in_the_place_of_a_tree_is_removed_and_not_followed(cache: GlobalCache, tmp_path: Path) -> None:
    (one, _) = items_of(cache)
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "file").touch()
    tree = os.path.join(cache.paths.trees, one.name)
    fs.remove_tree(tree)
    os.symlink(victim, tree)
    assert remove_items(cache.paths, cache.rows, [one], frozenset).removed == (one.name,)
    assert not os.path.lexists(tree)
    assert (victim / "file").exists()


def test_objects_without_a_row_are_found_and_removed(cache: GlobalCache, home: str) -> None:
    one, two = items_of(cache)
    cache.rows.delete_all(one.sha256s)
    fs.remove_tree(os.path.join(cache.paths.trees, two.name))
    cache.rows.delete_all(two.sha256s)
    found = items_of(cache)
    assert sorted((item.name, item.is_known, item.has_tree, item.sha256s) for item in found) == sorted(
        [(one.name, False, True, one.sha256s), (two.name, False, False, two.sha256s)]
    )
    remove_items(cache.paths, cache.rows, found, frozenset)
    assert (items_of(cache), check_store(home)) == ([], 0)


def candidate(name: str, used: float, size: int = 10) -> Candidate:
    return Candidate(Item(name, "", "", "", (), used, is_known=True, has_tree=True, has_archive=True), size)


@pytest.mark.parametrize(
    ("before", "limit", "chosen"),
    [
        (0.0, None, ""),
        (2.5, None, "ab"),
        (0.0, 100, ""),
        (0.0, 85, "ab"),
        (0.0, 0, "abcd"),
        (1.5, 89, "ab"),
        (9.0, 100, "abcd"),
    ],
)
def test_the_least_recently_used_go_first(before: float, limit: int | None, chosen: str) -> None:
    candidates = [candidate("c", 3.0), candidate("a", 1.0), candidate("d", 4.0), candidate("b", 2.0)]
    found = choose(candidates, before=before, total=100, max_bytes=limit)
    assert "".join(one.item.name for one in found) == chosen


def test_another_environment_at_a_place_speaks_for_itself_alone(home: str, tmp_path: Path) -> None:
    """Also where it is bare, so that it was never registered."""
    environment = environment_at(tmp_path / "one")
    register_root(home, environment, "/project", {home: "a b"}, 1, ())
    os.rename(environment, tmp_path / "two")
    assert states(home) == [("one", MOVED)]
    environment_at(tmp_path / "one")
    assert states(home) == [("one", MOVED)]
    shutil.rmtree(tmp_path / "two")
    assert [state for _, state in states(home)] == [ALIVE]
