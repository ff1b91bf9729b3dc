"""Distributions of a map, as `importlib.metadata` and its backports see them."""

import os
import sys

from blast_runtime.modmap import normalized

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import Distribution, DistributionFinder
    from types import ModuleType
    from typing import Any

    from blast_runtime.finder import MapFinder

__all__ = ["find_distributions"]

_classes: "dict[str, Any]" = {}


def find_distributions(finder: "MapFinder", context: "DistributionFinder.Context | None") -> "Iterator[Distribution]":
    """Return what ``context`` asks for, each once, as objects of the library that asks.

    Args:
        finder: of the map.
        context: with a name or None, and the path to search; None for everything.
    """
    path = sys.path if context is None else context.path
    if not any(str(entry) == finder.path for entry in path):
        return iter(())
    made = _class_for(context)
    name = None if context is None else context.name
    if name is None:
        return iter([made(row, finder.path) for row in finder.map.distributions()])
    row = finder.map.find_distribution(name)
    return iter([] if row is None else [made(row, finder.path)])


def _class_for(context: object) -> "Any":
    """Return the class of distributions that belongs to the library that made ``context``.

    `importlib_metadata` and what vendors it look at attributes that an older standard library doesn't have.
    """
    for kind in type(context).__mro__:
        module = sys.modules.get(kind.__module__)
        if hasattr(module, "PathDistribution") and hasattr(module, "DistributionFinder"):
            break
    else:
        import importlib.metadata as module
    assert module is not None
    found = _classes.get(module.__name__)
    if found is None or found.library is not module:
        found = _classes[module.__name__] = _make_class(module)
    return found


def _make_class(module: "ModuleType") -> "Any":  # noqa: C901 - one class, which has to be made for each library
    from pathlib import Path

    class MappedDistribution(module.PathDistribution):  # type: ignore[misc,name-defined]
        """A distribution in the store, with the files of .dist-info that this set of distributions adds."""

        library = module

        def __init__(self, row: "Any", entry: str) -> None:
            super().__init__(Path(f"{row.directory}{os.sep}{row.dist_info}"))
            self._row = row
            self._entry = entry
            self._own = row.texts()

        @property
        def _normalized_name(self) -> str:
            # The library would compute it from the directory's name, for each distribution that it meets.
            return str(self._row.key.replace("-", "_"))

        def read_text(self, filename: str) -> "str | None":
            """Return the text of a file in .dist-info, or None."""
            own = self._own.get(filename)
            if own is not None:
                return str(own, "utf-8")
            text: str | None = super().read_text(filename)
            if filename == "RECORD" and text is not None and (".data/" in text or ".pyc" in text or ".pyo" in text):
                return _as_installed(text, f"{self._row.dist_info[: -len('.dist-info')]}.data/")
            if filename == "INSTALLER" and text is None:
                return "blast"
            return text

        def locate_file(self, path: "str | os.PathLike[str]") -> "Path":
            """Return where a file of RECORD lies; one outside of site-packages, where the view has it."""
            text = os.fspath(path)
            if text.startswith(".."):
                return Path(self._entry, text)
            found = Path(self._row.directory, text)
            if not text or os.path.lexists(found):
                return found
            data = f"{self._row.dist_info[: -len('.dist-info')]}.data"
            for scheme in ("purelib", "platlib"):
                other = Path(self._row.directory, data, scheme, text)
                if os.path.lexists(other):
                    return other
            return found

    return MappedDistribution


def _as_installed(record: str, data: str) -> str:
    """Return a wheel's RECORD with the paths that an installer gives to what is in ``.data``, and without bytecode."""
    up = "../../" if sys.platform == "win32" else "../../../"
    scripts = "Scripts/" if sys.platform == "win32" else "bin/"
    places = {"purelib/": "", "platlib/": "", "scripts/": up + scripts, "data/": up}
    places["headers/"] = f"{up}include/site/python{sys.version_info[0]}.{sys.version_info[1]}/{_project(data)}/"
    lines = []
    for line in record.splitlines():
        quote, rest = (line[:1], line[1:]) if line.startswith('"') else ("", line)
        if rest.partition('"' if quote else ",")[0].endswith((".pyc", ".pyo")):
            # Not in the store: it may be stale.
            continue
        if rest.startswith(data):
            for scheme, place in places.items():
                if rest.startswith(scheme, len(data)):
                    lines.append(quote + place + rest[len(data) + len(scheme) :])
                    break
            continue
        lines.append(line)
    return "".join([line + "\n" for line in lines])


def _project(data: str) -> str:
    return normalized(data.partition("-")[0])
