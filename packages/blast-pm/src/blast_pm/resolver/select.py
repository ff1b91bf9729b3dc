"""Which search answers: PubGrub, or resolvelib for who asks for it by name.

Both take the same arguments and raise the same errors. resolvelib knows nothing of targets, so it is asked once for
each, and what it says is merged; where several sets of versions fit, it may choose others than PubGrub.
"""

from __future__ import annotations

from blast_core.errors import NoSolution, UsageError
from blast_core.tuples import NamedTuple
from blast_pm.resolver import resolve, resolve_universal
from blast_pm.resolver.model import ResolutionPolicy, TargetFailure, UniversalPackage, UniversalResolution
from blast_pm.resolver.request import make_request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from blast_core.interpreter import Target
    from blast_core.requirements import Requirement
    from blast_pm.metadata.records import ProjectRecord
    from blast_pm.resolver.model import DirectCandidate, MetadataSource, Resolution, ResolvedPackage

__all__ = ["RESOLVERS", "find_resolver", "find_universal_resolver", "resolve_universal_with_resolvelib"]

_DEFAULT_POLICY = ResolutionPolicy()
#: What ``[tool.blast] resolver`` may be.
RESOLVERS = ("pubgrub", "resolvelib")


def find_resolver(name: str) -> Callable[..., Resolution]:
    """Return the function that answers as ``blast_pm.resolver.resolve`` does.

    Raises:
        UsageError: there is no such resolver.
    """
    if _check(name) == "pubgrub":
        return resolve
    from blast_pm.resolver.oracle import resolve_with_resolvelib

    return resolve_with_resolvelib


def find_universal_resolver(name: str) -> Callable[..., UniversalResolution]:
    """Return the function that answers as ``blast_pm.resolver.resolve_universal`` does.

    Raises:
        UsageError: there is no such resolver.
    """
    return resolve_universal if _check(name) == "pubgrub" else resolve_universal_with_resolvelib


def _check(name: str) -> str:
    if name not in RESOLVERS:
        raise UsageError(f"unknown resolver '{name}'", hint=f"one of {', '.join(RESOLVERS)}")
    return name


def resolve_universal_with_resolvelib(
    roots: Sequence[tuple[Requirement, int]],
    targets: Sequence[Target],
    source: MetadataSource,
    *,
    policy: ResolutionPolicy = _DEFAULT_POLICY,
    preferences: Mapping[str, Sequence[tuple[str, int]]] | None = None,
    direct: Mapping[str, DirectCandidate] | None = None,
    origins: Mapping[Requirement, str] | None = None,
) -> UniversalResolution:
    """Answer as ``blast_pm.resolver.resolve_universal`` does, by resolvelib's search for each target alone.

    Raises:
        ResolutionLimit: resolvelib gave up.
    """
    from blast_pm.resolver.oracle import resolve_with_resolvelib

    wished = preferences or {}
    merge = _Merge(list((direct or {}).values()))
    failures = []
    for number, target in enumerate(targets):
        bit = 1 << number
        try:
            found = resolve_with_resolvelib(
                [requirement for requirement, mask in roots if mask & bit],
                target,
                _OneTarget(source, bit, merge.candidates),
                policy=policy,
                preferences=_preferences_on(bit, wished),
                direct=direct or {},
                origins=origins or {},
            )
        except NoSolution:
            # PubGrub explains more than the search that failed.
            request = make_request(
                roots, targets, source, policy, preferences=wished, direct=direct or {}, origins=origins or {}
            )
            failures.append(TargetFailure(bit, request._replace(group=bit)))
        else:
            merge.add(found, bit)
    return UniversalResolution(
        merge.packages(), merge.visited, tuple(sorted(merge.warnings)), tuple(failures), len(targets)
    )


def _preferences_on(bit: int, preferences: Mapping[str, Sequence[tuple[str, int]]]) -> dict[str, str]:
    return {name: version for name, rows in preferences.items() for version, mask in rows if mask & bit}


class _OneTarget:
    """A source for many targets, seen from one of them."""

    def __init__(self, source: MetadataSource, bit: int, candidates: list[DirectCandidate]) -> None:
        self._source = source
        self._bit = bit
        self._candidates = candidates
        self.prefetch = source.prefetch
        self.prefetch_dependencies = source.prefetch_dependencies
        self.dependencies = source.dependencies
        self.requires_python = source.requires_python
        self.provides_extras = source.provides_extras

    def direct(self, requirement: Requirement) -> DirectCandidate:
        candidate = self._source.direct(requirement)
        self._candidates.append(candidate)
        return candidate

    def project(self, name: str) -> ProjectRecord:
        record = self._source.project(name)
        usable = 0
        for mask, versions in record.usable_by:
            if mask & self._bit:
                usable |= versions
        return record._replace(usable=usable, usable_by=((1, usable),))


class _Found(NamedTuple):
    """What is known of a version so far."""

    package: ResolvedPackage
    mask: int
    extras: dict[str, int]


class _Merge:
    """Collects what was found for each target into one resolution.

    Attributes:
        candidates: those of projects that are required by address.
        visited: how many candidates' dependencies were read.
        warnings: one sentence each.
    """

    def __init__(self, candidates: list[DirectCandidate]) -> None:
        self.candidates = candidates
        self.visited = 0
        self.warnings: set[str] = set()
        self._found: dict[tuple[str, str], _Found] = {}

    def add(self, resolution: Resolution, bit: int) -> None:
        self.visited += resolution.visited
        self.warnings.update(resolution.warnings)
        for package in resolution.packages:
            key = (package.name, package.version)
            known = self._found.get(key) or _Found(package, 0, {})
            for extra in package.extras:
                known.extras[extra] = known.extras.get(extra, 0) | bit
            self._found[key] = known._replace(mask=known.mask | bit)

    def packages(self) -> tuple[UniversalPackage, ...]:
        from blast_core.version import version_key

        rows = [
            UniversalPackage(
                name,
                version,
                found.mask,
                tuple(sorted(found.extras.items())),
                found.package.requirements,
                found.package.files,
                next((row for row in self.candidates if (row.name, row.version) == (name, version)), None),
            )
            for (name, version), found in self._found.items()
        ]
        return tuple(sorted(rows, key=lambda row: (row.name, version_key(row.version))))
