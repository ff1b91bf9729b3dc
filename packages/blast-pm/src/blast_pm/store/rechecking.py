"""Comparing objects again that may not have reached the disk before the machine went down; see `store.durability`.

It is done where the store is first used afterwards. What is sound is trusted from then on; a damaged tree is unpacked
again from its wheel; what can't be is forgotten with its tree, and so noticed and fetched again.
"""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.errors import ObjectMissing, StoreError
from blast_pm.install.prepared import DIRECTORY as PREPARED
from blast_pm.install.prepared import prepared_name
from blast_pm.store.durability import DIRECTORY
from blast_pm.store.staging import Staging

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from blast_pm.store.home import StorePaths
    from blast_pm.store.rows import StoredDistribution, TreeRows

__all__ = ["clear_marks", "find_sound", "recheck"]

_WRITABLE = 0o755
# Who waits for less asks for no reason.
_TOLD_AFTER_S = 0.5


def recheck(
    paths: StorePaths,
    rows: TreeRows,
    suspects: Sequence[StoredDistribution],
    note: Callable[[str], None] | None = None,
) -> int:
    """Mend those of ``suspects`` that are damaged, and return how many are lost: they have no row any more.

    Args:
        paths: the store.
        rows: its table.
        suspects: all objects whose rows name a mark of another start of the machine.
        note: told in a line what is waited for, if it takes longer than half a second.

    Cost: every byte of them is read, in processes beside where there are many.
    """
    damaged = _find_damaged(paths, suspects, note)
    sound: list[StoredDistribution] = []
    lost: list[StoredDistribution] = []
    try:
        for stored in suspects:
            _discard_prepared(paths, stored)
            is_sound = stored.blake3 not in damaged or _repair(paths, rows, stored)
            (sound if is_sound else lost).append(stored)
        for stored in lost:
            # Links to it are noticed then.
            _discard(stored.tree, paths)
        rows.delete_all(stored.sha256 for stored in lost)
        rows.put(sound)
        clear_marks(paths, rows)
    except (OSError, StoreError):
        # It can't be written: it is compared again the next time, and what is damaged is found where it is used.
        return len(lost)
    return len(lost)


def find_sound(
    paths: StorePaths, suspects: Sequence[StoredDistribution], note: Callable[[str], None] | None = None
) -> list[StoredDistribution]:
    """Return those of ``suspects`` that are sound, of a store that is somebody else's; nothing is changed."""
    damaged = _find_damaged(paths, suspects, note)
    return [stored for stored in suspects if stored.blake3 not in damaged]


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


def _find_damaged(
    paths: StorePaths, suspects: Sequence[StoredDistribution], note: Callable[[str], None] | None
) -> set[str]:
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

    if note is None or not there:
        verify_objects(paths, there, tell)
        return damaged
    from threading import Timer

    size = sum(size for _, size in there) / 1e6
    what = "1 distribution is" if len(there) == 1 else f"{len(there)} distributions are"
    text = f"the machine went down before all was on the disk: {what} compared with the wheels ({size:.0f} MB)"
    timer = Timer(_TOLD_AFTER_S, note, (text,))
    timer.start()
    try:
        verify_objects(paths, there, tell)
    finally:
        timer.cancel()
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
        _discard(os.path.join(paths.home, PREPARED, prepared_name(stored.tree, fold=fold)), paths)


def _discard(path: str, paths: StorePaths) -> None:
    if os.path.lexists(path):
        with Staging(paths.staging) as staging:
            if os.path.isdir(path) and not os.path.islink(path):
                # A directory that changes its parent is written to itself.
                fs.set_mode(path, _WRITABLE)
            fs.rename(path, os.path.join(staging.path, "gone"))
