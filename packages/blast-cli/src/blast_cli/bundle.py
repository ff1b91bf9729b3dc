"""Blast's own modules out of one file: to find and open a hundred files costs more than half of importing them.

The bundle lies in ``__pycache__`` beside the files that Python itself keeps there, holds the same code objects, and is
believed as they are: for a source of the same size and time, by the same Python. What is not in it, or is newer, is
imported as ever, and `blast_cli.bundling` puts it in when the command is done.

    BCB2, 4 bytes; Python's magic number, 4; lengths of both indexes, 4 each, little-endian
    first index  marshalled: by module (offset, size, time of the source in ns, its size, whether it is a package), of
                 what commands need that have nothing to do; so they pass over that of 400 modules, 0.1 ms
    index        the same of all others
    code         marshalled code objects; offsets count from the end of the indexes
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

__all__ = ["HEADER", "Bundle", "bundle_path", "keep_missed", "top_directory", "use_bundle"]

#: What a bundle begins with, before the lengths of its indexes.
HEADER = b"BCB2" + MAGIC_NUMBER
_AT_ONCE = 1 << 12
_LENGTHS = len(HEADER) + 8
_OURS = "blast_"


class Bundle:
    """Finds modules in a bundle.

    Attributes:
        path: of the bundle.
        missed: modules of Blast that were asked for and are not in it.
    """

    def __init__(self, top: str) -> None:
        self.path = bundle_path(top)
        self.missed: list[str] = []
        self._top = top + os.sep
        self._fd = -1
        self._begin = 0
        self._rest = 0
        self._entries: dict[str, Entry] = {}
        self._lock = allocate_lock()
        try:
            self._fd = os.open(self.path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
        except OSError:
            return
        start = os.read(self._fd, _AT_ONCE)
        first = int.from_bytes(start[8:12], "little")
        if start[: len(HEADER)] == HEADER and first:
            self._rest = int.from_bytes(start[12:_LENGTHS], "little")
            self._begin = _LENGTHS + first + self._rest
            if _LENGTHS + first > len(start):
                start += os.read(self._fd, _LENGTHS + first - len(start))
            self._entries = marshal.loads(start[_LENGTHS : _LENGTHS + first])  # noqa: S302 - beside the code that runs

    @property
    def entries(self) -> "dict[str, Entry]":
        """What it holds; empty if there is none."""
        if self._rest:
            with self._lock:
                if self._rest:
                    os.lseek(self._fd, self._begin - self._rest, 0)
                    self._entries.update(marshal.loads(os.read(self._fd, self._rest)))  # noqa: S302 - as above
                    self._rest = 0
        return self._entries

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG002
        """Return how to load a module of Blast; None for what is not in the bundle, or is not of its source."""
        if not name.startswith(_OURS):
            return None
        entry = self._entries.get(name) or (self.entries.get(name) if self._rest else None)
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
        offset, size = self._entries[name][:2]
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


def keep_missed() -> None:
    """Put what was imported and is not in the bundle that is used into it, where that can be; then nothing is missed.

    Cost: nothing where nothing was missed; two system calls where nothing can be kept.
    """
    for bundle in sys.meta_path[:1]:
        if not isinstance(bundle, Bundle) or not bundle.missed or sys.dont_write_bytecode:
            return
        top = top_directory()
        # As in a checkout, or where an administrator installed it.
        if os.path.isdir(os.path.join(top, "blast_core")) and os.access(os.path.dirname(bundle.path), os.W_OK):
            from blast_cli.bundling import extend

            extend(bundle)
