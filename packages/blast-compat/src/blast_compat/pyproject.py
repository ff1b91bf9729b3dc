"""Reading pyproject.toml: project metadata, dependency groups, and what ``[tool.blast]`` says.

Everything is checked here, once: whoever holds a ``Manifest`` holds legal names, requirements and specifiers. A mistake
is an ``InvalidManifest`` that names the file and, where it can be found, the line.

Spec: PEP 621 (project), PEP 735 (dependency-groups), PEP 518 (build-system), PEP 685 (extras' names).
"""

from __future__ import annotations

import os

from blast_compat.conflict_tables import read_conflicts
from blast_compat.group_tables import read_default_groups
from blast_compat.index_tables import read_index_tables
from blast_compat.manifest import Manifest
from blast_compat.manifest_edit import add_requirements, new_manifest, remove_requirements, set_source, set_version
from blast_compat.manifest_tables import Fault, check_keys, read_mapping, read_text, read_texts
from blast_compat.policy_tables import read_policy_tables
from blast_compat.settings_check import check_names, check_settings
from blast_compat.toml_lines import find_line
from blast_core.errors import InvalidManifest, InvalidRequirement, InvalidVersion
from blast_core.names import is_valid_name, normalize_name
from blast_core.requirements import parse_requirement
from blast_core.version import check_specifier, version_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


__all__ = [
    "Manifest",
    "add_requirements",
    "make_manifest",
    "new_manifest",
    "parse_manifest",
    "parse_toml",
    "read_manifest",
    "remove_requirements",
    "set_source",
    "set_version",
]

_DYNAMIC = frozenset(
    (
        "authors",
        "classifiers",
        "dependencies",
        "description",
        "entry-points",
        "gui-scripts",
        "import-names",
        "import-namespaces",
        "keywords",
        "license",
        "license-files",
        "maintainers",
        "optional-dependencies",
        "readme",
        "requires-python",
        "scripts",
        "urls",
        "version",
    )
)
#: Deeper chains of included groups than any real project has; resolving them recurses.
_DEEPEST = 100
_SOURCE_KINDS = ("git", "url", "path", "workspace", "index")


def read_manifest(path: str) -> Manifest:
    """Read and check a pyproject.toml.

    Raises:
        InvalidManifest: it can't be read, is not TOML, or says something impossible.
    """
    path = os.fspath(path)
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise InvalidManifest(f"{path} can't be read", reason=error.strerror or str(error), file=path) from error
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidManifest(f"{path}:{line}: not UTF-8", reason=str(error), file=path, line=line) from error
    return parse_manifest(text, path)


def parse_manifest(text: str, path: str, settings: tuple[str, str] | None = None) -> Manifest:
    """Check the text of a pyproject.toml.

    Args:
        text: the document.
        path: where it stands, for the value and for error messages.
        settings: text and path of a ``blast.toml`` whose settings go before those of ``[tool.blast]``.

    Raises:
        InvalidManifest: one of them is not TOML, or says something impossible.
    """
    document = parse_toml(text, path)
    if settings is None:
        return make_manifest(document, path, text)
    own = parse_toml(*settings)
    _made({"tool": {"blast": own}}, settings[1], settings[0], skipped=2)
    make_manifest(document, path, text)
    tool = document.get("tool", {})
    merged = {**document, "tool": {**tool, "blast": {**tool.get("blast", {}), **own}}}
    return make_manifest(merged, path, text)


def parse_toml(text: str, path: str) -> dict[str, Any]:
    """Return what a TOML document says.

    Args:
        text: the document.
        path: where it stands, for error messages.

    Raises:
        InvalidManifest: it is not TOML.
    """
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        for number, row in enumerate(text.splitlines(), 1):
            if row.startswith(("<<<<<<< ", ">>>>>>> ")):
                raise InvalidManifest(
                    f"{path}:{number}: the mark of a merge conflict",
                    reason="two versions of the file stand in it",
                    hint="keep what you want of both, then run 'blast lock'",
                    file=path,
                    line=number,
                ) from error
        line = _line_of(str(error), text)
        raise InvalidManifest(f"{path}:{line}: not TOML", reason=str(error), file=path, line=line) from error
    except RecursionError as error:
        raise InvalidManifest(f"{path}: not TOML", reason="nested too deeply", file=path, line=0) from error


def _line_of(complaint: str, text: str) -> int:
    """Return the line that tomllib complains about: ``… (at line 3, column 7)`` or ``… (at end of document)``."""
    found = complaint.rpartition("at line ")[2].partition(",")[0]
    return int(found) if found.isdecimal() else len(text.splitlines())


def make_manifest(document: Mapping[str, Any], path: str, text: str = "") -> Manifest:
    """Check a pyproject.toml that was parsed before.

    Args:
        document: what tomllib gives.
        path: where it stands.
        text: the document's text, in which lines are looked up for error messages.

    Raises:
        InvalidManifest: it says something impossible.
    """
    return _made(document, path, text)


