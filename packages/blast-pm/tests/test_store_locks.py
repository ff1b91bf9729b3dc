"""Locks: between threads, between processes, and when their owner dies."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from blast_core.errors import StoreLocked
from blast_pm.store.locks import lock

_HOLDER = """
import sys, time
from blast_pm.store.locks import lock
with lock(sys.argv[1], 5, remove="remove" in sys.argv) as held:
    held.leave_message("from the other")
    print("held", flush=True)
    sys.stdin.read()
"""


def _hold(path: Path, *options: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_one_waits_in_vain_and_names_the_pid(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with _hold(path) as process:
        with pytest.raises(StoreLocked) as caught:
            lock(str(path), 0.05)
        assert str(process.pid) in caught.value.reason
        assert caught.value.details["pid"] == process.pid
        process.communicate("")
    lock(str(path), 0).release()


@pytest.mark.parametrize("options", [(), ("remove",)])
def test_a_dead_owner_blocks_nobody(tmp_path: Path, options: tuple[str, ...]) -> None:
    path = tmp_path / "lock"
    with _hold(path, *options) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    with lock(str(path), 0, remove=bool(options)) as held:
        assert held.message == "from the other"


def test_a_stopped_owner_is_named_after_the_time_limit(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with _hold(path) as process:
        process.send_signal(signal.SIGSTOP)
        begin = time.monotonic()
        with pytest.raises(StoreLocked, match=r"holds"):
            lock(str(path), 0.2)
        assert 0.2 <= time.monotonic() - begin < 2
        process.send_signal(signal.SIGKILL)


def test_who_waited_for_a_removed_lock_reads_what_was_left(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    messages = []
    first = lock(path, 0, remove=True)

    def wait() -> None:
        with lock(path, 10, remove=True) as held:
            messages.append(held.message)

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.1)
    first.leave_message("done")
    first.release()
    thread.join()
    assert messages == ["done"]
    assert os.listdir(tmp_path) == []


def test_threads_exclude_each_other_also_while_the_file_comes_and_goes(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    inside = []
    most = []

    def work() -> None:
        for _ in range(50):
            with lock(path, 30, remove=True):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(most) == 200


def test_shared_locks_stand_together_and_against_an_exclusive_one(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with lock(path, 0, shared=True), lock(path, 0, shared=True), pytest.raises(StoreLocked):
        lock(path, 0)
    with lock(path, 0), pytest.raises(StoreLocked):
        lock(path, 0, shared=True)


def test_a_planted_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "outside")
    for shared in (True, False):
        with pytest.raises(OSError, match="symbolic links"):
            lock(str(tmp_path / "lock"), 0, shared=shared)
    assert not (tmp_path / "outside").exists()


def test_release_twice_is_once(tmp_path: Path) -> None:
    held = lock(str(tmp_path / "lock"), 0)
    held.release()
    held.release()
    lock(str(tmp_path / "lock"), 0).release()
