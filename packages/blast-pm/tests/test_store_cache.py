"""The store as its users see it: what goes in comes out, once, and stays."""

import os
import stat
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blast_core.errors import ArchiveRejected, DigestMismatch, IndexTimeout, ObjectMissing, StoreError
from blast_core.reporter import SilentReporter
from blast_core.testing_calls import count_calls
from blast_pm.metadata.store import Database
from blast_pm.store.cache import GlobalCache, WantedDistribution
from blast_pm.store.home import StorePaths
from blast_pm.store.rows import TreeRows
from blast_pm.store.testing import LocalWheels, check_store, list_tree, want_wheel
from blast_pm.testing import make_wheel


@pytest.fixture
def home(tmp_path: Path) -> str:
    return str(tmp_path / "home")


@pytest.fixture
def cache(home: str) -> Iterator[GlobalCache]:
    database = Database(os.path.join(home, "store", "meta.lmdb"))
    yield GlobalCache(home, database)
    database.close()


def _ensure(cache: GlobalCache, *paths: str, workers: int = 4) -> list[str]:
    wheels = LocalWheels()
    cache.ensure([want_wheel(path) for path in paths], wheels.fetch, SilentReporter(), workers)
    return wheels.fetched


def test_a_wheel_becomes_a_read_only_tree(cache: GlobalCache, home: str, tmp_path: Path) -> None:
    files = {"pkg/__init__.py": b"x = 1\n", "pkg/deep/er/data.bin": bytes(range(256)) * 9, "pkg/empty": b""}
    wanted = want_wheel(make_wheel(tmp_path, "Pkg", "1.0", files=files))
    stored = cache.ensure([wanted], LocalWheels().fetch, SilentReporter())[wanted.sha256]
    assert (stored.name, stored.version, stored.sha256) == ("pkg", "1.0", wanted.sha256)
    assert os.path.dirname(stored.tree) == os.path.join(home, "t")
    tree = list_tree(stored.tree)
    for path, content in files.items():
        assert tree[path] == (0o444, content)
    assert all(mode == 0o555 for path, (mode, _) in tree.items() if os.path.isdir(os.path.join(stored.tree, path)))
    assert {path for path in tree if "/" not in path} == {".", "pkg", "pkg-1.0.dist-info"}
    assert stat.S_IMODE(os.stat(cache.get_path(stored.blake3)).st_mode) == 0o444
    assert os.listdir(os.path.join(home, "tmp")) == []
    assert check_store(home) == 1


def test_executables_stay_executable_and_bytecode_is_dropped(cache: GlobalCache, tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "tool", "1", files={"tool.py": b"", "run.sh": b"#!/bin/sh\n", "old.pyc": b"lie"})
    with zipfile.ZipFile(path) as old:
        members = [(info, old.read(info)) for info in old.infolist()]
    with zipfile.ZipFile(path, "w") as new:
        for info, content in members:
            info.external_attr = (0o100755 if info.filename == "run.sh" else 0o100644) << 16
            new.writestr(info, content)
    stored = cache.add_wheel(path)
    assert stat.S_IMODE(os.stat(f"{stored.tree}/run.sh").st_mode) == 0o555
    assert stat.S_IMODE(os.stat(f"{stored.tree}/tool.py").st_mode) == 0o444
    assert not os.path.exists(f"{stored.tree}/old.pyc")


