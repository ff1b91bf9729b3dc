"""What a word of a command line may become: commands, options, and names that the project, the lock or tools give.

A shell's own script (`blast_cli.completion_scripts`) asks ``blast __complete -- WORDS`` with the words up to the
cursor, the last of them unfinished, and gets a line for each candidate: the word, a tab, what it is. A line ``:files``
or ``:directories`` leaves the rest to the shell. Nothing is ever printed about errors: a completion that fails is none.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from blast_cli.catalog import COMMANDS, GROUPS, Command, find_command

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from blast_compat.pyproject import Manifest

__all__ = ["Candidate", "candidates", "print_candidates"]

# Words that tell the shell to complete paths itself.
_FILES, _DIRECTORIES = ":files", ":directories"
# Options of every command that take a value: they may stand before the command.
_WITH_VALUE = frozenset(("--project", "--color", "-p", "--python"))
# Shells take what is completed as typed: a word of somebody's manifest or checkout that means more than itself is none.
_MEANINGFUL = frozenset(" \"'`$&|;<>(){}[]*?!\\#~^")
# After these the words are another program's.
_RUNS = frozenset(("run", "tool run"))


class Candidate(NamedTuple):
    """A word and what it is, in a few words."""

    word: str
    help: str = ""


class _Place(NamedTuple):
    """Where names are looked up."""

    directory: str
    home: str


def print_candidates(words: Sequence[str]) -> int:
    """Print the candidates for the last of ``words`` and return the exit status."""
    import sys

    given = words[1:] if words[:1] == ["--"] else words
    try:
        found = candidates(list(given) or [""])
    except Exception:  # noqa: BLE001 - a broken manifest or an unreadable store is nothing to tell while somebody types
        return 0
    rows = [(row.word, _in_a_line(row.help)) for row in found if _is_plain(row.word)]
    sys.stdout.write("".join(f"{word}\t{text}\n" if text else f"{word}\n" for word, text in rows))
    return 0


def _is_plain(word: str) -> bool:
    return word.isprintable() and _MEANINGFUL.isdisjoint(word)


def _in_a_line(text: str) -> str:
    """Return a text without what moves a terminal's cursor."""
    return text if text.isprintable() else "".join(sign if sign.isprintable() else " " for sign in text)


def candidates(words: Sequence[str]) -> list[Candidate]:
    """Return what the last of ``words`` may become, those that begin as it does, in the order to show them."""
    *before, unfinished = _joined(words)
    begin = 0
    while begin < len(before) and before[begin].startswith("-"):
        begin += 2 if before[begin] in _WITH_VALUE else 1
    command, used = find_command(before[begin:])
    if command is None:
        return _matching(_commands(before[begin:], unfinished), unfinished)
    return _of_command(command, before[begin + used :], unfinished)


def _joined(words: Sequence[str]) -> list[str]:
    """Return the words with those put together that bash takes apart at ``=``."""
    joined: list[str] = []
    for number, word in enumerate(words):
        is_sign = word == "=" and joined and joined[-1].startswith("--")
        follows = number > 1 and words[number - 1] == "=" and joined and joined[-1].endswith("=")
        if is_sign or follows:
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def _commands(before: Sequence[str], unfinished: str) -> Iterator[Candidate]:
    """Yield the commands, or those of the group that was begun."""
    if unfinished.startswith("-"):
        yield Candidate("--version", "print the version")
        yield Candidate("--help", "list the commands")
        return
    group = before[0] if before and before[0] in GROUPS else ""
    if before and not group:
        return
    for name, text in GROUPS.items() if not group else ():
        yield Candidate(name, text)
    for command in COMMANDS:
        first, _, rest = command.name.partition(" ")
        if group and first == group:
            yield Candidate(rest, command.help)
        elif not group and not rest:
            yield Candidate(command.name, command.help)


