"""Helpers for tests of installing: a store of made wheels, the running interpreter as a value, what a tree shows."""

from __future__ import annotations

import os
import sys
import sysconfig
from typing import TYPE_CHECKING

from blast_core.interpreter import Interpreter, Target
from blast_pm.metadata.store import Database
from blast_pm.store.cache import GlobalCache
from blast_pm.testing import make_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from blast_pm.store.cache import StoredDistribution

__all__ = ["WheelStore", "running_interpreter", "seen_files"]


class WheelStore:
    """A store below ``directory``; a context manager.

    Attributes:
        home: BLAST_HOME of the store.
        cache: the store itself.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.home = os.path.join(directory, "home")
        self._wheels = os.path.join(directory, "wheels")
        os.makedirs(self._wheels)
        os.makedirs(self.home)
        self._database = Database(os.path.join(self.home, "store", "meta.lmdb"))
        self.cache = GlobalCache(self.home, self._database)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cache.close()
        self._database.close()

    def add(self, path: str) -> StoredDistribution:
        """Store a wheel."""
        return self.cache.add_wheel(path)

    def make(
        self,
        name: str,
        files: Mapping[str, str | bytes],
        *,
        version: str = "1.0",
        entry_points: str = "",
        tag: str = "py3-none-any",
    ) -> StoredDistribution:
        """Make a wheel of these files and store it; ``{data}`` in a path stands for its .data directory."""
        data = f"{name.replace('-', '_')}-{version}.data"
        content = {path.replace("{data}", data): _encode(body) for path, body in files.items()}
        directory = os.path.join(self._wheels, str(len(os.listdir(self._wheels))))
        os.makedirs(directory)
        return self.add(make_wheel(directory, name, version, files=content, entry_points=entry_points, tag=tag))


def _encode(body: str | bytes) -> bytes:
    return body.encode() if isinstance(body, str) else body


def running_interpreter() -> Interpreter:
    """Return the interpreter that runs the tests, as the probe would describe it."""
    version = ".".join(map(str, sys.version_info[:3]))
    minor = ".".join(map(str, sys.version_info[:2]))
    below = {"base": "", "platbase": "", "installed_base": "", "installed_platbase": ""}
    return Interpreter(
        executable=os.path.realpath(sys._base_executable),  # type: ignore[attr-defined]  # noqa: SLF001
        version=version,
        implementation=sys.implementation.name,
        cache_tag=sys.implementation.cache_tag or "",
        base_prefix=sys.base_prefix,
        site_packages=sysconfig.get_path("purelib", "venv", vars=below).strip("/"),
        scripts=sysconfig.get_path("scripts", "venv", vars=below).strip("/"),
        include=f"include/site/python{minor}",
        target=Target(f"here-py{minor}", version, {}, ()),
    )


def seen_files(root: str, *below: str) -> dict[str, bytes]:
    """Return what a program sees: content by path, links followed.

    Args:
        root: a directory.
        below: only these directories in it; all if none is named.
    """
    found = {}
    for top in below or ("",):
        for directory, _, names in os.walk(os.path.join(root, top), followlinks=True):
            for name in names:
                path = os.path.join(directory, name)
                with open(path, "rb") as file:
                    found[os.path.relpath(path, root)] = file.read()
    return found
