"""Staging directories: private, swept when their owner is dead, and never while it lives."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from blast_core.errors import StoreError
from blast_pm.store.staging import Staging, object_lock_path, sweep_staging

_OWNER = """
import os, signal, sys
from blast_pm.store.staging import Staging
staging = Staging(sys.argv[1])
open(staging.path + "/half", "w").close()
print(staging.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL if sys.argv[2] == "die" else signal.SIGSTOP)
"""


def _own(parent: Path, fate: str) -> "tuple[subprocess.Popen[str], str]":
    process = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(parent), fate],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_it_is_private_and_leaves_nothing(tmp_path: Path) -> None:
    with Staging(str(tmp_path / "tmp")) as staging:
        assert os.stat(staging.path).st_mode & 0o777 == 0o700
        os.makedirs(staging.path + "/a/b")
        os.chmod(staging.path + "/a", 0o555)
    assert os.listdir(tmp_path / "tmp") == []


def test_what_the_dead_left_is_swept(tmp_path: Path) -> None:
    process, path = _own(tmp_path, "die")
    process.communicate()
    assert os.path.exists(path + "/half")
    assert sweep_staging(str(tmp_path)) == 1
    assert os.listdir(tmp_path) == []


def test_what_the_living_have_is_not(tmp_path: Path) -> None:
    process, path = _own(tmp_path, "stop")
    with Staging(str(tmp_path)) as own:
        assert sweep_staging(str(tmp_path)) == 0
        assert os.path.isdir(own.path)
    assert os.path.exists(path + "/half")
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_locks_of_the_dead_are_swept_and_other_things_left_alone(tmp_path: Path) -> None:
    path = object_lock_path(str(tmp_path), "ab" * 32)
    with open(path, "w", encoding="ascii") as file:
        file.write("1\n")
    (tmp_path / "other").write_bytes(b"")
    sweep_staging(str(tmp_path))
    assert os.listdir(tmp_path) == ["other"]


def test_planted_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_bytes(b"kept")
    parent = tmp_path / "tmp"
    parent.mkdir()
    (parent / "s-1-abc").symlink_to(outside)
    (parent / "s-2-abc.lock").symlink_to(outside / "kept")
    sweep_staging(str(parent))
    assert (outside / "kept").read_bytes() == b"kept"
    assert os.listdir(outside) == ["kept"]
    assert not (parent / "s-1-abc").is_symlink()


def test_a_staging_parent_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "tmp").symlink_to("outside")
    with pytest.raises(StoreError, match="symbolic link"):
        Staging(str(tmp_path / "tmp"))
    assert os.listdir(tmp_path / "outside") == []


def test_sweeping_and_making_at_once_disturb_each_other_in_nothing(tmp_path: Path) -> None:
    stop = threading.Event()

    def sweep() -> None:
        while not stop.is_set():
            sweep_staging(str(tmp_path))

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    try:
        for _ in range(200):
            with Staging(str(tmp_path)) as staging, open(staging.path + "/f", "w", encoding="ascii"):
                assert os.path.isdir(staging.path)
    finally:
        stop.set()
        sweeper.join()
    assert os.listdir(tmp_path) == []
