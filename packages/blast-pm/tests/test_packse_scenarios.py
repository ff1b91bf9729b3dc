"""The resolver on packse's scenarios, which nobody on this project wrote, as far as they ask for one environment.

They lie beside the repository, in ../shared/cases/packse; without them the tests are skipped, and say so.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from blast_core.errors import NoSolution
from blast_core.names import normalize_name
from blast_pm.resolver import resolve
from blast_pm.resolver.testing import MemorySource, Release, make_policy, make_target, requirements

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "cases" / "packse"
BUILDER = SHARED / "packse_build.py"
pytestmark = pytest.mark.skipif(not BUILDER.exists(), reason="PACKSE IS NOT TRIED: ../shared/cases/packse is not there")


def scenario_ids() -> list[str]:
    status = SHARED / "status.json"
    if not status.exists():
        return []
    return sorted(name for name, row in json.loads(status.read_text()).items() if row["mode"] in ("install", "compile"))


@pytest.fixture(scope="session")
def scenarios(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    out = tmp_path_factory.mktemp("packse") / "corpus"
    command = [sys.executable, str(BUILDER), "build", "--data", str(SHARED / "data"), "--out", str(out), "--force"]
    subprocess.run(command, check=True, capture_output=True)
    document = json.loads((out / "expectations.json").read_text(encoding="utf-8"))
    return {record["id"]: record for record in document["scenarios"]}


def make_release(name: str, row: dict[str, Any], options: dict[str, Any]) -> Release:
    requires = list(row["requires"])
    for extra, lines in row["extras"].items():
        for line in lines:
            head, _, marker = line.partition(";")
            condition = f"extra == '{normalize_name(extra)}'"
            requires.append(f"{head}; ({marker}) and {condition}" if marker else f"{head}; {condition}")
    has_wheel = row["wheel"] and name not in options["no_binary"]
    return Release(
        requires,
        row["requires_python"] or "",
        yanked=bool(row["yanked"]),
        tags=(row["wheel_tags"] or ["py3-none-any"]) if has_wheel else [],
        sdist=row["sdist"] and name not in options["no_build"],
        extras=[normalize_name(extra) for extra in row["extras"]],
    )


@pytest.mark.parametrize("name", scenario_ids())
def test_scenario(name: str, scenarios: dict[str, dict[str, Any]]) -> None:
    scenario = scenarios[name]
    options, expected = scenario["options"], scenario["expected"]
    if options["universal"]:
        pytest.skip("asks for a universal resolution: tests/acceptance/test_packse_locks.py drives it")
    target = make_target(options["python"] or scenario["environment"]["python"])
    universe = {
        project: {version: make_release(project, row, options) for version, row in releases.items()}
        for project, releases in scenario["packages"].items()
    }
    asked = requirements(*scenario["root"]["requires"])
    prereleases = "allow" if options["prereleases"] else "if-necessary-or-explicit"
    if not expected["satisfiable"]:
        with pytest.raises(NoSolution) as caught:
            resolve(asked, target, MemorySource(universe, target), policy=make_policy(prereleases=prereleases))
        assert "our project asks for" in caught.value.reason
        assert caught.value.hint
        return
    resolution = resolve(asked, target, MemorySource(universe, target), policy=make_policy(prereleases=prereleases))
    if expected["packages"]:
        assert {package.name: package.version for package in resolution.packages} == expected["packages"]
