"""`pkg_resources` of programs that run from a map: its working set has the map's distributions."""

import sys

from blast_runtime.finder import MapFinder, MappedLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType
    from typing import Any

__all__ = ["WorkingSetLoader"]


class WorkingSetLoader(MappedLoader):
    """Loads `pkg_resources`, and then tells it of the maps on `sys.path`."""

    def exec_module(self, module: "ModuleType") -> None:
        """Run the module; what `__main__.__requires__` asks for is looked at when the working set is complete."""
        main = sys.modules.get("__main__")
        requires = None if main is None else main.__dict__.pop("__requires__", None)
        try:
            super().exec_module(module)
        finally:
            if requires is not None:
                main.__requires__ = requires  # type: ignore[union-attr]
        _fill(module)
        if requires is not None:
            module.working_set.require(requires)


def _fill(module: "Any") -> None:
    def find(finder: MapFinder, path_item: str, only: bool = False) -> "Iterator[Any]":  # noqa: ARG001, FBT001, FBT002
        """Yield the distributions of one entry of `sys.path`."""
        for row in finder.map.distributions():
            metadata = module.PathMetadata(row.directory, f"{row.directory}/{row.dist_info}")
            yield module.Distribution.from_location(path_item, row.dist_info, metadata)

    module.register_finder(MapFinder, find)
    for entry in sys.path:
        if isinstance(sys.path_importer_cache.get(entry), MapFinder):
            for distribution in module.find_distributions(entry, True):  # noqa: FBT003 - as it calls it itself
                module.working_set.add(distribution, entry, False)  # noqa: FBT003
