"""A project's page as a record: parsed once when it is fetched, read back by every later command.

Three rows in the database ``pages``, so that a warm command loads the first, which is small, and touches the others
only when it must:

    p <index> 0 <project>    marshalled: format, exists, page id, times, validators, base, number of versions
    v <index> 0 <project>    marshalled: format, page id, versions with keys, masks
    f <index> 0 <project>    the files, see `blast_pm.metadata.file_table`

Every mask is over versions in ascending order: bit i stands for ``table.texts[i]``.
"""

from __future__ import annotations

import marshal

from blast_core.errors import IndexAccessError
from blast_core.tuples import NamedTuple
from blast_core.version import VersionTable, prerelease_mask
from blast_pm.metadata.file_table import FileTable, encode_entries, encode_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, TypeVar

    from blast_pm.index.model import IndexFile
    from blast_pm.index.plain_pages import PlainPage
    from blast_pm.metadata.write_behind import WriteBehind

    _T = TypeVar("_T")
    _Pack = Callable[[], bytes]
    _Made = tuple[VersionTable, int, FileTable, _Pack]

__all__ = ["PageHead", "PageRecord", "Versions", "load_page", "make_page", "missing_page", "save_page"]

_FORMAT = 4


class Versions(NamedTuple):
    """The versions on a page.

    Attributes:
        table: normalised, ascending.
        yanked: versions of which all files are yanked.
        prerelease: versions that are pre-releases.
    """

    table: VersionTable
    yanked: int
    prerelease: int


_NO_VERSIONS = Versions(VersionTable((), ()), 0, 0)


class PageHead(NamedTuple):
    """What the first row holds; see `PageRecord`, and the number of versions."""

    exists: bool
    page_id: bytes
    fetched: int
    expires: int
    etag: str
    modified: str
    base: str
    size: int


class PageRecord:
    """What one index says about one project.

    Args:
        name: normalised name of the project.
        index: name of the index.
        head: what is small.
        files: per version.
        load: returns the versions; called when they are asked for first.

    Attributes:
        exists: False when the index doesn't know the project; then all else is empty.
        page_id: 8 bytes that change with the page's content.
        fetched: when the index was last asked, in seconds since 1970.
        expires: until when the answer counts as fresh.
        etag: validator for the next request, or "".
        modified: Last-Modified for the next request, or "".
        base: address that the files' addresses are below, ending in ``/``.
        head: all of these.
    """

    __slots__ = (
        "_load",
        "_versions",
        "base",
        "etag",
        "exists",
        "expires",
        "fetched",
        "files",
        "head",
        "index",
        "modified",
        "name",
        "page_id",
    )

    def __init__(self, name: str, index: str, head: PageHead, files: FileTable, load: Callable[[], Versions]) -> None:
        self.name = name
        self.index = index
        self.files = files
        self.head = head
        self._load = load
        self._versions: Versions | None = None
        exists, self.page_id, self.fetched, self.expires, self.etag, self.modified, self.base, _ = head
        self.exists: bool = exists

    @property
    def versions(self) -> Versions:
        """The versions on the page.

        Raises:
            IndexAccessError: another process replaced the page since this one read it.
        """
        found = self._versions
        if found is None:
            found = self._versions = self._load()
        return found

    @property
    def table(self) -> VersionTable:
        """All versions, ascending; see `versions`."""
        return self.versions.table

    @property
    def yanked(self) -> int:
        """The versions of which all files are yanked; see `versions`."""
        return self.versions.yanked

    @property
    def prerelease(self) -> int:
        """The versions that are pre-releases; see `versions`."""
        return self.versions.prerelease

    def renewed(self, fetched: int, expires: int, validators: tuple[str, str] | None = None) -> PageRecord:
        """Return the same page, asked for again: with new times, and ETag and Last-Modified where they are given."""
        etag, modified = validators or (self.etag, self.modified)
        head = self.head._replace(fetched=fetched, expires=expires, etag=etag, modified=modified)
        return PageRecord(self.name, self.index, head, self.files, lambda: self.versions)


def missing_page(name: str, index: str, fetched: int, expires: int) -> PageRecord:
    """Return the record of a project that the index doesn't know."""
    files = FileTable(bytes(8), 0, "", index, lambda _: None)
    head = PageHead(False, bytes(8), fetched, expires, "", "", "", 0)  # noqa: FBT003
    return PageRecord(name, index, head, files, lambda: _NO_VERSIONS)


def make_page(
    name: str,
    index: str,
    page_id: bytes,
    files: Iterable[IndexFile] | PlainPage,
    base: str,
    *,
    times: tuple[int, int],
    validators: tuple[str, str],
) -> tuple[PageRecord, Callable[[], bytes]]:
    """Group a page's files by version; return the record, and what returns the packed files.

    Files of other projects and files without a valid version are left out.

    Args:
        name: normalised name of the project.
        index: name of the index.
        page_id: 8 bytes of a digest of the page.
        files: as parsed, or as they stand on the page.
        base: see ``PageRecord``.
        times: fetched, expires.
        validators: ETag, Last-Modified.

    Cost: about 1 us a file.
    """
    # Who only reads what is stored needs neither.
    from blast_pm.index.plain_pages import PlainPage

    if isinstance(files, PlainPage):
        made = _make_plain(name, index, page_id, files, base)
        if made is None:
            made = _make_parsed(name, index, page_id, files.read(range(len(files.names))), base)
    else:
        made = _make_parsed(name, index, page_id, list(files), base)
    table, yanked, lazy, pack = made
    keys = table.keys
    versions_found = Versions(table, yanked, prerelease_mask(table))
    head = PageHead(True, page_id, *times, *validators, base, len(keys))  # noqa: FBT003
    return PageRecord(name, index, head, lazy, lambda: versions_found), pack


