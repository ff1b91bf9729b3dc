"""Source trees ready to be read or built: a commit checked out, an archive unpacked, for as long as a block lasts.

They lie in the store's staging directory, which the next command sweeps when this one is killed.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from blast_core.errors import BuildFailed, DigestMismatch
from blast_pm.store.staging import Staging

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_pm.sources.address import Address
    from blast_pm.sources.archives import FetchedArchive
    from blast_pm.store.cache import StoredDistribution
    from blast_project.session import Session

__all__ = ["checked_out", "stored_wheel", "unpacked"]


@contextmanager
def checked_out(session: Session, address: Address, commit: str) -> Iterator[tuple[str, str]]:
    """Check out a commit and yield the tree's root and the project's directory in it.

    A tree whose version only its build tells gets a repository, because backends ask git for it.

    Raises:
        ArchiveRejected: a link leads out of the tree.
        BuildFailed: the subdirectory is missing.
        IndexAccessError, OfflineError: a submodule can't be had.
    """
    from blast_pm.sources.git_export import export_commit

    repositories = session.repositories
    repositories.ensure(address, commit)
    with Staging(os.path.join(session.settings.home, "tmp")) as staging:
        root = os.path.join(staging.path, "tree")
        export_commit(repositories, address, commit, root, history=_asks_git(session, address, commit))
        directory = os.path.join(root, address.subdirectory) if address.subdirectory else root
        _check_directory(directory, root, address.subdirectory, address.location.rpartition("@")[2])
        yield root, directory


@contextmanager
def unpacked(archive: FetchedArchive, below: str) -> Iterator[str]:
    """Unpack a source distribution and yield the project's directory in it.

    Raises:
        ArchiveRejected: the archive is hostile or damaged.
        BuildFailed: the subdirectory is missing.
    """
    from blast_core.scratch import scratch_directory
    from blast_pm.build.unpack import unpack_sdist
    from blast_pm.sources.archives import read_local_archive

    # It may have been changed where it lies since it was fetched.
    read_local_archive(archive.path, archive.sha256)
    with scratch_directory("source") as staging:
        destination = os.path.join(staging, "tree")
        os.mkdir(destination)
        root = unpack_sdist(archive.path, destination, is_named=False)
        directory = os.path.join(root, below) if below else root
        _check_directory(directory, root, below, os.path.basename(archive.path))
        yield directory


def stored_wheel(session: Session, archive: FetchedArchive) -> StoredDistribution:
    """Return a wheel that was fetched, or lies on this machine, as it stands in the store.

    Raises:
        DigestMismatch: it is not the one that was read before.
        IntegrityError: it is malformed or hostile.
    """
    found = session.cache.find([archive.sha256]).get(archive.sha256)
    if found is not None:
        return found
    stored = session.cache.add_wheel(archive.path)
    if stored.sha256 != archive.sha256:
        raise DigestMismatch(
            f"{os.path.basename(archive.path)} was changed while it was read",
            reason=f"sha256 {stored.sha256}, expected {archive.sha256}",
        )
    return stored


def _asks_git(session: Session, address: Address, commit: str) -> bool:
    """Tell whether the version of the project in a commit is left to its build backend."""
    import tomllib

    path = f"{address.subdirectory}/pyproject.toml" if address.subdirectory else "pyproject.toml"
    content = session.repositories.read_file(address, commit, path)
    try:
        project = tomllib.loads((content or b"").decode("utf-8")).get("project")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        return True
    return not isinstance(project, dict) or "version" not in project


def _check_directory(directory: str, root: str, below: str, where: str) -> None:
    real, top = os.path.realpath(directory), os.path.realpath(root)
    if not os.path.isdir(directory) or os.path.commonpath([real, top]) != top:
        raise BuildFailed(
            f"{where} has no directory '{below}'",
            reason="its subdirectory is missing, or leads out of it",
            hint="check the subdirectory of the source",
        )
