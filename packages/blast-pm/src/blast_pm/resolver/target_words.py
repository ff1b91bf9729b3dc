"""Sets of targets in words, and as settings that leave them out."""

from __future__ import annotations

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TypeVar

    from blast_core.interpreter import Target

    _A = TypeVar("_A")
    _B = TypeVar("_B")

__all__ = ["Cell", "cells_of", "describe_targets", "version_range"]

# So many platforms or Pythons are named one by one.
_MOST_NAMED = 4


class Cell(NamedTuple):
    """What a target's name says.

    Attributes:
        platform: such as ``linux-x86_64``.
        minor: of Python 3, -1 where the name tells none.
        variant: which of the conflicting groups it is for, "" for none.
    """

    platform: str
    minor: int
    variant: str


def cells_of(targets: Iterable[Target]) -> list[Cell]:
    """Return what the targets' names say, in order."""
    cells = []
    for target in targets:
        name, _, variant = target.name.partition("+")
        minor = target.python_version.split(".")[1:2]
        cells.append(Cell(name.rpartition("-py")[0] or name, int(minor[0]) if minor else -1, variant))
    return cells


def describe_targets(mask: int, targets: Sequence[Target]) -> str:
    """Return words for a set of targets, such as ``Python 3.9 on every platform`` or ``windows-arm64``.

    Args:
        mask: bit i for ``targets[i]``.
        targets: all of them: what holds for all platforms or all Pythons among them is said so.

    Returns:
        Words that follow 'on' or 'for'; "" for no target.
    """
    cells = cells_of(targets)
    chosen = [cell for bit, cell in enumerate(cells) if mask >> bit & 1]
    if not chosen:
        return ""
    if len(chosen) == len(cells) and len(cells) > 1:
        return "every Python and platform"
    variants = list(dict.fromkeys(cell.variant for cell in chosen))
    parts: dict[str, list[str]] = {}
    for variant in variants:
        here = {cell for cell in cells if cell.variant == variant}
        words = _describe({cell for cell in chosen if cell.variant == variant}, here)
        parts.setdefault(words, []).append(variant)
    if len(parts) == 1 and len(variants) == len({cell.variant for cell in cells}):
        return next(iter(parts))
    return _parts([f"{words} with {_series(names)}" for words, names in parts.items()])


def _describe(chosen: set[Cell], every: set[Cell]) -> str:
    """Say on which platforms which Pythons, or for which Pythons which platforms: whichever is shorter."""
    by_minor = _grouped((cell.minor, cell.platform) for cell in sorted(chosen))
    by_platform = _grouped((cell.platform, cell.minor) for cell in sorted(chosen))
    all_platforms = {cell.platform for cell in every}
    all_minors = {cell.minor for cell in every}
    ways = (
        [(minors, platforms) for minors, platforms in by_platform.items()],
        [(minors, platforms) for platforms, minors in by_minor.items()],
    )
    told = [
        _parts([_cross(list(minors), list(platforms), all_minors, all_platforms) for minors, platforms in way])
        for way in ways
    ]
    return min(told, key=len)


def _grouped(pairs: Iterable[tuple[_A, _B]]) -> dict[tuple[_B, ...], tuple[_A, ...]]:
    """Return the firsts that have the same seconds, by these."""
    seconds: dict[_A, list[_B]] = {}
    for first, second in pairs:
        seconds.setdefault(first, []).append(second)
    groups: dict[tuple[_B, ...], tuple[_A, ...]] = {}
    for first, found in seconds.items():
        groups[tuple(found)] = (*groups.get(tuple(found), ()), first)
    return groups


def _cross(minors: list[int], platforms: list[str], all_minors: set[int], all_platforms: set[str]) -> str:
    where = _series(platforms)
    if len(platforms) > 1 and set(platforms) == all_platforms:
        where = "every platform"
    if len(all_minors) > 1 and set(minors) == all_minors:
        return where
    return f"{_pythons(minors)} on {where}"


def _pythons(minors: list[int]) -> str:
    ordered = sorted(minors)
    if len(ordered) > 2 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return f"Python 3.{ordered[0]} to 3.{ordered[-1]}"
    return f"Python {_series([f'3.{minor}' for minor in ordered])}"


def version_range(failed: int, targets: Sequence[Target]) -> str:
    """Return the ``requires-python`` that leaves out exactly the failed targets, "" if none does.

    >>> from blast_pm.resolver.testing import make_target
    >>> version_range(0b001, [make_target(python) for python in ("3.9", "3.10", "3.11")])
    '>=3.10'
    """
    cells = cells_of(targets)
    bad = {cell.minor for bit, cell in enumerate(cells) if failed >> bit & 1}
    good = {cell.minor for bit, cell in enumerate(cells) if not failed >> bit & 1}
    if not bad or not good or bad & good:
        return ""
    if max(bad) < min(good):
        return f">=3.{min(good)}"
    return f">=3.{min(good)},<3.{min(bad)}" if min(bad) > max(good) else ""


def _parts(words: list[str]) -> str:
    """Join parts that may be series themselves."""
    return "; ".join(words) if any(" and " in part for part in words) else _series(words)


def _series(words: Sequence[str]) -> str:
    if len(words) > _MOST_NAMED:
        words = [*words[: _MOST_NAMED - 1], f"{len(words) - _MOST_NAMED + 1} others"]
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)
