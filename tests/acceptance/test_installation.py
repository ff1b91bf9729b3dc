"""``pip install packages/*/`` into a clean interpreter gives a working ``blast`` and ``bx``."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_project.python.discover import iter_interpreters
from blast_project.python.probe import InterpreterCache

if TYPE_CHECKING:
    from blast_pm.testing import StaticIndex

pytestmark = [pytest.mark.acceptance, pytest.mark.network, pytest.mark.slow, pytest.mark.timeout(600)]

_PACKAGES = Path(__file__).parents[2] / "packages"
_WANTED = ("3.11", "3.12", "3.13", "3.14")


def find_pythons(home: Path) -> dict[str, str]:
    """Return an interpreter of this machine for each minor version that Blast supports."""
    cache = InterpreterCache(str(home))
    found: dict[str, str] = {}
    for executable in iter_interpreters(os.environ, str(home)):
        try:
            interpreter = cache.get(executable)
        except Exception:  # noqa: BLE001 - what is no interpreter is not the subject here
            continue
        minor = ".".join(interpreter.version.split(".")[:2])
        if interpreter.implementation == "cpython":
            found.setdefault(minor, interpreter.executable)
    return found


@pytest.mark.parametrize("minor", _WANTED)
def test_pip_installs_a_working_command(minor: str, tmp_path: Path, index: StaticIndex) -> None:
    python = find_pythons(tmp_path / "home").get(minor)
    if python is None:
        pytest.skip(f"no CPython {minor} on this machine: installing into it is NOT tried")
    environment = tmp_path / "clean"
    subprocess.run([python, "-m", "venv", environment], check=True)
    # A copy: building writes beside the sources, and the tests run at the same time.
    sources = shutil.copytree(_PACKAGES, tmp_path / "packages", ignore=shutil.ignore_patterns("__pycache__", "tests"))
    folders = sorted(str(folder) for folder in sources.iterdir())
    pip = [str(environment / "bin/python"), "-m", "pip", "install", "--quiet", *folders]
    subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("BLAST_", "PYTHON", "PIP_"))}
    variables |= {"BLAST_HOME": str(tmp_path / "home"), "BLAST_INDEX_URL": index.url, "BLAST_PYTHON": python}
    project = tmp_path / "project"
    project.mkdir()

    def run(*words: str) -> str:
        line = [str(environment / "bin" / words[0]), *words[1:]]
        done = subprocess.run(line, cwd=project, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("blast", "--version").startswith("blast ")
    run("blast", "init", "--name", "demo")
    run("blast", "add", "alpha")
    assert run("blast", "run", "alpha") == "alpha 2.0\n"
    assert run("blast", "run", "python", "-c", "import sys; print(*sys.version_info[:2], sep='.')").strip() == minor
    assert run("bx", "alpha") == "alpha 2.0\n"
    assert run("blast", "sync") == ""
