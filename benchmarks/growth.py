"""``python3 dev.py bench growth``: how time and disk grow with distributions, files, environments, store and lock."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.disk import find_inodes, measure_disk
from benchmarks.growth_model import Bench, Curve, Point, World
from benchmarks.growth_report import publish, read_points, write_results
from benchmarks.machine import describe_machine, find_machine
from benchmarks.measure import measure
from benchmarks.synthetic import make_distributions, spread_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.contender import Contender

__all__ = ["CURVES", "main"]

_TOP = Path(__file__).resolve().parents[1]

_LOOKUP = """
import json, sys, time
from blast_core.formats.dpl.reader import DplLockFile
path, names = sys.argv[1], sys.argv[2:]
best = 1e9
for _ in range(60):
    started = time.perf_counter_ns()
    lock = DplLockFile.open(path)
    for name in names:
        found = [(entry.version, len(entry.dependencies)) for entry in lock.find(name)]
        assert found, name
    lock.close()
    best = min(best, (time.perf_counter_ns() - started) / len(names))
print(json.dumps(best / 1e6))
"""
_FILL = """
import sys
from blast_pm.metadata.store import Database
from blast_pm.store.cache import GlobalCache
import os
home, wheels = sys.argv[1:]
database = Database(os.path.join(home, "store", "meta.lmdb"))
cache = GlobalCache(home, database)
for name in sorted(os.listdir(wheels)):
    cache.add_wheel(os.path.join(wheels, name))
cache.close()
database.close()
"""


def _store_of(contender: Contender) -> str:
    return contender.environment["UV_CACHE_DIR" if contender.name == "uv" else "BLAST_HOME"]


def _new_environments(bench: Bench, world: World, curve: str, size: int, first: int) -> Iterator[Point]:
    """Make environments from the warm store, both tools in turn, and look at what the last one of each takes."""
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in world.contenders}
    made: dict[str, Path] = {}
    for number in range(bench.rounds):
        for name, contender in world.contenders.items():
            made[name] = contender.copy_project(first + number)
            sample = measure(contender.command("sync", directory=made[name]), settle=True)
            samples[name].append((sample.wall_ms, sample.cpu_ms))
    for name, contender in world.contenders.items():
        yield _weigh(contender, [made[name]], Point(curve, name, size, *_medians(samples[name])))


def _medians(samples: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return median(wall for wall, _ in samples), median(cpu for _, cpu in samples)


def _weigh(contender: Contender, projects: Sequence[Path], point: Point) -> Point:
    """Add what an environment takes on the disk, the mean of several."""
    usage = measure_disk(map(str, projects), find_inodes(_store_of(contender)))
    return point._replace(
        unique_bytes=usage.unique_bytes // len(projects),
        shared_bytes=usage.shared_bytes // len(projects),
        entries=(usage.files + usage.links + usage.directories) // len(projects),
    )


def _take_distributions(bench: Bench, curve: Curve) -> Iterator[Point]:
    for size in curve.sizes:
        world = bench.make_world(f"{curve.name}-{size}", spread_files(size))
        yield from _new_environments(bench, world, curve.name, size, 1)
        world.close()


def _take_files(bench: Bench, curve: Curve) -> Iterator[Point]:
    """The same ten distributions, with ever more files."""
    for size in curve.sizes:
        world = bench.make_world(f"{curve.name}-{size}", [size // 10] * 10)
        yield from _new_environments(bench, world, curve.name, size, 1)
        world.close()


def _take_environments(bench: Bench, curve: Curve) -> Iterator[Point]:
    """Ever more environments of one project on one store: the time that the newest takes, and the mean of the disk."""
    world = bench.make_world(curve.name, spread_files(100))
    for name, contender in world.contenders.items():
        made: list[Path] = []
        times: list[tuple[float, float]] = []
        for number in range(1, max(curve.sizes) + 1):
            directory = contender.copy_project(number)
            close = any(0 <= size - number < bench.rounds for size in curve.sizes)
            sample = measure(contender.command("sync", directory=directory), settle=close)
            made.append(directory)
            times.append((sample.wall_ms, sample.cpu_ms))
            if number in curve.sizes:
                yield _weigh(contender, made, Point(curve.name, name, number, *_medians(times[-bench.rounds :])))
    world.close()


def _fill_store(contender: Contender, wheels: Path, top: Path) -> None:
    """Put every wheel into a tool's store, without an index."""
    if contender.name == "uv":
        listed = top / "all.txt"
        listed.write_text("".join(f"{wheel}\n" for wheel in sorted(wheels.iterdir())), encoding="utf-8")
        contender.run("venv", str(top / "filled"), directory=top)
        contender.run("pip", "install", "--no-deps", "--python", str(top / "filled"), "-r", str(listed), directory=top)
        shutil.rmtree(top / "filled")
    else:
        python = str(Path(contender.program).parent / "python")
        subprocess.run([python, "-c", _FILL, _store_of(contender), str(wheels)], env=contender.environment, check=True)


