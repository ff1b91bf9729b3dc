"""The packages that a search knows, their versions as bits, and what each version asks for.

Bit 0 of a package's masks is 'not selected', bit i + 1 its version i, oldest first. Only versions that may be chosen on
one of the group's targets are in the universe; for an explanation (``show_unusable``) all are, and the reasons against
them are facts like any other.
"""

from __future__ import annotations

from blast_core.errors import (
    BuildFailed,
    FormatError,
    IntegrityError,
    OfflineError,
    ProjectError,
    ProjectNotFound,
)
from blast_core.version import make_version_table, specifier_mask
from blast_pm.resolver.clauses import Unusable
from blast_pm.resolver.request import Choice, Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_core.requirements import Requirement
    from blast_core.version import VersionTable
    from blast_pm.index.model import IndexFile
    from blast_pm.metadata.records import ProjectRecord
    from blast_pm.resolver.markers import Row
    from blast_pm.resolver.model import DirectCandidate
    from blast_pm.resolver.request import Request

__all__ = ["NOT_SELECTED", "Package", "Universe"]

NOT_SELECTED = 1
_UNREADABLE = (ProjectError, FormatError, IntegrityError, BuildFailed, OfflineError, ProjectNotFound)
_NO_VERSIONS = make_version_table(())


class Package:
    """A project, or one extra of it (a proxy that is selected in the project's own version).

    Attributes:
        id: index into the solver's lists.
        name: normalised.
        extra: "" for the project itself.
        base: the project of an extra, the package itself otherwise.
        proxies: the extras of it that were asked for.
        table: its versions.
        full: 'not selected' and all versions in the universe.
        first: versions to try before the others.
        preferred: the version to try before all, as a mask; 0 if none.
        oldest: whether the oldest version is wanted, rather than the newest.
        choices: which versions may be chosen where, where the group's targets differ or not.
        order: when it was discovered.
        record: what the index says; None for a direct candidate or a project that is not found.
        direct: the candidate of a project required by address.
        facts: reasons against versions, with the versions.
        masks: remembered answers, by specifier, bit i for version i.
        unusable: versions whose metadata turned out to rule them out on every target of the group.
    """

    __slots__ = (
        "base",
        "choices",
        "direct",
        "extra",
        "facts",
        "first",
        "full",
        "id",
        "masks",
        "name",
        "oldest",
        "order",
        "preferred",
        "proxies",
        "record",
        "table",
        "unusable",
    )

    def __init__(self, number: int, name: str, extra: str, order: int) -> None:
        self.id = number
        self.name = name
        self.extra = extra
        self.order = order
        self.base = self
        self.proxies: list[Package] = []
        self.table: VersionTable = _NO_VERSIONS
        self.full = NOT_SELECTED
        self.first = 0
        self.preferred = 0
        self.oldest = False
        self.choices: tuple[Choice, ...] = ()
        self.masks: dict[str, int] = {}
        self.unusable = 0
        self.record: ProjectRecord | None = None
        self.direct: DirectCandidate | None = None
        self.facts: list[tuple[int, Unusable]] = []

    def __repr__(self) -> str:
        return f"{self.name}[{self.extra}]" if self.extra else self.name


