"""Says what a Python sees of a site-packages: a program for any interpreter from 3.9 on, of the standard library.

    python -I -S testing_observer.py SITE > seen.json

What it prints holds no paths of this machine, so that two places with the same distributions must say the same.
Nothing of theirs is executed but path files: modules are found, not imported.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import pkgutil
import site
import sys
import types
from hashlib import sha256
from importlib.machinery import PathFinder
from typing import Any

__all__ = ["observe"]


def observe(directory: str) -> dict[str, Any]:
    """Return what is seen with ``directory`` as the only site-packages."""
    before = {*sys.path}
    site.addsitedir(directory)
    tops = sorted({*_stems([entry for entry in sys.path if entry not in before]), *_listed(directory)})
    modules: dict[str, Any] = {}
    for name in tops:
        _look(name, None, modules)
    return {
        "modules": modules,
        "tops": [[one.name, one.ispkg] for one in pkgutil.iter_modules([directory])],
        "path": len([entry for entry in sys.path if entry not in before]),
        "distributions": sorted(_distribution(one) for one in importlib.metadata.distributions(path=[directory])),
        "by_package": _by_package(directory),
    }


def _listed(directory: str) -> list[str]:
    # Where nothing lies in the directory, the finder of the entry tells more than its listing.
    finder: Any = pkgutil.get_importer(directory)
    table = getattr(finder, "map", None)
    return [] if table is None else [name for name in table.names() if "." not in name]


def _stems(directories: list[str]) -> set[str]:
    names = {name for directory in directories if os.path.isdir(directory) for name in os.listdir(directory)}
    return {name.partition(".")[0] for name in names} - {"__pycache__", ""}


def _look(name: str, path: Any, found: dict[str, Any]) -> None:
    spec = PathFinder.find_spec(name, path)
    if spec is None:
        return
    entry: dict[str, Any] = {"loader": _kind(spec.loader), "content": _digest(spec.origin)}
    found[name] = entry
    if spec.submodule_search_locations is None:
        return
    stand_in = types.ModuleType(name)
    stand_in.__path__ = spec.submodule_search_locations
    # The path of a namespace package is computed from that of its parent.
    known = sys.modules.get(name)
    sys.modules[name] = stand_in
    locations = list(spec.submodule_search_locations)
    names = {one for location in locations for one in os.listdir(location)} - {"__pycache__"}
    entry["files"] = sorted(names)
    # A name that several directories have is listed by each of them.
    entry["below"] = sorted({(one.name, one.ispkg) for one in pkgutil.iter_modules(locations)})
    for below in sorted({one.partition(".")[0] for one in names} - {"", "__init__"}):
        _look(f"{name}.{below}", spec.submodule_search_locations, found)
    if known is None:
        del sys.modules[name]
    else:
        sys.modules[name] = known


def _kind(loader: object) -> str:
    if loader is None or "Namespace" in type(loader).__name__:
        return "namespace"
    names = [kind.__name__ for kind in type(loader).__mro__]
    return next(name for name in names if name in {"SourceFileLoader", "SourcelessFileLoader", "ExtensionFileLoader"})


def _digest(path: str | None) -> str:
    if path is None or not os.path.isabs(path):
        return ""
    with open(path, "rb") as file:
        return sha256(file.read()).hexdigest()[:16]


def _distribution(one: Any) -> list[Any]:
    files = {str(file) for file in one.files or ()}
    return [
        one.metadata["Name"],
        one.version,
        sorted([point.group, point.name, point.value] for point in one.entry_points),
        sorted(one.requires or ()),
        # Bytecode and what an installer writes are in one RECORD and not in the other.
        sorted(name for name in files if ".dist-info/" not in name and not name.startswith("..")),
        sorted(name for name in files if not name.startswith("..") and not os.path.exists(one.locate_file(name))),
    ]


def _by_package(directory: str) -> dict[str, list[str]]:
    if not hasattr(importlib.metadata, "packages_distributions"):
        return {}
    paths, sys.path[:] = sys.path[:], [directory]
    try:
        return {name: sorted({*owners}) for name, owners in importlib.metadata.packages_distributions().items()}
    finally:
        sys.path[:] = paths


if __name__ == "__main__":
    json.dump(observe(sys.argv[1]), sys.stdout)
