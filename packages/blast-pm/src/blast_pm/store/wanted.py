"""What a lock asks of the store."""

from __future__ import annotations

from blast_core.tuples import NamedTuple

__all__ = ["WantedDistribution"]


class WantedDistribution(NamedTuple):
    """A wheel that has to be in the store.

    Attributes:
        name: normalised name of the project.
        version: as in the lock.
        filename: the wheel's.
        sha256: its digest, 64 hexadecimal digits in lower case; what it is known by.
        size: bytes, 0 where unknown.
        index: name of the index to fetch it from, "" for a direct address.
        path: below the index's file base, or the whole address.
    """

    name: str
    version: str
    filename: str
    sha256: str
    size: int
    index: str  # type: ignore[assignment]  # shadows tuple.index, which nobody wants of a record
    path: str
