"""What a pyproject.toml says, as one value; ``blast_compat.pyproject`` makes it."""

from __future__ import annotations

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from blast_compat.conflict_tables import ConflictItem

__all__ = ["Manifest"]

_NO_GROUPS: Mapping[str, tuple[str, ...]] = {}


class Manifest(NamedTuple):
    """What a pyproject.toml says.

    Attributes:
        path: of the file.
        name: as written; "" where there is no ``[project]``.
        version: as written; "" where it is dynamic or there is no ``[project]``.
        requires_python: a specifier set; "" for any.
        dependencies: requirements as written.
        optional_dependencies: requirements by normalised extra.
        groups: requirements by normalised dependency group, includes resolved.
        scripts: object reference by console command.
        gui_scripts: object reference by graphical command.
        entry_points: names and object references by entry point group.
        build_system: the table ``[build-system]``, or None.
        tool: the table ``[tool.blast]``, and of ``[tool.uv]`` what `blast_compat.policy_tables` and
            `blast_compat.index_tables` take over.
        sources: by normalised name the tables, one or several with markers, that say where a requirement comes from:
            ``[tool.uv.sources]``, overridden by ``[tool.blast.sources]``.
        dynamic: fields that the build backend fills in.
        workspace: the table ``[tool.blast.workspace]``, else ``[tool.uv.workspace]``; None where there is none.
        conflicts: sets of extras and groups that are never installed together, see `blast_compat.conflict_tables`.
        included_groups: by dependency group the groups that it includes directly, normalised.
    """

    path: str
    name: str
    version: str
    requires_python: str
    dependencies: tuple[str, ...]
    optional_dependencies: dict[str, tuple[str, ...]]
    groups: dict[str, tuple[str, ...]]
    scripts: dict[str, str]
    gui_scripts: dict[str, str]
    entry_points: dict[str, dict[str, str]]
    build_system: dict[str, Any] | None
    tool: dict[str, Any]
    sources: dict[str, tuple[dict[str, Any], ...]]
    dynamic: tuple[str, ...]
    workspace: dict[str, Any] | None = None
    conflicts: tuple[tuple[ConflictItem, ...], ...] = ()
    included_groups: Mapping[str, tuple[str, ...]] = _NO_GROUPS
