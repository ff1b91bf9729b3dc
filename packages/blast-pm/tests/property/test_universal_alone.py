"""For each target a universal resolution is what solving that target alone gives."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, NamedTuple

import pytest

from blast_core.errors import NoSolution, ResolutionLimit
from blast_core.requirements import parse_requirement
from blast_pm.resolver import ResolutionPolicy, resolve, resolve_universal
from blast_pm.resolver.testing import MemorySource, Release, make_target

if TYPE_CHECKING:
    from blast_core.requirements import Requirement
    from blast_pm.resolver import UniversalResolution

pytestmark = pytest.mark.property

TARGETS = tuple(
    make_target(python, platform) for python in ("3.10", "3.12", "3.13") for platform in ("linux", "macos", "windows")
)
ALL = (1 << len(TARGETS)) - 1
VERSIONS = ("1", "1.5", "2", "2.5", "3", "3.0a1", "2.0b1", "1.0+x")
SPECIFIERS = (
    "",
    "",
    "",
    "",
    ">=1.5",
    "<2",
    "<=2",
    "==2",
    "==3",
    "!=2",
    "~=2.0",
    ">1",
    ">=1,<3",
    ">=2.0b1",
    "<3",
    ">=2",
)
MARKERS = (
    *([""] * 8),
    "; extra == 'x'",
    "; extra == 'y'",
    "; sys_platform == 'win32'",
    "; sys_platform != 'win32'",
    "; sys_platform == 'linux'",
    "; python_version >= '3.12'",
    "; python_version < '3.13'",
    "; python_version < '3.12' and sys_platform == 'darwin'",
    "; extra == 'x' and sys_platform == 'linux'",
)
ROOT_MARKERS = tuple(marker for marker in MARKERS if "extra" not in marker)
PYTHONS = ("",) * 8 + (">=3.12", ">=3.13", "<3.13", ">=3.8", ">=3.14")
TAGS = (("py3-none-any",),) * 12 + (
    ("py3-none-win_amd64",),
    ("py3-none-manylinux_2_17_x86_64", "py3-none-win_amd64"),
    ("cp312-cp312-manylinux_2_17_x86_64", "cp313-cp313-manylinux_2_17_x86_64", "cp310-cp310-win_amd64"),
)
SEEDS = int(os.environ.get("BLAST_TEST_UNIVERSES", "1000"))


class Question(NamedTuple):
    universe: dict[str, dict[str, Release]]
    roots: list[tuple[Requirement, int]]
    policy: ResolutionPolicy
    preferences: dict[str, list[tuple[str, int]]]


def draw_question(seed: int) -> Question:
    rng = random.Random(seed)
    names = [f"p{number}" for number in range(rng.randint(2, 9))]
    versions, needs = rng.randint(1, 5), rng.randint(1, 4)

    def draw(markers: tuple[str, ...]) -> str:
        name = rng.choice(names) if rng.random() < 0.99 else "missing"
        extras = rng.choice(("", "", "", "", "[x]", "[y]", "[x,y]"))
        return f"{name}{extras}{rng.choice(SPECIFIERS)}{rng.choice(markers)}"

    universe = {
        name: {
            version: Release(
                [draw(MARKERS) for _ in range(rng.randint(0, needs))],
                rng.choice(PYTHONS),
                yanked=rng.random() < 0.07,
                tags=rng.choice(TAGS),
                late_python=rng.random() < 0.3,
            )
            for version in rng.sample(VERSIONS, rng.randint(1, versions))
        }
        for name in names
    }
    roots = [
        (parse_requirement(draw(ROOT_MARKERS)), ALL if rng.random() < 0.8 else rng.randint(1, ALL))
        for _ in range(rng.randint(1, 4))
    ]
    bare = [draw(ROOT_MARKERS).replace("[x,y]", "").replace("[x]", "").replace("[y]", "") for _ in range(2)]
    policy = ResolutionPolicy(
        constraints=(parse_requirement(bare[0]),) if rng.random() < 0.2 else (),
        overrides=(parse_requirement(bare[1]),) if rng.random() < 0.15 else (),
        prereleases=rng.choice(("if-necessary-or-explicit",) * 4 + ("allow", "disallow", "explicit")),
        package_prereleases={"p1": "allow"} if rng.random() < 0.1 else {},
        resolution=rng.choice(("highest",) * 6 + ("lowest", "lowest-direct")),
    )
    preferences = {
        name: [(rng.choice(VERSIONS), mask) for mask in rng.choice(((ALL,), (0b111, 0b111000)))]
        for name in (rng.sample(names, 2) if rng.random() < 0.2 else ())
    }
    return Question(universe, roots, policy, preferences)


def alone(question: Question, bit: int) -> dict[str, tuple[str, tuple[str, ...]]] | None:
    target = TARGETS[bit]
    try:
        found = resolve(
            list(dict.fromkeys(row for row, mask in question.roots if mask >> bit & 1)),
            target,
            MemorySource(question.universe, target),
            policy=question.policy,
            preferences={
                name: version
                for name, rows in question.preferences.items()
                for version, mask in rows
                if mask >> bit & 1
            },
        )
    except NoSolution:
        return None
    return {package.name: (package.version, package.extras) for package in found.packages}


def together(resolution: UniversalResolution, bit: int) -> dict[str, tuple[str, tuple[str, ...]]] | None:
    if any(failure.mask >> bit & 1 for failure in resolution.failures):
        return None
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for package in resolution.packages:
        if package.mask >> bit & 1:
            assert package.name not in found
            extras = tuple(extra for extra, mask in package.extras if mask >> bit & 1)
            found[package.name] = (package.version, extras)
    return found


@pytest.mark.parametrize("block", range(5))
def test_each_target_gets_what_it_would_get_alone(block: int) -> None:
    fewer = forked = 0
    for seed in range(SEEDS * block // 5, SEEDS * (block + 1) // 5):
        question = draw_question(seed)
        source = MemorySource(question.universe, TARGETS)
        try:
            resolution = resolve_universal(
                question.roots, TARGETS, source, policy=question.policy, preferences=question.preferences
            )
        except ResolutionLimit:
            continue
        fewer += resolution.solves < len(TARGETS)
        forked += resolution.solves > 1
        for bit, target in enumerate(TARGETS):
            assert together(resolution, bit) == alone(question, bit), f"seed {seed}, {target.name}"
    assert fewer > SEEDS // 10
    assert forked
