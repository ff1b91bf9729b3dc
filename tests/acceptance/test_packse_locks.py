"""The command on packse's scenarios, which nobody on this project wrote, from an index that its builder serves.

Scenarios for one environment are installed and compiled; those for all environments are locked, and what the lock gives
each of its targets is compared with what uv's universal lock gives there. The scenarios lie beside the repository, in
../shared/cases/packse; without them the tests are skipped, and say so.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

from blast_cli.testing import Blast
from blast_core.formats.dpl.reader import DplLockFile
from blast_core.names import normalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator

Pins = set[tuple[str, str]]

SHARED = Path(__file__).resolve().parents[3] / "shared" / "cases" / "packse"
BUILDER = SHARED / "packse_build.py"
pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not BUILDER.exists(), reason="PACKSE IS NOT TRIED: ../shared/cases/packse is not there"),
]

# What uv's lock holds for environments that are none of our targets: nothing that the project itself asks for.
NOT_A_TARGET = {
    "packse:fork/fork-marker-inherit-combined-allowed": {("b", "1.0.0"), ("c", "1.0.0")},  # PyPy on macOS
    "packse:fork/fork-marker-inherit-combined-disallowed": {("b", "1.0.0")},  # PyPy on macOS
    "packse:fork/fork-marker-track": {("c", "1.10")},  # an implementation named iron
    "packse:fork/fork-remaining-universe-partitioning": {("b", "1.0.0"), ("b", "2.0.0")},  # Darwin below illumos
    # i686; and Linux on arm64, for which there are only manylinux2010 wheels, which no such machine can install.
    "packse:wheels/specific-architecture": {("c", "1.0.0"), ("d", "1.0.0")},
}

# uv wants one version of a package for all environments where it can. We lock for each target what solving for it
# alone gives, as `uv pip compile --python-platform` does, so some targets get newer versions than uv's compromise.
_TRISTABLE = {("bar", "2.0.0"), ("foo", "2.0.0"), ("cleaver", "2.0.0"), ("a", "1.0.0"), ("b", "1.0.0")}
APART: dict[str, dict[str, Pins]] = {
    "packse:fork/fork-marker-selection": {
        "linux": {("a", "0.2.0"), ("b", "2.0.0")},
        "macos": {("a", "0.1.0"), ("b", "1.0.0")},
        "windows": {("a", "0.2.0"), ("b", "2.0.0")},
    },
    "packse:fork/fork-marker-track": {
        "linux": {("a", "4.3.0"), ("b", "2.8")},
        "macos": {("a", "1.3.1"), ("b", "2.7")},
        "windows": {("a", "4.3.0"), ("b", "2.8")},
    },
    "packse:fork/preferences-dependent-forking-tristable": {
        "linux": _TRISTABLE | {("unrelated-dep", "1.0.0"), ("unrelated-dep3", "1.0.0")},
        "macos": _TRISTABLE | {("unrelated-dep", "2.0.0"), ("unrelated-dep3", "1.0.0")},
        "windows": _TRISTABLE | {("unrelated-dep", "2.0.0"), ("unrelated-dep3", "2.0.0")},
    },
}

# Universal for `uv pip compile`: one version for all there, too, though only some Pythons ask for forkdep by name.
LOWEST = {
    "uv:fork/lowest-direct-fork-min-python": {"py311": "3.1", "py312": "3.0"},
    "uv:fork/lowest-fork-max-python": {"py311": "2.8", "py312": "2.8"},
    "uv:fork/lowest-fork-min-python": {"py311": "2.8", "py312": "3.0"},
}


def scenario_ids(*modes: str) -> list[str]:
    status = SHARED / "status.json"
    if not status.exists():
        return []
    rows = json.loads(status.read_text(encoding="utf-8"))
    return sorted(name for name, row in rows.items() if row["mode"] in modes and name not in LOWEST)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("packse") / "corpus"
    command = [sys.executable, str(BUILDER), "build", "--data", str(SHARED / "data"), "--out", str(out), "--force"]
    subprocess.run(command, check=True, capture_output=True)
    return out


@pytest.fixture(scope="module")
def scenarios(corpus: Path) -> dict[str, dict[str, Any]]:
    document = json.loads((corpus / "expectations.json").read_text(encoding="utf-8"))
    status = json.loads((SHARED / "status.json").read_text(encoding="utf-8"))
    records = document["scenarios"]
    return {record["id"]: {**record, "uv_lock": status[record["id"]].get("uv_lock")} for record in records}


@pytest.fixture(scope="module")
def address(corpus: Path) -> Iterator[str]:
    command = [sys.executable, str(BUILDER), "serve", "--out", str(corpus), "--port", "0", "--format", "auto"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().removeprefix("serving ").strip()
        server.terminate()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all: names are the same everywhere, what they hold is not."""
    return tmp_path_factory.mktemp("packse-home")


