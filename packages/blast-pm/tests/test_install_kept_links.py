"""Links to directories are kept in the store and get further names: checked, replaced, and never needed."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from blast_core import fs
from blast_pm.install.compose import ComposeReport, compose
from blast_pm.install.testing import WheelStore, running_interpreter, seen_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from blast_pm.store.cache import StoredDistribution

pytestmark = pytest.mark.skipif(os.name == "nt", reason="junctions have one name")

_HERE = running_interpreter()
_SITE = _HERE.site_packages


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WheelStore]:
    with WheelStore(tmp_path) as store:
        yield store


@pytest.fixture
def pair(store: WheelStore) -> tuple[StoredDistribution, ...]:
    """Two distributions that share a namespace, whose directories each has links to."""
    return tuple(
        store.make(name, {f"{name}/__init__.py": "", f"ns/deep/{name}/__init__.py": name, f"{name}+ns/__init__.py": ""})
        for name in ("a", "b")
    )


def make(where: Path, pair: tuple[StoredDistribution, ...], home: str = "") -> ComposeReport:
    return compose(str(where), _HERE, pair, home=home)


def links_of(where: Path) -> dict[str, os.stat_result]:
    return {
        os.path.relpath(path, where): path.lstat() for path in where.rglob("*") if path.is_symlink() and path.is_dir()
    }


def kept(store: WheelStore) -> list[str]:
    found = os.walk(f"{store.home}/i1")
    entries = [(folder, name) for folder, folders, files in found for name in (*folders, *files)]
    return sorted(os.path.join(folder, name) for folder, name in entries if name.startswith("l-"))


def test_the_second_environment_makes_no_link_of_its_own(
    store: WheelStore, pair: tuple[StoredDistribution, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make(tmp_path / "first", pair)
    assert len(kept(store)) == first.symlinks == 6
    monkeypatch.setattr(fs, "link_directory", None)
    second = make(tmp_path / "second", pair)
    assert second.symlinks == 6
    before, after = links_of(tmp_path / "first"), links_of(tmp_path / "second")
    assert {path: status.st_ino for path, status in before.items()} == {
        path: status.st_ino for path, status in after.items()
    }
    assert seen_files(str(tmp_path / "first")) == seen_files(str(tmp_path / "second"))


def test_a_kept_link_that_leads_elsewhere_is_replaced(
    store: WheelStore, pair: tuple[StoredDistribution, ...], tmp_path: Path
) -> None:
    """As one whose target a disk lost, or that tells where the store was before it was moved."""
    make(tmp_path / "first", pair)
    wrong = kept(store)[:2]
    for path in wrong:
        os.unlink(path)
        os.symlink("/nowhere", path)
    for name in ("second", "third"):
        make(tmp_path / name, pair)
        assert seen_files(str(tmp_path / name)) == seen_files(str(tmp_path / "first"))
    assert "/nowhere" not in map(os.readlink, kept(store))
    assert len(kept(store)) == 6


@pytest.mark.parametrize("code", [errno.EPERM, errno.EXDEV, errno.EMLINK])
def test_where_a_link_gets_no_second_name_each_is_its_own(
    store: WheelStore,
    pair: tuple[StoredDistribution, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
) -> None:
    """Such as where nobody may link what belongs to somebody else, or on a system that follows the link."""
    make(tmp_path / "first", pair)
    real = fs.hardlink

    def refuse_links(source: str, path: str, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
        if "/l-" in source or "/l-" in path:
            raise OSError(code, os.strerror(code), source)
        real(source, path, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(fs, "hardlink", refuse_links)
    report = make(tmp_path / "second", pair)
    assert report.notes == ()
    assert all(status.st_nlink == 1 for status in links_of(tmp_path / "second").values())
    assert seen_files(str(tmp_path / "second")) == seen_files(str(tmp_path / "first"))
    for path in kept(store):
        os.unlink(path)
    make(tmp_path / "third", pair)
    assert kept(store) == []


def test_a_full_disk_is_told(
    store: WheelStore, pair: tuple[StoredDistribution, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "first", pair)
    assert kept(store)

    def refuse(source: str, *_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), source)

    monkeypatch.setattr(fs, "hardlink", refuse)
    with pytest.raises(OSError, match="space"):
        make(tmp_path / "second", pair)


def test_nothing_is_put_into_a_store_that_is_only_read(
    store: WheelStore, pair: tuple[StoredDistribution, ...], tmp_path: Path
) -> None:
    home = tmp_path / "own"
    home.mkdir()
    make(tmp_path / "env", pair, str(home))
    assert kept(store) == []
    assert len(links_of(tmp_path / "env")) == 6
