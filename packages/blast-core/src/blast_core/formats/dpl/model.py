"""What a lock holds, as plain values: the same for ``blast.lock`` and for ``pylock.toml``."""

from __future__ import annotations

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "NO_HASH",
    "SOURCE_KINDS",
    "Lock",
    "LockTarget",
    "LockedDependency",
    "LockedFile",
    "LockedPackage",
    "LockedSource",
    "canonical_lock",
]

SOURCE_KINDS = ("registry", "url", "git", "path", "editable", "workspace")
"""Source kinds; the position is the number in the binary form."""

NO_HASH = bytes(32)


class LockedFile(NamedTuple):
    """One wheel or source archive of a locked package.

    Attributes:
        filename: the last part of its address, such as ``flask-3.0.0-py3-none-any.whl``.
        index: name of the index that has it; "" for a file reached by a direct URL.
        path: where it lies below the index's file base; the full URL when ``index`` is "".
        sha256: 64 lower-case hexadecimal digits.
        size: in bytes, 0 when unknown.
        upload_time: ISO 8601 as the index gave it, or "".
    """

    filename: str
    index: str  # type: ignore[assignment]  # the name hides tuple.index, which files have no use for
    path: str
    sha256: str
    size: int
    upload_time: str


class LockedDependency(NamedTuple):
    """One requirement of a locked package; ``extras`` are normalised and sorted, "" is no specifier or no marker."""

    name: str
    specifier: str
    extras: tuple[str, ...]
    marker: str


class LockedSource(NamedTuple):
    """Where a package comes from.

    Attributes:
        kind: one of ``SOURCE_KINDS``.
        location: index name, URL, or path relative to the lock.
        revision: commit of a git source, else "".
        subdirectory: below the source's root, "" for the root.
        digest: sha256 of the archive in hexadecimal, or "".
    """

    kind: str
    location: str
    revision: str
    subdirectory: str
    digest: str


class LockedPackage(NamedTuple):
    """One version of one project; forks are several packages of one name whose target masks do not overlap.

    Attributes:
        name: normalised.
        version: as published; "" where only a build tells (git, path, editable).
        source: where it comes from.
        files: sorted by file name.
        dependencies: requirements that no extra of its own guards.
        extras: by extra name, the requirements that this extra adds.
        requires_python: specifier, or "".
        target_mask: bit i set when it is installed in ``Lock.targets[i]``.
        group_mask: bit i set when ``Lock.groups[i]`` needs it.
    """

    name: str
    version: str
    source: LockedSource
    files: Sequence[LockedFile]
    dependencies: tuple[LockedDependency, ...]
    extras: tuple[tuple[str, tuple[LockedDependency, ...]], ...]
    requires_python: str
    target_mask: int
    group_mask: int


class LockTarget(NamedTuple):
    """One Python on one platform that the lock answers for; ``markers`` are (variable, value) pairs of PEP 508."""

    name: str
    python_version: str
    platform: str
    markers: tuple[tuple[str, str], ...]


class Lock(NamedTuple):
    """A whole lock.

    Attributes:
        packages: sorted by name, version and target mask in a canonical lock.
        targets: at most 64, in bit order.
        groups: at most 64, in bit order: ``default``, then such as ``group:dev`` and ``extra:plot``.
        requires_python: the project's own, or "".
        input_hash: 32 bytes, BLAKE3 of everything that the resolution depends on.
        text_hash: 32 bytes, BLAKE3 of the pylock.toml written beside; ``NO_HASH`` if there is none.
        indexes: the names that ``LockedFile.index`` may have, first asked first.
    """

    packages: tuple[LockedPackage, ...]
    targets: tuple[LockTarget, ...]
    groups: tuple[str, ...]
    requires_python: str
    input_hash: bytes
    text_hash: bytes
    indexes: tuple[str, ...]


def canonical_lock(lock: Lock) -> Lock:
    """Return ``lock`` in the one order that both written forms use.

    Raises:
        InvalidVersion: a version that PEP 440 does not allow.

    Cost: O(n log n) in packages, files and dependencies.
    """
    from blast_core.version import version_key

    def order(package: LockedPackage) -> tuple[str, bytes, int, int]:
        key = version_key(package.version) if package.version else b""
        return (package.name, key, package.target_mask, package.group_mask)

    return lock._replace(packages=tuple(sorted(map(_canonical_package, lock.packages), key=order)))


def _canonical_package(package: LockedPackage) -> LockedPackage:
    return package._replace(
        # What is packed was sorted before.
        files=tuple(sorted(package.files)) if isinstance(package.files, tuple) else package.files,
        dependencies=tuple(sorted(package.dependencies)),
        extras=tuple(sorted((extra, tuple(sorted(needs))) for extra, needs in package.extras)),
    )
