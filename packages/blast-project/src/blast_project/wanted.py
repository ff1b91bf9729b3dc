"""From a lock to what one interpreter installs: for every package the best of its wheels, or its source.

The lock answers for kinds of machines. Which kind an interpreter is, its marker values tell; which wheels it takes, its
own tags; and where a marker asks for more than a kind has (a patch release, a kernel), its own values decide.
"""

from __future__ import annotations

import marshal

from blast_core.errors import BlastError, InstallError, StaleLock, StoreError
from blast_core.tuples import NamedTuple
from blast_pm.store.cache import WantedDistribution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from blast_core.formats.dpl.model import LockTarget
    from blast_core.formats.dpl.reader import DplEntry, DplLockFile
    from blast_core.interpreter import Target
    from blast_pm.index.model import IndexFile
    from blast_pm.metadata.policy import FilePolicy
    from blast_pm.metadata.store import Database

__all__ = ["Wanted", "best_sdist", "is_sdist", "select_wanted", "target_bit"]

_MEMO = "misc"
# Values that differ among the machines of one target.
_OF_THE_MACHINE = ("implementation_version", "platform_release", "platform_version", "python_full_version")


class Wanted(NamedTuple):
    """What to install.

    Attributes:
        files: from indexes, by name.
        sources: name, version and source (the fields of ``LockedSource``) of what is on no index, by name.
    """

    files: tuple[WantedDistribution, ...]
    sources: tuple[tuple[str, str, tuple[str, str, str, str, str]], ...]


def target_bit(lock: DplLockFile, target: Target, group_mask: int = 1) -> int:
    """Return which of the lock's targets answers for ``target`` and a choice of groups.

    Raises:
        StaleLock: the lock was not made for it.
        UsageError: the chosen groups are declared to conflict.
    """
    from blast_core.formats.dpl.targets import matches, variant_items

    locked = lock.targets
    environment = target.marker_environment
    fitting = [bit for bit, one in enumerate(locked) if matches(one, environment)]
    if not fitting:
        raise _not_held(locked, target)
    chosen = [variant_items(locked[bit]) for bit in fitting]
    if not any(chosen):
        return fitting[0]
    from blast_project.conflicts import check_selection, variants_of

    variants = variants_of(chosen)
    selected = [group for bit, group in enumerate(lock.groups) if group_mask >> bit & 1]
    return fitting[variants.index(check_selection(selected, variants))]


def select_wanted(
    lock: DplLockFile,
    content_hash: bytes,
    target: Target,
    group_mask: int,
    database: Database,
    kinds: FilePolicy | None = None,
) -> Wanted:
    """Return what to install from a lock for ``target`` and the groups in ``group_mask``.

    The choice is remembered under the lock's content hash, because reading the names of thousands of files costs more
    than linking the few hundred that are chosen.

    Args:
        lock: what is locked.
        content_hash: of the lock.
        target: the interpreter's.
        group_mask: the chosen groups.
        database: where the choice is remembered.
        kinds: tells of which projects wheels or source distributions don't count; None for none.

    Raises:
        StaleLock: the lock was not made for the target.
        UsageError: the groups are declared to conflict.
        InstallError: a package has no file that the target can install.
    """
    from blake3 import blake3

    # Two interpreters of one target may take other files: musl and glibc, two patch releases, two kernels.
    own = [target.marker_environment.get(name, "") for name in _OF_THE_MACHINE]
    tags = blake3("\0".join([*target.tags, *own]).encode()).digest()[:8]
    key = b"wanted2\0" + content_hash + tags + target.name.encode() + b"\0%d" % group_mask
    if kinds is not None:
        key += b"\0" + blake3(repr((kinds.no_build, kinds.no_binary)).encode()).digest()[:8]
    stored = database.get(_MEMO, key)
    if stored is not None:
        files, sources = marshal.loads(stored)  # noqa: S302 - written by this Blast
        return Wanted(tuple(WantedDistribution(*row) for row in files), sources)
    bit = target_bit(lock, target, group_mask)
    wanted = _choose(_reached(lock, lock.select(bit, group_mask), target, group_mask), target, kinds)
    try:
        database.put(_MEMO, key, marshal.dumps((tuple(tuple(row) for row in wanted.files), wanted.sources)))
    except StoreError:
        # A store that can't be written only remembers nothing.
        pass
    return wanted


def is_sdist(filename: str) -> bool:
    """Tell whether a file is a source distribution that can be built."""
    return filename.endswith((".tar.gz", ".zip"))


def best_sdist(files: Iterable[IndexFile]) -> IndexFile | None:
    """Return the source distribution among the files of a release; None where there is none."""
    return next((file for file in files if is_sdist(file.filename)), None)


def _reached(lock: DplLockFile, entries: list[DplEntry], target: Target, group_mask: int) -> list[DplEntry]:
    """Leave out what only markers lead to that don't hold on this very machine.

    The lock holds what some machine of the target needs; only markers about what differs among them can be false here.
    """
    if not lock.mentions(*_OF_THE_MACHINE):
        return entries
    own = next((entry for entry in entries if entry.source.location == "."), None)
    own = own or next((entry for entry in lock.entries() if entry.source.location == "."), None)
    if own is None:
        return entries
    asked = dict(own.extras)
    roots = list(own.dependencies) if group_mask & 1 else []
    for bit, group in enumerate(lock.groups):
        if bit and group_mask >> bit & 1:
            rows = asked.get(group.removeprefix("extra:"))
            if rows is None:
                # A lock from elsewhere does not tell where the group begins.
                return entries
            roots += rows
    from blast_core.markers import evaluate_marker

    environment = target.marker_environment
    by_name = {entry.name: entry for entry in (own, *entries)}
    seen: set[tuple[str, str]] = set()
    waiting = [(row, "") for row in roots]
    while waiting:
        row, asking = waiting.pop()
        if row.marker and not evaluate_marker(row.marker, environment, (asking,) if asking else ()):
            continue
        for extra in ("", *row.extras):
            entry = by_name.get(row.name)
            if entry is None or (row.name, extra) in seen:
                continue
            seen.add((row.name, extra))
            rows = dict(entry.extras).get(extra, ()) if extra else entry.dependencies
            waiting += [(one, extra) for one in rows]
    return [entry for entry in entries if (entry.name, "") in seen or entry.source.location == "."]


