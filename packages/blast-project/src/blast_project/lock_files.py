"""A lock on disk and on its way there: the two files read as one, and published together."""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.errors import FormatError
from blast_core.tuples import NamedTuple
from blast_project.exclusive import sweep_temporaries
from blast_project.project import LOCK_NAME, PYLOCK_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from blast_core.formats.dpl.model import LockedPackage
    from blast_core.formats.dpl.reader import DplEntry, DplLockFile
    from blast_core.interpreter import Target
    from blast_pm.resolver.model import UniversalResolution
    from blast_project.changes import VersionChange
    from blast_project.delta import Growth
    from blast_project.session import Session
    from blast_project.targets import TargetPlan

__all__ = ["Draft", "LockResult", "digest_of", "has_foreign_text", "publish_lock", "read_lock", "releases_of"]

_CONFLICT_HINT = (
    "solve the conflict: 'git checkout --ours pylock.toml blast.lock', then 'blast lock' adds what the other side asks "
    "for; 'blast lock --install-git-driver' merges locks by package"
)

_NO_TEXT = bytes(32)
# Of the old lock and of the new one.
_MOST_READERS = 2
_readers: dict[bytes, DplLockFile] = {}


class Draft(NamedTuple):
    """What a lock is made of: the targets, what was found, the lock that stood before, and what comes to it."""

    plan: TargetPlan
    resolution: UniversalResolution
    old: LockResult | None
    growth: Growth | None = None


class LockResult(NamedTuple):
    """What locking came to.

    Attributes:
        content: its bytes, as they stand or shall stand in blast.lock.
        text: its pylock.toml, as it stands or shall stand; None where there shall be none.
        changed: whether content or text differ from the files on disk.
        changes: packages added, removed or moved to another version, by name.
        visited: packages that the resolver looked at; 0 when the old lock was current.
        releases: by entry of the lock its name, version, kind of source and location; None where it was not made anew.
        draft: what it is to be made of; then there is no content yet.
    """

    content: bytes
    text: bytes | None
    changed: bool
    changes: tuple[VersionChange, ...]
    visited: int
    releases: tuple[tuple[str, str, str, str], ...] | None = None
    draft: Draft | None = None

    def reader(self) -> DplLockFile:
        """Return the lock: entries are decoded when they are asked for. What was decoded is known the next time."""
        from blast_core.formats.dpl.reader import DplLockFile

        reader = _readers.get(self.content)
        if reader is None:
            while len(_readers) >= _MOST_READERS:
                del _readers[next(iter(_readers))]
            reader = _readers[self.content] = DplLockFile.from_bytes(self.content)
        return reader

    def pins(self) -> dict[str, str]:
        """Return by name the version of every package from an index, the lowest where targets have several."""
        pins: dict[str, str] = {}
        for name, version, kind, _ in self._releases():
            if kind == "registry":
                pins.setdefault(name, version)
        return pins

    def pins_on(self, target: Target, group_mask: int) -> dict[str, str]:
        """Return by name the version of every package from an index that an interpreter's target has.

        Raises:
            StaleLock: the lock was not made for it.
            UsageError: the groups are declared to conflict.
        """
        from blast_project.wanted import target_bit

        reader = self.reader()
        bit = target_bit(reader, target, group_mask)
        entries = [entry for entry in reader.entries() if entry.target_mask >> bit & 1]
        return {entry.name: entry.version for entry in entries if entry.source.kind == "registry"}

    def versions(self) -> dict[str, str]:
        """Return by name the versions of every package but the project itself, lowest first, such as ``1.0, 2.0``."""
        found: dict[str, list[str]] = {}
        for name, version, _, location in self._releases():
            if location != "." and version not in found.setdefault(name, []):
                found[name].append(version)
        return {name: ", ".join(versions) for name, versions in found.items()}

    def _releases(self) -> tuple[tuple[str, str, str, str], ...]:
        if self.releases is not None:
            return self.releases
        return releases_of(self.reader().entries())


