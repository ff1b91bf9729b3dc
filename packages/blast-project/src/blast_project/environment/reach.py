"""What the generations of an environment reach in a store, as they say it themselves (docs/decisions/0011 and 0017).

Each generation lists the trees that it links to, and its distributions by the digests of their wheels. Both count. Of
one that has neither, because another version of Blast made it, the links themselves are read.
"""

from __future__ import annotations

import os

from blast_core.errors import InstallError
from blast_core.tuples import NamedTuple
from blast_project.environment.generations import Generation, current_number, list_numbers, read_generation
from blast_project.environment.layout import generations_directory
from blast_project.environment.reserving import last_use, read_objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Reach", "names_in", "read_reach", "used_at"]


class Reach(NamedTuple):
    """What one generation reaches.

    Attributes:
        number: of the generation.
        is_current: it is the one in use.
        trees: names of trees in the store.
        said: what it says of itself; None if that can't be read.
    """

    number: int
    is_current: bool
    trees: frozenset[str]
    said: Generation | None


def read_reach(environment: str, home: str, trees: Mapping[str, str]) -> list[Reach]:
    """Return what each generation of an environment reaches, oldest first.

    Args:
        environment: absolute path.
        home: the store.
        trees: names of trees there, by the sha256 of their wheels.
    """
    current = current_number(environment)
    found = []
    for number in list_numbers(environment):
        listed = read_objects(environment, number)
        names = names_in(listed, home) if listed is not None else set()
        try:
            said: Generation | None = read_generation(environment, number)
        except InstallError:
            said = None
        if said is not None:
            names.update(trees[row.sha256] for row in said.installed if row.sha256 in trees)
        elif listed is None:
            names.update(_linked(os.path.join(generations_directory(environment), str(number)), home))
        found.append(Reach(number, number == current, frozenset(names), said))
    return found


def names_in(listed: Mapping[str, str], home: str) -> set[str]:
    """Return the names of the trees that a list by stores has of the store at ``home``."""
    names: set[str] = set()
    for store, words in listed.items():
        if store == home or os.path.realpath(store) == os.path.realpath(home):
            names.update(words.split())
    return names


def used_at(environment: str) -> float:
    """Return when an environment was last used or changed, as far as it is noted; in seconds since 1970."""
    times = [last_use(environment, number) for number in list_numbers(environment)]
    for name in (".blast/state", ".blast"):
        try:
            times.append(os.stat(os.path.join(environment, name)).st_mtime)
        except OSError:
            continue
    return max(times, default=0.0)


def _linked(generation: str, home: str) -> Iterator[str]:
    """Yield the names of all trees that links below a generation lead to; no link is followed."""
    trees = os.path.join(home, "t") + os.sep
    waiting = [generation]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as listing:
                entries = list(listing)
        except OSError:
            continue
        for entry in entries:
            if entry.is_symlink():
                target = os.readlink(entry.path)
                if target.startswith(trees):
                    yield target[len(trees) :].partition(os.sep)[0]
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
