"""In which order shared objects in memory are loaded, and what is changed in those that need each other.

The loader of the system finds what an object needs among what has been loaded, by name. So before an object is loaded
those are that it needs, each after what it needs itself. Where two need each other neither can come first: in them the
name of the other is replaced by its path among descriptors, under which the loader finds it by itself. So it is where
two distributions bring different libraries of one name.
"""

from __future__ import annotations

from posixpath import dirname, normpath

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["Library", "LoadOrder", "order_libraries"]


class Library(NamedTuple):
    """A shared object in memory.

    Attributes:
        path: where it seems to lie.
        descriptor: of its memory file.
        size: bytes.
        soname: "" without one.
        needed: names of what it needs.
        rpaths: where it looks for that, unexpanded.
    """

    path: str
    descriptor: int
    size: int
    soname: str
    needed: tuple[str, ...]
    rpaths: tuple[str, ...]


class LoadOrder(NamedTuple):
    """What was found out.

    Attributes:
        before: by path, the paths of what is loaded before it, in order.
        replaced: (path, name, path of what is needed): in the first, the name has to become the descriptor of the last.
    """

    before: dict[str, tuple[str, ...]]
    replaced: tuple[tuple[str, str, str], ...]


def order_libraries(
    libraries: Sequence[Library], is_linked: Callable[[str], bool], *, by_path: bool = False
) -> LoadOrder:
    """Find out what is loaded before what.

    Args:
        libraries: all in memory.
        is_linked: tells whether a path is that of a file of the store.
        by_path: the system's loader, as musl's, doesn't know by name what was loaded by a path.
    """
    known = {row.path: row for row in libraries}
    needs = {row.path: dict(_find_needed(row, known, is_linked)) for row in libraries}
    groups = _groups(needs)
    number = {path: at for at, group in enumerate(groups) for path in group}
    ambiguous = _ambiguous_names(needs)
    replaced = tuple(
        (path, name, other)
        for path in known
        for name, other in needs[path].items()
        if other in known and other != path and (by_path or number[other] == number[path] or name in ambiguous)
    )
    before: dict[str, tuple[str, ...]] = {}
    for group in groups:
        members = set(group)
        first: dict[str, None] = {}
        for path in group:
            for other in needs.get(path, {}).values():
                if other not in members:
                    first.update(dict.fromkeys(before.get(other, ())))
                    first[other] = None
        for path in group:
            before[path] = tuple(first)
    return LoadOrder(before, replaced)


def _find_needed(
    library: Library, known: Mapping[str, Library], is_linked: Callable[[str], bool]
) -> Iterator[tuple[str, str]]:
    """Yield name and path of each library that is needed and is brought by a distribution."""
    # Its own directory last: a library without a place of its own inherits that of who needs it, mostly this one.
    places = [
        normpath(entry.replace("${ORIGIN}", "$ORIGIN").replace("$ORIGIN", dirname(library.path)))
        for entry in library.rpaths
        if entry.startswith(("$ORIGIN", "${ORIGIN}"))
    ] + [dirname(library.path)]
    for name in library.needed:
        for place in places:
            path = f"{place}/{name}"
            if path in known or is_linked(path):
                yield name, path
                break


def _groups(needs: Mapping[str, Mapping[str, str]]) -> list[list[str]]:
    """Return the paths in groups of those that need each other, each group behind those that it needs (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    groups: list[list[str]] = []
    for root in needs:
        if root in index:
            continue
        walk = [(root, iter(needs[root].values()))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while walk:
            path, rest = walk[-1]
            other = next(rest, None)
            if other is None:
                walk.pop()
                if walk:
                    low[walk[-1][0]] = min(low[walk[-1][0]], low[path])
                if low[path] == index[path]:
                    at = stack.index(path)
                    groups.append(stack[at:])
                    on_stack.difference_update(stack[at:])
                    del stack[at:]
            elif other not in index:
                index[other] = low[other] = len(index)
                stack.append(other)
                on_stack.add(other)
                walk.append((other, iter(needs.get(other, {}).values())))
            elif other in on_stack:
                low[path] = min(low[path], index[other])
    return groups


def _ambiguous_names(needs: Mapping[str, Mapping[str, str]]) -> frozenset[str]:
    """Return the names under which different libraries are needed: by name the loader would find one for all."""
    found: dict[str, set[str]] = {}
    for rows in needs.values():
        for name, path in rows.items():
            found.setdefault(name, set()).add(path)
    return frozenset(name for name, paths in found.items() if len(paths) > 1)
