"""Big wheels are unpacked while they come: in time, once, and leaving nothing where they don't come to their end."""

from __future__ import annotations

import os
import random
import threading
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import BlastError, DigestMismatch, RecordMismatch
from blast_core.reporter import SilentReporter
from blast_core.testing_wheels import DEFLATED, STORED, Member, WheelRecipe, build_wheel
from blast_pm.metadata.store import Database
from blast_pm.store import fetching, ingest_pool
from blast_pm.store.cache import GlobalCache
from blast_pm.store.home import StorePaths
from blast_pm.store.testing import check_store, ensure_wheels, list_tree, want_wheel
from blast_pm.store.wanted import WantedDistribution
from blast_pm.testing import make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from blast_pm.store.rows import StoredDistribution

pytestmark = pytest.mark.skipif(os.name != "posix", reason="NO POSIX: elsewhere no wheel is unpacked while it comes")

PATIENCE_S = 30.0
STEP = 1 << 16


@pytest.fixture(params=[0, 2], ids=["here", "beside"])
def processes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(ingest_pool, "_WORTH_BYTES", 0 if request.param else 1 << 40)
    monkeypatch.setattr(ingest_pool, "_STREAMED_BYTES", 4 * STEP)
    monkeypatch.setattr(ingest_pool, "_STEP_BYTES", STEP)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    return int(request.param)


@pytest.fixture
def wheel(tmp_path: Path) -> str:
    recipe = WheelRecipe(
        name="big",
        files=[
            Member("big/__init__.py", b"x = 1\n", DEFLATED),
            Member("big/noise.bin", random.Random(1).randbytes(8 * STEP), STORED, 0o100755),
            Member("big/more.bin", random.Random(2).randbytes(1 << 21), DEFLATED),
            Member("big/last.py", b"y = 2\n", DEFLATED),
        ],
    )
    path = tmp_path / recipe.filename
    path.write_bytes(build_wheel(recipe))
    return str(path)


class Pieces:
    """Brings wheels piece by piece, as a download does.

    Args:
        before: called before a piece with how many bytes came, and the path of what is being written.
    """

    def __init__(self, before: Callable[[int, str], None] = lambda _came, _path: None) -> None:
        self._before = before
        self.calls = 0

    def __call__(self, wanted: WantedDistribution, path: str, progress: Callable[[int], None]) -> str:
        self.calls += 1
        with open(wanted.path, "rb") as source, open(path, "wb", buffering=0) as file:
            came = 0
            while piece := source.read(STEP):
                self._before(came, path)
                file.write(piece)
                came += len(piece)
                progress(len(piece))
        return wanted.sha256


def store(home: str, paths: Iterable[str], fetch: Callable[..., str]) -> dict[str, StoredDistribution]:
    database = Database(os.path.join(home, "store", "meta.lmdb"))
    cache = GlobalCache(home, database)
    try:
        return cache.ensure([want_wheel(path) for path in paths], fetch, SilentReporter(), 4)
    finally:
        cache.close()
        database.close()


def wait_for(path: str) -> bool:
    """Tell whether something came to lie there."""
    waited = threading.Event()
    for _ in range(int(PATIENCE_S / 0.01)):
        if os.path.exists(path):
            return True
        waited.wait(0.01)
    return False


@pytest.mark.usefixtures("processes")
def test_members_are_there_before_the_last_byte_is_sent(tmp_path: Path, wheel: str) -> None:
    """The last piece is held back until what lies before it was unpacked."""
    size = os.path.getsize(wheel)
    seen = []

    def before(came: int, path: str) -> None:
        if came + STEP >= size:
            seen.append(wait_for(f"{path}.tree/big/noise.bin") and wait_for(f"{path}.tree/big/more.bin"))

    home = str(tmp_path / "home")
    (stored,) = store(home, [wheel], Pieces(before)).values()
    assert seen == [True]
    (ordinary,) = ensure_wheels(str(tmp_path / "ordinary"), [wheel]).values()
    assert list_tree(stored.tree) == list_tree(ordinary.tree)
    assert stored._replace(tree="") == ordinary._replace(tree="")
    assert check_store(home) == 1
    assert os.listdir(os.path.join(home, "tmp")) == []


@pytest.mark.usefixtures("processes")
def test_small_ones_wait_for_their_end(tmp_path: Path) -> None:
    small = make_wheel(tmp_path, "small", "1", files={"small.bin": random.Random(3).randbytes(2 * STEP)})
    seen = []
    store(str(tmp_path / "home"), [small], Pieces(lambda _came, path: seen.append(os.path.exists(path + ".tree"))))
    assert len(seen) > 2
    assert not any(seen)


