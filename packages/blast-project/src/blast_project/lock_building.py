"""From a resolution to the lock's values: files made index-neutral, edges, groups and targets as bits."""

from __future__ import annotations

from blast_core.formats.dpl.model import Lock, LockedDependency, LockedPackage, LockedSource
from blast_pm.resolver.markers import TargetMarkers
from blast_project.graph import GroupReach
from blast_project.locked_files import FileChoice, indexes_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from blast_core.formats.dpl.model import LockTarget
    from blast_core.requirements import Requirement
    from blast_pm.index.client import PyPiClient
    from blast_pm.resolver.markers import Row
    from blast_pm.resolver.model import UniversalPackage, UniversalResolution
    from blast_project.project import Project
    from blast_project.targets import TargetPlan

__all__ = ["build_additions", "build_project_lock", "squeeze_mask"]

_REGISTRY = LockedSource("registry", "", "", "", "")


def squeeze_mask(mask: int, kept: int) -> int:
    """Return the bits of ``mask`` that are in ``kept``, moved together."""
    if not kept & (kept + 1):
        # The usual case: there is an answer for all targets.
        return mask & kept
    squeezed = place = 0
    while kept:
        lowest = kept & -kept
        if mask & lowest:
            squeezed |= 1 << place
        place += 1
        kept ^= lowest
    return squeezed


def build_project_lock(
    client: PyPiClient,
    project: Project,
    plan: TargetPlan,
    resolution: UniversalResolution,
    inputs: bytes,
    *,
    overrides: Sequence[Requirement] = (),
) -> Lock:
    """Return the lock of ``project``, packages sorted by name and version.

    A version stands as often as different sets of groups need it: what needs it is told for all of an entry's targets.

    Args:
        client: knows the file base of each index.
        project: whose groups become bits.
        plan: the targets; those that the resolution failed for are left out.
        resolution: what was found.
        inputs: the input hash.
        overrides: requirements that replaced others.
    """
    builder = _Builder(client, project, plan, resolution, overrides)
    packages = builder.packages()
    indexes = sorted({name for package in packages for name in indexes_of(package.files)})
    return Lock(
        packages=packages,
        targets=builder.targets,
        groups=project.groups,
        requires_python=project.manifest.requires_python or "",
        input_hash=inputs,
        text_hash=bytes(32),
        indexes=tuple(indexes),
    )


def build_additions(
    client: PyPiClient, project: Project, plan: TargetPlan, resolution: UniversalResolution
) -> tuple[tuple[LockedPackage, ...], dict[str, tuple[int, ...]]]:
    """Return the entries of a project and of what it asks for beside the packages of its lock.

    With them come, by name, the targets on which each group reaches it, as far as these entries tell.

    Args:
        client: as for ``build_project_lock``.
        project: as there.
        plan: as there.
        resolution: what was found beside the lock, for all targets.
    """
    builder = _Builder(client, project, plan, resolution, ())
    return builder.packages(), builder.reached()


