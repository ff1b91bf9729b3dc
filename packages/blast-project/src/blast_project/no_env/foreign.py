"""From a lock of another tool to distributions in the store: choose, find, fetch, build; nothing is resolved.

What is chosen is remembered under the bytes of the lock and of the pyproject.toml beside it, and for what an
interpreter is: the next run parses neither.
"""

from __future__ import annotations

import marshal
import os

from blast_core.errors import FormatError, InstallError, InvalidManifest, StoreError
from blast_core.tuples import NamedTuple
from blast_pm.store.cache import WantedDistribution
from blast_project.wanted import is_sdist

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from blast_compat.locks.foreign import ForeignLock, ForeignPackage
    from blast_core.interpreter import Interpreter
    from blast_pm.metadata.policy import FilePolicy
    from blast_pm.store.cache import StoredDistribution
    from blast_project.selection import GroupSelection
    from blast_project.session import Session

    _Sources = tuple[tuple[str, str, tuple[str, str, str, str, str]], ...]

__all__ = ["ForeignStored", "chosen_packages", "foreign_stored", "store_packages"]

_MEMO = "misc"
_FORMAT = b"foreign1\0"


class ForeignStored(NamedTuple):
    """What a lock of another tool comes to.

    Attributes:
        stored: the distributions, by name.
        direct_urls: content of direct_url.json by normalised name.
        changes_unseen: it may become something else though the lock stays as it is: a tree of this machine beside the
            project itself is among it, or the lock leads to other files.
    """

    stored: tuple[StoredDistribution, ...]
    direct_urls: dict[str, bytes]
    changes_unseen: bool


def foreign_stored(
    session: Session, path: str, interpreter: Interpreter, selection: GroupSelection, directory: str = ""
) -> ForeignStored:
    """Return what ``path``, a lock of another tool or a file of pinned requirements, comes to for an interpreter.

    Args:
        session: services.
        path: absolute, of the lock; its name tells its kind (`blast_compat.locks.foreign_reader.FOREIGN_LOCKS`, else
            requirements).
        interpreter: that it is for.
        selection: groups and extras. Which groups are installed unasked, the lock's tool says.
        directory: absolute, where a program is started: in a workspace it tells the package.

    Raises:
        FormatError: the lock is wrong; names the line or the field.
        InvalidManifest: the pyproject.toml beside it can't be read.
        UsageError: a group or extra is not in it.
        InstallError: the lock is not for this interpreter, or has no file for it.
        DigestMismatch: a file is not the one that was locked.
        OfflineError, IndexAccessError, IntegrityError, BuildFailed: as fetching and building do.
    """
    root = os.path.dirname(path)
    content, manifest = _read(path), _read(os.path.join(root, "pyproject.toml"), optional=True)
    if b"tool.blast" in manifest:
        session.use_project_around()
    kinds = _kinds(session)
    key = _memo_key(path, (content, manifest), selection, interpreter, kinds, directory)
    known = _recall(session, key)
    if known is None:
        packages = _chosen(session, path, content, manifest, interpreter, selection, directory)
        found = store_packages(session, root, packages, interpreter, kinds, key)
    else:
        found = _stored(session, root, *known, interpreter)
    # What leads to other files changes with them.
    return found._replace(changes_unseen=found.changes_unseen or not key)


def chosen_packages(
    session: Session, path: str, interpreter: Interpreter, selection: GroupSelection, directory: str = ""
) -> Sequence[ForeignPackage]:
    """Return what a lock of another tool chooses for an interpreter, by name; see `foreign_stored`."""
    manifest = _read(os.path.join(os.path.dirname(path), "pyproject.toml"), optional=True)
    return _chosen(session, path, _read(path), manifest, interpreter, selection, directory)


def store_packages(
    session: Session,
    root: str,
    packages: Sequence[ForeignPackage],
    interpreter: Interpreter,
    kinds: FilePolicy | None = None,
    key: bytes = b"",
) -> ForeignStored:
    """Return packages of a lock as they stand in the store, fetched and built where they don't.

    Args:
        session: services.
        root: directory that paths are relative to.
        packages: what is chosen, no name twice.
        interpreter: that they are for.
        kinds: of which projects wheels or source distributions don't count.
        key: what the choice of files is remembered under; empty to remember nothing.

    Raises:
        InstallError: one has no file for the interpreter.
        DigestMismatch, OfflineError, IndexAccessError, IntegrityError, BuildFailed: as fetching and building do.
    """
    from blast_project.no_env.foreign_files import FileFinder

    finder = FileFinder(session, root, interpreter, kinds)
    files = finder.find([package for package in packages if package.source.kind == "registry"])
    sources = tuple(
        (package.name, package.version, tuple(package.source))
        for package in packages
        if package.source.kind != "registry"
    )
    found = _stored(session, root, files, sources, interpreter)  # type: ignore[arg-type]  # five texts
    if key:
        try:
            session.database.put(_MEMO, key, marshal.dumps((tuple(tuple(row) for row in files), sources)))
        except StoreError:
            # A store that can't be written only remembers nothing.
            pass
    return found


