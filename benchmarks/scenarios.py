"""What is measured: the scenarios of docs/performance.md, for both tools."""

from __future__ import annotations

import itertools
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.measure import Command, Sample, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.contender import Contender

__all__ = ["SCENARIOS", "Scenario", "run_scenarios"]

_PACKAGE = "scikit-learn"  # has dependencies, and stands deep in the lock
_IMPORT = "import pandas, sklearn.linear_model, matplotlib.pyplot"
_SMALL = "humanize"  # is not in the project, and needs nothing

# Both read the file anew each time, as a process that asks once would; imports are not counted.
_READ_TOML = """
import json, sys, time, tomllib
best = 1e9
for _ in range(5):
    started = time.perf_counter_ns()
    with open(sys.argv[1], "rb") as stream:
        document = tomllib.load(stream)
    entry = next(each for each in document["package"] if each["name"] == sys.argv[2])
    names = [each["name"] for each in entry["dependencies"]]
    best = min(best, time.perf_counter_ns() - started)
print(json.dumps([best / 1e6, len(names)]))
"""
_READ_DPL = """
import json, sys, time
from blast_core.formats.dpl.reader import DplLockFile
best = 1e9
for _ in range(200):
    started = time.perf_counter_ns()
    lock = DplLockFile.open(sys.argv[1])
    entry = next(iter(lock.find(sys.argv[2])))
    names = [each.name for each in entry.dependencies]
    lock.close()
    best = min(best, time.perf_counter_ns() - started)
print(json.dumps([best / 1e6, len(names)]))
"""

_TOOL = ("ruff", "--version")
_SCRIPT = f"""\
# /// script
# requires-python = ">=3.11"
# dependencies = ["{_SMALL}"]
# ///
import {_SMALL}

print({_SMALL}.intcomma(12345))
"""

_numbers = itertools.count(1)


class Scenario(NamedTuple):
    """One thing that is measured.

    Attributes:
        name: as in docs/performance.md.
        title: what happens, in a few words.
        target: the ratio Blast / uv that must be reached; 0.0 if none is set.
        repeats: samples per round; quick ones get more.
        take: measures one sample of a tool.
        prepare: called once per tool before the first round, if not None.
    """

    name: str
    title: str
    target: float
    repeats: int
    take: Callable[[Contender], Sample]
    prepare: Callable[[Contender], None] | None = None


def _take_command(*arguments: str) -> Callable[[Contender], Sample]:
    return lambda contender: measure(contender.command(*arguments))


def _take_new_environment(*options: str) -> Callable[[Contender], Sample]:
    def take(contender: Contender) -> Sample:
        directory = contender.copy_project(next(_numbers))
        return measure(contender.command("sync", *options, directory=directory), settle=True)

    return take


def _take_lock(*options: str) -> Callable[[Contender], Sample]:
    """Lock where there is a manifest and nothing else, from metadata that the tool has; `options` are Blast's."""

    def take(contender: Contender) -> Sample:
        directory = contender.copy_project(next(_numbers), with_lock=False)
        more = options if contender.name == "blast" else ()
        return measure(contender.command("lock", "--offline", *more, directory=directory), settle=True)

    return take


def _prepare_add(contender: Contender) -> None:
    """Let the tool see the small package's metadata."""
    contender.run("add", "--no-sync", _SMALL, directory=contender.copy_project(next(_numbers)))


def _take_add(contender: Contender) -> Sample:
    """Add a requirement that was never added before, so that no remembered resolution answers."""
    number = next(_numbers)
    directory = contender.copy_project(number)
    return measure(contender.command("add", "--no-sync", f"{_SMALL}!=0.0.{number}", directory=directory), settle=True)


def _take_cold_lock(view: str) -> Callable[[Contender], Sample]:
    """Lock with an empty home or cache, from the index's `view`."""

    def take(contender: Contender) -> Sample:
        number = next(_numbers)
        directory = contender.copy_project(number, with_lock=False)
        index = _variables(contender)[1]
        changed = _empty_home(contender, number) | {
            index: contender.environment[index].replace("/simple/", f"/{view}/")
        }
        return measure(contender.command("lock", directory=directory, changed=changed), settle=True)

    return take


