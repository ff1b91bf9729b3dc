"""Indexes on this machine: directories laid out as a simple repository, and flat ones full of distributions.

What isn't there offers nothing: pip's configurations name directories that exist on some machines only.
"""

from __future__ import annotations

import os

from blast_core.limits import INDEX_PAGE
from blast_core.names import normalize_name
from blast_pm.index.file_urls import path_of_url, url_of_path
from blast_pm.index.links import ENDINGS
from blast_pm.index.model import IndexFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from blast_pm.index.model import IndexLocation
    from blast_pm.metadata.write_behind import WriteBehind

__all__ = ["LocalIndex"]


class LocalIndex:
    """Reads one index on this machine.

    Args:
        location: with a ``file:`` address.
        store: where digests of files are remembered.
    """

    def __init__(self, location: IndexLocation, store: WriteBehind) -> None:
        self._location = location
        self._store = store
        self._root = path_of_url(location.url)
        self._listing: dict[str, list[str]] | None = None

    def files(self, name: str) -> list[IndexFile] | None:
        """Return the files that the index offers for a project, with digests; None when it offers none at all."""
        found = self._flat_files(name) if self._location.flat else self._simple_files(name)
        return None if found is None else [self._with_digest(file) for file in found]

    def _simple_files(self, name: str) -> list[IndexFile] | None:
        directory = os.path.join(self._root, name)
        page = os.path.join(directory, "index.html")
        if os.path.isfile(page):
            return self._parse(page)
        if not os.path.isdir(directory):
            return None
        return self._list_files(directory, os.listdir(directory))

    def _flat_files(self, name: str) -> list[IndexFile] | None:
        if os.path.isfile(self._root):
            return [file for file in self._parse(self._root) if name in _names_of(file.filename)] or None
        if self._listing is None:
            self._listing = {}
            for filename in _entries(self._root):
                for candidate in _names_of(filename):
                    self._listing.setdefault(candidate, []).append(filename)
        filenames = self._listing.get(name)
        return self._list_files(self._root, filenames) if filenames else None

    def _parse(self, page: str) -> list[IndexFile]:
        from blast_pm.index.html_pages import parse_html

        with open(page, "rb") as stream:
            text = stream.read(INDEX_PAGE).decode("utf-8", "replace")
        return parse_html(text, url_of_path(page), self._location.name)

    def _list_files(self, directory: str, filenames: Iterable[str]) -> list[IndexFile]:
        return [
            IndexFile(
                filename,
                url_of_path(os.path.join(directory, filename)),
                "",
                os.path.getsize(os.path.join(directory, filename)),
                "",
                None,
                "",
                None,
                self._location.name,
            )
            for filename in sorted(filenames)
            if filename.endswith(ENDINGS) and os.path.isfile(os.path.join(directory, filename))
        ]

    def _with_digest(self, file: IndexFile) -> IndexFile:
        """Locks and the store know files by their digest, so those on this machine get theirs here."""
        if file.sha256:
            return file
        path = path_of_url(file.url)
        try:
            status = os.stat(path)
        except OSError:
            return file
        stamp = f"{status.st_size}:{status.st_mtime_ns}:".encode()
        key = b"local\0" + os.fsencode(path)
        known = self._store.read("misc", key, bytes)
        if known is not None and known.startswith(stamp):
            return file._replace(sha256=known[len(stamp) :].hex(), size=status.st_size)
        digest = _sha256(path)
        self._store.put("misc", key, stamp + digest)
        return file._replace(sha256=digest.hex(), size=status.st_size)


def _sha256(path: str) -> bytes:
    import hashlib

    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def _entries(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _names_of(filename: str) -> set[str]:
    """Return the projects that a file may belong to: one for a wheel, one per ``-`` for a source distribution."""
    if not filename.endswith(ENDINGS):
        return set()
    if filename.endswith(".whl"):
        return {normalize_name(filename.partition("-")[0])}
    return {normalize_name(filename[:at]) for at, sign in enumerate(filename) if sign == "-"}
