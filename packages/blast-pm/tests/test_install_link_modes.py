"""Link modes: of single distributions, clones, what is taken where the file system refuses, what is written through."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_core import _clone_file, fs
from blast_core.errors import InstallError
from blast_pm.install import making
from blast_pm.install.compose import ComposeReport, compose
from blast_pm.install.link import MODES, format_modes, parse_modes
from blast_pm.install.testing import WheelStore, running_interpreter, seen_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_pm.store.cache import StoredDistribution

_HERE = running_interpreter()
_SITE = _HERE.site_packages


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WheelStore]:
    with WheelStore(tmp_path) as store:
        yield store


@pytest.fixture
def pair(store: WheelStore) -> tuple[StoredDistribution, ...]:
    """Two distributions with a package, a module, a shared namespace, data and a program each."""
    return tuple(
        store.make(
            name,
            {
                f"{name}/__init__.py": f"NAME = {name!r}\n",
                f"{name}/deep/data.txt": name * 9000,
                f"m{name}.py": "",
                f"ns/{name}/__init__.py": "",
                f"{{data}}/data/share/{name}.txt": name,
            },
            entry_points=f"[console_scripts]\nrun-{name} = m{name}:main\n",
        )
        for name in ("a", "b")
    )


def make(where: Path, pair: tuple[StoredDistribution, ...], mode: str) -> ComposeReport:
    return compose(str(where), _HERE, pair, link_mode=mode, requested={"a"})


def refuse(code: int) -> object:
    def refusing(*arguments: object, **_: object) -> None:
        raise OSError(code, os.strerror(code), str(arguments[0]))

    return refusing


def links_of(where: Path) -> set[str]:
    return {
        os.path.relpath(os.path.join(directory, name), where)
        for directory, names, files in os.walk(where)
        for name in (*names, *files)
        if os.path.islink(os.path.join(directory, name))
    }


def own_inodes(where: Path) -> bool:
    """Tell whether no file of an environment has another name elsewhere."""
    return all(path.lstat().st_nlink == 1 for path in where.rglob("*") if stat.S_ISREG(path.lstat().st_mode))


def without_tops(files: dict[str, bytes]) -> dict[str, bytes]:
    """Leave out the two files that differ between folded and other environments on purpose."""
    return {path: files[path] for path in files if not path.endswith((".dist-info/RECORD", "/top_level.txt"))}


def test_modes_are_text_and_back() -> None:
    assert parse_modes("fold") == ("fold", {})
    assert parse_modes("fold,a=copy,b=clone") == ("fold", {"a": "copy", "b": "clone"})
    assert format_modes("fold", {"b": "clone", "a": "copy", "c": "fold"}) == "fold,a=copy,b=clone"
    with pytest.raises(InstallError, match="link mode 'magic'"):
        parse_modes("fold,a=magic")


@pytest.mark.parametrize("other", [mode for mode in MODES if mode != "fold"])
def test_one_distribution_may_have_another_mode(
    tmp_path: Path, pair: tuple[StoredDistribution, ...], other: str
) -> None:
    where = tmp_path / "env"
    make(where, pair, f"fold,b={other}")
    site = where / _SITE
    assert (site / "a").is_symlink()
    assert not (site / "b").is_symlink()
    assert (site / "b/deep/data.txt").stat().st_nlink == (2 if other == "hardlink" else 1)
    assert (site / "b-1.0.dist-info/METADATA").stat().st_nlink == (2 if other == "hardlink" else 1)
    assert (where / "bin/run-a").stat().st_nlink == 2
    assert (where / "bin/run-b").stat().st_nlink == (2 if other == "hardlink" else 1)
    assert f"b,{os.sep}" not in (site / "b-1.0.dist-info/RECORD").read_text()
    assert "b/deep/data.txt,sha256=" in (site / "b-1.0.dist-info/RECORD").read_text()
    assert "\na,,\n" in "\n" + (site / "a-1.0.dist-info/RECORD").read_text()
    make(tmp_path / "all", pair, "hardlink")
    assert without_tops(seen_files(str(where))) == without_tops(seen_files(str(tmp_path / "all")))


def test_a_folded_distribution_may_stand_among_others(tmp_path: Path, pair: tuple[StoredDistribution, ...]) -> None:
    make(tmp_path / "env", pair, "copy,a=fold")
    assert {Path(path).name for path in links_of(tmp_path / "env")} == {"a"}


@pytest.mark.parametrize("mode", ["clone", "copy"])
def test_files_of_their_own_can_be_written_and_leave_the_store_alone(
    tmp_path: Path, pair: tuple[StoredDistribution, ...], mode: str
) -> None:
    where = tmp_path / "env"
    before = [seen_files(one.tree) for one in pair]
    make(where, pair, mode)
    assert links_of(where) == set()
    assert own_inodes(where)
    for path in where.rglob("*"):
        if path.is_file():
            with path.open("ab") as file:
                file.write(b"# changed\n")
    assert [seen_files(one.tree) for one in pair] == before


def test_clones_share_blocks_where_the_file_system_can() -> None:
    """On btrfs, xfs and their like: where BLAST_TESTS_REFLINK says that one is mounted."""
    place = os.environ.get("BLAST_TESTS_REFLINK")
    if not place:
        pytest.skip("NO REFLINK: BLAST_TESTS_REFLINK names no directory on a file system that clones")
    top = Path(tempfile.mkdtemp(dir=place))
    try:
        with WheelStore(top) as store:
            one = store.make("a", {"a/__init__.py": "X = 1\n", "a/big.bin": os.urandom(1 << 20)})
            report = compose(str(top / "env"), _HERE, [one], link_mode="clone")
        assert (report.notes, report.copies, report.hardlinks) == ((), 0, 0)
        assert report.clones >= 5
        big = top / "env" / _SITE / "a/big.bin"
        assert big.read_bytes() == Path(one.tree, "a/big.bin").read_bytes()
        with big.open("r+b") as file:
            file.write(b"mine")
        assert Path(one.tree, "a/big.bin").read_bytes()[:4] != b"mine"
    finally:
        shutil.rmtree(top)


def test_clones_are_taken_where_the_kernel_makes_them(
    tmp_path: Path, pair: tuple[StoredDistribution, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a kernel that says yes: the calls are the right ones, and nothing is copied beside."""
    seen: list[int] = []

    def share(source_fd: int, fd: int) -> None:
        seen.append(fd)
        os.write(fd, os.pread(source_fd, 1 << 20, 0))

    monkeypatch.setattr(_clone_file, "share_blocks", share)
    report = make(tmp_path / "env", pair, "clone")
    assert (report.clones, report.copies, report.hardlinks, report.symlinks) == (len(seen), 0, 0, 0)
    assert report.notes == ()
    make(tmp_path / "copy", pair, "copy")
    assert seen_files(str(tmp_path / "env")) == seen_files(str(tmp_path / "copy"))


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY])
def test_what_cannot_be_cloned_is_copied_and_that_is_said_once(
    tmp_path: Path, pair: tuple[StoredDistribution, ...], monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(_clone_file, "share_blocks", refuse(code))
    report = make(tmp_path / "env", pair, "clone")
    assert [note for note in report.notes if note.startswith("files are copied instead of cloned")] == [*report.notes]
    assert len(report.notes) == 1
    assert report.clones == 0
    assert own_inodes(tmp_path / "env")


def test_a_hard_link_that_is_refused_is_cloned_before_it_is_copied(
    tmp_path: Path, pair: tuple[StoredDistribution, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As between two subvolumes of btrfs, which is another device to links only."""
    monkeypatch.setattr(_clone_file, "share_blocks", lambda source, fd: os.write(fd, os.pread(source, 1 << 20, 0)))
    monkeypatch.setattr(fs, "hardlink", refuse(errno.EXDEV))
    report = make(tmp_path / "env", pair, "hardlink")
    assert report.notes == ("files are cloned instead of hard-linked: the store is on another file system",)
    assert report.clones > 0
    assert report.copies == 0


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("call", ["hardlink", "link_directory", "clone_file"])
def test_an_error_is_no_refusal(
    tmp_path: Path, pair: tuple[StoredDistribution, ...], monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    monkeypatch.setattr(fs, call, refuse(code))
    with pytest.raises(OSError, match="\\[Errno") as caught:
        make(tmp_path / "env", pair, "clone" if call == "clone_file" else "fold")
    assert caught.value.errno == code


@pytest.mark.parametrize("links", [True, False])
def test_without_links_to_directories_all_of_them_are_real(
    tmp_path: Path, pair: tuple[StoredDistribution, ...], monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    """No right to make symbolic links, or a FAT stick: even then there is an environment, and its RECORD is true."""
    monkeypatch.setattr(fs, "link_directory", refuse(errno.EPERM))
    if not links:
        monkeypatch.setattr(fs, "symlink", refuse(errno.EPERM))
        monkeypatch.setattr(fs, "hardlink", refuse(errno.EPERM))
    report = make(tmp_path / "env", pair, "fold")
    assert links_of(tmp_path / "env") == set()
    assert "directories are real instead of links into the store" in report.notes[0]
    assert len(report.notes) == (1 if links else 2)
    assert report.mode == "fold"
    monkeypatch.undo()
    make(tmp_path / "real", pair, "hardlink")
    assert seen_files(str(tmp_path / "env")) == seen_files(str(tmp_path / "real"))


@pytest.mark.parametrize("mode", MODES)
def test_on_another_file_system_than_the_store(pair: tuple[StoredDistribution, ...], tmp_path: Path, mode: str) -> None:
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("NO SECOND FILE SYSTEM: /dev/shm is none")
    top = Path(tempfile.mkdtemp(dir=shared))
    try:
        report = make(top / "env", pair, mode)
        assert report.hardlinks == 0
        assert len(report.notes) == (mode != "copy")
        assert bool(links_of(top / "env")) == (mode == "fold")
        make(tmp_path / "here", pair, mode)
        assert seen_files(str(top / "env")) == seen_files(str(tmp_path / "here"))
        for info in (top / "env" / _SITE).glob("*.dist-info"):
            assert not any(path.is_symlink() for path in info.iterdir())
    finally:
        shutil.rmtree(top)


@pytest.mark.parametrize("mode", MODES)
def test_a_system_that_opens_no_directories_gets_the_same(
    tmp_path: Path, pair: tuple[StoredDistribution, ...], monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Windows' way, by absolute paths."""
    make(tmp_path / "here", pair, mode)
    monkeypatch.setattr(making, "_OPENS_DIRECTORIES", False)
    report = make(tmp_path / "env", pair, mode)
    assert seen_files(str(tmp_path / "env")) == seen_files(str(tmp_path / "here"))
    assert links_of(tmp_path / "env") == links_of(tmp_path / "here")
    assert report.directories > 0
