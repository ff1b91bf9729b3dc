"""``blast tool run``: a command-line tool from an environment of its own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from blast_core.errors import UsageError
from blast_core.requirements import parse_requirement
from blast_project.ephemeral import ephemeral_environment
from blast_project.running import command_line, environment_variables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_project.session import Session

__all__ = ["prepare_tool"]

_NAME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."


def prepare_tool(
    session: Session, words: Sequence[str], from_: str, with_: Sequence[str]
) -> tuple[list[str], dict[str, str]]:
    """Return the program with its arguments, and its variables, for a tool and what follows it.

    Args:
        session: services.
        words: the command and its arguments; ``name@version`` pins the distribution.
        from_: the requirement that brings the command, where its name is another.
        with_: further requirements.

    Raises:
        UsageError: the distribution has no such command.
        NoSolution, IndexAccessError: it can't be had.
    """
    command, _, version = words[0].partition("@")
    requirement = from_ or (f"{command}=={version}" if version and version != "latest" else command)
    if not from_:
        # As written: a command is not normalised as a project's name is.
        command = command[: len(command) - len(command.lstrip(_NAME))]
        parse_requirement(requirement)
    interpreter = session.find_interpreter()
    environment = ephemeral_environment(session, interpreter, [requirement, *with_])
    scripts = os.path.join(environment, interpreter.scripts)
    variables = environment_variables(environment, session.settings.environ)
    try:
        return command_line(environment, [command, *words[1:]], ""), variables
    except UsageError as error:
        there = sorted(name for name in os.listdir(scripts) if not name.startswith(("python", "activate", "Activate")))
        raise UsageError(
            f"'{requirement}' brings no command '{command}'",
            reason=f"its environment has {', '.join(there) or 'no command'}",
            hint=f"'blast tool run --from {requirement} COMMAND' runs a command of another name",
        ) from error
