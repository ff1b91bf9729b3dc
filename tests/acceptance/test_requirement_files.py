"""Requirement files of real projects, compiled by Blast and by uv from the same index with the same Python.

Versions must be equal. Where they are not, `EXPLAINED` holds limits under which uv finds the very versions that Blast
finds without them, and why uv does not look there by itself. A test fails when an explanation is no longer needed, or
no longer enough.

The files lie beside the repository, in ../shared/cases/requirements; without them the tests are skipped, and say so.
The quick ones run always, the rest where ``BLAST_TESTS_SLOW`` is set (some 15 minutes). As a program this file shows
what differs, and how long each tool takes with nothing remembered::

    python tests/acceptance/test_requirement_files.py airflow boto3
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from blast_cli.testing import Blast
from blast_compat.pip_config import read_pip_configuration
from blast_core.names import normalize_name
from blast_pm.index.default import pip_default_url

FILES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "requirements"
PYTHON = "3.11"
LONGEST_S = 900

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.network,
    pytest.mark.timeout(2 * LONGEST_S),
    pytest.mark.skipif(not FILES.exists(), reason="NOT TRIED: ../shared/cases/requirements is not there"),
]


class Explanation(NamedTuple):
    """Why versions differ: limits under which uv finds ours, and what uv does without them."""

    limits: tuple[str, ...]
    reason: str


EXPLAINED = {
    "airflow": Explanation(
        ("tenacity>=9.2", "aiofiles>=25"),
        "Two ways to give in: newer tenacity and aiofiles with older clouds' libraries, or the reverse. uv keeps what"
        " it decided first, and that is another order.",
    ),
    "airflow2-req": Explanation(
        ("protobuf>=3.20.3",),
        "uv decides for a pre-release of protobuf, 3.20.0rc2, before it looks at what asks for less.",
    ),
    "bio_embeddings": Explanation(
        ("boto3>=1.40",),
        "uv decides python-dateutil before it knows that botocore wants an older one, and walks boto3 back to 2014; we"
        " see that nearly every boto3 is blocked by one decision, and take that decision back.",
    ),
    "numpy-numba": Explanation(
        ("numba<0.52",),
        "numba 0.53.1 and 0.52 say that they don't run on Python 3.10 and newer; uv reads only lower bounds of"
        " Requires-Python.",
    ),
    "scispacy": Explanation(
        ("scipy>=1.10",),
        "uv keeps the newest numpy, which stands first in the file, and walks scipy back from 1.10 to 1.6, which forgot"
        " to limit numpy; we take the decision for numpy back when five versions of scipy in a row refuse it.",
    ),
}

# What neither tool can do here, and the word that our error must hold.
FAILING = {
    "home-assistant": "pyunifiprotect",  # withdrawn from the index
    "pydantic": "git",  # asks for a branch of a repository elsewhere
    "transformers-extras": "av",  # its only fitting release builds against a library of the machine
}

QUICK = ("black", "boto3", "jupyter", "numpy-numba", "numpy-sparse", "sentry", "slow", "starlette-fastapi", "trio")


def find_files() -> dict[str, Path]:
    """Return the requirement files by name, in order."""
    return {path.stem: path for path in sorted([*FILES.glob("*.in"), *FILES.glob("backtracking/*.in")])}


def find_uv() -> str:
    """Return uv's executable, "" if there is none."""
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else shutil.which("uv") or ""


def find_index() -> str:
    """Return the index that pip would use; local directories beside it are left out, because uv would prefer them."""
    return read_pip_configuration(os.environ).index_url or pip_default_url()


def find_python() -> str:
    """Return the interpreter for which both tools compile, "" if there is none."""
    command = [find_uv(), "python", "find", "--no-project", PYTHON]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


class Answer(NamedTuple):
    """What a tool says of a file: versions by name, or an error; and how long it took."""

    versions: dict[str, str]
    error: str
    seconds: float


