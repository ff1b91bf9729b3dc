"""The runtime's files, put once into the store, where every view and every hook finds them.

    runtime/<digest>/blast_runtime/    a copy of the package ``blast_runtime``

A view belongs to any interpreter, and outlives the Blast that made it; so it imports neither from Blast's own
environment nor from a checkout. Another version of the runtime has another digest, and so another directory.
"""

from __future__ import annotations

import errno
import os

from blast_core import fs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DIRECTORY", "PACKAGE", "ensure_runtime", "runtime_name"]

#: Below the home.
DIRECTORY = "runtime"
PACKAGE = "blast_runtime"
_DIGITS = 16
# What the package's own directory holds besides.
_PASSED_OVER = frozenset(("__pycache__",))


def ensure_runtime(home: str) -> str:
    """Return the directory that has the package ``blast_runtime`` in it, made if it is not there.

    Args:
        home: the store.

    Raises:
        OSError: the store refuses.

    Cost: reads the package, some twenty small files.
    """
    files = dict(_own_files())
    place = os.path.join(home, DIRECTORY, _name_of(files))
    # All came there by one rename; what a power loss cut is told by its size.
    if _is_whole(os.path.join(place, PACKAGE), files):
        return place
    from blast_pm.store.home import StorePaths
    from blast_pm.store.staging import Staging

    with Staging(StorePaths(home).staging) as staging:
        made = os.path.join(staging.path, "runtime")
        for path, content in files.items():
            target = os.path.join(made, PACKAGE, path)
            fs.make_directories(os.path.dirname(target))
            fs.write_file(target, content)
        _flush(made)
        fs.make_directories(os.path.dirname(place))
        if os.path.lexists(place) and not _is_whole(os.path.join(place, PACKAGE), files):
            fs.rename(place, os.path.join(staging.path, "damaged"))
        try:
            fs.rename(made, place)
        except OSError as error:
            # Another process was quicker, and made the same.
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
    return place


def runtime_name() -> str:
    """Return the name of the directory of this Blast's own runtime."""
    return _name_of(dict(_own_files()))


def _name_of(files: dict[str, bytes]) -> str:
    from blake3 import blake3

    digest = blake3()
    for path, content in sorted(files.items()):
        digest.update(b"%d %s %d\0" % (len(path), path.encode(), len(content)))
        digest.update(content)
    return str(digest.hexdigest())[:_DIGITS]


def _own_files() -> Iterator[tuple[str, bytes]]:
    import blast_runtime

    root = os.path.dirname(os.path.abspath(blast_runtime.__file__ or ""))
    waiting = [""]
    while waiting:
        below = waiting.pop()
        with os.scandir(os.path.join(root, below)) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
        for entry in entries:
            path = f"{below}/{entry.name}" if below else entry.name
            if entry.is_dir():
                if entry.name not in _PASSED_OVER:
                    waiting.append(path)
            elif entry.name.endswith(".py"):
                with open(entry.path, "rb") as file:
                    yield path, file.read()


def _is_whole(directory: str, files: dict[str, bytes]) -> bool:
    try:
        return all(os.stat(os.path.join(directory, path)).st_size == len(content) for path, content in files.items())
    except OSError:
        return False


def _flush(made: str) -> None:
    """Let it reach the disk before it can be seen: it is made once, and nothing compares it with anything later."""
    paths = [os.path.join(directory, name) for directory, _, names in os.walk(made) for name in names]
    fs.sync_paths(paths)
