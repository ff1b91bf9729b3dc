"""Packed files are the same files, and a lock that holds them has the same bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blast_core.formats.dpl.builder import build_lock
from blast_core.formats.dpl.check import check_lock
from blast_core.formats.dpl.model import Lock, LockedFile, canonical_lock
from blast_core.formats.dpl.packed_files import PackedFiles, pack_files
from blast_core.formats.dpl.testing import locks, sample_lock

pytestmark = pytest.mark.property

texts = st.sampled_from(["", "a", "ab", "2025-01-01T00:00:00Z", "x/y/", "héé", "\U0001f600"])
files = st.builds(
    lambda name, folder, joined, sha256, size, time: LockedFile(
        name, "pypi", folder + name if joined else folder, sha256, size, time
    ),
    st.text(min_size=1, max_size=5),
    texts,
    st.booleans(),
    st.text("0123456789abcdef", min_size=63, max_size=63).map(lambda digits: f"f{digits}"),
    st.integers(0, (1 << 64) - 1),
    texts,
)


def _packed(lock: Lock, chosen: list[bool]) -> Lock:
    """Pack the files of packages that have some, all of one index."""
    packages = []
    for number, package in enumerate(canonical_lock(lock).packages):
        if package.files and len({file.index for file in package.files}) == 1 and chosen[number % len(chosen)]:
            packed = pack_files(package.files)
            package = package._replace(files=PackedFiles.load(packed.dump()) if number % 2 else packed)  # noqa: PLW2901
        packages.append(package)
    return lock._replace(packages=tuple(packages))


@given(st.lists(files, min_size=1, max_size=5))
def test_packed_files_come_back(given_files: list[LockedFile]) -> None:
    packed = pack_files(given_files)
    assert list(packed) == given_files
    assert len(packed) == len(given_files)
    assert packed == tuple(given_files)
    assert tuple(given_files) == packed
    assert packed.is_new
    again = PackedFiles.load(packed.dump())
    assert again == packed
    assert not again.is_new


@given(st.lists(files, min_size=1, max_size=5))
def test_what_was_told_of_packed_files_comes_back(given_files: list[LockedFile]) -> None:
    again = PackedFiles.load(pack_files(given_files).dump())
    again.tell(("x", ("y",)))
    assert again.is_new
    assert PackedFiles.load(again.dump()).told == ("x", ("y",))


@given(locks(), st.lists(st.booleans(), min_size=1, max_size=4))
def test_a_lock_with_packed_files_has_the_same_bytes(lock: Lock, chosen: list[bool]) -> None:
    packed = _packed(lock, chosen)
    check_lock(packed)
    assert build_lock(packed) == build_lock(lock)
    assert canonical_lock(packed) == canonical_lock(lock)


def test_strings_that_packages_share_lie_in_the_pool_once() -> None:
    lock = sample_lock(5)
    package = next(package for package in canonical_lock(lock).packages if package.files)
    same = package._replace(name="another-name")
    lock = lock._replace(packages=(package, same, same._replace(name="third-name")))
    lock = lock._replace(packages=tuple(row._replace(dependencies=(), extras=()) for row in lock.packages))
    assert build_lock(_packed(lock, [True])) == build_lock(_packed(lock, [True, False])) == build_lock(lock)
