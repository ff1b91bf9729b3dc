"""``python3 dev.py bench [SCENARIO ...]``: measure Blast and uv in turn; ``bench growth`` how time and disk grow."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contender import make_contenders
from benchmarks.corpus import fetch_corpus
from benchmarks.machine import describe_machine, find_machine
from benchmarks.plot import draw_ratios, draw_samples
from benchmarks.report import make_rows, show_json, show_markdown
from benchmarks.scenarios import SCENARIOS, Scenario, run_scenarios
from benchmarks.server import serve_index

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.report import Row

_TOP = Path(__file__).resolve().parents[1]
_PROJECTS = Path(__file__).resolve().parent / "projects"
_RESULTS = Path(__file__).resolve().parent / "results"
_PAGE = _TOP / "docs" / "performance.md"
_MARK = "<!-- results -->"


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="dev.py bench", description="Measure Blast and uv in turn. `dev.py bench growth`: how time and disk grow."
    )
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"of {', '.join(names)}; all by default")
    parser.add_argument("--rounds", type=int, default=9, help="how often everything is measured (9)")
    parser.add_argument("--project", default="big", help="a folder of benchmarks/projects (big)")
    parser.add_argument("--only-uv", action="store_true", help="leave Blast out")
    parser.add_argument("--publish", action="store_true", help="write the results into docs/performance.md too")
    parser.add_argument("--keep", action="store_true", help="keep the projects and stores, and say where they are")
    chosen = parser.parse_args(arguments)
    unknown = set(chosen.scenarios) - set(names)
    if unknown:
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    return chosen


def _measure(chosen: argparse.Namespace) -> tuple[tuple[Row, ...], dict[str, str]]:
    folder = _TOP / ".dev" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    machine = find_machine(folder, with_blast=not chosen.only_uv)
    project = _PROJECTS / chosen.project
    corpus = fetch_corpus(project, folder / chosen.project, machine)
    scenarios: tuple[Scenario, ...] = tuple(
        each for each in SCENARIOS if not chosen.scenarios or each.name in chosen.scenarios
    )
    work = Path(tempfile.mkdtemp(prefix="work-", dir=folder))
    try:
        with serve_index(corpus) as index:
            print("locking and syncing the project with each tool", flush=True)
            contenders = make_contenders(machine, project / "pyproject.toml", work, index)
            samples = run_scenarios(scenarios, contenders, chosen.rounds)
    finally:
        if chosen.keep:
            print(f"kept: {work}")
        else:
            shutil.rmtree(work, ignore_errors=True)
    return make_rows(scenarios, samples), describe_machine(machine)


def _write(rows: Sequence[Row], machine: Mapping[str, str]) -> str:
    _RESULTS.mkdir(exist_ok=True)
    table = show_markdown(rows, machine)
    (_RESULTS / "results.json").write_text(show_json(rows, machine), encoding="utf-8")
    (_RESULTS / "results.md").write_text(table, encoding="utf-8")
    (_RESULTS / "samples.svg").write_text(draw_samples(rows), encoding="utf-8")
    (_RESULTS / "ratios.svg").write_text(draw_ratios(rows), encoding="utf-8")
    return table


def _publish(rows: Sequence[Row], table: str) -> None:
    """Replace what stands after the mark in docs/performance.md, and the plots beside it."""
    images = _PAGE.parent / "images"
    images.mkdir(exist_ok=True)
    (images / "samples.svg").write_text(draw_samples(rows), encoding="utf-8")
    (images / "ratios.svg").write_text(draw_ratios(rows), encoding="utf-8")
    head = _PAGE.read_text(encoding="utf-8").partition(_MARK)[0]
    today = time.strftime("%Y-%m-%d")
    plots = "![Ratios to uv](images/ratios.svg)\n\n![Every sample](images/samples.svg)\n"
    _PAGE.write_text(f"{head}{_MARK}\n\n## Figures of {today}\n\n{table}\n{plots}", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show a table, and write the results."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["growth"]:
        from benchmarks.growth import main as measure_growth

        return measure_growth(given[1:])
    if given[:1] == ["memory"]:
        from benchmarks.memory import main as measure_memory

        return measure_memory(given[1:])
    chosen = _parse(given)
    rows, machine = _measure(chosen)
    table = _write(rows, machine)
    if chosen.publish:
        _publish(rows, table)
    print(f"\n{table}\nwritten to {_RESULTS}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
