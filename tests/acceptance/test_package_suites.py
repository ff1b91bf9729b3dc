"""The test suites of well-known packages: folded, without an environment, and in uv's environment of the same versions.

They are long, so they run only where ``BLAST_TESTS_SUITES`` names a file, to which the counts are appended as rows of a
table: ``BLAST_TESTS_SUITES=/tmp/table.md python3 -m pytest tests/acceptance/test_package_suites.py``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import NamedTuple

import pytest

from blast_cli.testing import Blast

pytestmark = [
    pytest.mark.network,
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not os.environ.get("BLAST_TESTS_SUITES"), reason="LONG: BLAST_TESTS_SUITES names no file"),
]


class Suite(NamedTuple):
    """A package and how its tests are run.

    Attributes:
        name: of the project.
        needs: requirements of its tests.
        tests: files or directories of the source distribution; none for tests that are installed with the package.
        arguments: for pytest.
        sources: directories of the source distribution that would hide what is installed.
    """

    name: str
    needs: tuple[str, ...]
    tests: tuple[str, ...] = ("tests",)
    arguments: tuple[str, ...] = ()
    sources: tuple[str, ...] = ("src",)


_NUMPY = ("numpy.lib.tests.test_function_base", "numpy.linalg.tests.test_linalg")
_SQL = (
    "test/base",
    "test/engine",
    "test/ext",
    "test/sql/test_compiler.py",
    "test/sql/test_select.py",
    "test/orm/test_query.py",
)
_SUITES = (
    Suite("attrs", ("cloudpickle", "hypothesis", "pympler")),
    Suite("click", ()),
    Suite("flask", ("asgiref", "greenlet", "python-dotenv")),
    Suite("packaging", ("hypothesis", "pip", "pretend", "tomli_w")),
    Suite("pluggy", ("pytest-benchmark",), ("testing",)),
    Suite("requests", ("pytest-httpbin==2.1.0", "httpbin~=0.10.0", "pytest-mock", "trustme", "PySocks")),
    Suite("jinja2", ("trio",)),
    Suite("numpy", ("hypothesis",), (), ("--pyargs", *_NUMPY, "-m", "not slow")),
    Suite(
        "pydantic",
        ("pytz", "dirty-equals", "pytest-mock", "pytest-benchmark", "pytest-examples", "faker", "jsonschema",
         "pytest-run-parallel", "time-machine", "email-validator", "packaging"),
        ("tests/test_main.py", "tests/test_json_schema.py", "tests/test_types.py", "tests/test_generics.py",
         "tests/test_validators.py", "tests/test_dataclasses.py", "tests/test_networks.py"),
        ("--benchmark-disable",),
        ("pydantic",),
    ),
    Suite("sqlalchemy", ("typing_extensions",), _SQL, ("-p", "no:logging"), ()),
)  # fmt: skip

_COUNTS = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed|deselected)")
_WORSE = re.compile(r"^(?:FAILED|ERROR) ([^ ]+)", re.MULTILINE)


class Outcome(NamedTuple):
    """What pytest said: how many of what, and which tests failed."""

    counts: dict[str, int]
    worse: frozenset[str]


@pytest.mark.parametrize("suite", _SUITES, ids=lambda suite: suite.name)
def test_a_package_passes_its_tests_as_in_uvs_environment(suite: Suite, tmp_path: Path) -> None:
    uv = shutil.which("uv") or shutil.which("uv", path=os.path.dirname(sys.executable))
    if uv is None:
        pytest.skip("NO PEER: uv is not installed")
    folded, view, pins = make_folded(suite, tmp_path)
    version = next(pin.partition("==")[2] for pin in pins if pin.startswith(f"{suite.name}=="))
    peer = make_peer(uv, pins, tmp_path)
    work = unpack_tests(suite, version, tmp_path) if suite.tests else tmp_path / "empty"
    work.mkdir(exist_ok=True)
    outcomes = [run_suite(suite, environment / "bin/python", work) for environment in (folded, view, peer)]
    row = [suite.name, version, *(say(outcome) for outcome in outcomes)]
    with open(os.environ["BLAST_TESTS_SUITES"], "a", encoding="utf-8") as table:
        table.write("| " + " | ".join(row) + " |\n")
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert outcomes[0].counts.get("passed", 0) > 50


def make_folded(suite: Suite, tmp_path: Path) -> tuple[Path, Path, list[str]]:
    """Return an environment of Blast's, the view that runs without one are in, and what is in both as pins."""
    (tmp_path / "project").mkdir()
    blast = Blast(tmp_path / "project", tmp_path / "home", pip_settings())
    blast("init", "--name", "suite")
    blast("add", suite.name, "pytest<9", *suite.needs)
    environment = tmp_path / "project/.venv"
    listed = run(sys.executable, "-m", "pip", "--python", environment / "bin/python", "list", "--format", "freeze")
    assert any((environment / "lib").glob("python*/site-packages/pytest")), "it is not folded"
    view = Path(blast("run", "--no-env", "python", "-c", "import sys; print(sys.prefix)").stdout.strip())
    assert view.parent == blast.home / "views"
    return environment, view, sorted(listed.lower().split())


