"""The runtime's bytecode: made once for each interpreter, and used."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import blast_runtime
from blast_pm.install.testing import running_interpreter
from blast_project.no_env.runtime_bytecode import compile_runtime
from blast_project.no_env.runtime_files import PACKAGE


def make_runtime(directory: Path) -> Path:
    source = Path(blast_runtime.__file__).parent
    runtime = directory / "runtime"
    shutil.copytree(source, runtime / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    (directory / "staging").mkdir()
    return runtime


def test_bytecode_is_made_once_and_used(tmp_path: Path) -> None:
    runtime = make_runtime(tmp_path)
    made = compile_runtime(str(runtime), running_interpreter(), str(tmp_path / "staging"))
    assert made == len([*(runtime / PACKAGE).glob("*.py")])
    assert not [*(tmp_path / "staging").iterdir()]
    assert compile_runtime(str(runtime), running_interpreter(), str(tmp_path / "staging")) == 0
    code = f"import sys; sys.path.insert(0, {str(runtime)!r}); import blast_runtime.bootstrap"
    run = subprocess.run([sys.executable, "-v", "-c", code], capture_output=True, text=True, check=True)
    for name in ("bootstrap", "finder", "modmap"):
        matching = f"{name}.{sys.implementation.cache_tag}.pyc matches"
        assert any(
            matching in line or f"code object from '{runtime}/{PACKAGE}/__pycache__/{name}." in line
            for line in run.stderr.splitlines()
        ), run.stderr


def test_sources_are_not_read_to_compare_them(tmp_path: Path) -> None:
    """The runtime's directory is called by its content; each start would read four files more."""
    runtime = make_runtime(tmp_path)
    compile_runtime(str(runtime), running_interpreter(), str(tmp_path / "staging"))
    flags = {path.read_bytes()[4:8] for path in (runtime / PACKAGE / "__pycache__").iterdir()}
    assert flags == {b"\1\0\0\0"}


def test_a_store_that_cannot_be_written_is_no_fault(tmp_path: Path) -> None:
    runtime = make_runtime(tmp_path)
    assert compile_runtime(str(runtime), running_interpreter(), str(tmp_path / "nowhere")) == 0
    assert not (runtime / PACKAGE / "__pycache__").exists()
    gone = running_interpreter()._replace(executable=str(tmp_path / "no-python"))
    assert compile_runtime(str(runtime), gone, str(tmp_path / "staging")) == 0