def _take_store(bench: Bench, curve: Curve) -> Iterator[Point]:
    """A small project's new environment, beside ever more distributions in the store that it does not need."""
    world = bench.make_world(curve.name, spread_files(10))
    filled = first = 0
    for size in curve.sizes:
        more = world.top / f"more-{size}"
        make_distributions(more, f"more{size}x", [4] * max(size - 10 - filled, 0))
        for contender in world.contenders.values():
            if size > 10 + filled:
                _fill_store(contender, more, world.top)
        filled, first = max(size - 10, filled), first + 1000
        yield from _new_environments(bench, world, curve.name, size, first)
    world.close()


def _take_nothing_to_do(bench: Bench, curve: Curve) -> Iterator[Point]:
    for size in curve.sizes:
        world = bench.make_world(f"{curve.name}-{size}", spread_files(size))
        for name, contender in world.contenders.items():
            samples = [measure(contender.command("sync")) for _ in range(bench.rounds * 3)]
            yield Point(curve.name, name, size, *_medians([(sample.wall_ms, sample.cpu_ms) for sample in samples]))
        world.close()


def _take_lookup(bench: Bench, curve: Curve) -> Iterator[Point]:
    """Find twenty packages of a lock, opening it each time; uv's lock has no form that a program can ask."""
    from blast_core.formats.dpl.builder import build_lock
    from blast_core.formats.dpl.testing import sample_lock

    python = str(Path(bench.machine.blast).parent / "python")
    for size in curve.sizes:
        lock = sample_lock(size, files=2)
        path = bench.folder / f"{size}.lock"
        path.write_bytes(build_lock(lock))
        names = [package.name for package in lock.packages[:: max(size // 20, 1)]]
        run = subprocess.run([python, "-c", _LOOKUP, str(path), *names], stdout=subprocess.PIPE, text=True, check=True)
        yield Point(curve.name, "blast", size, json.loads(run.stdout), 0.0)
        path.unlink()


CURVES = (
    Curve(
        "distributions", "new environment, warm store", "distributions", (10, 30, 100, 300, 1000), _take_distributions
    ),
    Curve(
        "files", "new environment of 10 distributions", "files", (1_000, 3_000, 10_000, 30_000, 100_000), _take_files
    ),
    Curve("environments", "one more of 100 distributions", "environments", (1, 20, 50, 100, 200), _take_environments),
    Curve("store", "new environment of 10, by store", "distributions stored", (10, 100, 1_000, 10_000), _take_store),
    Curve("nothing", "`sync`, nothing to do", "distributions", (10, 100, 1000), _take_nothing_to_do),
    Curve("lookup", "one package of a lock", "packages locked", (100, 1_000, 10_000, 100_000), _take_lookup),
)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev.py bench growth", description="Measure how time and disk grow.")
    names = [curve.name for curve in CURVES]
    parser.add_argument("curves", nargs="*", metavar="CURVE", help=f"of {', '.join(names)}; all by default")
    parser.add_argument("--rounds", type=int, default=5, help="how often each size is measured (5)")
    parser.add_argument("--most", type=int, default=1 << 30, help="leave larger sizes out")
    parser.add_argument("--publish", action="store_true", help="write the results into docs/performance.md too")
    chosen = parser.parse_args(arguments)
    unknown = set(chosen.curves) - set(names)
    if unknown:
        parser.error(f"no such curve: {', '.join(sorted(unknown))}")
    return chosen


def main(arguments: Sequence[str]) -> int:
    """Measure, show a table, and write the results."""
    chosen = _parse(arguments)
    folder = _TOP / ".dev" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    machine = find_machine(folder, with_blast=True)
    wanted = chosen.curves or [curve.name for curve in CURVES]
    points = read_points(wanted)
    for known in CURVES:
        if known.name not in wanted:
            continue
        curve = known._replace(sizes=tuple(size for size in known.sizes if size <= chosen.most))
        work = Path(tempfile.mkdtemp(prefix="growth-", dir=folder))
        try:
            for point in curve.take(Bench(machine, work, chosen.rounds), curve):
                points.append(point)
                print(f"{point.curve:14}{point.tool:6}{point.size:>7} {point.wall_ms:10.2f} ms {point.cpu_ms:10.2f} cpu"
                      f" {point.unique_bytes:>10} B own {point.entries:>7} entries", flush=True)  # fmt: skip
        finally:
            shutil.rmtree(work, ignore_errors=True)
        # A run that is cut off has measured what it has measured.
        write_results(CURVES, points, describe_machine(machine))
    text = write_results(CURVES, points, describe_machine(machine))
    if chosen.publish:
        publish(CURVES, points, text)
    print(f"\n{text}")
    return 0
