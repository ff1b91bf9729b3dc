"""Imports from memory: a hook for the path entries below `PREFIX`, and loaders that read the container.

They derive from the loaders and the finder of the standard library, since much asks for these types (pkg_resources,
pkgutil, inspect). What they read of the file system, they read through `blast_runtime.memory.files`.
"""

from __future__ import annotations

import _imp
import os
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import (
    EXTENSION_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)

from blast_runtime.memory.container import DESCRIPTOR, FILE, LINK, descriptor_path, is_inside
from blast_runtime.memory.native import load_before

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from blast_runtime.memory.container import Container, Table

__all__ = ["MemoryExtensionLoader", "MemoryFinder", "MemorySourceLoader", "MemorySourcelessLoader", "hook_of"]

# In the order in which FileFinder tries them.
_SUFFIXES = (*EXTENSION_SUFFIXES, ".py", ".pyc")


class MemorySourceLoader(SourceFileLoader):
    """Loads a module from source in memory, from its marshalled code where the store had it."""

    def __init__(self, name: str, path: str, container: Container) -> None:
        super().__init__(name, path)
        self._container = container

    def get_code(self, fullname: str) -> Any:  # noqa: ARG002 - a loader is for one module
        """Return the module's code: what a process of this run compiled, or compiled now for all of them."""
        path, entry = self._container.find(self.path)
        codes = self._container.codes
        if codes is None or not entry or entry[0] != FILE or not entry[1]:
            return self.source_to_code(self.get_data(path), path)
        code = codes.find(entry[2])
        if code is None:
            code = self.source_to_code(self.get_data(path), path)
            codes.add(entry[2], code)
        return code

    def get_data(self, path: str) -> bytes:
        """Return a file's content."""
        return _read(self._container, path)

    def set_data(self, path: str, data: Any, *, _mode: int = 0o666) -> None:
        """Keep nothing: what is in memory is sealed."""

    def get_resource_reader(self, name: Any = None) -> Any:
        """Return what reads the resources beside a package."""
        from blast_runtime.memory.resources import MemoryReader

        return MemoryReader(self.path) if self.is_package(name or self.name) else None


class MemorySourcelessLoader(SourcelessFileLoader):
    """Loads a module that a distribution brings as bytecode alone."""

    def __init__(self, name: str, path: str, container: Container) -> None:
        super().__init__(name, path)
        self._container = container

    def get_data(self, path: str) -> bytes:
        """Return a file's content."""
        return _read(self._container, path)


class MemoryExtensionLoader(ExtensionFileLoader):
    """Loads an extension module by its descriptor, after the libraries that it needs."""

    def __init__(self, name: str, path: str, container: Container) -> None:
        super().__init__(name, path)
        self._container = container

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Load the shared object."""
        path, entry = self._container.find(self.path)
        if not entry or entry[0] != DESCRIPTOR:
            raise ImportError(f"{self.path} is no shared object in memory", name=spec.name, path=self.path)
        try:
            load_before(self._container, path, entry)
        except OSError as error:
            raise ImportError(f"{spec.name}: {error}", name=spec.name, path=self.path) from error
        opened = ModuleSpec(spec.name, self, origin=descriptor_path(entry[2]), is_package=None)
        module: ModuleType = _imp.create_dynamic(opened)
        if getattr(module, "__file__", None) is not None:
            # An old kind of extension module has taken over the name of what was opened.
            module.__file__ = self.path
        return module

    def get_data(self, path: str) -> bytes:
        """Return a file's content."""
        return _read(self._container, path)

    def get_resource_reader(self, name: Any = None) -> Any:
        """Return what reads the resources beside a package."""
        from blast_runtime.memory.resources import MemoryReader

        return MemoryReader(self.path) if self.is_package(name or self.name) else None


