"""Choosing what searches, and resolvelib for many targets."""

from __future__ import annotations

import pytest

from blast_core.errors import UsageError
from blast_core.requirements import parse_requirement
from blast_pm.resolver import resolve, resolve_universal
from blast_pm.resolver.oracle import resolve_with_resolvelib
from blast_pm.resolver.select import find_resolver, find_universal_resolver
from blast_pm.resolver.testing import MemorySource, Release, make_target, requirements

LINUX, WINDOWS = make_target(), make_target(platform="windows")
UNIVERSE: dict[str, dict[str, Release | list[str]]] = {
    "app": {"1": ["lib<2; sys_platform == 'win32'", "lib>=2; sys_platform == 'linux'", "extra[x]"]},
    "lib": {"1": [], "2": ["only-linux"]},
    "only-linux": {"1": []},
    "extra": {"1": ["small; extra == 'x'"]},
    "small": {"1": [], "2": ["gone>9"]},
    "gone": {"1": []},
}


def test_names_lead_to_searches() -> None:
    assert find_resolver("pubgrub") is resolve
    assert find_resolver("resolvelib") is resolve_with_resolvelib
    assert find_universal_resolver("pubgrub") is resolve_universal
    with pytest.raises(UsageError):
        find_resolver("sat")


@pytest.mark.parametrize("name", ["pubgrub", "resolvelib"])
def test_both_answer_for_many_targets(name: str) -> None:
    targets = (LINUX, WINDOWS)
    roots = [(row, 3) for row in requirements("app")] + [(parse_requirement("small"), 2)]
    found = find_universal_resolver(name)(roots, targets, MemorySource(UNIVERSE, targets))
    assert [(row.name, row.version, row.mask, row.extras) for row in found.packages] == [
        ("app", "1", 3, ()),
        ("extra", "1", 3, (("x", 3),)),
        ("lib", "1", 2, ()),
        ("lib", "2", 1, ()),
        ("only-linux", "1", 1, ()),
        ("small", "1", 3, ()),
    ]
    assert not found.failures


@pytest.mark.parametrize("name", ["pubgrub", "resolvelib"])
def test_both_report_the_targets_where_nothing_fits(name: str) -> None:
    targets = (LINUX, WINDOWS)
    roots = [(row, 3) for row in requirements("lib>=2; sys_platform == 'win32'", "lib<2", "small==1")]
    found = find_universal_resolver(name)(roots, targets, MemorySource(UNIVERSE, targets))
    assert [failure.mask for failure in found.failures] == [2]
    assert [(row.name, row.version, row.mask) for row in found.packages] == [("lib", "1", 1), ("small", "1", 1)]


def test_resolvelib_prefers_what_is_locked_for_a_target() -> None:
    targets = (LINUX, WINDOWS)
    universe: dict[str, dict[str, list[str]]] = {"lib": {"1": [], "2": [], "3": []}}
    roots = [(row, 3) for row in requirements("lib")]
    found = find_universal_resolver("resolvelib")(
        roots, targets, MemorySource(universe, targets), preferences={"lib": (("1", 1), ("2", 2))}
    )
    assert [(row.version, row.mask) for row in found.packages] == [("1", 1), ("2", 2)]
