"""The process in the background that compiles what an environment links to, and completes the environment.

It says nothing to anybody. What goes wrong is one line in ``<home>/log/bytecode``, of which the newest are kept.
"""

from __future__ import annotations

import os
import time

from blast_core import fs
from blast_core.errors import BlastError, InstallError, InterpreterError

__all__ = ["LOG", "complete_generation", "main"]

#: Below the home.
LOG = os.path.join("log", "bytecode")
_LOG_BYTES = 16 << 10


def main(home: str, environment: str, number: int) -> None:
    """Do it, at the lowest priority."""
    _step_back()
    try:
        complete_generation(home, environment, number)
    except (BlastError, OSError) as error:
        _log(home, f"{environment}: {error}")
    except Exception as error:  # noqa: BLE001 - nobody is there to see a traceback
        _log(home, f"{environment}: internal error: {type(error).__name__}: {error}")


def complete_generation(home: str, environment: str, number: int) -> None:
    """Compile the trees that a generation links to, and give it links to what it lacks.

    Raises:
        StoreError: the store refuses.
        OSError: the disk refuses.
    """
    from blast_core.reporter import SilentReporter
    from blast_pm.store.bytecode import compile_trees
    from blast_project.bytecode import complete_links
    from blast_project.environment.generations import read_generation
    from blast_project.session import Session
    from blast_project.settings import Settings

    try:
        said = read_generation(environment, number)
    except (InstallError, OSError):
        # It went away meanwhile.
        return
    with Session(Settings(environment, home, os.environ), SilentReporter()) as session:
        try:
            interpreter = session.interpreters.get(said.executable)
        except InterpreterError:
            return
        # From here on they are leased.
        stored = tuple(session.cache.find(row.sha256 for row in said.installed).values())
        compile_trees(session.cache.paths, session.database, [row.tree for row in stored], interpreter)
        complete_links(environment, said, stored, interpreter)


def _step_back() -> None:
    """Take processor and disk only when nobody else wants them."""
    try:
        os.nice(19)
        if hasattr(os, "sched_setscheduler") and hasattr(os, "SCHED_IDLE"):
            # The kernel derives the priority of reading and writing from it.
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        # Where the kernel shares out by session, a session of one's own would weigh as much as a terminal's.
        with open("/proc/self/autogroup", "w", encoding="ascii") as file:
            file.write("19")
    except (OSError, AttributeError):
        return


def _log(home: str, text: str) -> None:
    path = os.path.join(home, LOG)
    line = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {' '.join(text.split())[:500]}\n"
    try:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                before = file.read()[-_LOG_BYTES:]
        except FileNotFoundError:
            if not os.path.isdir(os.path.dirname(path)):
                # That one alone: a home that was removed meanwhile shall not come back.
                fs.make_directory(os.path.dirname(path))
            before = ""
        fs.replace_file(path, (before + line).encode("utf-8", "replace"), durable=False)
    except OSError:
        # Whom should it be told?
        return
