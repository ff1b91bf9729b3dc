"""The project itself as a distribution: its editable wheel, built in an environment that Blast composes.

The wheel is remembered under the digest of the files that decide what it holds, so a sync builds only after one
changed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from blast_project.ephemeral import ephemeral_environment
from blast_project.project import MANIFEST_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_core.interpreter import Interpreter
    from blast_pm.index.model import IndexFile
    from blast_pm.store.cache import StoredDistribution
    from blast_project.project import Project
    from blast_project.session import Session

__all__ = ["build_metadata", "build_sdist", "build_source", "editable_project"]

_INPUTS = (MANIFEST_NAME, "setup.py", "setup.cfg", "MANIFEST.in")
_MEMO = "misc"


def editable_project(session: Session, project: Project, interpreter: Interpreter) -> StoredDistribution:
    """Return the stored editable wheel of the project, built when its inputs changed.

    Raises:
        BuildFailed: the build backend failed or knows no PEP 660.
    """
    key = b"editable\0" + _inputs_digest(project, interpreter)
    known = session.database.get(_MEMO, key)
    if known is not None:
        found = session.cache.find([known.decode()])
        if found:
            return found[known.decode()]
    stored = build_source(session, project.root, interpreter, editable=True)
    session.database.put(_MEMO, key, stored.sha256.encode())
    return stored


def build_sdist(session: Session, file: IndexFile, interpreter: Interpreter) -> StoredDistribution:
    """Build the wheel of a source distribution, once for each interpreter, and return it as it stands in the store.

    Raises:
        ArchiveRejected: the archive is hostile or damaged.
        BuildFailed: the build backend failed.
        IndexAccessError, DigestMismatch: the archive can't be had.
    """
    import tempfile

    from blast_core.digests import sha256_file
    from blast_pm.build.unpack import unpack_sdist

    # An index may give no digest; then only the archive itself tells which it is.
    known = _find_built(session, file.sha256, interpreter) if file.sha256 else None
    if known is not None:
        return known
    with tempfile.TemporaryDirectory(prefix="blast-sdist-") as directory:
        archive = os.path.join(directory, os.path.basename(file.filename))
        session.client.download(file, archive, None)
        unpacked = os.path.join(directory, "unpacked")
        os.mkdir(unpacked)
        sha256 = file.sha256 or sha256_file(archive).hex()
        stored = build_source(session, unpack_sdist(archive, unpacked), interpreter)
    _check_built(file.filename, stored)
    session.database.put(_MEMO, _built_key(sha256, interpreter), stored.sha256.encode())
    return stored


def _built_key(sha256: str, interpreter: Interpreter) -> bytes:
    return f"built\0{sha256}\0{interpreter.executable}\0{interpreter.version}".encode("utf-8", "surrogateescape")


def _find_built(session: Session, sha256: str, interpreter: Interpreter) -> StoredDistribution | None:
    known = session.database.get(_MEMO, _built_key(sha256, interpreter))
    return session.cache.find([known.decode()]).get(known.decode()) if known is not None else None


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


def build_metadata(session: Session, file: IndexFile, interpreter: Interpreter) -> bytes:
    """Return the METADATA of a source distribution that tells its requirements only when it is built.

    Raises:
        BuildFailed, ArchiveRejected, IndexAccessError: as ``build_sdist``.
    """
    from blast_core.errors import ObjectMissing

    tree = build_sdist(session, file, interpreter).tree
    for name in os.listdir(tree):
        if name.endswith(".dist-info"):
            with open(os.path.join(tree, name, "METADATA"), "rb") as metadata:
                return metadata.read()
    raise ObjectMissing(
        f"the tree of {file.filename} has no metadata", hint="'blast cache verify' finds what is damaged"
    )


def build_source(
    session: Session, directory: str, interpreter: Interpreter, *, editable: bool = False
) -> StoredDistribution:
    """Build the source tree ``directory`` and return the wheel as it stands in the store.

    Raises:
        BuildFailed: the build backend failed.
    """
    import tempfile

    from blast_pm.build.backend import build_wheel

    def compose(requirements: Sequence[str]) -> str:
        environment = ephemeral_environment(
            session, interpreter, requirements, origin=f"the build system of {directory}", builds=False
        )
        return os.path.join(environment, interpreter.scripts, "python.exe" if os.name == "nt" else "python")

    session.reporter.step(f"Building {os.path.basename(directory)}")
    with tempfile.TemporaryDirectory(prefix="blast-build-") as output:
        wheel = build_wheel(directory, output, compose, editable=editable)
        return session.cache.add_wheel(wheel, editable=editable)


def _inputs_digest(project: Project, interpreter: Interpreter) -> bytes:
    from blake3 import blake3

    digest = blake3(
        f"{project.root}\0{interpreter.executable}\0{interpreter.version}".encode("utf-8", "surrogateescape")
    )
    for name in _INPUTS:
        try:
            with open(os.path.join(project.root, name), "rb") as file:
                digest.update(b"\0" + name.encode() + b"\0" + file.read())
        except FileNotFoundError:
            continue
    return bytes(digest.digest())
