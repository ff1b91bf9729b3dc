"""Which interpreter answers to a request."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import InterpreterNotFound, ProbeFailed
from blast_project.python.discover import find_interpreter, iter_interpreters
from blast_project.python.probe import InterpreterCache
from blast_project.python.version_files import read_python_version_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def pyenv(tmp_path: Path) -> dict[str, str]:
    """Variables of a machine with pyenv's shims first on PATH and the running interpreter as its only version."""
    root = tmp_path / "pyenv"
    (root / "shims").mkdir(parents=True)
    (root / "versions" / "3" / "bin").mkdir(parents=True)
    (root / "version").write_text("3\n")
    (root / "versions" / "3" / "bin" / "python3").symlink_to(sys.executable)
    return {"PATH": str(root / "shims"), "PYENV_ROOT": str(root), "HOME": str(tmp_path)}


def test_a_name_that_nothing_has_is_not_answered_by_a_shim(pyenv: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(InterpreterNotFound, match="'nonsense'"):
        find_interpreter("nonsense", "", pyenv, str(tmp_path), InterpreterCache(str(tmp_path)))


def test_a_name_is_looked_for_behind_the_shims(pyenv: dict[str, str], tmp_path: Path) -> None:
    found = find_interpreter("python3", "", pyenv, str(tmp_path), InterpreterCache(str(tmp_path)))
    assert found.version == ".".join(map(str, sys.version_info[:3]))


def test_the_selected_version_is_found_without_a_request(pyenv: dict[str, str], tmp_path: Path) -> None:
    assert next(iter_interpreters(pyenv, str(tmp_path))).startswith(pyenv["PYENV_ROOT"])


@pytest.mark.skipif(not os.path.exists("/bin/ls"), reason="there is no /bin/ls: a wrong program is NOT tested")
def test_a_program_that_is_no_interpreter_is_refused_in_a_short_line(tmp_path: Path) -> None:
    with pytest.raises(ProbeFailed) as caught:
        find_interpreter("/bin/ls", "", {}, str(tmp_path), InterpreterCache(str(tmp_path)))
    assert len(caught.value.reason) < 300


def test_the_version_file_skips_comments(tmp_path: Path) -> None:
    (tmp_path / ".python-version").write_text("# ours\n\n3.12\n3.13\n")
    assert read_python_version_file(str(tmp_path)) == "3.12"
