"""The files of a project, version by version, packed so that a warm command decodes only those that it needs.

    offset  size     meaning
    0       8        page id: changes with the page
    8       4        count of versions, little-endian
    12      4 x n+1  where each version's rows begin, from the start of the blob; the last is the end
    …       …        per version: a tuple of rows, marshalled; or `r` and (address of the page, list of its entries);
                     or `z` and where its entries' text is, see `blast_pm.metadata.packed_text`

Entries are as they stand on the page, which is quicker to write and longer; see `blast_pm.index.plain_pages`.

A row is (file name or "" if the address ends in it, address below the base, sha256 as 32 bytes or b"", size,
Requires-Python, yanked, upload time, has metadata, sha256 of the metadata). ``marshal`` is read from this user's own
database only.
"""

from __future__ import annotations

import marshal
from _collections_abc import Callable, Iterable, Iterator, Sequence  # collections.abc imports all of collections
from struct import Struct

from blast_core.errors import IndexAccessError
from blast_pm.index.model import IndexFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from blast_pm.index.plain_pages import Entry
else:
    Protocol = object

__all__ = [
    "PAGE_ID_SIZE",
    "TEXT",
    "FileTable",
    "Kept",
    "Outline",
    "Reader",
    "ReleaseFiles",
    "ReleaseMemo",
    "encode_entries",
    "encode_files",
    "encode_release",
    "join_versions",
]

PAGE_ID_SIZE = 8
_U32 = Struct("<I")
_TWO_U32 = Struct("<2I")
_OFFSETS = PAGE_ID_SIZE + 4
# Of versions whose entries are kept as they came; to marshal it is a reference, with which nothing begins.
_RAW = b"r"
#: Of versions whose entries are kept as text.
TEXT = b"z"


#: Calls a decoder with the blob and returns what it returns, None without a blob.
Reader = Callable[[Callable[[memoryview | bytes], "bytes | None"]], "bytes | None"]
#: Of the files of one version: tags, "" for source distributions, and Requires-Python, "" for none.
Outline = tuple[tuple[str, ...], tuple[str, ...]]
_Row = tuple[str, str, bytes, int, str, str | None, str, bool | None, bytes]


def encode_files(page_id: bytes, base: str, versions: Sequence[Sequence[IndexFile]]) -> bytes:
    """Pack the files of all versions, in the versions' order."""
    return join_versions(page_id, [encode_release(files, base) for files in versions])


def encode_entries(page_id: bytes, url: str, versions: Sequence[list[Entry]]) -> bytes:
    """Pack entries of a page as they are, in the versions' order.

    Raises:
        ValueError: they are nested too deeply.
    """
    return join_versions(page_id, [_RAW + marshal.dumps((url, entries)) for entries in versions])


def join_versions(page_id: bytes, versions: Sequence[bytes], after: Iterable[bytes] = ()) -> bytes:
    """Return a blob of what is packed per version, and of what comes after all that."""
    start = _OFFSETS + 4 * (len(versions) + 1)
    offsets, blobs = [start], versions
    for blob in versions:
        offsets.append(offsets[-1] + len(blob))
    head = b"".join((page_id, _U32.pack(len(versions)), *(_U32.pack(offset) for offset in offsets)))
    return b"".join((head, *blobs, *after))


def encode_release(files: Sequence[IndexFile], base: str) -> bytes:
    """Pack the files of one version."""
    return marshal.dumps(tuple([_to_row(file, base) for file in files]))


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


class Kept(Protocol):
    """What can be kept beside files."""

    @property
    def is_new(self) -> bool:
        """Whether it holds something that `dump` didn't return before."""

    def dump(self) -> bytes:
        """Return it as bytes."""


class ReleaseMemo:
    """What was made of the files of one version, by a number that tells what for.

    Args:
        kept: of all versions of a project, by version and number.
        position: of the version.
    """

    __slots__ = ("_kept", "_position")

    def __init__(self, kept: dict[tuple[int, int], bytes | Kept], position: int) -> None:
        self._kept = kept
        self._position = position

    def recall(self, number: int) -> bytes | Kept | None:
        """Return what was kept, in this process or as bytes in an earlier one."""
        return self._kept.get((self._position, number))

    def keep(self, number: int, value: Kept) -> None:
        """Keep something; it is dumped when the command ends, if it is new by then."""
        self._kept[self._position, number] = value


class ReleaseFiles(Sequence[IndexFile]):
    """The files of one version, decoded when one of them is looked at.

    Args:
        packed: the rows, marshalled.
        base: what addresses are below.
        index: name of the index.
        memo: keeps what is made of the files, as long as the index's page stays as it is; None where nothing does.
        files: the same, where they are at hand.
    """

    __slots__ = ("_files", "base", "index", "memo", "packed")

    def __init__(
        self,
        packed: bytes,
        base: str,
        index: str,
        memo: ReleaseMemo | None = None,
        files: tuple[IndexFile, ...] | None = None,
    ) -> None:
        self.packed = packed
        self.memo = memo
        self.base = base
        self.index: str = index  # type: ignore[assignment]  # shadows Sequence.index, which nobody wants of files
        self._files = files

    def _decoded(self) -> tuple[IndexFile, ...]:
        files = self._files
        if files is None:
            rows: tuple[_Row, ...] = marshal.loads(self.packed)  # noqa: S302 - this user's own database
            files = self._files = tuple([_to_file(row, self.base, self.index) for row in rows])
        return files

    def __len__(self) -> int:
        return len(self._decoded())

    def __iter__(self) -> Iterator[IndexFile]:
        return iter(self._decoded())

    def __getitem__(self, place: int) -> IndexFile:  # type: ignore[override]  # no slices: nobody asks
        return self._decoded()[place]

    def __eq__(self, other: object) -> bool:
        return self._decoded() == (tuple(other) if isinstance(other, Sequence) else other)

    def __hash__(self) -> int:
        return hash(self._decoded())

    def __repr__(self) -> str:
        return repr(self._decoded())


