"""A store that an administrator keeps for many users can't be written, and installs all the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_cli.testing import Blast

pytestmark = pytest.mark.acceptance

# Root may write anywhere unless it gives these up.
_POWERS = "-dac_override,-dac_read_search,-fowner"


def set_writable(directory: str, *, writable: bool) -> None:
    """Give or take the right to write in a directory and all below it; links are not followed."""
    for parent, _, names in os.walk(directory):
        for path in (parent, *(os.path.join(parent, name) for name in names)):
            if not os.path.islink(path):
                mode = os.stat(path).st_mode & 0o7777
                os.chmod(path, mode | 0o200 if writable else mode & ~0o222)


@pytest.fixture
def read_only(project: Blast) -> Iterator[Blast]:
    """A synced project whose environment was removed and whose store can't be written."""
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root without setpriv may write anywhere: a read-only store is NOT tried")
    project("add", "alpha")
    shutil.rmtree(project.directory / ".venv")
    set_writable(str(project.home), writable=False)
    yield project
    set_writable(str(project.home), writable=True)


def run_powerless(blast: Blast, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command without root's power to write what is not writable."""
    line = [sys.executable, "-m", "blast_cli", *words]
    if os.geteuid() == 0:
        line = ["setpriv", f"--bounding-set={_POWERS}", f"--inh-caps={_POWERS}", *line]
    return subprocess.run(line, cwd=blast.directory, env=blast.variables(), capture_output=True, text=True, check=False)


def test_sync_and_run_work(read_only: Blast) -> None:
    done = run_powerless(read_only, "sync")
    assert done.returncode == 0, done.stderr
    done = run_powerless(read_only, "run", "alpha")
    assert (done.returncode, done.stdout) == (0, "alpha 2.0\n"), done.stderr


def test_what_the_store_lacks_is_refused_in_words(read_only: Blast) -> None:
    before = (read_only.directory / "pyproject.toml").read_bytes()
    done = run_powerless(read_only, "add", "gamma")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert str(read_only.home) in done.stderr
    assert (read_only.directory / "pyproject.toml").read_bytes() == before
