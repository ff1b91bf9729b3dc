"""Makes a running interpreter import from a module map: what the path file of a view calls when Python starts."""

import os
import sys

from blast_runtime.finder import MapFinder, MappedDistributionFinder, hook_for
from blast_runtime.modmap import ModuleMap

__all__ = ["activate", "active"]

_active: "dict[str, MapFinder]" = {}


def activate(path: str, entry: str = "") -> MapFinder:
    """Put a directory on `sys.path`, if it isn't there, and let a map answer for it.

    Imports, `importlib.metadata`, `importlib.resources`, `pkgutil` and `runpy` then work as if everything in the map
    were installed in that directory; its ``.pth`` files are executed as `site` does. To activate a map again changes
    nothing; to activate another one for the same directory puts it in the first one's place.

    Args:
        path: absolute, of the map.
        entry: absolute path of the directory that stands for site-packages, which nothing is imported from any more;
            empty for the map's own. In a line of a path file, `sitedir` is the name for the directory of that file.

    Raises:
        MapError: the map is damaged, or of a newer Blast. Nothing was changed.
        OSError: it can't be read. Nothing was changed.

    Cost: one file read; a file more for each ``.pth``.
    """
    entry = entry or os.path.dirname(path)
    known = _active.get(entry)
    if known is not None and known.map.path == path:
        return known
    finder = MapFinder(ModuleMap(path), entry)
    hook = hook_for(finder)
    sys.path_hooks[:] = [one for one in sys.path_hooks if not (isinstance(one, hook_for) and one.finder is known)]
    sys.path_hooks.insert(0, hook)
    # What was asked before was answered by a finder of directories.
    roots = finder.map.roots()
    for cached in [one for one in sys.path_importer_cache if str(one).startswith(roots)]:
        del sys.path_importer_cache[cached]
    sys.path_importer_cache[entry] = finder
    # Behind PathFinder, so that distributions on the entries before it come first.
    sys.meta_path[:] = [
        one for one in sys.meta_path if not (isinstance(one, MappedDistributionFinder) and one.finder is known)
    ]
    sys.meta_path.append(MappedDistributionFinder(finder))
    _active[entry] = finder
    if entry not in sys.path:
        sys.path.append(entry)
    if known is not None:
        # Namespace packages that are imported look for their portions anew (from Python 3.12 on).
        from importlib import invalidate_caches

        invalidate_caches()
    _run_path_files(finder)
    return finder


def active() -> "tuple[MapFinder, ...]":
    """Return the finders of all maps that are active, in the order of their activation."""
    return tuple(_active.values())


def _run_path_files(finder: MapFinder) -> None:
    files = finder.map.path_files()
    if not files:
        return
    from site import addpackage

    known = {os.path.normcase(os.path.abspath(entry)) for entry in sys.path}
    for directory, name in files:
        # Lines of code look at `sitedir` in the frame above them, and relative paths are below it.
        addpackage(directory, name, known)
