"""Locking after a change: only what the change reaches is resolved, the rest of the old lock stands.

The packages of the old lock are frozen (`blast_pm.metadata.frozen`) and the project is resolved: the index is asked of
what is new alone. Then every requirement that was looked at is held against what is frozen. Where one does not fit it,
be it the version, the targets or an extra, the change reaches further: that package is let go, which prefers its old
version but reads all others, and the project is resolved again. What comes out is what a resolution of everything with
the old versions preferred gives.
"""

from __future__ import annotations

from _collections_abc import Mapping  # collections.abc imports all of collections

from blast_core.tuples import NamedTuple
from blast_core.version import make_version_table, specifier_mask
from blast_pm.metadata.frozen import FrozenMetadata, FrozenVersion
from blast_pm.resolver.markers import TargetMarkers
from blast_project.standing_files import LockedFiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from typing import Any

    from blast_core.formats.dpl.model import LockedDependency
    from blast_core.formats.dpl.reader import DplEntry, DplLockFile
    from blast_core.interpreter import Target
    from blast_core.requirements import Requirement
    from blast_pm.index.client import PyPiClient
    from blast_pm.metadata.source import RegistryMetadata
    from blast_pm.resolver.model import MetadataSource, UniversalPackage, UniversalResolution
    from blast_project.lock_files import LockResult
    from blast_project.lock_parts import Parts
    from blast_project.project import Project

    #: Resolves through what it is given: the requirements of the project, or those that the second argument wants.
    Resolve = Callable[
        [Callable[[RegistryMetadata], MetadataSource], Callable[[Requirement], bool] | None], UniversalResolution
    ]
    Frozen = Mapping[str, Mapping[str, FrozenVersion]]

__all__ = [
    "Delta",
    "Growth",
    "asked_rows",
    "asks_for_more",
    "freeze",
    "frozen_packages",
    "resolve_delta",
    "resolve_more",
]

# After so many packages let go in vain, everything is resolved.
_MOST_ROUNDS = 12


class Delta(NamedTuple):
    """What came of a resolution that left most of a lock alone.

    Attributes:
        resolution: of all targets.
        visited: how many candidates' requirements were asked of the indexes.
        kept: how many locked packages were left alone.
        metadata: what the indexes were asked through; None where they were not asked.
        growth: what comes to the lock, or goes from it; then the resolution is of what is new alone.
    """

    resolution: UniversalResolution
    visited: int
    kept: int
    metadata: RegistryMetadata | None
    growth: Growth | None = None


class Growth(NamedTuple):
    """What comes to a lock of which everything stays, or goes from one that nothing comes to.

    Attributes:
        base: the lock.
        frozen: its packages.
        roots: what the project asks for.
        markers: of all targets.
        new: the packages that aren't in it.
        gone: names that it has, and that nothing asks for.
    """

    base: LockResult
    frozen: Frozen
    roots: Sequence[tuple[Requirement, int]]
    markers: TargetMarkers
    new: tuple[UniversalPackage, ...]
    gone: frozenset[str] = frozenset()

    def whole(self) -> tuple[UniversalPackage, ...]:
        """Return what is new and what stands as a resolution of both has them."""
        return _all_packages(self.new, self.frozen, self.roots, self.markers)


def resolve_delta(
    resolve: Resolve, frozen: Frozen, roots: Sequence[tuple[Requirement, int]], targets: Sequence[Target]
) -> Delta | None:
    """Return what fits with as much of an old lock left alone as the change allows; None where all has to be resolved.

    Args:
        resolve: resolves the project through what it is given, the old versions preferred.
        frozen: the packages of the old lock that may be left alone, see ``freeze``.
        roots: what the project asks for, each with the targets where.
        targets: what the masks are for.
    """
    everywhere = (1 << len(targets)) - 1
    markers = TargetMarkers(targets)
    standing = dict(frozen)
    for _ in range(_MOST_ROUNDS):
        if not standing:
            return None
        opened: list[tuple[RegistryMetadata, FrozenMetadata]] = []

        def through(
            metadata: RegistryMetadata, frozen: Frozen = standing, opened: list[Any] = opened
        ) -> MetadataSource:
            overlay = FrozenMetadata(metadata, frozen, everywhere)
            opened.append((metadata, overlay))
            return overlay

        resolution = resolve(through, None)
        metadata, overlay = opened[0]
        if resolution.failures or resolution.setbacks:
            # Where a choice was taken back, the order of decisions mattered, and with other versions in view it may be
            # another one.
            return None
        reached = _Check(standing, markers, roots, overlay.read).reached()
        if not reached:
            return Delta(resolution, overlay.visited, len(standing), metadata)
        for name in reached:
            del standing[name]
    return None


