"""The search is bounded, and remembers what it learned."""

from __future__ import annotations

import random

import pytest

from blast_core.errors import ResolutionLimit
from blast_pm.resolver.request import make_request
from blast_pm.resolver.solver import Solver
from blast_pm.resolver.testing import MemorySource, make_policy, make_target, requirements

LINUX = make_target()


def hard_universe(seed: int, *, width: int, packages: int = 120, versions: int = 60) -> dict[str, dict[str, list[str]]]:
    """Every version needs random ranges of five random packages; the narrower the ranges, the harder."""
    rng = random.Random(seed)
    universe: dict[str, dict[str, list[str]]] = {}
    for number in range(packages):
        releases = universe[f"p{number}"] = {}
        for version in range(1, versions + 1):
            needs = []
            for other in rng.sample(range(packages), 5):
                low = rng.randint(1, versions - width + 1)
                needs.append(f"p{other}>={low},<{low + width}")
            releases[str(version)] = needs
    return universe


def solver_for(universe: dict[str, dict[str, list[str]]], *, most_conflicts: int) -> Solver:
    source = MemorySource(universe)
    roots = [(row, 1) for row in requirements("p0", "p1")]
    request = make_request(roots, (LINUX,), source, make_policy(prereleases="allow"))
    return Solver(request, most_conflicts=most_conflicts)


def test_gives_up_a_hopeless_search_after_bounded_effort() -> None:
    solver = solver_for(hard_universe(0, width=20), most_conflicts=300)
    with pytest.raises(ResolutionLimit, match="limit") as caught:
        solver.solve()
    assert solver.conflicts == 301
    assert solver.state.work < 20_000_000
    assert "301 conflicts" in caught.value.reason
    assert caught.value.hint.startswith("bounds on the packages that conflict most")


def test_solves_an_instance_with_hundreds_of_conflicts() -> None:
    solver = solver_for(hard_universe(0, width=26), most_conflicts=1000)
    solver.solve()
    assert len(solver.chosen()) == 120
    assert solver.state.work < 20_000_000


def test_the_same_question_takes_the_same_way() -> None:
    ways = []
    for _ in range(2):
        solver = solver_for(hard_universe(1, width=30), most_conflicts=1000)
        solver.solve()
        chosen = {repr(package): index for package, index in solver.chosen().items()}
        ways.append((solver.conflicts, solver.state.work, chosen))
    assert ways[0] == ways[1]
