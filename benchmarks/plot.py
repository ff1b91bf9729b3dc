"""Plots as SVG, written by hand: every sample as a dot, medians as lines, on one logarithmic scale of milliseconds."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.report import Row

__all__ = ["draw_ratios", "draw_samples"]

_WIDTH, _LABELS, _ROW, _TOP = 860, 300, 46, 34
_COLOURS = {"uv": "#8a8f98", "blast": "#d9480f"}


def draw_samples(rows: Sequence[Row]) -> str:
    """Return a plot with all samples of all scenarios; both tools on one scale."""
    taken = [value for row in rows for value in (*row.uv_samples, *row.blast_samples)]
    low = math.floor(math.log10(min(taken, default=1.0)))
    high = math.ceil(math.log10(max(taken, default=10.0)))
    scale = (_WIDTH - _LABELS - 50) / max(high - low, 1)

    def place(value: float) -> float:
        return _LABELS + (math.log10(value) - low) * scale

    parts = [_text(8, _TOP - 12, "uv", colour=_COLOURS["uv"]), _text(40, _TOP - 12, "Blast", colour=_COLOURS["blast"])]
    for exponent in range(low, high + 1):
        x = place(10.0**exponent)
        parts.append(_line(x, _TOP - 6, x, _TOP + _ROW * len(rows), "#d0d4da", 1))
        parts.append(_text(x, _TOP - 12, f"{10.0**exponent:g} ms", anchor="middle"))
    for index, row in enumerate(rows):
        middle = _TOP + _ROW * index + _ROW / 2
        parts.append(_text(8, middle + 4, f"{row.name}  {row.title.replace('`', '')}"))
        for tool, samples, centre, y in (
            ("uv", row.uv_samples, row.uv_ms, middle - 9),
            ("blast", row.blast_samples, row.blast_ms, middle + 9),
        ):
            colour = _COLOURS[tool]
            parts += [f'<circle cx="{place(v):.1f}" cy="{y}" r="3.5" fill="{colour}" opacity="0.45"/>' for v in samples]
            if samples:
                parts.append(_line(place(centre), y - 7, place(centre), y + 7, colour, 3))
    return _document(parts, len(rows))


def draw_ratios(rows: Sequence[Row]) -> str:
    """Return a plot with a bar for each scenario's ratio, the target as a mark; uv is the line at 1.

    A bar ends at the scale's end, which is a little more than the largest target; the number beside it is true.
    """
    measured = [row for row in rows if row.ratio]
    most = 1.1 * max([1.0, *(row.target for row in measured)])
    scale = (_WIDTH - _LABELS - 150) / most
    one = _LABELS + scale
    parts = [_line(one, _TOP - 6, one, _TOP + _ROW * len(measured), _COLOURS["uv"], 2)]
    parts.append(_text(one, _TOP - 12, "uv = 1", anchor="middle"))
    for index, row in enumerate(measured):
        y = _TOP + _ROW * index + 12
        width, target = max(min(row.ratio, most) * scale, 1.5), _LABELS + row.target * scale
        parts.append(_text(8, y + 15, f"{row.name}  {row.title.replace('`', '')}"))
        parts.append(f'<rect x="{_LABELS}" y="{y}" width="{width:.1f}" height="20" fill="{_COLOURS["blast"]}"/>')
        if row.target:
            parts.append(_line(target, y - 5, target, y + 25, "#1971c2", 2))
        said = f"{row.ratio:.3g} (target {row.target:.3g})" if row.target else f"{row.ratio:.3g}"
        parts.append(_text(max(_LABELS + width, target) + 8, y + 15, said))
    return _document(parts, len(measured))


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float) -> str:
    place = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {place} stroke="{colour}" stroke-width="{width}"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", colour: str = "#343a40") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'


def _document(parts: Sequence[str], rows: int) -> str:
    height = _TOP + _ROW * rows + 12
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    style = 'font-family="system-ui, sans-serif" font-size="13"'
    return "\n".join([f"{head} {style}>", '<rect width="100%" height="100%" fill="#ffffff"/>', *parts, "</svg>\n"])
