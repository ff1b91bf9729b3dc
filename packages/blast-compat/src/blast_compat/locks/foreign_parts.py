"""What the readers of other tools' locks have in common: documents, and the values that are checked alike in all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blast_compat.locks.foreign import ForeignFile
from blast_compat.locks.lock_tables import LockTable
from blast_core.errors import BlastError, FormatError, InvalidField
from blast_core.limits import MIB
from blast_core.markers import normalize_marker
from blast_core.names import is_valid_name, normalize_name
from blast_core.requirements import parse_requirement
from blast_core.version import check_specifier, version_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from blast_core.requirements import Requirement

__all__ = [
    "check_address",
    "check_path",
    "file_name",
    "list_in",
    "open_json",
    "open_toml",
    "read_digest",
    "read_file",
    "read_marker",
    "read_name",
    "read_names",
    "read_requirement",
    "read_specifier",
    "read_version",
    "table_in",
]

_CONFLICT_MARKS = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")
# The largest locks that people have take some 10 MB.
_LARGEST = 256 * MIB
_SCHEMES = ("https://", "http://", "file://")
_HEXADECIMAL = frozenset("0123456789abcdef")


def open_toml(content: bytes, file: str, hint: str) -> LockTable:
    """Return the document of a lock in TOML.

    Args:
        content: of the file.
        file: its path, for messages.
        hint: what to do about a lock that is wrong.

    Raises:
        FormatError: it is none; tells the line.
    """
    import tomllib

    text = _text(content, file, hint)
    try:
        return _document(tomllib.loads(text), file, hint)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        _refuse_conflicts(text, file, hint, error)
        raise FormatError("not TOML", file=file, reason=str(error), hint=hint) from error


def open_json(content: bytes, file: str, hint: str) -> LockTable:
    """Return the document of a lock in JSON; see `open_toml`.

    Raises:
        FormatError: it is none; tells the line.
    """
    import json

    text = _text(content, file, hint)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        _refuse_conflicts(text, file, hint, error)
        raise FormatError("not JSON", file=file, reason=str(error), hint=hint) from error
    if not isinstance(document, dict):
        raise FormatError("not a JSON object", file=file, hint=hint)
    return _document(document, file, hint)


def _text(content: bytes, file: str, hint: str) -> str:
    if len(content) > _LARGEST:
        raise FormatError("too large for a lock", file=file, reason=f"it has {len(content)} bytes", hint=hint)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FormatError(f"line {line} is not UTF-8", file=file, reason=str(error), hint=hint) from error


def _refuse_conflicts(text: str, file: str, hint: str, error: Exception) -> None:
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(_CONFLICT_MARKS):
            raise FormatError(f"line {number} is the mark of a merge conflict", file=file, hint=hint) from error


def _document(values: dict[str, object], file: str, hint: str) -> LockTable:
    def fault(field: str, value: object, reason: str) -> BlastError:
        return InvalidField("the lock is wrong", file=file, field=field, value=repr(value), reason=reason, hint=hint)

    return LockTable(values, "", fault)


def read_name(table: LockTable, key: str = "name") -> str:
    """Return the normalised name of a project."""
    name = table.text(key)
    if not is_valid_name(name):
        raise table.fault(table.path(key), name, "it should be the name of a project")
    return normalize_name(name)


def read_names(table: LockTable, key: str) -> tuple[str, ...]:
    """Return normalised names, of extras or groups; () where there are none."""
    for name in table.texts(key):
        if not is_valid_name(name):
            raise table.fault(table.path(key), name, "it should hold names")
    return tuple(normalize_name(name) for name in table.texts(key))


def read_version(table: LockTable, key: str = "version") -> str:
    """Return a version, "" when it is absent."""
    version = table.text(key)
    try:
        if version:
            version_key(version)
    except BlastError as error:
        raise table.fault(table.path(key), version, error.reason or error.message) from error
    return version


def read_marker(table: LockTable, key: str = "marker", text: str | None = None) -> str:
    """Return a marker in its one form, "" when it is absent; ``text`` is it where it doesn't stand there as such."""
    marker = table.text(key) if text is None else text
    try:
        return normalize_marker(marker) if marker.strip() else ""
    except BlastError as error:
        raise table.fault(table.path(key), marker, error.reason or error.message) from error


