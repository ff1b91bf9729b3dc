"""Packages whose content several distributions bring: their data files lie in several directories."""

from blast_runtime.finder import MappedLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["MergedLoader"]


class MergedLoader(MappedLoader):
    """Loads the `__init__` of such a package, and reads data of all its directories.

    Args:
        fullname: of the package.
        path: of its `__init__`.
        locations: its directories, that of the `__init__` first.
    """

    def __init__(self, fullname: str, path: str, locations: "tuple[str, ...]") -> None:
        super().__init__(fullname, path)
        self._locations = locations

    def get_data(self, path: str) -> bytes:
        """Return a file's content; one that is not beside the `__init__` is looked for in the other directories."""
        try:
            return super().get_data(path)
        except FileNotFoundError:
            first = self._locations[0]
            # Bytecode of another directory would be that of another source.
            if path.startswith(first) and "__pycache__" not in path[len(first) :]:
                for location in self._locations[1:]:
                    try:
                        return super().get_data(location + path[len(first) :])
                    except FileNotFoundError:
                        continue
            raise

    def get_resource_reader(self, name: "str | None" = None) -> "Any":
        """Return a reader of all directories; before Python 3.10, which has none, of the first one."""
        try:
            from importlib.readers import FileReader, MultiplexedPath
            from pathlib import Path
        except ImportError:
            return super().get_resource_reader(name)
        reader: Any = FileReader(self)
        several: Any = MultiplexedPath
        reader.path = several(*map(Path, self._locations))
        return reader
