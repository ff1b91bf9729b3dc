"""What a manifest may ask for and Blast does not do yet: refused, because to pass it over would change the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blast_core.errors import InvalidManifest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_project.project import GroupRequirement, Project

__all__ = ["check_supported"]

# Settings of [tool.blast] that decide what is locked, and that nothing acts on.
_SETTINGS = ("targets",)


def check_supported(project: Project, rows: Sequence[GroupRequirement]) -> None:
    """Refuse a manifest whose lock would hold something else than it asks for.

    Raises:
        InvalidManifest: it has such a setting.
    """
    del rows
    path = project.manifest.path
    for key in _SETTINGS:
        if key in project.manifest.tool:
            raise InvalidManifest(
                f"{path}: tool.blast.{key} can't be used yet",
                reason="nothing acts on it, and to pass it over would change what is locked",
                hint="remove it",
            )
