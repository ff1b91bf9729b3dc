"""Newer versions of what is locked: which there are, which may be taken, and who holds them back."""

from __future__ import annotations

from blast_core.errors import OfflineError, ProjectNotFound
from blast_core.tuples import NamedTuple
from blast_core.version import (
    make_version_table,
    mentions_prerelease,
    prerelease_mask,
    specifier_mask,
    version_key,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from blast_pm.index.model import IndexFile
    from blast_pm.metadata.page_records import PageRecord
    from blast_pm.metadata.policy import FilePolicy
    from blast_project.lock_graph import Edge, LockedGraph, Node
    from blast_project.questions import Question
    from blast_project.session import Session

__all__ = ["Limit", "Prospect", "look_ahead", "newest_versions"]

_PROJECT = "the project"


class Limit(NamedTuple):
    """Something that asks for certain versions only.

    Attributes:
        by: ``the project``, a package and its version, a setting, or ``Python``.
        specifier: what it asks for.
        edge: the edge of the lock, None for a setting and for Python.
        is_project: whether it stands in pyproject.toml.
    """

    by: str
    specifier: str
    edge: Edge | None = None
    is_project: bool = False

    @property
    def words(self) -> str:
        """Such as ``lib 2.0 (<3)``."""
        return f"{self.by} ({self.specifier})" if self.specifier else self.by


class Prospect(NamedTuple):
    """What is newer than a locked version.

    Attributes:
        node: what is locked.
        known: whether an index told which versions there are.
        latest: the newest that settings let in; the locked one where nothing is newer.
        allowed: the newest that the project's own requirements and settings allow.
        free: the newest that all who ask for it allow, on the Pythons in question.
        limits: who asks for it.
        blockers: those of them that keep ``latest`` away.
    """

    node: Node
    known: bool
    latest: str
    allowed: str
    free: str
    limits: tuple[Limit, ...]
    blockers: tuple[Limit, ...]

    @property
    def is_outdated(self) -> bool:
        """Whether there is a newer version."""
        return self.latest != self.node.version


def look_ahead(session: Session, question: Question, nodes: Sequence[Node]) -> tuple[Prospect, ...]:
    """Return what is newer than each of the packages, in their order.

    What comes from elsewhere than an index has no prospects but itself. Offline, what the index said last counts, and
    what it was never asked for is not known.

    Raises:
        IndexAccessError: an index can't be reached.
    """
    graph = question.graph
    asked = [node for node in nodes if graph.source(node).kind == "registry"]
    session.client.prefetch(sorted({node.name for node in asked}))
    found = {node: _read_page(session, node) for node in asked}
    files = _files_that_count(session)
    return tuple(_prospect(session, graph, node, found.get(node), files) for node in nodes)


def newest_versions(session: Session, question: Question, nodes: Sequence[Node]) -> dict[Node, str]:
    """Return the newest version of each package that is not the newest."""
    prospects = look_ahead(session, question, nodes)
    return {prospect.node: prospect.latest for prospect in prospects if prospect.is_outdated}


def _files_that_count(session: Session) -> FilePolicy:
    from blast_project.resolving import files_that_count

    return files_that_count(session, session.policy)


def _read_page(session: Session, node: Node) -> PageRecord | None:
    try:
        return session.client.record(node.name)
    except (OfflineError, ProjectNotFound):
        return None


def _prospect(session: Session, graph: LockedGraph, node: Node, page: PageRecord | None, files: FilePolicy) -> Prospect:
    limits = _limits(session, graph, node)
    if page is None or not node.version:
        return Prospect(node, page is not None, node.version, node.version, node.version, limits, ())
    newer = _Newer(session, graph, node, page, files, limits)
    latest = newer.best(())
    if not latest:
        return Prospect(node, True, node.version, node.version, node.version, limits, ())  # noqa: FBT003
    own = tuple(limit for limit in limits if limit.is_project)
    blockers = [limit for limit in limits if not newer.is_allowed(latest, limit)]
    wrong_python = newer.wrong_python(latest)
    if wrong_python:
        blockers.append(Limit("Python", wrong_python))
    return Prospect(
        node,
        True,  # noqa: FBT003
        latest,
        newer.best(own) or node.version,
        newer.best(limits, python=True) or node.version,
        limits,
        tuple(blockers),
    )


def _limits(session: Session, graph: LockedGraph, node: Node) -> tuple[Limit, ...]:
    """Return who asks for a package: the project first, then by name, then settings."""
    roots = set(graph.roots())
    rows: dict[tuple[str, str], Limit] = {}
    for edge in graph.incoming(node):
        is_project = edge.source in roots
        by = _PROJECT if is_project else edge.source.title
        rows.setdefault((by, edge.specifier), Limit(by, edge.specifier, edge, is_project))
    limits = sorted(rows.values(), key=lambda limit: (not limit.is_project, limit.by))
    for row in session.policy.resolution.constraints:
        if row.name == node.name and row.specifier:
            limits.append(Limit("constraint-dependencies", row.specifier, is_project=True))
    return tuple(limits)


class _Newer:
    """The versions that are newer than a locked one."""

    def __init__(
        self,
        session: Session,
        graph: LockedGraph,
        node: Node,
        page: PageRecord,
        files: FilePolicy,
        limits: Iterable[Limit],
    ) -> None:
        self._page = page
        self._policy = files
        self._graph = graph
        self._mask = node.mask
        self._name = node.name
        table = page.table
        key = version_key(node.version)
        mask = sum(1 << bit for bit, other in enumerate(table.keys) if other > key) & ~page.yanked
        mode = session.policy.resolution.package_prereleases.get(node.name, session.policy.resolution.prereleases)
        if mode != "allow" and not self._wants_prereleases(mode, node, limits):
            mask &= ~page.prerelease
        self._candidates = mask

    def _wants_prereleases(self, mode: str, node: Node, limits: Iterable[Limit]) -> bool:
        """Tell whether a pre-release would count: one is locked, or the project asks for one."""
        if mode == "disallow":
            return False
        said = any(limit.is_project and mentions_prerelease(limit.specifier) for limit in limits if limit.specifier)
        return said or bool(prerelease_mask(make_version_table((node.version,))))

    def best(self, limits: Iterable[Limit], *, python: bool = False) -> str:
        """Return the newest version that ``limits`` allow and that has a file that counts; "" if none."""
        mask = self._candidates
        for limit in limits:
            mask &= self._allowed(limit)
        while mask:
            bit = mask.bit_length() - 1
            mask ^= 1 << bit
            files = self._files(bit)
            if files and not (python and self._wrong_python(files)):
                return self._page.table.texts[bit]
        return ""

    def is_allowed(self, version: str, limit: Limit) -> bool:
        return bool(self._allowed(limit) >> self._bit(version) & 1)

    def wrong_python(self, version: str) -> str:
        """Return the Requires-Python that keeps a version away, "" if nothing does."""
        return self._wrong_python(self._files(self._bit(version)))

    def _allowed(self, limit: Limit) -> int:
        return specifier_mask(limit.specifier, self._page.table) if limit.specifier else -1

    def _bit(self, version: str) -> int:
        return self._page.table.texts.index(version)

    def _files(self, bit: int) -> tuple[IndexFile, ...]:
        return tuple(file for file in self._page.files[bit] if self._policy.allows(self._name, file))

    def _wrong_python(self, files: Sequence[IndexFile]) -> str:
        if any(self._graph.runs_on(file.requires_python) & self._mask for file in files):
            return ""
        return next((file.requires_python for file in files if file.requires_python), "")
