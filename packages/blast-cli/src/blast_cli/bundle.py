"""Blast's own modules out of one file: to find and open a hundred files costs more than half of importing them.

The bundle lies in ``__pycache__`` beside the files that Python itself keeps there, holds the same code objects, and is
believed as they are: for a source of the same size and time, by the same Python. What is not in it, or is newer, is
imported as ever, and `blast_cli.bundling` puts it in when the command is done.

    BCB1, 4 bytes; Python's magic number, 4; length of the index, 4, little-endian
    index        marshalled: by module (offset, size, time of the source in ns, its size, whether it is a package)
    code         marshalled code objects; offsets count from the end of the index
"""

import marshal
import os
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader
from _thread import allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

    Entry = tuple[int, int, int, int, bool]

__all__ = ["HEADER", "Bundle", "bundle_path", "top_directory", "use_bundle"]

#: What a bundle begins with, before the length of its index.
HEADER = b"BCB1" + MAGIC_NUMBER
_AT_ONCE = 1 << 16
_OURS = "blast_"


class Bundle:
    """Finds modules in a bundle.

    Attributes:
        path: of the bundle.
        entries: what it holds; empty if there is none.
        missed: modules of Blast that were asked for and are not in it.
    """

    def __init__(self, top: str) -> None:
        self.path = bundle_path(top)
        self.entries: dict[str, Entry] = {}
        self.missed: list[str] = []
        self._top = top + os.sep
        self._fd = -1
        self._begin = 0
        self._lock = allocate_lock()
        try:
            self._fd = os.open(self.path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
        except OSError:
            return
        start = os.read(self._fd, _AT_ONCE)
        size = int.from_bytes(start[8:12], "little")
        if start[:8] == HEADER and size:
            if size + 12 > len(start):
                start += os.read(self._fd, size + 12 - len(start))
            self.entries = marshal.loads(start[12 : 12 + size])  # noqa: S302 - beside the code that is running
            self._begin = 12 + size

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG002
        """Return how to load a module of Blast; None for what is not in the bundle, or is not of its source."""
        if not name.startswith(_OURS):
            return None
        entry = self.entries.get(name)
        if entry is not None:
            place = self._top + name.replace(".", os.sep)
            origin = f"{place}{os.sep}__init__.py" if entry[4] else f"{place}.py"
            try:
                status = os.stat(origin)
            except OSError:
                return None
            if status.st_mtime_ns == entry[2] and status.st_size == entry[3]:
                spec = ModuleSpec(name, _Loader(name, origin, self), origin=origin, is_package=entry[4])
                spec.has_location = True
                # To let Python find it out takes 10 us.
                directory, _, file = origin.rpartition(os.sep)
                spec.cached = f"{directory}{os.sep}__pycache__{os.sep}{file[:-2]}{sys.implementation.cache_tag}.pyc"
                if entry[4]:
                    spec.submodule_search_locations = [place]
                return spec
        self.missed.append(name)
        return None

    def code_bytes(self, name: str) -> bytes:
        """Return the marshalled code of a module that is in the bundle."""
        offset, size = self.entries[name][:2]
        # Threads import at the same time: none may move the place that another reads at.
        if hasattr(os, "pread"):
            return os.pread(self._fd, size, self._begin + offset)
        with self._lock:
            os.lseek(self._fd, self._begin + offset, 0)
            return os.read(self._fd, size)


class _Loader(SourceFileLoader):
    """Loads a module as Python does, but takes its code from the bundle."""

    def __init__(self, name: str, path: str, bundle: Bundle) -> None:
        super().__init__(name, path)
        self._bundle = bundle

    def get_code(self, fullname: str) -> "CodeType | None":
        """Return the code of the module."""
        code: CodeType = marshal.loads(self._bundle.code_bytes(fullname))  # noqa: S302 - as what stands in a .pyc
        return code


def top_directory() -> str:
    """Return the directory that Blast's packages lie in."""
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def bundle_path(top: str) -> str:
    """Return where the bundle of this Python lies."""
    return f"{top}{os.sep}blast_cli{os.sep}__pycache__{os.sep}blast.{sys.implementation.cache_tag}.bundle"


def use_bundle() -> Bundle | None:
    """Import Blast's modules from the bundle from now on; None where Python keeps code elsewhere, or keeps none."""
    if sys.flags.optimize or sys.pycache_prefix or os.environ.get("BLAST_KEEP_PYTHONPATH"):
        return None
    bundle = Bundle(top_directory())
    sys.meta_path.insert(0, bundle)
    return bundle