def read_specifier(table: LockTable, key: str) -> str:
    """Return a version specifier, "" when it is absent."""
    text = table.text(key)
    try:
        if text:
            check_specifier(text)
    except BlastError as error:
        raise table.fault(table.path(key), text, error.reason or error.message) from error
    return text


def read_requirement(table: LockTable, key: str, text: str) -> Requirement:
    """Return a requirement that stands at a key."""
    try:
        return parse_requirement(text)
    except BlastError as error:
        raise table.fault(table.path(key), text, error.reason or error.message) from error


def read_digest(table: LockTable, key: str, text: str) -> str:
    """Return the 64 digits of ``sha256:…``; "" for "".

    Raises:
        InvalidField: it is of another kind, or none.
    """
    if not text:
        return ""
    kind, _, digest = text.partition(":")
    digest = digest.strip().lower()
    if kind != "sha256" or len(digest) != 64 or not _HEXADECIMAL.issuperset(digest):
        reason = "it should be sha256: and 64 hexadecimal digits; other kinds prove too little or are not known here"
        raise table.fault(table.path(key), text, reason)
    return digest


def check_address(table: LockTable, key: str, url: str) -> str:
    """Return an address if it is one that is fetched."""
    if not url.startswith(_SCHEMES) or not url.isprintable() or " " in url:
        raise table.fault(table.path(key), url, "it should be an address that begins with https, http or file")
    return url


def check_path(table: LockTable, key: str, path: str) -> str:
    """Return the path of a file or a directory if it can be one."""
    if not path or "\0" in path or "://" in path:
        raise table.fault(table.path(key), path, "it should be a path")
    return path


def file_name(table: LockTable, key: str, place: str) -> str:
    """Return the file name at the end of an address or a path, or a file name itself."""
    from urllib.parse import unquote

    name = place.partition("#")[0].partition("?")[0].rpartition("/")[2] if "://" in place else place.rpartition("/")[2]
    name = unquote(name) if "://" in place else name
    if not name or "/" in name or "\\" in name or not name.isprintable() or name.startswith("."):
        raise table.fault(table.path(key), place, "it should end in the name of a file")
    return name


def read_file(table: LockTable, *, hash_key: str = "hash", base: str = "") -> ForeignFile:
    """Return a file that stands as a table of ``url``, ``path`` or ``filename``, with its hash and size.

    Args:
        table: of the file.
        hash_key: where its digest stands.
        base: directory that a path is relative to, itself relative to the lock's.
    """
    import posixpath

    key = next((key for key in ("url", "path", "filename", "file", "name") if table.has(key)), "url")
    place = table.text(key)
    name_key = next((one for one in ("filename", "name") if table.has(one)), key)
    filename = file_name(table, name_key, table.text(name_key))
    size = table.get("size", int, 0)
    if size < 0:
        raise table.fault(table.path("size"), size, "it should not be negative")
    digest = read_digest(table, hash_key, table.text(hash_key))
    if key == "url":
        return ForeignFile(filename, digest, check_address(table, key, place), "", size)
    if key == "path":
        return ForeignFile(filename, digest, "", posixpath.join(base, check_path(table, key, place)), size)
    return ForeignFile(filename, digest, "", "", size)


def table_in(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return a table of a manifest, empty where there is none: its own tool checks what stands there."""
    found = table.get(key)
    return found if isinstance(found, dict) else {}


def list_in(table: Mapping[str, Any], key: str) -> list[Any]:
    """Return an array of a manifest, empty where there is none."""
    found = table.get(key)
    return found if isinstance(found, list) else []