class Tools:
    """Both tools with homes of their own below ``top``."""

    def __init__(self, top: Path) -> None:
        (top / "work").mkdir()
        self._python = find_python()
        variables = {"BLAST_INDEX_URL": find_index(), "BLAST_PYTHON": self._python}
        self._blast = Blast(top / "work", top / "blast", variables)
        self._cache = str(top / "uv")

    def ask_blast(self, path: Path) -> Answer:
        """Return what Blast says."""
        started = time.monotonic()
        process = self._blast.start("pip", "compile", str(path), "--json")
        out, error = process.communicate(timeout=LONGEST_S)
        seconds = time.monotonic() - started
        if process.returncode:
            return Answer({}, error, seconds)
        return Answer({row["name"]: row["version"] for row in json.loads(out)["packages"]}, "", seconds)

    def ask_uv(self, path: Path, *limits: str) -> Answer:
        """Return what uv says, perhaps with limits."""
        constraints = self._blast.directory / "limits.txt"
        constraints.write_text("\n".join(limits) + "\n")
        variables = self._blast.variables(UV_CACHE_DIR=self._cache, UV_DEFAULT_INDEX=find_index())
        started = time.monotonic()
        done = subprocess.run(
            [find_uv(), "pip", "compile", path, "-c", constraints, "--python", self._python, "--no-header", "-q"],
            cwd=self._blast.directory,
            env={key: value for key, value in variables.items() if not key.startswith("PYTHON")},
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_S,
        )
        seconds = time.monotonic() - started
        if done.returncode:
            return Answer({}, done.stderr, seconds)
        pins = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", done.stdout, re.MULTILINE)
        return Answer({normalize_name(name): version for name, version in pins}, "", seconds)


def differences(ours: Answer, theirs: Answer) -> dict[str, tuple[str | None, str | None]]:
    """Return our version and uv's of every package in which they differ."""
    names = sorted({*ours.versions, *theirs.versions})
    pairs = {name: (ours.versions.get(name), theirs.versions.get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Tools:
    if not find_uv():
        pytest.skip("NOT TRIED: uv is not installed")
    if not find_python():
        pytest.skip(f"NOT TRIED: there is no Python {PYTHON}")
    return Tools(tmp_path_factory.mktemp("requirement-files"))


def parameters() -> list[object]:
    """Return a parameter for each file; those that take long are skipped unless they are asked for."""
    skip = pytest.mark.skipif(not os.environ.get("BLAST_TESTS_SLOW"), reason="takes long: set BLAST_TESTS_SLOW")
    return [pytest.param(name, marks=() if name in QUICK else (pytest.mark.slow, skip)) for name in find_files()]


@pytest.mark.parametrize("name", parameters())
def test_versions_are_those_of_uv_or_explained(name: str, tools: Tools) -> None:
    path = find_files()[name]
    ours, theirs = tools.ask_blast(path), tools.ask_uv(path)
    if name in FAILING:
        assert theirs.error
        assert FAILING[name] in ours.error
        assert "Traceback" not in ours.error
        assert "internal error" not in ours.error
        return
    assert (ours.error, theirs.error) == ("", "")
    if name not in EXPLAINED:
        assert differences(ours, theirs) == {}
        return
    explanation = EXPLAINED[name]
    assert differences(ours, theirs), f"{name} needs no explanation any more"
    limited = tools.ask_uv(path, *explanation.limits)
    assert limited.error == ""
    assert differences(ours, limited) == {}, f"no longer enough: {explanation.reason}"


def test_every_word_about_a_file_is_about_one() -> None:
    assert {*EXPLAINED, *FAILING, *QUICK} <= {*find_files()}
    assert not {*EXPLAINED} & {*FAILING}


def main(names: list[str]) -> None:
    """Show what differs, and how long it takes cold."""
    for name, path in find_files().items():
        if names and name not in names:
            continue
        with tempfile.TemporaryDirectory() as top:
            tools = Tools(Path(top))
            ours, theirs = tools.ask_blast(path), tools.ask_uv(path)
            differing = differences(ours, theirs)
            left = differences(ours, tools.ask_uv(path, *EXPLAINED[name].limits)) if name in EXPLAINED else differing
        rows = [f"{name}: {len(differing)} differ, not explained: {left}"]
        for tool, answer in (("Blast", ours), ("uv", theirs)):
            rows.append(f"    {tool} {answer.seconds:.1f} s, {len(answer.versions)} packages {answer.error[-200:]!r}")
        sys.stdout.write("\n".join([*rows, ""]))
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
