"""Ingesting in processes beside: the same objects, and every way in which such a process can end."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from blast_core.errors import ArchiveRejected, StoreError
from blast_pm.store import ingest_pool
from blast_pm.store.home import StorePaths
from blast_pm.store.ingest_pool import IngestPool, count_processes
from blast_pm.store.locks import lock
from blast_pm.store.staging import Staging, sweep_staging
from blast_pm.store.testing import check_store, ensure_wheels, list_tree, want_wheel
from blast_pm.testing import make_wheel

pytestmark = pytest.mark.skipif(os.name != "posix", reason="NO POSIX: elsewhere all is done in one process")


@pytest.fixture(autouse=True)
def _always_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_pool, "_WORTH_BYTES", 0)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)


@pytest.fixture
def wheels(tmp_path: Path) -> list[str]:
    return [make_wheel(tmp_path, f"p{number}", "1") for number in range(7)]


def test_processes_are_for_many_megabytes(wheels: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [want_wheel(path) for path in wheels]
    assert count_processes(wanted) == 3
    assert count_processes(wanted[:2]) == 2
    assert count_processes(wanted[:1]) == 1
    monkeypatch.setattr(ingest_pool, "_WORTH_BYTES", 10 << 20)
    assert count_processes(wanted) == 0
    assert count_processes([one._replace(size=2 << 20) for one in wanted]) == 3
    assert count_processes([one._replace(size=0) for one in wanted] * 3) == 3


def test_the_same_objects_come_out(
    tmp_path: Path, wheels: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    beside = ensure_wheels(str(tmp_path / "beside"), wheels)
    monkeypatch.setattr(ingest_pool, "_WORTH_BYTES", 1 << 40)
    here = ensure_wheels(str(tmp_path / "here"), wheels)
    assert {sha256: stored._replace(tree="") for sha256, stored in beside.items()} == {
        sha256: stored._replace(tree="") for sha256, stored in here.items()
    }
    for sha256, stored in beside.items():
        assert list_tree(stored.tree) == list_tree(here[sha256].tree)
    assert check_store(str(tmp_path / "beside")) == 7
    assert capfd.readouterr() == ("", "")


def test_errors_arrive_as_what_they_are(tmp_path: Path, wheels: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    home = str(tmp_path / "home")
    bad = str(tmp_path / "bad-1-py3-none-any.whl")
    with open(bad, "wb") as file:
        file.write(b"nothing")
    with pytest.raises(ArchiveRejected, match="bad-1"):
        ensure_wheels(home, [*wheels, bad])
    monkeypatch.setenv("BLAST_FAULT", "fail:5:ENOSPC")
    with pytest.raises(StoreError) as caught:
        ensure_wheels(str(tmp_path / "other"), wheels)
    assert "No space left" in caught.value.reason
    assert "free some space" in caught.value.hint


@pytest.mark.crash
@pytest.mark.parametrize("number", [1, 4, 9, 11])
def test_a_process_that_dies_is_told_and_leaves_nothing(
    tmp_path: Path, wheels: list[str], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    home = str(tmp_path / "home")
    monkeypatch.setenv("BLAST_FAULT", f"kill:{number}")
    with pytest.raises(StoreError, match="can't store p") as caught:
        ensure_wheels(home, wheels)
    assert "died" in caught.value.reason
    check_store(home)
    monkeypatch.delenv("BLAST_FAULT")
    assert len(ensure_wheels(home, wheels)) == 7
    assert check_store(home) == 7
    assert os.listdir(os.path.join(home, "tmp")) == []


@pytest.mark.crash
def test_a_process_that_outlives_its_parent_keeps_the_staging_directory(tmp_path: Path) -> None:
    staging = Staging(str(tmp_path / "tmp"))
    pool = IngestPool(StorePaths(str(tmp_path)), 1, staging.lock_fd)
    (process,) = (each.popen for each in pool._all)
    os.close(staging.lock_fd)  # What the kernel does when the parent is killed.
    staging._lock._fd = -1
    process.send_signal(signal.SIGSTOP)
    assert sweep_staging(str(tmp_path / "tmp")) == 0
    assert os.path.isdir(staging.path)
    pool.kill()
    process.wait()
    assert sweep_staging(str(tmp_path / "tmp")) == 1
    with pool:
        pass


@pytest.mark.crash
@pytest.mark.skipif(sys.platform != "linux", reason="NO PROC: the children are looked up there")
def test_processes_end_with_their_parent(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from blast_pm.store.ingest_pool import IngestPool;"
        "from blast_pm.store.home import StorePaths;"
        "pool = IngestPool(StorePaths(sys.argv[1]), 2, 0);"
        "print(*[each.popen.pid for each in pool._all], flush=True); time.sleep(60)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert parent.stdout is not None
    children = parent.stdout.readline().split()
    assert len(children) == 2
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 5
    while any(_is_running(pid) for pid in children):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _is_running(pid: str) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"  # A container may lack an init that reaps.
    except FileNotFoundError:
        return False


def _interrupt(thread: int, trees: str) -> None:
    """Interrupt a thread half a second after something came into the store, however long that takes."""
    deadline = time.monotonic() + 60
    while not (os.path.isdir(trees) and os.listdir(trees)) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.5)
    signal.pthread_kill(thread, signal.SIGINT)


@pytest.mark.crash
def test_an_interrupted_run_ends_its_processes_at_once(tmp_path: Path, wheels: list[str]) -> None:
    home = str(tmp_path / "home")
    main = threading.main_thread().ident
    assert main is not None
    # A wheel that somebody else holds for ever: the run waits until it is interrupted.
    os.makedirs(os.path.join(home, "tmp"))
    sha256 = want_wheel(wheels[0]).sha256
    # A test runner's workers ignore SIGINT.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with lock(os.path.join(home, "tmp", f"o-{sha256}.lock"), 0):
            threading.Thread(target=_interrupt, args=(main, os.path.join(home, "t")), daemon=True).start()
            with pytest.raises(KeyboardInterrupt):
                ensure_wheels(home, wheels)
    finally:
        signal.signal(signal.SIGINT, before)
    assert check_store(home) >= 1
    assert not [name for name in os.listdir(os.path.join(home, "tmp")) if name.startswith("s-")]


def test_what_a_process_imports() -> None:
    """Each process pays for its imports before the first wheel; these take as long as all the rest together."""
    code = "import sys; sys.path[:] = sys.argv[1:]; import blast_pm.store.ingest_process;print(*sys.modules, sep='\\n')"
    command = [sys.executable, "-I", "-S", "-c", code, *sys.path]
    modules = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert "blast_pm.store.ingest" in modules
    heavy = {"collections", "contextlib", "csv", "enum", "functools", "pickle", "queue", "re", "threading", "typing"}
    assert heavy.intersection(modules) == set()