def test_the_umask_is_respected(cache: GlobalCache, tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        stored = cache.add_wheel(make_wheel(tmp_path, "private", "1"))
    finally:
        os.umask(old)
    modes = {mode for mode, _ in list_tree(stored.tree).values()}
    assert modes == {0o400, 0o500}
    assert stat.S_IMODE(os.stat(cache.get_path(stored.blake3)).st_mode) == 0o400


def test_what_is_there_is_not_fetched_again(cache: GlobalCache, tmp_path: Path) -> None:
    paths = [make_wheel(tmp_path, f"p{number}", "1") for number in range(5)]
    assert len(_ensure(cache, *paths[:3], paths[0])) == 3
    assert sorted(_ensure(cache, *paths)) == ["p3-1-py3-none-any.whl", "p4-1-py3-none-any.whl"]
    assert _ensure(cache, *paths) == []
    digests = [want_wheel(path).sha256 for path in paths]
    found = cache.find([*digests, "00" * 32])
    assert sorted(found) == sorted(digests)
    assert all(os.path.isdir(stored.tree) and stored.plan for stored in found.values())


def test_find_sees_a_tree_that_is_gone_and_follows_no_link(cache: GlobalCache, home: str, tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "gone", "1")
    stored = cache.add_wheel(path)
    elsewhere = str(tmp_path / "elsewhere")
    os.chmod(stored.tree, 0o755)  # A directory that changes its parent is written to.
    os.rename(stored.tree, elsewhere)
    assert cache.find([stored.sha256]) == {}
    os.symlink(elsewhere, stored.tree)
    assert cache.find([stored.sha256]) == {}
    assert _ensure(cache, path) == ["gone-1-py3-none-any.whl"]
    assert not os.path.islink(stored.tree)
    assert check_store(home) == 1
    assert os.path.isdir(elsewhere)


def test_finding_in_an_empty_store_creates_no_trees(cache: GlobalCache, home: str) -> None:
    assert cache.find(["ab" * 32]) == {}
    assert not os.path.exists(os.path.join(home, "t"))
    assert cache.ensure([], LocalWheels().fetch, SilentReporter()) == {}
    assert not os.path.exists(os.path.join(home, "tmp"))


def test_another_digest_is_refused(cache: GlobalCache, home: str, tmp_path: Path) -> None:
    wanted = want_wheel(make_wheel(tmp_path, "swapped", "1"))._replace(sha256="12" * 32)
    with pytest.raises(DigestMismatch, match=r"swapped-1-py3-none-any\.whl"):
        cache.ensure([wanted], LocalWheels().fetch, SilentReporter())
    assert check_store(home) == 0
    assert not os.path.exists(os.path.join(home, "store", "whl"))
    assert os.listdir(os.path.join(home, "tmp")) == []


def test_a_bad_wheel_is_refused_locally_and_fetched(cache: GlobalCache, home: str, tmp_path: Path) -> None:
    path = str(tmp_path / "bad-1-py3-none-any.whl")
    with open(path, "wb") as file:
        file.write(b"PK\x03\x04 nothing of value")
    for attempt in (lambda: cache.add_wheel(path), lambda: _ensure(cache, path)):
        with pytest.raises(ArchiveRejected):
            attempt()
    assert check_store(home) == 0
    assert os.listdir(os.path.join(home, "tmp")) == []


def test_the_first_error_ends_it_and_keeps_what_was_finished(cache: GlobalCache, home: str, tmp_path: Path) -> None:
    paths = [make_wheel(tmp_path, f"p{number}", "1") for number in range(6)]
    wheels = LocalWheels()
    finished = threading.Event()

    def fetch(wanted: WantedDistribution, path: str, progress: Callable[[int], None]) -> None:
        if wanted.name == "p3":
            finished.wait(10)
            raise IndexTimeout("the index did not answer", hint="try again")
        wheels.fetch(wanted, path, progress)
        if len(wheels.fetched) == 3:
            finished.set()

    with pytest.raises(IndexTimeout, match="did not answer"):
        cache.ensure([want_wheel(path) for path in paths], fetch, SilentReporter(), 2)
    assert 2 <= check_store(home) < 6
    assert os.listdir(os.path.join(home, "tmp")) == []
    assert "p3-1-py3-none-any.whl" in _ensure(cache, *paths)
    assert check_store(home) == 6


def test_a_download_in_progress_is_cancelled(cache: GlobalCache, tmp_path: Path) -> None:
    paths = [make_wheel(tmp_path, name, "1") for name in ("endless", "failing")]
    turns = []

    def fetch(wanted: WantedDistribution, path: str, progress: Callable[[int], None]) -> None:
        if wanted.name == "failing":
            raise IndexTimeout(path)
        for _ in range(2000):
            turns.append(wanted)
            threading.Event().wait(0.005)
            progress(1)

    with pytest.raises(IndexTimeout):
        cache.ensure([want_wheel(path) for path in paths], fetch, SilentReporter(), 2)
    assert len(turns) < 1000


class _Recorder(SilentReporter):
    def __init__(self) -> None:
        self.events: list[tuple[str, str, int]] = []

    def start(self, key: str, label: str, total: int) -> None:
        self.events.append(("start", f"{key} {label}", total))

    def advance(self, key: str, amount: int) -> None:
        self.events.append(("advance", key, amount))

    def finish(self, key: str) -> None:
        self.events.append(("finish", key, 0))


def test_progress_is_reported_per_wheel(cache: GlobalCache, tmp_path: Path) -> None:
    wanted = want_wheel(make_wheel(tmp_path, "shown", "1.5"))
    reporter = _Recorder()
    cache.ensure([wanted], LocalWheels().fetch, reporter)
    name = "shown-1.5-py3-none-any.whl"
    assert reporter.events == [
        ("start", f"{name} shown 1.5", wanted.size),
        ("advance", name, wanted.size),
        ("finish", name, 0),
    ]


def test_local_wheels_enter_under_their_real_name(cache: GlobalCache, tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "local", "2.0")
    renamed = str(tmp_path / "download")
    os.rename(path, renamed)
    stored = cache.add_wheel(renamed, "local-2.0-py3-none-any.whl")
    assert (stored.name, stored.version) == ("local", "2.0")
    assert cache.add_wheel(renamed, "local-2.0-py3-none-any.whl") == stored
    assert cache.find([stored.sha256]) == {stored.sha256: stored}


def test_only_editable_wheels_lead_out_of_the_environment(cache: GlobalCache, tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "mine", "1", files={"_mine.pth": f"{tmp_path}/src\n".encode()})
    with pytest.raises(ArchiveRejected):
        cache.add_wheel(path)
    stored = cache.add_wheel(path, editable=True)
    assert os.path.isfile(f"{stored.tree}/_mine.pth")


def test_a_local_wheel_that_is_not_there(cache: GlobalCache, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"can't store none\.whl") as caught:
        cache.add_wheel(str(tmp_path / "none.whl"))
    assert "No such file" in caught.value.reason


def test_get_path_of_what_is_not_there(cache: GlobalCache) -> None:
    with pytest.raises(ObjectMissing, match="abab"):
        cache.get_path("ab" * 32)


def test_finding_distributions_is_little_work_each(cache: GlobalCache, tmp_path: Path) -> None:
    paths = [make_wheel(tmp_path, f"p{number}", "1", files={}) for number in range(60)]
    _ensure(cache, *paths, workers=2)
    digests = [want_wheel(path).sha256 for path in paths]
    assert len(cache.find(digests)) == 60
    few, many = (count_calls(lambda count=count: cache.find(digests[:count])) for count in (10, 60))  # type: ignore[misc]
    assert many - few < 50 * 20


def test_a_plan_of_another_version_is_made_again(home: str, tmp_path: Path) -> None:
    database = Database(os.path.join(home, "store", "meta.lmdb"))
    cache = GlobalCache(home, database)
    stored = cache.add_wheel(make_wheel(tmp_path, "pkg", "1.0"))
    rows = TreeRows(database, StorePaths(home).trees)
    rows.put([stored._replace(plan=b"BTP0" + stored.plan[4:])])
    assert cache.find([stored.sha256]) == {stored.sha256: stored}
    assert rows.find([stored.sha256]) == {stored.sha256: stored}
    database.close()
