"""What goes into a resolution and what comes out of it, as plain values."""

from __future__ import annotations

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Protocol

    from blast_core.errors import NoSolution, OfflineError
    from blast_core.formats.dpl.model import LockedSource
    from blast_core.requirements import Requirement
    from blast_pm.index.model import IndexFile
    from blast_pm.metadata.records import ProjectRecord
    from blast_pm.resolver.request import Request

if not TYPE_CHECKING:
    Protocol = object  # typing costs more than the whole resolver to import

__all__ = [
    "PRERELEASE_MODES",
    "RESOLUTION_MODES",
    "DirectCandidate",
    "MetadataSource",
    "Resolution",
    "ResolutionPolicy",
    "ResolvedPackage",
    "TargetFailure",
    "UniversalPackage",
    "UniversalResolution",
]

#: What ``prereleases`` may be. Where pre-releases are only *necessary*, every fitting final release is tried before
#: any of them, as in uv 0.13 (where ``if-necessary-or-explicit`` has become another name of ``if-necessary``).
PRERELEASE_MODES = ("disallow", "allow", "if-necessary", "explicit", "if-necessary-or-explicit")

#: What ``ResolutionPolicy.resolution`` may be; ``lowest-direct`` takes the oldest of what the project itself asks for.
RESOLUTION_MODES = ("highest", "lowest", "lowest-direct")

_NO_MODES: Mapping[str, str] = {}


class ResolutionPolicy(NamedTuple):
    """What the user wants of every resolution.

    Attributes:
        constraints: limits on packages that are only needed if something else asks for them.
        overrides: requirements that replace all others on the same project, wherever they stand.
        prereleases: one of ``PRERELEASE_MODES``. In every ``necessary`` mode all final releases that fit are tried
            before any pre-release.
        package_prereleases: another mode for single projects, by normalised name.
        resolution: one of ``RESOLUTION_MODES``.
    """

    constraints: tuple[Requirement, ...] = ()
    overrides: tuple[Requirement, ...] = ()
    prereleases: str = "if-necessary-or-explicit"
    package_prereleases: Mapping[str, str] = _NO_MODES
    resolution: str = "highest"


class MetadataSource(Protocol):
    """Where the resolver learns what exists and what it depends on.

    ``project`` and ``dependencies`` block until the answer is there; both ``prefetch`` methods return at once and only
    say that the answer will probably be asked for. Names are normalised everywhere.
    """

    def prefetch(self, names: Iterable[str]) -> None:
        """Begin to read the projects' pages. Cost: once per decision, with the names it discovered."""

    def project(self, name: str) -> ProjectRecord:
        """Return what exists of a project. Cost: once per project.

        Raises:
            ProjectNotFound: no index knows the project.
        """

    def dependencies(self, name: str, version: str) -> tuple[Requirement, ...]:
        """Return the requirements of a version, markers unevaluated. Cost: once per candidate that is looked at."""

    def prefetch_dependencies(self, name: str, version: str) -> None:
        """Begin to read a version's metadata. Cost: once or twice per candidate that is looked at."""

    def requires_python(self, name: str, version: str) -> str:
        """Return the Requires-Python of the version's metadata, "" if none. Only asked after ``dependencies``."""

    def provides_extras(self, name: str, version: str) -> tuple[str, ...]:
        """Return the extras that the version provides, normalised. Only asked after ``dependencies``."""

    def direct(self, requirement: Requirement) -> DirectCandidate:
        """Return what the address of ``requirement`` holds. Only asked for what another address's project names.

        Raises:
            ProjectError: requirements by address are not allowed here.
        """


class DirectCandidate(NamedTuple):
    """The one candidate of a project that is required by address: an archive, a repository, a directory.

    Attributes:
        name: normalised name of the project.
        version: the version that its metadata names.
        url: the address that requirements name.
        requirements: as in its metadata, unevaluated.
        requires_python: as in its metadata.
        provides_extras: as in its metadata, normalised.
        files: what a lock needs to know of its archive; may be empty.
        source: what stands in a lock for where it comes from.
        fits_all: only a build tells the version, and no other can be chosen: it is what any specifier asks for.
    """

    name: str
    version: str
    url: str
    requirements: tuple[Requirement, ...] = ()
    requires_python: str = ""
    provides_extras: tuple[str, ...] = ()
    files: tuple[IndexFile, ...] = ()
    source: LockedSource | None = None
    fits_all: bool = False


class ResolvedPackage(NamedTuple):
    """One version that was chosen.

    Attributes:
        name: normalised name.
        version: as the index spells it.
        extras: those that something asks for and the version provides, sorted.
        requirements: as in the version's metadata, unevaluated.
        files: all files of the version that the index lists.
        edges: names of the packages that it needs on this target, extras included, sorted.
        direct: the candidate, for what is required by address.
    """

    name: str
    version: str
    extras: tuple[str, ...]
    requirements: tuple[Requirement, ...]
    files: Sequence[IndexFile]
    edges: tuple[str, ...]
    direct: DirectCandidate | None = None


class Resolution(NamedTuple):
    """A set of versions that fit together.

    Attributes:
        packages: sorted by name.
        visited: how many candidates' dependencies were read.
        warnings: one sentence each, such as about extras that do not exist.
    """

    packages: tuple[ResolvedPackage, ...]
    visited: int
    warnings: tuple[str, ...] = ()


class UniversalPackage(NamedTuple):
    """One version that was chosen for some targets.

    Attributes:
        name: normalised name.
        version: as the index spells it.
        mask: bit i is set where it is chosen for target i.
        extras: those that something asks for and the version provides, sorted, each with the targets where.
        requirements: as in the version's metadata, unevaluated.
        files: all files of the version that the index lists.
        direct: the candidate, for what is required by address.
    """

    name: str
    version: str
    mask: int
    extras: tuple[tuple[str, int], ...]
    requirements: tuple[Requirement, ...]
    files: Sequence[IndexFile]
    direct: DirectCandidate | None


class TargetFailure(NamedTuple):
    """Targets for which nothing fits.

    Attributes:
        mask: the targets.
        request: what was asked for the first of them.
    """

    mask: int
    request: Request

    @property
    def error(self) -> NoSolution | OfflineError:
        """Why nothing fits, for the first of the targets. Cost: a search or several, each time."""
        from blast_pm.resolver.diagnose import diagnose

        return diagnose(self.request)

    @property
    def kinds(self) -> frozenset[str]:
        """What stands against versions in the proof for the first target: see ``clauses.Unusable.kind``.

        Without any the requirements contradict each other whatever the index has. Cost: a search, each time.
        """
        from blast_pm.resolver.clauses import Unusable
        from blast_pm.resolver.derivation import leaves
        from blast_pm.resolver.solver import Solver, Unsolvable

        try:
            Solver(self.request, show_unusable=True).solve()
        except Unsolvable as found:
            causes = [clause.cause for clause in leaves(found.clause)]
            return frozenset(cause.kind for cause in causes if isinstance(cause, Unusable))
        return frozenset()


class UniversalResolution(NamedTuple):
    """For every target a set of versions that fit together.

    Attributes:
        packages: sorted by name and version; the masks of one name's versions are disjoint.
        visited: how many candidates' dependencies were read.
        warnings: one sentence each.
        failures: the targets without a solution.
        solves: how many searches it took.
        setbacks: how many conflicts and candidates in vain there were; without any, nothing depended on the order in
            which packages were decided.
    """

    packages: tuple[UniversalPackage, ...]
    visited: int
    warnings: tuple[str, ...]
    failures: tuple[TargetFailure, ...]
    solves: int
    setbacks: int = 0
