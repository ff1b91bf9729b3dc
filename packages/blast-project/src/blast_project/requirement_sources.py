"""``[tool.blast.sources]``: requirements by name become requirements by address.

    [tool.blast.sources]
    library = { git = "https://host/library", tag = "v1.0" }
    tool = { url = "https://host/tool-1.0.tar.gz" }
    plugin = { path = "../plugin", editable = true }
    member = { workspace = true }

The addresses are the same on every machine: a path is written relative to the directory of the lock. What a source
tree requires is read with the sources of its own manifest, wherever the tree comes from.

Spec: PEP 508 (direct references); the tables are those of uv (``[tool.uv.sources]`` is read too).
"""

from __future__ import annotations

import os

from blast_core.errors import InvalidManifest
from blast_core.markers import and_markers, or_markers
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from blast_core.requirements import Requirement

__all__ = ["SourceBase", "apply_sources", "local_address", "local_path"]

_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/+=,@!")


class SourceBase(NamedTuple):
    """Where a manifest stands, so that paths in it can be understood.

    Attributes:
        directory: relative to the lock's directory with ``/``, "" for that itself, or absolute; in a repository
            relative to its root.
        repository: ``git+…@commit`` for a manifest in a repository, else "".
        members: path of each member of the workspace it is in, by normalised name, relative as ``directory`` is; ``.``
            is the project of the lock itself.
        shared: sources of the workspace's root, by normalised name: they count for members that say nothing else.
        root: the workspace's root, as ``directory`` is written.
    """

    directory: str = ""
    repository: str = ""
    members: tuple[tuple[str, str], ...] = ()
    shared: tuple[tuple[str, tuple[dict[str, Any], ...]], ...] = ()
    root: str = ""

    def join(self, path: str) -> str:
        """Return ``path``, relative to the manifest, as ``directory`` is written.

        Raises:
            InvalidManifest: it leads out of the repository.
        """
        joined = os.path.normpath(os.path.join(self.directory, path)).replace(os.sep, "/")
        if self.repository and (joined.startswith("../") or joined == ".." or os.path.isabs(path)):
            raise InvalidManifest(
                f"a source of a repository leads out of it: {path}",
                reason=f"it is required by {self.repository.rpartition('@')[0].rpartition('@')[2] or 'a repository'}",
            )
        return "" if joined == "." else joined


def local_address(path: str) -> str:
    """Return the address of a path, relative to the lock's directory if it is relative; ``file:libs/a``."""
    quoted = "".join(
        sign if sign in _SAFE else "".join(f"%{byte:02X}" for byte in os.fsencode(sign)) for sign in path or "."
    )
    return f"file://{quoted}" if path.startswith("/") else f"file:{quoted}"


def local_path(path: str, root: str) -> str:
    """Return the absolute path that a path of an address means for the lock in ``root``."""
    return os.path.normpath(os.path.join(root, os.path.expanduser(path)))


def apply_sources(
    requirement: Requirement,
    sources: Mapping[str, Sequence[Mapping[str, Any]]],
    base: SourceBase,
    group: str = "default",
) -> tuple[Requirement, ...]:
    """Return a requirement with its sources applied: as many as there are sources, told apart by markers.

    Args:
        requirement: as it stands in the manifest.
        sources: the manifest's tables by normalised name.
        base: where the manifest stands.
        group: ``default``, ``extra:NAME`` or ``group:NAME``: a source may be limited to one.

    Raises:
        InvalidManifest: a source is impossible.
    """
    members = dict(base.members)
    rows: Sequence[Mapping[str, Any]] = sources.get(requirement.name, ())
    if requirement.url:
        return (_rebased(requirement, base),)
    if not rows and base.shared:
        rows = dict(base.shared).get(requirement.name, ())
        base = base._replace(directory=base.root)
    if not rows:
        if requirement.name in members:
            return (_at(requirement, _member_address(base, members[requirement.name])),)
        return (requirement,)
    applied: list[Requirement] = []
    covered = ""
    is_covered = False
    for source in rows:
        if not _counts(source, group):
            continue
        marker = str(source.get("marker", ""))
        url = _url(requirement.name, source, base, members)
        chosen = _at(requirement, url) if url or source.get("workspace") else requirement
        applied.append(chosen._replace(marker=and_markers(chosen.marker, marker)))
        if not marker:
            is_covered = True
            break
        covered = or_markers(covered, marker) if covered else marker
    if not is_covered:
        from blast_project.source_markers import negate_marker

        rest = negate_marker(covered) if covered else ""
        applied.append(requirement._replace(marker=and_markers(requirement.marker, rest)))
    return tuple(applied)


