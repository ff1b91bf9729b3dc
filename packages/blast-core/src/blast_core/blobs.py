"""What can lend bytes that lie in memory once for all: the package memory store, as its users see it.

The project layer takes a `BlobSource` from whoever starts it and asks no further; `blast_live.memstore.client` is one.
"""

from __future__ import annotations

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    class BlobSource(Protocol):
        """Lends blobs under keys. What is lent is not taken away while ``fileno()`` is open in any process."""

        def ensure(self, keys: Sequence[str], make: Callable[[str], Sequence[tuple[str, int]]]) -> dict[str, Holding]:
            """Return a holding for each key; what nobody has is made by one process while the others wait.

            Args:
                keys: such as ``numpy/2.1.0/<blake3 of a container>/cp312``: the same key always means the same bytes.
                make: called with a key that is missing; gives the parts' names and descriptors, in order. The
                    descriptors are of memfds or files, from their first byte to their last, and stay the caller's.

            Raises:
                StoreLocked: another process makes one of them, and was waited for long enough.
                DaemonError: nobody answers, or refuses.
                StoreError: there is no room for what was made.
            """
            ...

        def lend(self, keys: Sequence[str]) -> dict[str, Holding]:
            """Return a holding for each key that there is now, or soon from further away; nothing is made."""
            ...

        def fileno(self) -> int:
            """Return the descriptor that keeps what was lent; a child that inherits it goes on borrowing."""
            ...

        def close(self) -> None:
            """Give everything back, unless a child goes on borrowing."""
            ...


__all__ = ["Blob", "BlobSource", "Holding"]


class Blob(NamedTuple):
    """Bytes that no longer change.

    Attributes:
        name: within the holding, such as ``container`` or the path of a shared object.
        digest: BLAKE3, 32 bytes.
        size: in bytes.
        fd: of a sealed memfd, inheritable by nobody yet; the receiver's to close.
    """

    name: str
    digest: bytes
    size: int
    fd: int


class Holding(NamedTuple):
    """What stands under one key: all of it or nothing is ever seen.

    Attributes:
        key: that was asked for.
        parts: in the order in which they were made.
        origin: "" for what was made by this user on this machine; else where it was read from, so that code which is
            only as good as its maker (marshalled bytecode) is made anew.
    """

    key: str
    parts: tuple[Blob, ...]
    origin: str
