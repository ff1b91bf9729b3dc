"""A project on disk: where its root is, what its manifest says, and which requirements belong to which group."""

from __future__ import annotations

import os

from blast_core.errors import InvalidManifest, ProjectError, UsageError
from blast_core.names import normalize_name
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from blast_compat.pyproject import Manifest
    from blast_core.requirements import Requirement
    from blast_project.requirement_sources import SourceBase
    from blast_project.settings import Settings
    from blast_project.workspace import Member, Workspace

    # By requirement's name its sources, and where the manifest that has them stands; "" for all other names.
    _Sources = dict[str, tuple[tuple[dict[str, object], ...], SourceBase]]

__all__ = [
    "DEFAULT_GROUP",
    "LOCK_NAME",
    "MANIFEST_NAME",
    "PYLOCK_NAME",
    "SETTINGS_NAME",
    "GroupRequirement",
    "Project",
    "edited_manifest",
    "environment_path",
    "find_manifest_directory",
    "find_root",
    "keep_read",
    "load_project",
    "manifest_text",
    "parse_project",
    "with_manifest",
]

MANIFEST_NAME = "pyproject.toml"
SETTINGS_NAME = "blast.toml"
LOCK_NAME = "blast.lock"
PYLOCK_NAME = "pylock.toml"
DEFAULT_GROUP = "default"
# In place of the name that a manifest doesn't have: no directory's, which another clone calls otherwise, and nobody's
# requirement.
_NAMELESS = "nameless-project"


class GroupRequirement(NamedTuple):
    """A requirement of the project's own.

    Attributes:
        group: ``default``, ``extra:NAME`` or ``group:NAME``; of a workspace's member ``package:NAME`` and the like.
        requirement: the parsed line, with an address where the manifest's sources give one.
        origin: where it stands, for error messages.
    """

    group: str
    requirement: Requirement
    origin: str


