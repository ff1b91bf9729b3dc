"""The fewest inputs that run all that many run: smallest first, each is kept if it adds a step from line to line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType
    from typing import Any

    Step = tuple[str, int, int]

__all__ = ["choose_covering", "trace_steps"]

_OURS = tuple(f"/blast_{name}/" for name in ("core", "compat", "pm", "runtime"))


def trace_steps(check: Callable[[bytes], bool], content: bytes) -> set[Step]:
    """Return the steps from line to line that a check takes in Blast's modules: file, from, to."""
    steps: set[Step] = set()

    def enter(frame: FrameType, _event: str, _argument: Any) -> Any:
        name = frame.f_code.co_filename
        if not any(part in name for part in _OURS):
            return None
        last = 0

        def step(frame: FrameType, _event: str, _argument: Any) -> Any:
            nonlocal last
            steps.add((name, last, frame.f_lineno))
            last = frame.f_lineno
            return step

        return step

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        check(content)
    finally:
        sys.settrace(before)
    return steps


def choose_covering(check: Callable[[bytes], bool], inputs: Iterable[bytes]) -> list[bytes]:
    """Return the inputs to keep, the smallest first."""
    chosen = []
    covered: set[Step] = set()
    for content in sorted(set(inputs), key=lambda content: (len(content), content)):
        steps = trace_steps(check, content)
        if not steps <= covered:
            covered |= steps
            chosen.append(content)
    return chosen
