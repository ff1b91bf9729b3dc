"""Requirements by address: what a repository, an archive or a directory holds, as a candidate of the resolver.

`direct_candidates` answers for the project's own requirements and for the members of its workspace; what dependencies
require by address is loaded when the resolver comes to it. What stands in the lock (``DirectCandidate.source``):

    kind       location                                revision      below          digest
    git        address without user and password       commit        subdirectory   sha256 of the reference asked for
    url        the same                                              subdirectory   sha256 of the archive
    path       path relative to the lock                             subdirectory   the same; "" for a directory
    editable   path relative to the lock
    workspace  path relative to the lock               "virtual" where it is no package
"""

from __future__ import annotations

import os

from blast_core.errors import InvalidRequirement, ProjectError
from blast_core.formats.dpl.model import LockedSource
from blast_core.tuples import NamedTuple
from blast_pm.resolver.model import DirectCandidate
from blast_pm.sources.address import is_archive, parse_address
from blast_project.requirement_sources import SourceBase, local_address, local_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from blast_compat.pyproject import Manifest
    from blast_core.interpreter import Interpreter
    from blast_core.requirements import Requirement
    from blast_pm.metadata.core_metadata import MetadataRecord
    from blast_pm.sources.address import Address
    from blast_pm.sources.archives import FetchedArchive
    from blast_project.project import Project
    from blast_project.session import Session
    from blast_project.workspace import Workspace

__all__ = ["VIRTUAL", "DirectSources", "SourceLoader", "direct_candidates", "reference_digest", "tree_base"]

#: What stands as revision of a locked tree that is no package: its requirements are installed, it itself is not.
VIRTUAL = "virtual"


class DirectSources(NamedTuple):
    """The candidates for requirements by address.

    Attributes:
        candidates: by address, and by name where the address is the only one, and for members of the workspace.
        load: returns the candidate for any other requirement by address.
    """

    candidates: Mapping[str, DirectCandidate]
    load: Callable[[Requirement], DirectCandidate]


def direct_candidates(
    session: Session,
    project: Project,
    interpreter: Interpreter,
    locked: Mapping[str, LockedSource] | None = None,
) -> DirectSources:
    """Return the candidates of a project's requirements by address, its workspace's members among them.

    Args:
        session: services.
        project: whose manifest counts.
        interpreter: builds what only a build tells.
        locked: sources of the old lock by name, for those that shall not move: a branch keeps its commit.

    Raises:
        IndexAccessError, IntegrityError, InstallError, ProjectError: an address can't be read.
    """
    loader = SourceLoader(session, project.root, interpreter, project=project, locked=locked or {})
    rows = [row.requirement for row in project.requirements()]
    candidates: dict[str, DirectCandidate] = {}
    addresses: dict[str, set[str]] = {}
    for row in rows:
        addresses.setdefault(row.name, set()).add(row.url)
    for row in rows:
        if row.url:
            candidate = candidates[row.url] = loader.load(row)
            if not row.marker and addresses[row.name] == {row.url}:
                candidates[row.name] = candidate
    for name, path in project.workspace.paths if project.workspace is not None else ():
        from blast_core.requirements import Requirement

        candidates[name] = loader.load(Requirement(name, url=local_address(path)))
    return DirectSources(candidates, loader.load)


def reference_digest(address: Address) -> str:
    """Return what tells in a lock which reference its commit answers to."""
    from hashlib import sha256

    return sha256(f"git reference {address.revision}".encode()).hexdigest()


