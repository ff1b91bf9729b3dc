"""resolvelib behind the resolver's own signature."""

from __future__ import annotations

import pytest

from blast_core.errors import NoSolution
from blast_pm.resolver import DirectCandidate, resolve
from blast_pm.resolver.oracle import resolve_with_resolvelib
from blast_pm.resolver.testing import MemorySource, make_policy, make_target, requirements

LINUX = make_target()
UNIVERSE: dict[str, dict[str, list[str]]] = {
    "a": {"1": ["b<2"], "2": ["b>=2", "c[x]"]},
    "b": {"1": [], "2": ["a"], "3a1": []},
    "c": {"1": ["d; extra == 'x'"]},
    "d": {"1": []},
}


@pytest.mark.parametrize("lines", [("a",), ("a", "b<2"), ("c[x]", "b"), ("a[nope]",), ("b>=3a1",)], ids=" ".join)
def test_answers_as_the_solver_does(lines: tuple[str, ...]) -> None:
    ours = resolve(requirements(*lines), LINUX, MemorySource(UNIVERSE))
    theirs = resolve_with_resolvelib(requirements(*lines), LINUX, MemorySource(UNIVERSE))
    assert theirs.packages == ours.packages
    assert theirs.warnings == ours.warnings


def test_takes_the_same_options() -> None:
    options = {
        "preferences": {"b": "1"},
        "policy": make_policy(constraints=requirements("c<2"), overrides=requirements("b<2"), resolution="lowest"),
        "direct": {"e": DirectCandidate("e", "1", "https://index.invalid/e.whl", tuple(requirements("a>=2")))},
    }
    asked = requirements("e @ https://index.invalid/e.whl")
    ours = resolve(asked, LINUX, MemorySource(UNIVERSE), **options)  # type: ignore[arg-type]
    theirs = resolve_with_resolvelib(asked, LINUX, MemorySource(UNIVERSE), **options)  # type: ignore[arg-type]
    assert theirs.packages == ours.packages


def test_names_the_conflict() -> None:
    with pytest.raises(NoSolution) as caught:
        resolve_with_resolvelib(requirements("a>=2", "b<2"), LINUX, MemorySource(UNIVERSE))
    assert "your project needs b<2" in caught.value.reason
    assert "a 2 needs b>=2" in caught.value.reason


def test_survives_a_cycle_that_was_left_behind() -> None:
    """There resolvelib's own way from search to result recurses without end."""
    universe: dict[str, dict[str, list[str]]] = {
        "a": {"1": [], "2": ["b", "z>9"]},
        "b": {"1": ["c"]},
        "c": {"1": ["b"]},
        "z": {"1": []},
    }
    found = resolve_with_resolvelib(requirements("a"), LINUX, MemorySource(universe))
    assert [package.name for package in found.packages] == ["a"]
