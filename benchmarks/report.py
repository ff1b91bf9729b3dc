"""From samples to medians, ratios, JSON and Markdown."""

from __future__ import annotations

import json
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.measure import Sample
    from benchmarks.scenarios import Scenario

__all__ = ["Row", "make_rows", "show_json", "show_markdown"]


class Row(NamedTuple):
    """One scenario's result; times are medians, memory is the highest peak, 0.0 where a tool was not measured."""

    name: str
    title: str
    target: float
    uv_ms: float
    blast_ms: float
    uv_samples: tuple[float, ...]
    blast_samples: tuple[float, ...]
    uv_rss_bytes: float
    blast_rss_bytes: float

    @property
    def ratio(self) -> float:
        """Blast / uv, 0.0 where one is missing."""
        return self.blast_ms / self.uv_ms if self.uv_ms and self.blast_ms else 0.0

    @property
    def is_reached(self) -> bool:
        """Whether the target is reached."""
        return 0 < self.ratio <= self.target


def make_rows(scenarios: Sequence[Scenario], samples: Mapping[str, Mapping[str, Sequence[Sample]]]) -> tuple[Row, ...]:
    """Return a row for each scenario, in their order."""
    rows = []
    for scenario in scenarios:
        times = {tool: tuple(each.wall_ms for each in taken) for tool, taken in samples[scenario.name].items()}
        memory = {tool: [each.rss_bytes for each in taken] for tool, taken in samples[scenario.name].items()}
        uv, blast = times.get("uv", ()), times.get("blast", ())
        row = Row(
            scenario.name,
            scenario.title,
            scenario.target,
            median(uv or [0.0]),
            median(blast or [0.0]),
            uv,
            blast,
            max(memory.get("uv") or [0]),
            max(memory.get("blast") or [0]),
        )
        rows.append(row)
    return tuple(rows)


def show_json(rows: Sequence[Row], machine: Mapping[str, str]) -> str:
    """Return everything that was measured."""
    results = [{**row._asdict(), "ratio": row.ratio, "reached": row.is_reached} for row in rows]
    return json.dumps({"machine": machine, "results": results}, indent=1) + "\n"


def show_markdown(rows: Sequence[Row], machine: Mapping[str, str]) -> str:
    """Return a table for people, with the machine above it."""
    lines = [", ".join(f"{key}: {value}" for key, value in machine.items() if value), ""]
    lines += ["| | scenario | uv, ms | Blast, ms | ratio | target | | memory, MB: uv, Blast |"]
    lines += ["|---|---|---:|---:|---:|---:|---|---|"]
    for row in rows:
        verdict = ("reached" if row.is_reached else "**missed**") if row.ratio and row.target else ""
        ratio = _show(row.ratio) if row.ratio else ""
        memory = f"{row.uv_rss_bytes / 1e6:.0f}, {row.blast_rss_bytes / 1e6:.0f}" if row.uv_rss_bytes else ""
        cells = [row.name, row.title, _show(row.uv_ms), _show(row.blast_ms), ratio, _show(row.target), verdict, memory]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _show(value: float) -> str:
    """Return three significant digits, without an exponent."""
    if value == 0:
        return ""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.1 else 4
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"