class SourceLoader:
    """Loads candidates, each address once.

    Args:
        session: services.
        root: directory that relative paths of addresses are relative to.
        interpreter: builds what only a build tells.
        project: whose sources say which directories are editable; None outside of a project.
        locked: sources of an old lock by name.
        editables: absolute paths of directories that are installed as editable.
    """

    def __init__(
        self,
        session: Session,
        root: str,
        interpreter: Interpreter,
        *,
        project: Project | None = None,
        locked: Mapping[str, LockedSource] | None = None,
        editables: frozenset[str] = frozenset(),
    ) -> None:
        self._session = session
        self._root = root
        self._interpreter = interpreter
        self._loaded: dict[str, DirectCandidate] = {}
        self._editables = set(editables)
        self._virtual: set[str] = set()
        self._members: dict[str, str] = {}
        self._workspace: Workspace | None = None
        self._commits: dict[tuple[str, str], str] = {}
        self._digests: dict[str, str] = {}
        for source in (locked or {}).values():
            self._keep(source)
        if project is not None:
            self._take_project(project)

    @property
    def root(self) -> str:
        """The directory that relative paths of addresses are relative to."""
        return self._root

    @property
    def loaded(self) -> Mapping[str, DirectCandidate]:
        """What was loaded, by address."""
        return self._loaded

    def load(self, requirement: Requirement) -> DirectCandidate:
        """Return the candidate of a requirement by address.

        Raises:
            ProjectError: the address holds another project.
            IndexAccessError, IntegrityError, InstallError: it can't be read.
        """
        found = self.load_address(requirement.url, requirement.name)
        if found.name != requirement.name:
            raise ProjectError(
                f"'{requirement.name}' is not what its address holds",
                reason=f"that is {found.name} {found.version}",
                hint=f"require '{found.name}' from there",
            )
        return found

    def load_address(self, url: str, name: str = "") -> DirectCandidate:
        """Return the candidate at an address, whose project need not be known; errors as ``load``."""
        found = self._loaded.get(url)
        if found is None:
            address = parse_address(url)
            load = {"git": self._load_git, "url": self._load_url, "path": self._load_path}[address.kind]
            found = self._loaded[url] = load(url, address, name)
        return found

    # Repositories

    def _load_git(self, url: str, address: Address, name: str) -> DirectCandidate:
        from blast_pm.sources.git import is_commit, repository_key
        from blast_pm.sources.git_process import split_git_credentials

        repositories = self._session.repositories
        digest = "" if is_commit(address.revision) else reference_digest(address)
        commit = self._commits.get((repository_key(address.location), digest)) if digest else None
        if commit is None:
            commit = repositories.resolve(address)
        else:
            repositories.ensure(address, commit)
        location = split_git_credentials(address.location)[0]
        record = self._git_record(address, commit, location, name)
        source = LockedSource("git", location, commit, address.subdirectory, digest)
        return _candidate(url, record, source)

    def _git_record(self, address: Address, commit: str, location: str, name: str) -> MetadataRecord:
        from blast_compat.pyproject import parse_manifest
        from blast_core.errors import InvalidManifest
        from blast_project.source_metadata import static_record

        repository = f"git+{location}" + (f"@{address.revision}" if address.revision else "")
        base = SourceBase(address.subdirectory, repository)
        path = f"{address.subdirectory}/pyproject.toml" if address.subdirectory else "pyproject.toml"
        content = self._session.repositories.read_file(address, commit, path)
        if content is not None:
            try:
                manifest = parse_manifest(content.decode("utf-8"), path)
            except (InvalidManifest, UnicodeDecodeError):
                manifest = None
            # What a workspace says of its members, only its files tell.
            if manifest is not None and not self._is_in_workspace(address, commit):
                record = static_record(manifest, base)
                if record is not None:
                    return record
        return self._git_tree_record(address, commit, base, name)

    def _is_in_workspace(self, address: Address, commit: str) -> bool:
        """Tell whether a manifest in a commit, or one above it, may declare a workspace."""
        here = address.subdirectory
        while True:
            path = f"{here}/pyproject.toml" if here else "pyproject.toml"
            if b"workspace" in (self._session.repositories.read_file(address, commit, path) or b""):
                return True
            if not here:
                return False
            here = here.rpartition("/")[0]

    def _git_tree_record(self, address: Address, commit: str, base: SourceBase, name: str) -> MetadataRecord:
        from blast_project.source_metadata import built_record, read_tree_manifest, static_record
        from blast_project.source_trees import checked_out

        with checked_out(self._session, address, commit) as (root, directory):
            manifest = read_tree_manifest(directory)
            base = _with_workspace(base, root, directory, "")
            record = static_record(manifest, base)
            if record is not None:
                return record
            source = ("git", commit, address.subdirectory)
            return built_record(self._session, directory, self._interpreter, name, source, manifest, base)

    # Archives

    def _load_url(self, url: str, address: Address, name: str) -> DirectCandidate:
        from blast_pm.index.credentials import without_credentials

        location = without_credentials(address.location)
        expected = address.sha256 or self._digests.get(location, "")
        archive = self._session.archives.fetch(address.location, expected)
        record = self._archive_record(archive, address.subdirectory, name)
        return _candidate(url, record, LockedSource("url", location, "", address.subdirectory, archive.sha256))

    def _archive_record(self, archive: FetchedArchive, below: str, name: str) -> MetadataRecord:
        from blast_pm.metadata.core_metadata import parse_metadata
        from blast_project.building import read_stored_metadata
        from blast_project.source_metadata import built_record, read_tree_manifest, static_pkg_info, static_record
        from blast_project.source_trees import stored_wheel, unpacked

        filename = os.path.basename(archive.path)
        if filename.endswith(".whl"):
            stored = stored_wheel(self._session, archive)
            return parse_metadata(read_stored_metadata(stored), filename)
        with unpacked(archive, below) as directory:
            path = os.path.join(directory, "PKG-INFO")
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    record = static_pkg_info(file.read(), filename)
                if record is not None:
                    return record
            manifest = read_tree_manifest(directory)
            record = static_record(manifest, None)
            if record is not None:
                return record
            source = ("archive", archive.sha256, below)
            return built_record(self._session, directory, self._interpreter, name, source, manifest, None)

    # Paths

    def _load_path(self, url: str, address: Address, name: str) -> DirectCandidate:
        path = local_path(address.location, self._root)
        if os.path.isfile(path) and is_archive(path):
            from blast_pm.sources.archives import read_local_archive

            archive = read_local_archive(path, address.sha256)
            record = self._archive_record(archive, address.subdirectory, name)
            source = LockedSource("path", address.location or ".", "", address.subdirectory, archive.sha256)
            return _candidate(url, record, source)
        directory = os.path.join(path, address.subdirectory) if address.subdirectory else path
        if not os.path.isdir(directory):
            raise InvalidRequirement(
                f"there is nothing to install at {directory}",
                reason="it is neither a directory nor a wheel or source distribution",
                hint="check the path; it is relative to the directory of pyproject.toml",
            )
        return self._load_tree(url, directory, os.path.join(address.location, address.subdirectory), name)

    def _load_tree(self, url: str, directory: str, location: str, name: str) -> DirectCandidate:
        from blast_project.build_inputs import editable_inputs
        from blast_project.source_metadata import built_record, is_virtual, read_tree_manifest, static_record

        location = os.path.normpath(location).replace(os.sep, "/")
        member = self._workspace.member_in(location) if self._workspace is not None else None
        # A member's manifest may be about to change.
        manifest = member.manifest if member is not None else read_tree_manifest(directory)
        base = tree_base(self._root, location, directory, self._workspace)
        if manifest is not None:
            self._note_kinds(manifest, base)
        record = static_record(manifest, base)
        if record is None:
            inputs = editable_inputs(directory, self._session.settings.environ)
            source = ("tree", directory, inputs.digest.hex())
            record = built_record(self._session, directory, self._interpreter, name, source, manifest, base)
        virtual = location in self._virtual or is_virtual(directory, manifest)
        if location in self._members or virtual:
            kind = "workspace"
        else:
            kind = "editable" if location in self._editables or directory in self._editables else "path"
        return _candidate(url, record, LockedSource(kind, location, VIRTUAL if virtual else "", "", ""))

    # What is known beforehand

    def _keep(self, source: LockedSource) -> None:
        if source.kind == "git" and source.digest:
            from blast_pm.sources.git import repository_key

            self._commits[repository_key(source.location), source.digest] = source.revision
        elif source.kind == "url":
            self._digests[source.location] = source.digest

    def _take_project(self, project: Project) -> None:
        workspace = self._workspace = project.workspace
        if workspace is not None:
            self._members = {path: name for name, path in workspace.paths}
            for member in workspace.members:
                self._note_kinds(member.manifest, SourceBase(member.path, "", workspace.places))
        self._note_kinds(project.manifest, SourceBase())

    def _note_kinds(self, manifest: Manifest, base: SourceBase) -> None:
        """Note which directories a manifest wants as editable, and which as no package."""
        for sources in manifest.sources.values():
            for source in sources:
                if "path" in source and (source.get("editable") or source.get("package") is False):
                    path = base.join(os.path.expanduser(str(source["path"]))) or "."
                    (self._editables if source.get("editable") else self._virtual).add(path)


