"""``poetry.lock``, versions 1.0 to 2.1: since 2.1 with groups and markers of each package, before with who needs whom.

In an old one what the project itself asks for stands in its pyproject.toml alone.

Spec: Poetry's ``poetry.packages.locker``; there is no written one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from blast_compat.locks.foreign import REGISTRY, ForeignLock, ForeignNeed, ForeignPackage
from blast_compat.locks.foreign_parts import (
    check_address,
    check_path,
    open_toml,
    read_file,
    read_marker,
    read_name,
    read_names,
    read_version,
)
from blast_compat.locks.poetry_constraints import marker_of_pythons, read_constraint
from blast_compat.locks.poetry_roots import own_package, poetry_groups, poetry_roots
from blast_core.errors import BlastError
from blast_core.formats.dpl.model import LockedSource
from blast_core.markers import and_markers
from blast_core.names import normalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from blast_compat.locks.foreign import ForeignFile
    from blast_compat.locks.lock_tables import LockTable

__all__ = ["read_poetry_lock"]

_HINT = "'poetry lock' makes it anew"
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


def read_poetry_lock(content: bytes, file: str, manifest: Mapping[str, Any]) -> ForeignLock:
    """Return what a ``poetry.lock`` says.

    Args:
        content: of the lock.
        file: its path, for messages.
        manifest: what the pyproject.toml beside it says: groups, and for an old lock what the project asks for.

    Raises:
        FormatError: it is none, or of a version that is not known here; names the line or the field.
        InvalidManifest: the pyproject.toml asks for something in a form that is none.
    """
    document = open_toml(content, file, _HINT)
    metadata = document.table("metadata")
    version = metadata.text("lock-version") or "1.0"
    if version.partition(".")[0] not in ("1", "2"):
        raise metadata.fault("metadata.lock-version", version, "only versions 1 and 2 are known here")
    reader = _Reader(metadata.table("files"))
    packages = [reader.package(table) for table in document.tables("package")]
    own = own_package(manifest, packages, file)
    is_flat = any(package.memberships for package in packages) or not packages
    extras = document.table("extras")
    groups, defaults = poetry_groups(manifest)
    named = {group for package in packages for group, _ in package.memberships if group != "default"}
    known = dict.fromkeys(["default", *groups, *sorted(named)])
    known.update(dict.fromkeys(f"extra:{normalize_name(extra)}" for extra in extras.keys()))  # noqa: SIM118
    if own is not None:
        packages.append(own)
    asked = {normalize_name(extra): _names_of_lines(extras, extra) for extra in extras.keys()}  # noqa: SIM118
    return ForeignLock(
        tool="poetry",
        file=file,
        packages=tuple(packages),
        groups=tuple(known),
        # Without a word about them groups are installed, unless they are optional.
        defaults=(*defaults, *sorted(name[6:] for name in named.difference(groups))),
        pythons=_constraint(metadata, "python-versions"),
        roots=() if is_flat else tuple(poetry_roots(manifest, packages, asked, file)),
    )


def _names_of_lines(table: LockTable, key: str) -> tuple[str, ...]:
    """Return the normalised names that lines such as ``pysocks (>=1.5)`` begin with."""
    found = []
    for line in table.texts(key):
        end = next((place for place, sign in enumerate(line) if sign not in _NAME), len(line))
        if end:
            found.append(normalize_name(line[:end]))
    return tuple(found)


class _Reader:
    def __init__(self, files: LockTable) -> None:
        self._files = files

    def package(self, table: LockTable) -> ForeignPackage:
        name = read_name(table)
        rows = table.tables("files")
        if not rows:
            # Before 1.5 they stood at the end, by name as it was written.
            rows = next((self._files.tables(key) for key in (table.text("name"), name) if self._files.has(key)), [])
        files = tuple(read_file(row) for row in rows)
        source = table.table("source")
        dependencies = table.table("dependencies")
        needs = {key: tuple(_needs(dependencies, key)) for key in dependencies.keys()}  # noqa: SIM118
        optional = {key for key in needs if _is_optional(dependencies.value(key))}
        by_name = {normalize_name(key): rows for key, rows in needs.items()}
        extras = table.table("extras")
        kind = source.text("type")
        return ForeignPackage(
            name=name,
            version=read_version(table),
            source=_source(source, files, develop=table.get("develop", bool, default=False)),
            where=table.where,
            files=files if kind in ("", "legacy") else (),
            memberships=tuple(_memberships(table)),
            needs=tuple(need for key, rows in needs.items() if key not in optional for need in rows),
            extras=tuple(
                (
                    normalize_name(extra),
                    tuple(need for one in _names_of_lines(extras, extra) for need in by_name.get(one, ())),
                )
                for extra in extras.keys()  # noqa: SIM118 - a table of ours
            ),
            pythons=_constraint(table, "python-versions"),
            index=source.text("url") if kind == "legacy" else "",
        )


def _memberships(table: LockTable) -> Iterable[tuple[str, str]]:
    markers = table.value("markers")
    by_group = table.table("markers") if isinstance(markers, dict) else None
    for group in table.texts("groups"):
        marker = read_marker(table, "markers") if by_group is None else read_marker(by_group, group)
        yield ("default" if group == "main" else f"group:{normalize_name(group)}"), marker


def _is_optional(value: object) -> bool:
    rows = value if isinstance(value, list) else [value]
    return all(isinstance(row, dict) and row.get("optional") is True for row in rows)


def _needs(dependencies: LockTable, key: str) -> Iterable[ForeignNeed]:
    value = dependencies.value(key)
    rows = value if isinstance(value, list) else [value]
    name = normalize_name(key)
    for row in rows:
        if isinstance(row, str):
            yield ForeignNeed(name, specifiers=_constraint(dependencies, key, row))
            continue
        if not isinstance(row, dict):
            raise dependencies.fault(dependencies.path(key), row, "it should be a version or a table")
        table = type(dependencies)(row, dependencies.path(key), dependencies.fault)
        marker = read_marker(table, "markers")
        if table.has("python"):
            marker = and_markers(marker, read_marker(table, "python", _marker_of(table, "python")))
        yield ForeignNeed(name, read_names(table, "extras"), marker, specifiers=_constraint(table, "version"))


def _marker_of(table: LockTable, key: str) -> str:
    """Return the marker of a constraint of Python versions that stands at a key."""
    text = table.text(key)
    try:
        return marker_of_pythons(text)
    except BlastError as error:
        raise table.fault(table.path(key), text, error.reason or error.message) from error


def _constraint(table: LockTable, key: str, text: str | None = None) -> tuple[str, ...]:
    constraint = table.text(key) if text is None else text
    try:
        return read_constraint(constraint)
    except BlastError as error:
        raise table.fault(table.path(key), constraint, error.reason or error.message) from error


def _source(source: LockTable, files: tuple[ForeignFile, ...], *, develop: bool) -> LockedSource:
    kind, place, below = source.text("type"), source.text("url"), source.text("subdirectory")
    if kind in ("", "legacy"):
        return REGISTRY
    if kind == "git":
        commit = source.text("resolved_reference")
        if not commit or not commit.isalnum():
            raise source.fault(source.path("resolved_reference"), commit, "it should be a commit")
        return LockedSource("git", place, commit, below, "")
    if kind == "directory":
        return LockedSource("editable" if develop else "path", check_path(source, "url", place), "", below, "")
    if kind not in ("url", "file"):
        raise source.fault(source.path("type"), kind, "no such source is known here")
    digest = next((file.sha256 for file in files if file.sha256), "")
    if not digest:
        raise source.fault(source.where, place, "an archive needs its digest")
    if kind == "url":
        return LockedSource("url", check_address(source, "url", place), "", below, digest)
    return LockedSource("path", check_path(source, "url", place), "", below, digest)
