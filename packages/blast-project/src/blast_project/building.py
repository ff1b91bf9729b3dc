"""Building source trees: each in an environment that Blast composes, each result remembered by what it was built from.

The key of a result holds all that may change it: the source (digest of an archive, commit, digest of a tree), its
directory below, the interpreter, the backend's settings, the limits on what builds are done with, and whether the
build was isolated. Two builds share a result only where all of that is equal.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from blast_project.ephemeral import ephemeral_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from blast_core.interpreter import Interpreter
    from blast_pm.index.model import IndexFile
    from blast_pm.store.cache import StoredDistribution
    from blast_project.project import Project
    from blast_project.session import Session

__all__ = [
    "build_composer",
    "build_key",
    "build_metadata",
    "build_sdist",
    "build_source",
    "editable_project",
    "editable_tree",
    "find_built",
    "read_stored_metadata",
    "remember_built",
    "tree_metadata",
]

_MEMO = "misc"
# Raised when the same inputs may build something else: a change in how backends are called.
_FORMAT = 2


def build_key(session: Session, interpreter: Interpreter, name: str, *source: str) -> bytes:
    """Return the key under which a build's result is remembered.

    Args:
        session: has the settings of builds.
        interpreter: that builds.
        name: normalised, of the project.
        source: what it is built from: kind, digest or commit, directory below.
    """
    from blake3 import blake3

    options, policy = session.build_options, session.policy
    # A cut-off that moves with the clock rebuilds once a day, not once an hour.
    cutoffs = (policy.files.cutoff[:10], *sorted((key, day[:10]) for key, day in policy.files.package_cutoffs.items()))
    parts = (
        _FORMAT,
        source,
        (interpreter.executable, interpreter.version, interpreter.target.tags[:1]),
        sorted(options.settings_for(name).items()),
        [tuple(row) for row in policy.build_constraints],
        cutoffs,
        "" if options.is_isolated(name) else session.shared_python,
    )
    return b"built\0" + blake3(repr(parts).encode("utf-8", "surrogateescape")).digest()


def find_built(session: Session, key: bytes, name: str) -> StoredDistribution | None:
    """Return a project's wheel that was built under a key, if the store still holds it and it is not built again."""
    if key not in session.rebuilt and session.settings.wishes.reinstalls(name):
        return None
    known = session.database.get(_MEMO, key)
    return session.cache.find([known.decode()]).get(known.decode()) if known is not None else None


def remember_built(session: Session, key: bytes, stored: StoredDistribution) -> None:
    """Remember what was built under a key."""
    session.database.put(_MEMO, key, stored.sha256.encode())
    session.rebuilt.add(key)


def editable_project(session: Session, project: Project, interpreter: Interpreter) -> StoredDistribution:
    """Return the stored editable wheel of the project, built when its inputs changed.

    Raises:
        BuildFailed: the build backend failed or knows no PEP 660.
    """
    return editable_tree(session, project.root, interpreter, project.name)


def editable_tree(session: Session, directory: str, interpreter: Interpreter, name: str) -> StoredDistribution:
    """Return the stored editable wheel of a source tree on this machine, built when its inputs changed.

    Raises:
        BuildFailed: the build backend failed or knows no PEP 660, or the tree holds another project.
    """
    from blast_project.build_inputs import editable_inputs

    inputs = editable_inputs(directory, session.settings.environ)
    key = build_key(session, interpreter, name, "editable", directory, inputs.digest.hex())
    stored = find_built(session, key, name)
    if stored is None:
        stored = build_source(session, directory, interpreter, editable=True, name=name)
        _check_name(directory, name, stored)
        remember_built(session, key, stored)
    return stored


def build_sdist(session: Session, file: IndexFile, interpreter: Interpreter, name: str = "") -> StoredDistribution:
    """Build the wheel of a source distribution, once for each interpreter, and return it as it stands in the store.

    Raises:
        ArchiveRejected: the archive is hostile or damaged.
        BuildFailed: the build backend failed.
        IndexAccessError, DigestMismatch: the archive can't be had.
    """
    name = name or _name_of(file)
    known = _find_sdist(session, file, interpreter, name)
    if known is not None:
        return known
    with _unpacked(session, file) as (tree, sha256):
        return _build_tree_of(session, file, interpreter, name, tree, sha256)


def _name_of(file: IndexFile) -> str:
    from blast_core.names import normalize_name

    return normalize_name(file.filename.rpartition("-")[0])


def _find_sdist(session: Session, file: IndexFile, interpreter: Interpreter, name: str) -> StoredDistribution | None:
    """Return what was built of a source distribution before; an index may give no digest to know it by."""
    return (
        find_built(session, build_key(session, interpreter, name, "archive", file.sha256, ""), name)
        if file.sha256
        else None
    )


@contextmanager
def _unpacked(session: Session, file: IndexFile) -> Iterator[tuple[str, str]]:
    """Download and unpack a source distribution while the block runs; yields its tree and its digest."""
    from blast_core.digests import sha256_file
    from blast_core.scratch import scratch_directory
    from blast_pm.build.unpack import unpack_sdist

    with scratch_directory("sdist") as directory:
        archive = os.path.join(directory, os.path.basename(file.filename))
        session.client.download(file, archive, None)
        unpacked = os.path.join(directory, "unpacked")
        os.mkdir(unpacked)
        yield unpack_sdist(archive, unpacked), file.sha256 or sha256_file(archive).hex()