class MemoryFinder(FileFinder):
    """Finds the modules of one directory in memory."""

    def __init__(self, path: str, container: Container) -> None:
        self.path = path
        self._container = container
        self._beside: dict[str, Any] = {}

    def invalidate_caches(self) -> None:
        """Do nothing: what is in memory is sealed."""

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:  # noqa: ARG002
        """Return where a module is, a namespace portion for a directory without ``__init__``, None for neither."""
        table = self._container.table(self.path)
        if table is None:
            return None
        name = fullname.rpartition(".")[2]
        path = f"{self.path}/{name}"
        entry = table.get(name, ())
        is_directory = entry is None
        if is_directory:
            below = self._container.table(path) or {}
            found = self._spec(fullname, path + "/__init__", "__init__", below, path)
            if found is not None:
                return found
        elif entry and entry[0] == LINK:
            return self._linked(fullname, entry[1])
        found = self._spec(fullname, path, name, table, "")
        if found is None and is_directory:
            found = ModuleSpec(fullname, None)
            found.submodule_search_locations = [path]
        return found

    def _spec(self, fullname: str, stem: str, name: str, table: Table, package: str) -> ModuleSpec | None:
        for suffix in _SUFFIXES:
            entry = table.get(name + suffix)
            if entry is None:
                continue
            if entry[0] == LINK:
                return self._file_spec(fullname, entry[1], suffix, package)
            loader = _loader_of(suffix)(fullname, stem + suffix, self._container)
            return _make_spec(fullname, loader, stem + suffix, package)
        return None

    def _linked(self, fullname: str, directory: str) -> ModuleSpec | None:
        """Find a package that is one directory on a disk, such as in the store."""
        parent, _, base = directory.rpartition("/")
        if base != fullname.rpartition(".")[2]:
            # A directory under another name than its own.
            for suffix in _SUFFIXES:
                if os.path.isfile(f"{directory}/__init__{suffix}"):
                    return self._file_spec(fullname, f"{directory}/__init__{suffix}", suffix, directory)
            return None
        finder = self._beside.get(parent)
        if finder is None:
            finder = self._beside[parent] = FileFinder(parent, *_file_loaders())
        found: ModuleSpec | None = finder.find_spec(fullname)
        return found

    def _file_spec(self, fullname: str, path: str, suffix: str, package: str) -> ModuleSpec:
        kinds = {suffix: loader for loader, suffixes in _file_loaders() for suffix in suffixes}
        return _make_spec(fullname, kinds[suffix](fullname, path), path, package)


def hook_of(container: Container) -> Any:
    """Return the hook for ``sys.path_hooks``."""

    def hook(path: str) -> Any:
        if not is_inside(path):
            raise ImportError("not in memory", path=path)
        found, entry = container.find(path)
        if entry is not None:
            if entry and entry[0] == LINK:
                return FileFinder(entry[1], *_file_loaders())
            raise ImportError("no directory in memory", path=path)
        return MemoryFinder(found, container)

    return hook


def _make_spec(fullname: str, loader: Any, path: str, package: str) -> ModuleSpec:
    spec = ModuleSpec(fullname, loader, origin=path)
    spec.has_location = True
    if package:
        spec.submodule_search_locations = [package]
    return spec


def _loader_of(suffix: str) -> Any:
    if suffix == ".py":
        return MemorySourceLoader
    return MemorySourcelessLoader if suffix == ".pyc" else MemoryExtensionLoader


def _file_loaders() -> list[tuple[Any, list[str]]]:
    return [(ExtensionFileLoader, EXTENSION_SUFFIXES), (SourceFileLoader, [".py"]), (SourcelessFileLoader, [".pyc"])]


def _read(container: Container, path: str) -> bytes:
    if is_inside(path):
        found, entry = container.find(path)
        if entry and entry[0] != LINK:
            return container.read(found, entry)
        if not entry:
            raise FileNotFoundError(2, "No such file or directory", path)
        path = entry[1]
    with open(path, "rb") as file:
        return file.read()
