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
    own = {*sys.stdlib_module_names, "blast_runtime"}
    assert {name for name in _imported(tree) if name.partition(".")[0] not in own} - _tried(tree) == set()


def _imported(tree: ast.AST) -> set[str]:
    named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return named | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}


def _tried(tree: ast.AST) -> set[str]:
    """Return what is used where a program has it, and done without elsewhere."""
    tries = [node for node in ast.walk(tree) if isinstance(node, ast.Try)]
    careful = [node for node in tries if any("ImportError" in ast.dump(each) for each in node.handlers)]
    return {name for node in careful for statement in node.body for name in _imported(statement)}
