"""``run --no-env`` a second time: few imports, nothing asked, nothing written, no more work than in an environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from blast_cli.testing import Blast
    from blast_pm.testing import StaticIndex

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(os.name == "nt", reason="programs are started as on POSIX"),
]

# Each costs time: a new one needs a measurement and a reason.
_ALLOWED = {
    "blast_cli",
    "blast_cli.bundle",
    "blast_cli.main",
    "blast_cli.hot",
    "blast_core",
    "blast_core.fnv",
    "blast_core.home",
    "blast_project",
    "blast_project.environment",
    "blast_project.environment.leases",
    "blast_project.environment.state",
    "blast_project.hot_key",
}
# In front of the program: what the words mean.
_SHORT = {"blast_cli.as_python"}
# What Python imports when it starts, beyond what it imports without a view.
_RUNTIME = {
    "blast_runtime",
    "blast_runtime.bootstrap",
    "blast_runtime.finder",
    "blast_runtime.modmap",
}


@pytest.fixture
def known(project: Blast) -> Blast:
    """A project whose view is known, and on the disk."""
    project.environ["BLAST_FLUSH"] = "now"
    project("add", "--no-sync", "alpha")
    project("run", "--no-env", "alpha")
    return project


def test_imports_are_on_the_list(known: Blast) -> None:
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    ours = known.imported("run", "--no-env", "alpha")
    assert ours <= _ALLOWED, f"new on the hot path: {sorted(ours - _ALLOWED)}"
    known("run", "--no-env", "-p", minor, "alpha")
    for words in (("run", "--no-env", "-p", minor, "alpha"), (f"+{minor}", "alpha")):
        ours = known.imported(*words)
        assert ours <= _ALLOWED | _SHORT, f"new on the hot path: {sorted(ours - _ALLOWED - _SHORT)}"


def test_nothing_is_asked_and_nothing_written(known: Blast, index: StaticIndex) -> None:
    def stamps() -> dict[str, int]:
        found = [*known.home.rglob("*"), *known.directory.rglob("*")]
        return {str(path): path.lstat().st_mtime_ns for path in found if "__pycache__" not in str(path)}

    before = stamps()
    index.forget_requests()
    known("run", "--no-env", "alpha")
    assert index.paths() == []
    assert stamps() == before


def test_what_python_imports_when_it_starts(known: Blast) -> None:
    """None of it is a library to load: no ``re``, no ``struct``, no ``importlib.metadata``."""

    def imported(python: Path | str) -> set[str]:
        done = subprocess.run(
            [python, "-I", "-X", "importtime", "-c", "pass"], capture_output=True, text=True, check=True, env={}
        )
        rows = [line.split("|") for line in done.stderr.splitlines() if line.startswith("import time:")]
        return {row[2].strip() for row in rows if len(row) == 3}

    python = next((known.home / "views").iterdir()) / "bin" / "python"
    plain = imported(getattr(sys, "_base_executable", sys.executable))
    assert imported(python) - plain - _RUNTIME == set()


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: system calls are NOT counted")
def test_starting_takes_no_more_calls_than_in_an_environment(known: Blast, tmp_path: Path) -> None:
    known("sync")
    # The environment's interpreter is what is asked for from now on.
    known("run", "--no-env", "alpha")

    def count(*words: str) -> int:
        log = tmp_path / "strace.log"
        program = f"import sys, os; from blast_cli.main import main; main({list(words)!r})"
        line = ["strace", "-f", "-o", str(log), sys.executable, "-c", program]
        subprocess.run(line, cwd=known.directory, env=known.variables(), check=True, capture_output=True)
        calls = log.read_text().splitlines()
        become = [number for number, call in enumerate(calls) if " execve(" in call]
        return become[-1]

    inside, outside = count("run", "python", "-c", "pass"), count("run", "--no-env", "python", "-c", "pass")
    # The words are longer, and the store's home is looked up.
    assert outside <= inside + 60


def test_in_another_checkout_nothing_is_chosen_anew(known: Blast, tmp_path: Path) -> None:
    shutil.copytree(known.directory, tmp_path / "other")
    other = known.at(tmp_path / "other")
    ours = other.imported("run", "--no-env", "alpha")
    assert "blast_project.no_env.starting" in ours
    assert not ours & {"blast_project.syncing", "blast_core.formats.dpl.reader"}
    assert other("run", "--no-env", "alpha").stdout == "alpha 2.0\n"
    assert "blast_cli.application" not in other.imported("run", "--no-env", "alpha")
