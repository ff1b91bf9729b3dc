"""Questions about the store: how large it is and whose it is, why an object is there, and whether it is sound."""

from __future__ import annotations

import os

from blast_core.tuples import NamedTuple
from blast_pm.store.inventory import count_links, read_project
from blast_pm.store.sizes import measure_store, walk
from blast_project.cache_operations import find_items
from blast_project.store_view import view_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_pm.store.inventory import Item
    from blast_project.session import Session
    from blast_project.store_view import Holder, StoreView

__all__ = ["EnvironmentSize", "ObjectRow", "SizeReport", "Use", "Why", "explain_objects", "measure"]


class EnvironmentSize(NamedTuple):
    """What an environment takes.

    Attributes:
        environment: absolute path.
        project: directory of its project; empty if it is not known.
        kind: ``environment``, ``tool`` or ``view``.
        state: ``alive``, ``away`` or ``moved``.
        used: when it was last used or changed, in seconds since 1970.
        generations: how many are kept.
        objects: distributions of the store that they reach.
        unique_bytes: of those that no other environment reaches: what is freed when this one goes.
        shared_bytes: of those that others reach, too.
        own_bytes: of its own files, links to the store left out; -1 where nobody counted.
    """

    environment: str
    project: str
    kind: str
    state: str
    used: float
    generations: int
    objects: int
    unique_bytes: int
    shared_bytes: int
    own_bytes: int


class ObjectRow(NamedTuple):
    """An object of the store, and how many environments reach it."""

    name: str
    version: str
    blake3: str
    tree: str
    bytes: int
    used: float
    environments: int


class SizeReport(NamedTuple):
    """What the store takes; sizes are in bytes, those of the contents and not of the blocks on disk.

    Attributes:
        archives: how many.
        archive_bytes: of all wheels.
        trees: how many.
        tree_files: files in all trees, bytecode included; -1 where nobody counted.
        tree_bytes: of these files; of what Python itself compiled there, only where somebody counted.
        staging_bytes: of what is being built now, or was left by the dead; 0 where nobody counted.
        database_bytes: of the file that indexes' answers and the table are in.
        unreachable_bytes: of objects that no environment reaches.
        environments: by path.
        objects: by name.
    """

    archives: int
    archive_bytes: int
    trees: int
    tree_files: int
    tree_bytes: int
    staging_bytes: int
    database_bytes: int
    unreachable_bytes: int
    environments: tuple[EnvironmentSize, ...]
    objects: tuple[ObjectRow, ...]

    @property
    def total_bytes(self) -> int:
        """All of the store."""
        return self.archive_bytes + self.tree_bytes + self.staging_bytes


class Use(NamedTuple):
    """An environment that reaches an object.

    Attributes:
        environment: absolute path.
        project: directory of its project; empty if it is not known.
        state: ``alive``, ``away`` or ``moved``.
        generations: numbers of those that reach it.
        is_current: the one in use is among them.
        since: when the oldest of them was made, in seconds since 1970; 0.0 if unknown.
        command: what made that one.
        requested: somebody asked for it there by name; otherwise something else needs it.
    """

    environment: str
    project: str
    state: str
    generations: tuple[int, ...]
    is_current: bool
    since: float
    command: str
    requested: bool


class Why(NamedTuple):
    """Why an object is in the store.

    Attributes:
        name: normalised.
        version: as in its metadata.
        blake3: of its wheel.
        tree: name of its tree.
        bytes: of wheel and tree.
        used: when an environment was last made from it or removed, in seconds since 1970.
        uses: the environments that reach it; none for an object that may go.
        unknown_links: how many generations hold links to it, of environments whose place is not known.
    """

    name: str
    version: str
    blake3: str
    tree: str
    bytes: int
    used: float
    uses: tuple[Use, ...]
    unknown_links: int


def measure(session: Session, *, exact: bool) -> SizeReport:
    """Return how large the store is, and what of it is whose.

    Args:
        session: services.
        exact: count on the disk, what is being built and the environments' own files too. A stat for each file.
    """
    view = view_store(session)
    paths = session.cache.paths
    counts: dict[str, int] = {}
    for holder in view.holders:
        for name in holder.reached():
            counts[name] = counts.get(name, 0) + 1
    counted = measure_store(paths) if exact else None
    archive_bytes = sum(size.archive for size in view.sizes.values())
    tree_bytes = sum(size.tree for size in view.sizes.values())
    return SizeReport(
        archives=sum(item.has_archive for item in view.items.values()),
        archive_bytes=counted.archive_bytes if counted else archive_bytes,
        trees=sum(item.has_tree for item in view.items.values()),
        tree_files=counted.tree_files if counted else -1,
        tree_bytes=counted.tree_bytes if counted else tree_bytes,
        staging_bytes=counted.staging_bytes if counted else 0,
        database_bytes=_file_size(session.database.path),
        unreachable_bytes=sum(size.total for name, size in view.sizes.items() if name not in counts),
        environments=tuple(_environment_size(view, holder, counts, exact=exact) for holder in view.holders),
        objects=tuple(sorted(_object_row(view, item, counts) for item in view.items.values())),
    )


def _environment_size(view: StoreView, holder: Holder, counts: dict[str, int], *, exact: bool) -> EnvironmentSize:
    reached = holder.reached() & view.items.keys()
    unique = sum(view.sizes[name].total for name in reached if counts[name] == 1)
    return EnvironmentSize(
        holder.environment,
        holder.project,
        holder.kind,
        holder.state,
        holder.used,
        len(holder.generations),
        len(reached),
        unique,
        sum(view.sizes[name].total for name in reached) - unique,
        _own_bytes(holder.environment) if exact else -1,
    )


def _own_bytes(environment: str) -> int:
    """Return the bytes of files that are the environment's alone: hard links belong to the store."""
    total = 0
    for entry in walk(environment):
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        if status.st_nlink == 1:
            total += status.st_size
    return total


def _object_row(view: StoreView, item: Item, counts: dict[str, int]) -> ObjectRow:
    size = view.sizes[item.name].total
    return ObjectRow(item.project, item.version, item.blake3, item.name, size, item.used, counts.get(item.name, 0))


def _file_size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def explain_objects(session: Session, words: Sequence[str]) -> tuple[Why, ...]:
    """Return why objects are in the store; words are as for `find_items`.

    Raises:
        ObjectMissing: the store holds nothing of that name.
    """
    view = view_store(session)
    return tuple(_explain(session, view, item) for item in find_items(view, words))


def _explain(session: Session, view: StoreView, item: Item) -> Why:
    uses = []
    known = 0
    for holder, rows in view.holders_of(item.name):
        known += len(rows)
        said = [row.said for row in rows if row.said is not None]
        oldest = min(said, key=lambda generation: generation.created, default=None)
        uses.append(
            Use(
                holder.environment,
                holder.project,
                holder.state,
                tuple(row.number for row in rows),
                any(row.is_current for row in rows),
                oldest.created if oldest is not None else 0.0,
                oldest.command if oldest is not None else "",
                any(one.requested and one.sha256 in item.sha256s for row in said for one in row.installed),
            )
        )
    paths = session.cache.paths
    name, version = (item.project, item.version) if item.is_known else read_project(paths, item)
    unknown = max(0, count_links(paths, item.name) - known)
    size = view.sizes[item.name].total
    return Why(name, version, item.blake3, item.name, size, item.used, tuple(uses), unknown)
