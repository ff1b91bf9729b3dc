"""``python3 dev.py bench memory``: numpy and pandas imported from memory, against a compiled environment (S17).

Each way is one process from its start to its end; ways are measured in turn, so that what disturbs one disturbs all.
How long it takes to fetch is no part of it: the image is made once, as ``blast run --in-memory`` makes it.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from blast_runtime.memory.codes import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from blast_project.in_memory.launching import Launch

__all__ = ["main"]

_IMPORT = "import numpy, pandas"
_REQUIREMENTS = ("numpy", "pandas")
_FOLDER = Path(__file__).resolve().parents[1] / ".dev" / "bench"


class _Way(NamedTuple):
    """A way to start the program: its name, and what starts it and waits."""

    name: str
    run: Callable[[], None]


class _Sample(NamedTuple):
    """Milliseconds by the clock and of the processor."""

    wall_ms: float
    cpu_ms: float


def main(arguments: Sequence[str]) -> int:
    """Measure, print a table, and return 0 where S17 holds.

    Args:
        arguments: how many rounds (15), and an interpreter.
    """
    rounds = int(arguments[0]) if arguments else 15
    python = arguments[1] if len(arguments) > 1 else sys.executable
    _FOLDER.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="memory-", dir=_FOLDER))
    try:
        ways = _make_ways(work, python)
        samples: dict[str, list[_Sample]] = {way.name: [] for way in ways}
        for way in ways:
            way.run()
        for _ in range(rounds):
            for way in ways:
                samples[way.name].append(_measure(way))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return _show(samples)


def _make_ways(work: Path, python: str) -> list[_Way]:
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("BLAST_", "PYTHON"))},
        "BLAST_HOME": str(work / "home"),
        "BLAST_COMPILE_BYTECODE": "wait",
        "BLAST_FLUSH": "never",
        "BLAST_KEEP_PYTHONPATH": "1",
        "PYTHONPATH": os.environ.get("PYTHONPATH", os.pathsep.join(sys.path)),
    }
    asked = [word for name in _REQUIREMENTS for word in ("--with", name)]
    found = subprocess.run(
        [sys.executable, "-m", "blast_cli", "run", "-p", python, "--isolated", "--no-project", *asked,
         "python", "-c", "import sys; print(sys.executable)"],
        env=variables, cwd=work, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    variables.pop("PYTHONPATH")
    plain = {**variables, "PYTHONDONTWRITEBYTECODE": "1"}
    bare = {**plain, "PYTHONPYCACHEPREFIX": str(work / "nothing")}
    with_store = _launch(work, python, str(work / "home"))
    without = _launch(work, python, str(work / "no-home"))
    alone = {name: value for name, value in without.variables.items() if name != VARIABLE}
    line = [found, "-c", _IMPORT]
    return [
        _Way("installed, compiled", lambda: _run(line, plain)),
        _Way("installed, not compiled", lambda: _run(line, bare)),
        _Way("in memory, the store has it", lambda: _run_launch(with_store)),
        _Way("in memory, from wheels, as a child", lambda: _run_launch(without)),
        _Way("in memory, from wheels, the first", lambda: _run_launch(without._replace(variables=alone))),
    ]


def _launch(work: Path, python: str, home: str) -> Launch:
    from blast_core.reporter import SilentReporter
    from blast_project.in_memory.launching import prepare_launch
    from blast_project.in_memory.session import MemorySession
    from blast_project.settings import Settings
    from blast_project.starting import RunOptions

    environ = {name: value for name, value in os.environ.items() if not name.startswith(("BLAST_", "PYTHON"))}
    settings = Settings(str(work), home, environ, python=python)
    options = RunOptions(("python", "-c", _IMPORT), requirements=_REQUIREMENTS, project=False)
    launch = prepare_launch(MemorySession(settings, SilentReporter()), options)
    for descriptor in launch.descriptors:
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - the function has no name for it
    return launch


def _run(line: Sequence[str], variables: dict[str, str], keep: Sequence[int] = ()) -> None:
    subprocess.run(line, env=variables, check=True, pass_fds=keep)


def _run_launch(launch: Launch) -> None:
    _run(launch.line, launch.variables, launch.descriptors)


def _measure(way: _Way) -> _Sample:
    before, began = os.times(), time.perf_counter()
    way.run()
    wall = time.perf_counter() - began
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return _Sample(wall * 1000, cpu * 1000)


def _show(samples: dict[str, list[_Sample]]) -> int:
    base = statistics.median(row.cpu_ms for row in next(iter(samples.values())))
    print(f"{_IMPORT}; median of {len(next(iter(samples.values())))} rounds\n")
    print("| way | wall, ms | processor, ms | of installed and compiled |\n|---|---|---|---|")
    ratios = {}
    for name, rows in samples.items():
        wall, cpu = (statistics.median(values) for values in zip(*rows, strict=True))
        ratios[name] = cpu / base
        print(f"| {name} | {wall:.0f} | {cpu:.0f} | {cpu / base:.2f} |")
    return 0 if ratios["in memory, the store has it"] <= 1.2 else 1
