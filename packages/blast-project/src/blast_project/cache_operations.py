"""Cleaning the store: ``blast cache gc``, ``prune`` and ``clear``.

What a living environment's kept generations reach is never removed by the first two, and by none of them what a command
is about to use.
"""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.errors import ObjectMissing, StoreError, UsageError
from blast_core.names import normalize_name
from blast_core.tuples import NamedTuple
from blast_pm.store.gc import hold_collection, remove_items
from blast_project.cache_plan import Plan, make_plan
from blast_project.retiring import prune_generations, remove_environment, sweep_environments
from blast_project.store_view import KIND_VIEW, OWN_KINDS, StoreView, changed_since, view_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_pm.store.inventory import Item
    from blast_project.session import Session
    from blast_project.store_view import Holder

__all__ = ["DEFAULT_AGE_S", "ClearReport", "GcOptions", "GcReport", "RemovedObject", "clear", "collect", "find_items"]

#: What nobody used for this long may go.
DEFAULT_AGE_S = 30 * 86400.0


class GcOptions(NamedTuple):
    """What to remove.

    Attributes:
        older_than_s: what nothing reaches, and was not used for so many seconds; so too environments of tools, views,
            pages of indexes and other leftovers.
        max_bytes: beyond that the least recently used of what nothing reaches, until the store is no larger; None for
            no limit.
        keep: generations of each environment; None for what a sync keeps.
        any_age: objects that nothing reaches, however young; what ages besides, ages by ``older_than_s``.
        dry_run: only say it.
    """

    older_than_s: float = DEFAULT_AGE_S
    max_bytes: int | None = None
    keep: int | None = None
    any_age: bool = False
    dry_run: bool = False


class RemovedObject(NamedTuple):
    """An object that went: what it was, and its bytes."""

    name: str
    version: str
    blake3: str
    tree: str
    bytes: int


class GcReport(NamedTuple):
    """What was removed, or would be.

    Attributes:
        objects: distributions.
        freed_bytes: of these and of the leftovers.
        generations: numbers of those that went, by environment.
        environments: of tools, and views, that went.
        leftovers: paths below the store's home.
        rows: how many rows of the database.
        store_bytes: of all objects that are left.
        over_bytes: by how much the store is larger than it was to be.
        reached: how many objects environments reach.
        recent: how many nothing reaches, and stay because they were used not long ago.
        held: how many stay because an environment whose place is not known holds links to them.
        leased: how many stay because a command is about to use them.
        busy: how many stay because the store was locked.
    """

    objects: tuple[RemovedObject, ...]
    freed_bytes: int
    generations: dict[str, list[int]]
    environments: tuple[str, ...]
    leftovers: tuple[str, ...]
    rows: int
    store_bytes: int
    over_bytes: int
    reached: int
    recent: int
    held: int
    leased: int
    busy: int


class ClearReport(NamedTuple):
    """What was cleared.

    Attributes:
        objects: distributions.
        freed_bytes: of these.
        broken: environments that link to what is gone; ``blast sync`` mends them.
        held: how many stay because an environment came to need them, or one whose place is not known holds links.
        leased: how many stay because a command is about to use them.
        busy: how many stay because the store was locked.
    """

    objects: tuple[RemovedObject, ...]
    freed_bytes: int
    broken: tuple[str, ...]
    held: int
    leased: int
    busy: int


def collect(session: Session, options: GcOptions) -> GcReport:
    """Remove what nothing reaches and nobody used for a while.

    Raises:
        StoreLocked: another process does so now.
        StoreError: the disk refuses.
    """
    if options.dry_run:
        view = view_store(session)
        return _report(session, view, make_plan(view, options, session.cache.paths), options)
    with hold_collection(session.cache.paths):
        sweep_environments(session)
        view = view_store(session)
        return _report(session, view, make_plan(view, options, session.cache.paths), options)


