"""Growth curves as a table, as JSON and as one drawing of small plots, both axes logarithmic."""

from __future__ import annotations

import json
import math
import time
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.growth_model import Point

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from benchmarks.growth_model import Curve

__all__ = ["draw_growth", "find_slope", "publish", "read_points", "show_growth", "write_results"]

_RESULTS = Path(__file__).resolve().parent / "results"
_PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
_BEGIN, _END = "<!-- growth -->", "<!-- end of growth -->"
_COLOURS = {"uv": "#8a8f98", "blast": "#d9480f"}
_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 400, 240, 62, 40, 30


def find_slope(points: Sequence[Point]) -> float:
    """Return the milliseconds that one more of what grows takes, by least squares; 0.0 for fewer than two points."""
    if len(points) < 2:
        return 0.0
    mean_x = sum(point.size for point in points) / len(points)
    mean_y = sum(point.wall_ms for point in points) / len(points)
    above = sum((point.size - mean_x) * (point.wall_ms - mean_y) for point in points)
    return above / sum((point.size - mean_x) ** 2 for point in points)


def show_growth(curves: Sequence[Curve], points: Sequence[Point], machine: Mapping[str, str]) -> str:
    """Return tables in Markdown, a curve after the other."""
    lines = [", ".join(f"{key}: {value}" for key, value in machine.items() if value), ""]
    for curve in curves:
        own = [point for point in points if point.curve == curve.name]
        if own:
            lines += _show_curve(curve, own)
    return "\n".join(lines)


def _show_curve(curve: Curve, points: Sequence[Point]) -> list[str]:
    lines = [
        f"**{curve.title}**",
        "",
        f"| {curve.unit} | uv, ms | Blast, ms | ratio | uv, own disk | Blast, own disk | entries: uv, Blast |",
        "|---:|---:|---:|---:|---:|---:|---|",
    ]
    for size in sorted({point.size for point in points}):
        by_tool = {point.tool: point for point in points if point.size == size}
        uv, blast = by_tool.get("uv"), by_tool.get("blast")
        ratio = f"{blast.wall_ms / uv.wall_ms:.3g}" if uv and blast and uv.wall_ms else ""
        entries = f"{uv.entries:,}, {blast.entries:,}" if uv and blast and blast.entries else ""
        cells = (f"{size:,}", _ms(uv), _ms(blast), ratio, _disk(uv), _disk(blast), entries)
        lines.append(f"| {' | '.join(cells)} |")
    slopes = []
    for tool, name in (("uv", "uv"), ("blast", "Blast")):
        own = [point for point in points if point.tool == tool]
        if len(own) > 1:
            slopes.append(f"{name} {find_slope(own) * 1000:.3g} us")
    return [*lines, "", f"One more takes: {', '.join(slopes)}.", ""]


def _ms(point: Point | None) -> str:
    return f"{point.wall_ms:.3g}" if point is not None else ""


def _disk(point: Point | None) -> str:
    return f"{point.unique_bytes / 1e6:.3g} MB" if point is not None and point.unique_bytes else ""


def draw_growth(curves: Sequence[Curve], points: Sequence[Point]) -> str:
    """Return a drawing: for each curve the time, and beside it the disk where an environment was made."""
    plots: list[tuple[Curve, str, Callable[[Point], float], list[Point]]] = []
    for curve in curves:
        own = [point for point in points if point.curve == curve.name]
        if own:
            plots.append((curve, "ms", lambda point: point.wall_ms, own))
        if any(point.unique_bytes for point in own):
            plots.append((curve, "MB of its own", lambda point: point.unique_bytes / 1e6, own))
    rows = -(-len(plots) // 2)
    width, height = 2 * (_WIDTH + _GAP), rows * (_HEIGHT + _GAP) + 10
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    style = 'font-family="system-ui, sans-serif" font-size="12"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>']
    parts.append('<rect width="100%" height="100%" fill="#ffffff"/>')
    for number, plot in enumerate(plots):
        x, y = number % 2 * (_WIDTH + _GAP), number // 2 * (_HEIGHT + _GAP)
        parts += [f'<g transform="translate({x},{y})">', *_draw_plot(*plot), "</g>"]
    return "\n".join([*parts, "</svg>\n"])