def asks_for_more(lock: DplLockFile, project: Project) -> bool:
    """Tell whether the project asks for all that its lock was made from, in whatever versions, and perhaps for more.

    Only such locks are told of whose packages all come from indexes, and of which no target is another's variant; and
    no project that asks for one more extra of what is locked: what that brings may be there for some targets only.
    """
    if tuple(lock.groups) != tuple(project.groups) or any("+" in target.name for target in lock.targets):
        return False
    told = asked_rows(lock, project)
    if told is None:
        return False
    asked = {(group, name, extras, marker) for group, name, _, extras, marker in told}
    wanted = {
        (row.group, row.requirement.name, row.requirement.extras, row.requirement.marker)
        for row in project.requirements()
        if not row.requirement.url
    }
    if not asked <= wanted:
        return False
    locked = {entry.name for entry in lock.entries() if entry.source.kind == "registry"}
    return not any(extras and name in locked for _, name, extras, _ in wanted - asked)


def asked_rows(lock: DplLockFile, project: Project) -> set[tuple[str, str, str, tuple[str, ...], str]] | None:
    """Return group, name, specifier, extras and marker of what a lock was made from, as its project's entry tells.

    None where something in the lock is from elsewhere than an index, or the project isn't in it.
    """
    asked = None
    for entry in lock.entries():
        if entry.source.kind == "registry":
            continue
        if entry.source.location != "." or entry.name != project.name:
            return None
        groups = [("default", entry.dependencies)]
        groups += [(extra if ":" in extra else f"extra:{extra}", rows) for extra, rows in entry.extras]
        asked = {(group, row.name, row.specifier, row.extras, row.marker) for group, rows in groups for row in rows}
    return asked


def resolve_more(
    resolve: Resolve,
    base: LockResult,
    frozen: Frozen,
    roots: Sequence[tuple[Requirement, int]],
    targets: Sequence[Target],
) -> Delta | None:
    """Return what a project asks for beside the packages of its lock, if the ones fit the others as they are.

    Args:
        resolve: as for ``resolve_delta``.
        base: the lock.
        frozen: all packages of the lock.
        roots: what the project asks for: more than when it was locked, see ``asks_for_more``.
        targets: what the masks are for.

    Returns:
        None where the whole project has to be looked at.
    """
    everywhere = (1 << len(targets)) - 1
    opened: list[tuple[RegistryMetadata, FrozenMetadata]] = []

    def through(metadata: RegistryMetadata) -> MetadataSource:
        overlay = FrozenMetadata(metadata, frozen, everywhere)
        opened.append((metadata, overlay))
        return overlay

    resolution = resolve(through, lambda row: row.name not in frozen)
    metadata, overlay = opened[0]
    if resolution.failures or resolution.setbacks:
        return None
    markers = TargetMarkers(targets)
    new = {key: rows for key, rows in overlay.read.items() if key[0] not in frozen}
    # An extra that one more asks for brings more of what is frozen.
    if any(row.extras and row.name in frozen for rows in new.values() for row in rows):
        return None
    if any(row.url for rows in new.values() for row in rows) or _Check(frozen, markers, roots, new).reached():
        return None
    packages = tuple([row for row in resolution.packages if row.name not in frozen])
    growth = Growth(base, frozen, roots, markers, _with_asked_extras(packages, roots, markers))
    found = resolution._replace(packages=growth.new, visited=overlay.visited)
    return Delta(found, overlay.visited, len(frozen), metadata, growth)


def _all_packages(
    new: Sequence[UniversalPackage],
    frozen: Frozen,
    roots: Sequence[tuple[Requirement, int]],
    markers: TargetMarkers,
) -> tuple[UniversalPackage, ...]:
    """Return what is new and what is frozen as a resolution of both has them."""
    from blast_core.version import version_key

    packages = frozen_packages(frozen)
    packages += new
    packages.sort(key=lambda package: (package.name, version_key(package.version)))
    # An entry of a lock names an extra for all of its targets, though only some may ask for it.
    return _with_asked_extras(packages, roots, markers)


def frozen_packages(frozen: Frozen) -> list[UniversalPackage]:
    """Return what stands in a lock as a resolution has it."""
    from blast_pm.resolver.model import UniversalPackage

    return [
        UniversalPackage(
            name,
            version,
            row.targets,
            tuple(sorted(zip(row.extras, row.extra_targets, strict=True))),
            row.requirements,
            row.files,
            None,
        )
        for name, versions in frozen.items()
        for version, row in versions.items()
    ]


def _with_asked_extras(
    packages: Sequence[UniversalPackage], roots: Sequence[tuple[Requirement, int]], markers: TargetMarkers
) -> tuple[UniversalPackage, ...]:
    """Return packages with their extras on those targets where something asks for them."""
    if not any(package.extras for package in packages):
        return tuple(packages)
    from blast_project.graph import GroupReach

    graph = GroupReach(packages, markers)
    asked = graph.asked_extras(graph.roots(roots))
    return tuple(
        package._replace(
            extras=tuple(
                (extra, mask & where)
                for extra, mask in package.extras
                if mask & (where := asked.get((package.name, extra), 0))
            )
        )
        if package.extras
        else package
        for package in packages
    )


