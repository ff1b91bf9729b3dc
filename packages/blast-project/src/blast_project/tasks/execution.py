"""Running a command of a step: what starts it, and what its end says.

A signal that ends Blast is passed on to what it runs.
"""

from __future__ import annotations

import os
import sys

from blast_core.errors import UsageError
from blast_core.tuples import NamedTuple
from blast_project.running import command_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from subprocess import Popen
    from types import FrameType

    from blast_project.tasks.freshness import Freshness
    from blast_project.tasks.planning import Step
    from blast_project.tasks.words import Command

__all__ = ["INTERRUPTED", "Execution", "cannot_start", "exit_status", "run_child", "start_line"]

_FORWARDED = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
# As shells say that Ctrl-C ended a program.
INTERRUPTED = 130


class Execution(NamedTuple):
    """How a plan is run.

    Attributes:
        environment: path of the environment whose programs are found first.
        freshness: knows what has nothing to do; None to run everything.
        jobs: how many steps may run at once.
        say: told which step runs, or has nothing to do.
        become: the last step may take this process's place.
    """

    environment: str
    freshness: Freshness | None
    jobs: int
    say: Callable[[str], None]
    become: Callable[[Sequence[str], Mapping[str, str], str], None] | None = None


def start_line(step: Step, command: Command, environment: str) -> tuple[list[str], dict[str, str]]:
    """Return the program with its arguments, and its variables.

    Raises:
        UsageError: there is no such command, or no such directory.
    """
    if not os.path.isdir(step.directory):
        raise UsageError(f"{step.label}: {step.directory} is no directory", reason="the task has it as its cwd")
    variables = {**step.variables, **dict(command.variables)}
    try:
        return command_line(environment, command.words, variables.get("PATH", ""), step.directory), variables
    except UsageError as error:
        raise UsageError(f"{step.label}: {error.message}", reason=error.reason, hint=error.hint) from error


def run_child(line: Sequence[str], variables: Mapping[str, str], directory: str) -> int:
    """Run a program in the foreground to its end, passing signals on, and return its exit status.

    Raises:
        UsageError: it can't be started.
    """
    import signal
    import subprocess

    sys.stdout.flush()
    sys.stderr.flush()
    try:
        child = subprocess.Popen(list(line), env=dict(variables), cwd=directory)
    except OSError as error:
        raise cannot_start(line, error) from error
    numbers = [getattr(signal, name) for name in _FORWARDED if hasattr(signal, name)]
    before = {number: signal.signal(number, _forward(child)) for number in numbers}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, _interrupt(child))
    try:
        return exit_status(child.wait())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def cannot_start(line: Sequence[str], error: OSError) -> UsageError:
    """Return the error of a program that the operating system doesn't start."""
    return UsageError(
        f"'{line[0]}' can't be started",
        reason=error.strerror or str(error),
        hint="check that the file is executable and its first line names a program that exists",
    )


def exit_status(code: int) -> int:
    """Return the exit status of a process as a shell gives it: 128 and the signal's number where one ended it."""
    return 128 - code if code < 0 else code


def _forward(child: Popen[bytes]) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, _: FrameType | None) -> None:
        child.send_signal(number)

    return handle


def _interrupt(child: Popen[bytes]) -> Callable[[int, FrameType | None], None]:
    """Return what to do on Ctrl-C: a terminal tells the child itself; nobody else does."""
    times = 0

    def handle(number: int, _: FrameType | None) -> None:
        nonlocal times
        times += 1
        if times > 1 or not _has_terminal():
            child.send_signal(number)

    return handle


def _has_terminal() -> bool:
    """Tell whether this process is in the foreground of a terminal, which sends its signals to all of the group."""
    if os.name == "nt":
        return True
    for stream in (0, 1, 2):
        try:
            return os.tcgetpgrp(stream) == os.getpgrp()
        except OSError:
            continue
    return False
