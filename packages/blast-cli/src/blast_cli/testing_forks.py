"""Helpers for tests: the command in forks of one process that has imported it already, killed or failed at operation N.

A process of its own costs 150 ms before it does anything, a fork 10 ms: tests that kill a command at a thousand places
take minutes instead of half an hour. What runs is the same: ``blast_cli.main.main`` with arguments, environment,
current directory and standard streams of its own, which ends by ``os._exit`` or SIGKILL.

    python -m blast_cli.testing_forks    answers jobs, one line of JSON each, until its standard input ends
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from blast_cli.testing import Blast

__all__ = ["ForkServer", "serve"]

_PATIENCE_S = 120.0
_BROKEN = 99


class ForkServer:
    """Runs commands in forks; a context manager."""

    def __init__(self) -> None:
        variables = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "blast_cli.testing_forks"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=variables,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def run(self, blast: Blast, *words: str, fault: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        """Run the command to its end, whatever its status.

        Args:
            blast: where, with which environment.
            words: the command's own.
            fault: as ``BLAST_FAULT`` takes it; it holds for this process alone, not for those that it starts.
            more: variables.

        Raises:
            AssertionError: it hangs; it was killed, with all that it started.
        """
        job = {
            "directory": str(blast.directory),
            "variables": blast.variables(**more),
            "function": "",
            "words": words,
            "fault": fault,
        }
        return self._ask(job)

    def call(
        self, blast: Blast, function: str, *arguments: str | int, fault: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Call a function such as ``blast_project.bytecode_process:main`` as `run` does a command; 0 if it returns."""
        job = {
            "directory": str(blast.directory),
            "variables": blast.variables(),
            "function": function,
            "words": arguments,
            "fault": fault,
        }
        return self._ask(job)

    def _ask(self, job: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        if not select.select([self._process.stdout], [], [], _PATIENCE_S)[0]:
            os.killpg(self._process.pid, signal.SIGKILL)
            message = f"{job['function']} {job['words']} hangs with {job['fault'] or 'no fault'}"
            raise AssertionError(message)
        code, out, err = json.loads(self._process.stdout.readline())
        return subprocess.CompletedProcess(job["words"], code, out, err)

    def do(self, blast: Blast, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the command, which must succeed."""
        done = self.run(blast, *words, **more)
        assert done.returncode == 0, f"blast {' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def count(self, blast: Blast, *words: str, **more: str) -> int:
        """Run the command, which must succeed, and return how many changes on disk it made."""
        done = self.do(blast, *words, BLAST_COUNT_OPERATIONS="1", **more)
        return int(next(line for line in done.stderr.splitlines() if line.startswith("operations: ")).split()[1])


def serve() -> None:
    """Answer jobs from standard input."""
    import blast_cli.application
    import blast_cli.main  # noqa: F401 - what every job needs

    for line in sys.stdin:
        job = json.loads(line)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as modules:
            child = os.fork()
            if not child:
                _become_command(job, out.fileno(), err.fileno(), modules.fileno())
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            texts = [_content(file) for file in (out, err)]
            for name in _content(modules).split():
                # The next job finds it imported.
                __import__(name)
        sys.stdout.write(json.dumps([code, *texts]) + "\n")
        sys.stdout.flush()


def _content(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode("utf-8", "replace"))


def _become_command(job: dict[str, Any], out: int, err: int, modules: int) -> None:
    """Run the command and end this process; does not return."""
    try:
        from blast_cli import main
        from blast_core import fs

        null = os.open(os.devnull, os.O_RDONLY)
        for number, fd in enumerate((null, out, err)):
            os.dup2(fd, number)
        os.environ.clear()
        os.environ.update(job["variables"])
        os.chdir(job["directory"])
        if not job["fault"]:
            _note_modules(main, modules)
        fs.set_fault(job["fault"] or None)
        if job["function"]:
            module, _, name = job["function"].partition(":")
            getattr(__import__(module, fromlist=[name]), name)(*job["words"])
            sys.stderr.write(f"operations: {fs.operations()}\n")
            main._leave(0)  # noqa: SLF001
        main.main(job["words"])
    except BaseException:  # noqa: BLE001 - told to who waits
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(_BROKEN)


def _note_modules(main: Any, modules: int) -> None:
    """Write down what was imported when the command ends."""
    before, leave = set(sys.modules), main._leave  # noqa: SLF001 - the last thing that a command does

    def note_and_leave(status: int) -> None:
        new = [name for name in sys.modules if name not in before and name.partition(".")[0] != "__mp_main__"]
        os.write(modules, "\n".join(new).encode())
        leave(status)

    main._leave = note_and_leave  # noqa: SLF001


if __name__ == "__main__":
    serve()
