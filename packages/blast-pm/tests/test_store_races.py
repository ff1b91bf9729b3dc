"""Several processes and threads at once on one store."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from blast_core.reporter import SilentReporter
from blast_pm.metadata.store import Database
from blast_pm.store.cache import GlobalCache, WantedDistribution
from blast_pm.store.testing import LocalWheels, check_store, ensure_wheels, want_wheel
from blast_pm.testing import make_wheel

_ENSURE = """
import sys
from blast_pm.store.testing import ensure_wheels
sys.stdin.read()
found = ensure_wheels(sys.argv[1], sys.argv[2:])
print(*sorted(stored.blake3 for stored in found.values()))
"""


@pytest.fixture
def wheels(tmp_path: Path) -> list[str]:
    return [
        make_wheel(tmp_path, f"p{number}", "1", files={f"p{number}/{name}.py": b"#" * 99 for name in range(40)})
        for number in range(5)
    ]


def test_four_processes_store_the_same_five_wheels(tmp_path: Path, wheels: list[str]) -> None:
    home = str(tmp_path / "home")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _ENSURE, home, *wheels],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    answers = {process.communicate()[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert len(answers) == 1
    assert check_store(home) == 5
    assert os.listdir(os.path.join(home, "tmp")) == []


def _wait_for_descriptors(name: str, count: int) -> None:
    """Wait until this process has ``count`` descriptors of the file ``name``: so many hold its lock or wait for it."""
    deadline = time.monotonic() + 10
    while sum(_target(fd).endswith(name) for fd in os.listdir("/proc/self/fd")) < count:
        assert time.monotonic() < deadline, f"nobody waits for {name}"
        time.sleep(0.01)


def _target(fd: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return ""


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="waiting for a wheel is tried on Linux only")
def test_a_wheel_that_somebody_else_fetches_is_waited_for(tmp_path: Path, wheels: list[str]) -> None:
    home = str(tmp_path / "home")
    database = Database(os.path.join(home, "store", "meta.lmdb"))
    cache, local = GlobalCache(home, database), LocalWheels()
    begun, go_on = threading.Event(), threading.Event()

    def fetch(wanted: WantedDistribution, path: str, progress: Callable[[int], None]) -> None:
        begun.set()
        go_on.wait(10)
        local.fetch(wanted, path, progress)

    wanted = [want_wheel(wheels[0])]
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.extend(cache.ensure(wanted, fetch, SilentReporter()))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    begun.wait(10)
    _wait_for_descriptors(f"o-{wanted[0].sha256}.lock", len(threads))
    go_on.set()
    for thread in threads:
        thread.join()
    database.close()
    assert local.fetched == ["p0-1-py3-none-any.whl"]
    assert found == [wanted[0].sha256] * 3
    assert check_store(home) == 1


def test_a_link_planted_where_objects_go_is_not_followed(tmp_path: Path, wheels: list[str]) -> None:
    home, outside = str(tmp_path / "home"), str(tmp_path / "outside")
    os.mkdir(outside)
    (stored,) = ensure_wheels(str(tmp_path / "other"), wheels[:1]).values()
    tree = os.path.join(home, "t", os.path.basename(stored.tree))
    container = os.path.join(home, "store", "whl", stored.blake3[:2], stored.blake3[2:4], f"{stored.blake3}.whl")
    for path in (tree, container):
        os.makedirs(os.path.dirname(path))
        os.symlink(outside, path)
    ensure_wheels(home, wheels[:1])
    assert os.listdir(outside) == []
    assert not os.path.islink(tree)
    assert not os.path.islink(container)
    assert check_store(home) == 1


def test_half_a_tree_that_a_power_loss_left_is_replaced(tmp_path: Path, wheels: list[str]) -> None:
    home = str(tmp_path / "home")
    (stored,) = ensure_wheels(str(tmp_path / "other"), wheels[:1]).values()
    tree = os.path.join(home, "t", os.path.basename(stored.tree))
    os.makedirs(os.path.join(tree, "p0"))
    with open(os.path.join(tree, "p0", "0.py"), "wb"):
        pass
    os.chmod(tree, 0o555)
    ensure_wheels(home, wheels[:1])
    assert check_store(home) == 1
