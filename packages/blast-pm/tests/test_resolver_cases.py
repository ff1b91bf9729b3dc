"""Cases as data: an index, a request, the expected versions or conflict, and how much may be read on the way.

A file of ``cases/`` holds ``index`` (requirements, or fields of ``Release``, by project and version), ``requirements``
and perhaps ``constraints``, ``overrides``, ``preferences``, ``prereleases``, ``python``; then either ``resolved`` (with
``extras``, ``visited``: at most so many candidates, ``unvisited``: none of these) or ``conflict``: parts of the text.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from blast_core.errors import NoSolution
from blast_pm.resolver import Resolution, resolve
from blast_pm.resolver.testing import MemorySource, Release, make_policy, make_target, requirements

CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))


def ask(case: dict[str, Any]) -> tuple[Resolution, MemorySource]:
    target = make_target(case.get("python", "3.12.1"))
    universe = {
        name: {version: Release(**row) if isinstance(row, dict) else Release(row) for version, row in releases.items()}
        for name, releases in case["index"].items()
    }
    source = MemorySource(universe, target)
    resolution = resolve(
        requirements(*case["requirements"]),
        target,
        source,
        policy=make_policy(
            constraints=requirements(*case.get("constraints", ())),
            overrides=requirements(*case.get("overrides", ())),
            prereleases=case.get("prereleases", "if-necessary-or-explicit"),
        ),
        preferences=case.get("preferences", {}),
    )
    return resolution, source


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    if "conflict" in case:
        with pytest.raises(NoSolution) as caught:
            ask(case)
        for part in case["conflict"]:
            assert part in caught.value.reason
        return
    resolution, source = ask(case)
    assert {package.name: package.version for package in resolution.packages} == case["resolved"]
    extras = {package.name: list(package.extras) for package in resolution.packages if package.extras}
    assert extras == case.get("extras", {})
    assert resolution.visited == len(source.visited) <= case["visited"], source.visited
    assert not set(case.get("unvisited", ())) & set(source.visited)


def test_there_are_cases() -> None:
    assert len(CASES) >= 10
