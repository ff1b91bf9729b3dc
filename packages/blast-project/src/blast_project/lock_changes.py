"""What differs between two locks in words: versions, where they differ on some targets only, and what was asked for."""

from __future__ import annotations

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from blast_core.formats.dpl.model import LockedDependency
    from blast_core.formats.dpl.reader import DplEntry, DplLockFile
    from blast_project.project import Project

__all__ = ["LockChange", "compare_locks", "compare_requirements"]

# So begin the names of a project's groups; its extras have none before them.
_OF_LOCK = ("group:", "package:")
_OWN_KINDS = frozenset(("editable", "workspace"))
#: Of one project its versions, each with the targets where.
_Versions = dict[str, int]


class LockChange(NamedTuple):
    """How one package differs.

    Attributes:
        name: normalised.
        before: "" where it is new.
        after: "" where it is gone.
        where: a marker, where it differs on some of the targets only that have it; else "".
    """

    name: str
    before: str
    after: str
    where: str


def compare_locks(before: DplLockFile, after: DplLockFile) -> tuple[LockChange, ...]:
    """Return what differs in versions, by name.

    Targets are compared by name. What only targets have that one of the locks doesn't know is told where no target of
    both says the same already.

    Cost: a pass over the entries of both; a marker for each difference that is not everywhere.
    """
    names = [target.name for target in after.targets]
    places = {name: 1 << bit for bit, name in enumerate(names)}
    moved = [places.get(target.name, 0) for target in before.targets]
    old = {
        name: {version: _moved(mask, moved) for version, mask in versions.items()}
        for name, versions in _versions(before).items()
    }
    new = _versions(after)
    writer = _Where(after, sum(moved))
    return tuple(
        change
        for name in sorted({*old, *new})
        for change in _changes(name, old.get(name, {}), new.get(name, {}), writer)
    )


class _Where:
    """Says in words on which targets something differs, and which targets both locks have."""

    def __init__(self, lock: DplLockFile, common: int) -> None:
        self.common = common
        self._lock = lock

    def words(self, mask: int, present: int) -> str:
        """Return a marker for ``mask``; "" where that is all of ``present``."""
        if mask == present:
            return ""
        from blast_project.lock_graph import words_for

        return words_for(self._lock.targets, mask)


def _changes(name: str, old: _Versions, new: _Versions, where: _Where) -> Iterable[LockChange]:
    common = where.common
    there_before, there_after = _union(old) & common, _union(new) & common
    present = there_before | there_after
    if not present:
        if old.keys() != new.keys():
            yield LockChange(name, ", ".join(old), ", ".join(new), "")
        return
    known = {*old, *new}
    rows = [
        (before, after, first & second & common)
        for before, first in {**old, "": ~there_before}.items()
        for after, second in {**new, "": ~there_after}.items()
        if before != after
    ]
    for before, after, mask in rows:
        if mask & present:
            known -= {before, after}
            yield LockChange(name, before, after, where.words(mask & present, present))
    # On targets that one of the locks doesn't have.
    for version in sorted(known & (old.keys() ^ new.keys())):
        mask = new.get(version, 0)
        yield LockChange(
            name,
            version if version in old else "",
            version if version in new else "",
            where.words(mask, 0) if mask else "",
        )


def _union(versions: _Versions) -> int:
    union = 0
    for mask in versions.values():
        union |= mask
    return union


def _moved(mask: int, places: list[int]) -> int:
    return sum(place for bit, place in enumerate(places) if mask >> bit & 1)


def _versions(lock: DplLockFile) -> dict[str, _Versions]:
    found: dict[str, _Versions] = {}
    for entry in lock.entries():
        source = entry.source
        if source.kind in _OWN_KINDS and source.location in {".", ""}:
            continue
        version = f"{entry.version} ({source.revision[:8]})" if source.revision else entry.version or source.kind
        versions = found.setdefault(entry.name, {})
        versions[version] = versions.get(version, 0) | entry.target_mask
    return found


def compare_requirements(project: Project, lock: DplLockFile) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return which requirements of the manifest the lock doesn't know, and which it knows that are gone."""
    from blast_core.requirements import parse_requirement

    own = next((entry for entry in lock.find(project.name) if entry.source.kind in _OWN_KINDS), None)
    locked = _locked_requirements(own) if own is not None else set()
    now = {
        (row.group, row.requirement.name, row.requirement.specifier, row.requirement.extras, row.requirement.marker)
        for row in project.requirements()
    }
    # What is overridden stands in the lock as the override has it: that is no difference.
    overridden = {parse_requirement(line).name for line in project.manifest.tool.get("override-dependencies", ())}
    added, gone = (
        tuple(sorted(_words(*row) for row in rows if row[1] not in overridden)) for rows in (now - locked, locked - now)
    )
    return added, gone


def _locked_requirements(own: DplEntry) -> set[tuple[str, str, str, tuple[str, ...], str]]:
    found = {_row("default", row) for row in own.dependencies}
    for extra, rows in own.extras:
        group = extra if extra.startswith(_OF_LOCK) else f"extra:{extra}"
        found |= {_row(group, row) for row in rows}
    return found


def _row(group: str, row: LockedDependency) -> tuple[str, str, str, tuple[str, ...], str]:
    return (group, row.name, row.specifier, row.extras, row.marker)


def _words(group: str, name: str, specifier: str, extras: tuple[str, ...], marker: str) -> str:
    kind, _, which = group.partition(":")
    asked = f"[{','.join(extras)}]" if extras else ""
    where = f" ({kind} {which})" if which else ""
    return f"{name}{asked}{specifier}{f'; {marker}' if marker else ''}{where}"
