"""Imports out of a module map: the finder of one entry of `sys.path`, which stands for a whole site-packages.

As an entry of `sys.path`, and no finder of `sys.meta_path`, it has the place in the order that site-packages has: after
the script's directory, PYTHONPATH and the standard library, before what path files and programs append. Namespace
packages take portions of other entries in, and whatever walks `sys.path` (pkgutil, pytest, `PathFinder`) meets it.

Below a package the ordinary `FileFinder` works, with a loader that never writes bytecode: the store is everybody's.
"""

import _imp
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import (
    BYTECODE_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
    spec_from_file_location,
)

from blast_runtime.modmap import MODULE, PACKAGE, ModuleMap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from importlib.metadata import Distribution, DistributionFinder
    from types import ModuleType

    from blast_runtime.modmap import Place

__all__ = [
    "MapFinder",
    "MappedDistributionFinder",
    "MappedLoader",
    "MergedDirectory",
    "StoreLoader",
    "hook_for",
    "loaders",
]

_SEPARATOR = "\\" if sys.platform == "win32" else "/"


class StoreLoader(SourceFileLoader):
    """Loads sources and their bytecode from the store, and never writes bytecode there."""

    def set_data(self, path: str, data: bytes, *, _mode: int = 0o666) -> None:  # type: ignore[override]
        """Keep nothing, but where bytecode lies apart: root could write into what all programs share."""
        if sys.pycache_prefix is not None:
            super().set_data(path, data, _mode=_mode)


class MappedLoader(StoreLoader):
    """Loads what a map names itself, and says what is wrong where the store has it no more."""

    def get_data(self, path: str) -> bytes:
        """Return a file's content.

        Raises:
            ImportError: it is the module's source, and not there.
            OSError: another file can't be read.
        """
        try:
            return super().get_data(path)
        except FileNotFoundError:
            if path != self.path:
                raise
        message = f"{self.name} is gone from Blast's store; `blast run --no-env` brings it back"
        raise ImportError(message, name=self.name, path=path)


def loaders() -> "list[tuple[str, type]]":
    """Return suffix and loader of every kind of module that this interpreter loads, in its own order."""
    kinds: list[tuple[type, Sequence[str]]] = [
        (ExtensionFileLoader, _imp.extension_suffixes()),
        (StoreLoader, SOURCE_SUFFIXES),
        (SourcelessFileLoader, BYTECODE_SUFFIXES),
    ]
    return [(suffix, loader) for loader, suffixes in kinds for suffix in suffixes]


class MapFinder:
    """Finds top-level modules in a map. It is the path entry finder (PEP 302, PEP 451) of the map's own directory.

    Args:
        map: where modules lie.
        entry: the entry of `sys.path` that it answers for.
    """

    def __init__(self, map: ModuleMap, entry: str) -> None:  # noqa: A002 - the name of the thing
        self.map = map
        self.path = entry
        self._loaders = loaders()

    def __repr__(self) -> str:
        return f"MapFinder({self.map.path!r})"

    def find_spec(self, fullname: str, target: "ModuleType | None" = None) -> "ModuleSpec | None":  # noqa: ARG002
        """Return the spec of a module, or None; of a namespace package, one without loader that has its portions."""
        return self.make_spec(fullname, self.map.find(fullname.rpartition(".")[2]))

    def make_spec(self, fullname: str, places: "Sequence[Place]") -> "ModuleSpec | None":
        """Choose among places as `FileFinder` does within one directory: packages, files, portions."""
        if not places:
            return None
        found = self.choose(places)
        if found is None:
            portions = _directories(places)
            if not portions:
                return None
            spec = ModuleSpec(fullname, None)
            spec.submodule_search_locations = portions
            return spec
        place, loader = found
        is_package = place.kind == PACKAGE
        stem = "__init__" if is_package else fullname.rpartition(".")[2]
        origin = place.directory + _SEPARATOR + stem + place.suffix
        locations = _directories(places, first=place.directory) if is_package else None
        made = _source_loader(fullname, origin, locations) if loader is StoreLoader else loader(fullname, origin)
        return spec_from_file_location(fullname, origin, loader=made, submodule_search_locations=locations)

    def choose(self, places: "Sequence[Place]") -> "tuple[Place, type] | None":
        """Return the place that a module is loaded from, and its loader; None if there are portions at most."""
        for kind in (PACKAGE, MODULE):
            candidates = [place for place in places if place.kind == kind]
            if candidates:
                for suffix, loader in self._loaders:
                    for place in candidates:
                        if place.suffix == suffix:
                            return place, loader
        return None

    def iter_modules(self, prefix: str = "") -> "Iterator[tuple[str, bool]]":
        """Yield (name, is a package) as `pkgutil.iter_modules` does for a directory: by file name, no namespaces."""
        found = []
        for name in self.map.names():
            if "." not in name and name != "__init__":
                chosen = self.choose(self.map.find(name))
                if chosen is not None:
                    is_package = chosen[0].kind == PACKAGE
                    found.append((name if is_package else name + chosen[0].suffix, name, is_package))
        for _, name, is_package in sorted(found):
            yield prefix + name, is_package

    def invalidate_caches(self) -> None:
        """Do nothing: a map never changes, another set of distributions has another one."""


