"""Projects whose versions stand already, before a source that is asked for all others.

A lock says all that a resolution needs of the packages in it. Nothing is asked anew of a project that is frozen:
it has the locked versions, each on the targets it was locked for, and these need what the lock says that they need.
"""

from __future__ import annotations

from blast_core.tuples import NamedTuple
from blast_core.version import make_version_table
from blast_pm.metadata.project_record import ProjectRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from blast_core.requirements import Requirement
    from blast_pm.index.model import IndexFile
    from blast_pm.resolver.model import DirectCandidate, MetadataSource

__all__ = ["FrozenMetadata", "FrozenVersion"]


class FrozenVersion(NamedTuple):
    """One version as it was locked.

    Attributes:
        targets: mask of the targets that it was locked for.
        requirements: of itself and of the extras that were asked for, markers unevaluated.
        extras: those that were asked for, and that it provides.
        files: those that were locked.
        extra_targets: for each of the extras the targets of the entries that name it.
    """

    targets: int
    requirements: tuple[Requirement, ...]
    extras: tuple[str, ...]
    files: Sequence[IndexFile]
    extra_targets: tuple[int, ...] = ()


class FrozenMetadata:
    """A ``MetadataSource`` with frozen projects.

    Args:
        source: is asked for all others.
        frozen: by normalised name the locked versions, by their text.
        everywhere: mask of all targets.

    Attributes:
        read: requirements of the candidates that were looked at, frozen ones among them, by name and version.
    """

    def __init__(
        self, source: MetadataSource, frozen: Mapping[str, Mapping[str, FrozenVersion]], everywhere: int
    ) -> None:
        self.read: dict[tuple[str, str], tuple[Requirement, ...]] = {}
        self._source = source
        self._frozen = frozen
        self._everywhere = everywhere
        self._records: dict[str, ProjectRecord] = {}

    @property
    def visited(self) -> int:
        """How many candidates' requirements were asked of the source."""
        return sum(name not in self._frozen for name, _ in self.read)

    @property
    def fetches_ahead(self) -> bool:
        """Whether to announce what will be asked does anything, see the source."""
        return bool(getattr(self._source, "fetches_ahead", True))

    def prefetch(self, names: Iterable[str]) -> None:
        """Announce what isn't frozen."""
        self._source.prefetch([name for name in names if name not in self._frozen])

    def prefetch_dependencies(self, name: str, version: str) -> None:
        """Announce what isn't frozen."""
        if name not in self._frozen:
            self._source.prefetch_dependencies(name, version)

    def project(self, name: str) -> ProjectRecord:
        """Return the locked versions, or what exists; raises as the source does."""
        versions = self._frozen.get(name)
        if versions is None:
            return self._source.project(name)
        record = self._records.get(name)
        if record is None:
            record = self._records[name] = _record(name, versions, self._everywhere)
        return record

    def dependencies(self, name: str, version: str) -> tuple[Requirement, ...]:
        """Return the requirements of a version; raises as the source does."""
        versions = self._frozen.get(name)
        found = versions[version].requirements if versions is not None else self._source.dependencies(name, version)
        self.read[name, version] = found
        return found

    def requires_python(self, name: str, version: str) -> str:
        """Return Requires-Python; "" for what is frozen, as it is locked for targets that have one that fits."""
        return "" if name in self._frozen else self._source.requires_python(name, version)

    def provides_extras(self, name: str, version: str) -> tuple[str, ...]:
        """Return the extras of a version; of what is frozen those that were asked for."""
        versions = self._frozen.get(name)
        return versions[version].extras if versions is not None else self._source.provides_extras(name, version)

    def direct(self, requirement: Requirement) -> DirectCandidate:
        """Return what the source says of an address."""
        return self._source.direct(requirement)


def _record(name: str, versions: Mapping[str, FrozenVersion], everywhere: int) -> ProjectRecord:
    table = make_version_table(versions)
    rows = [versions[text] for text in table.texts]
    files = [row.files for row in rows]
    if len(rows) == 1:
        here = rows[0].targets & everywhere
        cells = ((here, 1), (everywhere & ~here, 0))
        return ProjectRecord(name, table, 1, 0, 0, files, tuple(cell for cell in cells if cell[0]))
    classes: dict[int, int] = {}
    rest = everywhere
    while rest:
        bit = rest & -rest
        rest ^= bit
        usable = sum(1 << at for at, row in enumerate(rows) if row.targets & bit)
        classes[usable] = classes.get(usable, 0) | bit
    usable_by = tuple((targets, usable) for usable, targets in classes.items())
    return ProjectRecord(name, table, (1 << len(rows)) - 1, 0, 0, files, usable_by)
