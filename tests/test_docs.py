"""The documentation says what is so: commands, variables, links, rooms."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from blast_cli.catalog import COMMANDS

pytestmark = pytest.mark.docs

_TOP = Path(__file__).resolve().parents[1]
_PAGES = sorted([*_TOP.glob("*.md"), *(_TOP / "docs").rglob("*.md"), *(_TOP / "packages").glob("*/README.md")])
_EVERY_PAGE = pytest.mark.parametrize("page", _PAGES, ids=lambda path: path.relative_to(_TOP).as_posix())
_SOURCES = sorted((_TOP / "packages").glob("*/src/**/*.py"))


@_EVERY_PAGE
def test_commands_exist(page: Path) -> None:
    names = {command.name for command in COMMANDS} | {command.name.split()[0] for command in COMMANDS}
    said = re.findall(r"(?:\$ |`|^    )blast ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(set(said) - names) == []


@_EVERY_PAGE
def test_links_to_files_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    missing = [each for each in targets if "://" not in each and not (page.parent / each).exists()]
    assert missing == []


@_EVERY_PAGE
def test_variables_are_read_somewhere(page: Path) -> None:
    read = "\n".join(path.read_text(encoding="utf-8") for path in [*_SOURCES, _TOP / "conftest.py"])
    said = set(re.findall(r"`(BLAST_[A-Z_]+)", page.read_text(encoding="utf-8")))
    assert sorted(name for name in said if name not in read) == []


def test_readme_shows_the_two_commands() -> None:
    text = (_TOP / "README.md").read_text(encoding="utf-8")
    assert "python3 dev.py demo" in text
    assert "python3 dev.py test" in text


def test_architecture_names_every_room() -> None:
    text = (_TOP / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {path.parent.name for path in _SOURCES if path.name == "__init__.py"}
    assert sorted(room for room in rooms if not re.search(rf"\b{room}\b", text)) == []
