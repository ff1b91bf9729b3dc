"""What no other test holds of docs/lineage.md, and that the tests which are named there exist."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_pm.testing import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.acceptance

_TOP = Path(__file__).resolve().parents[2]
_ROWS = (*(f"M{number}" for number in range(1, 28)), *(f"P{number}" for number in range(1, 17)), "Z1", "Z2")


def _table() -> Iterator[list[str]]:
    for line in (_TOP / "docs" / "lineage.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if re.fullmatch(r"\|? ?[MPZ]\d+", cells[0]):
            yield [cells[0].strip("| "), *cells[1:]]


@functools.cache
def _functions(path: str) -> frozenset[str]:
    tree = ast.parse((_TOP / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_every_row_is_there_once() -> None:
    assert tuple(row[0] for row in _table()) == _ROWS


@pytest.mark.parametrize("name", _ROWS)
def test_the_tests_that_are_named_exist(name: str) -> None:
    (row,) = (row for row in _table() if row[0] == name)
    named = re.findall(r"`([\w/-]+\.py)::(\w+)`", row[-1])
    missing = [f"{path}::{test}" for path, test in named if test not in _functions(path)]
    assert missing == []
    # What has no test is said to be missing.
    assert named or "not there" in row[2]
    assert row[-1].count("`") == 2 * len(named)


def test_requirement_files_and_wheels_into_an_environment(blast: Blast, wheels: Path, tmp_path: Path) -> None:
    (blast.directory / "reqs.txt").write_text("alpha<2\n-r more.txt\n-c limits.txt\n")
    (blast.directory / "more.txt").write_text("gamma; python_version > '3'\n")
    (blast.directory / "limits.txt").write_text("beta==1.0\n")
    wheel = make_wheel(tmp_path, "from-a-file", "3.0", files={"from_a_file.py": b"NAME = 'file'\n"})
    blast("venv")
    blast("pip", "install", "-r", "reqs.txt")
    blast("pip", "install", str(wheel), str(wheels / "delta-1.0-py3-none-any.whl"))
    found = {row["name"]: row["version"] for row in blast.json("pip", "list")["packages"]}
    assert found == {"alpha": "1.1", "beta": "1.0", "gamma": "0.3", "delta": "1.0", "from-a-file": "3.0"}
    assert blast.python("import alpha, from_a_file; print(alpha.VERSION, from_a_file.NAME)") == "1.1 file"


@pytest.mark.network
def test_poetry_runs_as_a_tool(tmp_path: Path) -> None:
    directory = tmp_path / "project"
    directory.mkdir()
    blast = Blast(directory, tmp_path / "home")
    blast("tool", "run", "poetry", "init", "--no-interaction", "--name", "demo")
    assert 'name = "demo"' in (directory / "pyproject.toml").read_text()
    assert "All set!" in blast("tool", "run", "poetry", "check", "--no-interaction").stdout
    assert not (directory / ".venv").exists()
