"""Incompatibilities, the clauses of PubGrub: sets of terms that can't all be true, and why.

A term is a package and a set of its versions as an int, where bit 0 stands for 'not selected' and bit i + 1 for
version i.
"""

from __future__ import annotations

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.requirements import Requirement
    from blast_pm.resolver.universe import Package

    Term = tuple[Package, int]

__all__ = [
    "Asked",
    "Cause",
    "Clause",
    "Constrained",
    "Depends",
    "Learned",
    "OwnDependency",
    "SameVersion",
    "Unusable",
]


class Asked(NamedTuple):
    """The project asks for something."""

    requirement: Requirement


class Constrained(NamedTuple):
    """A constraint of the user limits a package, should it be selected."""

    requirement: Requirement


class Depends(NamedTuple):
    """Versions of a package depend on another one.

    Attributes:
        package: the dependent, perhaps an extra.
        versions: mask of its versions that do.
        requirements: theirs, each once, in the order they were met.
    """

    package: Package
    versions: int
    requirements: tuple[Requirement, ...]


class OwnDependency(NamedTuple):
    """Versions of a package depend on a version of their own package that they are not."""

    package: Package
    requirements: tuple[Requirement, ...]


class SameVersion(NamedTuple):
    """An extra is installed in the version of its package."""

    proxy: Package


class Unusable(NamedTuple):
    """Versions that can't be chosen.

    Attributes:
        package: theirs.
        kind: ``python``, ``platform`` (no wheel for the target), ``source`` (no wheel, but something to build one
            from), ``policy`` (the user's settings let no file of it in), ``yanked``, ``prerelease``, ``metadata``,
            ``missing`` (the project itself) or ``offline`` (the project, or what a version needs, is not known without
            the network).
        detail: the words that go with the kind.
        known: what there is instead, in words.
    """

    package: Package
    kind: str
    detail: str
    known: str = ""


class Learned(NamedTuple):
    """A clause that follows from others.

    Attributes:
        first: the clause that was in conflict.
        steps: what it was resolved with, in order: the package that each step removed or widened, and the other clause.
    """

    first: Clause
    steps: tuple[tuple[Package, Clause], ...]


Cause = Asked | Constrained | Depends | OwnDependency | SameVersion | Unusable | Learned


class Clause:
    """Terms of which at least one is false in every solution.

    Args:
        terms: at most one per package.
        cause: why that is so.
    """

    __slots__ = ("cause", "terms")

    def __init__(self, terms: tuple[Term, ...], cause: Cause) -> None:
        self.terms = terms
        self.cause = cause
