"""What another installer takes from pylock.toml is what Blast takes from blast.lock, on every target and selection.

The oracle is `packaging.pylock`. Where groups are declared to conflict, every legal selection counts.
"""

from __future__ import annotations

import tomllib
from itertools import combinations
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.pylock import Pylock
from packaging.tags import Tag

from blast_compat.locks.pylock import read_pylock, write_pylock
from blast_compat.locks.pylock_markers import LockMarkers, member_group
from blast_core.formats.dpl.model import NO_HASH, Lock, LockedFile, LockedPackage, LockedSource, canonical_lock
from blast_core.formats.dpl.targets import lock_target
from blast_core.platforms import DEFAULT_PLATFORMS, make_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypothesis.strategies import DrawFn
    from packaging.markers import Environment

    from blast_core.interpreter import Target

pytestmark = pytest.mark.property

BASES = [make_target(platform, minor) for platform in DEFAULT_PLATFORMS for minor in (9, 10, 12, 13)]
GROUPS = (
    "default",
    "group:dev",
    "group:new",
    "group:old",
    "extra:cpu",
    "extra:gpu",
    "extra:plot",
    "extra:tpu",
    "package:m",
    "package:m:extra:b",
)
# The largest choices without a conflict, as conflicts are declared.
VARIANTS: list[list[tuple[str, ...]]] = [
    [()],
    [("extra:cpu",), ("extra:gpu",)],
    [("extra:cpu",), ("extra:gpu",), ("extra:tpu",)],
    [("extra:cpu", "group:old"), ("extra:cpu", "group:new"), ("extra:gpu", "group:old"), ("extra:gpu", "group:new")],
    [("extra:cpu", "extra:tpu"), ("extra:gpu",)],
    [("extra:plot", "group:old"), ("group:new", "group:old"), ("extra:plot", "extra:cpu")],
    [("extra:cpu",), ("package:m:extra:b",)],
    [("package:m",), ("package:m:extra:b",), ("group:old",)],
]


def refused(variants: list[tuple[str, ...]], number: int) -> set[str]:
    return {item for one in variants for item in one} - set(variants[number])


@st.composite
def cases(draw: DrawFn) -> tuple[Lock, list[Target], list[tuple[str, ...]]]:
    variants = draw(st.sampled_from(VARIANTS))
    most = 64 // len(variants)
    bases = draw(st.lists(st.sampled_from(BASES), min_size=1, max_size=min(most, 12), unique_by=lambda one: one.name))
    targets = [lock_target(base, "+".join(items).replace(":", "-"), items) for items in variants for base in bases]
    packages = []
    for name in ("alpha", "beta", "gamma"):
        owners = draw(st.lists(st.integers(0, 2), min_size=len(targets), max_size=len(targets)))
        for owner in range(2):
            groups = draw(st.integers(1, (1 << len(GROUPS)) - 1) | st.sampled_from([1, 2, 16, 32]))
            mask = 0
            for number in range(len(variants)):
                out = refused(variants, number)
                if any(groups >> bit & 1 and group not in out for bit, group in enumerate(GROUPS)):
                    mask |= ((1 << len(bases)) - 1) << number * len(bases)
            mask &= sum(1 << bit for bit, other in enumerate(owners) if other == owner)
            if mask:
                packages.append(locked(name, f"{owner + 1}.0", mask, groups))
    lock = Lock(tuple(packages), tuple(targets), GROUPS, "", bytes(32), NO_HASH, ("default",))
    return canonical_lock(lock), bases, variants


def locked(name: str, version: str, mask: int, groups: int) -> LockedPackage:
    filename = f"{name}-{version}-py3-none-any.whl"
    files = (LockedFile(filename, "default", f"x/{filename}", "a" * 64, 1, ""),)
    return LockedPackage(name, version, LockedSource("registry", "", "", "", ""), files, (), (), "", mask, groups)


def selections(variants: list[tuple[str, ...]]) -> Iterator[tuple[int, set[str]]]:
    """Yield legal selections with the first variant that each lies in."""
    free = [group for group in GROUPS[1:] if group not in {item for one in variants for item in one}]
    seen = set()
    for number, variant in enumerate(variants):
        for size in range(len(variant) + 1):
            for chosen in combinations(variant, size):
                if frozenset(chosen) not in seen:
                    seen.add(frozenset(chosen))
                    yield number, set(chosen)
                    yield number, {*chosen, *free[:1]}


