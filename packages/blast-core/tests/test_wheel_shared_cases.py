"""Hostile and odd wheels that nobody on this project wrote, where their generator lies beside the checkout."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from blast_core.errors import IntegrityError
from blast_core.formats.dpp.convert import convert_wheel
from blast_core.formats.dpp.reader import DppPackage

_GENERATOR = "shared/cases/archives/bad_wheels.py"


class Case(NamedTuple):
    """One wheel and what must happen to it."""

    path: Path
    expect: str
    identifier: str


def _find_generator() -> Path | None:
    tops = Path(__file__).resolve().parents
    return next((top / _GENERATOR for top in tops if (top / _GENERATOR).is_file()), None)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    generator = _find_generator()
    if generator is None:
        pytest.skip(f"NO SHARED CASES: {_GENERATOR} is not beside the checkout")
    out = tmp_path_factory.mktemp("bad-wheels")
    canary = tmp_path_factory.mktemp("canary")
    command = [sys.executable, str(generator), "build", "--out", str(out), "--canary", str(canary)]
    subprocess.run(command, check=True, capture_output=True)
    rows = json.loads((out / "cases.json").read_text())
    # Conflicts between two distributions are the installer's to find.
    return [Case(out / row["file"], row["expect"], row["id"]) for row in rows if not row["id"].startswith("conflict")]


def test_every_case_has_its_stated_outcome(cases: list[Case], tmp_path: Path) -> None:
    assert len(cases) > 50
    wrong = [
        f"{case.identifier}: {found} instead of {case.expect}"
        for case in cases
        if (found := _try(case, tmp_path / f"{case.identifier}.dpp")) != case.expect
    ]
    assert wrong == []


def _try(case: Case, target: Path) -> str:
    """Return the outcome; a refusal that left a file, or is not one line that names the wheel, is none of the two."""
    try:
        convert_wheel(str(case.path), str(target))
    except IntegrityError as error:
        one_line = len(f"{error.message}: {error.reason}".splitlines()) == 1
        return "reject" if one_line and case.path.name in error.message and not target.exists() else "bad refusal"
    return "accept"


def test_accepted_cases_are_sound_containers(cases: list[Case], tmp_path: Path) -> None:
    for case in cases:
        if case.expect == "accept":
            target = str(tmp_path / f"{case.identifier}.dpp")
            convert_wheel(str(case.path), target)
            with DppPackage.open(target) as package:
                package.verify()
