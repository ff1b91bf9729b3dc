"""What a lock depends on beside the project's own manifest: the trees and archives of this machine that it names.

Only what a resolution reads of them counts, so that a member's new function, or its manifest in another order, leaves
the lock current. Paths are relative to the lock: nothing here differs between two checkouts.
"""

from __future__ import annotations

import os

from blast_pm.sources.address import is_archive, parse_address
from blast_project.requirement_sources import local_path
from blast_project.source_metadata import read_tree_manifest, static_record
from blast_project.sources import tree_base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from blast_core.requirements import Requirement
    from blast_pm.metadata.core_metadata import MetadataRecord
    from blast_project.project import Project

__all__ = ["local_inputs"]


def local_inputs(project: Project, requirements: Iterable[Requirement]) -> tuple[tuple[str, object], ...]:
    """Return, by path, what the project's requirements on this machine tell, and what those require in turn.

    Args:
        project: whose workspace counts.
        requirements: of all groups, sources applied.

    Cost: reads each manifest once.
    """
    found: dict[str, object] = {}
    pending = [row.url for row in requirements if row.url.startswith("file:")]
    while pending:
        url = pending.pop()
        address = parse_address(url)
        location = os.path.normpath(os.path.join(address.location, address.subdirectory)).replace(os.sep, "/")
        if location in found:
            continue
        path = local_path(address.location, project.root)
        if is_archive(path) and not os.path.isdir(path):
            found[location] = _archive(path)
            continue
        directory = os.path.join(path, address.subdirectory)
        told, record = _tree(project, location, directory)
        found[location] = told
        if record is not None:
            pending += [row.url for row in record.requirements if row.url.startswith("file:")]
    return tuple(sorted(found.items()))


def _archive(path: str) -> str:
    from blast_core.digests import sha256_file

    try:
        return sha256_file(path).hex()
    except OSError:
        # Whoever loads it says so.
        return "missing"


def _tree(project: Project, location: str, directory: str) -> tuple[object, MetadataRecord | None]:
    from blast_project.source_metadata import is_virtual

    member = project.workspace.member_in(location) if project.workspace is not None else None
    manifest = member.manifest if member is not None else read_tree_manifest(directory)
    base = tree_base(project.root, location, directory, project.workspace)
    record = static_record(manifest, base)
    if (
        record is None
        and manifest is not None
        and set(manifest.dynamic) & {"dependencies", "optional-dependencies"} == set()
    ):
        # A version that moves with every commit would make the lock stale with every commit.
        dynamic = tuple(name for name in manifest.dynamic if name not in ("version", "requires-python"))
        record = static_record(manifest._replace(dynamic=dynamic), base)
    if record is None:
        from blast_project.build_inputs import editable_inputs

        return editable_inputs(directory, {}).digest.hex(), None
    told = (record.name, record.version, record.requires_python, record.provides_extras)
    rows = sorted(tuple(row) for row in record.requirements)
    return (told, rows, is_virtual(directory, manifest)), record
