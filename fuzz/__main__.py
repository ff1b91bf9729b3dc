"""``python3 dev.py fuzz [TARGET ...] [--minutes N]``: fuzz the readers of untrusted bytes, one after another."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fuzz.corpus import CORPUS, choose, pack, read_corpus, write_directory
from fuzz.covering import choose_covering
from fuzz.seeds import make_seeds
from fuzz.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_WORK = Path(__file__).resolve().parents[1] / ".dev" / "fuzz"
_STATUS = re.compile(r"#(\d+)\s.*\bcov: (\d+) ft: (\d+)")
# Of one target's pack in the repository.
_ROOM = 48 << 10


class Outcome(NamedTuple):
    """What one target's run came to; ``failed`` is the input that failed, "" for none."""

    target: str
    minutes: float
    runs: int
    branches: int
    features: int
    failed: str


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev.py fuzz", description="Fuzz the readers of untrusted bytes.")
    main = [target.name for target in TARGETS.values() if target.main]
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; {', '.join(main)}")
    parser.add_argument("--minutes", type=float, default=5, help="for each of them (5)")
    parser.add_argument("--seeds", type=Path, action="append", default=[], help="a folder of more inputs")
    parser.add_argument("--keep", action="store_true", help="put what was found to be worth it into the repository")
    chosen = parser.parse_args(arguments)
    chosen.targets = chosen.targets or main
    unknown = set(chosen.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    return chosen


def _harness(target: str, *options: str) -> list[str]:
    return [sys.executable, "-m", "fuzz.harness", target, *options]


def _fuzz(target: str, minutes: float, more: Sequence[Path]) -> Outcome:
    folder = _WORK / target
    corpus, seeds, found = folder / "corpus", folder / "seeds", folder / "found"
    for directory in (corpus, found):
        directory.mkdir(parents=True, exist_ok=True)
    write_directory([*make_seeds(target), *read_corpus(target)], seeds)
    options = [f"-max_total_time={int(minutes * 60)}", f"-artifact_prefix={found}/", "-print_final_stats=1"]
    started = time.perf_counter()
    runs = branches = features = 0
    failed = ""
    command = _harness(target, *options, str(corpus), str(seeds), *map(str, more))
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        assert process.stderr is not None
        for line in process.stderr:
            status = _STATUS.match(line)
            if status:
                runs, branches, features = map(int, status.groups())
            elif line.startswith("stat::number_of_executed_units:"):
                runs = int(line.split()[-1])
            elif "Test unit written to" in line:
                failed = line.rpartition(" ")[2].strip()
            if not line.startswith("#"):
                print(line, end="", flush=True)
    if process.returncode and not failed:
        failed = f"the process ended with {process.returncode}"
    return Outcome(target, (time.perf_counter() - started) / 60, runs, branches, features, failed)


def _keep(target: str) -> None:
    """Keep the fewest inputs that cover what all cover, as far as they have room."""
    folder = _WORK / target
    inputs = [path.read_bytes() for name in ("corpus", "seeds") for path in (folder / name).iterdir()]
    kept = choose(choose_covering(TARGETS[target].load(), [*inputs, *read_corpus(target)]), _ROOM)
    packed = pack(kept)
    (CORPUS / f"{target}.pack").write_bytes(packed)
    print(f"{target}: kept {len(kept)} of {len(inputs)} inputs, {len(packed)} bytes")


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz, and say what came of it."""
    chosen = _parse(arguments)
    outcomes = []
    for target in chosen.targets:
        print(f"== {target}, {chosen.minutes:g} minutes", flush=True)
        outcome = _fuzz(target, chosen.minutes, chosen.seeds)
        outcomes.append(outcome)
        with (_WORK / "record.jsonl").open("a", encoding="utf-8") as record:
            record.write(json.dumps(outcome._asdict()) + "\n")
        if chosen.keep and not outcome.failed:
            _keep(target)
    for outcome in outcomes:
        said = f"FAILED: {outcome.failed}" if outcome.failed else "ok"
        covered = f"{outcome.branches} branches, {outcome.features} features"
        print(f"{outcome.target:12} {outcome.minutes:6.1f} min {outcome.runs:>10} runs, {covered}: {said}")
    return int(any(outcome.failed for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