def _draw_plot(curve: Curve, unit: str, value: Callable[[Point], float], points: Sequence[Point]) -> list[str]:
    shown = [point for point in points if value(point) > 0]
    low, high = _bounds([value(point) for point in shown])
    first, last = _bounds([float(point.size) for point in shown])

    def x(size: float) -> float:
        return _LEFT + (math.log10(size) - first) / (last - first) * (_WIDTH - _LEFT - 10)

    def y(amount: float) -> float:
        return _HEIGHT - (math.log10(amount) - low) / (high - low) * (_HEIGHT - _TOP)

    title = curve.title.replace("`", "")
    parts = [_text(_LEFT, 16, f"{title}: {unit}, by {curve.unit}")]
    for exponent in range(low, high + 1):
        parts.append(_line(_LEFT, y(10.0**exponent), _WIDTH - 10, y(10.0**exponent), "#d0d4da", 1))
        parts.append(_text(_LEFT - 6, y(10.0**exponent) + 4, f"{10.0**exponent:g}", anchor="end"))
    for exponent in range(first, last + 1):
        middle = x(10.0**exponent)
        parts.append(_text(middle, _HEIGHT + 16, f"{10**exponent:,}", anchor="middle"))
    for place, tool in enumerate(("uv", "blast")):
        own = sorted((point.size, value(point)) for point in shown if point.tool == tool)
        path = " ".join(f"{x(size):.1f},{y(amount):.1f}" for size, amount in own)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{_COLOURS[tool]}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{x(size):.1f}" cy="{y(amount):.1f}" r="3.5" fill="{_COLOURS[tool]}"/>' for size, amount in own
        ]
        if own:
            parts.append(_text(_LEFT + 4 + 30 * place, 32, ("uv", "Blast")[place], colour=_COLOURS[tool]))
    return parts


def _bounds(values: Sequence[float]) -> tuple[int, int]:
    """Return the powers of ten that hold all values between them."""
    low = math.floor(math.log10(min(values, default=1.0)))
    return low, max(math.ceil(math.log10(max(values, default=10.0))), low + 1)


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float) -> str:
    place = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {place} stroke="{colour}" stroke-width="{width}"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", colour: str = "#343a40") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'


def write_results(curves: Sequence[Curve], points: Sequence[Point], machine: Mapping[str, str]) -> str:
    """Write tables, drawing and every number into the folder of results, and return the tables."""
    _RESULTS.mkdir(exist_ok=True)
    text = show_growth(curves, points, machine)
    document = {"date": _today(), "machine": dict(machine), "points": [point._asdict() for point in points]}
    (_RESULTS / "growth.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
    (_RESULTS / "growth.md").write_text(text, encoding="utf-8")
    (_RESULTS / "growth.svg").write_text(draw_growth(curves, points), encoding="utf-8")
    return text


def read_points(measured: Collection[str], path: Path = _RESULTS / "growth.json") -> list[Point]:
    """Return what was measured today of other curves than those of ``measured``."""
    if not path.is_file():
        return []
    document = json.loads(path.read_text(encoding="utf-8"))
    rows = document["points"] if document.get("date") == _today() else []
    return [Point(**row) for row in rows if row["curve"] not in measured]


def _today() -> str:
    return time.strftime("%Y-%m-%d")


def publish(curves: Sequence[Curve], points: Sequence[Point], text: str, page: Path = _PAGE) -> None:
    """Replace what stands between the marks of a page, and the drawing beside it."""
    images = page.parent / "images"
    images.mkdir(exist_ok=True)
    (images / "growth.svg").write_text(draw_growth(curves, points), encoding="utf-8")
    head, _, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    tail = rest.partition(_END)[2]
    shown = f"Measured on {_today()}. {text}\n![Growth of time and disk](images/growth.svg)\n"
    page.write_text(f"{head}{_BEGIN}\n\n{shown}\n{_END}{tail}", encoding="utf-8")