@settings(max_examples=120, deadline=None)
@given(cases())
def test_another_installer_takes_what_we_take(case: tuple[Lock, list[Target], list[tuple[str, ...]]]) -> None:
    lock, bases, variants = case
    text = write_pylock(lock, lambda file: f"https://index.invalid/{file.path}")
    pylock = Pylock.from_dict(tomllib.loads(text))
    for place, base in enumerate(bases):
        for number, selected in selections(variants):
            bit = number * len(bases) + place
            asked = sum(1 << at for at, group in enumerate(GROUPS) if group == "default" or group in selected)
            expected = [
                (row.name, row.version)
                for row in lock.packages
                if row.target_mask >> bit & 1 and row.group_mask & asked
            ]
            chosen = pylock.select(
                environment=cast("Environment", base.marker_environment),
                tags=[Tag("py3", "none", "any")],
                extras=[group[6:] for group in selected if group.startswith("extra:")],
                dependency_groups=[
                    group[6:] if group.startswith("group:") else member_group(group)
                    for group in selected
                    if not group.startswith("extra:")
                ],
            )
            assert [(str(package.name), str(package.version)) for package, _ in chosen] == expected


@settings(max_examples=150, deadline=None)
@given(cases())
def test_the_text_tells_all_that_the_lock_tells(case: tuple[Lock, list[Target], list[tuple[str, ...]]]) -> None:
    lock, _, _ = case
    text = write_pylock(lock, lambda file: f"https://index.invalid/{file.path}")
    assert read_pylock(text)._replace(text_hash=NO_HASH) == lock
    # A reviewer reads markers and names; no list of targets and no table of values stands beside them.
    assert "markers = " not in text
    assert '\ntargets = ["' not in text


@settings(max_examples=150, deadline=None)
@given(cases())
def test_markers_read_back_as_the_masks_they_were_written_for(
    case: tuple[Lock, list[Target], list[tuple[str, ...]]],
) -> None:
    lock, _, _ = case
    markers = LockMarkers(lock)
    for package in lock.packages:
        written = markers.write(package.target_mask, package.group_mask)
        assert written.exact
        assert markers.mask_of(written.text, package.group_mask) == package.target_mask


def test_a_machine_that_the_lock_is_not_for_is_refused_by_others() -> None:
    bases = [make_target(DEFAULT_PLATFORMS[0], minor) for minor in (10, 11, 13)]
    lock = Lock((), tuple(map(lock_target, bases)), ("default",), "", bytes(32), NO_HASH, ())
    platform = "implementation_name == 'cpython' and sys_platform == 'linux' and platform_machine == 'x86_64'"
    assert LockMarkers(lock).environments() == [
        f"{platform} and python_version >= '3.10' and python_version < '3.12'",
        f"{platform} and python_version == '3.13'",
    ]


def test_platforms_that_are_told_by_more_are_told_by_more() -> None:
    odd = DEFAULT_PLATFORMS[0]._replace(name="odd", os_name="java")
    bases = [make_target(platform, 12) for platform in (DEFAULT_PLATFORMS[0], odd)]
    lock = Lock((), tuple(map(lock_target, bases)), ("default",), "", bytes(32), NO_HASH, ())
    assert ["os_name == 'java'" in text for text in LockMarkers(lock).environments()] == [False, True]


@pytest.mark.parametrize(
    ("mask", "groups", "expected"),
    [
        (0b11, 0b1, ""),
        (0b01, 0b1, "'gpu' not in extras"),
        (0b10, 0b1, "'gpu' in extras"),
        (0b01, 0b10000, "'cpu' in extras"),
        (0b10, 0b100000, "'gpu' in extras"),
        (0b11, 0b110000, "'cpu' in extras or 'gpu' in extras"),
        (0b10, 0b10, "'gpu' in extras and 'dev' in dependency_groups"),
    ],
)
def test_choices_are_written_as_a_person_would(mask: int, groups: int, expected: str) -> None:
    base = make_target(DEFAULT_PLATFORMS[0], 12)
    targets = tuple(lock_target(base, name, (f"extra:{name}",)) for name in ("cpu", "gpu"))
    lock = Lock((), targets, GROUPS, "", bytes(32), NO_HASH, ())
    assert LockMarkers(lock).write(mask, groups).text == expected
