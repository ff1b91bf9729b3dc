"""Solving nasty universes for single targets: against resolvelib, brute force and an independent validator.

The validator shares nothing with the solver: packaging reads requirements, markers and specifiers.
``BLAST_TEST_UNIVERSES`` draws more universes, ``BLAST_TEST_FIRST_SEED`` others.
"""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, NamedTuple

import pytest
from packaging.requirements import Requirement as PackagingRequirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from blast_core.errors import NoSolution, ResolutionLimit
from blast_core.requirements import format_requirement
from blast_pm.resolver import resolve
from blast_pm.resolver.oracle import resolve_with_resolvelib
from blast_pm.resolver.testing import MemorySource, Release
from blast_pm.resolver.testing_universes import TARGETS, DrawnQuestion, draw_question

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from packaging.markers import Marker

pytestmark = pytest.mark.property

SEEDS = int(os.environ.get("BLAST_TEST_UNIVERSES", "1200"))
FIRST = int(os.environ.get("BLAST_TEST_FIRST_SEED", "0"))
BLOCKS = 4


class Row(NamedTuple):
    name: str
    extras: tuple[str, ...]
    specifier: str
    url: str


class Judge:
    """Knows one question on one target, by packaging's rules."""

    def __init__(self, question: DrawnQuestion, bit: int) -> None:
        self.question = question
        self.target = TARGETS[bit]
        self.environments = [dict(each) for each in (self.target.marker_environment, *self.target.also)]
        policy = question.policy
        self.overridden = {row.name for row in policy.overrides}
        self.overrides = list(self.rows(map(format_requirement, policy.overrides)))
        self.constraints = list(self.rows(map(format_requirement, policy.constraints)))
        self.roots = list(
            self.override(self.rows(map(format_requirement, question.roots_of(bit)), ignoring=self.overridden))
        )
        self.preferred = question.preferences_of(bit)

    def rows(self, lines: Iterable[str], extra: str = "", ignoring: Container[str] = ()) -> Iterator[Row]:
        """Yield the requirements that hold, and those on names whose markers are ignored."""
        for line in lines:
            read = PackagingRequirement(line)
            row = Row(canonicalize_name(read.name), tuple(read.extras), str(read.specifier), read.url or "")
            if self.holds(read.marker, extra) or (row.name in ignoring and "extra ==" not in line):
                yield row

    def holds(self, marker: Marker | None, extra: str) -> bool:
        return marker is None or any(marker.evaluate({**each, "extra": extra}) for each in self.environments)

    def override(self, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            if row.name in self.overridden:
                yield from (other for other in self.overrides if other.name == row.name)
            else:
                yield row

    def find_faults(self, versions: Mapping[str, str]) -> list[str]:
        """Walk what the project reaches and tell everything that is wrong with ``versions``."""
        by_address: dict[str, str] = {}
        while True:  # what comes from an address is known only after a walk
            faults, found = self._walk(versions, by_address)
            if found == by_address:
                return faults
            by_address = found

    def _walk(self, versions: Mapping[str, str], by_address: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
        faults: list[str] = []
        found = dict(by_address)
        seen: set[tuple[str, str]] = set()
        waiting = [(row, True) for row in self.roots]
        while waiting:
            row, counts = waiting.pop()
            if row.url:
                more = self._address_faults(row, found if counts else by_address, counts=counts)
                faults += more
                if counts:
                    found.setdefault(row.name, row.url)
                if row.url not in self.question.direct or (more and not counts):
                    continue
            version = versions.get(row.name)
            if version is None:
                faults.append(f"{row.name} is missing")
                continue
            if not SpecifierSet(row.specifier).contains(version, prereleases=True):
                faults.append(f"{row.name} {version} is not {row.specifier}")
            for extra in ("", *row.extras):
                if (row.name, extra) in seen:
                    continue
                seen.add((row.name, extra))
                url = by_address.get(row.name, "")
                lines, more = self._look_up(row.name, version, url)
                faults += more
                rows = self.override(self.rows(lines, extra, self.overridden))
                waiting += [(other, bool(url) or other.name in self.overridden) for other in rows]
        if {name for name, _ in seen} != set(versions):
            faults.append("something is there that nothing needs")
        return faults, found

    def _address_faults(self, row: Row, known: Mapping[str, str], *, counts: bool) -> list[str]:
        if row.url not in self.question.direct:
            return [f"there is nothing at {row.url}"]
        if known.get(row.name, row.url if counts else "") != row.url:
            return [f"{row.name} comes from another place than {row.url}"]
        return []

    def _look_up(self, name: str, version: str, url: str) -> tuple[list[str], list[str]]:
        """Return what a version requires, and what forbids it."""
        faults = [
            f"{name} {version} is not {row.specifier}"
            for row in self.constraints
            if row.name == name and not SpecifierSet(row.specifier).contains(version, prereleases=True)
        ]
        if url:
            direct = self.question.direct[url]
            if version != direct.version:
                faults.append(f"{name} {version} is not what {url} holds")
            return [format_requirement(each) for each in direct.requirements], faults
        release = self.question.universe.get(name, {}).get(version)
        if release is None:
            return [], [*faults, f"there is no {name} {version}"]
        return list(release.requires), [*faults, *self._refusals(name, version, release)]

    def _refusals(self, name: str, version: str, release: Release) -> Iterator[str]:
        if not SpecifierSet(release.requires_python).contains(self.target.python_version, prereleases=True):
            yield f"{name} {version} needs Python {release.requires_python}"
        if not (release.sdist or set(release.tags) & set(self.target.tags)):
            yield f"{name} {version} has no file for {self.target.name}"
        said = [row.specifier for row in (*self.roots, *self.constraints, *self.overrides) if row.name == name]
        is_preferred = name in self.preferred and Version(self.preferred[name]) == Version(version)
        mode = self.question.policy.package_prereleases.get(name, self.question.policy.prereleases)
        if Version(version).is_prerelease:
            is_said = any(
                Version(each.version.removesuffix(".*")).is_prerelease for s in said for each in SpecifierSet(s)
            )
            if mode == "disallow" or (mode == "explicit" and not (is_said or is_preferred)):
                yield f"{name} {version} is a pre-release"
        if release.yanked and not is_preferred:
            pins = (s for s in said if s.startswith("==") and "," not in s and not s.endswith("*"))
            if not any(SpecifierSet(pin).contains(version, prereleases=True) for pin in pins):
                yield f"{name} {version} is yanked"


def ask(question: DrawnQuestion, bit: int, *, resolvelib: bool = False) -> dict[str, str] | None:
    """Return the versions, None where there is no solution."""
    target = TARGETS[bit]
    answer = resolve_with_resolvelib if resolvelib else resolve
    source = MemorySource(question.universe, target, question.direct)
    try:
        found = answer(
            question.roots_of(bit),
            target,
            source,
            policy=question.policy,
            preferences=question.preferences_of(bit),
            direct=question.direct,
        )
    except NoSolution:
        return None
    return {package.name: package.version for package in found.packages}


@pytest.mark.parametrize("block", range(BLOCKS))
def test_solvable_on_a_target_exactly_when_resolvelib_says_so_and_never_wrong(block: int) -> None:
    """Where resolvelib's backjumping leaves a solution out, the one that was found is its own proof."""
    solved = left_out = 0
    for seed in range(FIRST + SEEDS * block // BLOCKS, FIRST + SEEDS * (block + 1) // BLOCKS):
        question, bit = draw_question(seed), seed % len(TARGETS)
        try:
            mine = ask(question, bit)
        except ResolutionLimit:
            continue
        if mine is not None:
            assert Judge(question, bit).find_faults(mine) == [], f"seed {seed}: {mine}"
            solved += 1
        try:
            theirs = ask(question, bit, resolvelib=True)
        except ResolutionLimit:
            continue
        left_out += mine is not None and theirs is None
        assert mine is not None or theirs is None, f"seed {seed}: resolvelib found {theirs}"
    assert left_out <= 1 + SEEDS // 2000, "resolvelib is wrong once in some 2,000, not that often"
    assert SEEDS // BLOCKS // 8 < solved < SEEDS // BLOCKS


def has_solution(question: DrawnQuestion, judge: Judge) -> bool:
    names = sorted({*question.universe, *(each.name for each in question.direct.values())})
    held = {each.name: each.version for each in question.direct.values()}
    choices = [[None, *question.universe.get(name, ()), *filter(None, [held.get(name)])] for name in names]
    return any(
        not judge.find_faults({name: version for name, version in zip(names, chosen, strict=True) if version})
        for chosen in itertools.product(*choices)
    )


def test_brute_force_finds_a_solution_exactly_when_the_solver_does() -> None:
    tried = solved = 0
    for seed in range(FIRST, FIRST + SEEDS):
        question, bit = draw_question(seed), seed % len(TARGETS)
        size = 1
        for releases in question.universe.values():
            size *= 1 + len(releases)
        if size > 500:
            continue
        tried += 1
        found = ask(question, bit)
        solved += found is not None
        assert (found is not None) == has_solution(question, Judge(question, bit)), f"seed {seed}: {found}"
    assert tried > SEEDS // 20
    assert tried // 8 < solved < tried


def test_the_judge_finds_what_is_wrong() -> None:
    universe = {
        "a": {"1": Release(["b>=2; sys_platform == 'linux'"], yanked=True), "2": Release()},
        "b": {"1": Release()},
    }
    question = draw_question(0)._replace(universe=universe, roots=[], direct={}, preferences={})
    judge = Judge(question, 0)
    judge.roots = [Row("a", (), "<2", "")]
    assert judge.find_faults({"a": "1", "b": "1"}) == ["a 1 is yanked", "b 1 is not >=2"]
    assert judge.find_faults({"a": "2", "b": "1"}) == ["a 2 is not <2", "something is there that nothing needs"]
    assert judge.find_faults({}) == ["a is missing"]
