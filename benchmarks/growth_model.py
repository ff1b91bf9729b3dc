"""What grows: a curve, the points on it, and what they are measured with."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.contender import make_contenders
from benchmarks.synthetic import make_distributions, make_manifest
from blast_pm.testing import StaticIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from benchmarks.contender import Contender
    from benchmarks.machine import Machine

__all__ = ["Bench", "Curve", "Point", "World"]


class Point(NamedTuple):
    """One measurement of one tool.

    Attributes:
        curve: which curve it is on.
        tool: ``uv`` or ``blast``.
        size: how many of what grows.
        wall_ms: median of what was timed; 0.0 where nothing was.
        cpu_ms: processor time, user and system, the median too.
        unique_bytes: blocks on disk that an environment takes besides the store; 0 where none was made.
        shared_bytes: blocks of the store that it has names of.
        entries: files, links and directories in it.
    """

    curve: str
    tool: str
    size: int
    wall_ms: float
    cpu_ms: float
    unique_bytes: int = 0
    shared_bytes: int = 0
    entries: int = 0


class Curve(NamedTuple):
    """One thing that grows.

    Attributes:
        name: on the command line.
        title: what is done, in a few words.
        unit: what the sizes count.
        sizes: which are measured.
        take: measures all sizes.
    """

    name: str
    title: str
    unit: str
    sizes: tuple[int, ...]
    take: Callable[[Bench, Curve], Iterator[Point]]


class Bench(NamedTuple):
    """What curves are measured with: the machine, a folder of their own, and how often."""

    machine: Machine
    folder: Path
    rounds: int

    def make_world(self, label: str, counts: Sequence[int], wanted: int = 0) -> World:
        """Return both tools with a locked and synced project that needs all of the distributions, or some."""
        top = self.folder / label
        names = make_distributions(top / "wheels", "dist", counts)
        manifest = top / "pyproject.toml"
        manifest.write_text(make_manifest(names[: wanted or None]), encoding="utf-8")
        work = top / "work"
        work.mkdir()
        with StaticIndex(top / "wheels") as index:
            return World(make_contenders(self.machine, manifest, work, index.url), top)


class World(NamedTuple):
    """Both tools, and the folder that all of theirs is in."""

    contenders: dict[str, Contender]
    top: Path

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.top, ignore_errors=True)
