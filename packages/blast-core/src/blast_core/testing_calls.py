"""Helpers for tests: how much work something is, counted instead of timed."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["count_calls"]


def count_calls(call: Callable[[], object]) -> int:
    """Return how many functions ``call`` calls, in Python and in C, in this thread; itself not counted.

    The number is the same on an idle and on a busy machine, so a test can hold it where a time would not hold.
    """
    count = 0
    own = threading.get_ident()

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        if event in {"call", "c_call"} and threading.get_ident() == own:
            count += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(before)
    # The call itself, and the call of `sys.setprofile` that ends the counting.
    return count - 2