def tree_base(root: str, location: str, directory: str, workspace: Workspace | None) -> SourceBase:
    """Return where the manifest of a tree on this machine stands, and who the members of its workspace are.

    Args:
        root: directory of the lock.
        location: of the tree, relative to it or absolute.
        directory: of the tree, absolute.
        workspace: of the lock; a tree that is no member of it may be one of another.
    """
    place = "" if location == "." else location
    if workspace is not None and (location == "." or workspace.member_in(location) is not None):
        return SourceBase(place, "", workspace.places, workspace.sources)
    return _with_workspace(SourceBase(place), "", directory, root)


def _with_workspace(base: SourceBase, top: str, directory: str, start: str) -> SourceBase:
    """Return ``base`` with the members and the sources of the workspace that ``directory`` is in.

    Args:
        base: where the manifest stands.
        top: a workspace's root above this directory doesn't count; "" for no limit.
        directory: of the manifest.
        start: paths are relative to it; "" for ``top``.
    """
    from blast_compat.pyproject import read_manifest
    from blast_core.errors import InvalidManifest
    from blast_project.workspace import find_workspace_root, read_workspace

    try:
        root = find_workspace_root(directory) or directory
        if top and os.path.commonpath([top, root]) != top:
            return base
        workspace = read_workspace(root, read_manifest(os.path.join(root, "pyproject.toml")))
    except InvalidManifest:
        return base
    if workspace is None:
        return base

    def seen(path: str) -> str:
        return os.path.relpath(os.path.join(root, path), start or top).replace(os.sep, "/")

    members = tuple((name, seen(path)) for name, path in workspace.places)
    place = seen(".")
    return base._replace(members=members, shared=workspace.sources, root="" if place == "." else place)


def _candidate(url: str, record: MetadataRecord, source: LockedSource) -> DirectCandidate:
    if record.invalid:
        raise InvalidRequirement(f"{record.name} {record.version}: its metadata is invalid", reason=record.invalid)
    return DirectCandidate(
        record.name,
        record.version,
        url,
        record.requirements,
        record.requires_python,
        record.provides_extras,
        (),
        source,
    )
