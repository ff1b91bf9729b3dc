"""``Pipfile.lock``: by category pinned versions with markers and digests, without the names of files.

Spec: pipenv's documentation, "Pipfile.lock"; pipfile-spec 6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from blast_compat.locks.foreign import REGISTRY, ForeignFile, ForeignLock, ForeignPackage
from blast_compat.locks.foreign_parts import (
    check_address,
    check_path,
    open_json,
    read_digest,
    read_marker,
    read_version,
)
from blast_compat.locks.lock_tables import LockTable
from blast_core.formats.dpl.model import LockedSource
from blast_core.names import is_valid_name, normalize_name

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["read_pipfile_lock"]

_HINT = "'pipenv lock' makes it anew"
_OWN = "_meta"


def read_pipfile_lock(content: bytes, file: str) -> ForeignLock:
    """Return what a ``Pipfile.lock`` says; its category ``develop`` is the group ``dev``.

    Args:
        content: of the lock.
        file: its path, for messages.

    Raises:
        FormatError: it is none, or of a version that is not known here; names the line or the field.
    """
    document = open_json(content, file, _HINT)
    meta = document.table(_OWN)
    if meta.get("pipfile-spec", int, 0) != 6:
        raise meta.fault(meta.path("pipfile-spec"), meta.value("pipfile-spec"), "only 6 is known here")
    indexes = {row.text("name"): row.text("url") for row in meta.tables("sources")}
    requires = meta.table("requires")
    version = requires.text("python_full_version") or requires.text("python_version")
    packages: dict[tuple[str, str], ForeignPackage] = {}
    groups = ["default"]
    for category in document.keys():  # noqa: SIM118 - a table of ours
        if category == _OWN:
            continue
        group = "default" if category == "default" else f"group:{_group(document, category)}"
        groups.append(group)
        table = document.table(category)
        for key in table.keys():  # noqa: SIM118
            package = _package(table, key, group, indexes)
            other = packages.get((package.name, package.version))
            known = other.memberships if other is not None else ()
            packages[package.name, package.version] = package._replace(memberships=(*known, *package.memberships))
    return ForeignLock(
        tool="pipenv",
        file=file,
        packages=tuple(packages.values()),
        groups=tuple(dict.fromkeys(groups)),
        defaults=("dev",),
        pythons=(f"=={version}" if version.count(".") > 1 else f"=={version}.*",) if version else (),
    )


def _group(document: LockTable, category: str) -> str:
    if category == "develop":
        return "dev"
    if not is_valid_name(category):
        raise document.fault(category, category, "it should be the name of a category")
    return normalize_name(category)


def _package(table: LockTable, key: str, group: str, indexes: Mapping[str, str]) -> ForeignPackage:
    if not is_valid_name(key):
        raise table.fault(table.path(key), key, "it should be the name of a project")
    row = table.table(key)
    pinned = row.text("version")
    version = ""
    # What its marker kept off the Python that locked is not pinned: whoever needs it is told when it is chosen.
    if pinned not in ("", "*"):
        if not pinned.startswith("=="):
            raise row.fault(row.path("version"), pinned, "it should be pinned by '=='")
        inner = LockTable({"version": pinned.lstrip("=").strip()}, row.where, row.fault)
        version = read_version(inner)
    digests = [read_digest(row, "hashes", text) for text in row.texts("hashes") if text.startswith("sha256:")]
    if row.has("hashes") and row.texts("hashes") and not digests:
        raise row.fault(row.path("hashes"), row.texts("hashes"), "one should be of sha256")
    source = _source(row, digests)
    return ForeignPackage(
        name=normalize_name(key),
        version=version,
        source=source,
        where=row.where,
        files=tuple(ForeignFile("", digest) for digest in digests) if source == REGISTRY else (),
        memberships=((group, read_marker(row, "markers")),),
        index=indexes.get(row.text("index"), ""),
    )


def _source(row: LockTable, digests: list[str]) -> LockedSource:
    below = row.text("subdirectory")
    if row.has("git"):
        commit = row.text("ref")
        if not commit or not commit.isalnum():
            raise row.fault(row.path("ref"), commit, "it should be a commit")
        return LockedSource("git", row.text("git").removeprefix("git+"), commit, below, "")
    if row.has("path"):
        path = check_path(row, "path", row.text("path"))
        return LockedSource("editable" if row.get("editable", bool, default=False) else "path", path, "", below, "")
    if row.has("file"):
        place = row.text("file")
        if not digests:
            raise row.fault(row.path("hashes"), place, "an archive needs its digest")
        if "://" in place and not place.startswith("file:"):
            return LockedSource("url", check_address(row, "file", place), "", below, digests[0])
        return LockedSource("path", check_path(row, "file", place.removeprefix("file://")), "", below, digests[0])
    return REGISTRY
