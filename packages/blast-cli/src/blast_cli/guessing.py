"""What somebody probably meant who typed a command, an option or a word that there is not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from blast_cli.catalog import COMMANDS, GROUPS
from blast_core.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

__all__ = ["unknown_command", "usage_error"]

# What other tools call it.
_ELSEWHERE = {
    "uninstall": "remove",
    "rm": "remove",
    "delete": "remove",
    "new": "init",
    "create": "init",
    "update": "lock --upgrade",
    "upgrade": "lock --upgrade",
    "up": "lock --upgrade",
    "list": "pip list",
    "ls": "pip list",
    "show": "pip show",
    "freeze": "pip freeze",
    "check": "lock --check",
    "compile": "pip compile",
    "exec": "run",
    "x": "tool run",
    "tools": "tool list",
    "use": "python pin",
    "pythons": "python list",
    "envs": "env list",
    "activate": "shell",
    "doctor": "self doctor",
    "prune": "cache prune",
    "clean": "cache gc",
    "gc": "cache gc",
    "upload": "publish",
    "tasks": "task",
    "settings": "config list",
}
# Words of one meaning within a group of commands.
_SAME = (
    ("uninstall", "remove", "rm", "delete", "clear", "clean"),
    ("list", "ls", "all"),
    ("install", "add"),
    ("upgrade", "update", "up"),
    ("dir", "path", "where", "root"),
    ("run", "exec", "x"),
    ("find", "which"),
    ("pin", "use", "local", "global"),
    ("size", "du", "usage"),
)
_UNKNOWN = re.compile(r"unrecognized arguments: (.*)", re.DOTALL)
_NO_VALUE = re.compile(r"argument (.+): expected (?:one|at least one) argument")
_NO_CHOICE = re.compile(r"argument (.+): invalid choice: '(.*)' \(choose from (.+)\)", re.DOTALL)
_MISSING = re.compile(r"the following arguments are required: (.+)")
_TOGETHER = re.compile(r"argument (.+): not allowed with argument (.+)")


def unknown_command(words: Sequence[str]) -> UsageError:
    """Return the error for words that begin with no command."""
    asked = " ".join(words[:2]) if words[0] in GROUPS else words[0]
    names = [command.name for command in COMMANDS]
    meant = ""
    if words[0] not in GROUPS:
        meant = _ELSEWHERE.get(asked, "") or _closest(asked, [*names, *GROUPS])
    elif len(words) > 1:
        inside = [name.partition(" ")[2] for name in names if name.startswith(f"{words[0]} ")]
        same = next((verbs for verbs in _SAME if words[1] in verbs), ())
        verb = next((verb for verb in inside if verb in same), "") or _closest(words[1], inside)
        meant = f"{words[0]} {verb}" if verb else ""
    otherwise = f"'blast {words[0]} -h' lists its commands" if words[0] in GROUPS else "'blast -h' lists the commands"
    return UsageError(f"there is no command '{asked}'", hint=f"did you mean 'blast {meant}'?" if meant else otherwise)


def usage_error(parser: argparse.ArgumentParser, message: str) -> UsageError:
    """Return what argparse complains about as an error of Blast's."""
    explains = f"'{parser.prog} -h' explains the command"
    if found := _UNKNOWN.fullmatch(message):
        return _unknown_words(parser, found[1], explains)
    if found := _NO_VALUE.fullmatch(message):
        return UsageError(f"{found[1]} wants a value", hint=explains)
    if found := _NO_CHOICE.fullmatch(message):
        choices = [choice.strip().strip("'\"") for choice in found[3].split(",")]
        close = _closest(found[2], choices)
        return UsageError(
            f"{found[1]} can't be '{found[2]}'",
            reason=f"it may be {', '.join(choices)}",
            hint=f"did you mean '{close}'?" if close else explains,
        )
    if found := _MISSING.fullmatch(message):
        return UsageError(f"{found[1]} is missing", hint=explains)
    if found := _TOGETHER.fullmatch(message):
        return UsageError(f"{found[1]} and {found[2]} exclude each other", hint="give one of them")
    return UsageError(message, hint=explains)


def _unknown_words(parser: argparse.ArgumentParser, text: str, explains: str) -> UsageError:
    words = text.split(" ")
    option = next((word for word in words if word.startswith("-")), "").partition("=")[0]
    if not option:
        many = "are more words" if len(words) > 1 else "is a word more"
        return UsageError(f"'{text}' {many} than '{parser.prog}' takes", hint=explains)
    known = [name for action in parser._actions for name in action.option_strings]  # noqa: SLF001 - no other way
    close = _closest(option, [name for name in known if name.startswith("--")]) if option.startswith("--") else ""
    return UsageError(
        f"'{parser.prog}' has no option '{option}'", hint=f"did you mean '{close}'?" if close else explains
    )


def _closest(word: str, known: Sequence[str]) -> str:
    import difflib

    return next(iter(difflib.get_close_matches(word, known, n=1, cutoff=0.65)), "")
