"""What is asked of the resolver, and what follows from it: which versions may be chosen, and which are tried first."""

from __future__ import annotations

from bisect import bisect_left

from blast_core.errors import UsageError
from blast_core.tuples import NamedTuple
from blast_core.version import mentions_prerelease, specifier_mask, version_key
from blast_pm.resolver.markers import TargetMarkers
from blast_pm.resolver.model import PRERELEASE_MODES, RESOLUTION_MODES, ResolutionPolicy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_core.interpreter import Target
    from blast_core.requirements import Requirement
    from blast_pm.metadata.records import ProjectRecord
    from blast_pm.resolver.markers import Row
    from blast_pm.resolver.model import DirectCandidate, MetadataSource

__all__ = ["Choice", "Memory", "Policy", "Request", "is_pin", "make_request", "root_rows"]

_UNLIMITED = ("allow",)
_PINS = ("==", "===")
_NO_PREFERENCES: Mapping[str, Sequence[tuple[str, int]]] = {}
_NO_CANDIDATES: Mapping[str, DirectCandidate] = {}
_NO_ORIGINS: Mapping[Requirement, str] = {}
_NO_LIMITS: Mapping[Requirement, tuple[int, ...]] = {}
_DEFAULT_POLICY = ResolutionPolicy()


class Memory:
    """What the searches of one resolution learn of metadata once for all; the same for every group of targets.

    Attributes:
        masks: by project and specifier the versions that satisfy it, bit i for version i.
        rows: by project, extra, version and address what it asks for and where, overrides not applied.
        read: the candidates whose dependencies were read.
    """

    __slots__ = ("masks", "read", "rows")

    def __init__(self) -> None:
        self.masks: dict[str, dict[str, int]] = {}
        self.rows: dict[tuple[str, str, int, str], list[Row]] = {}
        self.read: set[tuple[str, int]] = set()


class Request(NamedTuple):
    """All inputs of one search; see ``blast_pm.resolver.resolve_universal`` for what each means.

    Attributes:
        group: the targets to solve for, as a mask.
        only_on: by root requirement the targets that ask for it, once per time that it stands among the requirements;
            all targets, where it is not there.
        markers: answers about markers, shared by the searches of one resolution.
        memory: what they share besides.
    """

    requirements: Sequence[Requirement]
    targets: tuple[Target, ...]
    source: MetadataSource
    group: int
    markers: TargetMarkers
    memory: Memory
    only_on: Mapping[Requirement, tuple[int, ...]] = _NO_LIMITS
    preferences: Mapping[str, Sequence[tuple[str, int]]] = _NO_PREFERENCES
    constraints: Sequence[Requirement] = ()
    overrides: Sequence[Requirement] = ()
    prereleases: str = "if-necessary-or-explicit"
    package_prereleases: Mapping[str, str] = _DEFAULT_POLICY.package_prereleases
    resolution: str = "highest"
    direct: Mapping[str, DirectCandidate] = _NO_CANDIDATES
    origins: Mapping[Requirement, str] = _NO_ORIGINS

    @property
    def target(self) -> Target:
        """The first target of the group, which stands for it where only one can be told of."""
        return self.targets[(self.group & -self.group).bit_length() - 1]


