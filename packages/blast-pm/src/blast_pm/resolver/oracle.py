"""The same question answered by resolvelib: the oracle of the tests, and selectable by users.

It shares with the solver what decides *which versions may be chosen* (``universe``), and nothing of the search.
"""

from __future__ import annotations

from resolvelib import AbstractProvider, BaseReporter, ResolutionImpossible, ResolutionTooDeep
from resolvelib.resolvers import Resolution as Search

from blast_core.errors import NoSolution, ResolutionLimit
from blast_core.requirements import format_requirement
from blast_core.tuples import NamedTuple
from blast_pm.resolver.clauses import Unusable
from blast_pm.resolver.model import ResolutionPolicy
from blast_pm.resolver.request import make_request
from blast_pm.resolver.result import build_resolution
from blast_pm.resolver.universe import NOT_SELECTED, Package, Universe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from resolvelib.structs import RequirementInformation

    from blast_core.interpreter import Target
    from blast_core.requirements import Requirement
    from blast_pm.resolver.markers import Row
    from blast_pm.resolver.model import DirectCandidate, MetadataSource, Resolution

    Information = RequirementInformation["_Wanted", "_Candidate"]

__all__ = ["resolve_with_resolvelib"]

_MOST_ROUNDS = 100_000
_DEFAULT_POLICY = ResolutionPolicy()


class _Wanted(NamedTuple):
    """A set of versions of a package that someone asks for."""

    package: Package
    versions: int
    source: Requirement | None


class _Candidate(NamedTuple):
    package: Package
    bit: int


class _Provider(AbstractProvider["_Wanted", "_Candidate", "Package"]):
    def __init__(self, universe: Universe) -> None:
        self.universe = universe

    def wanted(self, rows: Iterable[Row], part: Package | None = None) -> Iterator[_Wanted]:
        for row, mask in rows:
            if row.url and self.universe.may_name_addresses(part, row):
                self.universe.note_address(row, part, mask)
            base = self.universe.load(row.name)
            versions = self.universe.mask(base, row)
            for constraint, _ in self.universe.policy.constraints.get(row.name, ()):
                versions &= self.universe.mask(base, constraint)
            for extra in ("", *row.extras):
                yield _Wanted(self.universe.proxy(base, extra) if extra else base, versions, row)

    def identify(self, requirement_or_candidate: _Wanted | _Candidate) -> Package:
        return requirement_or_candidate.package

    def get_preference(
        self,
        identifier: Package,
        resolutions: Mapping[Package, _Candidate],  # noqa: ARG002 - resolvelib passes them by name
        candidates: Mapping[Package, Iterator[_Candidate]],  # noqa: ARG002 - as above
        information: Mapping[Package, Iterator[Information]],
        backtrack_causes: Sequence[Information],
    ) -> tuple[bool, bool, int, int]:
        conflicting = any(cause.requirement.package.base is identifier.base for cause in backtrack_causes)
        left = identifier.full
        for info in information[identifier]:
            left &= info.requirement.versions
        return (bool(left & (left - 1)), not conflicting, identifier.order, identifier.id)

    def find_matches(
        self,
        identifier: Package,
        requirements: Mapping[Package, Iterator[_Wanted]],
        incompatibilities: Mapping[Package, Iterator[_Candidate]],
    ) -> Iterable[_Candidate]:
        left = identifier.full & ~NOT_SELECTED
        for wanted in requirements[identifier]:
            left &= wanted.versions
        for candidate in incompatibilities[identifier]:
            left &= ~candidate.bit
        return [
            _Candidate(identifier, bit)
            for bit in self._in_order(identifier, left)
            if not isinstance(self.universe.rows(identifier, bit.bit_length() - 2), Unusable)
        ]

    def _in_order(self, package: Package, versions: int) -> Iterator[int]:
        base = package.base
        for group in (base.preferred, base.first & ~base.preferred, ~base.first & ~base.preferred):
            rest = versions & group
            while rest:
                bit = rest & -rest if base.oldest else 1 << (rest.bit_length() - 1)
                rest ^= bit
                yield bit

    def is_satisfied_by(self, requirement: _Wanted, candidate: _Candidate) -> bool:
        return bool(requirement.versions & candidate.bit)

    def get_dependencies(self, candidate: _Candidate) -> Iterable[_Wanted]:
        package = candidate.package
        rows = self.universe.rows(package, candidate.bit.bit_length() - 2)
        assert not isinstance(rows, Unusable), f"{package} is not a candidate"
        wanted = list(self.wanted(rows, package))
        if package is not package.base:
            wanted.append(_Wanted(package.base, candidate.bit, None))
        return wanted


def resolve_with_resolvelib(
    requirements: Sequence[Requirement],
    target: Target,
    source: MetadataSource,
    *,
    policy: ResolutionPolicy = _DEFAULT_POLICY,
    preferences: Mapping[str, str] | None = None,
    direct: Mapping[str, DirectCandidate] | None = None,
    origins: Mapping[Requirement, str] | None = None,
) -> Resolution:
    """Answer as ``blast_pm.resolver.resolve`` does, arguments and errors included, by resolvelib's search.

    Where several sets of versions fit, the two may choose differently.

    Raises:
        NoSolution: nothing fits; the reason lists what the last conflict was about.
        ResolutionLimit: resolvelib gave up.
    """
    request = make_request(
        [(requirement, 1) for requirement in requirements],
        (target,),
        source,
        policy,
        preferences={name: ((version, 1),) for name, version in (preferences or {}).items()},
        direct=direct or {},
        origins=origins or {},
    )
    universe = Universe(request)
    provider = _Provider(universe)
    # Not `Resolver`: its way from the search to a result recurses without end where a cycle was left behind.
    search = Search(provider, BaseReporter())
    try:
        result = search.resolve(list(provider.wanted(universe.policy.roots)), max_rounds=_MOST_ROUNDS)
    except ResolutionImpossible as error:
        raise _no_solution(error.causes) from error
    except ResolutionTooDeep as error:
        raise ResolutionLimit(f"resolvelib gave up after {error.round_count} rounds") from error
    chosen = {package: candidate.bit.bit_length() - 2 for package, candidate in result.mapping.items()}
    return build_resolution(universe, chosen)


def _no_solution(causes: Iterable[Information]) -> NoSolution:
    lines = []
    for cause in causes:
        asker = "your project" if cause.parent is None else _describe(cause.parent)
        row = cause.requirement.source
        lines.append(f"{asker} needs {format_requirement(row) if row else cause.requirement.package}")
    return NoSolution(
        "no set of versions fits all requirements",
        reason="; ".join(dict.fromkeys(lines)),
        hint="the default resolver explains more: remove the setting 'resolver = \"resolvelib\"'",
    )


def _describe(candidate: _Candidate) -> str:
    return f"{candidate.package!r} {candidate.package.table.texts[candidate.bit.bit_length() - 2]}"
