"""The runtime stands on the standard library of every CPython from 3.9 on, and loads little of it."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

_SOURCE = Path(__file__).resolve().parents[1] / "src" / "blast_runtime"
_MODULES = sorted(_SOURCE.rglob("*.py"))


@pytest.mark.parametrize("module", _MODULES, ids=lambda path: str(path.relative_to(_SOURCE)))
def test_is_python_39_and_needs_the_standard_library_alone(module: Path) -> None:
    tree = ast.parse(module.read_text(encoding="utf-8"), feature_version=(3, 9))
    named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    named |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    foreign = {name for name in named if name.partition(".")[0] not in {*sys.stdlib_module_names, "blast_runtime"}}
    assert foreign == set()