def make_request(
    roots: Sequence[tuple[Requirement, int]],
    targets: Sequence[Target],
    source: MetadataSource,
    policy: ResolutionPolicy = _DEFAULT_POLICY,
    *,
    preferences: Mapping[str, Sequence[tuple[str, int]]] = _NO_PREFERENCES,
    direct: Mapping[str, DirectCandidate] = _NO_CANDIDATES,
    origins: Mapping[Requirement, str] = _NO_ORIGINS,
) -> Request:
    """Return the request for all targets.

    Args:
        roots: what the project asks for, each with the targets that do.
        targets: bit i of every mask is for ``targets[i]``.
        source: where metadata comes from.
        policy: what the user wants.
        preferences: by name versions to try first, each with the targets where.
        direct: candidates of projects required by address, by address or by name.
        origins: words for where a requirement stands.

    Raises:
        UsageError: a mode is none of those there are.
    """
    _check_modes(policy)
    markers = TargetMarkers(targets)
    asked: dict[Requirement, list[int]] = {}
    rows: list[Requirement] = []
    for requirement, mask in roots:
        masks = asked.setdefault(requirement, [])
        new = mask & markers.everywhere
        for known in masks:
            new &= ~known
        if new:
            masks.append(new)
            rows.append(requirement)
    return Request(
        requirements=tuple(rows),
        targets=tuple(targets),
        source=source,
        group=markers.everywhere,
        markers=markers,
        memory=Memory(),
        only_on={row: tuple(masks) for row, masks in asked.items() if masks != [markers.everywhere]},
        preferences=preferences,
        constraints=policy.constraints,
        overrides=policy.overrides,
        prereleases=policy.prereleases,
        package_prereleases=policy.package_prereleases,
        resolution=policy.resolution,
        direct=direct,
        origins=origins,
    )


def root_rows(request: Request) -> list[Row]:
    """Return the project's requirements in order, each with the targets of the group that ask for it.

    What is overridden is asked for whatever its marker says, as everywhere: the override's own marker counts.
    """
    holds = request.markers.holds
    overridden = {row.name for row in request.overrides}
    times: dict[Requirement, int] = {}
    rows: list[Row] = []
    for row in request.requirements:
        mask = (request.markers.everywhere if row.name in overridden else holds(row.marker)) & request.group
        masks = request.only_on.get(row)
        if masks is not None:
            time = times.get(row, 0)
            times[row] = time + 1
            mask &= masks[time] if time < len(masks) else 0
        rows.append((row, mask))
    return rows


def is_pin(specifier: str) -> bool:
    """Tell whether a specifier names one version; such requirements are taken in before all others."""
    return specifier.startswith("==") and not specifier.endswith("*")


class Choice(NamedTuple):
    """Targets that may choose the same versions of a project, as solver masks (version i is bit i + 1).

    Attributes:
        targets: mask of the targets.
        allowed: the versions that may be chosen.
        preferred: the version to try before all others, 0 if none.
    """

    targets: int
    allowed: int
    preferred: int


