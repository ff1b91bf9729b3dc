"""Links to a tool's programs: whose they are, what happens when somebody else is faster, and when the disk refuses."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import FileConflict
from blast_project.tool_programs import check_free, link_programs, unlink_programs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def programs(tmp_path: Path) -> list[str]:
    directory = tmp_path / "env" / "bin"
    directory.mkdir(parents=True)
    for name in ("one", "two"):
        (directory / name).touch()
    return [str(directory / "one"), str(directory / "two")]


def test_all_or_none_where_somebody_was_faster(programs: list[str], tmp_path: Path) -> None:
    place, environment = tmp_path / "bin", str(tmp_path / "env")
    place.mkdir()
    check_free(programs, str(place), environment)
    (place / "two").write_text("somebody's")
    with pytest.raises(FileConflict, match="two"):
        link_programs(programs, str(place), environment)
    assert [path.name for path in place.iterdir()] == ["two"]
    links = link_programs(programs, str(place), environment, force=True)
    assert [os.readlink(link) for link in links] == programs
    assert link_programs(programs, str(place), environment) == links


def test_nothing_is_replaced_in_the_moment_of_making(
    programs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "bin"
    place.mkdir()
    (place / "one").write_text("somebody's")
    monkeypatch.setattr(os.path, "lexists", lambda _path: False)
    with pytest.raises(FileConflict, match="one"):
        link_programs(programs, str(place), str(tmp_path / "env"))
    assert (place / "one").read_text() == "somebody's"


def test_copies_are_a_tools_own_by_its_receipt(
    programs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, environment = tmp_path / "bin", str(tmp_path / "env")
    place.mkdir()
    monkeypatch.setattr("os.name", "nt")
    (place / "two").write_text("somebody's")
    with pytest.raises(FileConflict, match="two"):
        check_free(programs, str(place), environment)
    (place / "two").unlink()
    links = link_programs(programs, str(place), environment)
    assert not os.path.islink(links[0])
    check_free(programs, str(place), environment, links)
    assert link_programs(programs, str(place), environment, links) == links
    # Also of a program that the tool has no more.
    os.unlink(programs[0])
    assert unlink_programs(links, environment) == links
    assert list(place.iterdir()) == []