class Project(NamedTuple):
    """A project, or a workspace of several.

    Attributes:
        root: absolute path of the directory that holds pyproject.toml, the lock and the environment.
        manifest: what it says; of a workspace ``requires_python`` is what all members ask for together.
        source: the bytes of pyproject.toml that it was read from.
        workspace: its members; None where it is no workspace.
        member: path of the member that it was found from, relative to the root; "" for the root itself.
        settings: the bytes of blast.toml that it was read from; None where there is none.
    """

    root: str
    manifest: Manifest
    source: bytes
    workspace: Workspace | None = None
    member: str = ""
    settings: bytes | None = None

    @property
    def name(self) -> str:
        """The normalised name; the same for all whose manifest has none, because it stands in locks."""
        return normalize_name(self.manifest.name or _NAMELESS)

    @property
    def title(self) -> str:
        """What people call it: the normalised name, or the directory's where the manifest has none."""
        return normalize_name(self.manifest.name or os.path.basename(self.root) or _NAMELESS)

    @property
    def is_package(self) -> bool:
        """Whether the project itself is installed: it has a build system, or ``[tool.blast] package`` says so."""
        said = self.manifest.tool.get("package")
        return said if isinstance(said, bool) else self.manifest.build_system is not None

    def check_named(self) -> None:
        """Check that what shall be installed says by the standard what it is.

        Raises:
            InvalidManifest: it has a build system and no ``[project]``: what it is and needs is known to that alone.
        """
        if self.manifest.name or not self.is_package:
            return
        reader = "its build backend"
        for mark, name in ((b"[tool.poetry", "Poetry"), (b"[tool.flit.metadata", "flit")):
            reader = name if mark in self.source else reader
        raise InvalidManifest(
            f"{self.manifest.path} has no [project] table",
            reason=f"its name and what it requires stand where {reader} alone reads them",
            hint="write [project] with name, version and dependencies; or install it as it is: "
            "'blast venv', then 'blast pip install -e .'",
        )

    @property
    def reads_other_files(self) -> bool:
        """Whether files beside its own manifest decide its lock: members of the workspace, directories, archives."""
        if self.workspace is not None:
            return True
        lists = _lines_by_group(self.manifest).values()
        named = any("path" in source for sources in self.manifest.sources.values() for source in sources)
        return named or any("@" in line and "file:" in line for lines in lists for line in lines)

    @property
    def groups(self) -> tuple[str, ...]:
        """Every group in the order of the lock's bits: default, dependency groups, extras."""
        return (
            DEFAULT_GROUP,
            *(f"group:{name}" for name in sorted(self.manifest.groups)),
            *(f"extra:{name}" for name in sorted(self.manifest.optional_dependencies)),
            *(self.workspace.groups if self.workspace is not None else ()),
        )

    def requirements(self) -> tuple[GroupRequirement, ...]:
        """Return every requirement of every group, references to the project's own extras resolved.

        Raises:
            InvalidRequirement: a line is not PEP 508.
        """
        workspace = self.workspace
        members = workspace.places if workspace is not None else ()
        own = tuple(_rows(self.manifest, self.name, _with_base(self.manifest, members)))
        if workspace is None:
            return own
        return (*own, *(row for member in workspace.members for row in self._member_rows(workspace, member)))

    def _member_rows(self, workspace: Workspace, member: Member) -> Iterator[GroupRequirement]:
        """Yield what the lock needs for a member: itself, its groups, and itself with each extra."""
        from blast_core.requirements import Requirement
        from blast_project.requirement_sources import local_address
        from blast_project.workspace import group_of_member

        itself = Requirement(member.name, url=local_address(member.path))
        yield GroupRequirement(group_of_member(member.name), itself, member.name)
        # What the root says of sources counts for its members too, unless they say otherwise.
        sources = {
            **_with_base(self.manifest, workspace.places),
            **_with_base(member.manifest, workspace.places, member.path),
        }
        for row in _rows(member.manifest, member.name, sources):
            if row.group.startswith("group:"):
                yield row._replace(group=group_of_member(member.name, row.group))
        for extra in sorted(member.manifest.optional_dependencies):
            asked = itself._replace(extras=(extra,))
            yield GroupRequirement(group_of_member(member.name, f"extra:{extra}"), asked, f"{member.name}[{extra}]")


def find_manifest_directory(directory: str) -> str | None:
    """Return the nearest directory, from ``directory`` upwards, that holds a pyproject.toml."""
    here = directory
    while True:
        if os.path.isfile(os.path.join(here, MANIFEST_NAME)):
            return here
        parent = os.path.dirname(here)
        if parent == here:
            return None
        here = parent


def find_root(directory: str, home: str = "") -> str | None:
    """Return the directory of the project that ``directory`` is in: of a workspace's member, the workspace's root.

    Args:
        directory: absolute path.
        home: BLAST_HOME, to take what was read of manifests above before.
    """
    nearest = find_manifest_directory(directory)
    if nearest is None or not _may_be_member(nearest):
        return nearest
    from blast_project.workspace import find_workspace_root

    return find_workspace_root(nearest, home) or nearest


def _may_be_member(directory: str) -> bool:
    """Tell whether a manifest above mentions a workspace: mostly there is none above, which costs a few stats."""
    above = find_manifest_directory(os.path.dirname(directory))
    while above is not None:
        with open(os.path.join(above, MANIFEST_NAME), "rb") as file:
            if b"workspace" in file.read():
                return True
        parent = os.path.dirname(above)
        above = find_manifest_directory(parent) if parent != above else None
    return False