class Policy:
    """The rules of one request for its group of targets.

    Args:
        request: the inputs.

    Attributes:
        markers: answers about markers.
        roots: requirements of the project that hold in the group and where, overrides applied, in order.
        constraints: those that hold in the group and where, by name.
        overrides: by name and with the targets where; where none of them holds, the dependency is dropped.
    """

    __slots__ = (
        "_direct_names",
        "_explicit",
        "_group",
        "_modes",
        "_pins",
        "_request",
        "constraints",
        "markers",
        "overrides",
        "roots",
    )

    def __init__(self, request: Request) -> None:
        self._request = request
        self._group = group = request.group
        self.markers = request.markers
        holds = self.markers.holds
        self.overrides: dict[str, list[Row]] = {}
        for requirement in request.overrides:
            self.overrides.setdefault(requirement.name, []).append((requirement, holds(requirement.marker)))
        self.roots: list[Row] = self.override([row for row in root_rows(request) if row[1]])
        self.constraints: dict[str, list[Row]] = {}
        for requirement in request.constraints:
            mask = holds(requirement.marker) & group
            if mask:
                self.constraints.setdefault(requirement.name, []).append((requirement, mask))
        self._direct_names = {row.name for row, _ in self.roots}
        self._explicit: dict[str, int] = {}
        self._pins: dict[str, list[tuple[str, int]]] = {}
        self._read_user_specifiers()

    def override(self, rows: list[Row]) -> list[Row]:
        """Return ``rows`` with those that are overridden replaced, each override once for a target."""
        overrides = self.overrides
        if not overrides:
            return rows
        seen: dict[Requirement, int] = {}
        result: list[Row] = []
        for requirement, mask in rows:
            for other, where in overrides.get(requirement.name, ((requirement, -1),)):
                known = seen.get(other, 0)
                new = mask & where & self._group & ~known
                if new:
                    seen[other] = known | new
                    result.append((other, new))
        return result

    def _read_user_specifiers(self) -> None:
        rows = list(self.roots)
        for group in self.constraints.values():
            rows += group
        for group in self.overrides.values():
            rows += group
        for row, mask in rows:
            specifier = row.specifier
            if not specifier:
                continue
            if mentions_prerelease(specifier):
                self._explicit[row.name] = self._explicit.get(row.name, 0) | mask
            if is_pin(specifier) and "," not in specifier:
                self._pins.setdefault(row.name, []).append((specifier, mask))

    def choices(self, name: str, record: ProjectRecord) -> tuple[Choice, ...]:
        """Return which versions may be chosen on the targets of the group; their masks are disjoint.

        Yanked versions only where the user pins them with ``==`` or they are preferred; pre-releases by policy.
        """
        group = self._group
        cells = [(mask & group, usable) for mask, usable in record.usable_by if mask & group]
        preferences = self._request.preferences.get(name, ())
        if not (preferences or record.yanked or record.prerelease):
            return tuple(Choice(mask, usable << 1, 0) for mask, usable in cells)
        pins = self._pins.get(name, ()) if record.yanked else ()
        mode = self._mode(name)
        explicit = self._explicit.get(name, 0) if mode == "explicit" else group
        for border in (explicit, *[mask for _, mask in pins], *[mask for _, mask in preferences]):
            cells = [(part, usable) for mask, usable in cells for part in (mask & border, mask & ~border) if part]
        choices: dict[tuple[int, int], int] = {}
        for mask, usable in cells:
            preferred = permitted = 0
            for version, where in preferences:
                if where & mask:
                    preferred |= _bit_of(version, record) & usable
            for specifier, where in pins:
                if where & mask:
                    permitted |= specifier_mask(specifier, record.table)
            allowed = usable & (~record.yanked | permitted | preferred)
            if mode == "disallow":
                allowed &= ~record.prerelease
            elif not explicit & mask:
                allowed &= ~record.prerelease | preferred
            key = (allowed << 1, (preferred & allowed) << 1)
            choices[key] = choices.get(key, 0) | mask
        return tuple(Choice(mask, allowed, preferred) for (allowed, preferred), mask in choices.items())

    def _mode(self, name: str) -> str:
        return self._request.package_prereleases.get(name, self._request.prereleases)

    def tried_first(self, name: str, record: ProjectRecord) -> int:
        """Return the versions that are tried before all others, whatever their order: final releases, mostly."""
        mode = self._mode(name)
        return record.usable & ~record.prerelease if mode not in _UNLIMITED else record.usable

    def prefers_oldest(self, name: str) -> bool:
        """Tell whether the oldest version of a project is wanted, rather than the newest.

        Whether the project itself asks for it must not differ within the group.
        """
        resolution = self._request.resolution
        return resolution == "lowest" or (resolution == "lowest-direct" and name in self._direct_names)


def _bit_of(version: str, record: ProjectRecord) -> int:
    """Return the bit of a version, 0 if the index does not have it."""
    key = version_key(version)
    index = bisect_left(record.table.keys, key)
    found = index < len(record.table.keys) and record.table.keys[index] == key
    return 1 << index if found else 0


def _check_modes(policy: ResolutionPolicy) -> None:
    for mode in (policy.prereleases, *policy.package_prereleases.values()):
        if mode not in PRERELEASE_MODES:
            known = ", ".join(PRERELEASE_MODES)
            raise UsageError(f"unknown pre-release policy {mode!r}", hint=f"one of {known}")
    if policy.resolution not in RESOLUTION_MODES:
        known = ", ".join(RESOLUTION_MODES)
        raise UsageError(f"unknown resolution {policy.resolution!r}", hint=f"one of {known}")
