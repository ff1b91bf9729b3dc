"""What a project is locked for follows from its manifest and from nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_core.errors import InvalidManifest, UsageError
from blast_core.platforms import DEFAULT_PLATFORMS
from blast_project.targets import MOST_TARGETS, asked_targets, plan_targets, project_targets, roots_of
from blast_project.testing import Workbench

if TYPE_CHECKING:
    from pathlib import Path

    from blast_project.project import Project

PLATFORMS = [platform.name for platform in DEFAULT_PLATFORMS]


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    return Workbench.make(tmp_path)


def project(bench: Workbench, requires: str = ">=3.12", *lines: str, more: str = "") -> Project:
    head = [f"requires-python = '{requires}'"] if requires else []
    return bench.write_manifest(*head, *lines, more=more)


def names(*arguments: object, **more: object) -> list[str]:
    return [target.name for target in project_targets(*arguments, **more)]  # type: ignore[arg-type]


def minors(bench: Workbench, requires: str) -> list[str]:
    found = {target.python_version.rpartition(".")[0] for target in project_targets(project(bench, requires))}
    return sorted(found, key=lambda text: int(text.partition(".")[2]))


def test_every_default_platform_has_every_minor(bench: Workbench) -> None:
    assert names(project(bench)) == [f"{name}-py3{minor}" for name in PLATFORMS for minor in (12, 13, 14)]


@pytest.mark.parametrize(
    ("requires", "expected"),
    [
        (">=3.8", "8 9 10 11 12 13 14"),
        (">=3.11,<3.13", "11 12"),
        ("~=3.11.2", "11"),
        ("==3.11.*", "11"),
        (">3.12", "12 13 14"),
        (">=3.10,!=3.11.*,<3.13", "10 12"),
        ("", "10 11 12 13 14"),
        (">=3.15", "15"),
        ("==3.6.*", "6"),
    ],
)
def test_requires_python_chooses_the_minors(bench: Workbench, requires: str, expected: str) -> None:
    assert minors(bench, requires) == [f"3.{minor}" for minor in expected.split()]


@pytest.mark.parametrize(
    ("requires", "oldest", "newest"),
    [
        (">=3.12", "3.12.0", "3.12.99"),
        (">=3.12.4", "3.12.4", "3.12.99"),
        (">3.12,<3.12.7", "3.12.1", "3.12.6"),
        ("==3.12.3", "3.12.3", "3.12.3"),
        (">=3.12,!=3.12.5", "3.12.0", "3.12.99"),
    ],
)
def test_a_target_stands_for_the_patch_releases_that_the_project_runs_on(
    bench: Workbench, requires: str, oldest: str, newest: str
) -> None:
    target = project_targets(project(bench, requires), ["linux-x86_64-py312"])[0]
    environments = (target.marker_environment, *target.also)
    assert target.python_version == newest
    assert {one["python_full_version"] for one in environments} == {oldest, newest}


def test_a_python_that_there_is_not_is_named(bench: Workbench) -> None:
    with pytest.raises(InvalidManifest, match="requires-python '<3'"):
        names(project(bench, "<3"))


def test_names_replace_the_default_targets(bench: Workbench) -> None:
    more = "[tool.blast]\ntargets = ['linux-arm64', 'macos-arm64-py313', 'linux-x86_64-pypy312', 'linux-aarch64-py312']"
    asked = project(bench, more=more)
    assert names(asked) == [
        "linux-aarch64-py312",
        "linux-aarch64-py313",
        "linux-aarch64-py314",
        "macos-arm64-py313",
        "linux-x86_64-pypy312",
    ]
    assert names(asked, ["windows-amd64-cp312"]) == ["windows-x86_64-py312"]
    assert asked_targets(asked, ["x"]) == ("x",)
    assert plan_targets(asked).named
    assert not plan_targets(project(bench)).named


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("linux-x86", "linux-x86_64"),
        ("linus-x86_64-py312", "linux-x86_64-py312"),
        ("macos-arm46", "macos-arm64"),
        ("linux-x84_64-pypy310", "linux-x86_64-pypy310"),
        ("???", "write it as"),
    ],
)
def test_a_name_that_is_none_is_told_the_nearest(bench: Workbench, name: str, hint: str) -> None:
    with pytest.raises(UsageError, match="is no target") as caught:
        names(project(bench), [name])
    assert hint in caught.value.hint
    with pytest.raises(InvalidManifest, match=r"pyproject\.toml: tool\.blast\.targets"):
        names(project(bench, more=f"[tool.blast]\ntargets = ['{name}']"))


def test_pypy_of_every_minor_that_it_has(bench: Workbench) -> None:
    found = names(project(bench, ">=3.10"), ["linux-x86_64-pypy", "macos-arm64-py312"])
    assert found == ["linux-x86_64-pypy310", "linux-x86_64-pypy311", "macos-arm64-py312"]
    with pytest.raises(UsageError) as caught:
        names(project(bench, ">=3.13"), ["linux-x86_64-pypy"])
    assert "3.8 to 3.11" in caught.value.reason
    with pytest.raises(UsageError, match="'plan9-pypy' is no target"):
        names(project(bench, ">=3.10"), ["plan9-pypy"])


@pytest.mark.parametrize("name", ["linux-x86_64-py313t", "macos-arm64-cp314t"])
def test_a_build_without_the_global_lock_is_no_target_of_its_own(bench: Workbench, name: str) -> None:
    with pytest.raises(UsageError, match="is no target of its own") as caught:
        names(project(bench), [name])
    assert f"'{name[:-1]}' stands for both" in caught.value.hint


def test_a_name_outside_of_requires_python_is_refused(bench: Workbench) -> None:
    with pytest.raises(UsageError, match="none of the project's") as caught:
        names(project(bench), ["linux-x86_64-py39"])
    assert ">=3.12" in caught.value.reason


@pytest.mark.parametrize("value", ["'linux-x86_64'", "[3]", "{}"])
def test_targets_must_be_texts(bench: Workbench, value: str) -> None:
    with pytest.raises(InvalidManifest, match=r"tool\.blast\.targets is") as caught:
        names(project(bench, more=f"[tool.blast]\ntargets = {value}"))
    assert "array of texts" in f"{caught.value} {caught.value.reason} {caught.value.hint}"


def test_more_than_a_lock_holds_is_refused(bench: Workbench) -> None:
    wanted = [*PLATFORMS, "linux-i686", "linux-s390x", "linux-ppc64le", "linux-riscv64"]
    with pytest.raises(InvalidManifest, match="70 targets are too many") as caught:
        names(project(bench, ">=3.8"), wanted)
    assert "name fewer" in caught.value.hint


# Targets that a marker of the project's own speaks of


@pytest.mark.parametrize(
    ("marker", "first"),
    [
        ("sys_platform == 'os2'", "linux-x86_64+os2-py312"),
        ("implementation_name == 'pypy'", "linux-x86_64-pypy312"),
        ("platform_python_implementation == 'PyPy' and sys_platform == 'win32'", "windows-x86_64-pypy312"),
        ("platform_python_implementation == 'Jython'", "linux-x86_64-jython312"),
        ("platform_machine == 's390x'", "linux-s390x-py312"),
        ("platform_machine in 'riscv64 mips'", "linux-riscv64-py312"),
        ("os_name == 'java' and python_version >= '3.13'", "linux-x86_64+java-py312"),
    ],
)
def test_a_marker_that_holds_nowhere_adds_where_it_does(bench: Workbench, marker: str, first: str) -> None:
    found = project_targets(project(bench, ">=3.12", f'dependencies = ["alpha; {marker}"]'))
    added = found[len(PLATFORMS) * 3 :]
    assert added[0].name == first
    assert len(found) <= MOST_TARGETS
    assert len({target.name for target in found}) == len(found)


@pytest.mark.parametrize(
    "marker", ["python_version < '3.9'", "sys_platform == 'win32'", "sys_platform == 'os2' and sys_platform == 'os3'"]
)
def test_a_marker_adds_nothing_that_is_there_or_can_not_be(bench: Workbench, marker: str) -> None:
    assert len(names(project(bench, ">=3.12", f'dependencies = ["alpha; {marker}"]'))) == len(PLATFORMS) * 3


def test_every_odd_marker_gets_a_platform_before_one_gets_many(bench: Workbench) -> None:
    lines = ["alpha; sys_platform == 'os1'", "beta; sys_platform == 'os2'", "gamma; implementation_name == 'iron'"]
    found = names(project(bench, ">=3.8", f"dependencies = {lines}"))
    assert found[42:63] == [
        f"linux-x86_64{middle}3{minor}" for middle in ("+os1-py", "+os2-py", "-iron") for minor in range(8, 15)
    ]
    assert len(found) <= MOST_TARGETS


def test_named_targets_get_nothing_added(bench: Workbench) -> None:
    odd = project(bench, ">=3.12", "dependencies = [\"alpha; sys_platform == 'os2'\"]")
    assert names(odd, ["linux-x86_64-py312"]) == ["linux-x86_64-py312"]


# Variants

CONFLICT = """
[tool.blast]
conflicts = [[{ extra = "cpu" }, { extra = "gpu" }]]
[project.optional-dependencies]
cpu = ["alpha"]
gpu = ["beta"]
"""


def test_conflicts_multiply_the_targets(bench: Workbench) -> None:
    asked = project(bench, more=CONFLICT)
    plan = plan_targets(asked, ["linux-x86_64-py312", "macos-arm64-py312"])
    assert [target.name for target in plan.targets] == [
        "linux-x86_64-py312+cpu",
        "macos-arm64-py312+cpu",
        "linux-x86_64-py312+gpu",
        "macos-arm64-py312+gpu",
    ]
    assert [plan.mask_of(group) for group in asked.groups] == [0b1111, 0b0011, 0b1100]
    assert [(row.name, mask) for row, mask in roots_of(asked, plan)] == [("alpha", 0b0011), ("beta", 0b1100)]
    assert [dict(target.markers)["variant"] for target in plan.locked] == ["extra:cpu"] * 2 + ["extra:gpu"] * 2
    assert plan.locked[0].platform == "linux-x86_64"


def test_default_targets_give_way_to_variants_oldest_python_first(bench: Workbench) -> None:
    plan = plan_targets(project(bench, ">=3.8", more=CONFLICT))
    assert len(plan.targets) == 60
    assert plan.base[0].name == "linux-x86_64-py310"
    assert "3.8, 3.9" in plan.notes[0]
    assert not plan_targets(project(bench, ">=3.10", more=CONFLICT)).notes
