"""Running a command in an environment: the same variables as an activated one, then exec."""

from __future__ import annotations

import os
import sys

from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

__all__ = ["command_line", "environment_variables", "replace_process"]

_SCRIPTS = "Scripts" if os.name == "nt" else "bin"
_SUFFIXES = (".exe", ".cmd", ".bat", "") if os.name == "nt" else ("",)


def environment_variables(environment: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a program in ``environment``: as after activating it, PYTHONHOME removed."""
    variables = dict(environ)
    variables["VIRTUAL_ENV"] = environment
    scripts = os.path.join(environment, _SCRIPTS)
    path = variables.get("PATH", "")
    variables["PATH"] = f"{scripts}{os.pathsep}{path}" if path else scripts
    variables.pop("PYTHONHOME", None)
    return variables


def command_line(environment: str, words: Sequence[str], path: str, directory: str = "") -> list[str]:
    """Return what to execute for ``words``: an absolute program and its arguments.

    Args:
        environment: the environment.
        words: the command.
        path: the variable PATH.
        directory: in which it will run; "" for the current one.

    ``-m module`` and a file ending in ``.py`` are run by the environment's Python; another word is looked for among the
    environment's scripts first, then on ``path``. ``!name`` is a program's name, whatever it looks like.

    Raises:
        UsageError: there is no such command.
    """
    python = os.path.join(environment, _SCRIPTS, "python.exe" if os.name == "nt" else "python")
    first = words[0]
    if first.startswith("!"):
        return _program(environment, (first[1:], *words[1:]), path, directory)
    if first in {"-m", "-c", "-"}:
        return [python, *words]
    there = os.path.join(directory, first)
    if first.endswith((".py", ".pyw")) and os.path.isfile(there):
        return [python, *words]
    if os.sep in first and os.path.isdir(there) and os.path.isfile(os.path.join(there, "__main__.py")):
        return [python, *words]
    return _program(environment, words, path, directory)


def _program(environment: str, words: Sequence[str], path: str, directory: str) -> list[str]:
    first = words[0]
    if os.sep in first:
        return [os.path.join(directory, first), *words[1:]]
    # An empty part of PATH means the current directory to a shell. Not here: it may be a stranger's checkout.
    for place in (os.path.join(environment, _SCRIPTS), *filter(None, path.split(os.pathsep))):
        for suffix in _SUFFIXES:
            candidate = os.path.join(place, first + suffix)
            if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
                return [candidate, *words[1:]]
    own = os.path.join(environment, _SCRIPTS, first)
    if os.path.isfile(own):
        raise UsageError(
            f"'{first}' can't be run",
            reason=f"Permission denied: {own}; it is no program, or its disk is mounted so that it runs none",
            hint="BLAST_PROJECT_ENVIRONMENT names another place; 'blast run -m' needs no script",
        )
    raise UsageError(
        f"there is no command '{first}'",
        reason=f"neither the environment {environment} nor PATH has it",
        hint=f"'blast add' the project that brings it, or run a module with 'blast run -m {first}'",
    )


def replace_process(line: Sequence[str], variables: Mapping[str, str]) -> NoReturn:
    """Become the program; on Windows, where that is not possible, run it and end with its status.

    Raises:
        UsageError: the operating system can't start it.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        if os.name == "nt":
            status = os.spawnve(os.P_WAIT, line[0], list(line), dict(variables))  # noqa: S606 - as below
            os._exit(status)
        os.execve(line[0], list(line), dict(variables))  # noqa: S606 - becoming the user's command is the purpose
    except OSError as error:
        raise UsageError(
            f"'{line[0]}' can't be started",
            reason=error.strerror or str(error),
            hint="check that the file is executable and its first line names a program that exists",
        ) from error
