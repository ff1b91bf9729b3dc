"""Explanations of random failures: every fact is one of the universe, every conclusion follows, every suggestion helps.

What is true is decided here by `packaging` and by trying all versions, with nothing of the solver's.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from packaging.requirements import Requirement as PackagingRequirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from blast_core.errors import NoSolution
from blast_core.requirements import parse_requirement
from blast_pm.resolver import ResolutionPolicy, resolve
from blast_pm.resolver.clauses import Asked, Constrained, Depends, Learned, OwnDependency, SameVersion, Unusable
from blast_pm.resolver.proofs import shorten
from blast_pm.resolver.request import make_request
from blast_pm.resolver.solver import Solver, Unsolvable
from blast_pm.resolver.testing import MemorySource, Release, make_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from blast_core.requirements import Requirement
    from blast_pm.resolver import Resolution
    from blast_pm.resolver.clauses import Clause
    from blast_pm.resolver.proofs import Lemma
    from blast_pm.resolver.universe import Package

pytestmark = pytest.mark.property

TARGET = make_target("3.12.1")
VERSIONS = ("1", "1.5", "2", "2.5", "3", "3.0a1", "2.0b1", "1.0+x")
SPECIFIERS = ("", "", "", ">=1.5", "<2", "<=2", "==2", "==3", "!=2", "~=2.0", ">1", ">=1,<3", "==2.0b1", ">=2.0b1")
MARKERS = ("", "", "", "; extra == 'x'", "; extra == 'y'", "; sys_platform == 'win32'", "; python_version >= '3.9'")
KNOTS = ("==1", "==2", "==3", "==4", "!=1", "!=4", "<3", ">2", "<2", ">3")
PYTHONS = ("", "", "", "", "", ">=3.13", ">=3.8")


class Question(NamedTuple):
    """A universe and what is asked of it."""

    universe: dict[str, dict[str, Release]]
    roots: tuple[Requirement, ...]
    policy: ResolutionPolicy

    def ask(self) -> Resolution:
        return resolve(self.roots, TARGET, MemorySource(self.universe, TARGET), policy=self.policy)

    def prove(self) -> Clause | None:
        """Return what the search for an explanation ends with, None if there is a solution."""
        source = MemorySource(self.universe, TARGET)
        solver = Solver(
            make_request([(row, 1) for row in self.roots], (TARGET,), source, self.policy), show_unusable=True
        )
        try:
            solver.solve()
        except Unsolvable as found:
            return found.clause
        return None


def draw_question(seed: int) -> Question:
    rng = random.Random(seed)
    names = [f"p{number}" for number in range(rng.randint(2, 7))]
    versions, needs = rng.randint(1, 5), rng.randint(1, 4)

    def draw_requirement(markers: Sequence[str] = MARKERS, extras: Sequence[str] = ("", "", "[x]", "[x,y]")) -> str:
        name = rng.choice(names) if rng.random() < 0.98 else "missing"
        return f"{name}{rng.choice(extras)}{rng.choice(SPECIFIERS)}{rng.choice(markers)}"

    universe = {
        name: {
            version: Release(
                [draw_requirement() for _ in range(rng.randint(0, needs))],
                rng.choice(PYTHONS),
                yanked=rng.random() < 0.15,
                tags=("py3-none-any",) if rng.random() < 0.95 else ("py3-none-win_amd64",),
                late_python=rng.random() < 0.3,
            )
            for version in rng.sample(VERSIONS, rng.randint(1, versions))
        }
        for name in names
    }
    limits = [parse_requirement(draw_requirement(("",), ("",))) for _ in range(rng.choice((0, 0, 1)))]
    overrides = [parse_requirement(draw_requirement(("",), ("",))) for _ in range(rng.choice((0, 0, 0, 1)))]
    policy = ResolutionPolicy(
        tuple(limits), tuple(overrides), rng.choice(("if-necessary-or-explicit", "disallow", "explicit"))
    )
    roots = dict.fromkeys(parse_requirement(draw_requirement(("",))) for _ in range(rng.randint(1, 4)))
    return Question(universe, tuple(roots), policy)


def draw_knot(seed: int) -> Question:
    """Draw plain versions whose needs are entangled: most proofs need more than one step."""
    rng = random.Random(seed)
    names = [f"p{number}" for number in range(rng.randint(4, 9))]
    universe = {
        name: {
            version: Release(
                [f"{other}{rng.choice(KNOTS)}" for other in rng.sample(names, rng.randint(1, 3)) if other != name]
            )
            for version in ("1", "2", "3", "4")
        }
        for name in names
    }
    return Question(universe, tuple(parse_requirement(name) for name in names[:2]), ResolutionPolicy())


# -- facts ------------------------------------------------------------------------------------------------------------


def find_lies(question: Question, clause: Clause) -> Iterator[str]:
    """Tell what is not so about a clause that needs no proof."""
    cause = clause.cause
    if isinstance(cause, Asked | Constrained):
        said = (*question.roots, *question.policy.overrides, *question.policy.constraints)
        if cause.requirement not in said:
            yield f"nobody says {cause.requirement}"
        ((package, denied),) = clause.terms
        if texts_of(package, ~denied) != accepted(package, cause.requirement.specifier):
            yield f"{cause.requirement} is not {texts_of(package, ~denied)}"
    elif isinstance(cause, Depends):
        yield from find_lies_about_needs(question, clause)
    elif isinstance(cause, OwnDependency | Unusable):
        ((package, versions),) = clause.terms
        for version in texts_of(package, versions):
            yield from find_false_reason(question, package, version, cause)
    elif not isinstance(cause, SameVersion):
        yield f"{cause} is no fact"


def find_lies_about_needs(question: Question, clause: Clause) -> Iterator[str]:
    (package, versions), (other, denied) = clause.terms
    for version in texts_of(package, versions):
        rows = needs_of(question, package, version, other.name, other.extra)
        if not any(set(accepted(other, row)) <= set(texts_of(other, ~denied)) for row in rows):
            yield f"{package} {version} does not need {other} {texts_of(other, ~denied)}"


def find_false_reason(
    question: Question, package: Package, version: str, reason: Unusable | OwnDependency
) -> Iterator[str]:
    if isinstance(reason, OwnDependency):
        if all(version in accepted(package, row) for row in needs_of(question, package, version, package.name)):
            yield f"{package} {version} does not need another version of itself"
        return
    release = question.universe[package.name][version]
    replaced = {row.name for row in question.policy.overrides}
    roots = [row for row in question.roots if row.name not in replaced]
    said = (*roots, *question.policy.constraints, *question.policy.overrides)
    pins = [row.specifier for row in said if row.name == package.name and row.specifier.startswith("==")]
    truths = {
        "python": not SpecifierSet(release.requires_python).contains("3.12.1"),
        "platform": "py3-none-any" not in release.tags,
        "yanked": release.yanked and not any(version in accepted(package, pin) for pin in pins),
        "prerelease": Version(version).is_prerelease,
    }
    if not truths[reason.kind]:
        yield f"{package} {version} is not out because of {reason.kind}"


def needs_of(question: Question, package: Package, version: str, name: str, extra: str = "") -> list[str]:
    """Return the specifiers of what a version, or an extra of it, needs of a project, overrides applied."""
    overridden = [row for row in question.policy.overrides if row.name == name]
    found = []
    for line in question.universe[package.name][version].requires:
        row = PackagingRequirement(line)
        if row.name != name or (extra and extra not in row.extras and not overridden):
            continue
        environment = {**TARGET.marker_environment, "extra": package.extra}
        if overridden:
            found += [other.specifier for other in overridden]
        elif row.marker is None or row.marker.evaluate(environment):
            found.append(str(row.specifier))
    return found


def accepted(package: Package, specifier: str) -> list[str]:
    return [text for text in package.table.texts if SpecifierSet(specifier).contains(text, prereleases=True)]


def texts_of(package: Package, mask: int) -> list[str]:
    return [text for index, text in enumerate(package.table.texts) if mask >> index + 1 & 1]


# -- conclusions ------------------------------------------------------------------------------------------------------


def has_counterexample(lemma: Lemma) -> bool:
    """Try all choices of versions for one in which every clause used holds and the conclusion does not."""
    used, conclusion = [use.clause for use in lemma.uses], lemma.clause
    # In the order in which the proof narrows them most choices end early.
    packages = [package for package, _ in conclusion.terms]
    packages += [use.narrows for use in lemma.uses if use.narrows is not None]
    packages += [package for clause in used for package, _ in clause.terms]
    packages = list(dict.fromkeys(other for package in packages for other in (package.base, package)))

    def extend(chosen: dict[Package, int]) -> bool:
        if any(all(chosen.get(package, 0) & mask for package, mask in clause.terms) for clause in used):
            return False
        if any(not chosen.get(package, mask) & mask for package, mask in conclusion.terms):
            return False
        if len(chosen) == len(packages):
            return True
        package = packages[len(chosen)]
        for bit in range(package.full.bit_length()):
            value = 1 << bit
            if not value & package.full:
                continue
            if package is not package.base and bit and value != chosen[package.base]:
                continue  # an extra is installed in its package's version
            if extend({**chosen, package: value}):
                return True
        return False

    return extend({})


def count_steps(question: Question) -> int:
    """Check the proof of a question without a solution; return how many steps it has, 0 if there is one."""
    clause = question.prove()
    if clause is None:
        return 0
    known: set[int] = set()
    proof = shorten(clause, {})
    for lemma in proof:
        for use in lemma.uses:
            fact = use.clause
            if not isinstance(fact.cause, Learned):
                assert list(find_lies(question, fact)) == []
            else:
                assert id(fact) in known, "a conclusion is used before it is told"
        assert not has_counterexample(lemma)
        known.add(id(lemma.clause))
    last = proof[-1].clause
    assert all(mask == package.full for package, mask in last.terms) or not isinstance(last.cause, Learned)
    return len(proof)


@pytest.mark.parametrize("block", range(4))
def test_every_proof_is_valid(block: int) -> None:
    counts = [count_steps(draw_question(seed)) for seed in range(700_000 + 200 * block, 700_000 + 200 * (block + 1))]
    assert sum(count > 0 for count in counts) > 60, "the universes are too easy to tell anything"


@pytest.mark.parametrize("block", range(4))
def test_every_proof_with_cases_is_valid(block: int) -> None:
    counts = [count_steps(draw_knot(seed)) for seed in range(900_000 + 100 * block, 900_000 + 100 * (block + 1))]
    assert sum(count > 1 for count in counts) > 10, "no proof needs a conclusion of its own"


@pytest.mark.parametrize("block", range(4))
def test_every_suggestion_that_was_tried_out_helps(block: int) -> None:
    tried = 0
    kinds: set[str] = set()
    for seed in range(800_000 + 200 * block, 800_000 + 200 * (block + 1)):
        question = draw_question(seed)
        try:
            question.ask()
        except NoSolution as error:
            suggestions: Any = error.details["suggestions"]
            assert suggestions, f"seed {seed}"
            for suggestion in suggestions:
                if not suggestion["verified"]:
                    continue
                tried += 1
                kinds.add(suggestion["kind"])
                found = {package.name: package.version for package in apply(question, suggestion).ask().packages}
                expected = suggestion["resolves_to"]
                assert {name: found.get(name) for name in expected} == expected, f"seed {seed}: {suggestion['text']}"
    assert tried > 25
    assert {"change", "override"} <= kinds


def apply(question: Question, suggestion: dict[str, Any]) -> Question:
    """Return the question as it is after doing what a suggestion says."""
    kind, replacement = suggestion["kind"], suggestion.get("replacement", "")
    policy = question.policy
    if kind == "add":
        return question._replace(roots=(*question.roots, parse_requirement(replacement)))
    if kind == "override":
        return question._replace(policy=policy._replace(overrides=(*policy.overrides, parse_requirement(replacement))))
    if kind == "prerelease":
        return question._replace(policy=policy._replace(package_prereleases={replacement: "allow"}))
    assert kind in ("change", "remove", "name")
    for change in (suggestion, *suggestion.get("also", ())):
        question = replace(question, parse_requirement(change["requirement"]), change.get("replacement", ""))
    return question


def replace(question: Question, old: Requirement, new: str) -> Question:
    policy = question.policy
    said = (*question.roots, *policy.constraints, *policy.overrides)
    assert old in said, f"{old} is nowhere"

    def change(rows: tuple[Requirement, ...]) -> tuple[Requirement, ...]:
        changed = (parse_requirement(new) if row == old and new else row for row in rows if row != old or new)
        return tuple(dict.fromkeys(changed))

    policy = policy._replace(constraints=change(policy.constraints), overrides=change(policy.overrides))
    return question._replace(roots=change(question.roots), policy=policy)
