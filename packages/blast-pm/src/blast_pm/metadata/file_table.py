"""The files of a project, version by version, packed so that a warm command decodes only those that it needs.

    offset  size     meaning
    0       8        page id: changes with the page
    8       4        count of versions, little-endian
    12      4 x n+1  where each version's rows begin, from the start of the blob; the last is the end
    …       …        per version: a tuple of rows, marshalled

A row is (file name or "" if the address ends in it, address below the base, sha256 as 32 bytes or b"", size,
Requires-Python, yanked, upload time, has metadata, sha256 of the metadata). ``marshal`` is read from this user's own
database only.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Sequence
from struct import Struct

from blast_core.errors import IndexAccessError
from blast_pm.index.model import IndexFile

__all__ = ["PAGE_ID_SIZE", "FileTable", "Reader", "encode_files"]

PAGE_ID_SIZE = 8
_U32 = Struct("<I")
_TWO_U32 = Struct("<2I")
_OFFSETS = PAGE_ID_SIZE + 4


#: Calls a decoder with the blob and returns what it returns, None without a blob.
Reader = Callable[[Callable[[memoryview | bytes], "tuple[_Row, ...] | None"]], "tuple[_Row, ...] | None"]
_Row = tuple[str, str, bytes, int, str, str | None, str, bool | None, bytes]


def encode_files(page_id: bytes, base: str, versions: Sequence[Sequence[IndexFile]]) -> bytes:
    """Pack the files of all versions, in the versions' order."""
    start = _OFFSETS + 4 * (len(versions) + 1)
    offsets, blobs = [start], []
    for files in versions:
        blob = marshal.dumps(tuple([_to_row(file, base) for file in files]))
        blobs.append(blob)
        offsets.append(offsets[-1] + len(blob))
    head = b"".join((page_id, _U32.pack(len(versions)), *(_U32.pack(offset) for offset in offsets)))
    return head + b"".join(blobs)


def _to_row(file: IndexFile, base: str) -> _Row:
    url = file.url
    if base and url.startswith(base) and "://" not in url[len(base) :]:
        url = url[len(base) :]
    return (
        "" if url.endswith(f"/{file.filename}") else file.filename,
        url,
        bytes.fromhex(file.sha256),
        file.size,
        file.requires_python,
        file.yanked,
        file.upload_time,
        file.has_metadata,
        bytes.fromhex(file.metadata_sha256),
    )


class FileTable(Sequence[tuple[IndexFile, ...]]):
    """The files of each version of one project, decoded when asked for.

    Args:
        page_id: of the page that the versions were read from.
        count: of versions.
        base: what addresses are below.
        index: name of the index.
        read: decodes the blob where it lies, None when it isn't there; called once per access, so that a warm command
            touches the pages of the versions that it chose, not the whole blob.
        decoded: the files, where they were parsed just now.
    """

    __slots__ = ("_base", "_count", "_decoded", "_index", "_page_id", "_read")

    def __init__(
        self,
        page_id: bytes,
        count: int,
        base: str,
        index: str,
        read: Reader,
        decoded: Sequence[Sequence[IndexFile]] | None = None,
    ) -> None:
        self._decoded = decoded
        self._page_id = page_id
        self._count = count
        self._base = base
        self._index = index
        self._read = read

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, position: int) -> tuple[IndexFile, ...]:  # type: ignore[override]  # no slices: nobody asks
        """Return the files of one version.

        Raises:
            IndexError: no such version.
            IndexAccessError: another process replaced the page since this one read it.
        """
        if position < 0:
            position += self._count
        if not 0 <= position < self._count:
            raise IndexError(position)
        if self._decoded is not None:
            return tuple(self._decoded[position])
        rows = self._read(lambda blob: self._decode(blob, position))
        if rows is None:
            raise IndexAccessError(
                "the index's page changed while it was in use",
                reason="another command fetched it anew",
                hint="run the command again",
            )
        return tuple([self._to_file(row) for row in rows])

    def _decode(self, blob: memoryview | bytes, position: int) -> tuple[_Row, ...] | None:
        """Return the rows of one version, None when the blob is of another page."""
        head = self._page_id + _U32.pack(self._count)
        if blob[: len(head)] != head:
            return None
        start, stop = _TWO_U32.unpack_from(blob, _OFFSETS + 4 * position)
        rows: tuple[_Row, ...] = marshal.loads(blob[start:stop])  # noqa: S302 - this user's own database
        return rows

    def _to_file(self, row: _Row) -> IndexFile:
        name, url, sha256, size, requires_python, yanked, upload_time, has_metadata, metadata = row
        values = (
            name or url[url.rindex("/") + 1 :],
            url if "://" in url else self._base + url,
            sha256.hex(),
            size,
            requires_python,
            yanked,
            upload_time,
            has_metadata,
            self._index,
            metadata.hex(),
        )
        return tuple.__new__(IndexFile, values)
