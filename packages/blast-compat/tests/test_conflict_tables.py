"""Declared conflicts are read as uv reads them, and what is no declaration is named."""

from __future__ import annotations

import pytest

from blast_compat.pyproject import parse_manifest
from blast_core.errors import InvalidManifest

HEAD = '[project]\nname = "demo"\nversion = "1"\n'


@pytest.mark.parametrize("tool", ["blast", "uv"])
def test_sets_are_read_in_order(tool: str) -> None:
    text = f"""{HEAD}
[tool.{tool}]
conflicts = [
    [{{ extra = "CPU" }}, {{ extra = "gpu" }}],
    [{{ group = "a_b" }}, {{ package = "Demo", group = "b" }}, {{ package = "other" }}],
]
"""
    assert parse_manifest(text, "pyproject.toml").conflicts == (
        (("", "extra", "cpu"), ("", "extra", "gpu")),
        (("", "group", "a-b"), ("demo", "group", "b"), ("other", "", "")),
    )


def test_blasts_own_table_goes_before_uvs() -> None:
    text = f"""{HEAD}
[tool.blast]
conflicts = []
[tool.uv]
conflicts = [[{{ extra = "cpu" }}, {{ extra = "gpu" }}]]
"""
    assert parse_manifest(text, "pyproject.toml").conflicts == ()


@pytest.mark.parametrize(
    "value",
    [
        '"cpu"',
        '["cpu", "gpu"]',
        '[["cpu", "gpu"]]',
        '[[{ extra = "cpu" }]]',
        '[[{ extra = "cpu" }, { extra = "CPU" }]]',
        '[[{ extra = "cpu", group = "x" }, { extra = "gpu" }]]',
        '[[{ extra = "" }, { extra = "gpu" }]]',
        '[[{ extra = 1 }, { extra = "gpu" }]]',
        '[[{ extra = "a b" }, { extra = "gpu" }]]',
        '[[{ extras = "cpu" }, { extra = "gpu" }]]',
        '[[{ }, { extra = "gpu" }]]',
    ],
)
def test_what_is_no_set_is_named(value: str) -> None:
    with pytest.raises(InvalidManifest, match="conflicts"):
        parse_manifest(f"{HEAD}[tool.blast]\nconflicts = {value}\n", "pyproject.toml")
