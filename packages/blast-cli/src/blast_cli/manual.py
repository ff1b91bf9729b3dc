"""Manual pages of all commands, made from the parsers themselves.

``python -m blast_cli.manual DIR`` writes ``DIR/man1/blast.1``, ``DIR/man1/blast-add.1`` and so on, which ``man`` finds
when ``DIR`` is in ``MANPATH``.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from blast_cli import __version__
from blast_cli.catalog import COMMANDS, GROUPS, Command
from blast_cli.help_format import usage_line
from blast_cli.help_pages import SECTIONS
from blast_cli.parsing import make_parser
from blast_core import fs

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

__all__ = ["command_page", "main_page", "write_manual"]

_EXIT = (
    ("0", "done"),
    ("1", "the thing asked for failed"),
    ("2", "wrong usage"),
    ("3", "network"),
    ("4", "integrity: a hash, a format"),
    ("5", "locked by another process"),
    ("130", "interrupted"),
)
_VARIABLES = (
    ("BLAST_HOME", "where the store is"),
    ("BLAST_INDEX_URL", "the index"),
    ("BLAST_OFFLINE", "1 for no network"),
    ("NO_COLOR", "no colours"),
    ("BLAST_*", "the default of any option: its name in capitals, such as BLAST_LINK_MODE"),
)


def write_manual(directory: str) -> tuple[str, ...]:
    """Write the pages below ``directory`` and return their paths."""
    section = os.path.join(directory, "man1")
    fs.make_directories(section)
    pages = {"blast.1": main_page()}
    pages.update((f"{_page_name(command)}.1", command_page(command)) for command in COMMANDS)
    for name, text in pages.items():
        fs.replace_file(os.path.join(section, name), text.encode(), durable=False)
    return tuple(os.path.join(section, name) for name in pages)


def main_page() -> str:
    """Return ``blast(1)``."""
    parts = [
        _head("blast"),
        _section("NAME", "blast \\- packages, projects and environments for Python\n"),
        _section("SYNOPSIS", ".B blast\n.I COMMAND\n[\\,OPTIONS\\/]\n"),
        ".SH COMMANDS\n",
    ]
    by_name = {command.name: command for command in COMMANDS}
    for title, names in SECTIONS:
        parts.append(f".SS {_escaped(title)}\n" + _rows(by_name[name] for name in names if name in by_name))
    for group, title in GROUPS.items():
        commands = [command for command in COMMANDS if command.name.startswith(f"{group} ")]
        parts.append(f".SS {_escaped(title)}\n" + _rows(commands))
    parts += [
        _section("EXIT STATUS", _definitions(_EXIT)),
        _section("ENVIRONMENT", _definitions(_VARIABLES)),
        _section("SEE ALSO", ",\n".join(f".BR {_page_name(command)} (1)" for command in COMMANDS[:8]) + "\n"),
    ]
    return "".join(parts)


def command_page(command: Command) -> str:
    """Return such as ``blast-add(1)``."""
    parser = make_parser(command, import_module(f"blast_cli.commands.{command.module}").configure)
    parts = [
        _head(_page_name(command)),
        _section("NAME", f"{_escaped(_page_name(command))} \\- {_escaped(_lowered(command.help))}\n"),
        _section("SYNOPSIS", f".B {_escaped(usage_line(parser))}\n"),
    ]
    for group in parser._action_groups:  # noqa: SLF001 - argparse offers no other way to walk them
        actions = group._group_actions  # noqa: SLF001 - as above
        if actions:
            title = {"positional arguments": "ARGUMENTS"}.get(group.title or "", (group.title or "options").upper())
            parts.append(_section(title, _definitions(_described(parser, actions))))
    parts.append(_section("SEE ALSO", ".BR blast (1)\n"))
    return "".join(parts)


def _described(parser: argparse.ArgumentParser, actions: Iterable[argparse.Action]) -> list[tuple[str, str]]:
    formatter = parser._get_formatter()  # noqa: SLF001 - what -h prints
    return [
        (formatter._format_action_invocation(action), formatter._expand_help(action) if action.help else "")  # noqa: SLF001
        for action in actions
    ]


def _page_name(command: Command) -> str:
    return f"blast-{command.name.replace(' ', '-')}"


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


def _head(name: str) -> str:
    return f'.TH "{_escaped(name.upper())}" 1 "" "blast {__version__}" "Blast"\n'


def _section(title: str, body: str) -> str:
    return f'.SH "{_escaped(title)}"\n{body}'


def _rows(commands: Iterable[Command]) -> str:
    return "".join(f".TP\n.BR {_escaped(_page_name(command))} (1)\n{_line(command.help)}" for command in commands)


def _definitions(rows: Iterable[tuple[str, str]]) -> str:
    return "".join(f".TP\n.B {_escaped(term)}\n{_line(text)}" for term, text in rows)


def _line(text: str) -> str:
    return f"{_escaped(text)}\n" if text else "\\&\n"


def _escaped(text: str) -> str:
    """Return text as roff reads it: hyphens that are copied as such, no line that begins a request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "\\|.\\|.\\|.")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


if __name__ == "__main__":
    for path in write_manual(sys.argv[1] if len(sys.argv) > 1 else "man"):
        sys.stdout.write(f"{path}\n")
