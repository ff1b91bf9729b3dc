"""Roots: the environments that link into a store. What a living one reaches is never removed.

    roots/<32 hexadecimal digits>    one environment: where it is, its project, and the trees of each kept generation

A registration is written before the generation that it speaks of can be seen, under the lease of whoever composes it.
Killed between the two, a command leaves a root that reaches too much, never one that reaches too little.

What counts is what the environment's generations say of themselves. The trees in the registration are for the time when
the environment can't be looked at: its disk is not mounted. A root whose directory is gone from a disk that is there
counts no longer.
"""

from __future__ import annotations

import marshal
import os

from blast_core import fs
from blast_core.fnv import fnv1a64
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

__all__ = [
    "ALIVE",
    "AWAY",
    "DIRECTORY",
    "GONE",
    "Root",
    "find_roots",
    "group_trees",
    "is_registered",
    "register_again",
    "register_root",
    "root_stamps",
]

DIRECTORY = "roots"
_FORMAT = 1

#: The environment stands.
ALIVE = "alive"
#: The file system that held it is not mounted, so nobody can tell.
AWAY = "away"
#: It was deleted, or moved to where Blast was not used yet.
GONE = "gone"
# Numbers of devices change, so that a deleted environment may look as if its disk were away.
_AWAY_S = 90 * 86400.0


class Root(NamedTuple):
    """A registered environment.

    Attributes:
        path: of the registration.
        environment: absolute path.
        project: directory of its project; empty for none.
        device: number of the file system that it was on.
        trees: by generation: names of trees, separated by spaces, by the store that they are in.
        registered: when its last generation was composed, in seconds since 1970.
    """

    path: str
    environment: str
    project: str
    device: int
    trees: Mapping[int, Mapping[str, str]]
    registered: float

    def state(self, now: float) -> str:
        """Return `ALIVE`, `AWAY` or `GONE`."""
        if os.path.isdir(os.path.join(self.environment, ".blast", "generations")):
            return ALIVE
        standing = self.environment
        while not os.path.lexists(standing):
            standing = os.path.dirname(standing)
        try:
            is_away = os.stat(standing).st_dev != self.device
        except OSError:
            is_away = True
        return AWAY if is_away and now - self.registered < _AWAY_S else GONE


def group_trees(trees: Iterable[str]) -> dict[str, str]:
    """Return the names of trees, separated by spaces, by the store that holds them."""
    stores: dict[str, list[str]] = {}
    for tree in trees:
        directory, _, name = tree.rpartition("/")
        stores.setdefault(directory.rpartition("/")[0], []).append(name)
    return {store: " ".join(names) for store, names in stores.items()}


def register_root(
    home: str, environment: str, project: str, trees: Mapping[str, str], number: int, kept: Collection[int]
) -> str:
    """Register a generation that is about to be published.

    Args:
        home: the store that may be written.
        environment: absolute path.
        project: directory of its project; empty for none.
        trees: what the generation links to, as `group_trees` returns it.
        number: of the generation.
        kept: numbers of the generations that there are.

    Returns:
        The registration, where it is new and has to be flushed to the disk; otherwise "".

    Raises:
        OSError: the store refuses.
    """
    real = os.path.realpath(environment)
    path = os.path.join(home, DIRECTORY, _name_of(real))
    known = _read(path)
    older = {key: value for key, value in known.trees.items() if key in kept} if known is not None else {}
    _write(path, real, project, {**older, number: trees})
    return path if known is None else ""


def is_registered(home: str, environment: str) -> bool:
    """Tell whether an environment is a root under the path where it is now."""
    return os.path.isfile(os.path.join(home, DIRECTORY, _name_of(os.path.realpath(environment))))


def register_again(home: str, environment: str, project: str, trees: Mapping[int, Mapping[str, str]]) -> None:
    """Register an environment that stands, such as one that was moved.

    Args:
        home: the store that may be written.
        environment: absolute path.
        project: directory of its project; empty for none.
        trees: what each generation links to, as `group_trees` returns it.

    Raises:
        OSError: the store refuses.
    """
    real = os.path.realpath(environment)
    _write(os.path.join(home, DIRECTORY, _name_of(real)), real, project, trees)


def _write(path: str, environment: str, project: str, trees: Mapping[int, Mapping[str, str]]) -> None:
    device = os.stat(os.path.dirname(environment)).st_dev
    plain = {number: dict(listed) for number, listed in trees.items()}
    content = marshal.dumps((_FORMAT, environment, project, device, plain))
    try:
        fs.replace_file(path, content, durable=False)
    except FileNotFoundError:
        fs.make_directories(os.path.dirname(path))
        fs.replace_file(path, content, durable=False)


def find_roots(home: str) -> list[Root]:
    """Return all registered roots, by path of their environments; what can't be read is passed over."""
    directory = os.path.join(home, DIRECTORY)
    found = (_read(os.path.join(directory, name)) for name in _list(directory))
    return sorted((root for root in found if root is not None), key=lambda root: root.environment)


def root_stamps(home: str) -> dict[str, tuple[int, int, int, int]]:
    """Return what tells whether a registration was written anew, by its path."""
    directory = os.path.join(home, DIRECTORY)
    stamps = {}
    for name in _list(directory):
        path = os.path.join(directory, name)
        try:
            status = os.lstat(path)
        except OSError:
            continue
        stamps[path] = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return stamps


def _list(directory: str) -> list[str]:
    try:
        return [name for name in os.listdir(directory) if not fs.is_temporary(name)]
    except OSError:
        return []


def _read(path: str) -> Root | None:
    try:
        with open(path, "rb") as file:
            version, environment, project, device, trees = marshal.loads(file.read())  # noqa: S302 - written by this Blast
            registered = os.fstat(file.fileno()).st_mtime
    except (OSError, ValueError, EOFError, TypeError):
        return None
    return Root(path, environment, project, device, trees, registered) if version == _FORMAT else None


def _name_of(environment: str) -> str:
    path = environment.encode("utf-8", "surrogateescape")
    return f"{fnv1a64(path):016x}{fnv1a64(path[::-1]):016x}"
