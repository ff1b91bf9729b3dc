"""From a resolution to the lock's values: files made index-neutral, edges, groups as bits."""

from __future__ import annotations

from blast_core.errors import IntegrityError
from blast_core.formats.dpl.model import Lock, LockedDependency, LockedFile, LockedPackage, LockedSource, LockTarget
from blast_project.graph import edges_of, reach

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from blast_core.interpreter import Target
    from blast_core.requirements import Requirement
    from blast_pm.index.client import PyPiClient
    from blast_pm.index.model import IndexFile
    from blast_pm.resolver.model import Resolution, ResolvedPackage
    from blast_project.graph import Edges
    from blast_project.project import Project

__all__ = ["build_project_lock", "lock_target"]

_REGISTRY = LockedSource("registry", "", "", "", "")


def lock_target(target: Target) -> LockTarget:
    """Return ``target`` as it stands in a lock: only what a person or another tool needs to recognise it."""
    minor = ".".join(target.python_version.split(".")[:2])
    platform = target.name.rpartition("-py")[0]
    return LockTarget(target.name, minor, platform, tuple(sorted(_stable_markers(target.marker_environment).items())))


def build_project_lock(
    client: PyPiClient, project: Project, target: Target, resolution: Resolution, inputs: bytes
) -> Lock:
    """Return the lock of ``project`` for one target, packages sorted by name.

    Args:
        client: knows the file base of each index.
        project: whose groups become bits.
        target: what was resolved for.
        resolution: what was found.
        inputs: the input hash.
    """
    environment = target.marker_environment
    edges = {package.name: edges_of(package, environment) for package in resolution.packages}
    masks = _group_masks(project, edges, environment)
    packages = [
        _locked(client, package, edges[package.name], masks[package.name])
        for package in resolution.packages
        if package.name in masks and package.name != project.name
    ]
    packages.append(_own_package(project))
    packages.sort(key=lambda package: package.name)
    indexes = sorted({file.index for package in packages for file in package.files})
    return Lock(
        packages=tuple(packages),
        targets=(lock_target(target),),
        groups=project.groups,
        requires_python=project.manifest.requires_python or "",
        input_hash=inputs,
        text_hash=bytes(32),
        indexes=tuple(indexes),
    )


def _group_masks(project: Project, edges: Mapping[str, Edges], environment: Mapping[str, str]) -> dict[str, int]:
    masks: dict[str, int] = {}
    rows = project.requirements()
    for bit, group in enumerate(project.groups):
        roots = [row.requirement for row in rows if row.group == group]
        for name in reach(roots, edges, environment):
            masks[name] = masks.get(name, 0) | 1 << bit
    return masks


def _own_package(project: Project) -> LockedPackage:
    """The project itself: what a sync installs as editable, or ``virtual`` where it is no package."""
    by_group: dict[str, list[Requirement]] = {}
    for row in project.requirements():
        by_group.setdefault(row.group, []).append(row.requirement)
    extras = tuple(
        (name, _dependencies(by_group.get(f"extra:{name}", ())))
        for name in sorted(project.manifest.optional_dependencies)
    )
    return LockedPackage(
        name=project.name,
        version=project.manifest.version or "0",
        source=LockedSource("editable" if project.is_package else "workspace", ".", "", "", ""),
        files=(),
        dependencies=_dependencies(by_group.get("default", ())),
        extras=extras,
        requires_python=project.manifest.requires_python or "",
        target_mask=1,
        group_mask=1,
    )


def _locked(client: PyPiClient, package: ResolvedPackage, edges: Edges, mask: int) -> LockedPackage:
    return LockedPackage(
        name=package.name,
        version=package.version,
        source=_REGISTRY,
        files=tuple(sorted(_locked_file(client, file) for file in _verifiable(package))),
        dependencies=_dependencies(edges[""]),
        extras=tuple((extra, _dependencies(edges[extra])) for extra in sorted(package.extras) if extra in edges),
        requires_python=next((file.requires_python for file in package.files if file.requires_python), ""),
        target_mask=1,
        group_mask=mask,
    )


def _verifiable(package: ResolvedPackage) -> list[IndexFile]:
    """Leave out files that the index gives no sha256 for: nobody could tell whether they changed.

    Raises:
        IntegrityError: no file is left.
    """
    files = [file for file in package.files if file.sha256]
    if not files:
        raise IntegrityError(
            f"{package.name} {package.version} can't be locked",
            reason="the index gives no sha256 for any of its files",
            hint="ask the index's operator for hashes, or take the project from another index",
        )
    return files


def _locked_file(client: PyPiClient, file: IndexFile) -> LockedFile:
    base = client.file_base(file.index)
    path = file.url[len(base) :] if base and file.url.startswith(base) else file.url
    return LockedFile(file.filename, file.index, path, file.sha256, file.size, file.upload_time)


def _dependencies(requirements: object) -> tuple[LockedDependency, ...]:
    rows: tuple[Requirement, ...] = tuple(requirements)  # type: ignore[arg-type]
    return tuple(sorted({LockedDependency(row.name, row.specifier, row.extras, row.marker) for row in rows}))


def _stable_markers(environment: Mapping[str, str]) -> dict[str, str]:
    """Leave out what differs between machines of one target, so that a team's locks are equal."""
    unstable = {"platform_release", "platform_version", "python_full_version", "implementation_version"}
    return {key: value for key, value in environment.items() if key not in unstable}
