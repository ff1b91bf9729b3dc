"""The solver against resolvelib, against brute force and against an independent validator, on random small universes.

Universes are drawn from numbered seeds, so that a failure names the one that shows it and thousands cost seconds.
"""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, NamedTuple

import pytest
from packaging.requirements import Requirement as PackagingRequirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from blast_core.errors import NoSolution
from blast_core.requirements import parse_requirement
from blast_pm.resolver import ResolutionPolicy, resolve
from blast_pm.resolver.oracle import resolve_with_resolvelib
from blast_pm.resolver.request import make_request
from blast_pm.resolver.solver import Solver, Unsolvable
from blast_pm.resolver.testing import MemorySource, Release, make_policy, make_target, requirements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from packaging.markers import Marker

    from blast_core.requirements import Requirement
    from blast_pm.resolver import Resolution

pytestmark = pytest.mark.property

TARGET = make_target("3.12.1")
VERSIONS = ("1", "1.5", "2", "2.5", "3", "3.0a1", "2.0b1", "1.0+x")
SPECIFIERS = (
    "",
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
    "==2.0b1",
    ">=2.0b1",
)
MARKERS = (
    *([""] * 5),
    "; extra == 'x'",
    "; extra == 'y'",
    "; sys_platform == 'win32'",
    "; python_version >= '3.9'",
    "; extra == 'x' and sys_platform == 'linux'",
)
PYTHONS = ("", "", "", "", "", "", ">=3.13", ">=3.8")
MODES = ("if-necessary-or-explicit", "allow", "disallow")

Releases = dict[str, dict[str, Release]]


class Question(NamedTuple):
    universe: Releases
    roots: list[Requirement]
    constraints: list[Requirement]
    prereleases: str
    highest: bool

    @property
    def policy(self) -> ResolutionPolicy:
        resolution = "highest" if self.highest else "lowest"
        return make_policy(constraints=self.constraints, prereleases=self.prereleases, resolution=resolution)

    def ask(self) -> Resolution | NoSolution:
        try:
            return resolve(
                self.roots,
                TARGET,
                MemorySource(self.universe, TARGET),
                policy=self.policy,
            )
        except NoSolution as error:
            return error

    def ask_quickly(self) -> bool:
        """Tell whether there is a solution, without an explanation if there is none."""
        source = MemorySource(self.universe, TARGET)
        solver = Solver(make_request([(row, 1) for row in self.roots], (TARGET,), source, self.policy))
        try:
            solver.solve()
        except Unsolvable:
            return False
        return True


def draw_question(seed: int, *, most_names: int = 12, most_versions: int = 8, most_needs: int = 4) -> Question:
    rng = random.Random(seed)
    names = [f"p{number}" for number in range(rng.randint(2, most_names))]
    versions, needs = rng.randint(1, most_versions), rng.randint(1, most_needs)

    def draw_requirement(markers: tuple[str, ...] = MARKERS) -> str:
        name = rng.choice(names) if rng.random() < 0.99 else "missing"
        extras = rng.choice(("", "", "", "[x]", "[y]", "[x,y]"))
        return f"{name}{extras}{rng.choice(SPECIFIERS)}{rng.choice(markers)}"

    universe = {
        name: {
            version: Release(
                [draw_requirement() for _ in range(rng.randint(0, needs))],
                rng.choice(PYTHONS),
                yanked=rng.random() < 0.1,
                tags=("py3-none-any",) if rng.random() < 0.95 else ("py3-none-win_amd64",),
                late_python=rng.random() < 0.5,
            )
            for version in rng.sample(VERSIONS, rng.randint(1, versions))
        }
        for name in names
    }
    return Question(
        universe,
        requirements(*(draw_requirement(("",)) for _ in range(rng.randint(1, 4)))),
        requirements(draw_requirement(("",)).replace("[", "[").split("[")[0]) if rng.random() < 0.3 else [],
        rng.choice(MODES),
        rng.random() < 0.8,
    )


def find_faults(question: Question, versions: Mapping[str, str]) -> Iterator[str]:
    """Walk what the project reaches, by packaging's rules, and tell everything that is wrong with ``versions``."""
    seen: set[tuple[str, str]] = set()
    waiting: list[tuple[str, str, str]] = [
        (row.name, extra, row.specifier) for row in question.roots for extra in ("", *row.extras)
    ]
    while waiting:
        name, extra, specifier = waiting.pop()
        if name not in versions:
            yield f"{name} is missing"
            continue
        if not SpecifierSet(specifier).contains(versions[name], prereleases=True):
            yield f"{name} {versions[name]} is not {specifier}"
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        release = question.universe[name][versions[name]]
        yield from find_refusals(question, name, versions[name], release)
        for line in release.requires:
            row = PackagingRequirement(line)
            if holds(row.marker, extra):
                waiting += [(row.name, other, str(row.specifier)) for other in ("", *row.extras)]
    if {name for name, _ in seen} != set(versions):
        yield "something is there that nothing needs"


def holds(marker: Marker | None, extra: str) -> bool:
    return marker is None or marker.evaluate({**TARGET.marker_environment, "extra": extra})


