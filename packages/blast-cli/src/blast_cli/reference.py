"""The reference of all commands as Markdown, made from the parsers themselves.

``python -m blast_cli.reference > docs/guide/commands.md`` writes the page; a test holds that it is what this says.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from blast_cli.catalog import COMMANDS, GROUPS, Command
from blast_cli.help_format import usage_line
from blast_cli.options import add_common_options
from blast_cli.parsing import make_parser

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["reference"]

_HEAD = """\
# Commands

This page is made from the command itself by `python -m blast_cli.reference`. Options that every command takes stand
once, at the end; they may stand before the command too. A variable can set an option's default: `BLAST_` and the
option's name in capitals, such as `BLAST_INDEX_URL`, `BLAST_LINK_MODE`, `BLAST_OFFLINE=1`.

The exit status is 0 done, 1 failed, 2 wrong usage, 3 network, 4 integrity (a hash, a format), 5 locked by another
process, 130 interrupted. `run` and `tool run` end with the status of the program.
"""


def reference() -> str:
    """Return the page."""
    parser = argparse.ArgumentParser(add_help=False)
    add_common_options(parser)
    common = {"help", *(action.dest for action in _actions(parser))}
    parts = [_HEAD]
    for title, commands in _by_group():
        parts.append(f"## {title}\n")
        parts += [_section(command, common) for command in commands]
    parts.append("## Options of every command\n")
    parts.append(_table(_actions(parser)))
    return "\n".join(parts)


def _by_group() -> list[tuple[str, list[Command]]]:
    plain = [command for command in COMMANDS if command.name.split()[0] not in GROUPS]
    groups = [
        (title, [command for command in COMMANDS if command.name.split()[0] == name]) for name, title in GROUPS.items()
    ]
    return [("Projects and environments", plain), *groups]


def _section(command: Command, common: set[str]) -> str:
    parser = make_parser(command, import_module(f"blast_cli.commands.{command.module}").configure)
    own = [action for action in _actions(parser) if action.dest not in common]
    text = f"### blast {command.name}\n\n{command.help}.\n\n```text\n{usage_line(parser)}\n```\n"
    return f"{text}\n{_table(own)}" if own else text


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return parser._actions  # noqa: SLF001 - argparse offers no other way to walk them


def _table(actions: Iterable[argparse.Action]) -> str:
    rows = [f"| {_spelled(action)} | {_escaped(action.help or '')} |\n" for action in actions]
    return "".join(["| | |\n|---|---|\n", *rows])


def _spelled(action: argparse.Action) -> str:
    if not action.option_strings:
        return f"`{action.metavar or action.dest}`"
    value = ""
    if action.nargs != 0:
        value = " " + (str(action.metavar) if action.metavar else _choices(action))
    return ", ".join(f"`{option}{value}`" for option in action.option_strings)


def _choices(action: argparse.Action) -> str:
    return "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(reference())