@pytest.mark.usefixtures("processes")
def test_one_that_comes_anew_is_taken_from_the_second_time(tmp_path: Path, wheel: str) -> None:
    """What came first was something else: the connection was cut and the file written again."""
    home = str(tmp_path / "home")
    size = os.path.getsize(wheel)

    class Twice(Pieces):
        def __call__(self, wanted: WantedDistribution, path: str, progress: Callable[[int], None]) -> str:
            with open(path, "wb", buffering=0) as file:
                with open(wanted.path, "rb") as source:
                    file.write(source.read(size // 2).replace(b"x = 1", b"x = 2"))
                progress(size // 2)
                assert wait_for(f"{path}.tree/big/noise.bin")
            os.unlink(path)
            progress(-(size // 2))
            return super().__call__(wanted, path, progress)

    (stored,) = store(home, [wheel], Twice()).values()
    (ordinary,) = ensure_wheels(str(tmp_path / "ordinary"), [wheel]).values()
    assert list_tree(stored.tree) == list_tree(ordinary.tree)
    assert os.listdir(os.path.join(home, "tmp")) == []
    assert check_store(home) == 1


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize("error", [DigestMismatch("wrong"), OSError(28, "No space left on device")])
def test_one_that_does_not_come_leaves_nothing(tmp_path: Path, wheel: str, error: Exception) -> None:
    home = str(tmp_path / "home")
    size = os.path.getsize(wheel)

    def before(came: int, path: str) -> None:
        if came + STEP >= size:
            assert wait_for(f"{path}.tree/big/more.bin")
            raise error

    with pytest.raises(BlastError):
        store(home, [wheel], Pieces(before))
    assert os.listdir(os.path.join(home, "tmp")) == []
    assert not os.path.exists(os.path.join(home, "t"))
    assert check_store(home) == 0


@pytest.mark.usefixtures("processes")
def test_one_that_contradicts_itself_leaves_nothing(tmp_path: Path) -> None:
    recipe = WheelRecipe(name="big", files=[Member("big/noise.bin", random.Random(1).randbytes(8 * STEP))])
    recipe.record = [("big/noise.bin", "sha256=" + "A" * 43, ""), (f"{recipe.info}/METADATA", "sha256=" + "A" * 43, "")]
    recipe.record += [(f"{recipe.info}/WHEEL", "sha256=" + "A" * 43, ""), (f"{recipe.info}/RECORD", "", "")]
    path = tmp_path / recipe.filename
    path.write_bytes(build_wheel(recipe))
    home = str(tmp_path / "home")
    with pytest.raises(RecordMismatch, match="big"):
        store(home, [str(path)], Pieces())
    assert os.listdir(os.path.join(home, "tmp")) == []
    assert check_store(home) == 0


def test_many_at_once_on_few_processes(tmp_path: Path, processes: int) -> None:
    paths = [
        make_wheel(
            tmp_path, f"p{number}", "1", files={f"p{number}/data.bin": random.Random(number).randbytes(6 * STEP)}
        )
        for number in range(9)
    ]
    home = str(tmp_path / "home")
    assert len(store(home, paths, Pieces())) == 9
    assert check_store(home) == 9
    assert os.listdir(os.path.join(home, "tmp")) == []
    assert processes in {0, 2}


@pytest.mark.usefixtures("processes")
@pytest.mark.parametrize("number", [3, 5, 8, 11])
def test_a_disk_that_is_full_for_a_moment_or_for_good(
    tmp_path: Path, wheel: str, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Where the tree could not be written while the wheel came, it is written anew from the file, or refused."""
    from blast_core import fs

    home = str(tmp_path / "home")
    monkeypatch.setenv("BLAST_FAULT", f"fail:{number}+:ENOSPC")
    fs.set_fault(f"fail:{number + 30}+:ENOSPC")
    try:
        with pytest.raises(BlastError):
            store(home, [wheel], Pieces())
    finally:
        fs.set_fault(None)
        monkeypatch.delenv("BLAST_FAULT")
    assert len(store(home, [wheel], Pieces())) == 1
    assert check_store(home) == 1
    assert os.listdir(os.path.join(home, "tmp")) == []


def test_where_all_are_busy_nothing_is_done_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_pool, "_STREAMED_BYTES", 4 * STEP)
    monkeypatch.setattr(ingest_pool, "_STEP_BYTES", STEP)
    with ingest_pool.IngestPool(StorePaths(str(tmp_path)), 2, 0) as pool:
        arrivals = [pool.expect(str(tmp_path / f"w{number}"), 0) for number in range(4)]
        for process in pool._all:
            process.is_busy = True
        for arrival in arrivals:
            arrival.advance(5 * STEP)
        assert [arrival.process for arrival in arrivals] == [None] * 4
        pool._all[1].is_busy = False
        arrivals[0].advance(STEP)
        assert arrivals[0].process is pool._all[1]
        pool._all[0].is_busy = False
        arrivals[1].advance(STEP)
        assert arrivals[1].process is pool._all[0]


def test_the_largest_come_first_and_then_those_with_native_code() -> None:
    names = ["a-1-py3-none-any.whl", "b-1-cp311-abi3-manylinux_2_28_x86_64.whl", "c-1-py3-none-any.whl"]
    sizes = dict.fromkeys(names, 0) | {"d-1-py3-none-any.whl": 7, "e-1-py3-none-any.whl": 70}
    rows = [WantedDistribution(name[0], "1", name, "", size, "", "") for name, size in sizes.items()]
    assert "".join(row.name for row in sorted(rows, key=fetching._urgency)) == "edbac"