def _report(session: Session, view: StoreView, plan: Plan, options: GcOptions) -> GcReport:
    generations, environments = dict(plan.generations), plan.environments
    chosen = plan.chosen
    leased: tuple[str, ...] = ()
    held, busy = plan.held, 0
    if not options.dry_run:
        environments = tuple(path for path in plan.environments if remove_environment(session, path))
        generations = {path: gone for path in plan.generations if (gone := _prune(session, path, options))}
        still = _still_reached(view, environments, generations)
        removal = remove_items(
            session.cache.paths,
            session.cache.rows,
            [view.items[name] for name in chosen if name not in still],
            changed_since(view),
        )
        chosen, leased, busy = removal.removed, removal.leased, len(removal.busy)
        held += len(removal.reached)
        _forget(session, view, chosen)
    leftovers, leftover_bytes, rows = _clean_up(session, view, options, chosen)
    objects = tuple(_describe(view, name) for name in chosen)
    freed = sum(row.bytes for row in objects)
    left = view.total - freed
    return GcReport(
        objects=objects,
        freed_bytes=freed + leftover_bytes,
        generations=generations,
        environments=environments,
        leftovers=leftovers,
        rows=rows,
        store_bytes=left,
        over_bytes=max(0, left - options.max_bytes) if options.max_bytes is not None else 0,
        reached=plan.reached,
        recent=plan.recent,
        held=held,
        leased=len(leased),
        busy=busy,
    )


def _prune(session: Session, environment: str, options: GcOptions) -> list[int]:
    from blast_project.environment.manager import KEPT_GENERATIONS

    keep = KEPT_GENERATIONS if options.keep is None else max(1, options.keep)
    return prune_generations(session, environment, keep)


def _still_reached(view: StoreView, gone: Sequence[str], generations: dict[str, list[int]]) -> frozenset[str]:
    """Return what is reached after environments and generations went, those left out that could not go."""
    return frozenset().union(
        *(
            holder.reached(generations.get(holder.environment, ()))
            for holder in view.holders
            if holder.environment not in gone
        )
    )


def _describe(view: StoreView, name: str) -> RemovedObject:
    item = view.items[name]
    return RemovedObject(item.project, item.version, item.blake3, name, view.sizes[name].total)


def _forget(session: Session, view: StoreView, names: Sequence[str]) -> None:
    from blast_pm.store.sizes import forget_sizes

    forget_sizes(session.database, names)
    # A registration outlives its environment for a while: its disk may come back, or whoever moved it.
    for root in view.gone:
        if root.registered < view.now - DEFAULT_AGE_S:
            try:
                fs.unlink(root.path)
            except FileNotFoundError:
                continue


def _clean_up(
    session: Session, view: StoreView, options: GcOptions, removed: Sequence[str]
) -> tuple[tuple[str, ...], int, int]:
    """Remove leftovers, memos and old rows; return paths, their bytes, and how many rows."""
    from blast_pm.metadata.old_rows import delete_old_rows, find_old_rows
    from blast_pm.store.leftovers import remove_leftovers
    from blast_project.cache_memos import find_stale_memos

    cache = session.cache
    before = view.now - options.older_than_s
    trees = [cache.paths.trees]
    if cache.site is not None:
        trees.append(cache.site.paths.trees)
    leftovers = remove_leftovers(cache.paths, trees, before=before, now=view.now, dry_run=options.dry_run)
    gone = set(removed)
    known = {sha256 for name, item in view.items.items() if name not in gone for sha256 in item.sha256s}
    trees_left = view.items.keys() - gone
    rows = [
        *find_stale_memos(session.database, known, trees_left, before),
        *find_old_rows(session.database, before),
        *cache.rows.unreadable(),
    ]
    if not options.dry_run:
        delete_old_rows(session.database, rows)
    return leftovers.paths, leftovers.size, len(rows)


def find_items(view: StoreView, words: Sequence[str]) -> list[Item]:
    """Return the objects that words name: projects, ``name==version``, or digests of eight digits and more.

    Raises:
        ObjectMissing: the store holds nothing of that name.
    """
    found: dict[str, Item] = {}
    for word in words:
        name, _, version = word.partition("==")
        project = normalize_name(name)
        matching = [
            item
            for item in view.items.values()
            if (item.project == project and version in {"", item.version}) or _has_digest(item, word.lower())
        ]
        if not matching:
            raise ObjectMissing(
                f"the store holds no {word}",
                reason="no distribution there has that name or a digest that begins so",
                hint="'blast cache size --objects' lists what it holds",
            )
        found.update((item.name, item) for item in matching)
    return [found[name] for name in sorted(found)]