class MergedDirectory:
    """Finds what is below a package whose content several distributions bring, where one directory won't do.

    Args:
        finder: of the map.
        package: the package's name.
        path: one of its directories.
    """

    def __init__(self, finder: MapFinder, package: str, path: str) -> None:
        self.path = path
        self._finder = finder
        self._package = package
        self._files = FileFinder(path, *_details())

    def __repr__(self) -> str:
        return f"MergedDirectory({self.path!r})"

    def find_spec(self, fullname: str, target: "ModuleType | None" = None) -> "ModuleSpec | None":
        """Return what the map decides, else what is in this directory."""
        places = self._places(fullname.rpartition(".")[2])
        if places:
            return self._finder.make_spec(fullname, places)
        return self._files.find_spec(fullname, target)

    def iter_modules(self, prefix: str = "") -> "Iterator[tuple[str, bool]]":
        """Yield (name, is a package) of what is in this directory; another one may decide which of the two it is."""
        from pkgutil import iter_importer_modules  # type: ignore[attr-defined]

        for name, is_package in iter_importer_modules(self._files):
            chosen = self._finder.choose(self._places(name))
            yield prefix + name, chosen[0].kind == PACKAGE if chosen else is_package

    def invalidate_caches(self) -> None:
        """Look at the directory anew."""
        self._files.invalidate_caches()

    def _places(self, name: str) -> "tuple[Place, ...]":
        return self._finder.map.find(f"{self._package}.{name}")


def _source_loader(fullname: str, origin: str, locations: "list[str] | None") -> StoreLoader:
    if locations is not None:
        if fullname.rpartition(".")[2] == "pkg_resources":
            from blast_runtime.working_set import WorkingSetLoader

            return WorkingSetLoader(fullname, origin)
        if len(locations) > 1:
            from blast_runtime.merged import MergedLoader

            return MergedLoader(fullname, origin, tuple(locations))
    return MappedLoader(fullname, origin)


def _details() -> "list[tuple[type, list[str]]]":
    details: dict[type, list[str]] = {}
    for suffix, loader in loaders():
        details.setdefault(loader, []).append(suffix)
    return list(details.items())


def _directories(places: "Iterable[Place]", first: str = "") -> "list[str]":
    found = [first] if first else []
    for place in places:
        if place.kind != MODULE and place.directory not in found:
            found.append(place.directory)
    return found


class hook_for:  # noqa: N801 - it is called as the functions in `sys.path_hooks` are
    """A path hook (PEP 302) for a map: its own entry, and every directory in the store.

    Args:
        finder: of the map.
    """

    def __init__(self, finder: MapFinder) -> None:
        self.finder = finder
        self._roots = finder.map.roots()
        self._details = _details()
        self._merged: dict[str, str] = {}
        for package in finder.map.merged():
            for directory in _directories(finder.map.find(package)):
                self._merged[directory] = package

    def __call__(self, path: str) -> "MapFinder | MergedDirectory | FileFinder":
        """Return the finder of an entry; raise ImportError for one that is not ours."""
        if path == self.finder.path:
            return self.finder
        if not isinstance(path, str):
            # An entry of bytes, which Python allows before 3.12.
            raise ImportError(path)  # noqa: TRY004 - what a hook has to raise
        package = self._merged.get(path)
        if package is not None:
            return MergedDirectory(self.finder, package, path)
        if path.startswith(self._roots) and _is_directory(path):
            return FileFinder(path, *self._details)
        raise ImportError(path)

    def __repr__(self) -> str:
        return f"hook_for({self.finder!r})"


def _is_directory(path: str) -> bool:
    # As FileFinder.path_hook does; a zip file in the store is zipimport's.
    from os.path import isdir

    return isdir(path)


class MappedDistributionFinder:
    """Tells `importlib.metadata`, and packages that do the same, of the distributions of a map.

    Args:
        finder: of the map.
    """

    def __init__(self, finder: MapFinder) -> None:
        self.finder = finder

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Find no module: the entry of `sys.path` does."""

    def find_distributions(self, context: "DistributionFinder.Context | None" = None) -> "Iterable[Distribution]":
        """Return the distributions that ``context`` asks for, where the map's entry is on its path."""
        from blast_runtime.distributions import find_distributions

        return find_distributions(self.finder, context)

    def invalidate_caches(self) -> None:
        """Do nothing, as `MapFinder` does."""
