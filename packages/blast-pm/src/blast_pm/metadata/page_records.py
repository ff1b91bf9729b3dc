"""A project's page as a record: parsed once when it is fetched, read back by every later command.

Two rows in the database ``pages``, so that a warm command loads the small one and touches the large one only for the
versions that it chose:

    p <index> 0 <project>    marshalled: format, page id, times, validators, base, versions with keys, masks
    f <index> 0 <project>    the files, see `blast_pm.metadata.file_table`

Every mask is over versions in ascending order: bit i stands for ``table.texts[i]``.
"""

from __future__ import annotations

import marshal
from typing import NamedTuple

from blast_core.errors import InvalidVersion
from blast_core.names import normalize_name
from blast_core.version import VersionTable, normalize_version, prerelease_mask, version_key
from blast_pm.metadata.file_table import FileTable, encode_files
from blast_pm.metadata.sdists import sdist_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from blast_pm.index.model import IndexFile
    from blast_pm.metadata.write_behind import WriteBehind

__all__ = ["PageRecord", "load_page", "make_page", "missing_page", "save_page"]

_FORMAT = 1
_NO_VERSIONS = VersionTable((), ())


class PageRecord(NamedTuple):
    """What one index says about one project.

    Attributes:
        name: normalised name of the project.
        index: name of the index.
        exists: False when the index doesn't know the project; then all else is empty.
        page_id: 8 bytes that change with the page's content.
        fetched: when the index was last asked, in seconds since 1970.
        expires: until when the answer counts as fresh.
        etag: validator for the next request, or "".
        modified: Last-Modified for the next request, or "".
        base: address that the files' addresses are below, ending in ``/``.
        table: versions, normalised, ascending.
        yanked: versions of which all files are yanked.
        prerelease: versions that are pre-releases.
        files: per version.
    """

    name: str
    index: str  # type: ignore[assignment]  # shadows tuple.index, which nobody wants of a record
    exists: bool
    page_id: bytes
    fetched: int
    expires: int
    etag: str
    modified: str
    base: str
    table: VersionTable
    yanked: int
    prerelease: int
    files: FileTable


def missing_page(name: str, index: str, fetched: int, expires: int) -> PageRecord:
    """Return the record of a project that the index doesn't know."""
    files = FileTable(bytes(8), 0, "", index, lambda _: None)
    return PageRecord(name, index, False, bytes(8), fetched, expires, "", "", "", _NO_VERSIONS, 0, 0, files)  # noqa: FBT003


def make_page(
    name: str,
    index: str,
    page_id: bytes,
    files: Iterable[IndexFile],
    base: str,
    *,
    times: tuple[int, int],
    validators: tuple[str, str],
) -> tuple[PageRecord, bytes]:
    """Group a page's files by version; return the record and the packed files.

    Files of other projects and files without a valid version are left out.

    Args:
        name: normalised name of the project.
        index: name of the index.
        page_id: 8 bytes of a digest of the page.
        files: as parsed.
        base: see ``PageRecord``.
        times: fetched, expires.
        validators: ETag, Last-Modified.

    Cost: about 1.5 us a file.
    """
    groups = _group(files, name)
    keys = sorted(groups)
    table = VersionTable(tuple([groups[key][0] for key in keys]), tuple(keys))
    versions = [groups[key][1] for key in keys]
    yanked = 0
    for position, group in enumerate(versions):
        if all(file.yanked is not None for file in group):
            yanked |= 1 << position
    blob = encode_files(page_id, base, versions)
    lazy = FileTable(page_id, len(keys), base, index, lambda decode: decode(blob), versions)
    prerelease = prerelease_mask(table)
    record = PageRecord(name, index, True, page_id, *times, *validators, base, table, yanked, prerelease, lazy)  # noqa: FBT003
    return record, blob


def _group(files: Iterable[IndexFile], project: str) -> dict[bytes, tuple[str, list[IndexFile]]]:
    """Group by version key: the first spelling, normalised, and the files."""
    by_text: dict[str, list[IndexFile] | None] = {}
    groups: dict[bytes, tuple[str, list[IndexFile]]] = {}
    own_names: dict[str, bool] = {}
    for file in files:
        text = _version_of(file.filename, project, own_names)
        if text is None:
            continue
        if text not in by_text:
            by_text[text] = _group_for(text, groups)
        group = by_text[text]
        if group is not None:
            group.append(file)
    return groups


def _group_for(text: str, groups: dict[bytes, tuple[str, list[IndexFile]]]) -> list[IndexFile] | None:
    try:
        key = version_key(text)
    except InvalidVersion:
        return None
    found = groups.get(key)
    if found is None:
        found = groups[key] = (text if _is_normal(text) else normalize_version(text), [])
    return found[1]


def _is_normal(text: str) -> bool:
    """Tell whether a version is plainly written as `normalize_version` would: numbers without leading zeros."""
    for segment in text.split("."):
        if not segment.isdigit() or (segment[0] == "0" and len(segment) > 1):
            return False
    return text.isascii()


def _version_of(filename: str, project: str, own_names: dict[str, bool]) -> str | None:
    if not filename.endswith(".whl"):
        return sdist_version(filename, project)
    if filename.count("-") not in (4, 5):
        return None
    written, version, rest = filename.split("-", 2)
    own = own_names.get(written)
    if own is None:
        own = own_names[written] = normalize_name(written) == project
    return version if own and rest[0] != "-" else None


# Rows


def _key(kind: bytes, index_url: str, name: str) -> bytes:
    return b"%s%s\0%s" % (kind, index_url.encode(), name.encode())


def save_page(store: WriteBehind, index_url: str, record: PageRecord, blob: bytes | None) -> None:
    """Keep a record; ``blob`` is None when the files are stored already."""
    fields = (
        _FORMAT,
        record.exists,
        record.page_id,
        record.fetched,
        record.expires,
        record.etag,
        record.modified,
        record.base,
        record.table.texts,
        record.table.keys,
        record.yanked,
        record.prerelease,
    )
    if blob is not None:
        store.put("pages", _key(b"f", index_url, record.name), blob)
    store.put("pages", _key(b"p", index_url, record.name), marshal.dumps(fields))


def load_page(store: WriteBehind, index_url: str, index: str, name: str) -> PageRecord | None:
    """Return what is stored of a project's page, fresh or not; None for nothing, or for another format.

    Cost: some 15 us for a project of 100 versions.
    """
    fields = store.read("pages", _key(b"p", index_url, name), _decode)
    if fields is None:
        return None
    exists, page_id, fetched, expires, etag, modified, base, texts, keys, yanked, prerelease = fields[1:]
    files_key = _key(b"f", index_url, name)
    files = FileTable(page_id, len(keys), base, index, lambda decode: store.read("pages", files_key, decode))
    return PageRecord(
        name,
        index,
        exists,
        page_id,
        fetched,
        expires,
        etag,
        modified,
        base,
        VersionTable(texts, keys),
        yanked,
        prerelease,
        files,
    )


_Fields = tuple[int, bool, bytes, int, int, str, str, str, tuple[str, ...], tuple[bytes, ...], int, int]


def _decode(value: memoryview | bytes) -> _Fields | None:
    try:
        fields = marshal.loads(value)  # noqa: S302 - this user's own database
    except (ValueError, EOFError, TypeError):
        return None
    return fields if isinstance(fields, tuple) and len(fields) == 12 and fields[0] == _FORMAT else None
