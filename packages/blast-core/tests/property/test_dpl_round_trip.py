"""Property 4, DPL round trip: what goes in comes out, equal locks give equal bytes, lookups agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blast_core.formats.dpl.builder import DplBuilder, build_lock
from blast_core.formats.dpl.model import canonical_lock
from blast_core.formats.dpl.reader import DplLockFile
from blast_core.formats.dpl.testing import locks
from blast_core.version import version_key

if TYPE_CHECKING:
    from random import Random

    from blast_core.formats.dpl.model import Lock

pytestmark = pytest.mark.property


@settings(max_examples=150, deadline=None)
@given(locks())
def test_decoding_undoes_encoding(lock: Lock) -> None:
    with DplLockFile.from_bytes(build_lock(lock)) as opened:
        opened.verify()
        assert opened.to_lock() == lock
        assert opened.input_hash == lock.input_hash
        assert opened.text_hash == lock.text_hash


@settings(max_examples=100, deadline=None)
@given(locks(), st.randoms(use_true_random=False))
def test_the_order_of_the_parts_does_not_matter(lock: Lock, random: Random) -> None:
    packages = [
        package._replace(
            files=tuple(random.sample(package.files, len(package.files))),
            dependencies=tuple(random.sample(package.dependencies, len(package.dependencies))),
        )
        for package in random.sample(lock.packages, len(lock.packages))
    ]
    builder = DplBuilder(
        lock.targets,
        lock.groups,
        requires_python=lock.requires_python,
        indexes=lock.indexes,
        input_hash=lock.input_hash,
        text_hash=lock.text_hash,
    )
    for package in packages:
        builder.add(package)
    assert builder.to_lock() == canonical_lock(lock)
    assert builder.build() == build_lock(lock)


@settings(max_examples=100, deadline=None)
@given(locks())
def test_find_yields_each_version_of_a_name_and_nothing_else(lock: Lock) -> None:
    opened = DplLockFile.from_bytes(build_lock(lock))
    for name in {"", "zzzzzzzz", "a-b", *(package.name for package in lock.packages)}:
        expected = [package for package in lock.packages if package.name == name]
        assert [entry.to_package() for entry in opened.find(name)] == expected
    for entry in opened.entries():
        assert entry.version_key == (version_key(entry.version) if entry.version else b"")
        assert entry.filenames == tuple(file.filename for file in entry.files)
        assert tuple(entry.file(number) for number in range(len(entry.files))) == entry.files


@settings(max_examples=100, deadline=None)
@given(locks(), st.integers(0, 3), st.integers(0, 31))
def test_select_equals_a_filter_of_the_packages(lock: Lock, target_bit: int, group_mask: int) -> None:
    opened = DplLockFile.from_bytes(build_lock(lock))
    expected = [p for p in lock.packages if p.target_mask >> target_bit & 1 and p.group_mask & group_mask]
    assert [entry.to_package() for entry in opened.select(target_bit, group_mask)] == expected