def _choose(entries: Iterable[DplEntry], target: Target, kinds: FilePolicy | None) -> Wanted:
    from blast_pm.metadata.wheels import best_filename

    files: list[WantedDistribution] = []
    sources: list[tuple[str, str, tuple[str, str, str, str, str]]] = []
    runs = _Runs(target)
    for entry in entries:
        source = entry.source
        if source.kind != "registry":
            if source.location != ".":
                sources.append((entry.name, entry.version, tuple(source)))  # type: ignore[arg-type]  # five texts
            continue
        runs.check(entry)
        names = entry.filenames
        usable = names if kinds is None else _of_kinds(entry.name, names, kinds)
        chosen = best_filename(usable, target) or next((name for name in usable if is_sdist(name)), None)
        if chosen is None:
            raise _nothing_to_install(entry, names, usable, target)
        file = entry.file(names.index(chosen))
        files.append(
            WantedDistribution(entry.name, entry.version, chosen, file.sha256, file.size, file.index, file.path)
        )
    return Wanted(tuple(files), tuple(sources))


def _of_kinds(project: str, names: Sequence[str], kinds: FilePolicy) -> tuple[str, ...]:
    """Return the files that count: wheels or source distributions may be left out for the project."""
    wheels, sources = not kinds.no_binary.holds(project), not kinds.no_build.holds(project)
    return tuple(name for name in names if (wheels if name.endswith(".whl") else sources))


def _nothing_to_install(entry: DplEntry, names: Sequence[str], usable: Sequence[str], target: Target) -> InstallError:
    from blast_pm.metadata.wheels import best_filename

    refused = [name for name in names if name not in usable]
    if best_filename(refused, target) or any(is_sdist(name) for name in refused):
        is_wheel = bool(best_filename(refused, target))
        what = (
            "its wheels don't count (no-binary)" if is_wheel else "it would have to be built, and no-build forbids it"
        )
        return InstallError(
            f"{entry.name} {entry.version} can't be installed on {target.name}",
            reason=what,
            hint=f"let {entry.name} be {'installed from a wheel' if is_wheel else 'built'}, or choose another version",
        )
    return InstallError(
        f"{entry.name} {entry.version} has no file for {target.name}",
        reason=f"the lock holds {_some(names) or 'no file'}{_about_builds(target)}",
        hint="'blast lock --upgrade' may find a version that has one",
    )


class _Runs:
    """Checks that packages run on the patch release at hand: they were chosen for the newest one of its minor."""

    def __init__(self, target: Target) -> None:
        self._version = target.python_version
        self._known: dict[str, bool] = {"": True}

    def check(self, entry: DplEntry) -> None:
        requires = entry.requires_python
        if requires not in self._known:
            self._known[requires] = self._find(requires)
        if not self._known[requires]:
            raise InstallError(
                f"{entry.name} {entry.version} does not run on Python {self._version}",
                reason=f"it requires Python {requires}",
                hint="use a newer patch release of this Python, or say so in requires-python and lock again",
            )

    def _find(self, requires: str) -> bool:
        from blast_core.version import make_version_table, specifier_mask

        minor = ".".join(self._version.split(".")[:2])
        try:
            here, newest = (
                specifier_mask(requires, make_version_table((version,))) for version in (self._version, f"{minor}.99")
            )
        except BlastError:
            return True
        return bool(here) or not newest


def _not_held(locked: Sequence[LockTarget], target: Target) -> StaleLock:
    held: dict[str, list[str]] = {}
    for one in locked:
        versions = held.setdefault(one.platform, [])
        if one.python_version not in versions:
            versions.append(one.python_version)
    words = [f"{platform} (Python {', '.join(versions)})" for platform, versions in held.items()]
    hint = f"let requires-python and [tool.blast] targets cover '{target.name}', and run 'blast lock'"
    if target.marker_environment.get("implementation_name", "cpython") != "cpython":
        # Nobody locks for it unasked, and what names it leaves out the rest.
        name = target.name.rpartition("-")[0]
        hint = f'add it: targets = ["{name}", "{target.name}"] in [tool.blast], and run \'blast lock\''
    return StaleLock(
        f"the lock does not hold {target.name}",
        reason=f"it was made for {'; '.join(words) or 'nothing'}",
        hint=hint,
    )


def _about_builds(target: Target) -> str:
    """Return words about a build of CPython without a global lock, whose wheels are of their own; "" for any other."""
    abi = target.tags[0].split("-")[1] if target.tags else ""
    is_free = abi.startswith("cp") and abi.endswith("t")
    return f"; this Python is a build without the global lock, which takes wheels for {abi}" if is_free else ""


def _some(names: Sequence[str]) -> str:
    """Return names in words, the first few of many."""
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
