"""Which group reaches which package, over extras, markers and cycles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blast_core.requirements import parse_requirement
from blast_pm.resolver.model import ResolvedPackage
from blast_project.graph import edges_of, reach
from blast_project.testing import make_target

if TYPE_CHECKING:
    from collections.abc import Iterable

LINUX = make_target().marker_environment


def package(name: str, *requires: str, extras: Iterable[str] = ()) -> ResolvedPackage:
    rows = tuple(parse_requirement(line) for line in requires)
    return ResolvedPackage(name, "1.0", tuple(extras), rows, (), tuple(row.name for row in rows))


def reached(roots: Iterable[str], *packages: ResolvedPackage) -> set[str]:
    edges = {row.name: edges_of(row, LINUX) for row in packages}
    return reach([parse_requirement(line) for line in roots], edges, LINUX)


def test_markers_are_decided_for_the_target() -> None:
    edges = edges_of(package("a", "b; sys_platform == 'linux'", "c; sys_platform == 'win32'", "d"), LINUX)
    assert [row.name for row in edges[""]] == ["b", "d"]


def test_requirements_of_an_extra_stand_under_it() -> None:
    edges = edges_of(
        package(
            "a",
            "b; extra == 'one'",
            "c; extra == 'one' and sys_platform == 'win32'",
            "d; extra == 'two' or extra == 'one'",
            "e; extra == 'three'",
            "f; extra != 'one'",
            extras=("one", "two"),
        ),
        LINUX,
    )
    assert [row.name for row in edges["one"]] == ["b", "d"]
    assert [row.name for row in edges["two"]] == ["d"]
    assert "three" not in edges


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
    assert reached(["a; sys_platform == 'win32'"], package("a")) == set()


def test_an_unknown_extra_or_package_is_passed_over() -> None:
    assert reached(["a[nothing]", "missing"], package("a", "gone")) == {"a"}


@pytest.mark.property
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30), st.sets(st.integers(0, 9), max_size=4))
def test_reach_is_the_closure_over_edges(arrows: list[tuple[int, int]], roots: set[int]) -> None:
    packages = [package(f"p{at}", *(f"p{to}" for source, to in arrows if source == at)) for at in range(10)]
    closure = set(roots)
    while more := {to for source, to in arrows if source in closure} - closure:
        closure |= more
    assert reached([f"p{at}" for at in roots], *packages) == {f"p{at}" for at in closure}
