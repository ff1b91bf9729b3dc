"""Targets that are not this machine's, for `pip compile --python-version` and `--python-platform`."""

from __future__ import annotations

import pytest

from blast_core.errors import UsageError
from blast_core.interpreter import Interpreter
from blast_core.platforms import KNOWN_PLATFORMS, make_target
from blast_project.foreign_target import for_other_target

HERE = Interpreter(
    "/x/python",
    "3.12.1",
    "cpython",
    "cpython-312",
    "/x",
    "lib",
    "bin",
    "include",
    make_target(KNOWN_PLATFORMS["linux-aarch64"], 12, patches=(1, 1)),
)


def test_nothing_asked_leaves_everything() -> None:
    assert for_other_target(HERE, "", "") is HERE


@pytest.mark.parametrize(("asked", "full"), [("3.9", "3.9.0"), ("3.9.21", "3.9.21"), ("3.13", "3.13.0")])
def test_a_version_without_a_patch_is_the_first_one(asked: str, full: str) -> None:
    target = for_other_target(HERE, asked, "").target
    assert target.python_version == target.marker_environment["python_full_version"] == full
    assert target.marker_environment["platform_machine"] == "aarch64"
    assert target.also == ()
    assert for_other_target(HERE, asked, "").executable == HERE.executable


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("windows", "windows-x86_64"),
        ("macos", "macos-arm64"),
        ("linux", "linux-x86_64"),
        ("linux-s390x", "linux-s390x"),
        ("x86_64-manylinux_2_28", "linux-x86_64"),
        ("x86_64-manylinux2014", "linux-x86_64"),
        ("aarch64-unknown-linux-gnu", "linux-aarch64"),
        ("aarch64-apple-darwin", "macos-arm64"),
        ("x86_64-pc-windows-msvc", "windows-x86_64"),
    ],
)
def test_platforms_have_our_names_or_those_of_uv(asked: str, name: str) -> None:
    assert for_other_target(HERE, "", asked).target.name == f"{name}-py312"


@pytest.mark.parametrize("asked", ["4.0", "3", "2.7", "three", "3.12.1.1", "3.x", "3.2"])
def test_what_is_no_python_is_refused(asked: str) -> None:
    with pytest.raises(UsageError, match="--python-version"):
        for_other_target(HERE, asked, "")


def test_what_is_no_platform_is_refused() -> None:
    with pytest.raises(UsageError, match="no such platform") as caught:
        for_other_target(HERE, "", "beos")
    assert "linux-x86_64" in caught.value.hint
