"""A lock that is written anew in part has the bytes that it has when it is written as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blast_core.formats.dpl import builder, splicing
from blast_core.formats.dpl.builder import build_lock
from blast_core.formats.dpl.model import canonical_lock
from blast_core.formats.dpl.packed_files import PackedFiles, pack_files
from blast_core.formats.dpl.reader import DplLockFile
from blast_core.formats.dpl.splicing import splice_lock
from blast_core.formats.dpl.testing import locks, sample_lock

if TYPE_CHECKING:
    from blast_core.formats.dpl.model import Lock, LockedPackage

pytestmark = pytest.mark.property

INPUT, TEXT = b"i" * 32, b"t" * 32


def write(lock: Lock) -> bytes:
    """Write a lock of which not every law has to hold."""
    return build_lock(canonical_lock(lock), is_canonical=True)


def pack(package: LockedPackage) -> LockedPackage:
    return package._replace(files=pack_files(package.files)) if package.files else package


@settings(max_examples=150, deadline=None)
@given(st.data(), locks(), st.booleans())
def test_what_is_added_and_changed_and_taken_out(data: st.DataObject, lock: Lock, packed: bool) -> None:
    lock = canonical_lock(lock)
    names = sorted({package.name for package in lock.packages})
    new = data.draw(st.sets(st.sampled_from(names)) if names else st.just(set[str]()))
    others = data.draw(locks())
    stand_ins = [
        package._replace(name=data.draw(st.sampled_from(sorted(new))), files=())
        for package in others.packages[: data.draw(st.integers(0, 3))]
        if new
    ]
    without = data.draw(st.sets(st.sampled_from(names))) - new if names else set[str]()
    old = lock._replace(packages=tuple(package for package in lock.packages if package.name not in new))
    lock = lock._replace(packages=tuple(package for package in lock.packages if package.name not in without))
    before = write(old._replace(packages=(*old.packages, *stand_ins)))
    packages = [package for package in lock.packages if package.name in new]
    if packed and all(len({file.index for file in package.files}) < 2 for package in packages):
        packages = list(map(pack, packages))
    found = splice_lock(before, packages, without=without, input_hash=INPUT, text_hash=TEXT)
    assert found == write(lock._replace(input_hash=INPUT, text_hash=TEXT))


def test_what_can_not_be_spliced() -> None:
    lock = sample_lock(4)
    package = lock.packages[2]
    assert package.files
    other = package._replace(files=tuple(file._replace(index="elsewhere") for file in package.files))
    without = lock._replace(packages=tuple(row for row in lock.packages if row != package))
    assert splice_lock(write(without), [other], input_hash=INPUT, text_hash=TEXT) is None
    assert splice_lock(write(lock), [package._replace(files=())], input_hash=INPUT, text_hash=TEXT) is None


def test_what_stays_is_not_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    lock = canonical_lock(sample_lock(200))
    package = lock.packages[77]
    before = write(lock._replace(packages=tuple(row for row in lock.packages if row != package)))
    seen = []
    encoder = builder.RowEncoder

    def watch(part: Lock, *more: object) -> object:
        seen.append(len(part.packages))
        return encoder(part, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(splicing, "RowEncoder", watch)
    monkeypatch.setattr(DplLockFile, "entries", None)
    monkeypatch.setattr(PackedFiles, "__iter__", None)
    found = splice_lock(before, [package], input_hash=INPUT, text_hash=TEXT)
    assert found == write(lock._replace(input_hash=INPUT, text_hash=TEXT))
    assert seen == [1, 1]
