"""What a source tree requires, built only where its files don't say it.

In this order: PKG-INFO of an archive whose fields are static (PEP 643), ``[project]`` with nothing dynamic that counts
(PEP 621), the metadata that the build backend tells, the wheel that it builds. Sources in the tree's own manifest count
wherever the tree comes from but an archive: what a release says is what its metadata says.
"""

from __future__ import annotations

import os

from blast_core.errors import InvalidManifest
from blast_core.names import normalize_name
from blast_pm.metadata.core_metadata import MetadataRecord, decode_metadata, encode_metadata, parse_metadata
from blast_project.building import build_key, tree_metadata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_compat.pyproject import Manifest
    from blast_core.interpreter import Interpreter
    from blast_core.requirements import Requirement
    from blast_project.requirement_sources import SourceBase
    from blast_project.session import Session

__all__ = ["built_record", "is_virtual", "read_tree_manifest", "static_pkg_info", "static_record", "with_sources"]

_COUNTED = frozenset(("version", "dependencies", "optional-dependencies", "requires-python"))
_PKG_INFO_FIELDS = frozenset(("requires-dist", "provides-extra", "requires-python", "version"))
_MEMO = "misc"


def read_tree_manifest(directory: str) -> Manifest | None:
    """Return the manifest of a source tree; None where it has none that can be read."""
    from blast_compat.pyproject import read_manifest

    try:
        return read_manifest(os.path.join(directory, "pyproject.toml"))
    except InvalidManifest:
        # The backend knows better, or says what is wrong.
        return None


def is_virtual(directory: str, manifest: Manifest | None) -> bool:
    """Tell whether a tree is no package, so that only its requirements are installed (as uv decides)."""
    if manifest is None or not manifest.name:
        return False
    said = manifest.tool.get("package")
    if isinstance(said, bool):
        return not said
    scripts = (os.path.lexists(os.path.join(directory, name)) for name in ("setup.py", "setup.cfg"))
    return manifest.build_system is None and not any(scripts)


def static_record(manifest: Manifest | None, base: SourceBase | None) -> MetadataRecord | None:
    """Return the metadata that a manifest alone tells; None where a build has to tell it.

    Args:
        manifest: of the tree.
        base: where it stands, for its sources; None if these don't count.
    """
    if manifest is None or not manifest.name or _COUNTED.intersection(manifest.dynamic):
        return None
    from blast_core.markers import and_markers
    from blast_core.requirements import parse_requirement

    requirements: list[Requirement] = []
    for line in manifest.dependencies:
        requirements += with_sources(parse_requirement(line), manifest, base)
    for extra, lines in manifest.optional_dependencies.items():
        for line in lines:
            for row in with_sources(parse_requirement(line), manifest, base, f"extra:{extra}"):
                requirements.append(row._replace(marker=and_markers(row.marker, f'extra == "{extra}"')))
    return MetadataRecord(
        "2.2",
        normalize_name(manifest.name),
        manifest.version,
        manifest.requires_python,
        tuple(manifest.optional_dependencies),
        tuple(requirements),
        (),
        bytes(32),
    )


def with_sources(
    requirement: Requirement, manifest: Manifest, base: SourceBase | None, group: str = "default"
) -> Sequence[Requirement]:
    """Return a requirement of a tree with the sources of the tree's manifest."""
    if base is None:
        return (requirement,)
    from blast_project.requirement_sources import apply_sources

    return apply_sources(requirement, manifest.sources, base, group)


def static_pkg_info(content: bytes, where: str) -> MetadataRecord | None:
    """Return the metadata of an archive's PKG-INFO; None where it can't be relied upon (PEP 643)."""
    record = parse_metadata(content, where)
    major, _, minor = record.metadata_version.partition(".")
    version = (int(major), int(minor)) if major.isdigit() and minor.isdigit() else (0, 0)
    return record if version >= (2, 2) and not _PKG_INFO_FIELDS.intersection(record.dynamic) else None


def built_record(
    session: Session,
    directory: str,
    interpreter: Interpreter,
    name: str,
    source: tuple[str, ...],
    manifest: Manifest | None,
    base: SourceBase | None,
) -> MetadataRecord:
    """Return the metadata that the build backend of a tree tells, remembered by what it was told from.

    Raises:
        BuildFailed: the backend failed.
        InvalidRequirement: the metadata holds a requirement that can't be read.
    """
    from blast_core.errors import InvalidRequirement

    key = b"metadata\0" + build_key(session, interpreter, name, *source)
    record = session.database.read(_MEMO, key, decode_metadata)
    if record is None:
        record = parse_metadata(tree_metadata(session, directory, interpreter, name), directory)
        session.database.put(_MEMO, key, encode_metadata(record))
    if record.invalid:
        raise InvalidRequirement(f"{name or directory}: its metadata is invalid", reason=record.invalid)
    if manifest is None or base is None or not (manifest.sources or base.members or base.shared):
        return record
    rows = [row for requirement in record.requirements for row in with_sources(requirement, manifest, base)]
    return record._replace(requirements=tuple(rows))
