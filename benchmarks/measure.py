"""How one process is measured: from ``posix_spawn`` to its end, by ``wait4``."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Command", "CommandFailed", "Sample", "measure"]

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


def measure(command: Command, *, settle: bool = False) -> Sample:
    """Run ``command`` with its output thrown away and return what it took.

    Args:
        command: what to run.
        settle: write all dirty pages out first, for what creates many files.

    Raises:
        CommandFailed: it did not succeed; the text is what it prints when it is run again.
    """
    if settle:
        os.sync()
    quiet = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
    before = os.getcwd()
    os.chdir(command.directory)
    try:
        started = time.perf_counter_ns()
        process = os.posix_spawn(
            command.arguments[0], list(command.arguments), dict(command.environment), file_actions=quiet
        )
        _, status, usage = os.wait4(process, 0)
        ended = time.perf_counter_ns()
    finally:
        os.chdir(before)
    if status:
        raise CommandFailed(_explain(command, os.waitstatus_to_exitcode(status)))
    cpu = (usage.ru_utime + usage.ru_stime) * 1e3
    return Sample((ended - started) / 1e6, cpu, usage.ru_maxrss * _RSS_UNIT)


def _explain(command: Command, code: int) -> str:
    again = subprocess.run(
        command.arguments,
        cwd=command.directory,
        env=command.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    line = " ".join(command.arguments)
    return f"in {command.directory}: {line}\nended with status {code}; run again, {again.returncode}:\n{again.stdout}"