def _has_digest(item: Item, word: str) -> bool:
    digests = (item.name, item.blake3, *item.sha256s)
    return len(word) >= 8 and any(digest.startswith(word) for digest in digests)


def clear(session: Session, words: Sequence[str], *, everything: bool, force: bool) -> ClearReport:
    """Remove the objects of some projects, or all there is.

    Args:
        session: services.
        words: as for `find_items`.
        everything: all objects, environments of tools, views, and all that is remembered.
        force: also what living environments need.

    Raises:
        UsageError: neither or both of words and ``everything`` are given.
        ObjectMissing: nothing is called so.
        StoreError: living environments need it, and ``force`` is not set; or the disk refuses.
        StoreLocked: another process cleans the store now.
    """
    if bool(words) == everything:
        raise UsageError(
            "what shall be cleared?" if not words else "names and --all exclude each other",
            hint="name projects, such as 'blast cache clear numpy', or say --all",
        )
    with hold_collection(session.cache.paths):
        sweep_environments(session)
        view = view_store(session)
        items = list(view.items.values()) if everything else find_items(view, words)
        view = _without_views(session, view, items)
        _check_needed(view, items, everything=everything, force=force)
        if everything:
            view = _without_tools(session, view)
            # Those that programs run in.
            _check_needed(view, items, everything=False, force=force)
        return _clear(session, view, items, everything=everything, force=force)


def _check_needed(view: StoreView, items: Sequence[Item], *, everything: bool, force: bool) -> None:
    needed = {item.name for item in items}
    holders = [
        holder
        for holder in view.holders
        if (not everything or holder.kind not in OWN_KINDS) and not needed.isdisjoint(holder.reached())
    ]
    if force or not holders:
        return
    names = [holder.environment for holder in holders[:5]]
    more = f" and {len(holders) - 5} more" if len(holders) > 5 else ""
    raise StoreError(
        "environments need what would be cleared",
        reason=", ".join(names) + more,
        hint="--force removes it all the same; 'blast sync' then fetches it again",
        environments=[holder.environment for holder in holders],
    )


def _clear(session: Session, view: StoreView, items: Sequence[Item], *, everything: bool, force: bool) -> ClearReport:
    paths, rows = session.cache.paths, session.cache.rows
    removal = remove_items(paths, rows, items, changed_since(view), despite_links=force)
    _forget(session, view, removal.removed)
    removed = set(removal.removed)
    broken = tuple(
        holder.environment
        for holder in view.holders
        if os.path.isdir(holder.environment) and not removed.isdisjoint(holder.reached())
    )
    for holder in view.holders:
        if holder.environment in broken:
            _distrust(holder)
    if everything:
        from blast_project.cache_clearing import forget_everything

        forget_everything(session, view)
    objects = tuple(_describe(view, name) for name in removal.removed)
    freed = sum(row.bytes for row in objects)
    return ClearReport(objects, freed, broken, len(removal.reached), len(removal.leased), len(removal.busy))


def _distrust(holder: Holder) -> None:
    """Let the next command look closely at an environment or a view that is broken now."""
    try:
        fs.unlink(os.path.join(holder.environment, ".blast", "state"))
        return
    except OSError:
        # What is remembered of a view knows it by the times of this directory.
        places = [row.said.site_packages for row in holder.generations if row.said is not None]
    for place in places:
        try:
            os.utime(os.path.join(holder.environment, place))
        except OSError:
            return


def _without_views(session: Session, view: StoreView, items: Sequence[Item]) -> StoreView:
    """Remove the views that need what would be cleared, since they are made again when they are needed.

    One that a program runs in stays, and counts.
    """
    needed = {item.name for item in items}
    gone = {
        holder.environment
        for holder in view.holders
        if holder.kind == KIND_VIEW
        and not needed.isdisjoint(holder.reached())
        and remove_environment(session, holder.environment)
    }
    return view._replace(holders=tuple(holder for holder in view.holders if holder.environment not in gone))


def _without_tools(session: Session, view: StoreView) -> StoreView:
    """Remove the environments of tools and the views that no program runs in."""
    gone = {
        holder.environment
        for holder in view.holders
        if holder.kind in OWN_KINDS and remove_environment(session, holder.environment)
    }
    return view._replace(holders=tuple(holder for holder in view.holders if holder.environment not in gone))