def _of_command(command: Command, before: Sequence[str], unfinished: str) -> list[Candidate]:
    from blast_cli.parsing import make_parser

    module = __import__(f"blast_cli.commands.{command.module}", fromlist=["configure"])
    actions = make_parser(command, module.configure)._actions  # noqa: SLF001 - argparse has no other way to walk them
    options = {name: action for action in actions for name in action.option_strings}
    place = _place_of(before)
    name, sign, value = unfinished.partition("=")
    if sign and name in options and _takes_value(options[name]):
        found = _values(command, options[name], place)
        return [Candidate(f"{name}={row.word}", row.help) for row in _matching(found, value) if row.word[:1] != ":"]
    waiting, count, is_program = _read(command, before, options)
    if is_program:
        return [Candidate(_FILES)]
    if waiting is not None:
        return _matching(_values(command, waiting, place), unfinished)
    if unfinished.startswith("-"):
        return _matching(_options(actions, before), unfinished)
    positional = [action for action in actions if not action.option_strings]
    if not positional:
        return []
    action = positional[min(count, len(positional) - 1)]
    if count >= len(positional) and action.nargs not in ("*", "+"):
        return []
    return _matching(_values(command, action, place), unfinished)


def _place_of(before: Sequence[str]) -> _Place:
    from blast_core.home import find_home

    directory = os.getcwd()
    for number, word in enumerate(before):
        if word == "--project" and number + 1 < len(before):
            directory = os.path.abspath(before[number + 1])
    return _Place(directory, find_home(os.environ))


def _read(
    command: Command, before: Sequence[str], options: dict[str, argparse.Action]
) -> tuple[argparse.Action | None, int, bool]:
    """Return the option whose value comes next, how many plain words came, and whether a program's words follow."""
    waiting: argparse.Action | None = None
    count = 0
    for word in before:
        if waiting is not None:
            waiting = None
        elif word == "--":
            continue
        elif word.startswith("-") and not (command.name in _RUNS and count):
            name, sign, _ = word.partition("=")
            action = options.get(name)
            waiting = action if action is not None and not sign and _takes_value(action) else None
        else:
            count += 1
    return waiting, count, command.name in _RUNS and count > 0


def _takes_value(action: argparse.Action) -> bool:
    return action.nargs != 0


def _options(actions: Iterable[argparse.Action], before: Sequence[str]) -> Iterator[Candidate]:
    """Yield the options that were not given yet, or may be again, each by its longest name first."""
    import argparse

    for action in actions:
        again = isinstance(action, argparse._AppendAction | argparse._CountAction)  # noqa: SLF001
        if not action.option_strings or (not again and set(action.option_strings) & set(before)):
            continue
        if action.help == argparse.SUPPRESS:
            continue
        yield from (Candidate(name, action.help or "") for name in action.option_strings if name.startswith("--"))


def _values(command: Command, action: argparse.Action, place: _Place) -> Iterable[Candidate]:
    """Return what an option or a plain word may be."""
    if action.choices is not None:
        return [Candidate(str(choice)) for choice in action.choices]
    source = _SOURCES.get((command.name, action.dest)) or _SOURCES.get(("", action.dest))
    if source is not None:
        return source(place)
    metavar = str(action.metavar or "")
    if metavar in ("FILE", "SCRIPT", "WHEEL") or action.dest in ("dpp", "wheel", "file", "files"):
        return [Candidate(_FILES)]
    if metavar in ("DIR", "DIRECTORY") or action.dest in ("path", "directory"):
        return [Candidate(_DIRECTORIES)]
    return [Candidate(_FILES)] if metavar in ("REQ", "SOURCE") else []


def _groups(place: _Place) -> list[Candidate]:
    return [Candidate(name, "dependency group") for name in sorted(_manifest(place).groups)]


def _extras(place: _Place) -> list[Candidate]:
    return [Candidate(name, "extra") for name in sorted(_manifest(place).optional_dependencies)]


def _required(place: _Place) -> list[Candidate]:
    """Return the names that the manifest requires."""
    from blast_core.requirements import parse_requirement

    manifest = _manifest(place)
    lists = (manifest.dependencies, *manifest.optional_dependencies.values(), *manifest.groups.values())
    rows = {parse_requirement(line).name: line for lines in lists for line in lines}
    return [Candidate(name, line) for name, line in sorted(rows.items())]


def _locked(place: _Place) -> list[Candidate]:
    from blast_core.formats.dpl.reader import DplLockFile
    from blast_project.project import LOCK_NAME, load_project

    lock = DplLockFile.open(os.path.join(load_project(place.directory, place.home).root, LOCK_NAME))
    try:
        return [Candidate(package.name, package.version) for package in lock.packages()]
    finally:
        lock.close()


