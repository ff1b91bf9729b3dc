"""From a manifest to a lock: reuse it when it is current, else resolve, and publish text and binary."""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.errors import FormatError, StaleLock
from blast_core.names import normalize_name
from blast_core.tuples import NamedTuple
from blast_project.changes import VersionChange
from blast_project.inputs import input_hash
from blast_project.project import DEFAULT_GROUP, LOCK_NAME, PYLOCK_NAME, GroupRequirement, Project

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from blast_core.formats.dpl.model import Lock
    from blast_core.formats.dpl.reader import DplLockFile
    from blast_core.interpreter import Interpreter
    from blast_core.requirements import Requirement
    from blast_pm.resolver.model import DirectCandidate, Resolution
    from blast_project.session import Session

__all__ = ["LockResult", "lock_project", "publish_lock", "read_lock", "resolve_project"]

_NO_TEXT = bytes(32)


class LockResult(NamedTuple):
    """What locking came to.

    Attributes:
        content: its bytes, as they stand or shall stand in blast.lock.
        text: its pylock.toml, as it stands or shall stand; None where there shall be none.
        changed: whether content or text differ from the files on disk.
        changes: packages added, removed or moved to another version, by name.
        visited: packages that the resolver looked at; 0 when the old lock was current.
    """

    content: bytes
    text: bytes | None
    changed: bool
    changes: tuple[VersionChange, ...]
    visited: int

    def reader(self) -> DplLockFile:
        """Return the lock, mapped: entries are decoded when they are asked for."""
        from blast_core.formats.dpl.reader import DplLockFile

        return DplLockFile.from_bytes(self.content)

    def pins(self) -> dict[str, str]:
        """Return the version of every locked package but the project itself, by name."""
        return {entry.name: entry.version for entry in self.reader().entries() if entry.source.kind == "registry"}


def lock_project(
    session: Session,
    project: Project,
    interpreter: Interpreter,
    *,
    upgrade: bool = False,
    upgrade_names: Collection[str] = (),
    check: bool = False,
    pins: Mapping[str, str] | None = None,
) -> LockResult:
    """Return the lock for the project, resolving only when the one on disk does not answer to the manifest.

    Nothing is written: ``publish_lock`` does that.

    Args:
        session: services.
        project: whose manifest to lock.
        interpreter: the target.
        upgrade: do not prefer the versions of the old lock.
        upgrade_names: do not prefer them for these packages.
        check: raise instead of resolving.
        pins: versions to prefer over those of the old lock.

    Raises:
        StaleLock: ``check`` is set and the lock is missing or does not answer to the manifest.
        NoSolution: no set of versions fits.
    """
    session.use_project(project.manifest)
    wanted_hash = input_hash(project, interpreter.target)
    old = read_lock(session, project.root)
    if old is not None and old.reader().input_hash == wanted_hash and not upgrade and not upgrade_names:
        if check or old.text is not None or not _wants_text(project):
            return old
        return _finished(session, project, old.reader().to_lock(), old, 0, old.pins())
    if check:
        raise StaleLock(
            f"{LOCK_NAME} is missing" if old is None else f"{LOCK_NAME} does not answer to pyproject.toml",
            reason="it was made from other requirements, settings or for another Python or platform" if old else "",
            hint="'blast lock' makes it anew",
        )
    before = old.pins() if old else {}
    free = {normalize_name(name) for name in upgrade_names}
    preferences = {} if upgrade else {name: version for name, version in before.items() if name not in free}
    preferences.update(pins or {})
    from blast_project.lock_building import build_project_lock

    session.reporter.step("Resolving")
    resolution = resolve_project(session, project, interpreter, preferences)
    lock = build_project_lock(session.client, project, interpreter.target, resolution, wanted_hash)
    return _finished(session, project, lock, old, resolution.visited, before)


def resolve_project(
    session: Session, project: Project, interpreter: Interpreter, preferences: Mapping[str, str]
) -> Resolution:
    """Resolve the requirements of all groups together.

    Raises:
        InvalidManifest: the manifest asks for what Blast can't do yet.
        NoSolution: there is no solution; the text says why.
    """
    from blast_core.requirements import parse_requirement
    from blast_pm.resolver import ResolutionPolicy, resolve
    from blast_project.resolving import open_metadata
    from blast_project.unsupported import check_supported

    rows = project.requirements()
    check_supported(project, rows)
    tool = project.manifest.tool
    source = open_metadata(session, interpreter)
    return resolve(
        tuple(row.requirement for row in rows),
        interpreter.target,
        source,
        preferences=preferences,
        policy=ResolutionPolicy(
            constraints=tuple(parse_requirement(line) for line in tool.get("constraint-dependencies", ())),
            overrides=tuple(parse_requirement(line) for line in tool.get("override-dependencies", ())),
            prereleases=str(tool.get("prerelease", "if-necessary-or-explicit")),
        ),
        direct={project.name: _itself(project, rows)},
        origins=_origins(project, rows),
    )


