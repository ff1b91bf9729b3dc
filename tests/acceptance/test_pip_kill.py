"""A change of a place of another tool's is whole or not at all: killed or failed at every operation."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_pm.testing import StaticIndex, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.acceptance, pytest.mark.crash]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    directory = tmp_path_factory.mktemp("wheels")
    points = "[console_scripts]\nalpha = alpha:main\n"
    for version in ("1.0", "2.0"):
        files = {
            "alpha/__init__.py": f"V = {version}\n".encode(),
            f"alpha/only_{version[0]}.py": b"",
            "shared.py": b"s",
        }
        make_wheel(directory, "alpha", version, [f"beta=={version}"], files=files, entry_points=points)
        make_wheel(directory, "beta", version, files={"beta/deep/er/__init__.py": version.encode()})
    make_wheel(directory, "leaving", "1.0")
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, index: StaticIndex) -> Blast:
    """A directory with `before` and `after`: an environment, and what the command makes of it."""
    directory = tmp_path_factory.mktemp("place")
    blast = Blast(directory, tmp_path_factory.mktemp("home"), {"BLAST_INDEX_URL": index.url})
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", directory / "before"], check=True)
    blast("pip", "install", "-p", "before", "alpha==1.0", "leaving")
    (site(directory / "before") / "mine.py").write_text("mine")
    shutil.copytree(directory / "before", directory / "after", symlinks=True)
    (directory / "wanted.txt").write_text("alpha==2.0\nbeta==2.0\n")
    blast("pip", "sync", "-p", "after", "wanted.txt")
    return blast


def site(environment: Path) -> Path:
    return next(environment.glob("lib/python*/site-packages"))


def snapshot(environment: Path) -> dict[str, bytes]:
    """Return what is there, but for what names the environment's own path; empty directories count."""
    found: dict[str, bytes] = {}
    for directory, names, files in os.walk(environment):
        here = Path(directory)
        if not names and not files:
            found[str(here.relative_to(environment)) + "/"] = b""
        for name in files:
            path = here / name
            is_own = path.is_symlink() or path.name == "pyvenv.cfg" or path.name.lower().startswith("activate")
            content = b"" if is_own else path.read_bytes()
            if path.name == "RECORD":
                content = b"\n".join(line for line in content.splitlines() if b"/bin/alpha" not in line)
            found[str(path.relative_to(environment))] = content.replace(os.fsencode(environment), b"ENV")
    return found


def fresh(prepared: Blast) -> Path:
    path = prepared.directory / "now"
    if path.exists():
        shutil.rmtree(path)
    shutil.copytree(prepared.directory / "before", path, symlinks=True)
    program = path / "bin/alpha"
    program.write_text(program.read_text().replace(str(prepared.directory / "before"), str(path)))
    return path


def operations(prepared: Blast) -> int:
    """Return how many operations the whole command has."""
    fresh(prepared)
    done = prepared("pip", "sync", "-p", "now", "wanted.txt", BLAST_COUNT_OPERATIONS="1")
    return int(done.stderr.rpartition("operations: ")[2].split()[0])


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
@pytest.mark.timeout(900)
def test_a_killed_change_is_taken_back_or_finished(prepared: Blast, part: int) -> None:
    before, after = (snapshot(prepared.directory / name) for name in ("before", "after"))
    count = operations(prepared)
    ends = set()
    for number in range(1 + part, count + 1, 4):
        environment = fresh(prepared)
        done = prepared.run("pip", "sync", "-p", "now", "wanted.txt", BLAST_FAULT=f"kill:{number}")
        assert done.returncode in (-9, 137), f"operation {number} of {count}"
        # Any command will do, one that only looks as well.
        prepared("pip", "list", "-p", "now")
        found = snapshot(environment)
        assert found in (before, after), f"operation {number} of {count}: {sorted(found.items() ^ before.items())[:3]}"
        assert not list(site(environment).glob(".blast-*"))
        ends.add(found == after)
        prepared("pip", "sync", "-p", "now", "wanted.txt")
        assert snapshot(environment) == after, f"operation {number} of {count}"
    assert False in ends


@pytest.mark.parametrize("reason", ["ENOSPC", "EIO"])
def test_a_failed_change_is_taken_back_at_once(prepared: Blast, reason: str) -> None:
    before = snapshot(prepared.directory / "before")
    count = operations(prepared)
    failed = 0
    for number in range(2, count, 5):
        environment = fresh(prepared)
        done = prepared.run("pip", "sync", "-p", "now", "wanted.txt", BLAST_FAULT=f"fail:{number}:{reason}")
        if done.returncode == 0:
            continue
        failed += 1
        left = list(site(environment).glob(".blast-*"))
        if left:
            # It failed while it was taken back, or cleaned up: the next command goes on.
            prepared("pip", "list", "-p", "now")
        after = snapshot(prepared.directory / "after")
        assert snapshot(environment) in (before, after), f"operation {number} of {count}: {done.stderr}"
    assert failed > count // 10


def test_a_recovery_may_be_killed_too(prepared: Blast) -> None:
    before = snapshot(prepared.directory / "before")
    count = operations(prepared)
    environment = fresh(prepared)
    prepared.run("pip", "sync", "-p", "now", "wanted.txt", BLAST_FAULT=f"kill:{count * 2 // 3}")
    held = prepared.directory / "held"
    shutil.rmtree(held, ignore_errors=True)
    shutil.copytree(environment, held, symlinks=True)
    for number in range(1, 30, 3):
        shutil.rmtree(environment)
        shutil.copytree(held, environment, symlinks=True)
        prepared.run("pip", "list", "-p", "now", BLAST_FAULT=f"kill:{number}")
        prepared("pip", "list", "-p", "now")
        # Of files, links of one and the same become several by copying; content is what counts.
        assert snapshot(environment) in (before, snapshot(prepared.directory / "after"))


def test_what_a_living_process_works_on_is_left_alone(prepared: Blast) -> None:
    """Its lock is held, so nobody takes its work back."""
    from blast_pm.store.locks import lock

    environment = fresh(prepared)
    home = site(environment) / ".blast-pip-abc"
    home.mkdir()
    (home / "journal").write_text('{"format": 1, "moves": [], "adds": [], "directories": [], "bounds": []}')
    with lock(str(home / "lock"), 0):
        prepared("pip", "list", "-p", "now")
        assert (home / "journal").exists()
    prepared("pip", "list", "-p", "now")
    assert not home.exists()
