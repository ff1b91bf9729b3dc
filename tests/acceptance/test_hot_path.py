"""The commands that have nothing to do import almost nothing, open almost nothing, and send nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from blast_cli.testing import Blast
    from blast_pm.testing import StaticIndex

pytestmark = pytest.mark.acceptance

# Every module that the hot path may import, over those of a bare interpreter. Each costs the no-op time: a new one
# needs a measurement and a reason.
_COMMON = {
    "blast_cli",
    "blast_cli.bundle",  # all others come out of one file with it
    "blast_cli.main",
    "blast_cli.hot",
    "blast_core",
    "blast_core.fnv",
    "blast_project",
    "blast_project.environment",
    "blast_project.environment.state",
    "blast_project.hot_key",
}
_ALLOWED = {
    ("--version",): {"blast_cli", "blast_cli.bundle", "blast_cli.main", "blast_cli.hot"},
    ("sync",): _COMMON,
    ("lock",): _COMMON | {"blast_core.home"},
    ("run", "python", "-c", "pass"): _COMMON | {"blast_project.environment.leases"},
}


_VENV = {
    "blast_cli",
    "blast_cli.bundle",
    "blast_cli.main",
    "blast_cli.hot_venv",
    "blast_core",
    "blast_core.boot",
    "blast_core.fnv",
    "blast_core.fs",
    "blast_core.home",
    "blast_project",
    "blast_project.environment",
    "blast_project.environment.quick",
    "blast_project.hot_key",
    "__future__",
}


def test_imports_of_an_environment_like_one_before(blast: Blast) -> None:
    blast("venv", "one")
    ours = blast.imported("venv", "two")
    assert ours <= _VENV, f"new on the hot path: {sorted(ours - _VENV)}"
    assert "blast_project.environment.quick" in ours


@pytest.fixture
def synced(project: Blast) -> Blast:
    # As it is a second after a change, when all of it is on the disk.
    project.environ["BLAST_FLUSH"] = "now"
    project("add", "alpha")
    project("sync")
    return project


@pytest.mark.parametrize("words", list(_ALLOWED), ids=lambda words: words[0])
def test_imports_are_on_the_list(synced: Blast, words: tuple[str, ...]) -> None:
    ours = synced.imported(*words)
    assert ours <= _ALLOWED[words], f"new on the hot path: {sorted(ours - _ALLOWED[words])}"
    assert "blast_cli.hot" in ours


@pytest.mark.parametrize("words", [("sync",), ("lock",), ("run", "alpha")], ids=lambda words: words[0])
def test_nothing_is_asked_of_the_index(synced: Blast, index: StaticIndex, words: tuple[str, ...]) -> None:
    index.forget_requests()
    synced(*words)
    assert index.paths() == []


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: opened files are NOT counted")
def test_a_sync_with_nothing_to_do_looks_at_two_files(synced: Blast) -> None:
    log = synced.directory.parent / "strace.log"
    program = "import sys, os; from blast_cli.main import main; main(['sync'])"
    subprocess.run(
        ["strace", "-f", "-e", "trace=openat,open", "-o", str(log), sys.executable, "-c", program],
        cwd=synced.directory,
        env=synced.variables(),
        check=True,
        capture_output=True,
    )
    below = str(synced.directory) + os.sep
    opened = [
        line.split('"')[1] for line in log.read_text().splitlines() if f'"{below}' in line and "ENOENT" not in line
    ]
    assert opened == [f"{below}.venv/.blast/state"]


def test_an_edit_of_equal_size_and_time_is_seen(synced: Blast) -> None:
    path = synced.directory / "pyproject.toml"
    status = path.stat()
    path.write_text(path.read_text().replace("alpha>=2.0", "alpha<=1.0"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    synced("sync")
    assert synced.python("import alpha; print(alpha.VERSION)") == "1.0"


def test_other_options_are_not_up_to_date(synced: Blast) -> None:
    assert synced.json("sync", "--link-mode", "copy")["changed"] is True
    assert synced.json("sync", BLAST_LINK_MODE="hardlink")["changed"] is True


def test_environment_without_interpreter_is_made_anew(synced: Blast) -> None:
    generation = synced.directory / ".venv/.blast/current"
    python = generation / "bin/python"
    python.unlink()
    python.symlink_to("/nowhere/python")
    synced("sync")
    assert synced.python("import alpha; print('ok')") == "ok"
