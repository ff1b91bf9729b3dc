"""``run --watch``: a program is started again whenever a file below the directory changes."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from blast_project.tasks.execution import cannot_start, exit_status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    # The program with its arguments, and its variables.
    Line = tuple[Sequence[str], Mapping[str, str]]

__all__ = ["run_again_on_changes"]

_PATIENCE_S = 5.0
# Of changes that come together, one start.
_QUIET_MS = 100


def run_again_on_changes(directory: str, prepare: Callable[[], Line], say: Callable[[str], None]) -> int:
    """Run a program again and again until somebody interrupts it; return 130.

    Args:
        directory: what is watched; environments, caches and repositories below it are not.
        prepare: makes the environment right and returns what to run.
        say: told what happens.

    Raises:
        UsageError: the program can't be started the first time.
    """
    from watchfiles import DefaultFilter, watch

    child = _start(prepare())
    changes = watch(
        directory, watch_filter=DefaultFilter(), step=_QUIET_MS, rust_timeout=_QUIET_MS * 2, yield_on_timeout=True
    )
    told = False
    try:
        for batch in changes:
            if not batch:
                if child.poll() is not None and not told:
                    say(f"ended with {exit_status(child.returncode)}; waiting for changes")
                    told = True
                continue
            names = sorted(os.path.relpath(path, directory) for _, path in batch)
            say(f"{names[0]} changed" + (f", and {len(names) - 1} more" if len(names) > 1 else "") + "; starting again")
            _end(child)
            child = _start(prepare())
            told = False
    except KeyboardInterrupt:
        pass
    finally:
        _end(child)
    return 130


def _start(line: Line) -> subprocess.Popen[bytes]:
    words, variables = line
    try:
        return subprocess.Popen(list(words), env=dict(variables))
    except OSError as error:
        raise cannot_start(words, error) from error


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            child.kill()
    child.wait()
