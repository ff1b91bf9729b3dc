"""The pages of the benchmark's index, as JSON, from what was recorded of the real one.

There are two views of the same files: *whole* lists every release that the real index has, *lean* only those that a
lock names.
"""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

from benchmarks.recording import release_of

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.recording import RecordedFile, Recording

__all__ = ["Index", "read_locked_releases"]


class Index:
    """What the server answers with.

    Args:
        recording: the answers of the real index.
        locked: the releases of the lean view, as normalised name and version.
    """

    def __init__(self, recording: Recording, locked: frozenset[tuple[str, str]] = frozenset()) -> None:
        self.recording = recording
        self._locked = locked
        self._pages: dict[tuple[str, str], bytes | None] = {}

    def preload(self) -> None:
        """Make the pages of all recorded projects, so that no measured request waits for it."""
        for name in self.recording.projects():
            self.page("simple", name)
            if self._locked:
                self.page("lean", name)

    def page(self, view: str, name: str) -> bytes | None:
        """Return a project's page, None if there is none.

        Args:
            view: ``simple`` for all releases, ``lean`` for the locked ones.
            name: normalised.
        """
        if (view, name) not in self._pages:
            files = self.recording.page(name)
            if files is not None and view == "lean":
                files = tuple(file for file in files if release_of(file.filename) in self._locked)
            self._pages[view, name] = _make_page(name, files) if files else None
        return self._pages[view, name]


def read_locked_releases(lock: Path) -> frozenset[tuple[str, str]]:
    """Return the releases that a uv.lock takes from a registry."""
    entries = tomllib.loads(lock.read_text(encoding="utf-8"))["package"]
    return frozenset((entry["name"], entry["version"]) for entry in entries if "registry" in entry["source"])


def _make_page(name: str, files: tuple[RecordedFile, ...]) -> bytes:
    versions = list(dict.fromkeys(release_of(file.filename)[1] for file in files))
    meta = {"api-version": "1.1"}
    return json.dumps({"meta": meta, "name": name, "versions": versions, "files": [*map(_make_entry, files)]}).encode()


def _make_entry(file: RecordedFile) -> dict[str, object]:
    entry: dict[str, object] = {
        "filename": file.filename,
        "url": f"../../files/{file.filename}",
        "hashes": {"sha256": file.sha256} if file.sha256 else {},
        "yanked": False,
        **file.entry,
    }
    if file.filename.endswith(".whl"):
        entry["core-metadata"] = True
    return entry
