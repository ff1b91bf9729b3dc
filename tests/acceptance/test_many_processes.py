"""Many commands at once on one store and one project: each does what it would alone, in some order, and none hangs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing_forks import ForkServer
from blast_cli.testing_worlds import find_leftovers
from blast_pm.store.testing import check_store
from blast_pm.testing import StaticIndex, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from blast_cli.testing import Blast

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.crash,
    pytest.mark.skipif(os.name != "posix", reason="NO POSIX: signals stop processes there"),
]

_EIGHT = range(8)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    """Twelve projects, of which each needs the next three."""
    directory = tmp_path_factory.mktemp("wheels")
    for number in range(12):
        needs = [f"p{more}" for more in range(number + 1, min(number + 4, 12))]
        files = {f"p{number}/__init__.py": b"", f"p{number}/data": os.urandom(64 << 10)}
        make_wheel(directory, f"p{number}", "1", needs, files=files)
    with StaticIndex(directory) as server:
        yield server


def projects(blast: Blast, count: int) -> list[Blast]:
    """Return so many new projects beside each other, of which number n requires ``pn``."""
    found = []
    for number in range(count):
        directory = blast.directory.parent / f"project{number}"
        directory.mkdir()
        lines = f'[project]\nname = "demo{number}"\nversion = "1"\ndependencies = ["p{number}"]\n'
        (directory / "pyproject.toml").write_text(lines)
        found.append(blast.at(directory))
    return found


def finish(processes: Sequence[subprocess.Popen[str]], codes: Sequence[int] = (0,)) -> list[str]:
    """Wait for all, which must end with one of these statuses, and return what they said."""
    said = []
    for process in processes:
        _, err = process.communicate(timeout=150)
        assert process.returncode in codes, (process.args, process.returncode, err)
        assert "internal error" not in err
        said.append(err)
    return said


def check_whole(blasts: Sequence[Blast], home: Path) -> None:
    """Check that store and projects are sound, and that nothing is left over."""
    for blast in blasts:
        blast("sync", "--locked")
    blasts[0]("cache", "verify")
    blasts[0]("cache", "gc")
    check_store(str(home))
    for blast in blasts:
        assert sorted(find_leftovers(blast.directory, home)) == []


def test_eight_projects_on_a_cold_store(blast: Blast) -> None:
    eight = projects(blast, 8)
    finish([one.start("sync") for one in eight])
    for number in _EIGHT:
        needed = ", ".join(f"p{more}" for more in range(number, 12))
        eight[number].python(f"import {needed}")
    assert check_store(str(blast.home)) == 12
    check_whole(eight, blast.home)


def test_eight_times_the_same_project(blast: Blast) -> None:
    (one,) = projects(blast, 1)
    finish([one.start("sync") for _ in _EIGHT])
    assert len(one.json("history")["generations"]) == 1
    check_whole([one], blast.home)


def test_eight_additions_to_one_project(blast: Blast) -> None:
    """Each is kept, whatever the order."""
    (one,) = projects(blast, 1)
    one("sync")
    finish([one.start("add", f"p{number}", "--bounds", "none") for number in range(2, 10)])
    manifest = (one.directory / "pyproject.toml").read_text()
    assert all(f'"p{number}"' in manifest for number in (0, *range(2, 10))), manifest
    numbers = [row["number"] for row in one.json("history")["generations"]]
    assert numbers == sorted(set(numbers))
    check_whole([one], blast.home)


def test_additions_against_removals(blast: Blast) -> None:
    (one,) = projects(blast, 1)
    one("add", "p8", "p9", "p10", "p11", "--bounds", "none")
    commands: list[tuple[str, ...]] = [("remove", f"p{number}") for number in range(8, 12)]
    commands += [("add", f"p{number}", "--bounds", "none") for number in range(4, 7)]
    finish([one.start(*words) for words in [*commands, ("sync",)]])
    manifest = (one.directory / "pyproject.toml").read_text()
    assert [number for number in range(12) if f'"p{number}"' in manifest] == [0, 4, 5, 6]
    check_whole([one], blast.home)


@pytest.mark.parametrize(
    "cleaning",
    [("gc", "--older-than", "0", "--keep", "1"), ("prune", "--keep", "1"), ("clear", "--all", "--force")],
    ids=["gc", "prune", "clear"],
)
def test_syncs_against_cleaning(blast: Blast, cleaning: tuple[str, ...]) -> None:
    four = projects(blast, 4)
    finish([one.start("sync") for one in four])
    for _ in range(2):
        for one in four:
            shutil.rmtree(one.directory / ".venv")
        syncs = [one.start("sync") for one in four]
        cleanings = [blast.start("cache", *cleaning) for _ in range(3)]
        # A second cleaning at the same time ends at once.
        finish(cleanings, (0, 5))
        finish(syncs)
        for number, one in enumerate(four if cleaning[0] != "clear" else ()):
            one.python(f"import p{number}, p11")
    for one in four:
        one("sync")
        one.python("import p11")
    check_whole(four, blast.home)


def test_undo_and_redo_against_syncs(blast: Blast) -> None:
    (one,) = projects(blast, 1)
    one("sync")
    one("add", "p5", "--bounds", "none")
    words = [("undo",), ("redo",), ("sync",), ("undo",), ("sync",), ("redo",), ("run", "python", "-c", "import p0")]
    # There may be nothing to undo or to redo, when the others were quicker.
    finish([one.start(*line) for line in words], (0, 1, 2))
    one("sync", "--locked")
    check_whole([one], blast.home)


_HOLD = """
import sys, time
from blast_pm.store.locks import lock

