"""Ctrl-C at any moment since the first line of Blast's own: no traceback, and nothing half done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from blast_cli.testing import Blast

pytestmark = pytest.mark.acceptance

_SCRIPTS = Path(__file__).parents[2] / "packages" / "blast-cli" / "scripts"
# Presses Ctrl-C when a module is looked for.
_PRESS = """
import os, signal, sys

class Press:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ.get("PRESS_AT"):
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Press())
"""


@pytest.fixture
def pressed(project: Blast, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "press").mkdir()
    (tmp_path / "press" / "sitecustomize.py").write_text(_PRESS)
    variables = project.variables()
    return {**variables, "PYTHONPATH": f"{tmp_path / 'press'}{os.pathsep}{variables['PYTHONPATH']}"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
@pytest.mark.parametrize("program", ["blast", "bx", "module"])
@pytest.mark.parametrize(
    "module", ["blast_cli", "blast_cli.main", "blast_cli.bundle", "blast_cli.application", "blast_cli.catalog"]
)
def test_before_a_command_works(project: Blast, pressed: dict[str, str], program: str, module: str) -> None:
    words = ["-m", "blast_cli", "add", "alpha"] if program == "module" else [str(_SCRIPTS / program), "add", "alpha"]
    if (program, module) == ("module", "blast_cli"):
        pytest.skip("runpy looks for the package before any line of it runs")
    done = subprocess.run(
        [sys.executable, *words],
        cwd=project.directory,
        env={**pressed, "PRESS_AT": module},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGINT
    assert done.stderr == ""
    assert not (project.directory / "blast.lock").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
@pytest.mark.parametrize("module", ["blast_project.editing", "blast_project.lock_files", "blast_pm.resolver"])
def test_while_a_command_works(project: Blast, pressed: dict[str, str], module: str) -> None:
    done = subprocess.run(
        [sys.executable, str(_SCRIPTS / "blast"), "add", "alpha"],
        cwd=project.directory,
        env={**pressed, "PRESS_AT": module},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1] == "interrupted; nothing was changed that is not complete"
    assert "Traceback" not in done.stderr
    assert not (project.directory / "blast.lock").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_who_ignores_it_goes_on_ignoring_it(project: Blast, pressed: dict[str, str]) -> None:
    line = f"trap '' INT; exec {sys.executable} {_SCRIPTS / 'blast'} add alpha"
    environ = {**pressed, "PRESS_AT": "blast_cli.main"}
    done = subprocess.run(
        ["/bin/sh", "-c", line], cwd=project.directory, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (project.directory / "blast.lock").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_what_is_run_is_interrupted_as_ever(project: Blast) -> None:
    project("sync")
    body = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    assert project("run", "python", "-c", body).stdout == "True\n"
