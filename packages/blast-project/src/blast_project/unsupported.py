"""What a manifest may ask for and Blast does not do yet: refused, because to pass it over would change the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blast_core.errors import InvalidManifest, UsageError
from blast_core.requirements import parse_requirement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_core.requirements import Requirement
    from blast_project.project import GroupRequirement, Project

__all__ = ["check_supported", "parse_asked"]

# Settings of [tool.blast] that decide what is locked, and that nothing acts on.
_SETTINGS = ("targets",)


def check_supported(project: Project, rows: Sequence[GroupRequirement]) -> None:
    """Refuse a manifest whose lock would hold something else than it asks for.

    A requirement that comes from a path, from git or from the workspace must not be taken from an index, where anybody
    may own its name.

    Raises:
        InvalidManifest: it has such a source or setting.
    """
    path = project.manifest.path
    for row in rows:
        if row.requirement.url:
            raise InvalidManifest(
                f"{path}: '{row.requirement.name}' is required by an address, which can't be used yet",
                reason="only an index can be asked for it; an address names one file, tree or repository",
                hint=f"require a version of it instead, such as '{row.requirement.name}>=1'",
            )
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


def parse_asked(line: str) -> Requirement:
    """Parse a requirement as a person types it.

    Raises:
        UsageError: it is a path or an address, which can't be required yet.
        InvalidRequirement: it is not PEP 508.
    """
    text = line.strip()
    is_path = text.startswith((".", "/", "~", "-e ", "git+")) or text.endswith((".whl", ".tar.gz", ".zip"))
    requirement = None if is_path or "://" in text.partition("@")[0] else parse_requirement(text)
    if requirement is None or requirement.url:
        raise UsageError(
            f"'{text}' can't be required yet",
            reason="it is a path or an address, and only names on an index are understood",
            hint="name the project, such as 'flask' or 'flask>=3'",
        )
    return requirement
