"""Wheels of any number and size, made by script: as many files as real ones have, with little in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blast_pm.testing import make_wheel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["FILE_COUNTS", "make_distributions", "make_manifest", "spread_files"]

# Files of the distributions of the benchmarks' project, at every twentieth of them. The largest twentieth, with some
# 1,500 each, is left out, so that 1,000 distributions have 57,000 files and not 140,000.
FILE_COUNTS = (6, 7, 9, 10, 11, 13, 14, 16, 18, 22, 27, 31, 40, 51, 65, 97, 116, 166, 349)

# METADATA, WHEEL and RECORD.
_INFO_FILES = 3
_PER_DIRECTORY = 12


def spread_files(distributions: int) -> list[int]:
    """Return how many files each of some distributions has: as real ones, evenly mixed."""
    return [FILE_COUNTS[number * 7 % len(FILE_COUNTS)] for number in range(distributions)]


def make_distributions(directory: Path, prefix: str, counts: Sequence[int]) -> list[str]:
    """Write a wheel for each count of files, .dist-info included, and return the projects' names."""
    directory.mkdir(parents=True, exist_ok=True)
    names = []
    for number, count in enumerate(counts):
        name = f"{prefix}{number:05d}"
        make_wheel(directory, name, "1.0", files=_files(name, max(count - _INFO_FILES, 1)))
        names.append(name)
    return names


def _files(name: str, count: int) -> dict[str, bytes]:
    """Return modules in packages of a dozen, each with some lines of its own."""
    files = {f"{name}/__init__.py": f"NAME = {name!r}\n".encode()}
    for number in range(1, count):
        package, module = divmod(number, _PER_DIRECTORY)
        folder = f"{name}/part{package:03d}/" if package else f"{name}/"
        stem = "__init__" if package and not module else f"module{module:02d}"
        files[f"{folder}{stem}.py"] = f"# {name} {number}\nVALUE = {number}\n".encode() * 8
    return files


def make_manifest(names: Sequence[str]) -> str:
    """Return a pyproject.toml that needs exactly these."""
    lines = "\n".join(f'    "{name}==1.0",' for name in names)
    return f'[project]\nname = "grown"\nversion = "1.0"\nrequires-python = ">=3.12"\ndependencies = [\n{lines}\n]\n'
