"""Every option of every command is tried by a test that drives the process, or stands here with a reason.

What counts is a file of tests that has the command's words and the option among its texts, or the option's variable
among its keywords. That is no proof that the test is a good one; it is one that nobody adds an option without a test.
"""

from __future__ import annotations

import ast
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from blast_cli.catalog import COMMANDS, Command
from blast_cli.parsing import make_parser
from blast_cli.plain import variable_of

pytestmark = pytest.mark.acceptance

_TOP = Path(__file__).parents[2]
#: Of (command or ``*``, option) why no test types it.
_UNTRIED = {
    ("*", "--help"): "test_self_and_help asks each command for it by way of 'help COMMAND'",
}
# What nobody types: the hook in an interpreter asks for it, and its tests see that it is answered.
_ASKED_BY_PROGRAMS = ("self view",)


@cache
def _texts() -> tuple[tuple[str, frozenset[str]], ...]:
    """Return of each file of tests the words in its texts, and the names of its keywords."""
    found = []
    for path in sorted([*_TOP.glob("tests/acceptance/test_*.py"), *_TOP.glob("packages/*/tests/test_*.py")]):
        if path.name == Path(__file__).name:
            continue
        words: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words.update(word.strip("'\"`,;:()") for word in node.value.split())
            elif isinstance(node, ast.keyword) and node.arg:
                words.add(node.arg)
        words.update(word.partition("=")[0] for word in list(words) if word.startswith("--"))
        found.append((path.name, frozenset(words)))
    return tuple(found)


def _options(command: Command) -> list[tuple[str, tuple[str, ...], str]]:
    """Return of each option its long name, all its names, and its variable."""
    parser = make_parser(command, import_module(f"blast_cli.commands.{command.module}").configure)
    rows = []
    for action in parser._actions:
        if action.option_strings:
            long = next((name for name in action.option_strings if name.startswith("--")), action.option_strings[0])
            rows.append((long, tuple(action.option_strings), variable_of(action)))
    return rows


@cache
def _declared_once() -> frozenset[str]:
    """Return the options of at least four commands: one declaration, for which one test of one of them is enough."""
    counts: dict[str, int] = {}
    for command in COMMANDS:
        for long, _, _ in _options(command):
            counts[long] = counts.get(long, 0) + 1
    return frozenset(long for long, count in counts.items() if count >= 4)


def _names(command: Command) -> list[set[str]]:
    """Return the words of a command, and of those that are the same by another name."""
    found = [set(one.name.split()) for one in COMMANDS if _origin(one) == _origin(command)]
    return [*found, {"bx"}] if command.name == "tool run" else found


def _origin(command: Command) -> str:
    module = import_module(f"blast_cli.commands.{command.module}")
    return str(module.execute.__module__)


def _is_tried(command: Command, names: tuple[str, ...], variable: str, *, anywhere: bool) -> bool:
    wanted = {*names, variable} - {""}
    commands = _names(command)
    return any(wanted & words and (anywhere or any(one <= words for one in commands)) for _, words in _texts())


@pytest.mark.parametrize(
    "command",
    [one for one in COMMANDS if not one.name.startswith(_ASKED_BY_PROGRAMS)],
    ids=lambda command: command.name.replace(" ", "-"),
)
def test_is_named_by_a_test(command: Command) -> None:
    assert any(set(command.name.split()) <= words for _, words in _texts()), f"no test runs 'blast {command.name}'"
    missing = []
    for long, names, variable in _options(command):
        if (command.name, long) in _UNTRIED or ("*", long) in _UNTRIED:
            continue
        if not _is_tried(command, names, variable, anywhere=long in _declared_once()):
            missing.append(long)
    assert not missing, f"'blast {command.name}': {', '.join(missing)}"


def test_what_is_excused_is_there() -> None:
    there = {(command.name, long) for command in COMMANDS for long, _, _ in _options(command)}
    there |= {("*", long) for _, long in there}
    assert set(_UNTRIED) <= there
