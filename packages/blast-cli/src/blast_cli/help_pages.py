"""``blast -h`` and ``blast GROUP -h``: what there is, in the width of the terminal."""

from __future__ import annotations

import os
import sys

from blast_cli.catalog import COMMANDS, GROUPS

__all__ = ["SECTIONS", "group_help", "overview", "usage_width"]

#: The commands that belong to no group, under titles.
SECTIONS = (
    ("Projects", ("init", "add", "remove", "lock", "sync", "install", "run", "task", "shell")),
    ("Questions about a project", ("tree", "why", "outdated", "lock show", "export")),
    ("Back and forth", ("undo", "redo", "rollback", "history", "diff")),
    ("Releases", ("version", "build", "publish")),
    ("This machine", ("venv", "hook", "completions", "help")),
)
_HELP_OF_HELP = "Explain a command"
# Wider lines are hard to read, however wide the terminal is.
_WIDEST = 100
# Where there is no terminal.
_USUAL = 80


def usage_width() -> int:
    """Return the columns that help may take."""
    return max(min(_columns(), _WIDEST) - 2, 20)


def _columns() -> int:
    """Return the columns of the terminal as `shutil.get_terminal_size` does, whose module imports four others."""
    said = os.environ.get("COLUMNS", "")
    if said.isascii() and said.isdigit() and int(said):
        return int(said)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or _USUAL  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return _USUAL


def overview() -> str:
    """Return what ``blast -h`` prints."""
    helps = {command.name: command.help for command in COMMANDS} | {"help": _HELP_OF_HELP}
    parts = [_wrapped("Blast: packages, projects and environments for Python"), "Usage: blast COMMAND [OPTIONS]\n"]
    parts += [f"{title}:\n{_table([(name, helps[name]) for name in names])}" for title, names in SECTIONS]
    parts.append(f"Groups of commands:\n{_table([(name, _described(name)) for name in GROUPS])}")
    parts.append(_wrapped("'blast help COMMAND' explains a command or a group; 'blast --version' prints the version."))
    return "\n".join(parts)


def group_help(group: str) -> str:
    """Return what ``blast GROUP -h`` prints."""
    rows = [(command.name, command.help) for command in COMMANDS if command.name.startswith(f"{group} ")]
    end = _wrapped(f"'blast help {group} COMMAND' explains a command.")
    return f"{GROUPS[group]}\n\nUsage: blast {group} COMMAND [OPTIONS]\n\nCommands:\n{_table(rows)}\n{end}"


def _described(group: str) -> str:
    words = [command.name.partition(" ")[2] for command in COMMANDS if command.name.startswith(f"{group} ")]
    return f"{GROUPS[group]}: {', '.join(words)}"


def _table(rows: list[tuple[str, str]]) -> str:
    width = usage_width()
    column = max(len(name) for name, _ in rows) + 4
    if width - column < 24:
        # A narrow terminal: what it does stands below the name.
        return "".join(f"  {name}\n{_wrapped(text, '      ')}" for name, text in rows)
    return "".join(f"{f'  {name}':<{column}}{_wrapped(text, ' ' * column).lstrip()}" for name, text in rows)


def _wrapped(text: str, indent: str = "") -> str:
    """Return a text in lines of the terminal's width; `textwrap` would import `re`, and break names at hyphens."""
    width, lines = usage_width(), [""]
    for word in text.split():
        if lines[-1] and len(indent) + len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] += f" {word}" if lines[-1] else word
    return "".join(f"{indent}{line}\n" for line in lines)
