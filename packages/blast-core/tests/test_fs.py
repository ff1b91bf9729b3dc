"""Operations on the disk: what they promise, and that faults hit where they are told to."""

import errno
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from blast_core import _clone_file, fs


@pytest.fixture(autouse=True)
def _no_fault() -> Iterator[None]:
    fs.set_fault(None)
    yield
    fs.set_fault(None)


def test_write_file_creates_with_mode(tmp_path: Path) -> None:
    path = tmp_path / "f"
    fs.write_file(str(path), b"text", 0o444)
    assert path.read_bytes() == b"text"
    assert stat.S_IMODE(path.stat().st_mode) == 0o444


def test_write_file_refuses_what_exists_and_dangling_links(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "outside")
    for name in ("there", "link"):
        with pytest.raises(FileExistsError):
            fs.write_file(str(tmp_path / name), b"new")
    assert (tmp_path / "there").read_bytes() == b"old"
    assert not (tmp_path / "outside").exists()


def test_write_file_at_is_relative_to_the_open_directory(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        fs.make_directory("d", dir_fd=fd)
        fs.write_file_at(fd, "d/empty", b"", 0o444)
        fs.write_file_at(fd, "d/full", memoryview(b"abc"), 0o555)
    finally:
        os.close(fd)
    assert (tmp_path / "d/empty").read_bytes() == b""
    assert (tmp_path / "d/full").read_bytes() == b"abc"
    assert stat.S_IMODE((tmp_path / "d/full").stat().st_mode) == 0o555


def test_write_repeats_until_all_is_written() -> None:
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    content = os.urandom(300_000)
    child = os.fork()
    if child == 0:
        os.close(read_end)
        fs.write(write_end, content)
        os._exit(0)
    os.close(write_end)
    os.set_blocking(read_end, True)
    received = b""
    while chunk := os.read(read_end, 7001):
        received += chunk
    os.waitpid(child, 0)
    os.close(read_end)
    assert received == content


def test_replace_file_keeps_the_mode_and_leaves_no_temporary(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    path.chmod(0o640)
    fs.replace_file(str(path), b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["f"]


def test_replace_file_replaces_a_link_and_not_its_target(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"target")
    (tmp_path / "link").symlink_to("target")
    fs.replace_file(str(tmp_path / "link"), b"new", mode=0o600)
    assert (tmp_path / "target").read_bytes() == b"target"
    assert not (tmp_path / "link").is_symlink()
    assert stat.S_IMODE((tmp_path / "link").stat().st_mode) == 0o600


@pytest.mark.parametrize("durable", [True, False])
def test_replace_file_is_old_or_new_whichever_operation_fails(tmp_path: Path, *, durable: bool) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    number = 0
    failed = errno.ENOSPC
    while failed:
        number += 1
        failed = 0
        fs.set_fault(f"fail:{number}+:ENOSPC")
        try:
            fs.replace_file(str(path), b"new", durable=durable)
        except OSError as error:
            failed = error.errno or 0
        assert failed in (0, errno.ENOSPC)
        assert path.read_bytes() in (b"old", b"new")
        assert os.listdir(tmp_path) == ["f"]
    assert path.read_bytes() == b"new"
    assert number == (6 if durable else 4)


def test_replace_files_are_each_old_or_new_whichever_operation_fails(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("one", "two", "three")]
    for number in range(1, 30):
        for path in paths:
            path.write_bytes(b"old")
        fs.set_fault(f"fail:{number}:ENOSPC")
        try:
            fs.replace_files([(str(path), b"new") for path in paths])
        except OSError:
            fs.set_fault(None)
        else:
            break
        contents = [path.read_bytes() for path in paths]
        # In this order: what comes later is not new before what comes first.
        assert contents == sorted(contents), number
        assert sorted(os.listdir(tmp_path)) == ["one", "three", "two"], number
    else:
        pytest.fail("never came to an end")
    assert number > 9
    assert [path.read_bytes() for path in paths] == [b"new"] * 3


@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_sync_files_flushes_each_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    descriptors = [os.open(tmp_path / str(number), os.O_CREAT | os.O_WRONLY) for number in range(count)]
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", flushed.append)
    fs.sync_files(descriptors)
    assert sorted(flushed) == sorted(descriptors)
    for fd in descriptors:
        os.close(fd)


def test_sync_files_raises_what_one_of_them_raised(tmp_path: Path) -> None:
    descriptors = [os.open(tmp_path / str(number), os.O_CREAT | os.O_WRONLY) for number in range(6)]
    fs.set_fault("fail:4:EIO")
    with pytest.raises(OSError, match="Input/output error"):
        fs.sync_files(descriptors)
    for fd in descriptors:
        os.close(fd)


def test_replace_symlink_switches(tmp_path: Path) -> None:
    link = tmp_path / "link"
    fs.replace_symlink(str(link), "one")
    fs.replace_symlink(str(link), "two")
    assert link.readlink() == Path("two")
    fs.set_fault("fail:2:EIO")
    with pytest.raises(OSError, match="Input/output"):
        fs.replace_symlink(str(link), "three")
    assert link.readlink() == Path("two")
    assert os.listdir(tmp_path) == ["link"]


def test_leftovers_of_a_killed_replacement_are_known_by_name(tmp_path: Path) -> None:
    code = "import sys; from blast_core import fs; fs.replace_file(sys.argv[1], b'new')"
    done = _run(code, str(tmp_path / "f"), fault="kill:3")
    assert done.returncode == -signal.SIGKILL
    (left,) = os.listdir(tmp_path)
    assert fs.is_temporary(left)
    assert not fs.is_temporary("f")


def test_make_directories_accepts_what_stands(tmp_path: Path) -> None:
    fs.make_directories(str(tmp_path / "a/b/c"))
    fs.make_directories(str(tmp_path / "a/b/c"))
    assert (tmp_path / "a/b/c").is_dir()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileExistsError):
        fs.make_directories(str(tmp_path / "file/x"))
    with pytest.raises(FileExistsError):
        fs.make_directories(str(tmp_path / "file"))


def test_hardlink_and_symlink(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    fs.hardlink(str(tmp_path / "f"), str(tmp_path / "g"))
    fs.symlink("f", str(tmp_path / "s"))
    assert (tmp_path / "f").stat().st_nlink == 2
    assert (tmp_path / "s").readlink() == Path("f")


def test_open_file_creates_or_opens_and_follows_no_link(tmp_path: Path) -> None:
    for _ in range(2):
        os.close(fs.open_file(str(tmp_path / "lock")))
    (tmp_path / "link").symlink_to("outside")
    with pytest.raises(OSError, match="symbolic links"):
        fs.open_file(str(tmp_path / "link"))
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("by_kernel", [True, False])
def test_exchange_swaps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, by_kernel: bool) -> None:
    if not by_kernel:
        monkeypatch.setattr(os, "name", "other")
    for name in ("a", "b"):
        fs.make_directory(str(tmp_path / name))
        fs.write_file(str(tmp_path / name / "f"), name.encode())
    fs.exchange(str(tmp_path / "a"), str(tmp_path / "b"))
    assert (tmp_path / "a/f").read_bytes() == b"b"
    assert (tmp_path / "b/f").read_bytes() == b"a"
    assert len(os.listdir(tmp_path)) == 2


@pytest.mark.parametrize("size", [0, 5, 3_000_000])
def test_copy_file_copies_content_and_mode(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "f").write_bytes(content)
    (tmp_path / "f").chmod(0o555)
    fs.copy_file(str(tmp_path / "f"), str(tmp_path / "g"))
    assert (tmp_path / "g").read_bytes() == content
    assert stat.S_IMODE((tmp_path / "g").stat().st_mode) == 0o555


def test_copy_file_copies_by_hand_where_the_kernel_does_not(tmp_path: Path) -> None:
    # Files of /proc have size 0 and content all the same, and no copy_file_range.
    fs.copy_file("/proc/self/status", str(tmp_path / "g"), 0o600)
    assert (tmp_path / "g").read_bytes().startswith(b"Name:")


def test_copy_file_refuses_a_link(tmp_path: Path) -> None:
    (tmp_path / "s").symlink_to("/etc/passwd")
    with pytest.raises(OSError, match="symbolic links"):
        fs.copy_file(str(tmp_path / "s"), str(tmp_path / "g"))


def test_remove_tree_removes_read_only_directories_and_follows_no_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_bytes(b"kept")
    tree = tmp_path / "tree"
    (tree / "a/b").mkdir(parents=True)
    (tree / "a/b/f").write_bytes(b"x")
    (tree / "a/out").symlink_to(outside)
    (tree / "dangling").symlink_to("nowhere")
    for directory in (tree / "a/b", tree / "a", tree):
        directory.chmod(0o555)
    (tree / "a/b").chmod(0o000)
    fs.remove_tree(str(tree))
    assert not tree.exists()
    assert (outside / "kept").read_bytes() == b"kept"


def test_remove_tree_of_a_link_removes_the_link(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "s").symlink_to("d")
    fs.remove_tree(str(tmp_path / "s"))
    assert os.listdir(tmp_path) == ["d"]
    with pytest.raises(FileNotFoundError):
        fs.remove_tree(str(tmp_path / "nothing"))


def test_remove_tree_goes_a_thousand_deep_with_few_descriptors(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    here = os.open(tmp_path, os.O_RDONLY)
    top = here
    for _ in range(1100):
        os.mkdir("deep", dir_fd=here)
        below = os.open("deep", os.O_RDONLY, dir_fd=here)
        os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=below))
        if here != top:
            os.close(here)
        here = below
    os.close(here)
    os.close(top)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (80, hard))
    try:
        fs.remove_tree(str(tmp_path / "deep"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert os.listdir(tmp_path) == []


def test_remove_tree_killed_anywhere_is_finished_by_the_next(tmp_path: Path) -> None:
    code = "import sys; from blast_core import fs; fs.remove_tree(sys.argv[1])"
    number = 0
    while True:
        number += 1
        tree = tmp_path / f"tree{number}"
        (tree / "a/b").mkdir(parents=True)
        (tree / "a/f").write_bytes(b"x")
        (tree / "a").chmod(0o555)
        if _run(code, str(tree), fault=f"kill:{number}").returncode == 0:
            break
        assert tree.exists()
        fs.remove_tree(str(tree))
        assert not tree.exists()
    assert number > 4


def test_operations_are_counted() -> None:
    fs.set_fault(None)
    before = fs.operations()
    with pytest.raises(FileNotFoundError):
        fs.unlink("/nonexistent/file")
    assert fs.operations() == before + 1


def test_kill_happens_before_its_operation(tmp_path: Path) -> None:
    code = "import sys; from blast_core import fs\nfor n in '123': fs.make_directory(sys.argv[1] + '/' + n)"
    done = _run(code, str(tmp_path), fault="kill:3")
    assert done.returncode == -signal.SIGKILL
    assert sorted(os.listdir(tmp_path)) == ["1", "2"]


def test_fail_hits_one_operation_and_lasting_fail_all_later_ones(tmp_path: Path) -> None:
    outcomes = []
    for text in ("fail:2:ENOSPC", "fail:2+:ENOSPC"):
        fs.set_fault(text)
        for name in "abc":
            try:
                fs.make_directory(str(tmp_path / (text[6] + name)))
            except OSError as error:
                outcomes.append(error.errno)
            else:
                outcomes.append(0)
    assert outcomes == [0, errno.ENOSPC, 0, 0, errno.ENOSPC, errno.ENOSPC]


@pytest.mark.parametrize("text", ["kill", "kill:x", "fail:1", "fail:1:ENOTHING", "maim:1", "kill:1:EIO"])
def test_a_fault_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        fs.set_fault(text)


def test_sync_functions_accept_real_paths(tmp_path: Path) -> None:
    fs.write_file(str(tmp_path / "f"), b"x", durable=True)
    fs.sync_directory(str(tmp_path))
    fs.sync_filesystem(str(tmp_path))
    (tmp_path / "link").symlink_to(tmp_path)
    fs.sync_directory(str(tmp_path / "link"))
    fs.sync_filesystem(str(tmp_path / "link"))
    with pytest.raises(FileNotFoundError):
        fs.sync_filesystem(str(tmp_path / "nothing"))


def test_the_module_imports_os_alone() -> None:
    code = (
        "import sys, os; before = set(sys.modules); import blast_core.fs;"
        "print(*sorted(set(sys.modules) - before - {'blast_core', 'blast_core.fs', '__future__'}))"
    )
    assert _run(code).stdout.strip() == ""


def _run(code: str, *arguments: str, fault: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    if fault:
        environment["BLAST_FAULT"] = fault
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True, check=False
    )


def test_clone_file_leaves_nothing_where_the_kernel_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "no")

    (tmp_path / "one").write_bytes(b"content")
    monkeypatch.setattr(_clone_file, "share_blocks", refuse)
    with pytest.raises(OSError, match="no"):
        fs.clone_file(str(tmp_path / "one"), str(tmp_path / "two"))
    assert os.listdir(tmp_path) == ["one"]


def test_clone_file_has_the_mode_asked_for_and_refuses_what_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one").write_bytes(b"content")
    (tmp_path / "one").chmod(0o444)
    monkeypatch.setattr(_clone_file, "share_blocks", lambda source, fd: os.write(fd, os.pread(source, 100, 0)))
    fs.clone_file(str(tmp_path / "one"), str(tmp_path / "two"))
    fs.clone_file(str(tmp_path / "one"), str(tmp_path / "three"), 0o644)
    assert (tmp_path / "three").read_bytes() == b"content"
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("two", "three")] == [0o444, 0o644]
    with pytest.raises(FileExistsError):
        fs.clone_file(str(tmp_path / "one"), str(tmp_path / "two"))


def test_link_directory_leads_there(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/file").write_bytes(b"x")
    fs.link_directory(str(tmp_path / "real"), str(tmp_path / "link"))
    assert (tmp_path / "link/file").read_bytes() == b"x"
    fs.remove_tree(str(tmp_path / "link"))
    assert (tmp_path / "real/file").exists()