def _make_parsed(name: str, index: str, page_id: bytes, files: Sequence[IndexFile], base: str) -> _Made:
    from blast_pm.metadata.grouping import group_files

    table, releases = group_files([file.filename for file in files], name)
    versions = [[files[place] for place in release.places] for release in releases]
    yanked = 0
    for position, group in enumerate(versions):
        if all(file.yanked is not None for file in group):
            yanked |= 1 << position
    blob = encode_files(page_id, base, versions)
    lazy = FileTable(page_id, len(versions), base, index, lambda decode: decode(blob), versions)
    return table, yanked, lazy, lambda: blob


def _make_plain(name: str, index: str, page_id: bytes, page: PlainPage, base: str) -> _Made | None:
    """Return the same from entries; None if they can't be kept as they are."""
    from blast_pm.metadata.grouping import group_files

    table, releases = group_files(page.names, name)
    yanked = 0
    if any(page.yanked):
        for position, release in enumerate(releases):
            if all(page.yanked[place] for place in release.places):
                yanked |= 1 << position
    pythons = page.pythons
    outlines = [(tuple(release.tags), tuple([pythons[place] for place in release.places])) for release in releases]
    versions: list[list[Any]] = [[page.entries[place] for place in release.places] for release in releases]
    if page.is_text:
        from blast_pm.metadata.packed_text import PackedLater

        pack: _Pack = PackedLater(page_id, page.url, versions)
    else:
        page.drop_names()
        try:
            blob = encode_entries(page_id, page.url, versions)
        except ValueError:
            return None
        pack = lambda: blob  # noqa: E731 - as the other one is called
    lazy = FileTable(page_id, len(versions), base, index, lambda decode: decode(pack()), outlines=outlines)
    return table, yanked, lazy, pack


# Rows


def _key(kind: bytes, index_url: str, name: str) -> bytes:
    return b"%s%s\0%s" % (kind, index_url.encode(), name.encode())


def save_page(store: WriteBehind, index_url: str, record: PageRecord, pack: Callable[[], bytes] | None) -> None:
    """Keep a record; ``pack`` returns its files, and is None when versions and files are stored already."""
    if pack is not None:
        table, yanked, prerelease = record.versions
        versions = (_FORMAT, record.page_id, table.texts, table.keys, yanked, prerelease)
        key = _key(b"f", index_url, record.name)
        store.put("pages", key, pack())
        # All pages together are 50 MB for some projects.
        record.files.read_by(lambda decode: store.read("pages", key, decode))
        store.put("pages", _key(b"v", index_url, record.name), marshal.dumps(versions))
    store.put("pages", _key(b"p", index_url, record.name), marshal.dumps((_FORMAT, *record.head)))


def load_page(store: WriteBehind, index_url: str, index: str, name: str) -> PageRecord | None:
    """Return what is stored of a project's page, fresh or not; None for nothing, or for another format.

    Cost: some 5 us; the versions are read when they are asked for.
    """
    head = store.read("pages", _key(b"p", index_url, name), _decode_head)
    if head is None:
        return None
    page_id, base, count = head.page_id, head.base, head.size

    def read(kind: bytes, decode: Callable[[memoryview | bytes], _T]) -> _T | None:
        found = store.read("pages", _key(kind, index_url, name), decode)
        if found is None:
            # Another command replaced the page meanwhile, or a row is damaged: then the next one shall ask anew.
            store.put("pages", _key(b"p", index_url, name), b"")
        return found

    files = FileTable(page_id, count, base, index, lambda decode: read(b"f", decode))

    def load() -> Versions:
        if not count:
            return _NO_VERSIONS
        found = read(b"v", lambda value: _decode_versions(value, page_id))
        if found is None:
            raise IndexAccessError(
                f"the index's page of {name} changed while it was in use",
                reason="another command fetched it anew",
                hint="run the command again",
            )
        return found

    return PageRecord(name, index, head, files, load)


def _decode_head(value: memoryview | bytes) -> PageHead | None:
    try:
        fields = marshal.loads(value)  # noqa: S302 - this user's own database
    except (ValueError, EOFError, TypeError, MemoryError):
        return None
    if not isinstance(fields, tuple) or len(fields) != 9 or fields[0] != _FORMAT:
        return None
    return PageHead._make(fields[1:])


def _decode_versions(value: memoryview | bytes, page_id: bytes) -> Versions | None:
    try:
        fields = marshal.loads(value)  # noqa: S302 - this user's own database
    except (ValueError, EOFError, TypeError, MemoryError):
        return None
    if not isinstance(fields, tuple) or len(fields) != 6 or fields[:2] != (_FORMAT, page_id):
        return None
    return Versions(VersionTable(fields[2], fields[3]), fields[4], fields[5])
