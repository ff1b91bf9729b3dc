"""What is changed in modules of the standard library and of others as soon as a program imports them.

Each hands a path to C code, which knows nothing of what lies in memory; the path is replaced by one among descriptors.
"""

from __future__ import annotations

import sys

from blast_runtime.memory.children import change_subprocess
from blast_runtime.memory.container import LINK, PREFIX
from blast_runtime.memory.files import real_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import ModuleType
    from typing import Any

    from blast_runtime.memory.container import Container

__all__ = ["install"]

_container: Container


def install(container: Container) -> None:
    """Change what is imported already, and let the rest be changed when it is."""
    global _container  # noqa: PLW0603 - one for a process
    _container = container
    for name, change in _CHANGES.items():
        module = sys.modules.get(name)
        if module is not None:
            change(module)
    sys.meta_path.insert(0, _Watcher())


class _Watcher:
    """A finder that finds nothing itself: it adds a change to what another finds."""

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> Any:
        """Return the spec of a module that is to be changed; None for all others."""
        change = _CHANGES.get(fullname)
        if change is None:
            return None
        for finder in sys.meta_path:
            spec: Any = finder.find_spec(fullname, path, target) if finder is not self else None
            if spec is not None:
                if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                    spec.loader = _Changing(spec.loader, change)
                return spec
        return None


class _Changing:
    """Loads a module as its own loader does, and changes it."""

    def __init__(self, loader: Any, change: Callable[[Any], None]) -> None:
        self._loader = loader
        self._change = change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: Any) -> Any:
        """Let the loader do it."""
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        """Let the loader do it, and change what came."""
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._change(module)


def _change_ctypes(module: Any) -> None:
    original = getattr(module, "_dlopen")  # noqa: B009 - it is not made for others

    def dlopen(name: Any, *rest: Any) -> Any:
        return original(_loadable(name), *rest)

    setattr(module, "_dlopen", dlopen)  # noqa: B010 - as above


def _loadable(name: Any) -> Any:
    """Return the path by which a library is loaded; what it needs is loaded before."""
    text = _text(name)
    if text is None:
        return name
    from blast_runtime.memory.container import DESCRIPTOR
    from blast_runtime.memory.native import load_before

    path, entry = _container.find(text)
    if entry and entry[0] == DESCRIPTOR:
        load_before(_container, path, entry)
    if entry and entry[0] == LINK:
        return entry[1]
    return real_path(path)


def _text(path: Any) -> str | None:
    try:
        text = path if isinstance(path, str) else path.__fspath__()
    except AttributeError:
        return None
    return text if isinstance(text, str) and text.startswith(PREFIX + "/") else None


def _real(path: Any) -> Any:
    text = _text(path)
    return path if text is None else real_path(text)


def _change_cffi(module: Any) -> None:
    original = module.FFI.dlopen

    def dlopen(self: Any, name: Any, flags: int = 0) -> Any:
        return original(self, _loadable(name), flags)

    module.FFI.dlopen = dlopen


def _change_ssl(module: Any) -> None:
    kind = module.SSLContext
    load_locations, load_chain = kind.load_verify_locations, kind.load_cert_chain

    def load_verify_locations(self: Any, cafile: Any = None, capath: Any = None, cadata: Any = None) -> Any:
        return load_locations(self, _real(cafile), capath, cadata)

    def load_cert_chain(self: Any, certfile: Any, keyfile: Any = None, password: Any = None) -> Any:
        return load_chain(self, _real(certfile), _real(keyfile), password)

    kind.load_verify_locations, kind.load_cert_chain = load_verify_locations, load_cert_chain


def _change_resources(module: Any) -> None:
    from contextlib import contextmanager
    from pathlib import Path

    original = module.as_file.dispatch(Path)

    def as_file(path: Path) -> Any:
        text = _text(path)
        return original(path) if text is None else opened(path)

    @contextmanager
    def opened(path: Path) -> Iterator[Path]:
        yield Path(real_path(str(path))) if path.is_file() else path

    module.as_file.register(Path, as_file)


_CHANGES: dict[str, Callable[[Any], None]] = {
    "cffi.api": _change_cffi,
    "ctypes": _change_ctypes,
    "importlib._common": _change_resources,
    "importlib.resources._common": _change_resources,
    "importlib_resources._common": _change_resources,
    "ssl": _change_ssl,
    "subprocess": change_subprocess,
}
