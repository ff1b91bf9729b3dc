"""Resources of packages in memory (``importlib.resources``), of all versions of that interface.

`files` gives ordinary paths: what reads them does so through `blast_runtime.memory.files`. Where a path has to lead
somewhere for the system too (``as_file``, ``path``), it is one among descriptors.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import IO

__all__ = ["MemoryReader"]


class MemoryReader:
    """Reads what lies beside a package's ``__init__``."""

    def __init__(self, path: str) -> None:
        self._directory = os.path.dirname(path)

    def files(self) -> Path:
        """Return the package's directory."""
        from pathlib import Path

        return Path(self._directory)

    def open_resource(self, resource: str) -> IO[bytes]:
        """Open a resource."""
        return open(self._path(resource), "rb")

    def resource_path(self, resource: str) -> str:
        """Return a path by which the system, too, can open a resource."""
        from blast_runtime.memory.files import real_path

        return real_path(self._path(resource))

    def is_resource(self, path: str) -> bool:
        """Tell whether a name is that of a file."""
        return os.path.isfile(self._path(path))

    def contents(self) -> Iterator[str]:
        """Yield the names beside the package."""
        return iter(os.listdir(self._directory))

    def _path(self, name: str) -> str:
        return os.path.join(self._directory, name)