def _take_cold_sync(contender: Contender) -> Sample:
    """Install from the lock with an empty home or cache: downloads, checks, unpacking, the environment."""
    number = next(_numbers)
    directory = contender.copy_project(number)
    return measure(contender.command("sync", directory=directory, changed=_empty_home(contender, number)), settle=True)


def _empty_home(contender: Contender, number: int) -> dict[str, str]:
    return {_variables(contender)[0]: str(contender.top / f"cold-{number}")}


def _variables(contender: Contender) -> tuple[str, str]:
    """Return the variables that say where a tool keeps what it has, and what its index is."""
    return ("UV_CACHE_DIR", "UV_DEFAULT_INDEX") if contender.name == "uv" else ("BLAST_HOME", "BLAST_INDEX_URL")


def _prepare_import(contender: Contender) -> None:
    """Let Blast's store have bytecode, as after the first project of a machine, and let libraries fill caches."""
    if contender.name == "blast":
        contender.run("sync", "--compile-bytecode")
    contender.run("run", "python", "-c", _IMPORT)


def _take_import(contender: Contender) -> Sample:
    """Import for the first time in an environment that was just made; making it is not counted."""
    directory = contender.copy_project(next(_numbers))
    contender.run("sync", directory=directory)
    python = str(directory / ".venv" / "bin" / "python")
    return measure(Command([python, "-c", _IMPORT], directory, contender.environment), settle=True)


def _prepare_view(contender: Contender) -> None:
    """Let Blast have a view of the project, and both the bytecode of all that is imported."""
    if contender.name == "blast":
        contender.run("sync", "--compile-bytecode")
        contender.run("run", "--no-env", "python", "-c", _IMPORT)
    contender.run("run", "python", "-c", _IMPORT)


def _view_or_environment(contender: Contender) -> str:
    """Return the Python of Blast's view, and of uv's environment: the same distributions, without and with one."""
    if contender.name != "blast":
        return str(contender.project / ".venv" / "bin" / "python")
    # Tools have views too: the program says which one is the project's.
    told = contender.project / "view.txt"
    program = f"import pathlib, sys; pathlib.Path({str(told)!r}).write_text(sys.executable)"
    if not told.is_file():
        contender.run("run", "--no-env", "python", "-c", program)
    return told.read_text(encoding="utf-8")


def _take_python(code: str) -> Callable[[Contender], Sample]:
    """Run code with nothing of either tool in the way but what starts with the interpreter."""

    def take(contender: Contender) -> Sample:
        command = [_view_or_environment(contender), "-c", code]
        return measure(Command(command, contender.project, contender.environment))

    return take


def _changed(contender: Contender) -> Path:
    return contender.top / "changed"


def _prepare_undo(contender: Contender) -> None:
    """Give Blast a project with a change that can be taken back; uv makes a new environment instead."""
    if contender.name == "blast":
        contender.copy_project(next(_numbers)).rename(_changed(contender))
        contender.run("sync", directory=_changed(contender))
        contender.run("remove", "redis", directory=_changed(contender))


def _take_undo(contender: Contender) -> Sample:
    if contender.name != "blast":
        return _take_new_environment()(contender)
    sample = measure(contender.command("undo", directory=_changed(contender)), settle=True)
    contender.run("redo", directory=_changed(contender))
    return sample


def _prepare_tool(contender: Contender) -> None:
    """Let the tool's environment be there, and what its index says of it."""
    contender.run("tool", "run", *_TOOL)


def _script(contender: Contender) -> Path:
    return contender.top / "script.py"


def _prepare_script(contender: Contender) -> None:
    """Write a script that needs one small package, and run it once."""
    _script(contender).write_text(_SCRIPT, encoding="utf-8")
    contender.run("run", str(_script(contender)), directory=contender.top)


def _take_script(contender: Contender) -> Sample:
    return measure(contender.command("run", str(_script(contender)), directory=contender.top))


def _take_venv(contender: Contender) -> Sample:
    """Make a bare environment in a directory that is new each time."""
    path = contender.top / f"bare-{next(_numbers)}"
    return measure(contender.command("venv", str(path), directory=contender.top), settle=True)


