"""From a lock's entries that are on no index to distributions in the store, and what is told of their origin.

Repositories and archives are built once and known by commit or digest from then on. Trees of this machine are built
when their content changed: the whole of it for a copy, what its editable wheel holds for an editable one.

Spec: PEP 610 (direct_url.json), PEP 660.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from blast_core.errors import BuildFailed, InstallError
from blast_core.names import normalize_name
from blast_core.tuples import NamedTuple
from blast_project.building import build_key, build_source, editable_tree, find_built, remember_built
from blast_project.requirement_sources import local_path
from blast_project.sources import VIRTUAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from blast_core.formats.dpl.model import LockedSource
    from blast_core.interpreter import Interpreter
    from blast_pm.sources.address import Address
    from blast_pm.sources.archives import FetchedArchive
    from blast_pm.store.cache import StoredDistribution
    from blast_project.session import Session

__all__ = ["InstalledSources", "WantedSource", "ensure_sources", "wanted_sources"]

_LOCAL = frozenset(("path", "editable", "workspace"))


class WantedSource(NamedTuple):
    """A package to install that is on no index: normalised name, locked version ("" for any), and its source."""

    name: str
    version: str
    source: LockedSource


class InstalledSources(NamedTuple):
    """What is installed of sources.

    Attributes:
        stored: in the order of what was wanted.
        direct_urls: content of direct_url.json by normalised name.
        changes_unseen: one is a tree of this machine that can change without the lock or a manifest changing.
    """

    stored: tuple[StoredDistribution, ...]
    direct_urls: dict[str, bytes]
    changes_unseen: bool


def wanted_sources(entries: Iterable[tuple[str, str, LockedSource]]) -> tuple[WantedSource, ...]:
    """Return what to install of (name, version, source) rows: neither the project itself nor what is no package."""
    rows = (WantedSource(*entry) for entry in entries)
    return tuple(row for row in rows if row.source.kind != "registry" and not _is_left_out(row.source))


def _is_left_out(source: LockedSource) -> bool:
    return source.kind in _LOCAL and (source.revision == VIRTUAL or source.location == ".")


def ensure_sources(
    session: Session, root: str, wanted: Sequence[WantedSource], interpreter: Interpreter
) -> InstalledSources:
    """Return ``wanted`` as they stand in the store, fetched and built where they don't.

    Args:
        session: services.
        root: directory of the lock, which paths are relative to.
        wanted: from ``wanted_sources``.
        interpreter: that they are for.

    Raises:
        OfflineError: one has to be fetched, and the network is forbidden.
        DigestMismatch: an archive is not the one that was locked.
        BuildFailed: one can't be built, or is another project or version than the lock says.
    """
    stored: list[StoredDistribution] = []
    direct_urls: dict[str, bytes] = {}
    for row in wanted:
        stored.append(_ensure(session, root, row, interpreter))
        direct_urls[row.name] = _direct_url(root, row.source)
    local = any(row.source.kind in _LOCAL and not row.source.digest for row in wanted)
    return InstalledSources(tuple(stored), direct_urls, local)


def _ensure(session: Session, root: str, row: WantedSource, interpreter: Interpreter) -> StoredDistribution:
    source = row.source
    if source.kind == "git":
        return _ensure_commit(session, row, interpreter)
    if source.kind == "url":
        known = _find_archive(session, row, interpreter)
        if known is not None:
            return known
        return _ensure_archive(session, row, session.archives.fetch(source.location, source.digest), interpreter)
    path = local_path(source.location, root)
    if source.digest:
        from blast_pm.sources.archives import read_local_archive

        return _ensure_archive(session, row, read_local_archive(path, source.digest), interpreter)
    directory = os.path.join(path, source.subdirectory) if source.subdirectory else path
    if not os.path.isdir(directory):
        raise InstallError(
            f"{row.name} is to be installed from {directory}, which is no directory",
            reason="the lock names it",
            hint="put it there, or change its source in pyproject.toml",
        )
    if source.kind in ("editable", "workspace"):
        return editable_tree(session, directory, interpreter, row.name)
    return _ensure_tree(session, directory, row.name, interpreter)


def _ensure_tree(session: Session, directory: str, name: str, interpreter: Interpreter) -> StoredDistribution:
    from blast_project.build_inputs import tree_inputs

    digest = tree_inputs(directory, session.settings.environ)
    key = build_key(session, interpreter, name, "tree", directory, digest.hex())
    stored = find_built(session, key, name)
    if stored is None:
        stored = build_source(session, directory, interpreter, name=name)
        _check(name, "", stored, directory)
        remember_built(session, key, stored)
    return stored


def _ensure_commit(session: Session, row: WantedSource, interpreter: Interpreter) -> StoredDistribution:
    from blast_project.source_trees import checked_out

    source = row.source
    key = build_key(session, interpreter, row.name, "git", source.location, source.revision, source.subdirectory)
    stored = find_built(session, key, row.name)
    if stored is None:
        with checked_out(session, _git_address(source), source.revision) as (_, directory):
            stored = build_source(session, directory, interpreter, name=row.name)
        _check(row.name, row.version, stored, source.location)
        remember_built(session, key, stored)
    return stored


def _git_address(source: LockedSource) -> Address:
    from blast_pm.sources.address import Address, parse_address

    # What a lock says is checked like any address: it may come from somebody else.
    address = parse_address(f"git+{source.location}@{source.revision}")
    return Address("git", address.location, source.revision, source.subdirectory)


def _find_archive(session: Session, row: WantedSource, interpreter: Interpreter) -> StoredDistribution | None:
    """Return what was stored or built of an archive before, so that it need not be fetched again."""
    source = row.source
    found = session.cache.find([source.digest]).get(source.digest)
    if found is not None:
        return found
    key = build_key(session, interpreter, row.name, "archive", source.digest, source.subdirectory)
    return find_built(session, key, row.name)


def _ensure_archive(
    session: Session, row: WantedSource, archive: FetchedArchive, interpreter: Interpreter
) -> StoredDistribution:
    from blast_project.source_trees import stored_wheel, unpacked

    source, filename = row.source, os.path.basename(archive.path)
    if filename.endswith(".whl"):
        _check_tags(filename, interpreter)
        stored = stored_wheel(session, archive)
        _check(row.name, row.version, stored, filename)
        return stored
    key = build_key(session, interpreter, row.name, "archive", source.digest, source.subdirectory)
    known = find_built(session, key, row.name)
    if known is not None:
        return known
    with unpacked(archive, source.subdirectory) as directory:
        stored = build_source(session, directory, interpreter, name=row.name)
    _check(row.name, row.version, stored, filename)
    remember_built(session, key, stored)
    return stored


def _check_tags(filename: str, interpreter: Interpreter) -> None:
    from blast_pm.metadata.wheels import best_filename

    if best_filename([filename], interpreter.target) is None:
        raise InstallError(
            f"{filename} can't be installed here",
            reason=f"it was built for others than {interpreter.target.name}",
            hint="give its source a marker, or name a wheel for this platform",
        )


def _check(name: str, version: str, stored: StoredDistribution, where: str) -> None:
    """Refuse a wheel of another project or version than what was locked.

    Raises:
        BuildFailed: it is one.
    """
    from blast_core.version.keys import version_key

    if normalize_name(stored.name) != name or (version and version_key(stored.version) != version_key(version)):
        raise BuildFailed(
            f"{where} is not {name} {version}".rstrip(),
            reason=f"it holds {stored.name} {stored.version}",
            hint="'blast lock --upgrade' looks again at what it holds",
        )


def _direct_url(root: str, source: LockedSource) -> bytes:
    """Return the content of direct_url.json (PEP 610)."""
    import json

    from blast_pm.index.file_urls import url_of_path

    document: dict[str, object]
    if source.kind == "git":
        document = {"url": source.location, "vcs_info": {"vcs": "git", "commit_id": source.revision}}
    elif source.kind == "url" or source.digest:
        url = source.location if source.kind == "url" else url_of_path(local_path(source.location, root))
        hashes = {"hash": f"sha256={source.digest}", "hashes": {"sha256": source.digest}}
        document = {"url": url, "archive_info": hashes}
    else:
        is_editable = source.kind in ("editable", "workspace")
        directory = local_path(os.path.join(source.location, source.subdirectory), root)
        document = {"url": url_of_path(directory), "dir_info": {"editable": True} if is_editable else {}}
        return json.dumps(document, sort_keys=True).encode()
    if source.subdirectory:
        document["subdirectory"] = source.subdirectory
    return json.dumps(document, sort_keys=True).encode()
