"""From a resolution to the lock's values: files made index-neutral, edges, groups and targets as bits."""

from __future__ import annotations

from blast_core.errors import BlastError, IntegrityError
from blast_core.formats.dpl.model import Lock, LockedDependency, LockedFile, LockedPackage, LockedSource
from blast_core.platform_tags import TagReach, TagTable
from blast_pm.resolver.markers import TargetMarkers
from blast_project.graph import GroupReach

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from blast_core.formats.dpl.model import LockTarget
    from blast_core.interpreter import Target
    from blast_core.requirements import Requirement
    from blast_pm.index.client import PyPiClient
    from blast_pm.index.model import IndexFile
    from blast_pm.resolver.markers import Row
    from blast_pm.resolver.model import UniversalPackage, UniversalResolution
    from blast_project.project import Project
    from blast_project.targets import TargetPlan

__all__ = ["build_project_lock", "squeeze_mask"]

_REGISTRY = LockedSource("registry", "", "", "", "")


def squeeze_mask(mask: int, kept: int) -> int:
    """Return the bits of ``mask`` that are in ``kept``, moved together."""
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
    indexes = sorted({file.index for package in packages for file in package.files if file.index})
    return Lock(
        packages=packages,
        targets=builder.targets,
        groups=project.groups,
        requires_python=project.manifest.requires_python or "",
        input_hash=inputs,
        text_hash=bytes(32),
        indexes=tuple(indexes),
    )


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
        self._client = client
        self._project = project
        self._plan = plan
        self._packages = [package for package in resolution.packages if package.name != project.name]
        targets = plan.targets
        self._kept = (1 << len(targets)) - 1
        for failure in resolution.failures:
            self._kept &= ~failure.mask
        markers = TargetMarkers(targets)
        self._graph = GroupReach(resolution.packages, markers, overrides)
        self._files = _FileChoice(targets)
        self._numbers = {id(package): number for number, package in enumerate(resolution.packages)}
        self._rows: dict[str, list[Row]] = {group: [] for group in project.groups}
        for row in project.requirements():
            self._rows[row.group].append((row.requirement, plan.mask_of(row.group) & self._kept))
        self.targets: tuple[LockTarget, ...] = tuple(
            target for bit, target in enumerate(plan.locked) if self._kept >> bit & 1
        )

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
        files = self._files.choose(package, mask)
        requires = direct.requires_python if direct is not None else ""
        return LockedPackage(
            name=package.name,
            version=package.version,
            source=(direct.source if direct is not None else None) or _REGISTRY,
            files=tuple(sorted(_locked_file(self._client, file) for file in files)),
            dependencies=_dependencies(row for row, where in edges[""] if where & mask),
            extras=tuple(
                (extra, _dependencies(row for row, where in edges[extra] if where & mask))
                for extra, where in package.extras
                if where & mask
            ),
            requires_python=requires or next((file.requires_python for file in files if file.requires_python), ""),
            target_mask=squeeze_mask(mask, self._kept),
            group_mask=groups,
        )


class _FileChoice:
    """Chooses which files of a version a lock holds: those that one of the targets could install.

    Wheels for builds of CPython without a global lock and for musl stay, because the machines that want them have a
    target's marker values; source distributions stay, because everybody can try to build them.
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        tables = [target.tags for target in targets]
        assert all(isinstance(table, TagTable) for table in tables), "targets of a lock come from the tables"
        self._reach = TagReach([table for table in tables if isinstance(table, TagTable)], free_threaded=True)
        self._pythons: dict[str, int] = {}
        for bit, target in enumerate(targets):
            self._pythons[target.python_version] = self._pythons.get(target.python_version, 0) | 1 << bit
        self._requires: dict[str, int] = {"": (1 << len(targets)) - 1}

    def choose(self, package: UniversalPackage, mask: int) -> list[IndexFile]:
        """Return the files of a package that has some, for the targets in ``mask``.

        Raises:
            IntegrityError: the index gives no sha256 for any of them.
        """
        if package.direct is not None:
            return list(package.files)
        files = [file for file in package.files if self._usable(file) & mask] or list(package.files)
        # Nobody could tell whether a file without a digest changed.
        verifiable = [file for file in files if file.sha256]
        if not verifiable:
            raise IntegrityError(
                f"{package.name} {package.version} can't be locked",
                reason="the index gives no sha256 for any of its files",
                hint="ask the index's operator for hashes, or take the project from another index",
            )
        return verifiable

    def _usable(self, file: IndexFile) -> int:
        """Return the targets that could install a file."""
        requires = file.requires_python
        mask = self._requires[requires] if requires in self._requires else self._runs_on(requires)
        if file.filename.endswith(".whl"):
            mask &= self._reach.of("-".join(file.filename[:-4].split("-")[-3:]))
        return mask

    def _runs_on(self, requires: str) -> int:
        from blast_core.version import make_version_table, specifier_mask

        mask = 0
        try:
            for version, targets in self._pythons.items():
                if specifier_mask(requires, make_version_table((version,))):
                    mask |= targets
        except BlastError:
            # What can't be read excludes nothing, as in the resolver.
            mask = self._requires[""]
        self._requires[requires] = mask
        return mask


def _locked_file(client: PyPiClient, file: IndexFile) -> LockedFile:
    base = client.file_base(file.index) if file.index else ""
    path = file.url[len(base) :] if base and file.url.startswith(base) else file.url
    return LockedFile(file.filename, file.index, path, file.sha256, file.size, file.upload_time)


def _dependencies(requirements: Iterable[Requirement]) -> tuple[LockedDependency, ...]:
    return tuple(sorted({LockedDependency(row.name, row.specifier, row.extras, row.marker) for row in requirements}))
