"""The documentation says what is so: commands, variables, links, rooms."""

from __future__ import annotations

import functools
import importlib
import re
from pathlib import Path

import pytest

from blast_cli.catalog import COMMANDS
from blast_cli.parsing import make_parser
from blast_cli.plain import variable_of
from blast_cli.reference import reference

pytestmark = pytest.mark.docs

_TOP = Path(__file__).resolve().parents[1]
_PAGES = sorted([*_TOP.glob("*.md"), *(_TOP / "docs").rglob("*.md"), *(_TOP / "packages").glob("*/README.md")])
# These name variables of tests, too.
_FOR_CONTRIBUTORS = ("CONTRIBUTING", "faults")
_EVERY_PAGE = pytest.mark.parametrize("page", _PAGES, ids=lambda path: path.relative_to(_TOP).as_posix())
_SOURCES = sorted((_TOP / "packages").glob("*/src/**/*.py"))


@_EVERY_PAGE
def test_commands_exist(page: Path) -> None:
    names = {command.name for command in COMMANDS} | {command.name.split()[0] for command in COMMANDS} | {"help"}
    said = re.findall(r"(?:\$ |`|^    )blast ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(set(said) - names) == []


@_EVERY_PAGE
def test_links_to_files_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    missing = [each for each in targets if "://" not in each and not (page.parent / each).exists()]
    assert missing == []


@_EVERY_PAGE
def test_variables_are_read_somewhere(page: Path) -> None:
    tests = (
        [*_TOP.glob("tests/**/*.py"), *_TOP.glob("packages/*/tests/**/*.py")] if page.stem in _FOR_CONTRIBUTORS else []
    )
    read = "\n".join(path.read_text(encoding="utf-8") for path in [*_SOURCES, _TOP / "conftest.py", *tests])
    said = set(re.findall(r"`(BLAST_[A-Z_]+)", page.read_text(encoding="utf-8")))
    assert sorted(name for name in said if name not in read and name not in _variables_of_options()) == []


@functools.cache
def _variables_of_options() -> frozenset[str]:
    """Return the variables that are defaults of options: none of them stands in the code."""
    modules = [importlib.import_module(f"blast_cli.commands.{command.module}") for command in COMMANDS]
    parsers = [make_parser(command, module.configure) for command, module in zip(COMMANDS, modules, strict=True)]
    return frozenset(variable_of(action) for parser in parsers for action in parser._actions)


def test_readme_shows_the_two_commands() -> None:
    text = (_TOP / "README.md").read_text(encoding="utf-8")
    assert "python3 dev.py demo" in text
    assert "python3 dev.py test" in text


def test_architecture_names_every_room() -> None:
    text = (_TOP / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {path.parent.name for path in _SOURCES if path.name == "__init__.py"}
    assert sorted(room for room in rooms if not re.search(rf"\b{room}\b", text)) == []


def test_the_reference_is_what_the_parsers_say() -> None:
    page = _TOP / "docs" / "guide" / "commands.md"
    assert page.read_text(encoding="utf-8") == reference(), "python -m blast_cli.reference > docs/guide/commands.md"


def test_every_page_is_in_the_navigation() -> None:
    text = (_TOP / "mkdocs.yml").read_text(encoding="utf-8")
    docs = _TOP / "docs"
    pages = [path.relative_to(docs).as_posix() for path in docs.rglob("*.md")]
    assert sorted(page for page in pages if f" {page}\n" not in text) == []


def test_every_decision_is_listed() -> None:
    folder = _TOP / "docs" / "decisions"
    text = (folder / "index.md").read_text(encoding="utf-8")
    for path in sorted(folder.glob("0*.md")):
        title = path.read_text(encoding="utf-8").splitlines()[0].partition(". ")[2]
        assert f"({path.name}) | {title} |" in text


def test_every_setting_named_in_the_guide_is_read() -> None:
    """Of the table ``[tool.blast]`` in the guide: nothing is promised that no code looks at."""
    text = (_TOP / "docs" / "guide" / "projects.md").read_text(encoding="utf-8")
    table = text.partition("[tool.blast]\n")[2].partition("```")[0]
    read = "\n".join(path.read_text(encoding="utf-8") for path in _SOURCES)
    names = re.findall(r"^([a-z-]+) =", table, re.MULTILINE)
    assert names
    assert [name for name in names if f'.get("{name}"' not in read] == []