def read_lock(session: Session, root: str) -> LockResult | None:
    """Return the lock on disk; None if there is none.

    ``pylock.toml`` is the source and ``blast.lock`` what was made from it: when the text is another than the one that
    the binary was made with (a merge, an edit), the lock is read from the text and counts as changed.

    Raises:
        FormatError: blast.lock is damaged and there is no pylock.toml to rebuild it from.
    """
    content = _read(os.path.join(root, LOCK_NAME))
    text = _read(os.path.join(root, PYLOCK_NAME))
    if content is None:
        return _from_text(root, text) if text is not None and _is_ours(text) else None
    try:
        _check_digest(content)
        result = LockResult(content, text, changed=False, changes=(), visited=0)
        known_text = result.reader().text_hash
    except FormatError as error:
        if text is None or not _is_ours(text):
            raise FormatError(
                f"{os.path.join(root, LOCK_NAME)} is damaged",
                reason=error.message,
                hint="restore it, or delete it and run 'blast lock'",
            ) from error
        session.reporter.note(f"{LOCK_NAME} was damaged and is rebuilt from {PYLOCK_NAME}")
        return _from_text(root, text)
    if text is not None and known_text != _NO_TEXT and digest_of(text) != known_text and _is_ours(text):
        return _from_text(root, text)
    return result


def publish_lock(root: str, result: LockResult, after: Sequence[tuple[str, bytes]] = ()) -> None:
    """Write the lock, text first: killed between the two, the next command rebuilds the binary from the text.

    Args:
        root: directory of the project.
        result: what is not written where it has not changed.
        after: paths and contents of files that go with it, put in place behind it; all are flushed together.
    """
    contents: list[tuple[str, bytes]] = []
    if result.changed:
        text = os.path.join(root, PYLOCK_NAME)
        if result.text is not None and _read(text) != result.text:
            contents.append((text, result.text))
        contents.append((os.path.join(root, LOCK_NAME), result.content))
    contents += after
    directories = dict.fromkeys(os.path.dirname(path) for path, _ in contents)
    for directory in directories:
        sweep_temporaries(directory)
    fs.replace_files(contents)
    for directory in directories:
        fs.sync_directory(directory)


def has_foreign_text(root: str, known: LockResult | None) -> bool:
    """Tell whether another tool's ``pylock.toml`` stands beside a project; ``known`` is its lock, if that was read."""
    standing = known.text if known is not None else _read(os.path.join(root, PYLOCK_NAME))
    return standing is not None and not _is_ours(standing)


def releases_of(entries: Iterable[DplEntry | LockedPackage]) -> tuple[tuple[str, str, str, str], ...]:
    """Return name, version, kind of source and location of each entry of a lock."""
    return tuple([(row.name, row.version, row.source.kind, row.source.location) for row in entries])


def _from_text(root: str, text: bytes) -> LockResult:
    from blast_compat.locks.pylock import read_pylock
    from blast_core.formats.dpl.builder import build_lock

    try:
        lock = read_pylock(text.decode("utf-8"))._replace(text_hash=digest_of(text))
    except (FormatError, UnicodeDecodeError) as error:
        reason = getattr(error, "message", str(error))
        anew = "restore it; deleting both lock files and 'blast lock' makes them anew"
        raise FormatError(
            f"{os.path.join(root, PYLOCK_NAME)} can't be read",
            reason=reason,
            hint=_CONFLICT_HINT if "merge conflict" in reason else anew,
        ) from error
    return LockResult(build_lock(lock), text, changed=True, changes=(), visited=0)


def _is_ours(text: bytes) -> bool:
    """Another tool's pylock.toml beside the project is not the source of our lock."""
    return b"[tool.blast]" in text or b"tool.blast" in text


def _check_digest(content: bytes) -> None:
    found = digest_of(content[128:])
    if found != content[96:128]:
        raise FormatError("the content is not what the header says", field="content hash", value=found.hex())


def digest_of(content: bytes) -> bytes:
    """Return the BLAKE3 of what a lock's header has one of."""
    from blake3 import blake3

    return bytes(blake3(content).digest())


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
