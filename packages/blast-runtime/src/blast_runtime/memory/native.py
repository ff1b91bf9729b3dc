"""Shared objects in memory: each is a memory file, and the loader of the system is told its path among descriptors.

That loader finds what an object needs by name where it has been loaded before, so the libraries that a distribution
brings are loaded first, dependencies before dependents, in the order that the container's index gives.
"""

from __future__ import annotations

from blast_runtime.memory.container import DESCRIPTOR, LINK, check_descriptor, descriptor_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_runtime.memory.container import Container, Entry

__all__ = ["load_before"]

_RTLD_NOW = 2
_loaded: dict[str, int] = {}


def load_before(container: Container, path: str, entry: Entry) -> None:
    """Load the libraries that a shared object needs.

    Args:
        container: what lies in memory.
        path: of the shared object.
        entry: its entry.

    Raises:
        OSError: one can't be loaded, or its descriptor was closed.
    """
    check_descriptor(path, entry)
    for needed in entry[3]:
        if needed not in _loaded:
            _loaded[needed] = _load(container, needed)


def _load(container: Container, path: str) -> int:
    from _ctypes import dlopen

    _, entry = container.find(path)
    if not entry:
        raise FileNotFoundError(2, "a library in memory is missing", path)
    if entry[0] == LINK:
        return dlopen(entry[1], _RTLD_NOW)
    if entry[0] == DESCRIPTOR:
        check_descriptor(path, entry)
        return dlopen(descriptor_path(entry[2]), _RTLD_NOW)
    return dlopen(descriptor_path(container.materialise(path, entry)), _RTLD_NOW)
