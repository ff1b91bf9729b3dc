"""The hook and foreign locks with real wheels from the index that pip's configuration leads to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from blast_cli.testing import Blast

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.network,
    pytest.mark.skipif(os.name == "nt", reason="interpreters are asked as on POSIX"),
    pytest.mark.timeout(600),
]

_REQUIREMENTS = ("numpy", "requests", "pytest", "ipykernel", "jupyter-client")
_TEST = """
import multiprocessing, subprocess, sys
import numpy, requests

def total(count):
    return int(numpy.arange(count).sum()), requests.__version__

def test_processes():
    with multiprocessing.get_context("forkserver").Pool(1) as pool:
        assert pool.apply(total, (4,)) == (6, requests.__version__)

def test_programs():
    words = [sys.executable, "-I", "-c", "import numpy; print(numpy.__version__)"]
    assert subprocess.check_output(words, env={}, text=True).strip() == numpy.__version__
    assert b"pytest" in subprocess.check_output(["pytest", "--version"])
"""


_NOTEBOOK = """
from jupyter_client import KernelManager

CELL = '''
import numpy, sys
from blast_runtime.interactive import use
print(numpy.arange(4).sum(), sys.prefix, use("iniconfig<2.1")["iniconfig"])
'''

def main():
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=120)
    said = []
    client.execute_interactive(CELL, output_hook=lambda message: said.append(message["content"]), timeout=120)
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    print(*[one.get("text") or one.get("traceback") or "" for one in said], sep="")

main()
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Blast:
    """A project of real packages, locked by Blast."""
    directory = tmp_path_factory.mktemp("locked")
    blast = Blast(directory, tmp_path_factory.mktemp("home"))
    blast("init", "--name", "real")
    blast("add", "--no-sync", *_REQUIREMENTS)
    return blast


@pytest.fixture(scope="module")
def hooked(project: Blast, tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("interpreter") / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    python = str(place / "bin" / "python")
    project("self", "hook", "install", "-p", python)
    return python


def run(blast: Blast, *words: str, **more: str) -> str:
    environ = {**blast.variables(), "BLAST": "1", **more}
    done = subprocess.run(words, cwd=blast.directory, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_tests_of_a_project_run_with_an_exported_lock(project: Blast, hooked: str, tmp_path: Path) -> None:
    (tmp_path / "pylock.toml").write_text(project("export", "--format", "pylock", "--no-emit-project").stdout)
    (tmp_path / "test_numbers.py").write_text(_TEST)
    there = project.at(tmp_path)
    assert "2 passed" in run(there, hooked, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_numbers.py")


def test_exported_requirements_are_a_lock_of_all_pythons(project: Blast, hooked: str, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(project("export", "--no-emit-project").stdout)
    program = "import numpy, requests, sys; print(sys.prefix)"
    prefix = run(project.at(tmp_path), hooked, "-c", program)
    assert prefix.startswith(str(project.home / "views"))
    assert run(project.at(tmp_path), hooked, "-c", program, BLAST_OFFLINE="1") == prefix


_CASES = Path(__file__).resolve().parents[2] / "packages" / "blast-compat" / "tests" / "cases" / "locks"


@pytest.mark.parametrize("case", sorted(place.name for place in _CASES.iterdir()))
def test_locks_that_other_tools_made(project: Blast, tmp_path: Path, case: str) -> None:
    """Their addresses lead nowhere: every file is found on the configured index, by name and digest."""
    shutil.copytree(_CASES / case, tmp_path / "there")
    words = ("--group", "default") if case == "stdpdm" else ()
    program = "import click, urllib3, socks, sys; print(sys.prefix)"
    said = project.at(tmp_path / "there")("run", "--no-env", *words, "python", "-c", program).stdout
    assert said.startswith(str(project.home / "views"))


def test_equal_locks_share_a_view(project: Blast, hooked: str, tmp_path: Path) -> None:
    program = "import sys; print(sys.prefix)"
    (tmp_path / "pylock.toml").write_text(project("export", "--format", "pylock", "--no-emit-project").stdout)
    foreign = run(project.at(tmp_path), hooked, "-c", program)
    assert run(project, hooked, "-c", program) == foreign
    assert not (project.directory / ".venv").exists()


@pytest.mark.skipif(not shutil.which("uv"), reason="NO UV: it makes the lock of this test")
def test_lock_of_uv_gives_what_uv_installs(project: Blast, hooked: str, tmp_path: Path) -> None:
    lines = ["[project]", 'name = "real"', 'version = "1"', 'requires-python = ">=3.9"']
    (tmp_path / "pyproject.toml").write_text("\n".join([*lines, f"dependencies = {json.dumps(list(_REQUIREMENTS))}"]))
    subprocess.run(["uv", "lock", "--quiet", "--python", sys.executable], cwd=tmp_path, check=True)
    program = (
        "import importlib.metadata as m; print(*sorted(d.name.lower() + '==' + d.version for d in m.distributions()))"
    )
    found = set(run(project.at(tmp_path), hooked, "-c", program).split())
    environment = {**os.environ, "VIRTUAL_ENV": str(tmp_path / ".venv")}
    subprocess.run(["uv", "venv", "--quiet", "--python", sys.executable], cwd=tmp_path, check=True)
    subprocess.run(
        ["uv", "sync", "--quiet", "--frozen", "--no-install-project"], cwd=tmp_path, env=environment, check=True
    )
    listed = subprocess.check_output([tmp_path / ".venv/bin/python", "-c", program], text=True)
    assert found == set(listed.split())


def test_kernels_of_notebooks_belong_to_the_lock(project: Blast, hooked: str, tmp_path: Path) -> None:
    """And a cell asks for a package, which comes into the kernel that runs."""
    (tmp_path / "blast").write_text(f'#!/bin/sh\nexec {sys.executable} -m blast_cli "$@"\n')
    (tmp_path / "blast").chmod(0o755)
    (tmp_path / "notebook.py").write_text(_NOTEBOOK)
    said = run(
        project.at(tmp_path),
        hooked,
        "notebook.py",
        BLAST_RUN_DIRECTORY=str(project.directory),
        PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
    )
    count, prefix, version = said.split()
    assert (count, version) == ("6", "2.0.0")
    assert prefix.startswith(str(project.home / "views"))
