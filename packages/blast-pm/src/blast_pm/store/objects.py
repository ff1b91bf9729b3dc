"""Objects one by one: listing, removing, repairing."""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.archive.contents import read_contents
from blast_core.errors import ObjectMissing
from blast_core.tuples import NamedTuple
from blast_pm.install.prepared import DIRECTORY, prepared_name
from blast_pm.store.failures import explain_failure
from blast_pm.store.publish import publish_tree
from blast_pm.store.sizes import walk
from blast_pm.store.staging import Staging
from blast_pm.store.unpack import TreeWriter
from blast_pm.store.verify import verify_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_pm.store.archives import StoredWheel
    from blast_pm.store.home import StorePaths
    from blast_pm.store.rows import StoredDistribution, TreeRows
    from blast_pm.store.verify import ObjectReport

__all__ = ["StoredObject", "iter_objects", "remove_object", "repair_object", "unpack_archive"]

_WRITABLE = 0o755


class StoredObject(NamedTuple):
    """An object of the store.

    Attributes:
        blake3: of its wheel, hexadecimal; what it is named by.
        archive: path of its wheel.
        tree: the path of its tree, there or not.
        distribution: what the table knows of it; None if nothing refers to it.
    """

    blake3: str
    archive: str
    tree: str
    distribution: StoredDistribution | None


def iter_objects(paths: StorePaths, rows: TreeRows) -> Iterator[StoredObject]:
    """Yield every object of the store, by name."""
    known = {stored.blake3: stored for stored in rows}
    for name, path in sorted((entry.name, entry.path) for entry in walk(paths.archives)):
        blake3 = name.removesuffix(".whl")
        if blake3 != name and len(blake3) == 64:
            yield StoredObject(blake3, path, paths.tree(bytes.fromhex(blake3)), known.get(blake3))


def remove_object(blake3: str, paths: StorePaths, rows: TreeRows) -> None:
    """Remove an object; the lock is the caller's.

    What vouches for it goes first, so that no moment shows a row without its tree, or half a tree.
    """
    try:
        for stored in [stored for stored in rows if stored.blake3 == blake3]:
            rows.delete(stored.sha256)
        tree = paths.tree(bytes.fromhex(blake3))
        with Staging(paths.staging) as staging:
            if os.path.islink(tree):
                fs.unlink(tree)
            elif os.path.lexists(tree):
                fs.set_mode(tree, _WRITABLE)
                fs.rename(tree, os.path.join(staging.path, "tree"))
        for fold in (True, False):
            prepared = os.path.join(paths.home, DIRECTORY, prepared_name(tree, fold=fold))
            if os.path.lexists(prepared):
                fs.remove_tree(prepared)
        if os.path.lexists(paths.archive(blake3)):
            fs.unlink(paths.archive(blake3))
    except OSError as error:
        raise explain_failure(error, f"remove {blake3} from the store") from error


def repair_object(path: str, blake3: str, paths: StorePaths, rows: TreeRows) -> ObjectReport:
    """Unpack the tree of the wheel at ``path`` anew if it differs; see `GlobalCache.repair_object`."""
    try:
        report = verify_object(path, blake3, paths)
        if report.damage:
            for stored in [stored for stored in rows if stored.blake3 == blake3]:
                rows.delete(stored.sha256)
            fs.unlink(path)
            raise ObjectMissing(
                f"the wheel {blake3} was damaged and has been removed",
                reason=report.damage,
                hint="'blast sync' fetches it again",
                blake3=blake3,
            )
        if not report.is_sound:
            _replace_tree(path, paths.tree(bytes.fromhex(blake3)), paths)
    except OSError as error:
        raise explain_failure(error, f"repair {blake3} in the store") from error
    return report


def _replace_tree(path: str, tree: str, paths: StorePaths) -> None:
    from blast_pm.store.archives import StoredWheel

    with Staging(paths.staging) as staging, StoredWheel(path) as archive:
        fresh = os.path.join(staging.path, "tree")
        unpack_archive(archive, fresh)
        if not os.path.isdir(tree) or os.path.islink(tree):
            publish_tree(fresh, tree, archive)
        else:
            mode = os.lstat(fresh).st_mode & 0o555
            fs.set_mode(tree, _WRITABLE)
            fs.exchange(fresh, tree)
            fs.set_mode(tree, mode)
        fs.sync_filesystem(paths.home)


def unpack_archive(archive: StoredWheel, path: str) -> None:
    """Write the tree of ``archive`` to ``path``, which must not exist.

    Raises:
        IntegrityError: the wheel is damaged.
        OSError: the disk refuses.
    """
    with TreeWriter(path) as writer:
        read_contents(archive.wheel, writer)
        writer.seal()