def _itself(project: Project, rows: tuple[GroupRequirement, ...]) -> DirectCandidate:
    """The project as a candidate, for what requires it: never the release of its name on an index."""
    from blast_core.markers import and_markers
    from blast_pm.resolver.model import DirectCandidate

    requirements = [row.requirement for row in rows if row.group == DEFAULT_GROUP]
    for row in rows:
        kind, _, extra = row.group.partition(":")
        if kind == "extra":
            marker = and_markers(row.requirement.marker, f'extra == "{extra}"')
            requirements.append(row.requirement._replace(marker=marker))
    manifest = project.manifest
    return DirectCandidate(
        project.name,
        manifest.version or "0",
        "",
        tuple(requirements),
        provides_extras=tuple(sorted(manifest.optional_dependencies)),
    )


def read_lock(session: Session, root: str) -> LockResult | None:
    """Return the lock on disk; None if there is none.

    ``pylock.toml`` is the source and ``blast.lock`` what was made from it: when the text is another than the one that
    the binary was made with (a merge, an edit), the lock is read from the text and counts as changed.

    Raises:
        FormatError: blast.lock is damaged and there is no pylock.toml to rebuild it from.
    """
    from blast_core.formats.dpl.reader import DplLockFile

    content = _read(os.path.join(root, LOCK_NAME))
    text = _read(os.path.join(root, PYLOCK_NAME))
    if content is None:
        return _from_text(root, text) if text is not None and _is_ours(text) else None
    try:
        _check_digest(content)
        known_text = DplLockFile.from_bytes(content).text_hash
    except FormatError as error:
        if text is None or not _is_ours(text):
            raise FormatError(
                f"{os.path.join(root, LOCK_NAME)} is damaged",
                reason=error.message,
                hint="restore it, or delete it and run 'blast lock'",
            ) from error
        session.reporter.note(f"{LOCK_NAME} was damaged and is rebuilt from {PYLOCK_NAME}")
        return _from_text(root, text)
    if text is not None and known_text != _NO_TEXT and _digest(text) != known_text and _is_ours(text):
        return _from_text(root, text)
    return LockResult(content, text, changed=False, changes=(), visited=0)


def publish_lock(root: str, result: LockResult) -> None:
    """Write the lock, text first: killed between the two, the next command rebuilds the binary from the text."""
    if not result.changed:
        return
    if result.text is not None and _read(os.path.join(root, PYLOCK_NAME)) != result.text:
        fs.replace_file(os.path.join(root, PYLOCK_NAME), result.text)
    fs.replace_file(os.path.join(root, LOCK_NAME), result.content)


def _finished(
    session: Session,
    project: Project,
    lock: Lock,
    old: LockResult | None,
    visited: int,
    before: Mapping[str, str],
) -> LockResult:
    from blast_core.formats.dpl.builder import build_lock

    text = None
    standing = old.text if old is not None else _read(os.path.join(project.root, PYLOCK_NAME))
    if _wants_text(project):
        if standing is not None and not _is_ours(standing):
            session.reporter.note(f'{PYLOCK_NAME} of another tool is replaced; `lock = "dpl"` in [tool.blast] keeps it')
        from blast_compat.locks.pylock import write_pylock

        client = session.client
        text = write_pylock(lock, lambda file: client.url_of(file.index, file.path)).encode()
        lock = lock._replace(text_hash=_digest(text))
    content = build_lock(lock)
    after = {package.name: package.version for package in lock.packages if package.name != project.name}
    changes = tuple(
        VersionChange(name, before.get(name, ""), after.get(name, ""))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )
    changed = old is None or old.changed or (content, text) != (old.content, old.text)
    return LockResult(content, text, changed, changes, visited)


def _wants_text(project: Project) -> bool:
    return bool(project.manifest.tool.get("lock", "both") != "dpl")


def _from_text(root: str, text: bytes) -> LockResult:
    from blast_compat.locks.pylock import read_pylock
    from blast_core.formats.dpl.builder import build_lock

    try:
        lock = read_pylock(text.decode("utf-8"))._replace(text_hash=_digest(text))
    except (FormatError, UnicodeDecodeError) as error:
        raise FormatError(
            f"{os.path.join(root, PYLOCK_NAME)} can't be read",
            reason=getattr(error, "message", str(error)),
            hint="solve the conflict or restore the file; deleting both lock files and 'blast lock' makes them anew",
        ) from error
    return LockResult(build_lock(lock), text, changed=True, changes=(), visited=0)


def _is_ours(text: bytes) -> bool:
    """Another tool's pylock.toml beside the project is not the source of our lock."""
    return b"[tool.blast]" in text or b"tool.blast" in text


def _check_digest(content: bytes) -> None:
    found = _digest(content[128:])
    if found != content[96:128]:
        raise FormatError("the content is not what the header says", field="content hash", value=found.hex())


def _digest(content: bytes) -> bytes:
    from blake3 import blake3

    return bytes(blake3(content).digest())


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _origins(project: Project, rows: tuple[GroupRequirement, ...]) -> dict[Requirement, str]:
    """Say for each requirement where in pyproject.toml it stands."""
    try:
        with open(project.manifest.path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except OSError:
        lines = []
    origins: dict[Requirement, str] = {}
    for row in rows:
        number = next(
            (at for at, line in enumerate(lines, 1) if f'"{row.origin}"' in line or f"'{row.origin}'" in line), 0
        )
        origins[row.requirement] = f"your project (pyproject.toml, line {number})" if number else "your project"
    return origins
