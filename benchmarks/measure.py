"""How one process is measured: from ``posix_spawn`` to its end, by ``wait4``."""

from __future__ import annotations

import atexit
import functools
import marshal
import os
import subprocess
import sys
from typing import IO, TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Command", "CommandFailed", "Sample", "measure", "run_plainly"]

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Command(NamedTuple):
    """A program with its arguments, directory and whole environment."""

    arguments: Sequence[str]
    directory: Path
    environment: Mapping[str, str]


class Sample(NamedTuple):
    """One measured run: wall time, processor time of the process and its children, and peak memory."""

    wall_ms: float
    cpu_ms: float
    rss_bytes: int


class CommandFailed(Exception):
    """A measured program ended with a status other than 0."""


# A process inherits the peak memory of the process that spawns it, so that one must be small: a bare interpreter that
# imports nothing more. It reads and writes marshalled tuples.
_SPAWNER = """
import marshal, os, sys, time
given, taken = sys.stdin.buffer, sys.stdout.buffer
quiet = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
while True:
    try:
        arguments, directory, environment, settle = marshal.load(given)
    except EOFError:
        break
    if settle:
        os.sync()
    os.chdir(directory)
    started = time.perf_counter_ns()
    process = os.posix_spawn(arguments[0], arguments, environment, file_actions=quiet)
    _, status, usage = os.wait4(process, 0)
    ended = time.perf_counter_ns()
    marshal.dump((ended - started, status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss), taken)
    taken.flush()
"""


@functools.cache
def _start_spawner() -> tuple[IO[bytes], IO[bytes]]:
    """Start the process that spawns; it ends with this one, when its standard input does."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _SPAWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    atexit.register(lambda: (process.stdin and process.stdin.close(), process.wait()))
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


def measure(command: Command, *, settle: bool = False) -> Sample:
    """Run ``command`` with its output thrown away and return what it took.

    Args:
        command: what to run.
        settle: write all dirty pages out first, for what creates many files.

    Raises:
        CommandFailed: it did not succeed; the text is what it prints when it is run again.
    """
    to_spawner, from_spawner = _start_spawner()
    marshal.dump((list(command.arguments), str(command.directory), dict(command.environment), settle), to_spawner)
    to_spawner.flush()
    wall_ns, status, cpu_s, peak = marshal.load(from_spawner)  # noqa: S302 - our own process wrote it
    if status:
        raise CommandFailed(_explain(command, os.waitstatus_to_exitcode(status)))
    return Sample(wall_ns / 1e6, cpu_s * 1e3, peak * _RSS_UNIT)


def run_plainly(command: Command) -> subprocess.CompletedProcess[str]:
    """Run a command without measuring it, whatever its status; standard error is in its output."""
    return subprocess.run(
        command.arguments,
        cwd=command.directory,
        env=command.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _explain(command: Command, code: int) -> str:
    again = run_plainly(command)
    line = " ".join(command.arguments)
    return f"in {command.directory}: {line}\nended with status {code}; run again, {again.returncode}:\n{again.stdout}"
