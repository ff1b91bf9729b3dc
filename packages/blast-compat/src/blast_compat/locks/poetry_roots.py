"""What a project of Poetry's asks for itself: its pyproject.toml, read as far as an old lock needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blast_compat.locks.foreign import ForeignNeed, ForeignPackage, need_of_line
from blast_compat.locks.foreign_parts import list_in, table_in
from blast_compat.locks.poetry_constraints import marker_of_pythons, read_constraint
from blast_core.errors import BlastError, InvalidManifest
from blast_core.formats.dpl.model import LockedSource
from blast_core.markers import and_markers, normalize_marker
from blast_core.names import normalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

__all__ = ["is_buildable", "own_package", "poetry_groups", "poetry_roots"]


def poetry_groups(manifest: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return the dependency groups such as ``group:dev``, and the names of those that are installed unasked."""
    poetry = table_in(table_in(manifest, "tool"), "poetry")
    found = {normalize_name(str(name)): False for name in table_in(manifest, "dependency-groups")}
    if table_in(poetry, "dev-dependencies"):
        found["dev"] = False
    for name, table in table_in(poetry, "group").items():
        found[normalize_name(name)] = isinstance(table, dict) and table.get("optional") is True
    return [f"group:{name}" for name in found], [name for name, optional in found.items() if not optional]


def is_buildable(manifest: Mapping[str, Any]) -> bool:
    """Tell whether a manifest says how the project is built."""
    return isinstance(table_in(manifest, "build-system").get("build-backend"), str)


def own_package(manifest: Mapping[str, Any], packages: Sequence[ForeignPackage], file: str) -> ForeignPackage | None:
    """Return the project itself, which its lock does not hold; None where it is no package."""
    poetry = table_in(table_in(manifest, "tool"), "poetry")
    name = table_in(manifest, "project").get("name") or poetry.get("name")
    if not isinstance(name, str) or poetry.get("package-mode") is False or not is_buildable(manifest):
        return None
    name = normalize_name(name)
    if any(package.name == name for package in packages):
        return None
    source = LockedSource("editable", ".", "", "", "")
    return ForeignPackage(name, "", source, file, memberships=(("default", ""),))


def poetry_roots(
    manifest: Mapping[str, Any],
    packages: Sequence[ForeignPackage],
    extras: Mapping[str, Sequence[str]],
    file: str,
) -> Iterable[tuple[str, ForeignNeed]]:
    """Yield by group whom the project needs.

    Args:
        manifest: what pyproject.toml says; without any, all packages that are not optional are needed.
        packages: of the lock.
        extras: names by extra, as the lock has them.
        file: the lock's path, for messages.

    Raises:
        InvalidManifest: what is asked for stands there in a form that is none.
    """
    poetry = table_in(table_in(manifest, "tool"), "poetry")
    project = table_in(manifest, "project")
    if not poetry and not project:
        raise InvalidManifest(
            f"{file} can't be used without its pyproject.toml",
            reason="a lock of this version does not say what the project asks for",
            hint="put both into one directory, or lock with Poetry 2",
            file=file,
        )
    own = next((package for package in packages if package.source.location == "."), None)
    if own is not None:
        yield "default", ForeignNeed(own.name)
    yield from _standard_roots(project)
    tables = [("default", table_in(poetry, "dependencies")), ("group:dev", table_in(poetry, "dev-dependencies"))]
    groups = table_in(poetry, "group")
    tables += [(f"group:{normalize_name(name)}", table_in(table_in(groups, name), "dependencies")) for name in groups]
    for group, table in tables:
        for key, value in table.items():
            name = normalize_name(key)
            if name != "python":
                yield from _poetry_roots(
                    group, name, value, [extra for extra, names in extras.items() if name in names]
                )


def _standard_roots(project: Mapping[str, Any]) -> Iterable[tuple[str, ForeignNeed]]:
    """Yield what a ``[project]`` table asks for."""
    for line in list_in(project, "dependencies"):
        yield "default", need_of_line(str(line))
    optional = table_in(project, "optional-dependencies")
    for extra in optional:
        for line in list_in(optional, extra):
            yield f"extra:{normalize_name(extra)}", need_of_line(str(line))


def _poetry_roots(group: str, name: str, value: object, extras: Sequence[str]) -> Iterable[tuple[str, ForeignNeed]]:
    """Yield what one key of a table of Poetry's asks for: what is optional only for the extras that have it."""
    for need, is_optional in _of_value(name, value):
        if is_optional:
            yield from ((f"extra:{extra}", need) for extra in extras)
        else:
            yield group, need


def _of_value(name: str, value: object) -> Iterable[tuple[ForeignNeed, bool]]:
    """Yield the needs of one key of a table of dependencies, and whether each is optional."""
    for row in value if isinstance(value, list) else [value]:
        table = row if isinstance(row, dict) else {"version": row}
        try:
            marker = normalize_marker(str(table.get("markers", "")))
            if "python" in table:
                marker = and_markers(marker, normalize_marker(marker_of_pythons(str(table["python"]))))
            need = ForeignNeed(
                name,
                tuple(normalize_name(str(extra)) for extra in list_in(table, "extras")),
                marker,
                specifiers=read_constraint(str(table.get("version", "*"))),
            )
        except BlastError as error:
            raise InvalidManifest(
                f"pyproject.toml: '{name}' is asked for in a form that is none", reason=error.reason or error.message
            ) from error
        yield need, table.get("optional") is True
