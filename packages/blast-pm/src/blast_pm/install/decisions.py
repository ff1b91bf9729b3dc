"""What composing an environment decides before it touches the disk, as plain values that can be kept.

It follows from the distributions and the options alone. To decide it again for the same ones takes 6 ms of 230
distributions, to read it back 1.
"""

from __future__ import annotations

import marshal

from blast_core import __version__
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    # A small file: its name, its owner, its source or its content.
    Small = tuple[str, int, str | bytes]
    # What one distribution puts into one directory; see `blast_pm.install.merge.Part`.
    Placed = tuple[int, str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]

    class Memos(Protocol):
        """Keeps decisions."""

        def get(self, key: bytes) -> bytes | None:
            """Return what is kept under a key; None for nothing."""
            ...

        def put(self, key: bytes, value: bytes) -> None:
            """Keep a value, or not."""
            ...


__all__ = ["Decision", "Job", "decision_key", "load_decision"]

# Raised when the same distributions may come to another environment, or `Decision` changes.
_FORMAT = 1


class Job(NamedTuple):
    """One directory to fill, or a part of it.

    Attributes:
        path: below the environment.
        parts: what is linked there.
        make: it has to be made first.
        own: small files.
        is_own: whether its files are replaced in place by programs, and so are no symbolic links.
    """

    path: str
    parts: tuple[Placed, ...]
    make: bool
    own: tuple[Small, ...]
    is_own: bool


class Decision(NamedTuple):
    """What goes where.

    Attributes:
        makes: directories to make first, parents before what is in them.
        jobs: all that is put into directories.
        directories: how many there will be.
        distributions: see ``blast_pm.install.compose.Composed``; without the trees.
        tops: names directly below the environment.
        startup: (name, file) for each file that runs whenever the environment's Python starts.
        notes: what the user should know, a line each.
    """

    makes: tuple[str, ...]
    jobs: tuple[Job, ...]
    directories: int
    distributions: tuple[tuple[str, str, str, tuple[str, ...], tuple[str, ...], bool], ...]
    tops: tuple[str, ...]
    startup: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    def dump(self) -> bytes:
        """Return it as bytes."""
        return marshal.dumps((*self._replace(jobs=tuple(map(tuple, self.jobs))),))  # type: ignore[arg-type]


def load_decision(value: bytes) -> Decision | None:
    """Return what ``dump`` wrote; None for anything else. Only for bytes of this user's own."""
    try:
        fields = marshal.loads(value)  # noqa: S302 - as said
        found = Decision._make(fields)
        return found._replace(jobs=tuple(map(Job._make, found.jobs)))
    except (ValueError, EOFError, TypeError, MemoryError):
        return None


def decision_key(members: Iterable[tuple[str, str]], *options: object) -> bytes:
    """Return 32 bytes for distributions, by name and path of their tree, and all else that decides.

    Args:
        members: in the order of the environment.
        options: values whose ``repr`` tells them apart.
    """
    from blake3 import blake3

    from blast_pm.install.plan import PLAN_MAGIC

    question = repr((_FORMAT, PLAN_MAGIC, __version__, list(members), options))
    return bytes(blake3(question.encode("utf-8", "surrogateescape")).digest())
