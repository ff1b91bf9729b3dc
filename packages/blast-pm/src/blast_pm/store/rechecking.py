"""Comparing objects again that may not have reached the disk before the machine went down; see `store.durability`.

It is done where an object is first used afterwards. What is sound is trusted from then on; a damaged tree is unpacked
again from its wheel; what can't be is forgotten, and so fetched again.
"""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.errors import ObjectMissing, StoreError
from blast_pm.install.prepared import DIRECTORY as PREPARED
from blast_pm.install.prepared import prepared_name
from blast_pm.store.durability import DIRECTORY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_pm.store.home import StorePaths
    from blast_pm.store.rows import StoredDistribution, TreeRows

__all__ = ["clear_marks", "recheck"]


def recheck(
    paths: StorePaths, rows: TreeRows, suspects: Sequence[StoredDistribution], *, readonly: bool = False
) -> tuple[StoredDistribution, ...]:
    """Return those of ``suspects`` that can be used, having mended what could be; the others have no row any more.

    Args:
        paths: the store.
        rows: its table.
        suspects: objects whose rows name a mark of another start of the machine.
        readonly: the store is somebody else's: only say which are sound.

    Cost: every byte of them is read, in processes beside where there are many.
    """
    damaged = _find_damaged(paths, suspects)
    sound = [stored for stored in suspects if stored.blake3 not in damaged]
    if readonly:
        return tuple(sound)
    try:
        for stored in suspects:
            _discard_prepared(paths, stored)
            if stored.blake3 in damaged and _repair(paths, rows, stored):
                sound.append(stored)
        # A wheel that was damaged in another's place has taken that one's row with it.
        gone = {stored.sha256 for stored in suspects} - {stored.sha256 for stored in sound}
        rows.delete_all(gone)
        rows.put(sound)
        clear_marks(paths, rows)
    except (OSError, StoreError):
        # It can't be written: then nothing was mended, and it is compared again the next time.
        return tuple(stored for stored in suspects if stored.blake3 not in damaged)
    return tuple(sound)


def clear_marks(paths: StorePaths, rows: TreeRows) -> int:
    """Remove the marks of other starts of the machine that no row names any more; return how many."""
    from blast_pm.store.durability import stale_marks

    unused = stale_marks(paths.home) - rows.marks()
    for name in unused:
        try:
            fs.unlink(os.path.join(paths.home, DIRECTORY, name))
        except FileNotFoundError:
            continue
    return len(unused)


def _find_damaged(paths: StorePaths, suspects: Sequence[StoredDistribution]) -> set[str]:
    from blast_pm.store.verify_all import verify_objects

    damaged: set[str] = set()
    there = []
    for blake3 in {stored.blake3 for stored in suspects}:
        try:
            # The tree is about as large again, and more.
            there.append((blake3, 3 * os.lstat(paths.archive(blake3)).st_size))
        except OSError:
            damaged.add(blake3)

    def tell(report: object) -> None:
        from blast_pm.store.verify import ObjectReport

        assert isinstance(report, ObjectReport)
        if not report.is_sound:
            damaged.add(report.blake3)

    verify_objects(paths, there, tell)
    return damaged


def _repair(paths: StorePaths, rows: TreeRows, stored: StoredDistribution) -> bool:
    """Unpack the tree again; False, and the wheel is gone, where that is damaged itself."""
    from blast_pm.store.objects import repair_object

    path = paths.archive(stored.blake3)
    if not os.path.lexists(path):
        return False
    try:
        repair_object(path, stored.blake3, paths, rows)
    except ObjectMissing:
        return False
    return True


def _discard_prepared(paths: StorePaths, stored: StoredDistribution) -> None:
    """Remove files that were prepared beside the tree, and not flushed either: they are made again."""
    for fold in (True, False):
        path = os.path.join(paths.home, PREPARED, prepared_name(stored.tree, fold=fold))
        if os.path.lexists(path):
            aside = os.path.join(paths.home, PREPARED, f".{os.path.basename(path)}.{os.urandom(4).hex()}.blast-tmp")
            fs.rename(path, aside)
            fs.remove_tree(aside)
