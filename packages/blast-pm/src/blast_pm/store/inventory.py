"""What a store holds, object by object, from the table and two or three directory listings.

An object is a tree with its archive, its row and its prepared files; any of them may be missing, after a kill.

When an object was last used nobody has to write down: the small files that are prepared beside the trees are
hard-linked into every environment that is composed from it, and the kernel notes in their inode when a link was made or
removed, and how many there are. So an environment whose place is not known, because it was moved, still holds what it
links to.
"""

from __future__ import annotations

import os

from blast_core.tuples import NamedTuple
from blast_pm.install.prepared import DIRECTORY, prepared_name
from blast_pm.store.sizes import walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_pm.store.home import StorePaths
    from blast_pm.store.rows import TreeRows

__all__ = ["Item", "count_links", "prepared_paths", "read_project", "take_inventory"]

_PREPARED_FILE = "INSTALLER"


class Item(NamedTuple):
    """An object.

    Attributes:
        name: of its tree, there or not.
        blake3: of its archive, hexadecimal; empty where there is a tree alone.
        project: normalised name; empty if no row tells it.
        version: as in its metadata; empty if no row tells it.
        sha256s: of the wheels that it came from; more than one only by collision.
        used: when it was last linked, unlinked or made, in seconds since 1970.
        is_known: it has a row.
        has_tree: it is unpacked.
        has_archive: its archive is there.
    """

    name: str
    blake3: str
    project: str
    version: str
    sha256s: tuple[str, ...]
    used: float
    is_known: bool
    has_tree: bool
    has_archive: bool

    @property
    def label(self) -> str:
        """What people know it by."""
        return f"{self.project} {self.version}" if self.project else self.name


def take_inventory(paths: StorePaths, rows: TreeRows) -> dict[str, Item]:
    """Return all objects by the names of their trees.

    Cost: the table, a listing of the trees, one of each directory of archives, and three lstats per object.
    """
    from blast_core.digests import tree_name

    try:
        trees = set(os.listdir(paths.trees))
    except OSError:
        trees = set()
    archives = {}
    for entry in walk(paths.archives):
        digest = entry.name.removesuffix(".whl")
        if len(digest) == 64 and digest != entry.name:
            archives[tree_name(bytes.fromhex(digest))] = digest
    items: dict[str, Item] = {}
    for row in rows:
        name = os.path.basename(row.tree)
        sha256s = (*items[name].sha256s, row.sha256) if name in items else (row.sha256,)
        has_archive = archives.pop(name, "") != "" or (name in items and items[name].has_archive)
        used = _last_use(paths, name, row.blake3 if has_archive else "")
        items[name] = Item(
            name,
            row.blake3,
            row.name,
            row.version,
            sha256s,
            used,
            is_known=True,
            has_tree=name in trees,
            has_archive=has_archive,
        )
    for name in {*trees, *archives} - items.keys():
        blake3 = archives.get(name, "")
        sha256 = _wheel_of(paths.archive(blake3)) if blake3 else ""
        sha256s = (sha256,) if sha256 else ()
        used = _last_use(paths, name, blake3)
        items[name] = Item(
            name, blake3, "", "", sha256s, used, is_known=False, has_tree=name in trees, has_archive=bool(blake3)
        )
    return items


def read_project(paths: StorePaths, item: Item) -> tuple[str, str]:
    """Return name and version of an object that has no row, from its archive; "" where that can't be read."""
    from blast_core.errors import BlastError
    from blast_core.names import normalize_name
    from blast_pm.store.archives import StoredWheel

    try:
        with StoredWheel(paths.archive(item.blake3)) as archive:
            return normalize_name(archive.name), archive.version
    except (OSError, BlastError):
        return "", ""


def prepared_paths(paths: StorePaths, name: str) -> tuple[str, str]:
    """Return where the prepared files of a tree lie, for folded environments and for others; there or not."""
    folded, other = (prepared_name(name, fold=fold) for fold in (True, False))
    return os.path.join(paths.home, DIRECTORY, folded), os.path.join(paths.home, DIRECTORY, other)


def count_links(paths: StorePaths, name: str) -> int:
    """Return how many generations on this file system hold links to an object's prepared files.

    It is not quite all: generations that had to have files of their own for it are not counted.
    """
    count = 0
    for directory in prepared_paths(paths, name):
        try:
            count += os.lstat(os.path.join(directory, _PREPARED_FILE)).st_nlink - 1
        except OSError:
            continue
    return count


def _last_use(paths: StorePaths, name: str, blake3: str) -> float:
    places = [os.path.join(directory, _PREPARED_FILE) for directory in prepared_paths(paths, name)]
    places.append(os.path.join(paths.trees, name))
    if blake3:
        places.append(paths.archive(blake3))
    latest = 0.0
    for place in places:
        try:
            latest = max(latest, os.lstat(place).st_ctime)
        except OSError:
            continue
    return latest


def _wheel_of(path: str) -> str:
    from blast_core.digests import sha256_file

    try:
        return sha256_file(path).hex()
    except OSError:
        return ""
