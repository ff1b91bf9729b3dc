"""Without words, every command gets the arguments that argparse would give it."""

from __future__ import annotations

import argparse
from importlib import import_module

import pytest

from blast_cli.catalog import COMMANDS, Command
from blast_cli.parsing import parse
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
