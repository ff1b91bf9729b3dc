"""What goes into a resolution and what comes out of it, as plain values."""

from __future__ import annotations

from typing import NamedTuple, Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from blast_core.requirements import Requirement
    from blast_pm.index.model import IndexFile
    from blast_pm.metadata.records import ProjectRecord

__all__ = ["PRERELEASE_MODES", "DirectCandidate", "MetadataSource", "Resolution", "ResolvedPackage"]

#: What ``prereleases`` may be. Where pre-releases are only *necessary*, every fitting final release is tried before
#: any of them, as in uv 0.13 (where ``if-necessary-or-explicit`` has become another name of ``if-necessary``).
PRERELEASE_MODES = ("disallow", "allow", "if-necessary", "explicit", "if-necessary-or-explicit")


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
    """

    name: str
    version: str
    url: str
    requirements: tuple[Requirement, ...] = ()
    requires_python: str = ""
    provides_extras: tuple[str, ...] = ()
    files: tuple[IndexFile, ...] = ()


class ResolvedPackage(NamedTuple):
    """One version that was chosen.

    Attributes:
        name: normalised name.
        version: as the index spells it.
        extras: those that something asks for and the version provides, sorted.
        requirements: as in the version's metadata, unevaluated.
        files: all files of the version that the index lists.
        edges: names of the packages that it needs on this target, extras included, sorted.
    """

    name: str
    version: str
    extras: tuple[str, ...]
    requirements: tuple[Requirement, ...]
    files: tuple[IndexFile, ...]
    edges: tuple[str, ...]


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
