"""The store and all that reaches into it, as they stand at one moment."""

from __future__ import annotations

import os
import time

from blast_core.tuples import NamedTuple
from blast_pm.store.inventory import take_inventory
from blast_pm.store.roots import ALIVE, AWAY, MOVED, Root, find_roots, root_stamps
from blast_pm.store.sizes import object_sizes
from blast_project.environment.reach import Reach, names_in, read_reach, used_at
from blast_project.environment.reserving import read_objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from blast_pm.store.inventory import Item
    from blast_pm.store.sizes import ObjectSize
    from blast_project.session import Session

__all__ = [
    "KIND_PROJECT",
    "KIND_TOOL",
    "KIND_VIEW",
    "OWN_KINDS",
    "Holder",
    "StoreView",
    "changed_since",
    "environments_directory",
    "view_store",
]

#: An environment of somebody's own.
KIND_PROJECT = "environment"
#: An environment below the store's home: of a tool, of ``run --with``, of a build.
KIND_TOOL = "tool"
#: What programs run in that need no environment (`blast_project.no_env.views`).
KIND_VIEW = "view"
#: Those that Blast makes for itself, and gives up when nobody has used them for long.
OWN_KINDS = frozenset((KIND_TOOL, KIND_VIEW))


class Holder(NamedTuple):
    """An environment that counts.

    Attributes:
        environment: absolute path.
        project: directory of its project; empty if it is not known.
        kind: `KIND_PROJECT`, `KIND_TOOL` or `KIND_VIEW`.
        state: ``alive``; ``away`` when its disk is not there; ``moved`` to nobody knows where.
        used: when it was last used or changed, in seconds since 1970.
        generations: what each reaches, oldest first; of one that can't be looked at, as it was registered.
    """

    environment: str
    project: str
    kind: str
    state: str
    used: float
    generations: tuple[Reach, ...]

    def reached(self, without: Iterable[int] = ()) -> frozenset[str]:
        """Return what all generations reach together, but for those with these numbers."""
        left_out = frozenset(without)
        return frozenset().union(*(row.trees for row in self.generations if row.number not in left_out))


class StoreView(NamedTuple):
    """A look at a store.

    Attributes:
        home: of the store.
        now: when it was taken, in seconds since 1970.
        items: all objects, by name.
        sizes: theirs, by name.
        holders: the environments that count, by path.
        gone: registered roots that count no longer.
        stamps: of the registrations, from before they were read.
    """

    home: str
    now: float
    items: dict[str, Item]
    sizes: dict[str, ObjectSize]
    holders: tuple[Holder, ...]
    gone: tuple[Root, ...]
    stamps: dict[str, tuple[int, int, int, int]]

    @property
    def total(self) -> int:
        """Bytes of all objects."""
        return sum(size.total for size in self.sizes.values())

    def holders_of(self, name: str) -> list[tuple[Holder, list[Reach]]]:
        """Return who reaches an object, and by which generations."""
        found = ((holder, [row for row in holder.generations if name in row.trees]) for holder in self.holders)
        return [(holder, rows) for holder, rows in found if rows]


def environments_directory(home: str) -> str:
    """Return where environments of tools, of ``run --with`` and of builds lie."""
    return os.path.join(home, "environments")


def view_store(session: Session) -> StoreView:
    """Look at the store and at the environments that link into it.

    Raises:
        StoreError: it may not be read.

    Cost: the table and some listings for the store, two small files per kept generation for the environments.
    """
    cache = session.cache
    home = cache.paths.home
    _check_readable(home)
    now = time.time()
    # Before anything is read: what is registered later is told by another stamp.
    stamps = root_stamps(home)
    roots = find_roots(home)
    items = take_inventory(cache.paths, cache.rows)
    trees = {sha256: name for name, item in items.items() for sha256 in item.sha256s}
    holders: list[Holder] = []
    gone: list[Root] = []
    tools = os.path.realpath(environments_directory(home)) + os.sep
    for root in roots:
        state = root.state(now)
        kind = KIND_TOOL if root.environment.startswith(tools) else KIND_PROJECT
        if state == ALIVE:
            generations = read_reach(root.environment, home, trees)
            used = max(root.registered, used_at(root.environment))
            holders.append(Holder(root.environment, root.project, kind, state, used, tuple(generations)))
        elif state in {AWAY, MOVED}:
            holders.append(_unseen(root, home, kind, state))
        else:
            gone.append(root)
    known = {holder.environment for holder in holders}
    for kind, path in (*((KIND_TOOL, path) for path in _list(tools)), *((KIND_VIEW, path) for path in _views(home))):
        if path not in known and os.path.isdir(os.path.join(path, ".blast")):
            generations = read_reach(path, home, trees)
            holders.append(Holder(path, "", kind, ALIVE, used_at(path), tuple(generations)))
    sizes = object_sizes(cache.paths, cache.database, items.values())
    holders.sort(key=lambda holder: holder.environment)
    return StoreView(home, now, items, sizes, tuple(holders), tuple(gone), stamps)


def _check_readable(home: str) -> None:
    """Tell a store that may not be looked into from an empty one."""
    try:
        os.scandir(home).close()
    except FileNotFoundError:
        return
    except OSError as error:
        from blast_pm.store.failures import explain_failure

        raise explain_failure(error, "read the store") from error


def changed_since(view: StoreView) -> Callable[[], frozenset[str]]:
    """Return what tells, when it is called, which trees are reached by what was registered after the view was taken."""

    def reached() -> frozenset[str]:
        stamps = root_stamps(view.home)
        changed = {path for path, stamp in stamps.items() if view.stamps.get(path) != stamp}
        # Views have no registrations: they lie where they are looked for.
        seen = {holder.environment for holder in view.holders if holder.kind == KIND_VIEW}
        names: set[str] = set()
        for path in _views(view.home):
            if path not in seen:
                names |= names_in(read_objects(path, 1) or {}, view.home)
        if not changed:
            return frozenset(names)
        for root in find_roots(view.home):
            if root.path in changed:
                for listed in root.trees.values():
                    names |= names_in(listed, view.home)
        return frozenset(names)

    return reached


def _views(home: str) -> list[str]:
    from blast_project.no_env.views import views_directory

    return _list(os.path.realpath(views_directory(home)) + os.sep)


def _unseen(root: Root, home: str, kind: str, state: str) -> Holder:
    generations = tuple(
        Reach(number, is_current=False, trees=frozenset(names_in(listed, home)), said=None)
        for number, listed in sorted(root.trees.items())
    )
    return Holder(root.environment, root.project, kind, state, root.registered, generations)


def _list(directory: str) -> list[str]:
    try:
        return sorted(os.path.join(directory.rstrip(os.sep), name) for name in os.listdir(directory))
    except OSError:
        return []
