"""By which rules a lock was made, as far as this machine remembers.

A lock doesn't say by itself whether, for instance, another index counted then. Where the rules are the same, what a
change doesn't reach may stay as it is. One small file in the store for each lock: its content hash, and the hash of the
rules. In which directory the lock lies doesn't matter: another checkout of it, or one that was checked out again, is
known, too.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_project.project import Project
    from blast_project.session import Session

__all__ = ["knows_rules", "remember_rules", "rules_of"]

_HASHES = 64


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
    try:
        fd = os.open(_place(home, lock), os.O_RDONLY)
    except OSError:
        return False
    try:
        return os.read(fd, _HASHES + 1) == lock + rules
    finally:
        os.close(fd)


def remember_rules(home: str, lock: bytes, rules: bytes) -> None:
    """Remember the rules of a lock; a store that can't be written remembers nothing."""
    from blast_core import fs

    place = _place(home, lock)
    try:
        fs.make_directories(os.path.dirname(place))
        fs.replace_file(place, lock + rules, durable=False)
    except OSError:
        return


def _place(home: str, lock: bytes) -> str:
    return os.path.join(home, "projects", f"{lock[:8].hex()}.rules")
