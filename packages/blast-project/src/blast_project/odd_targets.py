"""Targets that nobody named but a requirement's marker speaks of: PyPy, another machine, a system of the past.

A project that requires something ``; implementation_name == 'pypy'`` means that it runs there. Where such a marker
holds on none of the default targets, those are added on which it does: another known platform, or the default ones with
the marker's values put in.
"""

from __future__ import annotations

from itertools import product

from blast_core.markers import Comparison, evaluate_marker, iter_comparisons, parse_marker
from blast_core.platforms import DEFAULT_PLATFORMS, KNOWN_PLATFORMS, Platform, make_target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from blast_core.interpreter import Target
    from blast_core.requirements import Requirement

__all__ = ["odd_targets"]

_OF_PLATFORM = ("sys_platform", "platform_system", "os_name", "platform_machine")
_OF_PYTHON = ("implementation_name", "platform_python_implementation")
# Of a marker with many alternatives; what is beyond is no marker that a person wrote.
_MOST_CHOICES = 64


def odd_targets(roots: Sequence[Requirement], base: Sequence[Target], most: int) -> tuple[Target, ...]:
    """Return targets on which the markers of ``roots`` hold that hold on none of ``base``.

    Args:
        roots: what the project asks for.
        base: the default targets, platform by platform.
        most: how many targets there may be with those of ``base``; what does not fit is left out.
    """
    markers = list(dict.fromkeys(row.marker for row in roots if row.marker))
    unmet = [marker for marker in markers if not any(_holds(marker, target) for target in base)]
    added: dict[str, Target] = {}
    rest: list[list[Target]] = []
    for marker in unmet:
        if any(_holds(marker, target) for target in added.values()):
            continue
        rows = [row for row in _candidates(marker, base) if any(_holds(marker, target) for target in row)]
        # One platform for every marker first, so that none goes without for another's many.
        for row in rows[:1]:
            if len(base) + len(added) + len(row) <= most:
                added.update((target.name, target) for target in row)
        rest += rows[1:]
    for row in rest:
        new = [target for target in row if target.name not in added]
        if len(base) + len(added) + len(new) <= most:
            added.update((target.name, target) for target in new)
    return tuple(added.values())


def _holds(marker: str, target: Target) -> bool:
    return any(evaluate_marker(marker, environment) for environment in (target.marker_environment, *target.also))


def _candidates(marker: str, base: Sequence[Target]) -> Iterator[list[Target]]:
    """Yield rows of targets, one platform each: known platforms, then the default ones changed."""
    pythons = _pythons(base)
    known = [one for one in KNOWN_PLATFORMS.values() if one not in DEFAULT_PLATFORMS]
    for platform in known:
        yield [make_target(platform, minor, patches=patches) for minor, patches in pythons]
    for changes in _choices(marker):
        implementation = _implementation(changes)
        for platform in DEFAULT_PLATFORMS:
            changed = _changed(platform, changes)
            yield [
                make_target(changed, minor, implementation=implementation, patches=patches)
                for minor, patches in pythons
            ]


def _pythons(base: Sequence[Target]) -> list[tuple[int, tuple[int, int]]]:
    """Return minors and their first and last patch releases."""
    found: dict[int, tuple[int, int]] = {}
    for target in base:
        _, minor, newest = map(int, target.python_version.split("."))
        oldest = target.also[0]["python_full_version"] if target.also else target.python_version
        found[minor] = int(oldest.rpartition(".")[2]), newest
    return list(found.items())


def _choices(marker: str) -> list[dict[str, str]]:
    """Return which variables to give which of the values that the marker compares them with, few changes first."""
    values: dict[str, dict[str, None]] = {}
    for comparison in iter_comparisons(parse_marker(marker)):
        if comparison.variable in (*_OF_PLATFORM, *_OF_PYTHON):
            values.setdefault(comparison.variable, {}).update(dict.fromkeys(_values(comparison)))
    rows = [[(name, value) for value in ("", *found)] for name, found in values.items()]
    choices = []
    for row in product(*rows):
        changes = {name: value for name, value in row if value}
        if changes:
            choices.append(changes)
        if len(choices) == _MOST_CHOICES:
            break
    return sorted(choices, key=len)


def _values(comparison: Comparison) -> list[str]:
    if comparison.operator in {"==", "==="}:
        return [comparison.value]
    if comparison.operator == "in" and not comparison.reversed:
        return comparison.value.replace(",", " ").split()
    return [comparison.value] if comparison.operator == "in" else []


def _implementation(changes: dict[str, str]) -> str:
    return changes.get("implementation_name") or changes.get("platform_python_implementation", "cpython").lower()


def _changed(platform: Platform, changes: dict[str, str]) -> Platform:
    values = {name: changes[name] for name in _OF_PLATFORM if name in changes}
    changed = platform._replace(**values)
    for one in KNOWN_PLATFORMS.values():
        if one[1:] == changed[1:]:
            return one
    return changed._replace(name="+".join((platform.name, *values.values())))