def _packages(place: _Place) -> list[Candidate]:
    from blast_project.project import load_project

    project = load_project(place.directory, place.home)
    rows = project.workspace.places if project.workspace is not None else ((project.name, "."),)
    return [Candidate(name, path) for name, path in rows]


def _tasks(place: _Place) -> list[Candidate]:
    from blast_project.tasks.finding import task_names

    return [Candidate(name, text or "task") for name, text in task_names(place.directory, place.home)]


def _runnable(place: _Place) -> list[Candidate]:
    """Return tasks, programs of the environment, and paths."""
    from blast_core.errors import BlastError
    from blast_project.project import find_root

    try:
        found = _tasks(place)
    except BlastError:
        # Programs are there, whatever the manifest says.
        found = []
    root = find_root(place.directory)
    programs = os.path.join(root or place.directory, ".venv", "Scripts" if os.name == "nt" else "bin")
    names = sorted(os.listdir(programs)) if os.path.isdir(programs) else []
    shown = (name for name in names if not name.lower().startswith(("activate", "deactivate")))
    return [*found, *(Candidate(name, "program") for name in shown), Candidate(_FILES)]


def _tools(place: _Place) -> list[Candidate]:
    from blast_project.settings import Settings
    from blast_project.tool_receipts import list_tools

    rows = list_tools(Settings(place.directory, place.home, os.environ))
    return [Candidate(name, receipt.version if receipt is not None else "") for name, receipt in rows]


def _generations(place: _Place) -> list[Candidate]:
    from blast_project.environment.manager import VenvManager
    from blast_project.project import find_root

    root = find_root(place.directory) or place.directory
    environment = os.path.join(root, os.environ.get("BLAST_PROJECT_ENVIRONMENT") or ".venv")
    return [Candidate(str(row.number), row.command) for row in reversed(VenvManager(environment).history())]


def _interpreters(place: _Place) -> list[Candidate]:
    from blast_project.python.discover import iter_interpreters

    versions = {}
    for path in iter_interpreters(os.environ, place.home):
        name = os.path.basename(path).removesuffix(".exe").removeprefix("python")
        if name.count(".") == 1:
            versions[name] = path
    return [Candidate(name, path) for name, path in sorted(versions.items())] + [Candidate(_FILES)]


def _manifest(place: _Place) -> Manifest:
    from blast_project.project import edited_manifest, load_project

    return edited_manifest(load_project(place.directory, place.home))


def _runnable_tools(place: _Place) -> list[Candidate]:
    """Return the tools that the project pins, and those that are installed."""
    from blast_core.errors import BlastError

    try:
        pinned = _manifest(place).tool.get("tools", {})
    except BlastError:
        # Not in a project.
        pinned = {}
    return [*(Candidate(name, "of this project") for name in pinned), *_tools(place)]


_SOURCES: dict[tuple[str, str], Callable[[_Place], list[Candidate]]] = {
    ("", "group"): _groups,
    ("", "no_group"): _groups,
    ("", "only_group"): _groups,
    ("", "to_group"): _groups,
    ("", "extra"): _extras,
    ("", "optional"): _extras,
    ("", "no_extra"): _extras,
    ("", "upgrade_package"): _locked,
    ("", "upgrade_group"): _groups,
    ("", "reinstall_package"): _locked,
    ("", "no_install_package"): _locked,
    ("", "no_editable_package"): _locked,
    ("", "no_emit_package"): _locked,
    ("", "python"): _interpreters,
    ("build", "package"): _packages,
    ("version", "package"): _packages,
    ("tree", "package"): _locked,
    ("tree", "prune"): _locked,
    ("export", "prune"): _locked,
    ("remove", "names"): _required,
    ("why", "name"): _locked,
    ("lock show", "name"): _locked,
    ("outdated", "names"): _locked,
    ("rollback", "number"): _generations,
    ("diff", "before"): _generations,
    ("diff", "after"): _generations,
    ("run", "words"): _runnable,
    ("task", "words"): _tasks,
    ("tool run", "words"): _runnable_tools,
    ("tool upgrade", "names"): _tools,
    ("tool uninstall", "names"): _tools,
}


def _matching(found: Iterable[Candidate], unfinished: str) -> list[Candidate]:
    return [row for row in found if row.word.startswith(unfinished) or row.word in (_FILES, _DIRECTORIES)]
