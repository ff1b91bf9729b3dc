"""Memory files that nobody can change any more.

A memfd with the seals WRITE, SHRINK, GROW and SEAL keeps its bytes for as long as anybody has it open or mapped: who is
handed one may map it without fear of SIGBUS, and who handed it out need not fear those who have it.
"""

from __future__ import annotations

import os
import sys

from blast_core.errors import IntegrityError, StoreError
from blast_core.limits import CHUNK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["digest_of", "is_supported", "seal", "sealed_copy", "sealed_from", "size_of_sealed"]

# Of fcntl.h, Linux; the module is imported where it is used, since other systems may have none.
_ADD_SEALS, _GET_SEALS = 1033, 1034
_SEALS = 0x1 | 0x2 | 0x4 | 0x8  # SEAL, SHRINK, GROW, WRITE
_NAME = "blast"


def is_supported() -> bool:
    """Tell whether this system has memfds with seals: Linux."""
    return sys.platform == "linux" and hasattr(os, "memfd_create")


def sealed_from(chunks: Iterable[bytes | memoryview], name: str = _NAME) -> int:
    """Return the descriptor of a sealed memfd that holds the chunks one after the other.

    Raises:
        StoreError: there is no memory for them, or this system has no memfds.
    """
    fd = _make(name)
    try:
        for chunk in chunks:
            _write(fd, chunk)
        seal(fd)
    except BaseException:
        os.close(fd)
        raise
    return fd


def sealed_copy(source: int, name: str = _NAME) -> int:
    """Return a sealed memfd with all the bytes of ``source``, a file or memfd; its position does not matter.

    Raises:
        StoreError: there is no memory for them, or this system has no memfds.
        OSError: the source can't be read.
    """
    fd = _make(name)
    try:
        _fill(fd, source)
        seal(fd)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _fill(fd: int, source: int) -> None:
    offset = 0
    while True:
        try:
            sent = os.sendfile(fd, source, offset, 1 << 30)
        except OSError as error:
            raise _no_room(error) from error
        if not sent:
            return
        offset += sent


def _make(name: str) -> int:
    if not is_supported():
        raise StoreError("this system has no sealed memory files", reason="the memory store needs Linux")
    try:
        # 249 bytes is the kernel's limit on names, which are for /proc/PID/maps alone.
        return os.memfd_create(name[-200:], os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except OSError as error:
        raise _no_room(error) from error


def _write(fd: int, chunk: bytes | memoryview) -> None:
    with memoryview(chunk) as view:
        written = 0
        while written < len(view):
            try:
                written += os.write(fd, view[written:])
            except OSError as error:
                raise _no_room(error) from error


def _no_room(error: OSError) -> StoreError:
    return StoreError("no memory for a blob", reason=error.strerror or str(error), hint="give the store less to hold")


def seal(fd: int) -> None:
    """Seal a memfd, which stays as it is from now on.

    Raises:
        StoreError: it is mapped for writing somewhere, or no memfd.
    """
    import fcntl

    try:
        fcntl.fcntl(fd, _ADD_SEALS, _SEALS)
    except OSError as error:
        raise StoreError("a memory file can't be sealed", reason=error.strerror or str(error)) from error


def size_of_sealed(fd: int) -> int:
    """Return the size of a sealed memfd.

    Raises:
        IntegrityError: it is something else, or can still change.
    """
    import fcntl

    try:
        seals = fcntl.fcntl(fd, _GET_SEALS)
    except OSError:
        seals = 0
    if seals & _SEALS != _SEALS:
        raise IntegrityError("not a sealed memory file", hint="seal it against writing, shrinking and growing")
    return os.fstat(fd).st_size


def digest_of(fd: int, size: int) -> bytes:
    """Return the BLAKE3 of the first ``size`` bytes; the position of ``fd`` is neither used nor moved."""
    from blake3 import blake3

    hasher = blake3()
    offset = 0
    while offset < size:
        chunk = os.pread(fd, min(CHUNK, size - offset), offset)
        if not chunk:
            raise IntegrityError("a file ended early while it was read")
        hasher.update(chunk)
        offset += len(chunk)
    return hasher.digest()
