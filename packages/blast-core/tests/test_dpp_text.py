"""The text forms: complete, and plain enough for JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from blast_core.formats.dpp.convert import convert_wheel
from blast_core.formats.dpp.reader import DppPackage
from blast_core.formats.dpp.text import inspect_json, inspect_text
from blast_core.testing_wheels import DEFLATED, Member, WheelRecipe, build_wheel

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = WheelRecipe(
    files=[
        Member("sample/__init__.py", b"x" * 99, DEFLATED),
        Member("sample-1.0.data/scripts/run", b"", mode=0o100755),
    ],
    requires=("click>=8",),
    entry_points="[console_scripts]\ngo = sample:main\n",
)


@pytest.fixture
def package(tmp_path: Path) -> DppPackage:
    (tmp_path / RECIPE.filename).write_bytes(build_wheel(RECIPE))
    convert_wheel(str(tmp_path / RECIPE.filename), str(tmp_path / "x.dpp"))
    return DppPackage.from_bytes((tmp_path / "x.dpp").read_bytes())


def test_json_holds_every_fact(package: DppPackage) -> None:
    shown = json.loads(json.dumps(inspect_json(package)))
    assert (shown["name"], shown["version"], shown["flags"]) == ("sample", "1.0", ["purelib", "foldable"])
    assert shown["requirements"] == ["click>=8"]
    assert shown["entry_points"] == [{"group": "console_scripts", "name": "go", "value": "sample:main"}]
    assert shown["wheel"]["sha256"] == package.wheel_sha256
    assert shown["files"][0] == {
        "path": "sample/__init__.py",
        "scheme": "root",
        "mode": "644",
        "codec": "deflate",
        "stored_size": package.files[0].stored_size,
        "size": 99,
        "blake3": package.files[0].digest.hex(),
    }


def test_text_has_a_line_per_fact_and_file(package: DppPackage) -> None:
    text = inspect_text(package)
    assert "name: sample\n" in text
    assert "requirements:\n  click>=8\n" in text
    assert "  group=console_scripts name=go value=sample:main\n" in text
    assert "[scripts]\n" in text
    assert sum(line.startswith("  x ") for line in text.splitlines()) == 1
    assert "summary: A sample\n" in text
    assert "requires python" not in text
