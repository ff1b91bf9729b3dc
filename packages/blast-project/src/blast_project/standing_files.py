"""The files of a version that stays as it is locked."""

from __future__ import annotations

from _collections_abc import Sequence  # collections.abc imports all of collections

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_core.formats.dpl.model import LockedFile
    from blast_core.formats.dpl.reader import DplEntry
    from blast_pm.index.client import PyPiClient
    from blast_pm.index.model import IndexFile
    from blast_project.lock_parts import Parts

__all__ = ["LockedFiles"]


class LockedFiles(Sequence["IndexFile"]):
    """The files of a locked version as an index lists them, decoded when one of them is looked at.

    What a lock doesn't say of single files, such as their Requires-Python, is the same for all.
    """

    def __init__(self, entries: list[DplEntry], client: PyPiClient, parts: Parts) -> None:
        self._entries = entries
        self._client = client
        self._parts = parts
        self._files: tuple[IndexFile, ...] | None = None

    def locked(self, targets: int) -> tuple[Sequence[LockedFile], str] | None:
        """Return files and Requires-Python of the entry for just these targets; None where there is none."""
        for entry in self._entries:
            if entry.target_mask == targets:
                kept = self._parts.files(entry.name, entry.version, targets)
                return kept if kept is not None else entry.files, entry.requires_python
        return None

    def _decoded(self) -> tuple[IndexFile, ...]:
        if self._files is None:
            rows: dict[str, tuple[LockedFile, str]] = {}
            for entry in self._entries:
                requires = entry.requires_python
                rows.update({file.filename: (file, requires) for file in entry.files})
            self._files = tuple([self._index_file(*row) for row in rows.values()])
        return self._files

    def _index_file(self, file: LockedFile, requires_python: str) -> IndexFile:
        from blast_pm.index.model import IndexFile

        url = self._client.url_of(file.index, file.path) if file.index else file.path
        return IndexFile(
            file.filename, url, file.sha256, file.size, requires_python, None, file.upload_time, None, file.index
        )

    def __len__(self) -> int:
        return len(self._decoded())

    def __iter__(self) -> Iterator[IndexFile]:
        return iter(self._decoded())

    def __getitem__(self, place: int) -> IndexFile:  # type: ignore[override]  # no slices: nobody asks
        return self._decoded()[place]
