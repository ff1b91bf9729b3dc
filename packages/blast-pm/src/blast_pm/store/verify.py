"""Is a tree still what its archive says? Every byte is read."""

from __future__ import annotations

import os
import stat

from blast_core.tuples import NamedTuple
from blast_pm.store.sizes import walk
from blast_pm.store.unpack import is_unpacked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_pm.store.archives import StoredWheel
    from blast_pm.store.home import StorePaths

__all__ = ["ObjectReport", "compare_tree", "verify_object"]


class ObjectReport(NamedTuple):
    """What verifying an object found; paths are relative to the tree, sorted.

    Attributes:
        blake3: the archive, hexadecimal.
        damage: what is wrong with the archive itself, "" if nothing is; the tree was not compared then.
        changed: files with another content or kind.
        missing: files that are not there.
        extra: what is there and should not be; bytecode that was compiled beside its source is no extra.
    """

    blake3: str
    damage: str
    changed: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.damage or self.changed or self.missing or self.extra)


def verify_object(path: str, blake3: str, paths: StorePaths) -> ObjectReport:
    """Compare the archive at ``path`` with its name, and its tree with it.

    Raises:
        OSError: the archive can't be read.
    """
    from blast_core.digests import blake3_file
    from blast_core.errors import BlastError
    from blast_pm.store.archives import StoredWheel

    found = blake3_file(path).hex()
    if found != blake3:
        return ObjectReport(blake3, f"its BLAKE3 is {found}", (), (), ())
    try:
        with StoredWheel(path) as archive:
            return compare_tree(archive, blake3, paths.tree(bytes.fromhex(blake3)))
    except BlastError as error:
        return ObjectReport(blake3, error.message, (), (), ())


def compare_tree(archive: StoredWheel, blake3: str, tree: str) -> ObjectReport:
    """Compare the tree at ``tree`` with a archive, every byte; ``blake3`` is for the report."""
    digests = {file.path: file.digest for file in archive.files if is_unpacked(file.path)}
    missing, changed, extra = set(digests), [], []
    for entry in walk(tree):
        path = entry.path[len(tree) + 1 :]
        if path not in digests:
            if not _is_compiled(path, digests):
                extra.append(path)
            continue
        missing.discard(path)
        if not _is_same(entry.path, digests[path]):
            changed.append(path)
    return ObjectReport(blake3, "", tuple(sorted(changed)), tuple(sorted(missing)), tuple(sorted(extra)))


def _is_same(path: str, digest: bytes) -> bool:
    from blast_core.digests import blake3_file

    try:
        return stat.S_ISREG(os.lstat(path).st_mode) and blake3_file(path) == digest
    except OSError:
        # Its mode was changed, or the disk can't read it: no harm to the wheel, from which it is made again.
        return False


def _is_compiled(path: str, known: dict[str, bytes]) -> bool:
    # PEP 3147: pkg/__pycache__/module.cpython-312.opt-1.pyc stands for pkg/module.py.
    directory, _, name = path.rpartition("/")
    if not name.endswith(".pyc") or os.path.basename(directory) != "__pycache__":
        return False
    parent = directory[: -len("__pycache__")]
    return f"{parent}{name.partition('.')[0]}.py" in known
