"""``python3 -m benchmarks.runners``: memory of many test runners at once, each of which imports what it tests.

Each runner is a process of its own. They run from environments of their own (copied or hardlinked by uv, folded by
Blast), from memory each for itself, and from memory over one memory store. What is told is what one more runner takes:
its proportional set size (PSS), and what memory files and the page cache hold for it besides.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_TOP = Path(__file__).resolve().parents[1]
_PROGRAM = """
import sys
import {module}
sys.stdout.write("up\\n")
sys.stdout.flush()
sys.stdin.readline()
"""


class Measured(NamedTuple):
    """One way to run.

    Attributes:
        way: its name.
        runners: how many ran at once.
        pss_mb: of one runner, the median.
        files_mb: files that exist for one runner, in memory or on a disk that is cached. The PSS counts again what of
            them is mapped.
        start_cpu_s: processor time of making and starting one, its program included.
    """

    way: str
    runners: int
    pss_mb: float
    files_mb: float
    start_cpu_s: float


class Ground:
    """A project with a lock, and the ways to run a program in it."""

    def __init__(self, work: Path, requirements: Sequence[str], module: str) -> None:
        self.work = work
        self.project = work / "project"
        self.project.mkdir()
        sources = os.pathsep.join(str(path) for path in sorted((_TOP / "packages").glob("*/src")))
        self.environ = {
            **os.environ,
            "BLAST_HOME": str(work / "home"),
            "BLAST_KEEP_PYTHONPATH": "1",
            "PYTHONPATH": sources,
        }
        self.program = _PROGRAM.format(module=module)
        self.blast("init", "--name", "runners")
        self.blast("add", "--no-sync", *requirements)

    def blast(self, *words: str) -> str:
        """Run a command of Blast's to its end and return what it prints."""
        line = [sys.executable, "-m", "blast_cli", *words]
        return subprocess.run(
            line, cwd=self.project, env=self.environ, check=True, capture_output=True, text=True
        ).stdout

    def start(self, line: Sequence[str], **more: str) -> subprocess.Popen[str]:
        """Start a runner."""
        return subprocess.Popen(
            line,
            cwd=self.project,
            env={**self.environ, **more},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def in_memory(self, store: str) -> subprocess.Popen[str]:
        """Start a runner from memory, over a store or ("off") for itself."""
        line = [sys.executable, "-m", "blast_cli", "run", "--in-memory", "--frozen", "python", "-c", self.program]
        # Of an empty home: nothing is linked from a disk's store.
        return self.start(line, BLAST_MEMSTORE=store, BLAST_HOME=str(self.work / "empty"))


def read_pss(pid: int) -> float:
    """Return the proportional set size of a process, in MB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def read_memory_files(pid: int, sharers: int = 1) -> float:
    """Return what the memory files that a process has open take, in MB; what many share counts in parts.

    Sealed ones are shared. What can still be written is the runner's own, such as the code that it has compiled.
    """
    total = 0.0
    seen = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{name}"
        if os.readlink(path).startswith("/memfd:"):
            found = os.stat(path)
            if found.st_ino not in seen:
                seen.add(found.st_ino)
                total += found.st_blocks * 512 / (sharers if is_sealed(path) else 1)
    return total / (1 << 20)


def is_sealed(path: str) -> bool:
    """Tell whether a memory file can't be written any more."""
    with open(path, "rb") as file:
        return bool(fcntl.fcntl(file.fileno(), fcntl.F_GET_SEALS) & fcntl.F_SEAL_WRITE)


def read_cpu() -> float:
    """Return the processor time of all children that have ended, in seconds."""
    times = os.times()
    return times.children_user + times.children_system


def run_all(
    way: str, count: int, start: Callable[[int], subprocess.Popen[str]], files: Callable[[int], float]
) -> Measured:
    """Start runners one after the other, measure while all of them run, and end them."""
    before = read_cpu()
    running: list[subprocess.Popen[str]] = []
    try:
        for number in range(count):
            running.append(start(number))
            if len(running) % 4 == 0:  # as many at once as the machine does well
                wait_up(running[-4:])
        wait_up(running[count - count % 4 :])
        time.sleep(0.5)
        pss = statistics.median(read_pss(process.pid) for process in running)
        of_files = files(running[0].pid)
    finally:
        for process in running:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
    measured = Measured(way, count, pss, of_files, (read_cpu() - before) / count)
    print(show_row(measured), flush=True)
    return measured


def wait_up(processes: Sequence[subprocess.Popen[str]]) -> None:
    """Wait until programs have imported everything."""
    for process in processes:
        assert process.stdout is not None
        if process.stdout.readline() != "up\n":
            sys.exit("a runner did not come up")


def tree_size(directory: Path) -> float:
    """Return the size of a directory's own files, in MB: not of what links lead to, or has another name."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            found = os.lstat(os.path.join(folder, name))
            total += found.st_size if found.st_nlink == 1 else 0
    return total / (1 << 20)


def measure(ground: Ground, count: int, few: int) -> list[Measured]:
    """Measure all ways."""
    ways: list[Measured] = []
    uv = shutil.which("uv", path=os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", ""))
    pins = ground.project / "pins.txt"
    pins.write_text(ground.blast("export", "--format", "requirements", "--no-hashes", "--no-emit-project"))
    for mode in ("copy", "hardlink") if uv else ():
        places = [ground.work / f"{mode}{number}" for number in range(few)]
        for place in places:
            make_with_uv(str(uv), place, pins, mode)
        python = [str(place / "bin" / "python") for place in places]
        ways.append(
            run_all(
                f"environments of their own, {mode} (uv)",
                few,
                lambda number, python=python: ground.start([python[number], "-c", ground.program]),  # type: ignore[misc]
                lambda _, place=places[0]: tree_size(place),  # type: ignore[misc]
            )
        )
    ground.blast("sync")
    folded = []
    for number in range(few):
        place = ground.work / f"folded{number}"
        subprocess.run(
            [sys.executable, "-m", "blast_cli", "sync", "--frozen"],
            cwd=ground.project,
            env={**ground.environ, "BLAST_PROJECT_ENVIRONMENT": str(place)},
            check=True,
            capture_output=True,
        )
        folded.append(place)
    ways.append(
        run_all(
            "environments of their own, folded (Blast)",
            few,
            lambda number: ground.start([str(folded[number] / "bin" / "python"), "-c", ground.program]),
            lambda _: tree_size(folded[0]),
        )
    )
    ways.append(run_all("in memory, each for itself", few, lambda _: ground.in_memory("off"), read_memory_files))
    socket = str(ground.work / "store" / "socket")
    ground.blast("memstore", "start", "--detach", "--socket", socket)
    try:
        ways.append(
            run_all(
                "in memory, over one memory store",
                count,
                lambda _: ground.in_memory(socket),
                lambda pid: read_memory_files(pid, count),
            )
        )
        print(f"\nThe store: {show_store(ground, socket)}.")
    finally:
        ground.blast("memstore", "stop", "--socket", socket)
    return ways


def show_store(ground: Ground, socket: str) -> str:
    """Return how much a store holds, in words."""
    status = json.loads(ground.blast("memstore", "status", "--socket", socket, "--json"))
    return f"it holds {status['size_bytes'] / (1 << 20):.0f} MB once"


def make_with_uv(uv: str, place: Path, pins: Path, mode: str) -> None:
    """Make an environment with uv."""
    environ = {
        **os.environ,
        "UV_LINK_MODE": mode,
        "UV_CACHE_DIR": str(place.parent / "uv-cache"),
        "VIRTUAL_ENV": str(place),
    }
    environ.pop("PYTHONPATH", None)
    index = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True, check=False
    ).stdout.strip()
    if index:
        environ.setdefault("UV_INDEX_URL", index)
    subprocess.run([uv, "-q", "venv", "--python", sys.executable, str(place)], env=environ, check=True)
    subprocess.run([uv, "-q", "pip", "install", "--compile-bytecode", "-r", str(pins)], env=environ, check=True)


def show_row(row: Measured) -> str:
    """Return a row of a table in Markdown."""
    return f"| {row.way} | {row.runners} | {row.pss_mb:.1f} | {row.files_mb:.1f} | {row.start_cpu_s:.2f} |"


def main(arguments: Sequence[str]) -> int:
    """Measure, and print a table, row by row."""
    parser = argparse.ArgumentParser(prog="benchmarks.runners", description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("--runners", type=int, default=200, help="over the memory store (200)")
    parser.add_argument("--others", type=int, default=10, help="in each other way, which take room for each (10)")
    parser.add_argument("--with", dest="requirements", action="append", metavar="REQ", help="what is imported (numpy)")
    parser.add_argument(
        "--import", dest="module", default="", metavar="NAMES", help="modules, with commas between them"
    )
    chosen = parser.parse_args(arguments)
    requirements = chosen.requirements or ["numpy"]
    work = Path(tempfile.mkdtemp(prefix="blast-runners-"))
    try:
        print("| way | runners | PSS of one, MB | files of one, MB | start of one, CPU s |\n|---|---:|---:|---:|---:|")
        measure(Ground(work, requirements, chosen.module or ", ".join(requirements)), chosen.runners, chosen.others)
    finally:
        shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
