"""What progress looks like: a line for the stage at work, one for each running download, no wider than the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from blast_cli.commands._amounts import format_size

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Style", "Work", "progress_lines"]

_BAR = 20
# Less than this of a label tells nothing: the figures beside it give way first.
_LABEL = 10
_MARGIN = 2


class Work(NamedTuple):
    """A measured piece of work: bytes done of a total (0 if unknown), and the seconds that it runs."""

    label: str
    total: int
    done: int
    seconds: float


class Style(NamedTuple):
    """What lines are drawn with: the frames of the mark that turns, and the two halves of a bar."""

    frames: str
    full: str
    empty: str

    @classmethod
    def for_encoding(cls, encoding: str) -> Style:
        """Return what a terminal of an encoding can show."""
        if encoding.lower().replace("-", "").startswith("utf"):
            return cls("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "━", "─")
        return cls("|/-\\", "#", ".")


def progress_lines(
    step: str, seconds: float, work: Sequence[Work], *, width: int, height: int, style: Style
) -> list[str]:
    """Return the lines to draw, none longer than ``width`` and not more than fit on the terminal.

    Args:
        step: the stage at work, such as ``Resolving``.
        seconds: how long it has been at work.
        work: what is measured, the oldest first.
        width: columns of the terminal.
        height: lines of the terminal.
        style: what it can show.
    """
    frame = style.frames[int(seconds * 10) % len(style.frames)]
    since = f" ({seconds:.0f} s)" if seconds >= 1 else ""
    lines = [_cut(_cut(f"{frame} {step or 'Working'}", max(width - len(since), 2)) + since, width)]
    # A line stays for what is not shown, and one for the cursor.
    room = max(height - 3, 1)
    shown = work if len(work) <= room + 1 else work[:room]
    lines += [_line(row, width, style) for row in shown]
    if len(shown) < len(work):
        lines.append(_cut(f"{'':{_MARGIN}}and {len(work) - len(shown)} more", width))
    return lines


def _line(row: Work, width: int, style: Style) -> str:
    figures = _figures(row, style)
    while figures and _MARGIN + _LABEL + 1 + len(" ".join(figures)) > width:
        figures.pop()
    right = " ".join(figures)
    room = min(width - _MARGIN - len(right) - bool(right), 40)
    return _cut(f"{'':{_MARGIN}}{_cut(row.label, room):<{max(room, 0)}} {right}".rstrip(), width)


def _figures(row: Work, style: Style) -> list[str]:
    """Return what is told of a piece of work, the most telling first."""
    # Of the first moment a rate tells nothing.
    rate = row.done / row.seconds if row.seconds >= 0.05 else 0.0
    speed = f"{format_size(int(rate))}/s" if rate else ""
    if not row.total:
        return [f"{format_size(row.done):>9}", f"{speed:>11}"]
    part = min(row.done / row.total, 1.0)
    left = (row.total - row.done) / rate if rate and row.done < row.total else 0.0
    filled = round(part * _BAR)
    return [
        f"{part:4.0%}",
        f"{format_size(row.total):>9}",
        f"{speed:>11}",
        f"{_clock(left) if rate else '':>5}",
        style.full * filled + style.empty * (_BAR - filled),
    ]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(min(int(seconds + 0.999), 359_999), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def _cut(text: str, width: int) -> str:
    """Return ``text`` in at most ``width`` columns."""
    if len(text) <= width:
        return text
    return text[: width - 1] + "…" if width > 1 else text[: max(width, 0)]
