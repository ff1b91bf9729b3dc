"""The start of an interpreter whose distributions lie in memory.

Blast gives it PYTHONPATH with the container, which is a ZIP archive, too: the interpreter finds ``sitecustomize`` in
it, which calls `activate`. Children of the program start in the same way.
"""

from __future__ import annotations

import os
import sys

from blast_runtime.memory.codes import open_codes
from blast_runtime.memory.container import SITE, Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["activate", "active_container"]

_active: Container | None = None
_PROGRAMS = frozenset(("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"))


def activate(path: str, descriptor: int, offset: int, size: int, python: str) -> None:
    """Let this interpreter import from memory, in the place of its own site-packages.

    Args:
        path: of the container, as it stands in PYTHONPATH.
        descriptor: of the container.
        offset: of the index.
        size: of the index.
        python: the executable that all was prepared for. Another, such as that of a virtual environment which the
            program starts, keeps its own distributions.
    """
    global _active  # noqa: PLW0603 - one for a process
    sys.path[:] = [entry for entry in sys.path if entry != path]
    if _active is not None or sys.prefix != sys.base_prefix or os.path.realpath(sys.executable) != python:
        return
    if _is_program_of_its_own():
        return
    container = _active = Container(descriptor, offset, size)
    _leave_own_packages()
    # All of the runtime that will be needed, since nothing of it is found later.
    from blast_runtime.memory import children, files, importing, patches, resources  # noqa: F401

    if not sys.flags.optimize:
        container.codes = open_codes(os.environ)
    files.install(container)
    sys.path_hooks.insert(0, importing.hook_of(container))
    sys.path_importer_cache.pop(path, None)
    sys.path.append(SITE)
    children.install(container)
    patches.install(container)
    _read_path_files(container.facts["path_files"])


def active_container() -> Container | None:
    """Return what this process imports from; None for an ordinary process."""
    return _active


def _is_program_of_its_own() -> bool:
    """Tell whether this is a program that was installed for the interpreter, such as one in /usr/bin.

    A program in memory may start it by its name. It needs the interpreter's own site-packages.
    """
    with open("/proc/self/cmdline", "rb") as file:
        return _is_own_line([os.fsdecode(word) for word in file.read().split(b"\0")[:-1]])


def _is_own_line(words: Sequence[str]) -> bool:
    from blast_runtime.memory.children import read_flags

    at, _, ending = read_flags(words)
    if ending or at >= len(words):
        return False
    directory = os.path.dirname(os.path.abspath(words[at]))
    own = {os.path.dirname(sys.executable), os.path.dirname(os.path.realpath(sys.executable))}
    return directory in own or directory in _PROGRAMS or directory == os.path.expanduser("~/.local/bin")


def _leave_own_packages() -> None:
    """Take out what the interpreter's own site-packages brought: as in a virtual environment it is not to be seen."""
    import site

    own = [*site.getsitepackages(), site.getusersitepackages()] if hasattr(site, "getsitepackages") else []
    places = [at for at, entry in enumerate(sys.path) if entry in own]
    if not places:
        return
    # They stand behind the standard library, and what their path files name stands behind them.
    gone = tuple(f"{entry.rstrip('/')}/" for entry in {*sys.path[places[0] :], *own})
    del sys.path[places[0] :]
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(gone):
            del sys.modules[name]
            sys.meta_path[:] = [finder for finder in sys.meta_path if _module_of(finder) != name]


def _module_of(finder: object) -> str:
    return str(getattr(finder, "__module__", ""))


def _read_path_files(names: Sequence[str]) -> None:
    if not names:
        return
    import site

    for name in names:
        site.addpackage(SITE, name, None)