class Universe:
    """Packages by name and extra, read from the source as they are asked for.

    Args:
        request: the inputs.
        show_unusable: put every version into the universe, with the reasons against it as facts.

    Attributes:
        packages: by id.
        visited: how many candidates' dependencies were read.
        discoverers: by name, which version of which package asked for it first, and on which targets; None is the
            project.
        limits: by id of a project and index of a version the targets whose Python its metadata allows, where that is
            not all of the group.
    """

    def __init__(self, request: Request, *, show_unusable: bool = False) -> None:
        self.request = request
        self.policy = Policy(request)
        self.packages: list[Package] = []
        self.visited = 0
        self.discoverers: dict[str, tuple[Package | None, int]] = {}
        self.limits: dict[tuple[int, int], int] = {}
        self._show_unusable = show_unusable
        self._known: dict[tuple[str, str], Package] = {}
        self._orders: dict[str, int] = {}
        self._metadata: dict[tuple[str, int], tuple[Requirement, ...] | Unusable] = {}
        self._parts: dict[tuple[int, int], list[Row]] = {}
        self._addresses: dict[str, tuple[Requirement, Package | None, int]] = {}

    def discover(self, name: str, part: Package | None, mask: int) -> bool:
        """Note that ``part`` asks for ``name`` on the targets in ``mask``; tell whether nothing did before."""
        if name in self._orders:
            return False
        self._orders[name] = len(self._orders)
        self.discoverers[name] = (part, mask)
        return True

    def may_name_addresses(self, part: Package | None, requirement: Requirement) -> bool:
        """Tell whether an address counts: the project's own, one of an override, or of what comes from an address.

        A release of an index may not say where another project comes from, as in uv: whoever takes it could not know,
        and the address would hold although another release was chosen in the end.
        """
        return part is None or part.base.direct is not None or requirement.name in self.policy.overrides

    def note_address(self, requirement: Requirement, part: Package | None, mask: int) -> None:
        """Note that ``part`` asks for a project by address on the targets in ``mask``; before the project is loaded."""
        self._addresses.setdefault(requirement.name, (requirement, part, mask))

    def address_giver(self, name: str) -> tuple[Package | None, int] | None:
        """Return who made a project one of an address, and on which targets; None for one of an index."""
        known = self._addresses.get(name)
        return known[1:] if known is not None else None

    def find(self, name: str, extra: str = "") -> Package | None:
        """Return a package that was loaded before, or None."""
        return self._known.get((name, extra))

    def load(self, name: str) -> Package:
        """Return a project, read from the source if need be; one without versions if no index knows it."""
        package = self._known.get((name, ""))
        if package is None:
            self.discover(name, None, self.request.group)
            package = self._add(name, "")
            direct = self._find_direct(name)
            if isinstance(direct, str):
                package.facts.append((0, Unusable(package, "missing", direct)))
            elif direct is not None:
                self._fill_direct(package, direct)
            else:
                self._fill(package)
        return package

    def proxy(self, base: Package, extra: str) -> Package:
        """Return the proxy of an extra of ``base``."""
        package = self._known.get((base.name, extra))
        if package is None:
            package = self._add(base.name, extra)
            package.base = base
            package.table = base.table
            package.full = base.full
            package.first = base.first
            package.preferred = base.preferred
            package.oldest = base.oldest
            base.proxies.append(package)
        return package

    def mask(self, package: Package, requirement: Requirement) -> int:
        """Return the versions of ``package`` that satisfy ``requirement``; 0 where it names another address.

        Raises:
            InvalidRequirement: the specifier is not one.
        """
        direct = package.base.direct
        if requirement.url:
            return package.full & ~NOT_SELECTED if direct is not None and direct.url == requirement.url else 0
        specifier = requirement.specifier
        if not specifier or (direct is not None and direct.fits_all):
            return package.full & ~NOT_SELECTED
        masks = package.base.masks
        known = masks.get(specifier)
        if known is None:
            known = masks[specifier] = specifier_mask(specifier, package.table)
        return known << 1 & package.full

    def rows(self, package: Package, index: int) -> list[Row] | Unusable:
        """Return what version ``index`` of ``package`` asks for and where, or why it can't be chosen.

        For a proxy these are only the requirements that its extra adds. Masks are cut to the group.
        """
        key = (package.id, index)
        part = self._parts.get(key)
        if part is None:
            metadata = self._read(package.base, index)
            if isinstance(metadata, Unusable):
                return metadata
            part = self._parts[key] = self._select(package, index, metadata)
        return part

    def metadata(self, package: Package, index: int) -> tuple[Requirement, ...]:
        """Return all requirements of a candidate that was looked at, unevaluated."""
        metadata = self._read(package.base, index)
        return () if isinstance(metadata, Unusable) else metadata

    def provides(self, package: Package, index: int) -> bool:
        """Tell whether a candidate that was looked at has the extra of ``package``."""
        direct = package.base.direct
        if direct is not None:
            return package.extra in direct.provides_extras
        return package.extra in self.request.source.provides_extras(package.name, package.table.texts[index])

    def files(self, package: Package, index: int) -> Sequence[IndexFile]:
        """Return all files of a version."""
        if package.direct is not None:
            return package.direct.files
        return package.record.files[index] if package.record is not None else ()

    def _add(self, name: str, extra: str) -> Package:
        package = Package(len(self.packages), name, extra, self._orders[name])
        self.packages.append(package)
        self._known[name, extra] = package
        return package

    def _find_direct(self, name: str) -> DirectCandidate | str | None:
        """Return the candidate of a project required by address, or why there is none; None for one on an index."""
        direct = self.request.direct
        known_address = self._addresses.get(name)
        if known_address is not None:
            address = known_address[0]
            if address.url in direct:
                return direct[address.url]
            known = direct.get(name)
            if known is not None and known.url == address.url:
                return known
            try:
                return self.request.source.direct(address)
            except _UNREADABLE as error:
                return error.message
        return direct.get(name)

    def _fill_direct(self, package: Package, direct: DirectCandidate) -> None:
        package.direct = direct
        package.table = make_version_table((direct.version,))
        package.full = 0b11
        package.first = 0b10
        package.choices = (Choice(self.request.group, 0b10, 0),)

    def _fill(self, package: Package) -> None:
        try:
            record = self.request.source.project(package.name)
        except (ProjectNotFound, OfflineError) as error:
            kind = "offline" if isinstance(error, OfflineError) else "missing"
            package.facts.append((0, Unusable(package, kind, error.message)))
            return
        policy = self.policy
        choices = policy.choices(package.name, record)
        package.record = record
        package.table = record.table
        package.masks = self.request.memory.masks.setdefault(package.name, {})
        package.choices = choices
        package.first = policy.tried_first(package.name, record) << 1
        package.oldest = policy.prefers_oldest(package.name)
        for choice in choices:
            package.preferred |= choice.preferred
            package.full |= choice.allowed
        if self._show_unusable:
            from blast_pm.resolver.reasons import reasons_against

            allowed = package.full >> 1
            package.full = (1 << len(record.table.texts) + 1) - 1
            package.facts = reasons_against(package, record, allowed, self.request)

    def _read(self, base: Package, index: int) -> tuple[Requirement, ...] | Unusable:
        key = (base.name, index)
        metadata = self._metadata.get(key)
        if metadata is None:
            self.visited += 1
            self.request.memory.read.add(key)
            metadata = self._metadata[key] = self._ask(base, index)
            if isinstance(metadata, Unusable):
                base.unusable |= 2 << index
        return metadata

    def _ask(self, base: Package, index: int) -> tuple[Requirement, ...] | Unusable:
        """Read a candidate's metadata; what is wrong with it only rules out that version."""
        direct = base.direct
        if direct is not None:
            requirements, python = direct.requirements, direct.requires_python
        else:
            source = self.request.source
            version = base.table.texts[index]
            try:
                requirements = source.dependencies(base.name, version)
                python = source.requires_python(base.name, version)
            except OfflineError:
                return Unusable(base, "offline", "what it needs is not in the store")
            except _UNREADABLE as error:
                return Unusable(base, "metadata", error.reason or error.message)
        if python:
            group = self.request.group
            fitting = self.policy.markers.runs_on(python) & group
            if not fitting:
                from blast_pm.resolver.reasons import python_reason

                return Unusable(base, "python", python_reason(python))
            if fitting != group:
                self.limits[base.id, index] = fitting
        return requirements

    def _select(self, package: Package, index: int, metadata: tuple[Requirement, ...]) -> list[Row]:
        everywhere = self.policy.markers.everywhere
        group = self.request.group
        if self.policy.overrides:
            return self.policy.override(self._choose_rows(package, metadata))
        memory = self.request.memory.rows
        direct = package.base.direct
        key = (package.name, package.extra, index, direct.url if direct is not None else "")
        rows = memory.get(key)
        if rows is None:
            rows = memory[key] = self._choose_rows(package, metadata)
        if group == everywhere:
            return rows
        return [(row, mask & group) for row, mask in rows if mask & group]

    def _choose_rows(self, package: Package, metadata: tuple[Requirement, ...]) -> list[Row]:
        markers = self.policy.markers
        if package.extra:
            return markers.extra_rows(metadata, package.extra)
        if not self.policy.overrides:
            return markers.base_rows(metadata)
        return [(row, markers.everywhere if self._is_replaced(row) else markers.holds(row.marker)) for row in metadata]

    def _is_replaced(self, row: Requirement) -> bool:
        """Tell whether an override stands for the requirement, whatever its marker says of the target."""
        return row.name in self.policy.overrides and not self.policy.markers.mentions_extra(row.marker)
