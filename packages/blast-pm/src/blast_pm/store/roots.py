"""Roots: the environments that link into a store. What a living one reaches is never removed.

    roots/<32 hexadecimal digits>    one environment: where it is, its project, and the trees of each kept generation
    <environment>/.blast/root        the same file by another name: a hard link

A registration is written before the generation that it speaks of can be seen, under the lease of whoever composes it.
Killed between the two, a command leaves a root that reaches too much, never one that reaches too little.

What counts is what the environment's generations say of themselves. The trees in the registration are for the time when
the environment can't be looked at: its disk is not mounted, or it was moved. The second name tells: it goes where the
environment goes, and goes when that is deleted. So a root whose directory is gone, from a disk that is there, and whose
registration has no other name, counts no longer.
"""

from __future__ import annotations

import errno
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
    "MOVED",
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
_LINK = "root"
_SET_ASIDE = "."

#: The environment stands.
ALIVE = "alive"
#: The file system that held it is not mounted, so nobody can tell.
AWAY = "away"
#: It was moved to where Blast was not used yet.
MOVED = "moved"
#: It was deleted.
GONE = "gone"
# Numbers of devices change, so that a deleted environment may look as if its disk were away.
_AWAY_S = 90 * 86400.0
# The ending that `blast_core.fs.is_temporary` knows.
_TEMPORARY = ".blast-tmp"
_NO_LINKS = frozenset((errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP))


class Root(NamedTuple):
    """A registered environment.

    Attributes:
        path: of the registration.
        environment: absolute path.
        project: directory of its project; empty for none.
        device: number of the file system that it was on.
        trees: by generation: names of trees, separated by spaces, by the store that they are in.
        registered: when its last generation was composed, in seconds since 1970.
        names: how many names the registration has.
    """

    path: str
    environment: str
    project: str
    device: int
    trees: Mapping[int, Mapping[str, str]]
    registered: float
    names: int

    def state(self, now: float) -> str:
        """Return `ALIVE`, `AWAY`, `MOVED` or `GONE`."""
        # Where another environment stands by now, it has a registration of its own, or needs none: it reaches nothing.
        is_of_another = _SET_ASIDE in os.path.basename(self.path) or (
            self.names > 1 and not _is_own(self.path, self.environment)
        )
        if not is_of_another and os.path.isdir(os.path.join(self.environment, ".blast", "generations")):
            return ALIVE
        if self.names > 1:
            return MOVED
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
    if known is not None and known.names > 1 and not _is_own(path, real):
        # It belongs to an environment that was moved away from here.
        fs.rename(path, f"{path}{_SET_ASIDE}{os.urandom(4).hex()}")
        known = None
    older = {key: value for key, value in known.trees.items() if key in kept} if known is not None else {}
    _write(path, real, project, {**older, number: trees})
    return path if known is None else ""


def is_registered(home: str, environment: str) -> bool:
    """Tell whether an environment is a root under the path where it is now."""
    real = os.path.realpath(environment)
    path = os.path.join(home, DIRECTORY, _name_of(real))
    try:
        return os.lstat(path).st_nlink == 1 or _is_own(path, real)
    except OSError:
        return False


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


def _is_own(path: str, environment: str) -> bool:
    """Tell whether a registration is the one that the environment has a name of."""
    try:
        return os.path.samestat(os.lstat(path), os.lstat(os.path.join(environment, ".blast", _LINK)))
    except OSError:
        return False


def _write(path: str, environment: str, project: str, trees: Mapping[int, Mapping[str, str]]) -> None:
    device = os.stat(os.path.dirname(environment)).st_dev
    plain = {number: dict(listed) for number, listed in trees.items()}
    content = marshal.dumps((_FORMAT, environment, project, device, plain))
    directory, name = os.path.split(path)
    if not os.path.isdir(directory):
        fs.make_directories(directory)
    temporary = os.path.join(directory, f".{name}.{os.urandom(4).hex()}{_TEMPORARY}")
    second = os.path.join(environment, ".blast", _LINK)
    second_temporary = os.path.join(environment, ".blast", f".{_LINK}.{os.urandom(4).hex()}{_TEMPORARY}")
    fs.write_file(temporary, content)
    try:
        try:
            fs.hardlink(temporary, second_temporary)
            # This one first: killed before the other, it gives no name to a registration that the environment lost.
            fs.rename(second_temporary, second)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
        fs.rename(temporary, path)
    except BaseException:
        _forget(temporary)
        _forget(second_temporary)
        raise


def _forget(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return


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
            status = os.fstat(file.fileno())
    except (OSError, ValueError, EOFError, TypeError, MemoryError):
        return None
    if version != _FORMAT:
        return None
    return Root(path, environment, project, device, trees, status.st_mtime, status.st_nlink)


def _name_of(environment: str) -> str:
    path = environment.encode("utf-8", "surrogateescape")
    return f"{fnv1a64(path):016x}{fnv1a64(path[::-1]):016x}"
