"""Solving changed requests within a budget, to find out what would help."""

from __future__ import annotations

from contextlib import suppress

from blast_core.errors import BlastError, ResolutionLimit
from blast_pm.resolver.request import Memory
from blast_pm.resolver.solver import Solver, Unsolvable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from blast_core.requirements import Requirement
    from blast_pm.metadata.records import ProjectRecord
    from blast_pm.resolver.model import DirectCandidate, MetadataSource, UniversalResolution
    from blast_pm.resolver.request import Request

__all__ = ["BoundedSource", "Outcome", "Trials"]

_MOST_SOLVES = 30
_MOST_UNIVERSAL = 8
_MOST_SHALLOW_READS = 40
# What may have to be built counts as so many reads.
_BUILD = 100
_MOST_CONFLICTS = 200

#: Chosen versions by name; None where there is no solution, or none was found within the budget.
Outcome = dict[str, str] | None


class BoundedSource:
    """A source that can be told to read only so much more; what was read before costs nothing.

    Args:
        source: asked for everything.
    """

    def __init__(self, source: MetadataSource) -> None:
        self._source = source
        self._seen: set[tuple[str, str]] = set()
        self._left = -1
        self._records: dict[str, ProjectRecord] = {}

    def allow(self, count: int) -> int:
        """Let so many projects and candidates be read from now on; return how many more might have been."""
        left = self._left
        self._left = count
        return left

    def prefetch(self, names: Iterable[str]) -> None:
        """Pass it on."""
        self._source.prefetch(names)

    def prefetch_dependencies(self, name: str, version: str) -> None:
        """Pass it on."""
        self._source.prefetch_dependencies(name, version)

    def project(self, name: str) -> ProjectRecord:
        """Return what exists of a project.

        Raises:
            ResolutionLimit: nothing more may be read.
        """
        self._count(name, "")
        record = self._records[name] = self._source.project(name)
        return record

    def dependencies(self, name: str, version: str) -> tuple[Requirement, ...]:
        """Return the requirements of a version.

        Raises:
            ResolutionLimit: nothing more may be read.
        """
        self._count(name, version, _BUILD if self._left >= 0 and self._may_be_built(name, version) else 1)
        return self._source.dependencies(name, version)

    def requires_python(self, name: str, version: str) -> str:
        """Return the Requires-Python of the version's metadata."""
        return self._source.requires_python(name, version)

    def provides_extras(self, name: str, version: str) -> tuple[str, ...]:
        """Return the extras that the version provides."""
        return self._source.provides_extras(name, version)

    def direct(self, requirement: Requirement) -> DirectCandidate:
        """Return what the address of ``requirement`` holds."""
        return self._source.direct(requirement)

    def shallow(self, names: Collection[str]) -> BoundedSource:
        """Return the same source, in which only the projects in ``names`` need anything, and only one another."""
        return _Shallow(self, names)

    def _may_be_built(self, name: str, version: str) -> bool:
        """Tell whether a version has no wheel: only a build may tell what it needs, and that takes seconds."""
        record = self._records.get(name)
        if record is None or version not in record.table.texts:
            return False
        files = record.files[record.table.texts.index(version)]
        return not any(file.filename.endswith(".whl") for file in files)

    def _count(self, name: str, version: str, cost: int = 1) -> None:
        key = name, version
        if key in self._seen:
            return
        if 0 <= self._left < cost:
            raise ResolutionLimit("the search for suggestions has read enough")
        self._seen.add(key)
        if self._left >= 0:
            self._left -= cost


class _Shallow(BoundedSource):
    def __init__(self, source: BoundedSource, names: Collection[str]) -> None:
        super().__init__(source)
        self._names = names

    def dependencies(self, name: str, version: str) -> tuple[Requirement, ...]:
        """Return those requirements that lead to one of the projects."""
        return tuple(row for row in super().dependencies(name, version) if row.name in self._names)

    def prefetch(self, names: Iterable[str]) -> None:
        """Nothing is announced: what would be read ahead is not asked for."""

    def prefetch_dependencies(self, name: str, version: str) -> None:
        """Nothing is announced either."""


class Trials:
    """Solves changed requests, each once, until the budget is spent.

    Attributes:
        solves: how many searches there were.
    """

    def __init__(self) -> None:
        self.solves = 0
        self._known: dict[object, Outcome] = {}
        self._limited: set[object] = set()
        self._everywhere: dict[object, UniversalResolution | None] = {}
        self._universal = 0

    def solve(self, request: Request) -> Outcome:
        """Return what would be chosen; None where nothing is found. Cost: a search, the first time."""
        key = _key(request)
        if key not in self._known:
            self._known[key] = self._solve(request, key)
        return self._known[key]

    def solve_everywhere(self, request: Request) -> UniversalResolution | None:
        """Return what would be chosen on all targets; None where the budget is not enough. Cost: some searches."""
        from blast_pm.resolver.universal import solve_groups

        key = ("everywhere", _key(request))
        if key not in self._everywhere:
            self._everywhere[key] = None
            if self._universal < _MOST_UNIVERSAL:
                self._universal += 1
                with suppress(BlastError):
                    self._everywhere[key] = solve_groups(request, most_conflicts=_MOST_CONFLICTS)
        return self._everywhere[key]

    def solve_shallowly(self, request: Request, names: Collection[str]) -> Outcome:
        """Return what would be chosen if the projects in ``names`` needed only one another. Cost: a small search."""
        source = request.source
        if not isinstance(source, BoundedSource):
            return None
        shallow = source.shallow(names)
        left = source.allow(_MOST_SHALLOW_READS)
        outcome = self._search(request._replace(source=shallow, memory=Memory()), "shallow")
        source.allow(left)
        return outcome

    def is_impossible(self, request: Request) -> bool:
        """Tell whether a request that was tried is known to have no solution."""
        key = _key(request)
        return key in self._known and self._known[key] is None and key not in self._limited

    def _solve(self, request: Request, key: object) -> Outcome:
        if self.solves >= _MOST_SOLVES:
            self._limited.add(key)
            return None
        self.solves += 1
        return self._search(request, key)

    def _search(self, request: Request, key: object) -> Outcome:
        solver = Solver(request, most_conflicts=_MOST_CONFLICTS)
        try:
            solver.solve()
        except Unsolvable:
            return None
        except BlastError:  # the budget, or what can't be read
            self._limited.add(key)
            return None
        return {
            package.name: package.table.texts[index]
            for package, index in solver.chosen().items()
            if package is package.base
        }


def _key(request: Request) -> object:
    return (
        request.group,
        tuple(request.requirements),
        tuple(sorted(request.only_on.items())),
        tuple(request.constraints),
        tuple(request.overrides),
        request.prereleases,
        tuple(sorted(request.package_prereleases.items())),
    )
