"""The resolver's source of metadata: indexes and the database behind one protocol.

A warm resolution makes no thread and imports nothing of the network. A cold one runs ahead of the resolver: as soon as
a page is there the metadata of its newest usable release is fetched, and the pages of what that needs.
"""

from __future__ import annotations

from _thread import allocate_lock
from bisect import bisect_left

from blast_core.errors import BlastError, BuildFailed, InvalidRequirement, OfflineError, ProjectNotFound
from blast_core.version import version_key
from blast_pm.metadata.core_metadata import check_belongs, decode_metadata, encode_metadata, parse_metadata
from blast_pm.metadata.views import ViewStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from blast_core.interpreter import Target
    from blast_core.requirements import Requirement
    from blast_pm.index.client import PyPiClient
    from blast_pm.index.model import IndexFile
    from blast_pm.metadata.core_metadata import MetadataRecord
    from blast_pm.metadata.page_records import PageRecord
    from blast_pm.metadata.policy import FilePolicy
    from blast_pm.metadata.project_record import ProjectRecord
    from blast_pm.metadata.store import Database
    from blast_pm.metadata.views import ProjectView
    from blast_pm.resolver.markers import TargetMarkers
    from blast_pm.resolver.model import DirectCandidate

__all__ = ["RegistryMetadata"]

_TRUSTED_FROM = (2, 2)


