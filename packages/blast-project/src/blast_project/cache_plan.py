"""What a gc would remove, decided from a view of the store alone."""

from __future__ import annotations

from blast_core.tuples import NamedTuple
from blast_pm.store.gc import Candidate, choose
from blast_pm.store.inventory import count_links
from blast_project.environment.manager import KEPT_GENERATIONS
from blast_project.store_view import OWN_KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from blast_pm.store.home import StorePaths
    from blast_project.cache_operations import GcOptions
    from blast_project.store_view import Holder, StoreView

__all__ = ["Plan", "make_plan"]

# An environment of a tool that was used within a day is not given up for room.
_YOUNG_S = 86400.0


class Plan(NamedTuple):
    """What is to go.

    Attributes:
        environments: of tools, and views.
        generations: numbers, by environment.
        chosen: names of objects, least recently used first.
        reached: how many objects are reached when that has gone.
        recent: how many are not, and are too young to go.
        held: how many of them an environment holds whose place is not known.
    """

    environments: tuple[str, ...]
    generations: dict[str, list[int]]
    chosen: tuple[str, ...]
    reached: int
    recent: int
    held: int


def make_plan(view: StoreView, options: GcOptions, paths: StorePaths) -> Plan:
    """Decide what goes.

    The moments at which objects were last used are those of before: that an environment goes is no use of them.
    """
    before = view.now - options.older_than_s
    tools = sorted((holder for holder in view.holders if holder.kind in OWN_KINDS), key=lambda holder: holder.used)
    retired = [holder for holder in tools if holder.used < before]
    waiting = [holder for holder in tools if before <= holder.used < view.now - _YOUNG_S]
    while True:
        plan = _plan(view, options, paths, retired)
        size = view.total - sum(view.sizes[name].total for name in plan.chosen)
        if options.max_bytes is None or size <= options.max_bytes or not waiting:
            return plan
        retired.append(waiting.pop(0))


def _plan(view: StoreView, options: GcOptions, paths: StorePaths, retired: list[Holder]) -> Plan:
    gone = {holder.environment for holder in retired}
    generations = {
        holder.environment: numbers
        for holder in view.holders
        if holder.environment not in gone and (numbers := _superfluous(holder, options.keep))
    }
    reached: frozenset[str] = frozenset().union(
        *(
            holder.reached(generations.get(holder.environment, ()))
            for holder in view.holders
            if holder.environment not in gone
        )
    )
    leaving = _count_leaving(view, gone, generations)
    candidates, held = [], 0
    for name, item in view.items.items():
        if name in reached:
            continue
        if count_links(paths, name) > leaving.get(name, 0):
            held += 1
        else:
            candidates.append(Candidate(item, view.sizes[name].total))
    before = float("inf") if options.any_age else view.now - options.older_than_s
    chosen = choose(candidates, before=before, total=view.total, max_bytes=options.max_bytes)
    return Plan(
        tuple(sorted(gone)),
        generations,
        tuple(candidate.item.name for candidate in chosen),
        len(reached & view.items.keys()),
        len(candidates) - len(chosen),
        held,
    )


def _superfluous(holder: Holder, keep: int | None) -> list[int]:
    count = KEPT_GENERATIONS if keep is None else max(1, keep)
    return [row.number for row in holder.generations[:-count] if not row.is_current]


def _count_leaving(view: StoreView, gone: Collection[str], generations: dict[str, list[int]]) -> dict[str, int]:
    """Return by how many of the generations that go each object is reached."""
    counts: dict[str, int] = {}
    for holder in view.holders:
        numbers = generations.get(holder.environment, ())
        for row in holder.generations:
            if holder.environment in gone or row.number in numbers:
                for name in row.trees:
                    counts[name] = counts.get(name, 0) + 1
    return counts