class FileTable(Sequence[Sequence[IndexFile]]):
    """The files of each version of one project, read when asked for.

    Args:
        page_id: of the page that the versions were read from.
        count: of versions.
        base: what addresses are below.
        index: name of the index.
        read: decodes the blob where it lies, None when it isn't there; called once per access, so that a warm command
            touches the pages of the versions that it chose, not the whole blob.
        decoded: the files, where they were parsed just now.
        outlines: instead of these, where entries were packed as they are.
    """

    __slots__ = ("_count", "_decoded", "_likely", "_page_id", "_read", "base", "index", "outlines")

    def __init__(
        self,
        page_id: bytes,
        count: int,
        base: str,
        index: str,
        read: Reader,
        decoded: Sequence[Sequence[IndexFile]] | None = None,
        *,
        outlines: Sequence[Outline] | None = None,
    ) -> None:
        self.base = base
        #: What tells which versions are usable, until it is released; None where the files do.
        self.outlines = outlines
        self._likely: dict[int, tuple[IndexFile, ...]] = {}
        self.index: str = index  # type: ignore[assignment]  # as above
        self._decoded = decoded
        self._page_id = page_id
        self._count = count
        self._read = read

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, position: int) -> Sequence[IndexFile]:  # type: ignore[override]  # no slices: nobody asks
        """Return the files of one version.

        Raises:
            IndexError: no such version.
            IndexAccessError: another process replaced the page since this one read it.
        """
        files = self._made(position)
        return files if files is not None else ReleaseFiles(self._stored(position), self.base, self.index)

    def _made(self, position: int) -> tuple[IndexFile, ...] | None:
        """Return the files of a version unless they are packed: as they were parsed, or of the page's entries."""
        if position in self._likely:
            return self._likely[position]
        decoded = self._decoded  # another thread may release them
        if decoded is not None:
            return tuple(decoded[position])
        stored = self._stored(position)
        kind = stored[:1]
        if kind not in (_RAW, TEXT):
            return None
        from blast_pm.index.plain_pages import read_entries, read_text

        url, entries = marshal.loads(stored[1:])  # noqa: S302 - this user's own database
        read = read_entries if kind == _RAW else read_text
        return read(url, entries, self.index)

    def release(self, likely: Iterable[int] = ()) -> None:
        """Forget the files that were parsed just now: from here on they are decoded when they are asked for.

        Args:
            likely: positions of versions that will be; these stay, because reading one back reads all that is stored.
        """
        if self.outlines is not None:
            self._likely = {position: tuple(self[position]) for position in likely}
        self.outlines = self._decoded = None

    def read_by(self, read: Reader) -> None:
        """Read from somewhere else from here on, so that the blob need not stay in memory."""
        self._read = read

    def packed(self, position: int) -> bytes:
        """Return the packed files of one version; raises as when they are asked for."""
        return self.opened(position)[0]

    def opened(self, position: int) -> tuple[bytes, tuple[IndexFile, ...] | None]:
        """Return the packed files of one version, and the files if they had to be made for it; raises as `packed`."""
        files = self._made(position)
        return encode_release(files, self.base) if files is not None else self._stored(position), files

    def _stored(self, position: int) -> bytes:
        if position < 0:
            position += self._count
        if not 0 <= position < self._count:
            raise IndexError(position)
        found = self._read(lambda blob: self._find(blob, position))
        if found is None:
            raise IndexAccessError(
                "the index's page changed while it was in use",
                reason="another command fetched it anew",
                hint="run the command again",
            )
        return found

    def _find(self, blob: memoryview | bytes, position: int) -> bytes | None:
        """Return the rows of one version, None when the blob is of another page."""
        head = self._page_id + _U32.pack(self._count)
        if blob[: len(head)] != head:
            return None
        start, stop = _TWO_U32.unpack_from(blob, _OFFSETS + 4 * position)
        found = bytes(blob[start:stop])
        if found[:1] != TEXT:
            return found
        from blast_pm.metadata.packed_text import find_text

        return TEXT + marshal.dumps(find_text(blob, found[1:]))


def _to_file(row: _Row, base: str, index: str) -> IndexFile:
    name, url, sha256, size, requires_python, yanked, upload_time, has_metadata, metadata = row
    values = (
        name or url[url.rindex("/") + 1 :],
        url if "://" in url else base + url,
        sha256.hex(),
        size,
        requires_python,
        yanked,
        upload_time,
        has_metadata,
        index,
        metadata.hex(),
    )
    return tuple.__new__(IndexFile, values)