class _Builder:
    """One lock in the making; masks are over the plan's targets until an entry is written.

    Attributes:
        targets: those that there is an answer for.
    """

    def __init__(
        self,
        client: PyPiClient,
        project: Project,
        plan: TargetPlan,
        resolution: UniversalResolution,
        overrides: Sequence[Requirement],
    ) -> None:
        self._project = project
        self._plan = plan
        self._packages = [package for package in resolution.packages if package.name != project.name]
        targets = plan.targets
        self._kept = (1 << len(targets)) - 1
        for failure in resolution.failures:
            self._kept &= ~failure.mask
        markers = TargetMarkers(targets)
        self._graph = GroupReach(resolution.packages, markers, overrides)
        self._files = FileChoice(client, targets)
        self._numbers = {id(package): number for number, package in enumerate(resolution.packages)}
        self._rows: dict[str, list[Row]] = {group: [] for group in project.groups}
        for row in project.requirements():
            self._rows[row.group].append((row.requirement, plan.mask_of(row.group) & self._kept))
        self.targets: tuple[LockTarget, ...] = tuple(
            target for bit, target in enumerate(plan.locked) if self._kept >> bit & 1
        )

    def reached(self) -> dict[str, tuple[int, ...]]:
        return self._graph.reached([self._graph.roots(rows) for rows in self._rows.values()])

    def packages(self) -> tuple[LockedPackage, ...]:
        parts = [
            self._without_choice(row)
            for row in self._graph.parts([self._graph.roots(rows) for rows in self._rows.values()])
        ]
        packages = [self._own()]
        for package in self._packages:
            number = self._numbers[id(package)]
            for mask, groups in parts[number].items():
                if mask & self._kept:
                    packages.append(self._entry(package, self._graph.edges(number), mask & self._kept, groups))
        from blast_core.version import version_key

        packages.sort(key=lambda row: (row.name, version_key(row.version) if row.version else b"", row.target_mask))
        return tuple(packages)

    def _without_choice(self, parts: dict[int, int]) -> dict[int, int]:
        """Say of groups that can't be chosen in a variant what is said of them in the others.

        Nobody can ask for them there, and so an entry need not be parted for them.
        """
        variants, size = self._plan.variants, len(self._plan.base)
        if len(variants) == 1 or len(parts) < 2:
            return parts
        groups = {
            1 << bit: groups for mask, groups in parts.items() for bit in range(size * len(variants)) if mask >> bit & 1
        }
        merged: dict[int, int] = {}
        for place in range(size):
            bits = [1 << number * size + place for number in range(len(variants))]
            anywhere = 0
            for bit in bits:
                anywhere |= groups.get(bit, 0)
            for bit, variant in zip(bits, variants, strict=True):
                if bit in groups:
                    refused = sum(1 << at for at, group in enumerate(self._rows) if group in variant.refused)
                    said = groups[bit] | anywhere & refused
                    merged[said] = merged.get(said, 0) | bit
        return {mask: said for said, mask in merged.items()}

    def _own(self) -> LockedPackage:
        """The project itself: what a sync installs as editable, or ``virtual`` where it is no package.

        Beside its extras stand its other groups, under the names that the lock has for them: with them the lock tells
        by itself where every group begins.
        """
        project = self._project
        needs = {group: _dependencies(row for row, _ in self._graph.roots(rows)) for group, rows in self._rows.items()}
        extras = [(group.removeprefix("extra:"), rows) for group, rows in needs.items() if group != "default"]
        return LockedPackage(
            name=project.name,
            version=project.manifest.version or "0",
            source=LockedSource("editable" if project.is_package else "workspace", ".", "", "", ""),
            files=(),
            dependencies=needs["default"],
            extras=tuple(sorted(extras)),
            requires_python=project.manifest.requires_python or "",
            target_mask=squeeze_mask(self._kept, self._kept),
            group_mask=1,
        )

    def _entry(
        self, package: UniversalPackage, edges: Mapping[str, Sequence[Row]], mask: int, groups: int
    ) -> LockedPackage:
        direct = package.direct
        files, requires = self._files.choose(package, mask)
        return LockedPackage(
            name=package.name,
            version=package.version,
            source=(direct.source if direct is not None else None) or _REGISTRY,
            files=files,
            dependencies=_dependencies(row for row, where in edges[""] if where & mask),
            extras=tuple(
                (extra, _dependencies(row for row, where in edges[extra] if where & mask))
                for extra, where in package.extras
                if where & mask
            ),
            requires_python=requires,
            target_mask=squeeze_mask(mask, self._kept),
            group_mask=groups,
        )


def _dependencies(requirements: Iterable[Requirement]) -> tuple[LockedDependency, ...]:
    return tuple(sorted({LockedDependency(row.name, row.specifier, row.extras, row.marker) for row in requirements}))