def find_refusals(question: Question, name: str, version: str, release: Release) -> Iterator[str]:
    if not SpecifierSet(release.requires_python).contains("3.12.1"):
        yield f"{name} {version} does not run"
    if "py3-none-any" not in release.tags:
        yield f"{name} {version} can't be installed"
    if question.prereleases == "disallow" and Version(version).is_prerelease:
        yield f"{name} {version} is a pre-release"
    pinned = any(
        row.name == name and row.specifier.startswith("==") and SpecifierSet(row.specifier).contains(version)
        for row in (*question.roots, *question.constraints)
    )
    if release.yanked and not pinned:
        yield f"{name} {version} is yanked"
    for row in question.constraints:
        if row.name == name and not SpecifierSet(row.specifier).contains(version, prereleases=True):
            yield f"{name} {version} is not {row.specifier}"


def versions_of(resolution: Resolution) -> dict[str, str]:
    return {package.name: package.version for package in resolution.packages}


@pytest.mark.parametrize("block", range(10))
def test_finds_a_solution_exactly_when_resolvelib_does(block: int) -> None:
    """Except where resolvelib's backjumping leaves a solution out: then the one that was found is its own proof."""
    solvable = left_out = 0
    for seed in range(400 * block, 400 * (block + 1)):
        question = draw_question(seed)
        mine = question.ask_quickly()
        try:
            theirs = resolve_with_resolvelib(
                question.roots,
                TARGET,
                MemorySource(question.universe, TARGET),
                policy=question.policy,
            )
        except NoSolution:
            if mine:
                left_out += 1
                answer = question.ask()
                assert not isinstance(answer, NoSolution)
                assert list(find_faults(question, versions_of(answer))) == [], f"seed {seed}"
            continue
        assert mine, f"seed {seed}: resolvelib found {versions_of(theirs)}"
        solvable += 1
    assert left_out <= 2, "resolvelib is wrong once in some 2,000, not that often"
    assert 50 < solvable < 350, "the universes are too easy or too hard to tell anything"


@pytest.mark.parametrize("block", range(5))
def test_every_solution_is_valid_and_every_failure_explained(block: int) -> None:
    for seed in range(100_000 + 200 * block, 100_000 + 200 * (block + 1)):
        question = draw_question(seed)
        answer = question.ask()
        if isinstance(answer, NoSolution):
            assert answer.message.startswith("nothing fits "), f"seed {seed}"
            assert answer.reason.endswith("."), f"seed {seed}"
            assert answer.hint, f"seed {seed}"
        else:
            assert list(find_faults(question, versions_of(answer))) == [], f"seed {seed}"


def test_says_there_is_none_only_when_brute_force_finds_none() -> None:
    solvable = 0
    for seed in range(200_000, 200_600):
        question = draw_question(seed, most_names=4, most_versions=3, most_needs=3)
        found = question.ask_quickly()
        solvable += found
        assert found == has_solution(question), f"seed {seed}"
    assert 100 < solvable < 500


def has_solution(question: Question) -> bool:
    names = list(question.universe)
    for chosen in itertools.product(*[["", *question.universe[name]] for name in names]):
        versions = {name: version for name, version in zip(names, chosen, strict=True) if version}
        if not any(fault != "something is there that nothing needs" for fault in find_faults(question, versions)):
            return True
    return False


def test_the_order_of_requirements_does_not_decide_whether_there_is_a_solution() -> None:
    for seed in range(300_000, 300_300):
        question = draw_question(seed)
        turned = question._replace(
            universe={
                name: {
                    version: release._replace(requires=[*reversed(release.requires)])
                    for version, release in releases.items()
                }
                for name, releases in question.universe.items()
            },
            roots=[*reversed(question.roots)],
        )
        assert question.ask_quickly() == turned.ask_quickly(), f"seed {seed}"


def test_a_solution_as_preference_is_the_solution_again() -> None:
    for seed in range(400_000, 400_300):
        question = draw_question(seed)
        first = question.ask()
        if isinstance(first, NoSolution):
            continue
        source = MemorySource(question.universe, TARGET)
        again = resolve(
            question.roots,
            TARGET,
            source,
            preferences=versions_of(first),
            policy=question.policy,
        )
        assert versions_of(again) == versions_of(first), f"seed {seed}"
        assert len(source.visited) == len(first.packages), f"seed {seed}: other candidates were looked at"


def test_versions_that_can_not_be_chosen_change_no_answer() -> None:
    """The search behind an explanation has them in view; it must come to the same end."""
    for seed in range(500_000, 500_600):
        question = draw_question(seed)
        overrides = (parse_requirement("p1>=1"),) if seed % 3 == 0 else ()
        request = make_request(
            [(row, 1) for row in question.roots],
            (TARGET,),
            MemorySource(question.universe, TARGET),
            question.policy._replace(overrides=overrides),
        )
        answers = []
        for show_unusable in (False, True):
            solver = Solver(request, show_unusable=show_unusable)
            try:
                solver.solve()
            except Unsolvable:
                answers.append(False)
            else:
                answers.append(True)
        assert answers[0] == answers[1], f"seed {seed}"
