"""On nasty universes, too, each target gets from a universal resolution what it would get alone.

``BLAST_TEST_UNIVERSES`` draws more of them, ``BLAST_TEST_FIRST_SEED`` others, and ``BLAST_TEST_COUNTEREXAMPLES`` names
a file that all failing seeds are written to instead of stopping at the first.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import NoSolution, ResolutionLimit
from blast_pm.resolver import resolve, resolve_universal
from blast_pm.resolver.testing import MemorySource
from blast_pm.resolver.testing_universes import TARGETS, DrawnQuestion, draw_question

if TYPE_CHECKING:
    from blast_pm.resolver import UniversalResolution

    Answer = dict[str, tuple[str, tuple[str, ...]]] | str

pytestmark = pytest.mark.property

SEEDS = int(os.environ.get("BLAST_TEST_UNIVERSES", "400"))
FIRST = int(os.environ.get("BLAST_TEST_FIRST_SEED", "0"))
COUNTEREXAMPLES = os.environ.get("BLAST_TEST_COUNTEREXAMPLES", "")
BLOCKS = 4


def solve_alone(question: DrawnQuestion, bit: int) -> Answer:
    target = TARGETS[bit]
    source = MemorySource(question.universe, target, question.direct)
    try:
        found = resolve(
            question.roots_of(bit),
            target,
            source,
            policy=question.policy,
            preferences=question.preferences_of(bit),
            direct=question.direct,
        )
    except NoSolution:
        return "no solution"
    except ResolutionLimit:
        return "given up"
    return {package.name: (package.version, package.extras) for package in found.packages}


def answer_of(resolution: UniversalResolution, bit: int) -> Answer:
    if any(failure.mask >> bit & 1 for failure in resolution.failures):
        return "no solution"
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for package in resolution.packages:
        if package.mask >> bit & 1:
            assert package.name not in found, f"two versions of {package.name} on one target"
            found[package.name] = (package.version, tuple(name for name, mask in package.extras if mask >> bit & 1))
    return found


def find_differences(seed: int) -> list[str]:
    """Return a line for each target whose answer differs."""
    question = draw_question(seed)
    source = MemorySource(question.universe, TARGETS, question.direct)
    try:
        resolution = resolve_universal(
            question.roots,
            TARGETS,
            source,
            policy=question.policy,
            preferences=question.preferences,
            direct=question.direct,
        )
    except ResolutionLimit:
        return []
    lines = []
    for bit, target in enumerate(TARGETS):
        together, alone = answer_of(resolution, bit), solve_alone(question, bit)
        if alone not in (together, "given up"):
            lines.append(f"seed {seed}, {target.name}: {describe(together, alone)}")
    return lines


def describe(together: Answer, alone: Answer) -> str:
    if isinstance(together, str) or isinstance(alone, str):
        return f"together {together}, alone {alone}"
    names = sorted({*together, *alone})
    rows = [(name, together.get(name), alone.get(name)) for name in names]
    return "; ".join(f"{name}: together {mine}, alone {theirs}" for name, mine, theirs in rows if mine != theirs)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_each_target_of_a_nasty_universe_gets_what_it_would_get_alone(block: int) -> None:
    for seed in range(FIRST + SEEDS * block // BLOCKS, FIRST + SEEDS * (block + 1) // BLOCKS):
        differences = find_differences(seed)
        if differences and COUNTEREXAMPLES:
            with Path(COUNTEREXAMPLES).open("a", encoding="utf-8") as file:
                file.write("\n".join(differences) + "\n")
            continue
        assert differences == []


def test_the_universes_are_neither_easy_nor_hopeless() -> None:
    parted = failed = solved = 0
    for seed in range(200):
        question = draw_question(seed)
        source = MemorySource(question.universe, TARGETS, question.direct)
        try:
            resolution = resolve_universal(
                question.roots, TARGETS, source, policy=question.policy, direct=question.direct
            )
        except ResolutionLimit:
            continue
        parted += resolution.solves > 1
        failed += bool(resolution.failures)
        solved += not resolution.failures
    assert parted > 40
    assert failed > 20
    assert solved > 60
