"""From the words of ``blast tool install`` to a receipt: which distribution is meant, and what is to come with it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from blast_core.errors import UsageError
from blast_core.names import normalize_name
from blast_core.requirements import format_requirement, parse_requirement
from blast_project.tool_options import recorded_options
from blast_project.tool_receipts import Receipt

if TYPE_CHECKING:
    from blast_core.reporter import Reporter
    from blast_project.settings import Settings

__all__ = ["ToolWords", "read_request", "split_version"]


class ToolWords(NamedTuple):
    """What was typed.

    Attributes:
        tool: the tool.
        editable: it is a directory, to be installed as editable.
        extra: further requirements.
        extra_files: files of such.
        extra_editables: directories.
        constraints: files with limits.
        overrides: files with requirements that replace others.
        sources: further distributions whose programs are meant.
    """

    tool: str
    editable: bool = False
    extra: tuple[str, ...] = ()
    extra_files: tuple[str, ...] = ()
    extra_editables: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


def split_version(word: str) -> tuple[str, str]:
    """Return the requirement that ``name``, ``name@1.2`` or ``name@latest`` stands for, and that version.

    An address (``name @ https://…``, ``git+…@tag``, a path) stays as it is.
    """
    name, sign, version = word.partition("@")
    if not sign or " " in word or "/" in word or os.sep in word or not version:
        return word, ""
    return (name, "latest") if version == "latest" else (f"{name}=={version}", version)


def read_request(settings: Settings, reporter: Reporter, words: ToolWords) -> Receipt:
    """Return what is asked for, with paths made absolute and files read, so that it holds wherever it is read again.

    Args:
        settings: what the user set; its directory is where paths start, its interpreter that of the tool.
        reporter: is told when an address has to be read for its name.
        words: what was typed.

    Raises:
        InvalidRequirement, UsageError: a word is no requirement.
        IndexAccessError, BuildFailed: an address can't be read.
    """
    line = _absolute(split_version(words.tool)[0], settings.directory)
    from blast_project.requirement_files import read_lines

    lines = [*words.extra, *read_lines(settings, words.extra_files), *words.sources]
    editables = tuple(_directory(settings, path) for path in words.extra_editables)
    return Receipt(
        name=_name_of(settings, reporter, line),
        requirement=line,
        extra=tuple(dict.fromkeys(_absolute(each, settings.directory) for each in lines)),
        editables=(line, *editables) if words.editable else editables,
        constraints=tuple(read_lines(settings, words.constraints)),
        overrides=tuple(read_lines(settings, words.overrides)),
        # The variable says what is taken where nothing is asked for; it is no wish for this tool.
        python=settings.python if settings.python != settings.environ.get("BLAST_PYTHON", "") else "",
        sources=tuple(dict.fromkeys(parse_requirement(source).name for source in words.sources)),
        options=recorded_options(settings),
    )


def _directory(settings: Settings, path: str) -> str:
    found = os.path.normpath(os.path.join(settings.directory, path))
    if not os.path.isdir(found):
        raise UsageError(f"{path}: there is no such directory", hint="only a source tree can be editable")
    return found


def _absolute(line: str, directory: str) -> str:
    """Return a requirement whose path, if it is one, starts at the root."""
    from blast_project.asking import parse_asked

    head = line.partition("[")[0].strip()
    if os.path.exists(os.path.join(directory, head)) and (os.sep in head or head in (".", "..")):
        return os.path.normpath(os.path.join(directory, head)) + line[len(line.partition("[")[0]) :]
    asked = parse_asked(line, directory)
    return format_requirement(asked.requirement) if asked.is_named else line


def _name_of(settings: Settings, reporter: Reporter, line: str) -> str:
    from blast_project.asking import name_requirements, open_loader, parse_asked
    from blast_project.session import Session

    asked = parse_asked(line, settings.directory)
    if asked.is_named:
        return normalize_name(asked.requirement.name)
    with Session(settings, reporter) as session:
        loader = open_loader(session, session.find_interpreter(), [asked])
        (requirement,) = name_requirements(loader, [asked])
    return normalize_name(requirement.name)
