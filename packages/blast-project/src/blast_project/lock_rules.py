"""By which rules a lock was made, as far as this machine remembers.

A lock doesn't say by itself whether, for instance, another index counted then. Where the rules are the same, what a
change doesn't reach may stay as it is. One small file in the store for each lock: its content hash, the hash of the
rules, and the version of Blast that wrote both of its forms. In which directory the lock lies doesn't matter: another
checkout of it, or one that was checked out again, is known, too.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_project.project import Project
    from blast_project.session import Session

__all__ = ["knows_rules", "remember_rules", "rules_of", "was_written"]

_HASHES = 64
_MOST = 256
# Raise it when one of the forms of the same lock is written otherwise.
_FORMS = 1


def rules_of(session: Session, project: Project, targets: Sequence[str], wishes: str) -> bytes:
    """Return the hash of the rules: inputs but what is asked for, and the indexes that are asked.

    Args:
        session: whose indexes count.
        project: whose manifest counts.
        targets: as for ``blast_project.inputs.input_hash``.
        wishes: as the policy there.
    """
    from blast_project.inputs import surroundings_hash

    client = session.client
    places = [tuple(row._replace(credentials=None)) for row in client.locations]
    return surroundings_hash(project, targets, wishes, places, client.strategy)


def knows_rules(home: str, lock: bytes, rules: bytes) -> bool:
    """Tell whether a lock is known to be made by these rules.

    Args:
        home: BLAST_HOME.
        lock: the content hash of its lock.
        rules: see ``rules_of``.
    """
    return _read(home, lock)[:_HASHES] == lock + rules


def was_written(home: str, lock: bytes) -> bool:
    """Tell whether this version of Blast is known to have written a lock, as it would write it again.

    Args:
        home: BLAST_HOME.
        lock: the content hash of its lock.
    """
    found = _read(home, lock)
    return found[: len(lock)] == lock and found[_HASHES:] == _writer()


def remember_rules(home: str, lock: bytes, rules: bytes) -> None:
    """Remember the rules of a lock; a store that can't be written remembers nothing."""
    from blast_core import fs

    place = _place(home, lock)
    try:
        fs.make_directories(os.path.dirname(place))
        fs.replace_file(place, lock + rules + _writer(), durable=False)
    except OSError:
        return


def _read(home: str, lock: bytes) -> bytes:
    try:
        fd = os.open(_place(home, lock), os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(fd, _MOST)
    finally:
        os.close(fd)


def _writer() -> bytes:
    from blast_core import __version__

    return f"{_FORMS} {__version__}".encode()


def _place(home: str, lock: bytes) -> str:
    return os.path.join(home, "projects", f"{lock[:8].hex()}.rules")
