"""Merge two locks that grew from one: what a person would do who looks at packages and not at lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from blast_core.formats.dpl.model import NO_HASH, Lock, LockedPackage, canonical_lock

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

__all__ = ["LockMerge", "Side", "merge_locks"]

Side = Literal["base", "ours", "theirs"]
_Value = TypeVar("_Value", bound="Hashable")


class LockMerge(NamedTuple):
    """A merged lock.

    Attributes:
        lock: canonical; its input hash is zeros unless one side's still holds, so that the next `blast lock` looks at
            it again, and so is its text hash.
        conflicts: names of packages (or ``requires-python``, ``targets``) that both sides changed in different ways;
            these are in ``lock`` as the preferred side has them.
    """

    lock: Lock
    conflicts: tuple[str, ...]


def merge_locks(base: Lock | None, ours: Lock, theirs: Lock, prefer: Side = "ours") -> LockMerge:
    """Return what both sides made of ``base``.

    Packages, files, requirements, groups and targets are merged as sets: what a side added is there, what a side
    removed is gone, unless the other side changed it or something in the merged lock needs it. A version, a source or a
    requires-python that both sides changed in different ways is a conflict.

    Args:
        base: the common ancestor, None when both sides made the file.
        ours: one side.
        theirs: the other side.
        prefer: whose version of a conflicting package to take.
    """
    return _Merger(base or _empty(ours), ours, theirs, prefer).merge()


def _empty(lock: Lock) -> Lock:
    return Lock((), (), (), "", NO_HASH, NO_HASH, ()) if lock.packages else lock


class _Merger:
    def __init__(self, base: Lock, ours: Lock, theirs: Lock, prefer: Side) -> None:
        self._prefer = prefer
        self._conflicts: list[str] = []
        self._groups = _merge_order(base.groups, ours.groups, theirs.groups)
        names = [tuple(target.name for target in lock.targets) for lock in (base, ours, theirs)]
        self._target_names = _merge_order(*names)
        self._heads = (base, ours, theirs)
        self._sides = [self._by_name(lock) for lock in (base, ours, theirs)]

    def merge(self) -> LockMerge:
        base, ours, theirs = self._heads
        merged: dict[str, tuple[LockedPackage, ...]] = {}
        for name in sorted({*self._sides[1], *self._sides[2]}):
            packages = self._merge_name(name)
            if packages:
                merged[name] = packages
        self._restore(merged)
        targets = [{target.name: target for target in lock.targets} for lock in self._heads]
        lock = Lock(
            tuple(package for packages in merged.values() for package in packages),
            tuple(
                self._choose("targets", *(side.get(name) for side in targets))
                or targets[1].get(name)
                or targets[2][name]
                for name in self._target_names
            ),
            self._groups,
            self._choose("requires-python", base.requires_python, ours.requires_python, theirs.requires_python),
            ours.input_hash if ours.input_hash == theirs.input_hash else NO_HASH,
            NO_HASH,
            _merge_order(base.indexes, ours.indexes, theirs.indexes),
        )
        return LockMerge(canonical_lock(lock), tuple(dict.fromkeys(self._conflicts)))

    def _by_name(self, lock: Lock) -> dict[str, tuple[LockedPackage, ...]]:
        """Return the packages by name, their masks in the bit order of the merged lock."""
        groups = _bit_map(lock.groups, self._groups)
        targets = _bit_map([target.name for target in lock.targets], self._target_names)
        found: dict[str, tuple[LockedPackage, ...]] = {}
        for package in lock.packages:
            moved = package._replace(
                target_mask=_move(package.target_mask, targets), group_mask=_move(package.group_mask, groups)
            )
            if moved.target_mask and moved.group_mask:
                found[package.name] = (*found.get(package.name, ()), moved)
        return found

    def _merge_name(self, name: str) -> tuple[LockedPackage, ...]:
        base, ours, theirs = (side.get(name, ()) for side in self._sides)
        if theirs in (ours, base):
            return ours
        if ours == base:
            return theirs
        if not ours or not theirs:
            return ours or theirs  # removed here, changed there: the change shows that it is needed
        if len(ours) == len(theirs) == 1 and len(base) <= 1:
            try:
                return (_merge_package(base[0] if base else None, ours[0], theirs[0]),)
            except _Disagreement:
                pass
        self._conflicts.append(name)
        return {"base": base or ours, "ours": ours, "theirs": theirs}[self._prefer]

    def _restore(self, merged: dict[str, tuple[LockedPackage, ...]]) -> None:
        """Bring back what one side removed and a package of the other side needs."""
        waiting = [package for packages in merged.values() for package in packages]
        while waiting:
            for dependency in waiting.pop().dependencies:
                name = dependency.name
                packages = self._sides[1].get(name) or self._sides[2].get(name)
                if not dependency.marker and name not in merged and packages:
                    merged[name] = packages
                    waiting += packages

    def _choose(self, field: str, base: _Value, ours: _Value, theirs: _Value) -> _Value:
        try:
            return _agree(base, ours, theirs)
        except _Disagreement:
            self._conflicts.append(field)
            return {"base": base, "ours": ours, "theirs": theirs}[self._prefer]


class _Disagreement(Exception):
    """Both sides changed one value in different ways; never leaves this module."""


def _agree(base: _Value | None, ours: _Value, theirs: _Value) -> _Value:
    if theirs in (ours, base):
        return ours
    if ours == base:
        return theirs
    raise _Disagreement


def _merge_package(base: LockedPackage | None, ours: LockedPackage, theirs: LockedPackage) -> LockedPackage:
    """Merge one package field by field."""
    files = _merge_sets(base.files if base else (), ours.files, theirs.files)
    if len({file.filename for file in files}) != len(files):
        raise _Disagreement
    return LockedPackage(
        name=ours.name,
        version=_agree(base.version if base else None, ours.version, theirs.version),
        source=_agree(base.source if base else None, ours.source, theirs.source),
        files=files,
        dependencies=_merge_sets(base.dependencies if base else (), ours.dependencies, theirs.dependencies),
        extras=_merge_extras(dict(base.extras) if base else {}, dict(ours.extras), dict(theirs.extras)),
        requires_python=_agree(base.requires_python if base else None, ours.requires_python, theirs.requires_python),
        target_mask=_merge_masks(base.target_mask if base else 0, ours.target_mask, theirs.target_mask),
        group_mask=_merge_masks(base.group_mask if base else 0, ours.group_mask, theirs.group_mask),
    )


def _merge_extras(
    base: Mapping[str, tuple[_Value, ...]],
    ours: Mapping[str, tuple[_Value, ...]],
    theirs: Mapping[str, tuple[_Value, ...]],
) -> tuple[tuple[str, tuple[_Value, ...]], ...]:
    names = _merge_sets(tuple(base), tuple(ours), tuple(theirs))
    return tuple((name, _merge_sets(base.get(name, ()), ours.get(name, ()), theirs.get(name, ()))) for name in names)


def _merge_sets(base: Iterable[_Value], ours: Iterable[_Value], theirs: Iterable[_Value]) -> tuple[_Value, ...]:
    before, here, there = set(base), set(ours), set(theirs)
    return tuple(sorted((here & there) | (here - before) | (there - before)))  # type: ignore[type-var]  # tuples, strings


def _merge_masks(base: int, ours: int, theirs: int) -> int:
    return (ours & theirs) | (ours & ~base) | (theirs & ~base) or ours


def _merge_order(base: Iterable[str], ours: Iterable[str], theirs: Iterable[str]) -> tuple[str, ...]:
    before, here, there = set(base), list(ours), list(theirs)
    kept = (set(here) & set(there)) | (set(here) - before) | (set(there) - before)
    return tuple(name for name in dict.fromkeys([*here, *there]) if name in kept)


def _bit_map(names: Iterable[str], merged: tuple[str, ...]) -> list[int]:
    return [1 << merged.index(name) if name in merged else 0 for name in names]


def _move(mask: int, bits: list[int]) -> int:
    return sum(bit for number, bit in enumerate(bits) if mask >> number & 1)