def _stored(
    session: Session, root: str, files: Sequence[WantedDistribution], sources: _Sources, interpreter: Interpreter
) -> ForeignStored:
    from blast_project.fetching import ensure_stored

    stored = ensure_stored(session, files, interpreter)
    if not sources:
        return ForeignStored(stored, {}, changes_unseen=False)
    from blast_core.formats.dpl.model import LockedSource
    from blast_project.building import editable_tree
    from blast_project.source_install import ensure_sources, wanted_sources
    from blast_project.sources import VIRTUAL

    rows = [(name, version, LockedSource(*source)) for name, version, source in sources]
    found = ensure_sources(session, root, wanted_sources(rows), interpreter)
    # The project itself, at the place of its lock; a lock may have been sent ahead of it.
    is_there = any(os.path.isfile(os.path.join(root, name)) for name in ("pyproject.toml", "setup.py"))
    own = [name for name, _, source in rows if is_there and source.location == "." and source.revision != VIRTUAL]
    mine = tuple(editable_tree(session, root, interpreter, name) for name in own)
    everything = sorted((*stored, *found.stored, *mine))
    return ForeignStored(tuple(everything), found.direct_urls, found.changes_unseen)


def _chosen(
    session: Session,
    path: str,
    content: bytes,
    manifest: bytes,
    interpreter: Interpreter,
    selection: GroupSelection,
    directory: str,
) -> Sequence[ForeignPackage]:
    from blast_compat.locks.foreign import select_packages

    root = os.path.dirname(path)
    if _is_requirements(path):
        from blast_project.no_env.foreign_requirements import pinned_packages

        return pinned_packages(session, path, interpreter, selection)
    from blast_compat.locks.foreign_reader import read_foreign_lock

    below = os.path.relpath(directory or root, root).replace(os.sep, "/")
    lock = read_foreign_lock(path, content, _document(os.path.join(root, "pyproject.toml"), manifest), below)
    return select_packages(lock, _groups(lock, selection), interpreter.target.marker_environment)


def _groups(lock: ForeignLock, selection: GroupSelection) -> list[str]:
    from blast_project.selection import select_groups

    mask = select_groups(lock.groups, selection, defaults={"": lock.defaults})
    return [group for bit, group in enumerate(lock.groups) if mask >> bit & 1]


def _is_requirements(path: str) -> bool:
    return path.endswith((".txt", ".in"))


def _read(path: str, *, optional: bool = False) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        if optional:
            return b""
        raise InstallError(f"{path} is gone", hint="it was there a moment ago") from None
    except OSError as error:
        raise FormatError("can't be read", file=path, reason=error.strerror or str(error)) from error


def _document(path: str, content: bytes) -> dict[str, Any]:
    from blast_compat.pyproject import parse_toml

    try:
        return parse_toml(content.decode("utf-8"), path)
    except UnicodeDecodeError as error:
        raise InvalidManifest(f"{path} is not UTF-8", reason=str(error)) from error


def _kinds(session: Session) -> FilePolicy | None:
    files = session.policy.files
    return None if files.is_empty else files


def _memo_key(
    path: str,
    contents: tuple[bytes, bytes],
    selection: GroupSelection,
    interpreter: Interpreter,
    kinds: FilePolicy | None,
    directory: str,
) -> bytes:
    """Return what the choice depends on; b"" where more than these files decides."""
    from blake3 import blake3

    if _is_requirements(path) and _leads_elsewhere(contents[0]):
        return b""
    target = interpreter.target
    digest = blake3()
    environment: Mapping[str, str] = target.marker_environment
    for part in (
        os.path.basename(path),
        os.path.relpath(directory or os.path.dirname(path), os.path.dirname(path)),
        selection.key,
        repr(sorted(environment.items())),
        "\0".join(target.tags),
        repr((kinds.no_build, kinds.no_binary)) if kinds is not None else "",
    ):
        encoded = part.encode("utf-8", "surrogateescape")
        digest.update(b"%d\0" % len(encoded) + encoded)
    for content in contents:
        digest.update(b"%d\0" % len(content) + content)
    return _FORMAT + bytes(digest.digest())


def _leads_elsewhere(content: bytes) -> bool:
    """Tell whether lines of requirements may name other files, places or variables."""
    for line in content.splitlines():
        said = line.partition(b"#")[0].strip()
        if (
            (said.startswith(b"-") and not said.startswith(b"--hash"))
            or b"${" in said
            or b"/" in said
            or b"\\" in said[:-1]
        ):
            return True
    return False


def _recall(session: Session, key: bytes) -> tuple[tuple[WantedDistribution, ...], _Sources] | None:
    """Return what was chosen before, where nothing of it has to be fetched: indexes may be others now."""
    content = session.database.get(_MEMO, key) if key else None
    if content is None:
        return None
    files, sources = marshal.loads(content)  # noqa: S302 - this user's own database
    rows = tuple(WantedDistribution(*row) for row in files)
    wheels = {row.sha256 for row in rows if not is_sdist(row.filename)}
    return (rows, sources) if session.cache.find(wheels).keys() == wheels else None
