"""Platforms and Pythons that are not this machine's: their wheel tags and marker values, held to `packaging`."""

from __future__ import annotations

import platform
import sys

import pytest
from packaging.markers import default_environment
from packaging.tags import compatible_tags, cpython_tags, mac_platforms, parse_tag, sys_tags

from blast_core.errors import UsageError
from blast_core.platform_names import platform_of
from blast_core.platform_tags import TagReach, TagTable, linux_tags, macos_tags, python_tags
from blast_core.platforms import (
    DEFAULT_PLATFORMS,
    KNOWN_PLATFORMS,
    RELEASED_MINORS,
    make_target,
    platform_named,
)

TARGETS = [make_target(one, minor) for one in KNOWN_PLATFORMS.values() for minor in RELEASED_MINORS]
# Formats of machines that nobody builds for any more, and one that `packaging` spells as no tool ever did.
_GONE = ("fat3", "fat32")


@pytest.mark.parametrize("machine", ["x86_64", "arm64"])
def test_macs_take_what_packaging_says(machine: str) -> None:
    expected = [tag for tag in mac_platforms((26, 0), machine) if not tag.endswith(_GONE)]
    assert list(macos_tags(machine)) == expected


@pytest.mark.parametrize("minor", RELEASED_MINORS)
@pytest.mark.parametrize("one", DEFAULT_PLATFORMS, ids=lambda one: one.name)
def test_tags_come_in_the_order_of_packaging(one: object, minor: int) -> None:
    from blast_core.platforms import Platform

    assert isinstance(one, Platform)
    own, platforms = f"cp3{minor}", list(one.tags)
    expected = [*cpython_tags((3, minor), [own], platforms), *compatible_tags((3, minor), own, platforms)]
    assert list(make_target(one, minor).tags) == [str(tag) for tag in expected]


def test_this_interpreter_takes_what_its_platform_does() -> None:
    """Every tag of the real interpreter is one of its platform's, and in the same order."""
    here = platform_named(f"{platform.system()}-{platform.machine()}")
    assert here is not None
    table = make_target(here, sys.version_info.minor).tags
    real = [str(tag) for tag in sys_tags()]
    assert [tag for tag in table if tag in set(real)] == real


def test_its_marker_values_are_those_of_packaging() -> None:
    here = platform_named(f"{platform.system()}-{platform.machine()}")
    assert here is not None
    patch = sys.version_info.micro
    found = dict(make_target(here, sys.version_info.minor, patches=(patch, patch)).marker_environment)
    real = {key: value for key, value in default_environment().items() if key in found}
    for name in ("platform_release", "platform_version"):
        assert found.pop(name) == ""
        real.pop(name)
    assert found == real


def test_a_lock_serves_glibc_and_musl_new_and_old() -> None:
    tags = linux_tags("x86_64")
    for one in ("manylinux1", "manylinux2010", "manylinux2014", "manylinux_2_17", "manylinux_2_40", "musllinux_1_2"):
        assert f"{one}_x86_64" in tags
    assert "manylinux1_aarch64" not in linux_tags("aarch64")


def test_a_target_stands_for_its_oldest_and_newest_patch() -> None:
    target = make_target(DEFAULT_PLATFORMS[0], 12, patches=(4, 99))
    assert target.name == "linux-x86_64-py312"
    assert target.python_version == target.marker_environment["python_full_version"] == "3.12.99"
    assert [one["python_full_version"] for one in target.also] == ["3.12.4"]
    assert make_target(DEFAULT_PLATFORMS[0], 12, patches=(4, 4)).also == ()


def test_pypy_takes_its_own_wheels_and_no_others() -> None:
    target = make_target(DEFAULT_PLATFORMS[0], 10, implementation="pypy")
    assert target.name == "linux-x86_64-pypy310"
    assert "pp310-pypy310_pp73-manylinux_2_17_x86_64" in target.tags
    assert not [tag for tag in target.tags if tag.startswith("cp")]
    assert target.marker_environment["platform_python_implementation"] == "PyPy"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("linux-arm64", "linux-aarch64"),
        ("Linux-AMD64", "linux-x86_64"),
        ("musllinux-x86_64", "linux-x86_64"),
        ("macos-aarch64", "macos-arm64"),
        ("darwin-arm64", "macos-arm64"),
        ("win-amd64", "windows-x86_64"),
        ("windows-i686", "windows-x86"),
    ],
)
def test_other_tools_words_are_understood(said: str, meant: str) -> None:
    found = platform_named(said)
    assert found is not None
    assert found.name == meant


def test_an_unknown_platform_is_none() -> None:
    assert platform_named("amiga-m68k") is None
    assert platform_of("Haiku", "BePC") == "haiku-bepc"


@pytest.mark.parametrize("target", TARGETS[::9], ids=lambda target: target.name)
def test_a_table_is_the_sequence_that_it_stands_for(target: object) -> None:
    from blast_core.interpreter import Target

    assert isinstance(target, Target)
    table = target.tags
    assert isinstance(table, TagTable)
    written = list(table)
    assert len(written) == len(set(written)) == len(table)
    assert [table.get(tag) for tag in written] == list(range(len(table)))
    assert [table[at] for at in range(len(table))] == written
    assert table[-1] == written[-1]
    assert list(table[:1]) == written[:1]
    assert list(table[-3::2]) == written[-3::2]
    assert "cp27-cp27mu-manylinux1_x86_64" not in table
    with pytest.raises(IndexError):
        table[len(table)]


@pytest.mark.parametrize(
    "tag",
    [
        "py3-none-any",
        "py2.py3-none-any",
        "py2-none-any",
        "cp39-abi3-win_amd64",
        "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64",
        "cp311-cp311-macosx_10_9_universal2",
        "cp311-none-any",
        "cp312.cp313-none-musllinux_1_1_aarch64",
        "py3-none-macosx_11_0_arm64",
        "cp313-cp313t-win_arm64",
        "pp310-pypy310_pp73-win_amd64",
    ],
)
def test_reach_is_what_each_table_says(tag: str) -> None:
    tables = [target.tags for target in TARGETS]
    assert all(isinstance(table, TagTable) for table in tables)
    reach = TagReach([table for table in tables if isinstance(table, TagTable)])
    singles = {str(one) for one in parse_tag(tag)}
    expected = sum(1 << bit for bit, table in enumerate(tables) if any(one in table for one in singles))
    assert reach.of(tag) == reach.of(tag) == expected


def test_free_threaded_wheels_are_kept_for_those_who_have_that_build() -> None:
    tables = [python_tags("cpython", minor, linux_tags("x86_64")) for minor in (12, 13)]
    tag = "cp313-cp313t-manylinux_2_28_x86_64"
    assert TagReach(tables).of(tag) == 0
    assert TagReach(tables, free_threaded=True).of(tag) == 0b10


@pytest.mark.parametrize("minor", [1000, 3_999_999_999, -1])
def test_a_python_that_never_was_is_refused_and_takes_no_memory(minor: int) -> None:
    """Found by fuzzing: a lock's text named a target whose table of tags had no room in memory."""
    with pytest.raises(UsageError, match="no Python"):
        make_target(KNOWN_PLATFORMS["linux-x86_64"], minor)
