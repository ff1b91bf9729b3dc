"""Requires-Dist as releases write it: read alike by who chooses versions, takes wheels in, and packs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_core.archive.wheel import read_wheel
from blast_core.errors import ArchiveRejected, InvalidRequirement
from blast_core.formats.dpp.convert import convert_wheel
from blast_core.formats.dpp.reader import DppPackage
from blast_core.released_requirements import mend_specifier, parse_released_requirement
from blast_core.requirements import parse_requirement
from blast_core.testing_wheels import DEFLATED, Member, WheelRecipe, build_wheel

if TYPE_CHECKING:
    from pathlib import Path

MENDED = [
    ("click (>=1.*)", "click>=1"),
    ("click>=1.0,<2.0,", "click>=1.0,<2.0"),
    ("click (>=1.0.*,<2); python_version >= '3'", "click>=1.0,<2; python_version >= '3'"),
]
HOPELESS = ["click (>dev)", "click @@ nowhere", "click; python_version ~ 3", ""]


def _wheel(directory: Path, *requires: str) -> str:
    recipe = WheelRecipe(files=[Member("s/__init__.py", b"x = 1\n", DEFLATED)], requires=requires)
    path = directory / recipe.filename
    path.write_bytes(build_wheel(recipe))
    return str(path)


@pytest.mark.parametrize(("text", "meant"), MENDED)
def test_usual_mistakes_are_mended(text: str, meant: str, tmp_path: Path) -> None:
    assert parse_released_requirement(text) == parse_requirement(meant)
    wheel = _wheel(tmp_path, text)
    read_wheel(wheel).close()
    convert_wheel(wheel, str(tmp_path / "s.dpp"))
    package = DppPackage.from_bytes((tmp_path / "s.dpp").read_bytes())
    package.verify()
    assert tuple(package.requirements) == (parse_requirement(meant),)


@pytest.mark.parametrize("text", HOPELESS)
def test_what_is_no_requirement_is_refused_at_every_door(text: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequirement):
        parse_released_requirement(text)
    wheel = _wheel(tmp_path, text)
    with pytest.raises(ArchiveRejected) as read:
        read_wheel(wheel)
    with pytest.raises(ArchiveRejected) as converted:
        convert_wheel(wheel, str(tmp_path / "s.dpp"))
    assert "METADATA has the requirement" in read.value.reason
    assert converted.value.reason == read.value.reason
    assert not (tmp_path / "s.dpp").exists()


def test_what_is_right_is_left_alone() -> None:
    assert mend_specifier(">=1.0,!=1.5.*") == ">=1.0,!=1.5.*"
    assert parse_released_requirement("click[x]>=8 ; extra == 'e'") == parse_requirement("click[x]>=8 ; extra == 'e'")