def pip_settings() -> dict[str, str]:
    """Return the variables that tell pip, and so Blast, of the index."""
    return {name: value for name, value in os.environ.items() if name.startswith("PIP_")}


def make_peer(uv: str, pins: list[str], tmp_path: Path) -> Path:
    """Return an environment of uv's with the same versions."""
    wheels, environment = tmp_path / "wheels", tmp_path / "peer"
    run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", wheels, *pins)
    run(uv, "venv", "-q", "--python", sys.executable, environment)
    offline = ("--no-index", "--find-links", wheels, "--no-deps", "-q")
    run(uv, "pip", "install", *offline, "--python", environment / "bin/python", *pins)
    return environment


def unpack_tests(suite: Suite, version: str, tmp_path: Path) -> Path:
    """Return the source distribution's directory, without what would hide the installed package."""
    download = ("download", "-q", "--no-deps", "--no-binary", suite.name, "-d", tmp_path / "sdist")
    run(sys.executable, "-m", "pip", *download, f"{suite.name}=={version}")
    (archive,) = (tmp_path / "sdist").iterdir()
    with tarfile.open(archive) as file:
        file.extractall(tmp_path / "source", filter="data")
    (top,) = (tmp_path / "source").iterdir()
    for name in suite.sources:
        shutil.rmtree(top / name, ignore_errors=True)
    return top


def run_suite(suite: Suite, python: Path, work: Path) -> Outcome:
    """Run the tests and count."""
    line = [str(python), "-m", "pytest", "-q", "-rfE", "-p", "no:cacheprovider", "--no-header", "--tb=no"]
    done = subprocess.run(
        [*line, *suite.tests, *suite.arguments],
        cwd=work,
        env=clean_variables(),
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
    last = next((row for row in reversed(done.stdout.splitlines()) if _COUNTS.search(row)), "")
    assert last, done.stdout[-2000:] + done.stderr[-2000:]
    counts = {kind.rstrip("s") if kind == "errors" else kind: int(count) for count, kind in _COUNTS.findall(last)}
    return Outcome(counts, frozenset(_WORSE.findall(done.stdout)))


def say(outcome: Outcome) -> str:
    """Return the counts as a cell."""
    return ", ".join(f"{count} {kind}" for kind, count in sorted(outcome.counts.items(), key=lambda row: -row[1]))


def run(*line: str | Path) -> str:
    """Run a program, which must succeed, and return what it prints."""
    done = subprocess.run(line, capture_output=True, text=True, check=False, env=clean_variables())
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def clean_variables() -> dict[str, str]:
    """Return the variables of this process but for those that lead to other code."""
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTEST_ADDOPTS"}}
    # By this sqlalchemy's suite knows that it is to test what is installed.
    return {**kept, "PYTHONNOUSERSITE": "1"}
