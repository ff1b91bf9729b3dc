"""How much the store holds."""

from __future__ import annotations

import os

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_pm.store.home import StorePaths

__all__ = ["StoreSize", "measure_store", "walk"]


class StoreSize(NamedTuple):
    """What the store holds; sizes are in bytes, those of the contents and not of the blocks on disk.

    Attributes:
        containers: how many.
        container_bytes: of all containers.
        trees: how many.
        tree_files: files in all trees, bytecode included.
        tree_bytes: of these files.
        staging_bytes: of what is being built now, or was left by the dead and not swept yet.
    """

    containers: int
    container_bytes: int
    trees: int
    tree_files: int
    tree_bytes: int
    staging_bytes: int

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return self.container_bytes + self.tree_bytes + self.staging_bytes


def measure_store(paths: StorePaths) -> StoreSize:
    """Return how much lies below these paths; what vanishes meanwhile is passed over."""
    containers = [entry for entry in walk(paths.containers) if entry.name.endswith(".dpp")]
    container_bytes = sum(map(_size, containers))
    sizes = [_size(entry) for entry in walk(paths.trees)]
    try:
        trees = len(os.listdir(paths.trees))
    except OSError:
        trees = 0
    staging_bytes = sum(map(_size, walk(paths.staging)))
    return StoreSize(len(containers), container_bytes, trees, len(sizes), sum(sizes), staging_bytes)


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