def load_project(directory: str, home: str = "") -> Project:
    """Return the project that ``directory`` is in; for a member of a workspace, the workspace.

    Args:
        directory: absolute path.
        home: BLAST_HOME, to take what was read of the same manifest before; "" reads it again.

    Raises:
        UsageError: it is in none.
        InvalidManifest: pyproject.toml can't be read or is wrong.
    """
    root = find_root(directory, home)
    if root is None:
        raise UsageError(
            f"no {MANIFEST_NAME} in {directory} or above",
            hint="'blast init' makes a project here; '--project DIR' names another place",
        )
    with open(os.path.join(root, MANIFEST_NAME), "rb") as file:
        project = parse_project(root, file.read(), home)
    if project.workspace is None:
        return project
    member = project.workspace.member_at(os.path.relpath(directory, root).replace(os.sep, "/"))
    return project._replace(member=member.path if member is not None else "")


def parse_project(root: str, source: bytes, home: str = "") -> Project:
    """Return the project in ``root`` whose pyproject.toml holds ``source``; see ``load_project``.

    Raises:
        InvalidManifest: it is wrong, or a member of the workspace is.
    """
    settings = _read_settings(root)
    manifest = _read_manifest(root, source, settings, home)
    project = Project(root, manifest, source, settings=settings)
    if manifest.workspace is None:
        return project
    from blast_project.workspace import read_workspace

    return _with_members(project._replace(workspace=read_workspace(root, manifest)))


def _with_members(project: Project) -> Project:
    """Return the project with a requires-python that all members agree to."""
    members = project.workspace.members if project.workspace is not None else ()
    asked = [project.manifest.requires_python, *(member.manifest.requires_python for member in members)]
    clauses = [clause.strip() for specifier in asked for clause in specifier.split(",") if clause.strip()]
    return project._replace(manifest=project.manifest._replace(requires_python=",".join(dict.fromkeys(clauses))))


def edited_manifest(project: Project) -> Manifest:
    """Return the manifest that commands edit: that of the member they were called in, or the root's own."""
    if project.workspace is not None and project.member:
        for member in project.workspace.members:
            if member.path == project.member:
                return member.manifest
    return project.manifest


def manifest_text(project: Project) -> str:
    """Return the text of the manifest that commands edit."""
    if not project.member:
        return project.source.decode("utf-8")
    with open(edited_manifest(project).path, "rb") as file:
        return file.read().decode("utf-8")


def with_manifest(project: Project, text: str) -> Project:
    """Return the project as it will be when the manifest that commands edit holds ``text``.

    Raises:
        InvalidManifest: the text is wrong.
    """
    if not project.member or project.workspace is None:
        return parse_project(project.root, text.encode())._replace(member=project.member)
    from blast_compat.pyproject import parse_manifest

    members = tuple(
        member._replace(manifest=parse_manifest(text, member.manifest.path))
        if member.path == project.member
        else member
        for member in project.workspace.members
    )
    return _with_members(project._replace(workspace=project.workspace._replace(members=members)))


def keep_read(project: Project, home: str) -> None:
    """Remember what the manifest of a project says, which is on disk now: the next command doesn't read its text.

    Args:
        project: as its ``source`` and ``settings`` say; of a workspace nothing is kept.
        home: BLAST_HOME.
    """
    if project.workspace is None:
        from blast_project.manifest_memo import keep_manifest

        keep_manifest(home, _with_settings(project.source, project.settings), project.manifest)


def _read_manifest(root: str, source: bytes, settings: bytes | None, home: str) -> Manifest:
    path = os.path.join(root, MANIFEST_NAME)
    if not home:
        return _parse_manifest(path, source, settings)
    from blast_project.manifest_memo import keep_manifest, recall_manifest

    read = _with_settings(source, settings)
    known = recall_manifest(home, path, read)
    if known is not None:
        return known
    manifest = _parse_manifest(path, source, settings)
    keep_manifest(home, read, manifest)
    return manifest


def _with_settings(source: bytes, settings: bytes | None) -> bytes:
    # No TOML document holds a NUL.
    return source if settings is None else source + b"\0" + settings


def _read_settings(root: str) -> bytes | None:
    """Return the bytes of the project's blast.toml; None where it has none."""
    try:
        fd = os.open(os.path.join(root, SETTINGS_NAME), os.O_RDONLY)
    except FileNotFoundError:
        return None
    with open(fd, "rb") as file:
        return file.read()


