"""Indexes of a manifest: Blast's own tables, uv's, and what is refused with file and line."""

from __future__ import annotations

from typing import Any

import pytest

from blast_compat.pyproject import parse_manifest
from blast_core.errors import InvalidManifest

_HEAD = '[project]\nname = "x"\nversion = "1"\n'


def _tool(text: str) -> dict[str, Any]:
    return parse_manifest(_HEAD + text, "pyproject.toml").tool


def _index(name: str, tool: str = "blast", more: str = "") -> str:
    return f'[[tool.{tool}.index]]\nname = "{name}"\nurl = "https://index.invalid/{name}/"\n{more}\n'


def test_own_tables_come_before_those_of_uv() -> None:
    tool = _tool(_index("b", "uv") + _index("c", "uv") + _index("a") + _index("c"))
    assert [index["name"] for index in tool["index"]] == ["a", "c", "b"]


def test_one_default_counts_and_the_own_one_first() -> None:
    tool = _tool(_index("u", "uv", "default = true") + _index("a", more="default = true") + _index("b"))
    assert [index["name"] for index in tool["index"]] == ["a", "b"]
    assert [index["name"] for index in _tool(_index("u", "uv", "default = true") + _index("b"))["index"]] == ["b", "u"]


def test_older_words_of_uv() -> None:
    tool = _tool('[tool.uv]\nindex-url = "https://index.invalid/d/"\nextra-index-url = ["https://index.invalid/e/"]')
    assert tool["index"] == [{"url": "https://index.invalid/e/"}, {"url": "https://index.invalid/d/", "default": True}]


def test_settings_of_either_tool() -> None:
    tool = _tool('[tool.uv]\nindex-strategy = "unsafe-best-match"\nkeyring-provider = "subprocess"')
    assert (tool["index-strategy"], tool["keyring-provider"]) == ("unsafe-best-match", "subprocess")
    tool = _tool('[tool.uv]\nindex-strategy = "unsafe-best-match"\n[tool.blast]\nindex-strategy = "first-index"')
    assert tool["index-strategy"] == "first-index"
    assert "index" not in tool


@pytest.mark.parametrize(
    "text",
    [
        "[tool.blast]\nindex = 5",
        '[tool.uv]\nindex = ["x"]',
        '[[tool.blast.index]]\nname = "a"',
        _index("a", more='format = "warehouse"'),
        _index("a", more='default = "yes"'),
        _index("a", "uv", "explicit = 1"),
        _index("a", more="ignore-error-codes = [200]"),
        _index("a", more="ignore-error-codes = [true]"),
        '[tool.blast]\nindex-strategy = "newest"',
    ],
)
def test_what_can_not_be_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(InvalidManifest) as caught:
        _tool(text)
    assert caught.value.message.startswith("pyproject.toml")
