"""``blast tool run``: a command-line tool with distributions of its own, in a view of the store (decision 29)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from blast_core.errors import InvalidManifest, UsageError
from blast_core.requirements import parse_requirement
from blast_project.env_files import program_variables
from blast_project.environment.generations import current_number
from blast_project.environment.layout import python_path
from blast_project.environment.leases import hold_generation
from blast_project.no_env.starting import tool_place
from blast_project.project_tools import find_project_tool, prepare_project_tool
from blast_project.running import command_line, environment_variables
from blast_project.tool_answer_keeping import ToolFind
from blast_project.tool_pins import find_pins, keep_pins, pins_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blast_project.session import Session

__all__ = ["ToolRun", "prepare_tool"]

_SCRIPTS, _SUFFIX = ("Scripts", ".exe") if os.name == "nt" else ("bin", "")
_NAME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."


class ToolRun(NamedTuple):
    """A tool to be run.

    Attributes:
        words: the command and its arguments; ``name@version`` pins the distribution, ``name@latest`` asks anew.
        from_: the requirement that brings the command, where its name is another.
        with_: further requirements.
        with_requirements: files of such.
        with_editable: directories.
        isolated: pass by an installed tool.
        extras: of the distribution that brings the command.
        env_files: absolute paths of files of variables.
        use_env_files: read those that the project around names, too.
    """

    words: tuple[str, ...]
    from_: str = ""
    with_: tuple[str, ...] = ()
    with_requirements: tuple[str, ...] = ()
    with_editable: tuple[str, ...] = ()
    isolated: bool = False
    extras: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    use_env_files: bool = True

    @property
    def is_special(self) -> bool:
        """Whether an installed tool would not be what is asked for."""
        return self.isolated or bool(self.with_ or self.with_requirements or self.with_editable or self.extras)


def prepare_tool(session: Session, request: ToolRun, find: ToolFind | None = None) -> tuple[list[str], dict[str, str]]:
    """Return the program with its arguments, and its variables, for a tool and what follows it.

    An installed tool is run where it is installed, unless another version, or something besides, is asked for.

    Args:
        session: services.
        request: what was typed.
        find: gets what is found out on the way.

    Raises:
        UsageError: the distribution has no such command.
        NoSolution, IndexAccessError: it can't be had.
    """
    from blast_project.tool_asking import split_version

    find = find or ToolFind()
    word = request.words[0]
    command, version = word.partition("@")[0], split_version(word)[1]
    requirement = request.from_ or split_version(word)[0]
    if not request.from_:
        # As written: a command is not normalised as a project's name is.
        command = command[: len(command) - len(command.lstrip(_NAME))]
        parse_requirement(requirement)
        if not version and requirement == command and not request.is_special:
            pinned = find_project_tool(session.settings, command)
            if pinned is not None:
                find.project = pinned[0]
                found = prepare_project_tool(session, *pinned)
                return _line(session, found, command, request, pinned[1].requirement, find)
            installed = _installed(session, command)
            if installed:
                return _line(session, installed, command, request, requirement, find)
    interpreter = find.interpreter = session.find_interpreter()
    asked = [
        _with_extras(requirement, request.extras),
        *request.with_,
        *_lines_of(session, request),
        *(f"-e {path}" for path in request.with_editable),
    ]
    pins = find.pins = pins_path(session, interpreter, asked)
    known = {} if session.settings.refresh or version == "latest" else find_pins(pins)
    environment = tool_place(session, interpreter, asked, known)
    keep_pins(pins, asked, environment)
    return _line(session, environment, command, request, requirement, find)


def _line(
    session: Session, environment: str, command: str, request: ToolRun, requirement: str, find: ToolFind
) -> tuple[list[str], dict[str, str]]:
    """Return the program with its arguments, and its variables: those that the project around says are among them."""
    find.environment, find.command = environment, command
    hold_generation(environment, current_number(environment))
    variables = _variables(session, environment, request, find)
    try:
        return command_line(environment, [command, *request.words[1:]], ""), variables
    except UsageError as error:
        own = ("python", "activate", "deactivate", "pydoc")
        scripts = os.path.join(environment, _SCRIPTS)
        there = sorted(name for name in os.listdir(scripts) if not name.lower().startswith(own))
        raise UsageError(
            f"'{requirement}' brings no command '{command}'",
            reason=f"its environment has {', '.join(there) or 'no command'}",
            hint=f"'blast tool run --from {requirement} COMMAND' runs a command of another name",
        ) from error


def _variables(session: Session, environment: str, request: ToolRun, find: ToolFind) -> dict[str, str]:
    """Return the variables of a tool; those that the project around says are among them.

    Raises:
        UsageError: a file of variables is wrong.
    """
    from blast_project.project import find_root, load_project

    settings = session.settings
    root = find_root(settings.directory, settings.home)
    tool: Mapping[str, object] = {}
    if root is not None:
        try:
            tool = load_project(settings.directory, settings.home).manifest.tool
        except InvalidManifest:
            # A tool may be what mends it.
            root = None
    find.has_variables = "env" in tool or "env-file" in tool
    variables = environment_variables(environment, settings.program_environ)
    uses = request.use_env_files
    return program_variables(variables, root or settings.directory, tool, request.env_files, use_files=uses)


def _with_extras(requirement: str, extras: tuple[str, ...]) -> str:
    """Return a requirement with extras added to those that it has.

    Raises:
        UsageError: it is an address, whose name is not known yet.
    """
    if not extras:
        return requirement
    from blast_core.requirements import format_requirement
    from blast_project.asking import parse_asked

    asked = parse_asked(requirement)
    if not asked.is_named:
        raise UsageError(
            f"'{requirement}' is an address without a name", hint=f"'--from \"NAME[{','.join(extras)}] @ ADDRESS\"'"
        )
    parsed = asked.requirement
    return format_requirement(parsed._replace(extras=tuple(sorted({*parsed.extras, *extras}))))


def _installed(session: Session, command: str) -> str:
    """Return the environment of the installed tool that has a command of this name; "" if none has."""
    from blast_core.names import normalize_name
    from blast_project.tool_receipts import find_tool, tool_path

    name = normalize_name(command)
    receipt = find_tool(session.settings, name)
    environment = tool_path(session.settings, name)
    if receipt is None or session.settings.python not in ("", session.settings.environ.get("BLAST_PYTHON")):
        return ""
    stands = os.path.exists(os.path.join(environment, _SCRIPTS, command + _SUFFIX))
    return environment if stands and os.path.exists(python_path(environment)) else ""


def _lines_of(session: Session, request: ToolRun) -> list[str]:
    if not request.with_requirements:
        return []
    from blast_project.requirement_files import read_lines

    return read_lines(session.settings, request.with_requirements)