def make_blast(scenario: dict[str, Any], address: str, home: Path, directory: Path) -> Blast:
    return Blast(directory, home, {"BLAST_INDEX_URL": address + scenario["index"], "BLAST_PYTHON": ""})


def options_of(scenario: dict[str, Any]) -> list[str]:
    options = scenario["options"]
    words = ["--pre"] if options["prereleases"] else []
    words += [word for name in options["no_binary"] for word in ("--no-binary", name)]
    words += [word for name in options["no_build"] for word in ("--only-binary", name)]
    return words


def is_there(python: str) -> bool:
    names = [f"python{python}", *(f"{root}/versions/{python}.*" for root in (Path.home() / ".pyenv",))]
    return bool(shutil.which(names[0])) or any((Path.home() / ".pyenv" / "versions").glob(f"{python}.*/bin/python"))


def explains(done: subprocess.CompletedProcess[str], scenario: dict[str, Any]) -> bool:
    """Tell whether a failure says why, and what to do, in words of the project's own."""
    asked = normalize_name(Requirement(scenario["root"]["requires"][0]).name)
    said = done.stderr.splitlines()
    return (
        said[0].startswith("error: ")
        and "internal error" not in said[0]
        and any(line.startswith("  why: ") for line in said)
        and any(line.startswith("  try: ") for line in said)
        and asked in done.stderr
        and "Traceback" not in done.stderr
    )


@pytest.mark.parametrize("name", scenario_ids("install"))
def test_is_installed(name: str, scenarios: dict[str, Any], address: str, home: Path, tmp_path: Path) -> None:
    scenario = scenarios[name]
    python, expected = scenario["environment"]["python"], scenario["expected"]
    if not is_there(python):
        pytest.skip(f"NOT TRIED: there is no Python {python}")
    blast = make_blast(scenario, address, home, tmp_path)
    blast("venv", "--python", python)
    done = blast.run("pip", "install", *options_of(scenario), *scenario["root"]["requires"])
    found = {row["name"]: row["version"] for row in blast.json("pip", "list")["packages"]}
    if not expected["satisfiable"]:
        assert done.returncode == 1, done.stdout
        assert explains(done, scenario), done.stderr
        assert found == {}
        return
    assert done.returncode == 0, done.stderr
    if expected["packages"]:
        assert found == expected["packages"]


@pytest.mark.parametrize("name", scenario_ids("compile"))
def test_is_compiled(name: str, scenarios: dict[str, Any], address: str, home: Path, tmp_path: Path) -> None:
    scenario = scenarios[name]
    expected = scenario["expected"]
    blast = make_blast(scenario, address, home, tmp_path)
    (tmp_path / "requirements.in").write_text("\n".join(scenario["root"]["requires"]) + "\n")
    words = ["--python-version", scenario["options"]["python"], *options_of(scenario)]
    done = blast.run("pip", "compile", "requirements.in", "--json", *words)
    if not expected["satisfiable"]:
        assert done.returncode == 1, done.stdout
        assert explains(done, scenario), done.stderr
        return
    assert done.returncode == 0, done.stderr
    found = {row["name"]: row["version"] for row in json.loads(done.stdout)["packages"]}
    assert found == (expected["packages"] or {"a": "1.0.0"})