def _made(document: Mapping[str, Any], path: str, text: str, skipped: int = 0) -> Manifest:
    """Return the manifest; ``skipped`` is how many of the tables round the settings are not written in the text."""
    try:
        return _make(document, path)
    except Fault as fault:
        line = find_line(text, fault.keys[skipped:], fault.value)
        place = f"{path}:{line}" if line else path
        raise InvalidManifest(
            f"{place}: {fault.message}",
            reason=fault.reason,
            hint=fault.hint,
            file=path,
            line=line,
            field=".".join(fault.keys),
        ) from fault


def _make(document: Mapping[str, Any], path: str) -> Manifest:
    project = read_mapping(document, "project")
    tool = read_mapping(document, "tool")
    blast, uv = read_mapping(tool, "blast", ("tool",)), read_mapping(tool, "uv", ("tool",))
    check_names(blast)
    name, version, dynamic = _read_identity(project) if "project" in document else ("", "", ())
    requires_python = read_text(project, "requires-python", ("project",))
    _check(check_specifier, requires_python, ("project", "requires-python"))
    groups = _read_groups(document)
    # A file of settings says nothing of groups, and a workspace's root may mean those of its members.
    is_whole = "project" in document or "dependency-groups" in document
    is_alone = "workspace" not in blast and "workspace" not in uv
    defaults = read_default_groups(blast, uv, groups if is_whole and is_alone else None)
    manifest = Manifest(
        path=path,
        name=name,
        version=version,
        requires_python=requires_python,
        dependencies=_read_requirements(project, "dependencies", ("project",)),
        optional_dependencies=_read_extras(project),
        groups=groups,
        scripts=_read_scripts(project, "scripts"),
        gui_scripts=_read_scripts(project, "gui-scripts"),
        entry_points=_read_entry_points(project),
        build_system=_read_build_system(document),
        tool={**read_policy_tables(blast, uv), **read_index_tables(blast, uv), **defaults},
        sources={**_read_sources(uv, "uv"), **_read_sources(blast, "blast")},
        dynamic=dynamic,
        workspace=_read_workspace(blast, "blast") if "workspace" in blast else _read_workspace(uv, "uv"),
        conflicts=read_conflicts(blast, uv),
        included_groups=_read_includes(document),
    )
    # Last: who knows a setting better says better what is wrong with it.
    check_settings(blast)
    return manifest


def _read_identity(project: Mapping[str, Any]) -> tuple[str, str, tuple[str, ...]]:
    """Return name, version and dynamic fields of ``[project]``."""
    dynamic = read_texts(project, "dynamic", ("project",))
    for field in dynamic:
        if field not in _DYNAMIC:
            raise Fault(("project", "dynamic"), f"project.dynamic names {field!r}, which no backend fills in", field)
        if field in project:
            message = f"project.{field} is there and in project.dynamic"
            raise Fault(("project", field), message, hint="keep one of the two")
    name = read_text(project, "name", ("project",))
    if not is_valid_name(name):
        if not name:
            raise Fault(("project",), "project.name is missing", hint='add name = "…" to [project]')
        hint = "a name has ASCII letters, digits, '-', '_' and '.', and ends with a letter or digit"
        raise Fault(("project", "name"), f"project.name is {name!r}, which is no legal name", hint=hint)
    version = read_text(project, "version", ("project",))
    if version:
        _check(version_key, version, ("project", "version"))
    elif "version" not in dynamic:
        hint = 'add version = "0.1.0" to [project], or "version" to project.dynamic'
        raise Fault(("project",), "project.version is missing", hint=hint)
    return name, version, dynamic


def _check(check: Callable[[str], object], text: str, keys: tuple[str, ...], value: str = "") -> None:
    """Run a check of blast_core and say where its complaint belongs."""
    try:
        check(text)
    except (InvalidRequirement, InvalidVersion) as error:
        message = f"{'.'.join(keys)}: {error.message}"
        raise Fault(keys, message, value, reason=error.reason, hint=error.hint) from error


def _read_requirements(table: Mapping[str, Any], key: str, keys: tuple[str, ...]) -> tuple[str, ...]:
    lines = read_texts(table, key, keys)
    for line in lines:
        _check(parse_requirement, line, (*keys, key), line)
    return lines


def _normalized_keys(table: Mapping[str, Any], keys: tuple[str, ...], what: str) -> dict[str, str]:
    """Return the keys of ``table`` by their normalised names; two that are one name are a mistake."""
    found: dict[str, str] = {}
    for key in table:
        name = normalize_name(key)
        if not is_valid_name(key):
            raise Fault((*keys, key), f"{key!r} is no legal name of {what}")
        if name in found:
            raise Fault((*keys, key), f"{key!r} and {found[name]!r} are the same {what}", hint="merge the two")
        found[name] = key
    return found


