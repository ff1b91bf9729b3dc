"""How much the store holds: counted on the disk, or object by object from what is remembered of each."""

from __future__ import annotations

import marshal
import os

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from blast_pm.metadata.store import Database
    from blast_pm.store.home import StorePaths
    from blast_pm.store.inventory import Item

__all__ = ["ObjectSize", "StoreSize", "forget_sizes", "measure_store", "measure_tree", "object_sizes", "walk"]

_TABLE = "misc"
_KEY = b"size\0"
# Rows of `blast_pm.store.compiled`: one more, or another, and a tree has grown.
_CODE_KEY = b"code"


class StoreSize(NamedTuple):
    """What the store holds; sizes are in bytes, those of the contents and not of the blocks on disk.

    Attributes:
        archives: how many.
        archive_bytes: of all archives.
        trees: how many.
        tree_files: files in all trees, bytecode included.
        tree_bytes: of these files.
        staging_bytes: of what is being built now, or was left by the dead and not swept yet.
    """

    archives: int
    archive_bytes: int
    trees: int
    tree_files: int
    tree_bytes: int
    staging_bytes: int

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return self.archive_bytes + self.tree_bytes + self.staging_bytes


class ObjectSize(NamedTuple):
    """Bytes of one object: of its archive, and of its unpacked files."""

    archive: int
    tree: int

    @property
    def total(self) -> int:
        """Both together."""
        return self.archive + self.tree


def object_sizes(paths: StorePaths, database: Database, items: Iterable[Item]) -> dict[str, ObjectSize]:
    """Return the sizes of objects by the names of their trees; parts that are missing count nothing.

    Cost: a lookup per object. At the first time two reads of its archive, of one that was compiled a stat per file,
    and one write for all of them.
    """
    from blast_core.errors import StoreError

    marks = _bytecode_marks(database)
    wanted = list(items)
    known = database.get_many(_TABLE, [_KEY + item.name.encode() for item in wanted])
    sizes: dict[str, ObjectSize] = {}
    fresh = []
    for item, value in zip(wanted, known, strict=True):
        mark = marks.get(item.name, 0)
        size = _decode(value, mark) if value is not None else None
        if size is None:
            size = _measure(paths, item, is_compiled=bool(mark))
            if item.has_archive and item.has_tree:
                fresh.append((_KEY + item.name.encode(), marshal.dumps((*size, mark))))
        sizes[item.name] = ObjectSize(size.archive * item.has_archive, size.tree * item.has_tree)
    try:
        database.put_many(_TABLE, fresh)
    except StoreError:
        # One that can't be written remembers nothing.
        return sizes
    return sizes


def forget_sizes(database: Database, names: Iterable[str]) -> None:
    """Forget the sizes of objects that are gone."""
    database.delete_rows([(_TABLE, _KEY + name.encode()) for name in names])


def _bytecode_marks(database: Database) -> dict[str, int]:
    """Return what changes when a tree is compiled for one more interpreter, by the names of those that were."""
    from zlib import crc32

    marks: dict[str, int] = {}
    for key, value in database.items(_TABLE):
        if key.startswith(_CODE_KEY):
            name = key.split(b"\0")[1].decode("ascii", "replace")
            marks[name] = crc32(value, marks.get(name, 0))
    return marks


def _decode(value: bytes, mark: int) -> ObjectSize | None:
    try:
        archive, tree, known_mark = marshal.loads(value)  # noqa: S302 - written by this user's Blast on this machine
    except (ValueError, EOFError, TypeError, MemoryError):
        return None
    return ObjectSize(archive, tree) if known_mark == mark else None


def _measure(paths: StorePaths, item: Item, *, is_compiled: bool) -> ObjectSize:
    from blast_core.errors import BlastError
    from blast_pm.store.archives import StoredWheel

    tree = os.path.join(paths.trees, item.name)
    try:
        path = paths.archive(item.blake3)
        with StoredWheel(path) as archive:
            return ObjectSize(os.stat(path).st_size, measure_tree(tree) if is_compiled else archive.unpacked_size)
    except (OSError, BlastError):
        return ObjectSize(0, measure_tree(tree))


def measure_tree(path: str) -> int:
    """Return the bytes of all files below a directory, hard links that are met twice counted once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for entry in walk(path):
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        if status.st_nlink > 1:
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
        total += status.st_size
    return total


def measure_store(paths: StorePaths) -> StoreSize:
    """Return how much lies below these paths; what vanishes meanwhile is passed over."""
    archives = [entry for entry in walk(paths.archives) if entry.name.endswith(".whl")]
    archive_bytes = sum(map(_size, archives))
    sizes = [_size(entry) for entry in walk(paths.trees)]
    try:
        trees = len(os.listdir(paths.trees))
    except OSError:
        trees = 0
    staging_bytes = sum(map(_size, walk(paths.staging)))
    return StoreSize(len(archives), archive_bytes, trees, len(sizes), sum(sizes), staging_bytes)


def walk(path: str) -> Iterator[os.DirEntry[str]]:
    """Yield all below a directory that is not a directory itself, in no order; no link is followed."""
    waiting = [path]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as listing:
                entries = list(listing)
        except OSError:
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            else:
                yield entry


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except OSError:
        return 0