def _take_lookup(contender: Contender) -> Sample:
    """Look one package up in the lock within a running Python: DPL against ``tomllib`` on uv.lock."""
    blast = contender.name == "blast"
    python = str(Path(contender.program).parent / "python") if blast else contender.environment["UV_PYTHON"]
    arguments = ("-c", _READ_DPL if blast else _READ_TOML, str(contender.project / contender.locks[0]), _PACKAGE)
    run = subprocess.run([python, *arguments], env=contender.environment, stdout=subprocess.PIPE, text=True, check=True)
    best_ms, dependencies = json.loads(run.stdout)
    if not dependencies:
        message = f"{contender.name}: the lock shows no dependencies of {_PACKAGE}"
        raise ValueError(message)
    return Sample(best_ms, best_ms, 0)


def _take_question(contender: Contender) -> Sample:
    if contender.name == "blast":
        return measure(contender.command("lock", "show", _PACKAGE))
    return measure(contender.command("tree", "--package", _PACKAGE, "--frozen"))


def _take_lookup_or_tree(contender: Contender) -> Sample:
    return _take_lookup(contender) if contender.name == "blast" else _take_question(contender)


SCENARIOS = (
    Scenario("S1", "`sync`, nothing to do", 0.65, 5, _take_command("sync")),
    Scenario("S2", "`lock`, nothing to do", 0.85, 5, _take_command("lock")),
    Scenario("S3", "`run python -c pass`", 0.6, 5, _take_command("run", "python", "-c", "pass")),
    Scenario("S4", "new environment, warm store", 0.15, 1, _take_new_environment()),
    Scenario("S4b", "`undo`; uv: new environment", 0.06, 1, _take_undo, _prepare_undo),
    Scenario("S5", "new environment, hard links", 1.3, 1, _take_new_environment("--link-mode", "hardlink")),
    Scenario("S6", "`lock` without a lock, metadata warm, offline", 0.35, 3, _take_lock("--no-hints")),
    Scenario("S6b", "the same, locked before", 0.2, 3, _take_lock()),
    Scenario("S7", "`add` of one small package, not synced", 0.25, 3, _take_add, _prepare_add),
    Scenario("S8", "`lock`, everything cold, only locked releases listed", 1.0, 1, _take_cold_lock("lean")),
    Scenario("S8b", "the same, all releases listed", 1.0, 1, _take_cold_lock("simple")),
    Scenario("S9", "`sync` from a lock, everything cold, 245 MB of wheels", 0.9, 1, _take_cold_sync),
    Scenario("S10", "first import of pandas, scikit-learn, matplotlib", 0.4, 1, _take_import, _prepare_import),
    Scenario("S11", "one package of the lock; uv: tomllib", 1 / 1000, 1, _take_lookup),
    Scenario("S11b", "the same; uv: `tree --package`", 1 / 20, 1, _take_lookup_or_tree),
    Scenario("S11c", "the same, both as whole processes", 0.0, 3, _take_question),
    Scenario("S12", "`tool run ruff --version`, warm", 0.25, 3, _take_command("tool", "run", *_TOOL), _prepare_tool),
    Scenario("S13", "a script with metadata, warm", 0.8, 3, _take_script, _prepare_script),
    Scenario("S14", "bare `venv`", 0.9, 5, _take_venv),
    Scenario("S16", "an interpreter without environment; uv: in one", 1.25, 5, _take_python("pass"), _prepare_view),
    Scenario(
        "S16b", "the same, import of pandas, scikit-learn, matplotlib", 1.0, 3, _take_python(_IMPORT), _prepare_view
    ),
)


def run_scenarios(
    scenarios: tuple[Scenario, ...], contenders: Mapping[str, Contender], rounds: int
) -> dict[str, dict[str, list[Sample]]]:
    """Measure all scenarios with all tools in turn.

    Returns:
        Samples by scenario and tool, in the order in which they were taken.
    """
    samples: dict[str, dict[str, list[Sample]]] = {each.name: {name: [] for name in contenders} for each in scenarios}
    for scenario in scenarios:
        for contender in contenders.values() if scenario.prepare else ():
            assert scenario.prepare is not None
            scenario.prepare(contender)
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", flush=True)
        for scenario in scenarios:
            for repeat in range(scenario.repeats):
                order = list(contenders.values())
                for contender in order if (number + repeat) % 2 else reversed(order):
                    samples[scenario.name][contender.name].append(scenario.take(contender))
    return samples
