"""Which group reaches which package on which target, over extras, markers, versions and cycles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blast_core.platforms import KNOWN_PLATFORMS, make_target
from blast_core.requirements import parse_requirement
from blast_pm.resolver.markers import TargetMarkers
from blast_pm.resolver.model import ResolvedPackage, UniversalPackage
from blast_project.graph import GroupReach, edges_of
from blast_project.testing import make_target as make_one_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from blast_core.requirements import Requirement as BlastRequirement

LINUX = make_one_target().marker_environment
TARGETS = [make_target(KNOWN_PLATFORMS[name], 12) for name in ("linux-x86_64", "macos-arm64", "windows-x86_64")]
MARKERS = TargetMarkers(TARGETS)
EVERYWHERE = 0b111


def package(name: str, *requires: str, extras: Iterable[str] = (), mask: int = EVERYWHERE) -> UniversalPackage:
    rows = tuple(parse_requirement(line) for line in requires)
    version = f"1.{mask}"
    return UniversalPackage(name, version, mask, tuple((extra, mask) for extra in extras), rows, (), None)


def parts(
    groups: Sequence[Iterable[str]], *packages: UniversalPackage, overrides: Iterable[str] = ()
) -> dict[str, dict[int, int]]:
    """Return by name and version the mask of groups by mask of targets."""
    graph = GroupReach(packages, MARKERS, [parse_requirement(line) for line in overrides])
    roots = [graph.roots([(parse_requirement(line), EVERYWHERE) for line in lines]) for lines in groups]
    rows = zip(packages, graph.parts(roots), strict=True)
    return {row.name if row.mask == EVERYWHERE else f"{row.name}/{row.mask}": found for row, found in rows if found}


def reached(roots: Iterable[str], *packages: UniversalPackage) -> set[str]:
    return set(parts([roots], *packages))


def test_markers_are_decided_for_one_target() -> None:
    rows = tuple(map(parse_requirement, ("b; sys_platform == 'linux'", "c; sys_platform == 'win32'", "d")))
    edges = edges_of(ResolvedPackage("a", "1.0", (), rows, (), ()), LINUX)
    assert [row.name for row in edges[""]] == ["b", "d"]


def test_requirements_of_an_extra_stand_under_it() -> None:
    lines = (
        "b; extra == 'one'",
        "c; extra == 'one' and sys_platform == 'win32'",
        "d; extra == 'two' or extra == 'one'",
        "e; extra == 'three'",
        "f; extra != 'one'",
    )
    rows = tuple(map(parse_requirement, lines))
    edges = edges_of(ResolvedPackage("a", "1.0", ("one", "two"), rows, (), ()), LINUX)
    assert [row.name for row in edges["one"]] == ["b", "d"]
    assert [row.name for row in edges["two"]] == ["d"]
    assert "three" not in edges
    graph = GroupReach([package("a", *lines, extras=("one", "two"))], MARKERS)
    assert [(row.name, mask) for row, mask in graph.edges(0)["one"]] == [("b", 7), ("c", 4), ("d", 7)]
    assert [(row.name, mask) for row, mask in graph.edges(0)[""]] == [("f", 7)]


def test_groups_and_targets_become_parts() -> None:
    packages = [
        package("a", "c; sys_platform == 'win32'", "d"),
        package("b", "c", "d; sys_platform != 'linux'"),
        package("c"),
        package("d"),
    ]
    assert parts([["a"], ["b"]], *packages) == {
        "a": {0b111: 0b01},
        "b": {0b111: 0b10},
        "c": {0b011: 0b10, 0b100: 0b11},
        "d": {0b001: 0b01, 0b110: 0b11},
    }


def test_each_target_goes_through_its_own_version() -> None:
    packages = [
        package("a", "b", mask=0b011),
        package("a", "c", mask=0b100),
        package("b"),
        package("c"),
    ]
    assert parts([["a"]], *packages) == {"a/3": {0b011: 1}, "a/4": {0b100: 1}, "b": {0b011: 1}, "c": {0b100: 1}}


def test_overrides_replace_edges_and_roots() -> None:
    packages = [package("a", "b", "d"), package("b"), package("c"), package("d")]
    assert parts([["a", "c"]], *packages, overrides=["b; sys_platform == 'win32'", "c; sys_platform == 'os2'"]) == {
        "a": {0b111: 1},
        "b": {0b100: 1},
        "d": {0b111: 1},
    }


def test_an_extra_is_reached_only_through_it() -> None:
    packages = [package("a", "b", "c; extra == 'x'", extras=("x",)), package("b"), package("c")]
    assert reached(["a"], *packages) == {"a", "b"}
    assert reached(["a[x]"], *packages) == {"a", "b", "c"}


def test_an_extra_may_ask_for_another_of_its_own_package() -> None:
    packages = [package("a", "a[y]; extra == 'x'", "b; extra == 'y'", extras=("x", "y")), package("b")]
    assert reached(["a[x]"], *packages) == {"a", "b"}


def test_cycles_end() -> None:
    packages = [package("a", "b"), package("b", "c"), package("c", "a", "c")]
    assert reached(["b"], *packages) == {"a", "b", "c"}


def test_a_root_that_does_not_hold_reaches_nothing() -> None:
    assert reached(["a; sys_platform == 'os2'"], package("a")) == set()


def test_an_unknown_extra_or_package_is_passed_over() -> None:
    assert reached(["a[nothing]", "missing"], package("a", "gone")) == {"a"}


CONDITIONS = ["", "; sys_platform == 'linux'", "; sys_platform != 'linux'", "; extra == 'x'", "; os_name == 'nt'"]
ARROWS = st.tuples(st.integers(0, 7), st.integers(0, 7), st.sampled_from(["", "[x]"]), st.sampled_from(CONDITIONS))
ROOTS = st.lists(
    st.tuples(st.integers(0, 7), st.sampled_from(["", "[x]"]), st.sampled_from(CONDITIONS[:3])), max_size=3
)


@pytest.mark.property
@settings(max_examples=200, deadline=None)
@given(st.lists(ARROWS, max_size=30), st.lists(ROOTS, min_size=1, max_size=3), st.integers(1, 6))
def test_one_walk_says_what_a_walk_per_group_and_target_says(
    arrows: list[tuple[int, int, str, str]], groups: list[list[tuple[int, str, str]]], split: int
) -> None:
    lines = {at: [f"p{to}{extra}{where}" for source, to, extra, where in arrows if source == at] for at in range(8)}
    packages = [package(f"p{at}", *rows, extras=("x",)) for at, rows in lines.items() if at]
    # One project has two versions with different requirements.
    packages += [package("p0", *lines[0], extras=("x",), mask=split)]
    packages += [package("p0", extras=("x",), mask=EVERYWHERE & ~split)]
    roots = [[f"p{at}{extra}{where}" for at, extra, where in rows] for rows in groups]
    expected: dict[str, dict[int, int]] = {}
    for bit, target in enumerate(TARGETS):
        present = {row.name: row for row in packages if row.mask >> bit & 1}
        by_name: dict[str, int] = {}
        for number, rows in enumerate(roots):
            for name in _closure(rows, present, dict(target.marker_environment)):
                by_name[name] = by_name.get(name, 0) | 1 << number
        for name, mask in by_name.items():
            row = present[name]
            key = name if row.mask == EVERYWHERE else f"{name}/{row.mask}"
            expected.setdefault(key, {})
            expected[key][mask] = expected[key].get(mask, 0) | 1 << bit
    found = {key: {groups: mask for mask, groups in rows.items()} for key, rows in parts(roots, *packages).items()}
    assert found == expected


def _closure(roots: list[str], present: dict[str, UniversalPackage], environment: dict[str, str]) -> set[str]:
    from packaging.requirements import Requirement

    waiting = [(Requirement(line), "") for line in roots]
    seen: set[tuple[str, str]] = set()
    while waiting:
        row, asking = waiting.pop()
        if row.marker is not None and not row.marker.evaluate({**environment, "extra": asking}):
            continue
        for extra in ("", *row.extras):
            if row.name in present and (row.name, extra) not in seen:
                seen.add((row.name, extra))
                waiting += [(Requirement(_line(one)), extra) for one in present[row.name].requirements]
    return {name for name, _ in seen}


def _line(row: BlastRequirement) -> str:
    return f"{row.name}{'[x]' if row.extras else ''}{f'; {row.marker}' if row.marker else ''}"