class _Check:
    """Holds all requirements that were looked at against what is frozen."""

    def __init__(
        self,
        frozen: Frozen,
        markers: TargetMarkers,
        roots: Sequence[tuple[Requirement, int]],
        read: dict[tuple[str, str], tuple[Requirement, ...]],
    ) -> None:
        self._frozen = frozen
        self._markers = markers
        self._rows = self._active(roots, read)

    def _active(
        self, roots: Sequence[tuple[Requirement, int]], read: dict[tuple[str, str], tuple[Requirement, ...]]
    ) -> list[tuple[Requirement, int]]:
        """Return what is asked for, each with the targets where: with every extra that anything at all asks for."""
        markers = self._markers
        extras: dict[str, dict[str, None]] = {}
        for row in (*(row for row, _ in roots), *(row for rows in read.values() for row in rows)):
            for extra in row.extras:
                extras.setdefault(row.name, {})[extra] = None
        found = [(row, mask & markers.holds(row.marker)) for row, mask in roots]
        for (name, version), rows in read.items():
            versions = self._frozen.get(name)
            where = versions[version].targets if versions is not None else markers.everywhere
            asked = extras.get(name, ())
            for row in rows:
                mask = markers.holds(row.marker)
                if markers.mentions_extra(row.marker):
                    for extra in asked:
                        mask |= markers.holds_with(row.marker, extra)
                if mask & where:
                    found.append((row, mask & where))
        return found

    def reached(self) -> set[str]:
        """Return the names of what is frozen and can't stay so."""
        return {row.name for row, where in self._rows if row.name in self._frozen and not self._fits(row, where)}

    def _fits(self, row: Requirement, where: int) -> bool:
        if row.url:
            return False
        for version, locked in self._frozen[row.name].items():
            here = locked.targets & where
            if not here:
                continue
            if row.specifier and not specifier_mask(row.specifier, make_version_table((version,))):
                return False
            if not set(row.extras) <= set(locked.extras):
                return False
            where &= ~here
        return not where


def freeze(lock: DplLockFile, client: PyPiClient, free: Collection[str], parts: Parts) -> Frozen:
    """Return the packages of a lock that come from an index, by name and version.

    Args:
        lock: of the same targets as what is resolved.
        client: knows where the files of each index are.
        free: names to leave out.
        parts: what is kept of the lock.

    Returns:
        Nothing where an index's files can't be named without asking it.
    """
    if not all(_knows_files(client, name) for name in lock.indexes):
        return {}
    entries: dict[str, list[DplEntry]] = {}
    for entry in lock.entries():
        entries.setdefault(entry.name, []).append(entry)
    standing = {
        name: group
        for name, group in entries.items()
        if name not in free and all(entry.source.kind == "registry" for entry in group)
    }
    return _Frozen(standing, client, parts)


class _Frozen(Mapping["str", "Mapping[str, FrozenVersion]"]):
    """The packages of a lock by name and version; one is decoded when it is asked for."""

    def __init__(self, entries: Mapping[str, list[DplEntry]], client: PyPiClient, parts: Parts) -> None:
        self._entries = entries
        self._client = client
        self._parts = parts
        self._known: dict[str, Mapping[str, FrozenVersion]] = {}

    def __getitem__(self, name: str) -> Mapping[str, FrozenVersion]:
        known = self._known.get(name)
        if known is None:
            versions: dict[str, list[DplEntry]] = {}
            for entry in self._entries[name]:
                versions.setdefault(entry.version, []).append(entry)
            found = {version: _freeze_version(same, self._client, self._parts) for version, same in versions.items()}
            known = self._known[name] = found
        return known

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _knows_files(client: PyPiClient, index: str) -> bool:
    """Tell whether the client has an index of that name, and knows where its files are."""
    return any(row.name == index for row in client.locations) and bool(client.file_base(index))


def _freeze_version(entries: list[DplEntry], client: PyPiClient, parts: Parts) -> FrozenVersion:
    from blast_core.requirements import Requirement

    targets = 0
    rows: dict[LockedDependency, None] = {}
    extras: dict[str, int] = {}
    for entry in entries:
        targets |= entry.target_mask
        rows.update(dict.fromkeys(entry.dependencies))
        for extra, needs in entry.extras:
            extras[extra] = extras.get(extra, 0) | entry.target_mask
            rows.update(dict.fromkeys(needs))
    requirements = tuple([Requirement(row.name, row.extras, row.specifier, row.marker) for row in rows])
    return FrozenVersion(
        targets, requirements, tuple(extras), LockedFiles(entries, client, parts), tuple(extras.values())
    )