def _counts(source: Mapping[str, Any], group: str) -> bool:
    from blast_core.names import normalize_name

    kind, _, name = group.partition(":")
    for key in ("extra", "group"):
        if key in source and not (kind == key and normalize_name(str(source[key])) == normalize_name(name)):
            return False
    return True


def _at(requirement: Requirement, url: str) -> Requirement:
    # As in uv: what the source holds is taken, whatever version the requirement names.
    return requirement._replace(url=url, specifier="")


def _url(name: str, source: Mapping[str, Any], base: SourceBase, members: Mapping[str, str]) -> str:
    """Return the address that a table means; "" for an index."""
    below = str(source.get("subdirectory", ""))
    if "git" in source:
        return _git_url(name, source, below)
    if "url" in source:
        url = str(source["url"])
        return f"{url}{'&' if '#' in url else '#'}subdirectory={below}" if below else url
    if "path" in source:
        address = _address(base, base.join(os.path.expanduser(str(source["path"]))))
        return f"{address}#subdirectory={below}" if below and not base.repository else address
    if "workspace" in source:
        if not source["workspace"]:
            return ""
        if name not in members:
            raise InvalidManifest(
                f"'{name}' is no member of the workspace",
                reason=f"its members: {', '.join(sorted(members)) or 'none'}",
                hint="add its directory to the members in [tool.blast.workspace]",
            )
        return _member_address(base, members[name])
    return ""


def _git_url(name: str, source: Mapping[str, Any], below: str) -> str:
    from blast_pm.sources.address import format_git_address, parse_address

    named = [key for key in ("rev", "tag", "branch") if source.get(key)]
    if len(named) > 1:
        raise InvalidManifest(
            f"the source of '{name}' has {' and '.join(named)}", reason="one of them says which commit is meant"
        )
    location = str(source["git"])
    if location.startswith(("/", "~")):
        location = f"file://{os.path.expanduser(location)}"
    url = format_git_address(
        location,
        str(source.get("rev", "")),
        below,
        branch=str(source.get("branch", "")),
        tag=str(source.get("tag", "")),
        lfs=bool(source.get("lfs", False)),
    )
    parse_address(url)
    return url


def _address(base: SourceBase, path: str) -> str:
    if base.repository:
        return f"{base.repository}#subdirectory={path}" if path else base.repository
    return local_address(path)


def _member_address(base: SourceBase, path: str) -> str:
    # The project of the lock is no candidate by address: who requires it means what is being locked.
    return _address(base, "" if path == "." else path) if base.repository or path != "." else ""


def _rebased(requirement: Requirement, base: SourceBase) -> Requirement:
    """Return a direct reference with a relative path as seen from the lock instead of from the manifest."""
    from blast_pm.sources.address import parse_address

    url = requirement.url
    if url.startswith((".", "/")):
        # pip and uv read a bare path there, too.
        return requirement._replace(url=_address(base, base.join(url)))
    if not url.startswith("file:") or url.startswith("file:/"):
        return requirement
    address = parse_address(url)
    fragment = url.partition("#")[2]
    rebased = _address(base, base.join(address.location))
    return requirement._replace(url=f"{rebased}#{fragment}" if fragment and not base.repository else rebased)
