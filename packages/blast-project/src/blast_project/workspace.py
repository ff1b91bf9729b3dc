"""Workspaces: several projects in one repository with one lock and one environment at the root.

    [tool.blast.workspace]
    members = ["packages/*"]
    exclude = ["packages/old"]

A member requires another by name; that it is the one in the workspace follows from the name (``{workspace = true}`` in
the sources says it to uv, too). In the lock the root's groups keep their names, and each member adds

    package:NAME                 the member itself with what it requires
    package:NAME:group:GROUP     a dependency group of the member
    package:NAME:extra:EXTRA     an extra of the member

Spec: the tables are those of uv (``[tool.uv.workspace]`` is read too).
"""

from __future__ import annotations

import os

from blast_core.errors import InvalidManifest
from blast_core.names import normalize_name
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from blast_compat.pyproject import Manifest

__all__ = ["Member", "Workspace", "find_workspace_root", "group_of_member", "read_workspace"]

_MANIFEST = "pyproject.toml"
_MOST_MEMBERS = 4096


class Member(NamedTuple):
    """A member other than the root.

    Attributes:
        name: normalised.
        path: of its directory relative to the root, with ``/``.
        manifest: what its pyproject.toml says.
    """

    name: str
    path: str
    manifest: Manifest

    @property
    def groups(self) -> tuple[str, ...]:
        """Its groups as the lock names them: itself, its dependency groups, its extras."""
        return (
            group_of_member(self.name),
            *(group_of_member(self.name, f"group:{name}") for name in sorted(self.manifest.groups)),
            *(group_of_member(self.name, f"extra:{name}") for name in sorted(self.manifest.optional_dependencies)),
        )