def _build_tree_of(
    session: Session, file: IndexFile, interpreter: Interpreter, name: str, tree: str, sha256: str
) -> StoredDistribution:
    stored = build_source(session, tree, interpreter, name=name)
    _check_built(file.filename, stored)
    remember_built(session, build_key(session, interpreter, name, "archive", sha256, ""), stored)
    return stored


def _check_built(filename: str, stored: StoredDistribution) -> None:
    """Refuse a wheel of another release than the source distribution's name promised to the resolver.

    Raises:
        BuildFailed: it is one.
    """
    from blast_core.errors import BuildFailed
    from blast_core.names import normalize_name
    from blast_core.version.keys import version_key
    from blast_pm.metadata.sdists import sdist_version

    version = sdist_version(filename, normalize_name(stored.name))
    if version is None or version_key(version) != version_key(stored.version):
        raise BuildFailed(
            f"{filename} is not what its name says",
            reason=f"building it gave {stored.name} {stored.version}",
            hint="ask for another version of it",
        )


def _check_name(source: str, name: str, stored: StoredDistribution) -> None:
    from blast_core.errors import BuildFailed
    from blast_core.names import normalize_name

    if name and normalize_name(stored.name) != name:
        raise BuildFailed(
            f"{source} is not {name}",
            reason=f"building it gave {stored.name} {stored.version}",
            hint=f"require '{normalize_name(stored.name)}' from there",
        )


def build_metadata(session: Session, file: IndexFile, interpreter: Interpreter) -> bytes:
    """Return the METADATA of a source distribution whose own files don't tell its requirements.

    The build backend is asked for it; only one that can't tell has to build a wheel, which may need compilers and
    libraries that whoever locks for others does not have.

    Raises:
        BuildFailed, ArchiveRejected, IndexAccessError: as ``build_sdist``.
    """
    name = _name_of(file)
    known = _find_sdist(session, file, interpreter, name)
    if known is not None:
        return read_stored_metadata(known)
    with _unpacked(session, file) as (tree, sha256):
        found = _ask_backend(session, tree, interpreter, name)
        if found is not None:
            return found
        return read_stored_metadata(_build_tree_of(session, file, interpreter, name, tree, sha256))


def read_stored_metadata(stored: StoredDistribution) -> bytes:
    """Return the METADATA of a distribution in the store.

    Raises:
        ObjectMissing: its tree holds none.
    """
    from blast_core.errors import ObjectMissing

    for name in os.listdir(stored.tree):
        if name.endswith(".dist-info"):
            with open(os.path.join(stored.tree, name, "METADATA"), "rb") as metadata:
                return metadata.read()
    raise ObjectMissing(
        f"the tree of {stored.name} {stored.version} has no metadata",
        hint="'blast cache verify' finds what is damaged",
    )


def tree_metadata(session: Session, directory: str, interpreter: Interpreter, name: str) -> bytes:
    """Return the METADATA that the build backend of a source tree tells; nothing is remembered.

    Raises:
        BuildFailed: the build backend failed.
    """
    found = _ask_backend(session, directory, interpreter, name)
    if found is not None:
        return found
    return read_stored_metadata(build_source(session, directory, interpreter, name=name))


def _ask_backend(session: Session, directory: str, interpreter: Interpreter, name: str) -> bytes | None:
    """Return the METADATA that a build backend tells without a build, None where it can't."""
    from blast_core.scratch import scratch_directory
    from blast_pm.build.backend import prepare_metadata

    session.reporter.step(f"Reading the metadata of {name or os.path.basename(directory)}")
    with scratch_directory("metadata") as output:
        return prepare_metadata(
            directory,
            output,
            build_composer(session, directory, interpreter, name),
            settings=session.build_options.settings_for(name),
        )


def build_source(
    session: Session, directory: str, interpreter: Interpreter, *, editable: bool = False, name: str = ""
) -> StoredDistribution:
    """Build the source tree ``directory`` and return the wheel as it stands in the store.

    Raises:
        BuildFailed: the build backend failed.
    """
    from blast_core.scratch import scratch_directory
    from blast_pm.build.backend import build_wheel

    session.reporter.step(f"Building {name or os.path.basename(directory)}")
    with scratch_directory("build") as output:
        wheel = build_wheel(
            directory,
            output,
            build_composer(session, directory, interpreter, name),
            editable=editable,
            settings=session.build_options.settings_for(name),
        )
        return session.cache.add_wheel(wheel, editable=editable)


def build_composer(
    session: Session, directory: str, interpreter: Interpreter, name: str
) -> Callable[[Sequence[str]], str]:
    """Return what makes environments for the build backend of a tree: from requirements to an interpreter's path."""

    def compose(requirements: Sequence[str]) -> str:
        if not session.build_options.is_isolated(name):
            return _shared(session, name or directory)
        environment = ephemeral_environment(
            session, interpreter, requirements, origin=f"the build system of {name or directory}", builds=False
        )
        return os.path.join(environment, interpreter.scripts, "python.exe" if os.name == "nt" else "python")

    return compose


def _shared(session: Session, name: str) -> str:
    """Return the interpreter of the environment for builds without isolation; while locking, of the project's own."""
    from blast_core.errors import BuildFailed
    from blast_project.environment.layout import python_path
    from blast_project.project import environment_path, find_root

    if session.shared_python:
        return session.shared_python
    root = find_root(session.settings.directory)
    standing = python_path(environment_path(root, session.settings)) if root is not None else ""
    if not standing or not os.path.exists(standing):
        raise BuildFailed(
            f"{name} can't be built without isolation here",
            reason="there is no environment yet that holds what its build needs",
            hint="require that first and run 'blast sync', or take it out of no-build-isolation-package",
        )
    return standing
