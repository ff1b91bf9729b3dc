"""A lock that comes to more or to less: what stands in it is copied in both forms, and only what is new is written.

Where a project asks for more than its lock was made from, and what that brings fits what is locked, a lock differs in
the entry of the project and in those of new packages. That holds if no group comes to what it didn't reach before, and
if both forms would be written again as they are. Of a project that asks for less `blast_project.lock_shrinking` tells
what goes. Whatever is otherwise, the whole lock is written.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from blast_core.formats.dpl.model import LockedPackage
    from blast_core.formats.dpl.reader import DplEntry, DplLockFile
    from blast_pm.resolver.model import UniversalResolution
    from blast_project.delta import Growth
    from blast_project.lock_files import LockResult
    from blast_project.project import Project
    from blast_project.session import Session
    from blast_project.targets import TargetPlan

__all__ = ["find_versions", "grow_lock", "grown_releases"]


def grow_lock(
    session: Session,
    project: Project,
    plan: TargetPlan,
    resolution: UniversalResolution,
    growth: Growth,
    inputs: bytes,
    *,
    has_text: bool,
) -> LockResult | None:
    """Return the lock of a project, compared with the one that it grew from; None where all of it has to be written.

    Args:
        session: services.
        project: whose manifest is locked.
        plan: its targets, those of the lock.
        resolution: of what is new.
        growth: that, and the lock that it comes to.
        inputs: the input hash.
        has_text: whether there is a pylock.toml.
    """
    from blast_core.formats.dpl.check import check_lock
    from blast_core.formats.dpl.model import NO_HASH, Lock, canonical_lock
    from blast_core.formats.dpl.splicing import splice_lock
    from blast_project.changes import VersionChange
    from blast_project.lock_building import build_additions
    from blast_project.lock_files import LockResult, digest_of
    from blast_project.lock_parts import keep_more_parts
    from blast_project.lock_rules import was_written

    base, home = growth.base, session.settings.home
    lock = base.reader()
    content_hash = base.content[96:128]
    if (base.text is not None) != has_text or project.workspace is not None or not was_written(home, content_hash):
        return None
    if base.text is not None and digest_of(base.text) != lock.text_hash:
        # Another tool's, or one that was left behind.
        return None
    bases = {index: session.client.file_base(index) for index in lock.indexes}
    packages, reached = build_additions(session.client, project, plan, resolution)
    names = {package.name for package in packages}
    if not all(_is_plain(package, bases) for package in packages) or not _reaches_no_more(lock, names, reached):
        return None
    beside = tuple(_stand_ins(lock, packages, names))
    whole = Lock(
        (*packages, *beside), lock.targets, lock.groups, lock.requires_python, inputs, NO_HASH, tuple(lock.indexes)
    )
    check_lock(whole)
    whole = canonical_lock(whole)
    text = None
    if base.text is not None:
        from blast_compat.locks.pylock_splicing import splice_pylock

        client = session.client
        text = splice_pylock(
            base.text,
            whole,
            names,
            lambda file: client.url_of(file.index, file.path),
            bases,
            lock.input_hash,
            growth.gone,
        )
        if text is None:
            return None
    written = [package for package in whole.packages if package.name in names]
    text_hash = digest_of(text) if text is not None else NO_HASH
    content = splice_lock(base.content, written, input_hash=inputs, text_hash=text_hash, without=growth.gone)
    if content is None:
        return None
    keep_more_parts(home, content[96:128], written, content_hash)
    before, after = _versions(row for name in growth.gone for row in lock.find(name)), _versions(written)
    changes = [VersionChange(name, texts, "") for name, texts in before.items()]
    changes += [VersionChange(name, "", texts) for name, texts in after.items()]
    releases = grown_releases(growth, project.manifest.version or "0")
    return LockResult(
        content, text, changed=True, changes=tuple(sorted(changes)), visited=resolution.visited, releases=releases
    )


def grown_releases(growth: Growth, version: str) -> tuple[tuple[str, str, str, str], ...]:
    """Return what `blast_project.lock_files.releases_of` does of a lock that comes to more.

    Args:
        growth: what it comes to.
        version: of the project itself.
    """
    rows = [(row.name, row.version, "registry", "") for row in growth.new]
    for entry in growth.base.reader().entries():
        if entry.name in growth.gone:
            continue
        source = entry.source
        own = source.location == "."
        rows.append((entry.name, version if own else entry.version, *source[:2]))
    # Of one name the lowest comes first, as it does in the lock.
    rows.sort(key=lambda row: row[0])
    return tuple(rows)


def find_versions(
    resolution: UniversalResolution, growth: Growth | None, names: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield the versions that were found of some names, or that stand in the lock that comes to more."""
    for package in resolution.packages:
        if package.name in names:
            yield package.name, package.version
    if growth is not None:
        lock = growth.base.reader()
        for name in names:
            for entry in lock.find(name):
                yield name, entry.version


def _versions(rows: Iterable[LockedPackage | DplEntry]) -> dict[str, str]:
    """Return the versions of packages by name, but of the project itself none."""
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        if row.source.location != ".":
            found.setdefault(row.name, {})[row.version] = None
    return {name: ", ".join(texts) for name, texts in found.items()}


def _is_plain(package: LockedPackage, bases: Mapping[str, str]) -> bool:
    """Tell whether a package's files are below the file bases that the lock has already."""
    return all(file.index in bases and "://" not in file.path for file in package.files)


def _reaches_no_more(lock: DplLockFile, names: Collection[str], reached: Mapping[str, tuple[int, ...]]) -> bool:
    """Tell whether each group comes to what stands in a lock only where it did before."""
    for name, targets in reached.items():
        if name in names:
            continue
        entries = list(lock.find(name))
        for group, mask in enumerate(targets):
            for entry in entries:
                if entry.group_mask >> group & 1:
                    mask &= ~entry.target_mask  # noqa: PLW2901 - what is left of it
            if mask:
                return False
    return True


def _stand_ins(
    lock: DplLockFile, packages: tuple[LockedPackage, ...], names: Collection[str]
) -> Iterator[LockedPackage]:
    """Yield what entries lead to, with names, versions and targets alone."""
    from blast_core.formats.dpl.model import LockedPackage, LockedSource

    needed = {need.name for package in packages for need in package.dependencies}
    needed.update(need.name for package in packages for _, needs in package.extras for need in needs)
    source = LockedSource("workspace", ".", "", "", "")
    for name in sorted(needed - set(names)):
        for entry in lock.find(name):
            yield LockedPackage(name, entry.version, source, (), (), (), "", entry.target_mask, entry.group_mask)
