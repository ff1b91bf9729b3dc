"""Removing objects while others use the store: a few at a time, out of sight in one instant each, and never waiting.

For every batch the store's lock is taken exclusively, for some milliseconds. Under it, what is leased or was reached
since is passed over, the rows go in one transaction, and trees, prepared files and wheels are renamed into a
staging directory. Only after that, and without the lock, the files are removed.

Killed at any moment, it leaves whole objects: with their row, or without it and for the next gc to remove, or in a
staging directory that the next command sweeps.
"""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.errors import StoreLocked
from blast_core.tuples import NamedTuple
from blast_pm.store.failures import explain_failure
from blast_pm.store.inventory import count_links, prepared_paths
from blast_pm.store.leases import hold_store, read_leases
from blast_pm.store.locks import lock
from blast_pm.store.staging import Staging

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from blast_pm.store.home import StorePaths
    from blast_pm.store.inventory import Item
    from blast_pm.store.locks import Lock
    from blast_pm.store.rows import TreeRows

__all__ = ["Candidate", "Removal", "choose", "hold_collection", "remove_items"]

# So many are out of sight in a few milliseconds.
_BATCH = 64
# As long as a command looks something up; one that holds the lock for longer is passed over.
_PATIENCE_S = 0.25
_WRITABLE = 0o755


class Candidate(NamedTuple):
    """An object that may go.

    Attributes:
        item: the object.
        size: its bytes, all parts together.
    """

    item: Item
    size: int


class Removal(NamedTuple):
    """What became of those that should go.

    Attributes:
        removed: names of trees.
        leased: names of those that a command is about to use.
        reached: names of those that an environment came to reach meanwhile, or whose links an unknown one holds.
        busy: names of those for which the store's lock was not to be had.
    """

    removed: tuple[str, ...]
    leased: tuple[str, ...]
    reached: tuple[str, ...]
    busy: tuple[str, ...]


def hold_collection(paths: StorePaths) -> Lock:
    """Take the lock between those who remove objects; nobody else is kept from anything.

    Raises:
        StoreLocked: another process does so now.
        StoreError: the store can't be written.
    """
    directory = os.path.dirname(paths.usage_lock)
    try:
        fs.make_directories(directory)
        return lock(os.path.join(directory, "gc.lock"), 0)
    except StoreLocked as error:
        pid = error.details.get("pid")
        raise StoreLocked(
            "the store is being cleaned already",
            reason=f"by process {pid}" if pid else "by another process",
            hint="nothing is to be done; when it is done, run again if you want to be sure",
            pid=pid,
        ) from error
    except OSError as error:
        raise explain_failure(error, "clean the store") from error


def choose(
    candidates: Sequence[Candidate], *, before: float, total: int = 0, max_bytes: int | None = None
) -> list[Candidate]:
    """Return which of the unreachable objects go, least recently used first.

    Args:
        candidates: objects that nothing reaches.
        before: all that were last used before this moment go, in seconds since 1970.
        total: bytes of the whole store.
        max_bytes: more go, until no more than this is left; None for no such limit.
    """
    left = total
    chosen = []
    for candidate in sorted(candidates, key=lambda one: (one.item.used, one.item.name)):
        if candidate.item.used < before or (max_bytes is not None and left > max_bytes):
            chosen.append(candidate)
            left -= candidate.size
    return chosen


def remove_items(
    paths: StorePaths,
    rows: TreeRows,
    items: Sequence[Item],
    reached_now: Callable[[], Collection[str]],
    *,
    despite_links: bool = False,
) -> Removal:
    """Remove objects, all parts of them.

    Args:
        paths: the store.
        rows: its table.
        items: what nothing reached a moment ago.
        reached_now: asked under the lock for the names of trees that environments reach by now.
        despite_links: also what an environment holds links to; the caller has asked the user.

    Raises:
        StoreError: the disk refuses; what was removed till then stays removed.
    """
    removed: list[str] = []
    leased: list[str] = []
    reached: list[str] = []
    busy: list[str] = []
    try:
        for start in range(0, len(items), _BATCH):
            batch = items[start : start + _BATCH]
            with Staging(paths.staging) as staging:
                try:
                    held = hold_store(paths, _PATIENCE_S, shared=False)
                except StoreLocked:
                    busy += [item.name for item in batch]
                    continue
                with held:
                    used, _ = read_leases(paths.home)
                    now = reached_now()
                    going = []
                    for item in batch:
                        if used.intersection(item.sha256s):
                            leased.append(item.name)
                        elif not despite_links and (item.name in now or count_links(paths, item.name)):
                            reached.append(item.name)
                        else:
                            going.append(item)
                    rows.delete_all([sha256 for item in going for sha256 in item.sha256s if item.is_known])
                    for item in going:
                        _put_aside(item, paths, staging.path)
                        removed.append(item.name)
    except OSError as error:
        raise explain_failure(error, "clean the store") from error
    return Removal(tuple(removed), tuple(leased), tuple(reached), tuple(busy))


def _put_aside(item: Item, paths: StorePaths, staging: str) -> None:
    tree = os.path.join(paths.trees, item.name)
    if os.path.islink(tree):
        # None of ours; what it leads to is left alone.
        fs.unlink(tree)
    elif os.path.isdir(tree):
        # A directory that changes its parent is written to itself.
        fs.set_mode(tree, _WRITABLE)
        fs.rename(tree, os.path.join(staging, item.name))
    for number, prepared in enumerate(prepared_paths(paths, item.name)):
        if os.path.isdir(prepared):
            fs.rename(prepared, os.path.join(staging, f"{item.name}.{number}"))
    if item.blake3 and os.path.lexists(paths.archive(item.blake3)):
        fs.rename(paths.archive(item.blake3), os.path.join(staging, f"{item.name}.whl"))
