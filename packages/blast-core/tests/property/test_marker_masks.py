"""A marker written for a set of targets holds on just these, for Blast and for `packaging`, and is short."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.markers import Marker

from blast_core.marker_masks import MarkerWriter, shortest_marker
from blast_core.markers import evaluate_marker
from blast_core.platforms import DEFAULT_PLATFORMS, KNOWN_PLATFORMS, RELEASED_MINORS, make_target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from blast_core.interpreter import Target

DEFAULT = [make_target(platform, minor) for platform in DEFAULT_PLATFORMS for minor in RELEASED_MINORS]
ANY = [
    make_target(platform, minor, implementation=implementation)
    for platform in (*KNOWN_PLATFORMS.values(), DEFAULT_PLATFORMS[0]._replace(name="odd", os_name="java"))
    for minor in RELEASED_MINORS
    for implementation in ("cpython", "pypy")
]


def mask_of(targets: list[Target], holds: Callable[[Mapping[str, str]], bool]) -> int:
    return sum(1 << bit for bit, target in enumerate(targets) if holds(target.marker_environment))


def check(targets: list[Target], mask: int) -> str:
    text = MarkerWriter([target.marker_environment for target in targets]).write(mask)
    assert text is not None
    assert mask_of(targets, lambda environment: evaluate_marker(text, environment)) == mask
    if text:
        marker = Marker(text)
        # `packaging` takes the empty extra for granted.
        assert mask_of(targets, lambda one: marker.evaluate({**one, "extra": ""})) == mask
    return text


@pytest.mark.property
@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(ANY), min_size=1, max_size=64, unique_by=lambda target: target.name), st.data())
def test_any_set_of_any_targets_has_its_marker(targets: list[Target], data: st.DataObject) -> None:
    check(targets, data.draw(st.integers(1, (1 << len(targets)) - 1)))


@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(
    st.sets(st.sampled_from(sorted({platform.sys_platform for platform in DEFAULT_PLATFORMS})), max_size=3),
    st.integers(0, len(RELEASED_MINORS)),
    st.booleans(),
)
def test_sets_that_real_markers_make_are_written_shortly(systems: set[str], at: int, either: bool) -> None:
    old = {f"3.{minor}" for minor in RELEASED_MINORS[:at]}

    def holds(one: Mapping[str, str]) -> bool:
        left, right = one["sys_platform"] in systems, one["python_version"] in old
        return left or right if either else left and right

    mask = mask_of(DEFAULT, holds)
    if mask:
        assert len(check(DEFAULT, mask)) <= 80


@pytest.mark.parametrize(
    ("expected", "holds"),
    [
        ("", bool),
        ('sys_platform == "win32"', lambda one: one["os_name"] == "nt"),
        ('sys_platform != "darwin"', lambda one: one["platform_system"] != "Darwin"),
        ('python_version < "3.11"', lambda one: one["python_version"] in {"3.8", "3.9", "3.10"}),
        ('python_version == "3.11"', lambda one: one["python_version"] == "3.11"),
        ('python_version >= "3.14"', lambda one: one["python_version"] == "3.14"),
        ('python_version != "3.11"', lambda one: one["python_version"] != "3.11"),
        (
            'python_version == "3.12" or sys_platform == "linux"',
            lambda one: one["python_version"] == "3.12" or one["sys_platform"] == "linux",
        ),
        (
            'python_version < "3.14" or platform_machine != "ARM64"',
            lambda one: one["python_version"] != "3.14" or one["platform_machine"] != "ARM64",
        ),
        (
            'python_version >= "3.9" and python_version < "3.12" and sys_platform == "win32"',
            lambda one: one["python_version"] in {"3.9", "3.10", "3.11"} and one["sys_platform"] == "win32",
        ),
    ],
)
def test_markers_are_what_a_person_would_write(expected: str, holds: Callable[[Mapping[str, str]], bool]) -> None:
    assert shortest_marker(mask_of(DEFAULT, holds), DEFAULT) == expected


def test_three_values_may_be_needed() -> None:
    targets = [
        target for target in ANY if target.name.startswith(("linux-x86_64-", "linux-i686-", "odd-", "windows-x86-"))
    ]
    for bit in range(0, len(targets), 5):
        check(targets, 1 << bit)


def test_alike_targets_can_not_be_told_apart() -> None:
    twice = [DEFAULT[0], DEFAULT[0]._replace(name="again")]
    writer = MarkerWriter([target.marker_environment for target in twice])
    assert (writer.write(0b11), writer.write(0b01)) == ("", None)
    assert shortest_marker(0b01, twice) == ""


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"python_version": "new"},
        {"python_version": "3", "sys_platform": 'a"b'},
        {"sys_platform": "a\nb"},
        {"sys_platform": "a\\b"},
    ],
)
def test_values_that_no_marker_can_hold_give_none(environment: dict[str, str]) -> None:
    assert MarkerWriter([environment, {"sys_platform": "", **environment, "python_version": "3.9"}]).write(0b01) in (
        None,
        'sys_platform != ""',
    )
