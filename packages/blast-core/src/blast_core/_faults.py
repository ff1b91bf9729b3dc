"""The faults of `blast_core.fs.set_fault`, for tests: a process that dies, or an operation that fails."""

from __future__ import annotations

import _thread
import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MARK", "make_fault"]

#: What ``mark`` looks at; it need not be there.
MARK = "/blast-operation"


def make_fault(text: str) -> Callable[[str], None]:
    """Return what is to be called with the path of each operation before it begins.

    Raises:
        ValueError: the text is not ``kill:N``, ``fail:N:ERRNO``, ``fail:N+:ERRNO`` or ``mark``.
    """
    if text == "mark":
        return _mark
    kind, _, rest = text.partition(":")
    number_text, _, name = rest.partition(":")
    lasting = number_text.endswith("+")
    number = int(number_text.removesuffix("+"))
    code = getattr(errno, name, 0)
    if kind not in ("kill", "fail") or (kind == "fail") != bool(code):
        message = f"BLAST_FAULT={text!r} is neither kill:N nor fail:N:ERRNO nor mark"
        raise ValueError(message)
    # `_count += 1` is exact under the GIL only as long as nothing calls between load and store: a fault must hit
    # one thread's operation exactly, so the counting that decides is done under a lock.
    lock = _thread.allocate_lock()
    seen = 0

    def fault(path: str) -> None:
        nonlocal seen
        with lock:
            seen += 1
            hit = seen == number or (lasting and seen > number)
        if hit and kind == "kill":
            _die()
        if hit:
            raise OSError(code, os.strerror(code), path)

    return fault


def _mark(path: str) -> None:
    del path
    os.access(MARK, os.F_OK)


def _die() -> None:
    import signal

    if hasattr(signal, "SIGKILL"):
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(137)
