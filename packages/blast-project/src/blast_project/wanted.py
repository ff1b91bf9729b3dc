"""From a lock to the files that one interpreter installs: for every package the best of its wheels."""

from __future__ import annotations

import marshal

from blast_core.errors import InstallError, StaleLock, StoreError
from blast_pm.store.cache import WantedDistribution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from blast_core.formats.dpl.reader import DplEntry, DplLockFile
    from blast_core.interpreter import Target
    from blast_pm.index.model import IndexFile
    from blast_pm.metadata.store import Database

__all__ = ["best_sdist", "is_sdist", "select_wanted", "target_bit"]

_MEMO = "misc"


def target_bit(lock: DplLockFile, target: Target) -> int:
    """Return which of the lock's targets ``target`` is.

    Raises:
        StaleLock: the lock was not made for it.
    """
    for bit, locked in enumerate(lock.targets):
        if locked.name == target.name:
            return bit
    names = ", ".join(locked.name for locked in lock.targets)
    raise StaleLock(
        f"the lock does not hold {target.name}",
        reason=f"it was made for {names}",
        hint="'blast lock' makes it for this interpreter",
    )


def select_wanted(
    lock: DplLockFile, content_hash: bytes, target: Target, group_mask: int, database: Database
) -> tuple[WantedDistribution, ...]:
    """Return what to install from a lock for ``target`` and the groups in ``group_mask``, by name.

    The choice is remembered under the lock's content hash, because reading the names of thousands of files costs more
    than linking the few hundred that are chosen.

    Raises:
        StaleLock: the lock was not made for the target.
        InstallError: a package has no file that the target can install.
    """
    from blake3 import blake3

    # Two interpreters of one target may take other files: PyPy and CPython, musl and glibc.
    tags = blake3("\0".join(target.tags).encode()).digest()[:8]
    key = b"wanted\0" + content_hash + tags + target.name.encode() + b"\0%d" % group_mask
    stored = database.get(_MEMO, key)
    if stored is not None:
        return tuple(WantedDistribution(*row) for row in marshal.loads(stored))  # noqa: S302 - written by this Blast
    chosen = tuple(_choose(lock.select(target_bit(lock, target), group_mask), target))
    try:
        database.put(_MEMO, key, marshal.dumps(tuple(tuple(row) for row in chosen)))
    except StoreError:
        # A store that can't be written only remembers nothing.
        pass
    return chosen


def is_sdist(filename: str) -> bool:
    """Tell whether a file is a source distribution that can be built."""
    return filename.endswith((".tar.gz", ".zip"))


def best_sdist(files: Iterable[IndexFile]) -> IndexFile | None:
    """Return the source distribution among the files of a release; None where there is none."""
    return next((file for file in files if is_sdist(file.filename)), None)


def _choose(entries: Iterable[DplEntry], target: Target) -> Iterable[WantedDistribution]:
    from blast_pm.metadata.wheels import best_filename

    for entry in entries:
        if entry.source.kind in {"workspace", "editable"}:
            continue
        names = entry.filenames
        chosen = best_filename(names, target) or next((name for name in names if is_sdist(name)), None)
        if chosen is None:
            raise InstallError(
                f"{entry.name} {entry.version} has no file for {target.name}",
                reason=f"the lock holds {', '.join(names) or 'no file'}",
                hint="'blast lock --upgrade' may find a version that has one",
            )
        file = entry.file(names.index(chosen))
        yield WantedDistribution(entry.name, entry.version, chosen, file.sha256, file.size, file.index, file.path)
