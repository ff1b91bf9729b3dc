"""With words that are plain, or without any, every command gets the arguments that argparse would give it."""

from __future__ import annotations

import argparse
from importlib import import_module

import pytest

from blast_cli.catalog import COMMANDS, Command
from blast_cli.parsing import make_parser, parse
from blast_cli.plain import plain_arguments
from blast_core.errors import UsageError

VARIABLES = [
    pytest.param({}, id="none"),
    pytest.param({"BLAST_PYTHON": "3.12", "BLAST_INDEX_URL": "https://index.invalid/simple/"}, id="texts"),
    pytest.param({"BLAST_OFFLINE": "1", "BLAST_QUIET": "no", "BLAST_NO_DEV": "yes"}, id="flags"),
    pytest.param({"BLAST_GROUP": "docs test", "BLAST_EXTRA": ""}, id="lists"),
    pytest.param({"BLAST_VERBOSE": "2"}, id="count"),
    pytest.param({"BLAST_VERBOSE": "much", "BLAST_OFFLINE": "off"}, id="nonsense"),
]


@pytest.mark.parametrize("environ", VARIABLES)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name.replace(" ", "-"))
def test_plain_arguments_are_those_of_argparse(command: Command, environ: dict[str, str]) -> None:
    module = import_module(f"blast_cli.commands.{command.module}")
    plain = plain_arguments(module.configure, environ)
    if plain is None:
        # A word is required, and argparse says so.
        with pytest.raises(UsageError):
            parse(command, module.configure, [], environ)
        return
    assert vars(plain) == vars(parse(command, module.configure, [], environ))


SWITCHES = [
    pytest.param(["--offline"], id="one"),
    pytest.param(["-v", "--refresh", "--verbose", "-q"], id="several"),
    pytest.param(["--json", "--json"], id="twice"),
]


@pytest.mark.parametrize("environ", [{}, {"BLAST_VERBOSE": "2", "BLAST_OFFLINE": "0", "BLAST_JSON": "1"}])
@pytest.mark.parametrize("words", SWITCHES)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name.replace(" ", "-"))
def test_switches_are_read_as_argparse_reads_them(command: Command, words: list[str], environ: dict[str, str]) -> None:
    module = import_module(f"blast_cli.commands.{command.module}")
    plain = plain_arguments(module.configure, environ, words)
    if plain is None:
        # A word is required, or switches that exclude others were declared, and argparse says so.
        with pytest.raises(UsageError):
            parse(command, module.configure, words, environ)
        return
    assert vars(plain) == vars(parse(command, module.configure, words, environ))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name.replace(" ", "-"))
def test_each_switch_alone_is_read_as_argparse_reads_it(command: Command) -> None:
    module = import_module(f"blast_cli.commands.{command.module}")
    for action in make_parser(command, module.configure)._actions:
        for word in action.option_strings:
            plain = plain_arguments(module.configure, {}, [word])
            if plain is not None:
                assert action.nargs == 0
                assert vars(plain) == vars(parse(command, module.configure, [word], {}))


WORDS = [
    ["word"],
    [""],
    ["-"],
    ["one", "two", ""],
    ["--offline", "one", "two", "-v"],
    ["one", "--offline"],
    ["one", "--offline", "two"],
    ["--python", "3.12"],
    ["-p", "3.12", "one", "--python", "3.11", "--color", "never"],
    ["one", "--group", "web", "--group", "docs", "--no-sync"],
    ["--color", "purple"],
    ["--python"],
    ["--python", "--offline"],
    ["--python=3.12", "one"],
    ["--", "one"],
    ["-vq"],
    ["--group", "web", "--bounds", "major", "one"],
    ["python", "-c", "pass", "--json", "-q"],
    ["-q", "one", "--", "-q", "two"],
    ["--group", "web", "one", "--group", "docs"],
]


@pytest.mark.parametrize(
    "environ", [{}, {"BLAST_GROUP": "docs test", "BLAST_PYTHON": "3.13"}], ids=("bare", "variables")
)
@pytest.mark.parametrize("words", WORDS, ids=" ".join)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name.replace(" ", "-"))
def test_words_are_read_as_argparse_reads_them(command: Command, words: list[str], environ: dict[str, str]) -> None:
    module = import_module(f"blast_cli.commands.{command.module}")
    plain = plain_arguments(module.configure, environ, words)
    if plain is not None:
        assert vars(plain) == vars(parse(command, module.configure, words, environ))


@pytest.mark.parametrize("words", [["flask", "--no-sync"], ["--group", "web", "flask>=3", "jinja2"]], ids=" ".join)
def test_adding_needs_no_argparse(words: list[str]) -> None:
    plain = plain_arguments(import_module("blast_cli.commands.add").configure, {}, words)
    assert plain is not None
    assert plain.requirements == [word for word in words if word[0] in "fj"]


@pytest.mark.parametrize(("module", "name"), [("lock_show", "name"), ("why", "name")])
def test_one_word_needs_no_argparse(module: str, name: str) -> None:
    configure = import_module(f"blast_cli.commands.{module}").configure
    for words in (["flask"], ["--offline", "flask"], ["flask", "-q"]):
        plain = plain_arguments(configure, {}, words)
        assert plain is not None
        assert getattr(plain, name) == "flask"
    assert plain_arguments(configure, {}, ["flask", "jinja2"]) is None


def declare_exclusive(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--app", action="store_const", const="app", dest="kind", default="lib")
    group.add_argument("--lib", action="store_const", const="lib", dest="kind")
    parser.add_argument("--name", default="")


@pytest.mark.parametrize(
    "words",
    [
        ["--app"],
        ["--name"],
        ["--name", "-x"],
        ["--name=x"],
        ["-h"],
        ["--", "--offline"],
        ["word"],
        ["--offlin"],
        ["-qv"],
    ],
)
def test_what_is_not_plain_is_left_to_argparse(words: list[str]) -> None:
    assert plain_arguments(declare_exclusive, {}) is not None
    assert plain_arguments(declare_exclusive, {}, words) is None


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--jobs", type=int, default=2)


def test_what_has_to_be_converted_is_left_to_argparse() -> None:
    assert vars(plain_arguments(declare, {}) or argparse.Namespace())["jobs"] == 2
    assert plain_arguments(declare, {"BLAST_JOBS": "4"}) is None


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"required": True}, id="required"),
        pytest.param({"action": "version", "version": "1"}, id="unknown-action"),
    ],
)
def test_what_only_argparse_understands_is_left_to_it(given: dict[str, object]) -> None:
    def configure(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--one", **given)  # type: ignore[arg-type]

    assert plain_arguments(configure, {}) is None


@pytest.mark.parametrize(
    ("value", "mode"), [("wait", "wait"), ("1", "wait"), ("Background", "background"), ("0", "never"), ("", "")]
)
def test_the_variable_of_bytecode_is_a_word_or_a_switch(value: str, mode: str) -> None:
    from blast_cli.commands import sync

    environ = {"BLAST_COMPILE_BYTECODE": value}
    arguments = plain_arguments(sync.configure, environ)
    assert arguments is not None
    assert arguments.compile_bytecode == mode
    switched = plain_arguments(sync.configure, environ, ["--no-compile-bytecode"])
    assert switched is not None
    assert switched.compile_bytecode == "never"
