"""What a manifest may ask for and Blast does not do yet: refused, because to pass it over would change the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blast_core.errors import InvalidManifest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_project.project import GroupRequirement, Project

__all__ = ["check_supported"]

# Settings of [tool.blast] that decide what is locked, and that nothing acts on.
_SETTINGS = ("exclude-newer", "resolution", "resolver", "targets")


def check_supported(project: Project, rows: Sequence[GroupRequirement]) -> None:
    """Refuse a manifest whose lock would hold something else than it asks for.

    A requirement that comes from a path, from git or from the workspace must not be taken from an index, where anybody
    may own its name.

    Raises:
        InvalidManifest: it has such a source or setting.
    """
    path = project.manifest.path
    for row in rows:
        for source in project.manifest.sources.get(row.requirement.name, ()):
            if "index" not in source:
                kind = next((kind for kind in ("git", "url", "path", "workspace") if kind in source), "other")
                raise InvalidManifest(
                    f"{path}: '{row.requirement.name}' has a source that can't be used yet: {kind}",
                    reason="taken from an index, it might be another project of the same name",
                    hint="remove the requirement, or its source if the project of that name on the index is meant",
                )
    for key in _SETTINGS:
        if key in project.manifest.tool:
            raise InvalidManifest(
                f"{path}: tool.blast.{key} can't be used yet",
                reason="nothing acts on it, and to pass it over would change what is locked",
                hint="remove it",
            )
