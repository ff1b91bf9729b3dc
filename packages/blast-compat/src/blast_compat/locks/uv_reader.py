"""``uv.lock``: who needs whom, with the markers on the way; several versions of a package stand side by side.

Spec: uv's documentation calls the format its own business; this is what version 1 of it holds (uv 0.5 to 0.13).
Extras and groups that exclude each other stand in markers as ``extra == 'extra-4-demo-cpu'``: kind, length of the
package's name, name, extra.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit, urlunsplit

from blast_compat.locks.foreign import REGISTRY, ForeignLock, ForeignNeed, ForeignPackage
from blast_compat.locks.foreign_parts import (
    check_address,
    check_path,
    open_toml,
    read_digest,
    read_file,
    read_marker,
    read_name,
    read_names,
    read_specifier,
    read_version,
    table_in,
)
from blast_core.formats.dpl.model import LockedSource
from blast_core.names import normalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from blast_compat.locks.foreign import ForeignFile
    from blast_compat.locks.lock_tables import LockTable

__all__ = ["read_uv_lock"]

_HINT = "'uv lock' makes it anew"
_DIRECTORIES = {"editable": "editable", "directory": "path", "virtual": "path"}
# Of a directory that is no package: nothing is installed for it, only for what it needs.
_VIRTUAL = "virtual"


def read_uv_lock(content: bytes, file: str, manifest: Mapping[str, Any], directory: str = ".") -> ForeignLock:
    """Return what a ``uv.lock`` says.

    Args:
        content: of the lock.
        file: its path, for messages.
        manifest: what the pyproject.toml beside it says; its default groups count.
        directory: relative to the lock's, in or below that of the package of a workspace that is meant; where it is in
            none, and none is at the root, all count.

    Raises:
        FormatError: it is none, or of a version that is not known here; names the line or the field.
    """
    document = open_toml(content, file, _HINT)
    if document.get("version", int, 0) != 1:
        raise document.fault("version", document.value("version"), "only version 1 is known here")
    packages = tuple(_package(table) for table in document.tables("package"))
    tables = document.tables("package")
    roots = _find_roots(packages, set(read_names(document.table("manifest"), "members")), directory)
    rows = [row for number in roots for row in _roots(packages[number], tables[number])]
    rows += _manifest_roots(document.table("manifest"))
    groups = dict.fromkeys(["default", *(group for group, _, _ in rows)])
    return ForeignLock(
        tool="uv",
        file=file,
        packages=packages,
        groups=tuple(groups),
        defaults=_defaults(manifest),
        pythons=(read_specifier(document, "requires-python"),),
        roots=tuple((group, need) for group, need, _ in rows if need is not None),
        told=tuple((group, name) for group, _, name in rows if name),
    )


def _defaults(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    said = table_in(table_in(manifest, "tool"), "uv").get("default-groups", ["dev"])
    return (":all:",) if said == "all" else tuple(map(str, said)) if isinstance(said, list) else ("dev",)


def _find_roots(packages: Sequence[ForeignPackage], members: set[str], directory: str) -> list[int]:
    """Return the numbers of the packages that stand for the project."""
    local = [
        number
        for number, package in enumerate(packages)
        if package.source.kind in ("editable", "path")
        and not package.source.digest
        and (package.name in members if members else package.source.location == ".")
    ]
    around = [number for number in local if _is_in(directory, packages[number].source.location)]
    return [max(around, key=lambda number: len(packages[number].source.location))] if around else local


def _is_in(directory: str, location: str) -> bool:
    return location in {".", directory} or directory.startswith(f"{location}/")


def _roots(package: ForeignPackage, table: LockTable) -> Iterable[tuple[str, ForeignNeed | None, str]]:
    """Yield by group what a project of the lock needs, and the name by which markers know that it is chosen."""
    name = package.name

    def told(kind: str, what: str) -> str:
        return f"{kind}-{len(name)}-{name}-{what}"

    this = ForeignNeed(name, version=package.version, source=package.source_key)
    yield "default", this, f"project-{len(name)}-{name}"
    for extra in _extras(table):
        yield f"extra:{extra}", this._replace(extras=(extra,)), told("extra", extra)
    groups = table.table("dev-dependencies")
    for group in groups.keys():  # noqa: SIM118 - a table of ours
        for need in groups.tables(group):
            yield f"group:{normalize_name(group)}", _need(need), told("group", normalize_name(group))
    # A group without requirements can be chosen, too.
    for group in table.table("metadata").table("requires-dev").keys():  # noqa: SIM118
        if not groups.has(group):
            yield f"group:{normalize_name(group)}", None, told("group", normalize_name(group))


def _extras(table: LockTable) -> tuple[str, ...]:
    """Return the extras of a package of the lock, those too that need nothing."""
    names = table.table("optional-dependencies").keys()
    provided = table.table("metadata").texts("provides-extras")
    return tuple(dict.fromkeys(normalize_name(name) for name in (*names, *provided)))


def _manifest_roots(manifest: LockTable) -> Iterable[tuple[str, ForeignNeed, str]]:
    """Yield what a script, or a workspace without a project at its root, asks for."""
    for row in manifest.tables("requirements"):
        yield "default", _asked(row), ""
    groups = manifest.table("dependency-groups")
    for group in groups.keys():  # noqa: SIM118 - a table of ours
        for row in groups.tables(group):
            yield f"group:{normalize_name(group)}", _asked(row), ""


def _asked(row: LockTable) -> ForeignNeed:
    specifier = read_specifier(row, "specifier")
    extras = read_names(row, "extras")
    return ForeignNeed(read_name(row), extras, read_marker(row), specifiers=(specifier,) if specifier else ())


def _need(row: LockTable) -> ForeignNeed:
    source = row.value("source")
    return ForeignNeed(
        read_name(row),
        read_names(row, "extra"),
        read_marker(row),
        read_version(row),
        source=_key(source) if isinstance(source, dict) else None,
    )


def _package(table: LockTable) -> ForeignPackage:
    source = table.table("source")
    name = read_name(table)
    files = _files(table, source)
    registry = source.text("registry")
    optional = table.table("optional-dependencies")
    return ForeignPackage(
        name=name,
        version=read_version(table),
        source=_source(source, table),
        where=table.where,
        files=files if source.has("registry") else (),
        needs=tuple(map(_need, table.tables("dependencies"))),
        extras=tuple(
            (normalize_name(extra), tuple(map(_need, optional.tables(extra))))
            for extra in optional.keys()  # noqa: SIM118 - a table of ours
        ),
        markers=tuple(read_marker(table, "resolution-markers", text) for text in table.texts("resolution-markers")),
        index=registry if "://" in registry else "",
        source_key=_key(table.get("source", dict, {})),
    )


def _key(source: Mapping[str, object]) -> object:
    return tuple(sorted((key, str(value)) for key, value in source.items()))


def _files(table: LockTable, source: LockTable) -> tuple[ForeignFile, ...]:
    if not source.has("registry"):
        return ()
    registry = source.text("registry")
    base = "" if "://" in registry else registry
    rows = table.tables("wheels")
    if table.has("sdist"):
        rows.append(table.table("sdist"))
    return tuple(read_file(row, base=base) for row in rows)


def _source(source: LockTable, table: LockTable) -> LockedSource:
    below = source.text("subdirectory")
    if source.has("registry"):
        return REGISTRY
    if source.has("git"):
        return _git(source)
    for key, kind in _DIRECTORIES.items():
        if source.has(key):
            revision = _VIRTUAL if key == "virtual" else ""
            return LockedSource(kind, check_path(source, key, source.text(key)), revision, below, "")
    if source.has("url"):
        url = check_address(source, "url", source.text("url"))
        return LockedSource("url", url.partition("#")[0], "", below, _archive_digest(table))
    if source.has("path"):
        return LockedSource("path", check_path(source, "path", source.text("path")), "", below, _archive_digest(table))
    raise source.fault(table.path("source"), source.keys(), "no such source is known here")


def _archive_digest(table: LockTable) -> str:
    """Return the digest of an archive that is named by its address or path: it is the one file of its package."""
    rows = table.tables("wheels")
    row = rows[0] if rows else table.table("sdist")
    digest = read_digest(row, "hash", row.text("hash"))
    if not digest:
        raise table.fault(row.path("hash"), "", "an archive needs its digest")
    return digest


def _git(source: LockTable) -> LockedSource:
    text = source.text("git")
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise source.fault(source.path("git"), text, str(error)) from error
    commit = parts.fragment
    if not commit or not parts.scheme or not commit.isalnum():
        raise source.fault(source.path("git"), text, "it should be an address with '#' and the commit")
    below = parse_qs(parts.query).get("subdirectory", [""])[0]
    return LockedSource("git", urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")), commit, below, "")