with lock(sys.argv[1], 1):
    print("up", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(blast: Blast) -> Iterator[tuple[Blast, subprocess.Popen[str]]]:
    """A process that holds the lock of a project."""
    (one,) = projects(blast, 1)
    with ForkServer() as server:
        server.do(one, "sync")
    (one.directory / ".venv/.blast/state").unlink()
    locks = sorted((blast.home / "locks").iterdir(), key=lambda path: path.name)
    named = [path for path in locks if path.name not in {"usage.lock", "gc.lock"}]
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, *map(str, named[:1])],
        env=blast.variables(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    yield one, process
    process.kill()
    process.communicate()


def test_a_stopped_holder_is_named(holder: tuple[Blast, subprocess.Popen[str]]) -> None:
    one, process = holder
    process.send_signal(signal.SIGSTOP)
    done = one.run("sync", BLAST_LOCK_TIMEOUT="0.3")
    assert done.returncode == 5
    assert f"process {process.pid}" in done.stderr
    assert "  try: " in done.stderr
    document = one.run("sync", "--json", BLAST_LOCK_TIMEOUT="0")
    assert f'"pid": {process.pid}' in document.stdout
    assert one.run("sync", BLAST_LOCK_TIMEOUT="soon").returncode == 2
    config = one.home.parent / "config.toml"
    config.write_text("lock-timeout = 0.2\n")
    assert one.run("sync", "--config-file", str(config)).returncode == 5


def test_a_killed_holder_blocks_nobody(holder: tuple[Blast, subprocess.Popen[str]]) -> None:
    one, process = holder
    waiting = one.start("sync")
    time.sleep(0.5)
    assert waiting.poll() is None
    process.kill()
    finish([waiting])


def test_a_command_that_is_stopped_holds_others_up_no_longer_than_it_lives(blast: Blast) -> None:
    """Stopped at any moment and killed then, a sync lets the next one do its work."""
    one, other = projects(blast, 2)
    for pause in (0.15, 0.3, 0.45, 0.6):
        process = one.start("sync")
        time.sleep(pause)
        process.send_signal(signal.SIGSTOP)
        # Another project is not concerned: what the stopped one fetches it fetches itself after a second.
        done = other.run("sync", BLAST_LOCK_TIMEOUT="1")
        process.kill()
        process.communicate()
        assert done.returncode in (0, 5), done.stderr
        one("sync")
        one.python("import p0, p11")
        shutil.rmtree(blast.home)
        for each in (one, other):
            shutil.rmtree(each.directory / ".venv", ignore_errors=True)
