"""Real packages without an environment: native code, pytest with plugins, a Jupyter kernel, mypy and pyright."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.network,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.name == "nt", reason="programs are started as on POSIX"),
]

_MANIFEST = """
[project]
name = "real"
version = "1"
requires-python = ">=3.9"
dependencies = [
  "numpy", "requests", "protobuf", "googleapis-common-protos", "pytest", "pytest-mock", "ipykernel", "jupyter-client",
  "mypy", "flask",
]

[tool.blast]
targets = ["linux-x86_64", "linux-aarch64", "macos-arm64"]
"""
_TYPED = """
import numpy as np
import requests
wrong: int = np.array([1.0])
reveal_type(requests.get("x"))
"""
_KERNEL = """
import sys
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel(kernel_name="python3")
said = []
try:
    client.execute_interactive(
        "import numpy, sys; print(numpy.arange(4).sum(), sys.prefix)",
        output_hook=lambda message: said.append(message["content"].get("text", "")), timeout=60,
    )
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
number, prefix = "".join(said).split()
print(number, prefix == sys.prefix)
"""
_CHILDREN = """
import json, multiprocessing, subprocess, sys

def total(number):
    import numpy
    return int(numpy.arange(number).sum())

if __name__ == "__main__":
    import certifi, google.protobuf, google.rpc.status_pb2
    found = [multiprocessing.get_context(name).Pool(1).map(total, [5])[0] for name in ("spawn", "forkserver")]
    ask = [sys.executable, "-I", "-c", "import numpy; print(numpy.arange(5).sum())"]
    found.append(int(subprocess.run(ask, capture_output=True, text=True, check=True, env={}).stdout))
    print(json.dumps(found), len(open(certifi.where()).read()) > 1000)
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Blast:
    """A project with real packages, locked."""
    root = tmp_path_factory.mktemp("real")
    directory = root / "project"
    (directory / "tests").mkdir(parents=True)
    (directory / "pyproject.toml").write_text(_MANIFEST)
    (directory / "typed.py").write_text(_TYPED)
    (directory / "kernel.py").write_text(_KERNEL)
    (directory / "children.py").write_text(_CHILDREN)
    (directory / "tests" / "test_it.py").write_text("def test_it(mocker):\n    assert mocker.Mock()\n")
    blast = Blast(directory, root / "home")
    blast("lock")
    return blast


def _run(blast: Blast, *words: str, status: int = 0) -> str:
    variables = blast.variables()
    # Nothing of a checkout gets into the programs.
    place = variables.pop("PYTHONPATH").split(os.pathsep)
    program = f"import sys; sys.path[:0] = {place!r}; from blast_cli.main import main; main(sys.argv[1:])"
    line = [sys.executable, "-c", program, "run", "--no-env", *words]
    done = subprocess.run(line, cwd=blast.directory, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == status, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_native_code_and_children(real: Blast) -> None:
    before = {path.name for path in real.directory.iterdir()}
    found, has_certificates = _run(real, "children.py").rsplit(maxsplit=1)
    assert (json.loads(found), has_certificates) == ([10, 10, 10], "True")
    assert {path.name for path in real.directory.iterdir()} == before


def test_console_scripts(real: Blast) -> None:
    assert "Flask 3" in _run(real, "flask", "--version")
    assert "Flask 3" in _run(real, "python", "-m", "flask", "--version")


def test_pytest_and_its_plugins(real: Blast) -> None:
    assert "1 passed" in _run(real, "pytest", "-p", "no:cacheprovider", "tests")


def test_a_jupyter_kernel(real: Blast) -> None:
    assert _run(real, "kernel.py") == "6 True\n"


def test_ipython(real: Blast) -> None:
    assert _run(real, "ipython", "--no-banner", "-c", "import numpy; print(numpy.arange(4).sum())") == "6\n"


def test_mypy(real: Blast, tmp_path: Path) -> None:
    said = _run(real, "mypy", "--cache-dir", str(tmp_path), "typed.py", status=1)
    assert 'variable has type "int"' in said
    assert 'Revealed type is "requests.models.Response"' in said
    assert "import-not-found" not in said


@pytest.mark.skipif(
    not os.environ.get("BLAST_TEST_PYRIGHT"), reason="BLAST_TEST_PYRIGHT is not set: pyright is NOT tried"
)
def test_pyright(real: Blast) -> None:
    """With a Node of its own: 60 MB to fetch."""
    said = _run(real, "--with", "basedpyright", "basedpyright", "typed.py", status=1)
    assert 'Type of "requests.get("x")" is "Response"' in said
    assert "reportMissingImports" not in said
