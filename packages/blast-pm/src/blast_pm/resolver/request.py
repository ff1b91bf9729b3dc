"""What is asked of the resolver, and what follows from it: which versions may be chosen, and which are tried first."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

from blast_core.errors import UsageError
from blast_core.version import mentions_prerelease, specifier_mask, version_key
from blast_pm.resolver.markers import TargetMarkers
from blast_pm.resolver.model import PRERELEASE_MODES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_core.interpreter import Target
    from blast_core.requirements import Requirement
    from blast_pm.metadata.records import ProjectRecord
    from blast_pm.resolver.model import DirectCandidate, MetadataSource

__all__ = ["Policy", "Request"]

_UNLIMITED = ("allow",)
_PINS = ("==", "===")


class Request(NamedTuple):
    """All inputs of one resolution; see ``blast_pm.resolver.resolve`` for what each means."""

    requirements: Sequence[Requirement]
    target: Target
    source: MetadataSource
    preferences: Mapping[str, str]
    constraints: Sequence[Requirement]
    overrides: Sequence[Requirement]
    prereleases: str
    highest: bool
    direct: Mapping[str, DirectCandidate]
    origins: Mapping[Requirement, str]


class Policy:
    """The rules of one request on its target.

    Args:
        request: the inputs.

    Attributes:
        markers: answers about markers on the target.
        roots: requirements of the project that hold on the target, overrides applied, in order.
        constraints: those that hold on the target, by name.
        overrides: by name; an empty list drops the dependency on this target.

    Raises:
        UsageError: ``prereleases`` has an unknown value.
    """

    __slots__ = ("_explicit", "_mode", "_pins", "_preferences", "constraints", "markers", "overrides", "roots")

    def __init__(self, request: Request) -> None:
        if request.prereleases not in PRERELEASE_MODES:
            known = ", ".join(PRERELEASE_MODES)
            raise UsageError(f"unknown pre-release policy {request.prereleases!r}", hint=f"one of {known}")
        self._mode = request.prereleases
        self._preferences = request.preferences
        self.markers = TargetMarkers(request.target.marker_environment)
        holds = self.markers.holds
        self.overrides: dict[str, list[Requirement]] = {}
        for requirement in request.overrides:
            rows = self.overrides.setdefault(requirement.name, [])
            if holds(requirement.marker):
                rows.append(requirement)
        self.roots = self.override([row for row in request.requirements if holds(row.marker)])
        self.constraints: dict[str, list[Requirement]] = {}
        for requirement in request.constraints:
            if holds(requirement.marker):
                self.constraints.setdefault(requirement.name, []).append(requirement)
        self._explicit: set[str] = set()
        self._pins: dict[str, list[str]] = {}
        self._read_user_specifiers()

    def override(self, requirements: list[Requirement]) -> list[Requirement]:
        """Return ``requirements`` with those that are overridden replaced, each override once."""
        overrides = self.overrides
        if not overrides:
            return requirements
        result: list[Requirement] = []
        for requirement in requirements:
            for row in overrides.get(requirement.name, (requirement,)):
                if row not in result:
                    result.append(row)
        return result

    def _read_user_specifiers(self) -> None:
        rows = list(self.roots)
        for group in (*self.constraints.values(), *self.overrides.values()):
            rows += group
        for row in rows:
            specifier = row.specifier
            if not specifier:
                continue
            if mentions_prerelease(specifier):
                self._explicit.add(row.name)
            if specifier.startswith(_PINS) and not specifier.endswith("*") and "," not in specifier:
                self._pins.setdefault(row.name, []).append(specifier)

    def allowed(self, name: str, record: ProjectRecord) -> int:
        """Return the versions that may be chosen: bit i for version i.

        Yanked versions only when the user pins them with ``==`` or they are preferred; pre-releases by policy.
        """
        allowed = record.usable
        preferred = self.preferred(name, record)
        if record.yanked:
            permitted = preferred
            for specifier in self._pins.get(name, ()):
                permitted |= specifier_mask(specifier, record.table)
            allowed &= ~record.yanked | permitted
        if record.prerelease and not self._offers_prereleases(name):
            allowed &= ~record.prerelease | (preferred if self._mode != "disallow" else 0)
        return allowed

    def preferred(self, name: str, record: ProjectRecord) -> int:
        """Return the bit of the preferred version, 0 if there is none or it is not usable."""
        version = self._preferences.get(name)
        if version is None:
            return 0
        key = version_key(version)
        index = bisect_left(record.table.keys, key)
        found = index < len(record.table.keys) and record.table.keys[index] == key
        return 1 << index & record.usable if found else 0

    def tried_first(self, record: ProjectRecord) -> int:
        """Return the versions that are tried before all others, whatever their order: final releases, mostly."""
        return record.usable & ~record.prerelease if self._mode not in _UNLIMITED else record.usable

    def _offers_prereleases(self, name: str) -> bool:
        if self._mode == "disallow":
            return False
        return self._mode != "explicit" or name in self._explicit
