"""Settings about versions and files: read from two tables, checked where they stand."""

from __future__ import annotations

import pytest

from blast_compat.pyproject import parse_manifest
from blast_core.errors import InvalidManifest

_HEAD = '[project]\nname = "demo"\nversion = "1"\n'


def test_reads_every_setting() -> None:
    text = """
[tool.blast]
exclude-newer = 2025-03-01
exclude-newer-package = { setuptools = false, NumPy = "7 days", scipy = 2025-03-01T12:00:00Z }
prerelease = "allow"
prerelease-package = { torch = "explicit" }
resolution = "lowest-direct"
resolver = "resolvelib"
constraint-dependencies = ["flask<3"]
override-dependencies = ["numpy>=2"]
build-constraint-dependencies = ["setuptools<70"]
no-build = true
no-build-package = ["a"]
no-binary = false
no-binary-package = ["b"]
only-binary = ["c", ":all:"]
"""
    tool = parse_manifest(_HEAD + text, "pyproject.toml").tool
    assert tool["exclude-newer"] == "2025-03-01"
    assert tool["exclude-newer-package"] == {
        "setuptools": False,
        "NumPy": "7 days",
        "scipy": "2025-03-01T12:00:00+00:00",
    }
    assert tool["only-binary"] == ["c", ":all:"]


def test_settings_of_uv_count_where_ours_are_silent() -> None:
    text = """
[tool.uv]
exclude-newer = "2025-03-01"
resolution = "lowest"
no-build-package = ["a"]
cache-dir = "elsewhere"

[tool.blast]
resolution = "highest"
"""
    tool = parse_manifest(_HEAD + text, "pyproject.toml").tool
    assert tool == {"exclude-newer": "2025-03-01", "no-build-package": ["a"], "resolution": "highest"}


def test_a_setting_of_uv_that_ours_replaces_is_not_judged() -> None:
    text = '[tool.uv]\nresolution = "newest-of-all"\n[tool.blast]\nresolution = "highest"\n'
    assert parse_manifest(_HEAD + text, "pyproject.toml").tool["resolution"] == "highest"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('exclude-newer = "someday"', "'someday' is no date"),
        ("exclude-newer = 7", "must be a date, a text or false"),
        ("exclude-newer = 12:00:00", "must be a date, a text or false"),
        ('exclude-newer-package = { a = "1 month" }', "'1 month' is no date"),
        ('exclude-newer-package = { "no name" = false }', "no legal name"),
        ('exclude-newer-package = ["a"]', "must be a table"),
        ('prerelease = "sometimes"', "is 'sometimes'"),
        ('prerelease-package = { a = "sometimes" }', "is 'sometimes'"),
        ("prerelease-package = { a = true }", "must be a text"),
        ('resolution = "newest"', "is 'newest'"),
        ("resolution = 3", "must be a text"),
        ('resolver = "sat"', "is 'sat'"),
        ('constraint-dependencies = ["flask<"]', "flask<"),
        ('override-dependencies = "flask"', "must be an array"),
        ('build-constraint-dependencies = ["@"]', "@"),
        ('no-build = ["a"]', "must be true or false"),
        ('no-binary = "a"', "must be true or false"),
        ('no-build-package = ["a b"]', "no legal name"),
        ("no-binary-package = [1]", "array of texts"),
        ('only-binary = "a"', "array of texts"),
    ],
)
@pytest.mark.parametrize("table", ["blast", "uv"])
def test_a_mistake_names_its_line(line: str, said: str, table: str) -> None:
    if table == "uv" and line.startswith(("resolver", "only-binary")):
        assert parse_manifest(f"{_HEAD}\n[tool.{table}]\n{line}\n", "pyproject.toml").tool == {}
        return
    with pytest.raises(InvalidManifest) as caught:
        parse_manifest(f"{_HEAD}\n[tool.{table}]\n{line}\n", "pyproject.toml")
    assert said in caught.value.message
    assert caught.value.message.startswith("pyproject.toml:6:")