class RegistryMetadata:
    """Answers what exists and what it depends on; see ``blast_pm.resolver.model.MetadataSource``.

    Args:
        client: asks the indexes.
        database: where metadata is kept, the client's own.
        targets: for which files are judged, all at once; bit i of a mask of targets stands for ``targets[i]``.
        files: which files may be used; None for all.
        prefetch: whether to run ahead of the resolver.
        builds: whether versions with nothing but a source distribution are usable; None means where ``build_metadata``
            is given.
        build_metadata: returns PKG-INFO or METADATA of a source distribution whose own doesn't say its requirements.
        load_direct: returns what the address of a dependency's requirement holds; None forbids such requirements.
    """

    def __init__(
        self,
        client: PyPiClient,
        database: Database,
        targets: Sequence[Target],
        *,
        files: FilePolicy | None = None,
        prefetch: bool = True,
        builds: bool | None = None,
        build_metadata: Callable[[IndexFile], bytes] | None = None,
        load_direct: Callable[[Requirement], DirectCandidate] | None = None,
    ) -> None:
        self._client = client
        self._store = client.store
        self._database = database
        self._targets = tuple(targets)
        self._ahead = prefetch and not client.offline
        self._build_metadata = build_metadata
        self._load_direct = load_direct
        builds = build_metadata is not None if builds is None else builds
        self._views = ViewStore(self._store, self._targets, builds=builds, files=files)
        self._store.before_flush(self._views.save)
        self._markers: TargetMarkers | None = None
        self._asked: dict[str, tuple[str, str, bytes]] = {}
        self._is_repeatable = True
        self._projects: dict[str, ProjectView] = {}
        self._metadata: dict[tuple[str, str], MetadataRecord] = {}
        self._announced: set[str] = set()
        self._lock = allocate_lock()
        self._marking = allocate_lock()
        #: Told of the requirements of a project's version that will likely be chosen, from any thread, and of each that
        #: the resolver looks at; the last argument tells which of both.
        self.watch: Callable[[str, str, Sequence[Requirement], bool], None] | None = None

    # What the resolver asks

    @property
    def fetches_ahead(self) -> bool:
        """Whether to announce what will be asked does anything; it doesn't where the network is forbidden."""
        return self._ahead

    def prefetch(self, names: Iterable[str]) -> None:
        """Begin to read the projects' pages; returns at once."""
        for name in names:
            if name not in self._projects and self._ahead:
                self._begin_project(name)

    def project(self, name: str) -> ProjectRecord:
        """Return what exists of a project.

        Raises:
            ProjectNotFound: no index knows the project.
            OfflineError: its page isn't stored, and the network is forbidden.
            IndexAccessError: an index can't be reached or refuses.
        """
        try:
            project = self._project(name)
        except ProjectNotFound:
            self._asked[name] = (name, "", b"")
            raise
        except OfflineError:
            self._is_repeatable = False
            raise
        page = project.page
        self._asked[name] = (name, page.index, page.page_id)
        return project.record

    def dependencies(self, name: str, version: str) -> tuple[Requirement, ...]:
        """Return the requirements of a version, markers unevaluated.

        Raises:
            InvalidRequirement: its metadata holds a requirement that can't be read.
            OfflineError: it isn't stored, and the network is forbidden.
            IndexAccessError, IntegrityError: it can't be fetched, or isn't what the index promised.
        """
        record = self._metadata_of(name, version)
        if record.invalid:
            raise InvalidRequirement(
                f"{name} {version} can't be resolved: its metadata is invalid",
                reason=record.invalid,
                hint=f"exclude it, such as by {name}!={version}",
            )
        if self.watch is not None:
            self.watch(name, version, record.requirements, True)  # noqa: FBT003 - the order says it
        return record.requirements

    def prefetch_dependencies(self, name: str, version: str) -> None:
        """Begin to read a version's metadata; returns at once."""
        if not self._ahead or (name, version) in self._metadata or name not in self._projects:
            return
        if self._client.tasks.is_known(("metadata", name, version)):
            return
        if self._stored_metadata(name, version) is None:
            # After the first one, versions are announced in the order in which a search will look at them.
            self._begin_metadata(name, version, later=name in self._announced)
            self._announced.add(name)

    def requires_python(self, name: str, version: str) -> str:
        """Return the Requires-Python of the version's metadata, "" if none."""
        return self._metadata_of(name, version).requires_python

    def provides_extras(self, name: str, version: str) -> tuple[str, ...]:
        """Return the extras that the version provides, normalised."""
        return self._metadata_of(name, version).provides_extras

    def direct(self, requirement: Requirement) -> DirectCandidate:
        """Return what the address of a dependency's requirement holds.

        Raises:
            InvalidRequirement: such requirements are not allowed here.
        """
        self._is_repeatable = False
        if self._load_direct is None:
            raise InvalidRequirement(
                f"{requirement.name} is required by address: {requirement.url}",
                reason="a dependency names it, and addresses are followed only where the project's own sources are",
                hint=f"name {requirement.name} with its address among the project's own requirements",
            )
        return self._load_direct(requirement)

    def pages(self) -> tuple[tuple[str, str, bytes], ...] | None:
        """Return what the answers so far came from: by name the project, its index and its page's id.

        A project that no index knows has neither. None where the same pages may lead to other answers: where something
        was asked for by address, was not in the store, or has no digest.
        """
        return tuple(self._asked[name] for name in sorted(self._asked)) if self._is_repeatable else None

    # For whoever installs what was resolved

    def files(self, name: str, version: str) -> Sequence[IndexFile]:
        """Return the files of a version that was looked at."""
        project = self._project(name)
        return project.page.files[_position(project, version)]

    def metadata_digest(self, name: str, version: str) -> bytes:
        """Return the sha256 of the metadata that the version was resolved with; the installed one should have it."""
        return self._metadata_of(name, version).sha256

    # Projects

    def _project(self, name: str) -> ProjectView:
        found = self._projects.get(name)
        return found if found is not None else self._keep_project(self._client.record(name))

    def _keep_project(self, page: PageRecord) -> ProjectView:
        url = self._client.location(page.index).url
        made = self._views.open(url, page)
        with self._lock:
            return self._projects.setdefault(page.name, made)

    def _begin_project(self, name: str) -> None:
        if self._client.tasks.is_known(("project", name)):
            return
        try:
            stored = self._client.stored_record(name)
        except ProjectNotFound:
            return
        if stored is None:
            self._client.tasks.start(("project", name), lambda: self._follow_project(name))
        elif stored.exists:
            self._keep_project(stored)

    def _follow_project(self, name: str) -> None:
        """In the background: fetch a page, then the metadata of the release that will most likely be chosen."""
        project = self._project(name)
        for position in project.likely():
            self._begin_metadata(name, project.record.table.texts[position])

    # Metadata

    def _begin_metadata(self, name: str, version: str, *, later: bool = False) -> None:
        project = self._project(name)
        file = project.chosen(_position(project, version))
        if file is None or not file.filename.endswith(".whl"):
            # It may have to be built, and nothing is built before the resolver really asks.
            return
        key = ("metadata", name, version)
        self._client.tasks.start(key, lambda: self._follow_metadata(name, version, is_likely=not later), later=later)

    def _follow_metadata(self, name: str, version: str, *, is_likely: bool) -> MetadataRecord:
        """In the background: fetch metadata, then begin with the pages of what it needs on one of the targets."""
        record = self._obtain_metadata(name, version)
        if is_likely and self.watch is not None and not record.invalid:
            self.watch(name, version, record.requirements, False)  # noqa: FBT003 - the order says it
        for requirement in record.requirements:
            if requirement.url or requirement.name in self._projects:
                continue
            if not requirement.marker or self._is_needed(requirement.marker):
                self._begin_project(requirement.name)
        return record

    def _is_needed(self, marker: str) -> bool:
        """Tell whether the marker holds on one of the targets when no extra is asked for."""
        # What it remembers is not for many threads at once.
        with self._marking:
            if self._markers is None:
                from blast_pm.resolver.markers import TargetMarkers

                self._markers = TargetMarkers(self._targets)
            return bool(self._markers.holds(marker))

    def _metadata_of(self, name: str, version: str) -> MetadataRecord:
        known = self._metadata.get((name, version))
        if known is not None:
            return known
        try:
            return self._read_metadata(name, version)
        except BlastError:
            # What can't be read today may be tomorrow.
            self._is_repeatable = False
            raise

    def _read_metadata(self, name: str, version: str) -> MetadataRecord:
        """Return the metadata of a version, waiting for whoever fetches it already."""
        record = self._stored_metadata(name, version)
        if record is None:
            key = ("metadata", name, version)
            record = self._client.tasks.result(key, lambda: self._obtain_metadata(name, version))
        with self._lock:
            return self._metadata.setdefault((name, version), record)

    def _stored_metadata(self, name: str, version: str) -> MetadataRecord | None:
        project = self._project(name)
        position = _position(project, version)
        record = project.metadata(position)
        if record is None:
            digest = project.digest(position)
            record = self._store.read("metadata", digest, decode_metadata) if digest else None
            if record is None:
                return None
            project.learn(position, record)
        self._metadata[name, version] = record
        return record

    def _obtain_metadata(self, name: str, version: str) -> MetadataRecord:
        stored = self._stored_metadata(name, version)
        if stored is not None:
            return stored
        project = self._project(name)
        position = _position(project, version)
        digest = project.digest(position)
        file = project.chosen(position, digest)
        if file is None:
            raise ProjectNotFound(f"{name} {version} has no file on the index {project.page.index}")
        record = self._fetch_metadata(file, name, version)
        if digest:
            self._store.put("metadata", digest, encode_metadata(record))
            project.learn(position, record)
        else:
            self._is_repeatable = False
        return record

    def _fetch_metadata(self, file: IndexFile, name: str, version: str) -> MetadataRecord:
        content = self._client.metadata(file)
        is_sdist = not file.filename.endswith(".whl")
        record = self._build(file) if is_sdist and not content else parse_metadata(content, file.filename)
        if is_sdist and content and not _is_static(record):
            record = self._build(file)
        check_belongs(record, name, version, file.filename)
        return record

    def _build(self, file: IndexFile) -> MetadataRecord:
        if self._build_metadata is None:
            raise BuildFailed(
                f"the requirements of {file.filename} are known only after building it",
                reason="it is a source distribution whose metadata doesn't tell them (PEP 643), and builds are off",
                hint="choose a version that has a wheel, or allow builds",
            )
        return parse_metadata(self._build_metadata(file), file.filename)


def _position(project: ProjectView, version: str) -> int:
    """Return the place of a version, however it is spelled.

    Raises:
        ProjectNotFound: the index has no such version.
    """
    keys = project.record.table.keys
    try:
        key = version_key(version)
    except BlastError:
        key = b""
    position = bisect_left(keys, key)
    if not key or position == len(keys) or keys[position] != key:
        raise ProjectNotFound(f"{project.record.name} has no version {version} on the index {project.page.index}")
    return position


def _is_static(record: MetadataRecord) -> bool:
    """Tell whether a source distribution's metadata can be relied upon for its requirements (PEP 643)."""
    try:
        major, minor = (int(part) for part in record.metadata_version.split("."))
    except ValueError:
        return False
    return (major, minor) >= _TRUSTED_FROM and not {"requires-dist", "provides-extra"} & set(record.dynamic)
