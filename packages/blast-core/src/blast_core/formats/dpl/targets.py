"""Targets as they stand in a lock: what a person or another tool needs to recognise them, and no more.

A target of the tables in ``blast_core.platforms`` is known by its name alone.
"""

from __future__ import annotations

from blast_core.formats.dpl.model import LockTarget

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_core.interpreter import Target

__all__ = ["VARIANT", "lock_target", "matches", "named_lock_target", "named_variant", "variant_items"]

#: The one variable of a locked target that is none of PEP 508: which of the conflicting groups its answers are for.
VARIANT = "variant"

# What differs between machines of one target; a team's locks are equal.
_UNSTABLE = frozenset(("implementation_version", "platform_release", "platform_version", "python_full_version"))

_named: dict[str, LockTarget | None] = {}


def lock_target(target: Target, variant: str = "", items: Sequence[str] = ()) -> LockTarget:
    """Return a target as it stands in a lock.

    Args:
        target: what was locked for.
        variant: the name of the selection that the answers are for, "" where nothing conflicts.
        items: the conflicting groups that may be installed in it, as the lock names groups.
    """
    minor = ".".join(target.python_version.split(".")[:2])
    markers = {key: value for key, value in target.marker_environment.items() if key not in _UNSTABLE}
    if variant:
        markers[VARIANT] = ",".join(items)
    name = f"{target.name}+{variant}" if variant else target.name
    return LockTarget(name, minor, target.name.rpartition("-")[0], tuple(sorted(markers.items())))


def named_lock_target(name: str) -> LockTarget | None:
    """Return the locked target of a name such as ``linux-x86_64-py312``; None where the name alone tells nothing."""
    if name not in _named:
        _named[name] = _find(name)
    return _named[name]


def named_variant(name: str, base: str, items: Sequence[str]) -> LockTarget | None:
    """Return the locked target ``name``: that of the name ``base``, for a choice of conflicting groups."""
    known = named_lock_target(base)
    if known is None:
        return None
    markers = tuple(sorted((*known.markers, (VARIANT, ",".join(items)))))
    return known._replace(name=name, markers=markers)


def variant_items(target: LockTarget) -> tuple[str, ...]:
    """Return the conflicting groups that a target's answers are for; () where nothing conflicts."""
    items = dict(target.markers).get(VARIANT, "")
    return tuple(items.split(",")) if items else ()


def matches(target: LockTarget, environment: Mapping[str, str]) -> bool:
    """Tell whether an interpreter's marker values are those of a locked target, whatever its variant."""
    return all(environment.get(key) == value for key, value in target.markers if key != VARIANT)


def _find(name: str) -> LockTarget | None:
    from blast_core.platforms import KNOWN_PLATFORMS, make_target

    platform, _, python = name.rpartition("-")
    for implementation, word in (("pypy", "pypy3"), ("cpython", "py3")):
        minor = python.removeprefix(word)
        if python.startswith(word) and minor.isdecimal() and len(minor) < 4 and platform in KNOWN_PLATFORMS:
            return lock_target(make_target(KNOWN_PLATFORMS[platform], int(minor), implementation=implementation))
    return None