class Workspace(NamedTuple):
    """The members of a workspace.

    Attributes:
        root: absolute path of the directory that holds the workspace's manifest.
        members: by path, the root itself not among them.
        name: normalised name of the root's own project; "" for a root that is none.
        sources: of the root's manifest, by normalised name.
    """

    root: str
    members: tuple[Member, ...]
    name: str = ""
    sources: tuple[tuple[str, tuple[dict[str, Any], ...]], ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """The members' groups in the order of the lock's bits, which follow those of the root's own groups."""
        return tuple(group for member in self.members for group in member.groups)

    @property
    def paths(self) -> tuple[tuple[str, str], ...]:
        """Name and path of each member."""
        return tuple((member.name, member.path) for member in self.members)

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """The same with the root's own project, whose path is ``.``."""
        return ((self.name, "."), *self.paths) if self.name else self.paths

    def find(self, name: str) -> Member | None:
        """Return the member of a normalised name."""
        return next((member for member in self.members if member.name == name), None)

    def member_in(self, path: str) -> Member | None:
        """Return the member whose directory, relative to the root, is ``path``."""
        return next((member for member in self.members if member.path == path), None)

    def member_at(self, path: str) -> Member | None:
        """Return the member whose directory, relative to the root, is ``path`` or holds it."""
        found = [member for member in self.members if path == member.path or path.startswith(f"{member.path}/")]
        return max(found, key=lambda member: len(member.path), default=None)


def group_of_member(name: str, group: str = "") -> str:
    """Return the lock's name of a member, or of its ``group`` (``group:NAME`` or ``extra:NAME``)."""
    return f"package:{name}:{group}" if group else f"package:{name}"


def read_workspace(root: str, manifest: Manifest) -> Workspace | None:
    """Return the workspace that ``manifest`` in ``root`` declares; None where it declares none.

    Raises:
        InvalidManifest: the table is wrong, a member has no readable manifest, or two have one name.
    """
    table = manifest.workspace
    if table is None:
        return None
    members = tuple(_read_members(root, manifest))
    names = [normalize_name(manifest.name), *(member.name for member in members)]
    for number, name in enumerate(names):
        if name and name in names[:number]:
            raise InvalidManifest(f"{manifest.path}: two members of the workspace are called {name}")
    return Workspace(root, members, names[0], tuple(manifest.sources.items()))


def find_workspace_root(directory: str, home: str = "") -> str | None:
    """Return the root of the workspace that the project in ``directory`` is a member of; None for no member.

    Args:
        directory: absolute path.
        home: BLAST_HOME, where manifests are remembered by their bytes; "" for what this process remembers alone.

    Cost: a look for a file in each directory above; only one that holds the word ``workspace`` is parsed, once.
    """
    here = os.path.dirname(directory)
    while here and here != os.path.dirname(here):
        path = os.path.join(here, _MANIFEST)
        content = _read(path)
        if b"workspace" in content and _is_root_of(here, path, content, directory, home):
            return here
        here = os.path.dirname(here)
    return None


def _is_root_of(root: str, path: str, content: bytes, directory: str, home: str) -> bool:
    manifest = _manifest_above(path, content, home)
    if manifest.workspace is None:
        return False
    relative = os.path.relpath(directory, root).replace(os.sep, "/")
    if not any(_may_lead_to(glob, relative) for glob in _globs(manifest, manifest.workspace, "members")):
        return False
    return relative in set(_member_paths(root, manifest))


# What this process has parsed of manifests above, by their bytes.
_above: dict[bytes, Manifest] = {}


def _manifest_above(path: str, content: bytes, home: str) -> Manifest:
    """Return what a manifest says; one that can't be read is not silently passed over: it may be the root."""
    known = _above.get(content)
    if known is None:
        known = _above[content] = _recall_or_parse(path, content, home)
    return known._replace(path=path)


def _recall_or_parse(path: str, content: bytes, home: str) -> Manifest:
    from blast_project.manifest_memo import keep_manifest, recall_manifest

    known = recall_manifest(home, path, content) if home else None
    if known is not None:
        return known
    from blast_compat.pyproject import parse_manifest

    text = content.decode("utf-8", "replace")
    manifest = parse_manifest(text, path)
    # What is no UTF-8 is refused where it is the project's own.
    if home and text.encode() == content:
        keep_manifest(home, content, manifest)
    return manifest


def _may_lead_to(glob: str, path: str) -> bool:
    """Tell whether a glob may name ``path``, by what stands before its first wildcard: no disk is asked for a no."""
    parts = path.split("/")
    for number, segment in enumerate(glob.rstrip("/").split("/")):
        if _has_wildcards(segment) or segment in {"", "."} or "\\" in segment:
            return True
        if number >= len(parts) or segment != parts[number]:
            return False
    return True


def _read_members(root: str, manifest: Manifest) -> Iterator[Member]:
    from blast_compat.pyproject import read_manifest

    for path in _member_paths(root, manifest):
        read = read_manifest(os.path.join(root, path, _MANIFEST))
        if not read.name:
            raise InvalidManifest(f"{read.path}: a member of a workspace needs [project] with a name")
        yield Member(normalize_name(read.name), path, read)


def _member_paths(root: str, manifest: Manifest) -> list[str]:
    """Return the directories that the globs name and that hold a manifest, relative to the root.

    Raises:
        InvalidManifest: a member that is named without wildcards has no manifest, or a glob leads out of the root.
    """
    table = manifest.workspace or {}
    members, exclude = _globs(manifest, table, "members"), _globs(manifest, table, "exclude")
    excluded = {path for glob in exclude for path in _expand(root, glob)}
    found: dict[str, None] = {}
    for glob in members:
        paths = _expand(root, glob)
        if not paths and not _has_wildcards(glob):
            raise InvalidManifest(f"{manifest.path}: the workspace's member '{glob}' is no directory")
        for path in paths:
            if path in excluded or path == ".":
                continue
            if os.path.isfile(os.path.join(root, path, _MANIFEST)):
                found[path] = None
            elif not _has_wildcards(glob):
                raise InvalidManifest(f"{manifest.path}: the workspace's member '{glob}' has no {_MANIFEST}")
    if len(found) > _MOST_MEMBERS:
        raise InvalidManifest(f"{manifest.path}: the workspace has more than {_MOST_MEMBERS} members")
    return sorted(found)


def _globs(manifest: Manifest, table: dict[str, object], key: str) -> Sequence[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(glob, str) for glob in value):
        raise InvalidManifest(f"{manifest.path}: the workspace's {key} must be an array of texts")
    for glob in value:
        if os.path.isabs(glob) or ".." in glob.replace("\\", "/").split("/"):
            raise InvalidManifest(
                f"{manifest.path}: the workspace's {key} '{glob}' leads out of it", hint="members are below the root"
            )
    return value


def _has_wildcards(glob: str) -> bool:
    return any(sign in glob for sign in "*?[")


def _expand(root: str, glob: str) -> list[str]:
    from glob import escape, iglob

    pattern = os.path.join(escape(root), glob.rstrip("/"))
    paths = (path for path in iglob(pattern, recursive=True) if os.path.isdir(path))
    return sorted({os.path.normpath(os.path.relpath(path, root)).replace(os.sep, "/") for path in paths})


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
