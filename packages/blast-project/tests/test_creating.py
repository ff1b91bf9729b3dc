"""New projects: legal names only, nothing overwritten, and a package that can be imported and built."""

from __future__ import annotations

import keyword
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import UsageError
from blast_core.names import normalize_name
from blast_project.creating import create_project
from blast_project.project import load_project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("kind", ["app", "lib", "package"])
@pytest.mark.parametrize("name", ["demo", "My.Great-Tool", "a_b", "x1"])
def test_a_new_project_loads_and_runs(tmp_path: Path, name: str, kind: str) -> None:
    root = tmp_path / "deep/er"
    created = create_project(str(root), name, kind=kind, requires_python=">=3.11")
    assert created.name == normalize_name(name) == load_project(str(root)).name
    assert sorted(created.files) == sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())
    module = created.name.replace("-", "_")
    line = ["main.py"] if kind == "app" else ["-c", f"import {module}; {module}.main()"]
    done = subprocess.run(
        [sys.executable, *line], cwd=root, env={"PYTHONPATH": "src"}, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"Hello from {created.name}!\n"
    scripts = tomllib.loads((root / "pyproject.toml").read_text())["project"].get("scripts")
    assert scripts == ({created.name: f"{module}:main"} if kind == "package" else None)


def test_files_that_exist_are_kept(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    created = create_project(str(tmp_path), "demo", kind="app", requires_python="")
    assert "README.md" not in created.files
    assert (tmp_path / "README.md").read_text() == "mine"


def test_a_project_is_not_made_twice(tmp_path: Path) -> None:
    create_project(str(tmp_path), "demo", kind="app", requires_python="")
    with pytest.raises(UsageError, match="exists"):
        create_project(str(tmp_path), "demo", kind="app", requires_python="")


@pytest.mark.parametrize(
    "name", ["", "-", "a b", "demo\n", "ünlaut", "../x", ".hidden", "x.", "a/b", '"; import os', "a\x00b"]
)
def test_names_that_are_no_project_names(tmp_path: Path, name: str) -> None:
    directory = tmp_path / "not a name"
    with pytest.raises(UsageError, match="no legal project name"):
        create_project(str(directory), name, kind="app", requires_python="")
    assert not directory.exists()


@pytest.mark.parametrize("name", ["2fa", "class", "import", "3.14"])
def test_a_package_has_a_name_that_can_be_imported(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="name"):
        create_project(str(tmp_path), name, kind="lib", requires_python="")
    assert not list(tmp_path.iterdir())


def test_a_program_may_have_a_name_that_can_not_be_imported(tmp_path: Path) -> None:
    assert not "2fa".isidentifier()
    assert keyword.iskeyword("class")
    assert create_project(str(tmp_path), "2fa", kind="app", requires_python="").name == "2fa"


def test_the_manifest_is_written_last(tmp_path: Path) -> None:
    """A directory without one is no project yet, and init can be run again."""
    assert create_project(str(tmp_path), "demo", kind="lib", requires_python="").files[-1] == "pyproject.toml"
