"""Helpers for tests of and with the store: wheels in a directory instead of an index, and a look at every byte."""

from __future__ import annotations

import os
import stat

from blast_core import fs
from blast_core.digests import blake3_file, sha256_file
from blast_core.reporter import SilentReporter
from blast_pm.store.cache import GlobalCache, WantedDistribution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from blast_pm.store.rows import StoredDistribution

__all__ = ["LocalWheels", "check_store", "ensure_wheels", "list_tree", "want_wheel"]


def want_wheel(path: str) -> WantedDistribution:
    """Return what a lock would ask for to get the wheel at ``path``."""
    filename = os.path.basename(path)
    name, version = filename.split("-")[:2]
    return WantedDistribution(
        name.replace("_", "-").lower(), version, filename, sha256_file(path).hex(), os.path.getsize(path), "", path
    )


class LocalWheels:
    """Fetches by copying from ``WantedDistribution.path``, and remembers what was asked for.

    Attributes:
        fetched: file names in the order they were fetched.
    """

    def __init__(self) -> None:
        self.fetched: list[str] = []

    def fetch(self, wanted: WantedDistribution, path: str, progress: Callable[[int], None]) -> None:
        """Copy the wheel to ``path``."""
        self.fetched.append(wanted.filename)
        fs.copy_file(wanted.path, path, 0o600)
        progress(wanted.size)


def ensure_wheels(home: str, paths: Iterable[str], *, workers: int = 4) -> dict[str, StoredDistribution]:
    """Store wheels of this machine as if they came from an index; opens and closes the database."""
    from blast_pm.metadata.store import Database

    database = Database(os.path.join(home, "store", "meta.lmdb"))
    cache = GlobalCache(home, database)
    try:
        wanted = [want_wheel(path) for path in paths]
        return cache.ensure(wanted, LocalWheels().fetch, SilentReporter(), workers)
    finally:
        cache.close()
        database.close()


def check_store(home: str) -> int:
    """Check every object of a store, and return how many the table knows.

    Raises:
        AssertionError: half an object is visible, or a row without its object.
    """
    from blast_pm.metadata.store import Database

    database = Database(os.path.join(home, "store", "meta.lmdb"))
    try:
        cache = GlobalCache(home, database)
        objects = list(cache.iter_objects())
        trees = set(os.listdir(os.path.join(home, "t"))) if os.path.isdir(os.path.join(home, "t")) else set()
        for one in objects:
            assert blake3_file(one.archive).hex() == one.blake3, "half a wheel is visible"
            if os.path.basename(one.tree) in trees:
                assert cache.verify_object(one.blake3).is_sound, "half a tree is visible"
                trees.discard(os.path.basename(one.tree))
            else:
                assert one.distribution is None, "a row without its tree"
        assert not trees, "a tree without its wheel"
        return sum(one.distribution is not None for one in objects)
    finally:
        database.close()


def list_tree(path: str) -> dict[str, tuple[int, bytes]]:
    """Return mode and content of every file and directory (content "") below ``path``."""
    found = {}
    for directory, _, names in os.walk(path):
        found[os.path.relpath(directory, path)] = (stat.S_IMODE(os.lstat(directory).st_mode), b"")
        for name in names:
            full = os.path.join(directory, name)
            with open(full, "rb") as file:
                found[os.path.relpath(full, path)] = (stat.S_IMODE(os.lstat(full).st_mode), file.read())
    return found
