"""``pdm.lock``: each package with its groups and a marker, or who needs whom.

The former where its strategy is ``inherit_metadata``, which is the default since PDM 2.11; in a lock without it what
the project itself asks for stands in its pyproject.toml alone.

Spec: PDM's documentation, "Lock file".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from blast_compat.locks.foreign import REGISTRY, ForeignFile, ForeignLock, ForeignNeed, ForeignPackage, need_of_line
from blast_compat.locks.foreign_parts import (
    check_address,
    check_path,
    list_in,
    open_toml,
    read_file,
    read_marker,
    read_name,
    read_names,
    read_requirement,
    read_specifier,
    read_version,
    table_in,
)
from blast_compat.locks.poetry_roots import is_buildable
from blast_core.errors import InvalidManifest
from blast_core.formats.dpl.model import LockedSource
from blast_core.names import normalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from blast_compat.locks.lock_tables import LockTable

__all__ = ["read_pdm_lock"]

_HINT = "'pdm lock' makes it anew"


def read_pdm_lock(content: bytes, file: str, manifest: Mapping[str, Any]) -> ForeignLock:
    """Return what a ``pdm.lock`` says.

    Args:
        content: of the lock.
        file: its path, for messages.
        manifest: what the pyproject.toml beside it says: which groups are extras, and what an old lock leaves out.

    Raises:
        FormatError: it is none, or of a version that is not known here; names the line or the field.
        InvalidManifest: the pyproject.toml asks for something in a form that is none.
    """
    document = open_toml(content, file, _HINT)
    metadata = document.table("metadata")
    version = metadata.text("lock_version")
    if version.partition(".")[0] != "4":
        raise metadata.fault("metadata.lock_version", version, "only version 4 is known here")
    extras = {normalize_name(name) for name in table_in(table_in(manifest, "project"), "optional-dependencies")}
    names = [normalize_name(name) for name in metadata.texts("groups")]
    groups = {name: f"extra:{name}" if name in extras else f"group:{name}" for name in names}
    groups["default"] = "default"
    tables = document.tables("package")
    packages = _merged([_package(table, groups) for table in tables])
    is_flat = any(package.memberships for package in packages) or not packages
    own = _own_package(manifest, file)
    if own is not None:
        packages.append(own)
    targets = [read_specifier(row, "requires_python") for row in metadata.tables("targets")]
    return ForeignLock(
        tool="pdm",
        file=file,
        packages=tuple(packages),
        groups=tuple(dict.fromkeys(["default", *(groups[name] for name in names)])),
        # PDM installs its groups for development unless it is told not to.
        defaults=tuple(name for name in names if groups[name].startswith("group:")),
        pythons=tuple(targets),
        roots=() if is_flat else tuple(_roots(manifest, own, file)),
    )


def _package(table: LockTable, groups: Mapping[str, str]) -> ForeignPackage:
    files = tuple(read_file(row) for row in table.tables("files"))
    marker = read_marker(table)
    needs = [read_requirement(table, "dependencies", line) for line in table.texts("dependencies")]
    name = read_name(table)
    own_extras = read_names(table, "extras")
    # The row of a package with extras needs the package itself, too.
    more = tuple(
        ForeignNeed(need.name, need.extras, need.marker, specifiers=(need.specifier,) if need.specifier else ())
        for need in needs
        if need.name != name
    )
    source = _source(table, files)
    requires = read_specifier(table, "requires_python")
    return ForeignPackage(
        name=name,
        version=read_version(table),
        source=source,
        where=table.where,
        files=files if source.kind == "registry" else (),
        memberships=tuple((groups.get(group, f"group:{group}"), marker) for group in read_names(table, "groups")),
        needs=() if own_extras else more,
        extras=tuple((extra, more) for extra in own_extras),
        markers=(marker,) if marker else (),
        pythons=(requires,) if requires else (),
    )


def _merged(packages: Sequence[ForeignPackage]) -> list[ForeignPackage]:
    """Put the rows of a package together: there is one more for each set of extras that somebody asks for."""
    found: dict[tuple[str, str, LockedSource], ForeignPackage] = {}
    for package in packages:
        key = (package.name, package.version, package.source)
        other = found.get(key)
        if other is None:
            found[key] = package
            continue
        found[key] = other._replace(
            files=other.files or package.files,
            memberships=tuple(dict.fromkeys((*other.memberships, *package.memberships))),
            needs=tuple(dict.fromkeys((*other.needs, *package.needs))),
            extras=(*other.extras, *package.extras),
            markers=() if not other.markers or not package.markers else (*other.markers, *package.markers),
        )
    return list(found.values())


def _source(table: LockTable, files: Sequence[ForeignFile]) -> LockedSource:
    below = table.text("subdirectory")
    if table.has("git"):
        commit = table.text("revision")
        if not commit or not commit.isalnum():
            raise table.fault(table.path("revision"), commit, "it should be a commit")
        url = table.text("git")
        if "://" not in url and "@" in url:
            # The short form of ssh, user@host:path.
            url = "ssh://" + url.replace(":", "/", 1)
        return LockedSource("git", url, commit, below, "")
    digest = next((file.sha256 for file in files if file.sha256), "")
    if table.has("url"):
        url = check_address(table, "url", table.text("url")).partition("#")[0]
        if not digest:
            raise table.fault(table.path("files"), url, "an archive needs its digest")
        return LockedSource("url", url, "", below, digest)
    if table.has("path"):
        path = check_path(table, "path", table.text("path"))
        is_archive = path.endswith((".whl", ".tar.gz", ".zip"))
        if is_archive and not digest:
            raise table.fault(table.path("files"), path, "an archive needs its digest")
        editable = table.get("editable", bool, default=False)
        return LockedSource("editable" if editable else "path", path, "", below, digest if is_archive else "")
    return REGISTRY


def _own_package(manifest: Mapping[str, Any], file: str) -> ForeignPackage | None:
    name = table_in(manifest, "project").get("name")
    said = table_in(table_in(manifest, "tool"), "pdm").get("distribution")
    if not isinstance(name, str) or said is False or not is_buildable(manifest):
        return None
    source = LockedSource("editable", ".", "", "", "")
    return ForeignPackage(normalize_name(name), "", source, file, memberships=(("default", ""),))


def _roots(manifest: Mapping[str, Any], own: ForeignPackage | None, file: str) -> Iterable[tuple[str, ForeignNeed]]:
    project = table_in(manifest, "project")
    if not project:
        raise InvalidManifest(
            f"{file} can't be used without its pyproject.toml",
            reason="a lock made without 'inherit_metadata' does not say what the project asks for",
            hint="put both into one directory, or lock with that strategy",
            file=file,
        )
    if own is not None:
        yield "default", ForeignNeed(own.name)
    optional = table_in(project, "optional-dependencies")
    lists = [("default", list_in(project, "dependencies"))]
    lists += [(f"extra:{normalize_name(extra)}", list_in(optional, extra)) for extra in optional]
    development = table_in(table_in(table_in(manifest, "tool"), "pdm"), "dev-dependencies")
    groups = {**development, **table_in(manifest, "dependency-groups")}
    lists += [(f"group:{normalize_name(group)}", list_in(groups, group)) for group in groups]
    for group, lines in lists:
        for line in lines:
            if isinstance(line, str) and not line.startswith("-e "):
                yield group, need_of_line(line)