def _read_extras(project: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    keys = ("project", "optional-dependencies")
    table = read_mapping(project, keys[1], keys[:1])
    return {
        name: _read_requirements(table, key, keys) for name, key in _normalized_keys(table, keys, "an extra").items()
    }


def _read_groups(document: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    table = read_mapping(document, "dependency-groups")
    names = _normalized_keys(table, ("dependency-groups",), "a dependency group")
    resolved: dict[str, tuple[str, ...]] = {}
    for name in names:
        _resolve_group(name, table, names, resolved, ())
    return {name: resolved[name] for name in names}


def _read_includes(document: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return what each dependency group includes; the table is known to be right."""
    found = {}
    for name, entries in read_mapping(document, "dependency-groups").items():
        included = [entry["include-group"] for entry in entries if isinstance(entry, dict)]
        if included:
            found[normalize_name(name)] = tuple(map(normalize_name, included))
    return found


def _resolve_group(
    name: str,
    table: Mapping[str, Any],
    names: Mapping[str, str],
    resolved: dict[str, tuple[str, ...]],
    path: tuple[str, ...],
) -> tuple[str, ...]:
    """Return a group's requirements, those of its includes in their place, as PEP 735's reference resolver does."""
    if name in resolved:
        return resolved[name]
    keys = ("dependency-groups", names[name])
    if name in path:
        circle = " -> ".join([*path[path.index(name) :], name])
        raise Fault(keys, "dependency groups include each other in a circle", reason=circle)
    if len(path) > _DEEPEST:
        raise Fault(keys, f"dependency groups include each other more than {_DEEPEST} deep")
    entries = table[names[name]]
    if not isinstance(entries, list):
        raise Fault(keys, f"{'.'.join(keys)} must be an array of requirements")
    found: list[str] = []
    for entry in entries:
        if isinstance(entry, str):
            _check(parse_requirement, entry, keys, entry)
            found.append(entry)
            continue
        included = _included(entry, keys)
        if normalize_name(included) not in names:
            reason = f"there is no group {included!r}"
            raise Fault(keys, f"{'.'.join(keys)} includes a group that does not exist", included, reason=reason)
        found += _resolve_group(normalize_name(included), table, names, resolved, (*path, name))
    resolved[name] = tuple(found)
    return resolved[name]


def _included(entry: object, keys: tuple[str, ...]) -> str:
    included = entry.get("include-group") if isinstance(entry, dict) and len(entry) == 1 else None
    if not isinstance(included, str):
        message = f"{'.'.join(keys)} holds something that is no requirement"
        raise Fault(keys, message, reason=f"found {entry!r}", hint='write a text or {include-group = "NAME"}')
    return included


def _read_scripts(project: Mapping[str, Any], key: str) -> dict[str, str]:
    table = read_mapping(project, key, ("project",))
    return {name: read_text(table, name, ("project", key)) for name in table}


def _read_entry_points(project: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    keys = ("project", "entry-points")
    table = read_mapping(project, keys[1], keys[:1])
    groups = {}
    for group in table:
        if group in {"console_scripts", "gui_scripts"}:
            better = "project.scripts" if group == "console_scripts" else "project.gui-scripts"
            raise Fault((*keys, group), f"project.entry-points.{group} is not allowed", hint=f"use {better}")
        names = read_mapping(table, group, keys)
        groups[group] = {name: read_text(names, name, (*keys, group)) for name in names}
    return groups


def _read_build_system(document: Mapping[str, Any]) -> dict[str, Any] | None:
    if "build-system" not in document:
        return None
    keys = ("build-system",)
    table = read_mapping(document, keys[0])
    if "requires" not in table:
        raise Fault(keys, "build-system.requires is missing", hint="name what the build needs: requires = [...]")
    _read_requirements(table, "requires", keys)
    read_text(table, "build-backend", keys)
    read_texts(table, "backend-path", keys)
    return table


def _read_sources(table: Mapping[str, Any], tool: str) -> dict[str, tuple[dict[str, Any], ...]]:
    keys = ("tool", tool, "sources")
    sources = read_mapping(table, "sources", keys[:2])
    return {
        name: _read_source(sources[key], (*keys, key))
        for name, key in _normalized_keys(sources, keys, "a requirement's name").items()
    }


def _read_workspace(table: Mapping[str, Any], tool: str) -> dict[str, Any] | None:
    return read_mapping(table, "workspace", ("tool", tool)) if "workspace" in table else None


def _read_source(value: object, keys: tuple[str, ...]) -> tuple[dict[str, Any], ...]:
    """Return the tables of one name: one, or an array of them that markers tell apart."""
    tables = value if isinstance(value, list) else [value]
    for table in tables:
        if not isinstance(table, dict):
            raise Fault(keys, f"{'.'.join(keys)} must be a table", reason=f"found {table!r}")
        kinds = [kind for kind in _SOURCE_KINDS if kind in table]
        if len(kinds) != 1:
            reason = f"it has {' and '.join(kinds) or 'none'}"
            raise Fault(keys, f"{'.'.join(keys)} must have one of {', '.join(_SOURCE_KINDS)}", reason=reason)
        check_keys(table, keys)
    return tuple(tables)