def _parse_manifest(path: str, source: bytes, settings: bytes | None) -> Manifest:
    from blast_compat.pyproject import parse_manifest

    try:
        if settings is None:
            return parse_manifest(source.decode("utf-8"), path)
        text = source.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidManifest(f"{path} is not UTF-8", reason=str(error)) from error
    path_of_settings = os.path.join(os.path.dirname(path), SETTINGS_NAME)
    try:
        return parse_manifest(text, path, (settings.decode("utf-8"), path_of_settings))
    except UnicodeDecodeError as error:
        raise InvalidManifest(f"{path_of_settings} is not UTF-8", reason=str(error)) from error


def environment_path(root: str, settings: Settings) -> str:
    """Return the absolute path of the project's environment."""
    return os.path.normpath(os.path.join(root, settings.environment or ".venv"))


def _lines_by_group(manifest: Manifest) -> dict[str, tuple[str, ...]]:
    lines: dict[str, tuple[str, ...]] = {DEFAULT_GROUP: tuple(manifest.dependencies)}
    lines.update({f"group:{name}": tuple(manifest.groups[name]) for name in sorted(manifest.groups)})
    optional: Mapping[str, tuple[str, ...]] = manifest.optional_dependencies
    lines.update({f"extra:{name}": tuple(optional[name]) for name in sorted(optional)})
    return lines


def _with_base(manifest: Manifest, members: tuple[tuple[str, str], ...], directory: str = "") -> _Sources:
    if not manifest.sources and not members:
        return {}
    from blast_project.requirement_sources import SourceBase

    base = SourceBase(directory, "", members)
    return {"": ((), base), **{name: (rows, base) for name, rows in manifest.sources.items()}}


def _rows(manifest: Manifest, own_name: str, sources: _Sources) -> Iterator[GroupRequirement]:
    """Yield the requirements of all groups of a manifest, sources applied."""
    for group, lines in _lines_by_group(manifest).items():
        for requirement, origin in _expand(lines, own_name, manifest, frozenset()):
            for row in _with_source(requirement, sources, group):
                yield GroupRequirement(group, row, origin)


def _with_source(requirement: Requirement, sources: _Sources, group: str) -> tuple[Requirement, ...]:
    if not sources and not requirement.url:
        return (requirement,)
    from blast_project.requirement_sources import SourceBase, apply_sources

    tables, base = sources.get(requirement.name) or sources.get("") or ((), SourceBase())
    return apply_sources(requirement, {requirement.name: tables}, base, group)


def _expand(
    lines: tuple[str, ...], own_name: str, manifest: Manifest, seen: frozenset[str]
) -> list[tuple[Requirement, str]]:
    from blast_core.requirements import parse_requirement

    found: list[tuple[Requirement, str]] = []
    for line in lines:
        try:
            requirement = parse_requirement(line)
        except ProjectError as error:
            raise InvalidManifest(
                f"{manifest.path}: '{line}' is no requirement", reason=error.message, hint=error.hint
            ) from error
        if requirement.name != own_name:
            found.append((requirement, line))
            continue
        for extra in requirement.extras:
            if extra not in manifest.optional_dependencies:
                raise InvalidManifest(
                    f"{manifest.path}: '{line}' asks for the extra '{extra}'",
                    reason="the project has no such extra",
                    hint=f"its extras: {', '.join(sorted(manifest.optional_dependencies)) or 'none'}",
                )
            if extra not in seen:
                brought = _expand(tuple(manifest.optional_dependencies[extra]), own_name, manifest, seen | {extra})
                found += [(_limited(row, requirement.marker), origin) for row, origin in brought]
    return found


def _limited(requirement: Requirement, marker: str) -> Requirement:
    """Return a requirement that holds only where ``marker`` does too."""
    if not marker:
        return requirement
    from blast_core.markers import and_markers

    return requirement._replace(marker=and_markers(marker, requirement.marker))
