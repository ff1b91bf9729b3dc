"""Memory of large pages goes back to the system as soon as they are read.

glibc maps large blocks one by one and unmaps them when they are freed; but after the first is freed it takes larger
ones out of an arena, of which each thread has its own. Sixteen threads that read pages of megabytes keep 60 MB so.
"""

from __future__ import annotations

import sys

__all__ = ["return_large_blocks"]

_M_MMAP_THRESHOLD = -3
_BYTES = 128 << 10
_told: list[int] = []


def return_large_blocks() -> None:
    """Have every block of 128 KiB or more mapped from here on, whatever was freed before; a hint, where glibc is.

    Cost: 2 ms when it is called first, because it imports ctypes.
    """
    if _told or not sys.platform.startswith("linux"):
        return
    _told.append(_BYTES)
    try:
        import ctypes

        mallopt = ctypes.CDLL(None).mallopt
    except (ImportError, OSError, AttributeError):  # musl has none, and keeps no arenas
        return
    mallopt(_M_MMAP_THRESHOLD, _BYTES)
