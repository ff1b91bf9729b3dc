"""Code objects that the processes of one run share: the first that imports a module compiles it, the others don't.

They lie in a memory file of a fixed size, most of which is never touched and so takes no memory: a head, a table with
open addresses, and the marshalled code objects one after the other. The key of a module is where its source lies in the
container. Only processes of this run, and so of this user and this interpreter, ever write to it.

Who reads or writes holds the kernel's lock on it for that moment. Who is killed while writing leaves at most a code
that no key leads to.
"""

from __future__ import annotations

import marshal
import os
from _thread import allocate_lock
from struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CodeType
    from typing import Any

__all__ = ["SIZE", "VARIABLE", "Codes", "open_codes"]

#: Names the descriptor for children.
VARIABLE = "BLAST_MEMORY_CODES"
#: Of the memory file: more than the code of any set of distributions.
SIZE = 1 << 29
_SLOTS = 1 << 17
_WORD = Struct("<Q")
_HEAD = 64
_RECORDS = _HEAD + _SLOTS * 16
_MIX = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
_TRIES = 64
# fcntl's, which is not built in.
_LOCK_SH, _LOCK_EX = 1, 2


class Codes:
    """The shared code objects of this run.

    Args:
        descriptor: of the memory file, which is of `SIZE`.
    """

    def __init__(self, descriptor: int) -> None:
        from mmap import mmap

        self.descriptor = descriptor
        self._map = mmap(descriptor, SIZE)
        self._renew()
        os.register_at_fork(after_in_child=self._renew)

    def find(self, key: int) -> CodeType | None:
        """Return the code of a module; None if nobody compiled it yet."""
        with self._threads:
            content = self._locked(_LOCK_SH, self._find, key)
        if not content:
            return None
        code: CodeType = marshal.loads(content)  # noqa: S302 - a process of this run wrote it
        return code

    def add(self, key: int, code: CodeType) -> None:
        """Keep the code of a module for others; where there is no room it is not kept."""
        content = marshal.dumps(code)
        with self._threads:
            self._locked(_LOCK_EX, self._add, key, content)

    def _renew(self) -> None:
        # The kernel's lock is one for all threads of a process.
        self._threads = allocate_lock()

    def _locked(self, kind: int, action: Callable[..., bytes], *arguments: Any) -> bytes:
        from fcntl import LOCK_UN, lockf

        try:
            lockf(self.descriptor, kind)
        except OSError:
            # The program closed the descriptor.
            return b""
        try:
            return action(*arguments)
        finally:
            lockf(self.descriptor, LOCK_UN)

    def _find(self, key: int) -> bytes:
        for slot in _slots(key):
            found = self._word(slot)
            if found == key + 1:
                place = self._word(slot + 8)
                return self._map[place + 8 : place + 8 + self._word(place)]
            if not found:
                break
        return b""

    def _add(self, key: int, content: bytes) -> bytes:
        place = self._word(0) or _RECORDS
        end = place + 8 + len(content)
        for slot in _slots(key) if end <= SIZE else ():
            found = self._word(slot)
            if found == key + 1:
                break
            if not found:
                self._map[place + 8 : end] = content
                for at, word in ((place, len(content)), (0, end), (slot + 8, place), (slot, key + 1)):
                    _WORD.pack_into(self._map, at, word)
                break
        return b""

    def _word(self, offset: int) -> int:
        value: int = _WORD.unpack_from(self._map, offset)[0]
        return value


def open_codes(environ: Mapping[str, str]) -> Codes | None:
    """Return what the variable names; None without it, and where the descriptor is something else by now."""
    try:
        descriptor = int(environ.get(VARIABLE, ""))
        if os.fstat(descriptor).st_size != SIZE:
            return None
        return Codes(descriptor)
    except (ValueError, OSError):
        return None


def _slots(key: int) -> range:
    """Return the places in the table where a key may stand."""
    first = (key * _MIX & _MASK) >> 47
    first = min(first, _SLOTS - _TRIES)
    return range(_HEAD + first * 16, _HEAD + (first + _TRIES) * 16, 16)
