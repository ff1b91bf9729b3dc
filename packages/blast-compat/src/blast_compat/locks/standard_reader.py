"""``pylock.toml`` as any tool writes it (PEP 751): packages with markers about extras and groups, and their files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blast_compat.locks.foreign import ANY_GROUP, REGISTRY, ForeignFile, ForeignLock, ForeignPackage
from blast_compat.locks.foreign_parts import (
    check_address,
    check_path,
    file_name,
    open_toml,
    read_digest,
    read_marker,
    read_name,
    read_names,
    read_specifier,
    read_version,
)
from blast_core.formats.dpl.model import LockedSource

if TYPE_CHECKING:
    from blast_compat.locks.lock_tables import LockTable

__all__ = ["read_standard_lock"]

_HINT = "make it anew with the tool that wrote it"


def read_standard_lock(content: bytes, file: str) -> ForeignLock:
    """Return what a ``pylock.toml`` says.

    Args:
        content: of the lock.
        file: its path, for messages.

    Raises:
        FormatError: it is none, or of a version that is not known here; names the line or the field.

    Spec: PEP 751.
    """
    document = open_toml(content, file, _HINT)
    version = document.text("lock-version")
    if version.partition(".")[0] != "1":
        raise document.fault("lock-version", version, "only version 1 is known here")
    defaults = read_names(document, "default-groups")
    groups = dict.fromkeys((*defaults, *read_names(document, "dependency-groups")))
    extras = read_names(document, "extras")
    return ForeignLock(
        tool=document.text("created-by") or "the tool that wrote it",
        file=file,
        packages=tuple(map(_package, document.tables("packages"))),
        groups=("default", *(f"group:{name}" for name in groups), *(f"extra:{name}" for name in extras)),
        # A group that is no default here is one that a person may want all the same, as in all locks: dev.
        defaults=defaults or ("dev",),
        pythons=(read_specifier(document, "requires-python"),),
        environments=tuple(read_marker(document, "environments", text) for text in document.texts("environments")),
    )


def _package(table: LockTable) -> ForeignPackage:
    source = _source(table)
    rows = table.tables("wheels")
    if table.has("sdist"):
        rows.append(table.table("sdist"))
    if source == REGISTRY and not rows:
        raise table.fault(table.where, sorted(table.keys()), "it has neither files nor a source")
    requires = read_specifier(table, "requires-python")
    return ForeignPackage(
        name=read_name(table),
        version=read_version(table),
        source=source,
        where=table.where,
        files=tuple(map(_file, rows)) if source == REGISTRY else (),
        memberships=((ANY_GROUP, read_marker(table)),),
        pythons=(requires,) if requires else (),
        index=table.text("index"),
    )


def _source(table: LockTable) -> LockedSource:
    if table.has("vcs"):
        row = table.table("vcs")
        if row.text("type") != "git":
            raise row.fault(row.path("type"), row.text("type"), "only git is known here")
        commit = row.text("commit-id")
        if not commit or not commit.isalnum():
            raise row.fault(row.path("commit-id"), commit, "it should be a commit")
        return LockedSource("git", row.text("url") or row.text("path"), commit, row.text("subdirectory"), "")
    if table.has("directory"):
        row = table.table("directory")
        kind = "editable" if row.get("editable", bool, default=False) else "path"
        return LockedSource(kind, check_path(row, "path", row.text("path")), "", row.text("subdirectory"), "")
    if table.has("archive"):
        row = table.table("archive")
        digest, below = _digest(row), row.text("subdirectory")
        if row.has("url"):
            return LockedSource("url", check_address(row, "url", row.text("url")), "", below, digest)
        return LockedSource("path", check_path(row, "path", row.text("path")), "", below, digest)
    return REGISTRY


def _file(row: LockTable) -> ForeignFile:
    url, path = row.text("url"), row.text("path")
    key = "name" if row.has("name") else "url" if url else "path"
    name = file_name(row, key, row.text(key))
    if url:
        check_address(row, "url", url)
    elif path:
        check_path(row, "path", path)
    return ForeignFile(name, _digest(row), url, "" if url else path, row.get("size", int, 0))


def _digest(row: LockTable) -> str:
    hashes = row.table("hashes")
    text = hashes.text("sha256")
    if not text:
        raise row.fault(hashes.where, hashes.keys(), "there should be one of sha256; other kinds are not known here")
    return read_digest(hashes, "sha256", f"sha256:{text}")