def write_project(directory: Path, scenario: dict[str, Any], requires_python: str = "") -> None:
    requires = json.dumps(scenario["root"]["requires"])
    python = requires_python or scenario["root"]["requires_python"]
    (directory / "pyproject.toml").write_text(
        f'[project]\nname = "locked"\nversion = "0"\nrequires-python = "{python}"\ndependencies = {requires}\n'
    )


def read_targets(directory: Path) -> dict[str, tuple[dict[str, str], Pins]]:
    """Return the marker environment and the locked versions of each target, by its name."""
    with DplLockFile.open(str(directory / "blast.lock")) as lock:
        packages = [package for package in lock.packages() if package.source.kind == "registry"]
        return {
            target.name: (dict(target.markers), {(p.name, p.version) for p in packages if p.target_mask >> bit & 1})
            for bit, target in enumerate(lock.targets)
        }


def expect_pins(scenario: dict[str, Any], environment: dict[str, str]) -> Pins:
    """Return what uv's lock holds for an environment: what the project reaches there, in the versions locked for it."""

    def holds(marker: Marker | str | None, extra: str) -> bool:
        return not marker or Marker(str(marker)).evaluate({**environment, "extra": extra})

    versions: dict[str, str] = {}
    for row in scenario["uv_lock"]:
        if not row["markers"] or any(holds(marker, "") for marker in row["markers"]):
            assert row["name"] not in versions, f"{row['name']}: two versions in one environment"
            versions[row["name"]] = row["version"]
    reached: set[tuple[str, str]] = set()
    waiting = [Requirement(line) for line in scenario["root"]["requires"]]
    waiting = [row for row in waiting if holds(row.marker, "")]
    while waiting:
        row = waiting.pop()
        for extra in ("", *row.extras):
            if (row.name, extra) not in reached:
                reached.add((row.name, extra))
                release = scenario["packages"][row.name][versions[row.name]]
                lines = release["extras"].get(extra, []) if extra else release["requires"]
                waiting += [more for more in map(Requirement, lines) if holds(more.marker, extra)]
    return {(name, versions[name]) for name, _ in reached}


@pytest.mark.parametrize("name", scenario_ids("lock"))
def test_is_locked_as_by_uv_for_every_target(
    name: str, scenarios: dict[str, Any], address: str, home: Path, tmp_path: Path
) -> None:
    scenario = scenarios[name]
    blast = make_blast(scenario, address, home, tmp_path)
    write_project(tmp_path, scenario)
    done = blast.run("lock", *options_of(scenario))
    if not scenario["expected"]["satisfiable"]:
        assert done.returncode == 1, done.stdout
        assert explains(done, scenario), done.stderr
        assert not (tmp_path / "blast.lock").exists()
        return
    assert done.returncode == 0, done.stderr
    targets = read_targets(tmp_path)
    assert targets
    if name in APART:
        for target, (_, pins) in targets.items():
            assert pins == APART[name][target.partition("-")[0]], target
        return
    for target, (environment, pins) in targets.items():
        assert pins == expect_pins(scenario, environment), target
    theirs = {(row["name"], row["version"]) for row in scenario["uv_lock"]}
    assert theirs - set().union(*(pins for _, pins in targets.values())) == NOT_A_TARGET.get(name, set())


@pytest.mark.parametrize("name", sorted(LOWEST))
def test_lowest_versions_are_those_of_each_python(
    name: str, scenarios: dict[str, Any], address: str, home: Path, tmp_path: Path
) -> None:
    scenario = scenarios[name]
    blast = make_blast(scenario, address, home, tmp_path)
    write_project(tmp_path, scenario, ">=3.11,<3.13")
    blast("lock", "--resolution", scenario["options"]["resolution"])
    for target, (_, pins) in read_targets(tmp_path).items():
        forkdep = next(version for part, version in LOWEST[name].items() if target.endswith(part))
        assert pins == {("forkdep", forkdep), ("forkleaf", "1.1.0"), ("forkroot", "3.0.0")}, target


def test_every_scenario_is_tried() -> None:
    tried = {*scenario_ids("install"), *scenario_ids("compile"), *scenario_ids("lock"), *LOWEST}
    assert len(tried) >= 104
