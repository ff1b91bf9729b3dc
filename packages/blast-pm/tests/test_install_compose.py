"""Environments composed from the store: what they hold, who wins, what is refused; the store stays as it is."""

from __future__ import annotations

import csv
import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_core import fs
from blast_core.errors import FileConflict, InstallError
from blast_pm.install.compose import ComposeReport, compose
from blast_pm.install.link import MODES
from blast_pm.install.record import hash_file
from blast_pm.install.testing import WheelStore, running_interpreter, seen_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from blast_pm.store.cache import StoredDistribution

_HERE = running_interpreter()
_SITE = _HERE.site_packages
_NAMESPACE = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WheelStore]:
    with WheelStore(tmp_path) as store:
        yield store


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    return tmp_path / "env"


def compose_here(
    destination: Path, *distributions: StoredDistribution, mode: str = "fold", **options: object
) -> ComposeReport:
    return compose(str(destination), _HERE, distributions, link_mode=mode, **options)  # type: ignore[arg-type]


def read_rows(destination: Path, info: str) -> dict[str, str]:
    text = (destination / _SITE / info / "RECORD").read_text(encoding="utf-8")
    return {row[0]: ",".join(row[1:]) for row in csv.reader(text.splitlines())}


def check_record(destination: Path) -> None:
    """Check that every RECORD tells the truth, and that together they tell all of it."""
    site = destination / _SITE
    listed: set[str] = set()
    for info in site.glob("*.dist-info"):
        for path, cells in read_rows(destination, info.name).items():
            where = os.path.normpath(site / path)
            listed.add(where)
            assert os.path.lexists(where), path
            if cells != ",":
                assert cells == hash_file(where), path
            else:
                assert os.path.islink(where) or path.endswith("/RECORD"), path
    for directory, names, files in os.walk(destination):
        for name in (*names, *files):
            path = os.path.join(directory, name)
            if (os.path.islink(path) or not os.path.isdir(path)) and "__pycache__" not in path:
                assert path in listed, path


@pytest.mark.parametrize("mode", MODES)
def test_every_scheme_arrives_and_record_is_true(store: WheelStore, destination: Path, mode: str) -> None:
    a = store.make(
        "a-b",
        {
            "pkg/__init__.py": "X = 1\n",
            "pkg/d/x.txt": "x",
            "ns/a/__init__.py": "",
            "mod.py": "",
            "odd name.txt": "",
            "{data}/data/share/a/f.txt": "data",
            "{data}/data/LICENSE": "free",
            "{data}/data/lib64/c.conf": "",
            "{data}/data/etc/a.json": "{}",
            "{data}/headers/a.h": "int a;",
            "{data}/headers/sub/b.h": "",
            "{data}/scripts/run": "#!python\n",
            "{data}/scripts/sh": "#!/bin/sh\n",
            "{data}/purelib/pure.py": "",
            "{data}/platlib/plat/__init__.py": "",
        },
        entry_points="[console_scripts]\ngo = mod:main\n",
    )
    report = compose_here(destination, a, mode=mode, requested={"a-b"})
    check_record(destination)
    seen = set(seen_files(str(destination)))
    info = f"{_SITE}/a_b-1.0.dist-info"
    assert seen - {f"{info}/top_level.txt"} == {
        *(
            f"{_SITE}/{name}"
            for name in ("pkg/__init__.py", "pkg/d/x.txt", "ns/a/__init__.py", "mod.py", "odd name.txt")
        ),
        *(f"{_SITE}/{name}" for name in ("pure.py", "plat/__init__.py")),
        *(f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "INSTALLER", "REQUESTED", "entry_points.txt")),
        *("share/a/f.txt", "LICENSE", "lib/c.conf", "etc/a.json", "bin/run", "bin/sh", "bin/go"),
        *(f"{_HERE.include}/a-b/{name}" for name in ("a.h", "sub/b.h")),
    }
    assert (destination / _SITE / "pkg").is_symlink() == (mode == "fold")
    assert (destination / info / "INSTALLER").read_text() == "blast"
    assert {*report.tops} >= {"LICENSE", "bin", "etc", "include", "lib", "share"}
    for name in ("run", "sh", "go"):
        assert os.access(destination / "bin" / name, os.X_OK)
        assert not (destination / "bin" / name).is_symlink()


@pytest.mark.parametrize("mode", MODES)
def test_who_was_asked_for_and_from_where_is_written_down(store: WheelStore, destination: Path, mode: str) -> None:
    a, b = store.make("a", {"a.py": ""}), store.make("b", {"b.py": ""})
    compose_here(destination, a, b, mode=mode, requested={"a"}, direct_urls={"b": b'{"url": "file:///b"}'})
    check_record(destination)
    site = destination / _SITE
    assert [(site / f"{name}-1.0.dist-info" / "REQUESTED").exists() for name in "ab"] == [True, False]
    assert (site / "b-1.0.dist-info" / "direct_url.json").read_bytes() == b'{"url": "file:///b"}'
    assert not (site / "a-1.0.dist-info" / "direct_url.json").exists()


def test_namespaces_are_merged_as_deep_as_they_are_shared(store: WheelStore, destination: Path) -> None:
    a = store.make("a", {"g/__init__.py": _NAMESPACE, "g/c/a/__init__.py": "", "g/only/__init__.py": ""})
    b = store.make("b", {"g/__init__.py": _NAMESPACE + "# b\n", "g/c/b/__init__.py": ""})
    report = compose_here(destination, a, b)
    site = destination / _SITE
    assert [(site / path).is_symlink() for path in ("g", "g/c", "g/c/a", "g/c/b", "g/only")] == [
        False,
        False,
        True,
        True,
        True,
    ]
    assert report.notes == ()
    check_record(destination)


def test_a_package_that_another_distribution_adds_to_becomes_real(store: WheelStore, destination: Path) -> None:
    core = store.make(
        "core", {"p/__init__.py": "", "p/deep/__init__.py": "", "p/deep/x/__init__.py": "", "p/y/z.py": ""}
    )
    plugin = store.make("plugin", {"p/deep/x/extra.py": "", "p/new/f.py": ""})
    compose_here(destination, core, plugin)
    site = destination / _SITE
    shown = {path: (site / path).is_symlink() for path in ("p", "p/deep", "p/deep/x", "p/y", "p/new")}
    assert shown == {"p": False, "p/deep": False, "p/deep/x": False, "p/y": True, "p/new": False}
    assert (site / "p/deep/x/extra.py").exists()
    assert (site / "p/deep/x/__init__.py").exists()
    check_record(destination)


def test_two_distributions_with_one_package_are_refused_by_name(store: WheelStore, destination: Path) -> None:
    one = store.make("opencv", {"cv2/__init__.py": "1", "cv2/same.py": ""})
    two = store.make("opencv-headless", {"cv2/__init__.py": "2", "cv2/same.py": ""})
    for mode in MODES:
        with pytest.raises(FileConflict, match="opencv and opencv-headless both bring") as caught:
            compose_here(destination, one, two, mode=mode)
        assert caught.value.details["paths"] == [f"{_SITE}/cv2/__init__.py"]
        assert caught.value.details["distributions"] == ["opencv", "opencv-headless"]
        assert not destination.exists()
    report = compose_here(destination, two, one, allow_overwrite=True)
    assert (destination / _SITE / "cv2/__init__.py").read_text() == "1"
    assert len(report.notes) == 1
    check_record(destination)


def test_a_file_against_a_directory_is_refused(store: WheelStore, destination: Path) -> None:
    one, two = store.make("one", {"x/__init__.py": ""}), store.make("two", {"x": "a file"})
    three = store.make("three", {"x/y.py": ""})
    for pair in ((one, two), (two, three)):
        with pytest.raises(FileConflict):
            compose_here(destination, *pair)


@pytest.mark.parametrize("mode", MODES)
def test_equal_files_and_harmless_ones_pass(store: WheelStore, destination: Path, mode: str) -> None:
    shared = {"LICENSE": "same", "tests/__init__.py": "", "tests/test_same.py": "0"}
    a = store.make("a", {**shared, "README.md": "a", "tests/test_it.py": "a", "tests/a/__init__.py": ""})
    b = store.make("b", {**shared, "README.md": "b", "tests/test_it.py": "b", "tests/b.py": ""})
    report = compose_here(destination, b, a, mode=mode)
    site = destination / _SITE
    assert (site / "README.md").read_text() == "a"
    assert (site / "tests/test_it.py").read_text() == "a"
    assert (site / "tests/b.py").exists()
    told = [note for note in report.notes if "instead of cloned" not in note]
    assert len(told) == 1
    assert "a and b bring different files" in told[0]
    check_record(destination)


def test_a_command_belongs_to_its_namesake(store: WheelStore, destination: Path) -> None:
    a = store.make("fast-cli", {"x.py": ""}, entry_points="[console_scripts]\nfast = x:cli\nsame = m:f\n")
    b = store.make("fast", {"y.py": ""}, entry_points="[console_scripts]\nfast = y:main\nsame = m:f\n")
    report = compose_here(destination, a, b)
    assert "from y import main" in (destination / "bin" / "fast").read_text()
    assert report.notes == ("fast and fast-cli both bring the command fast; fast's is used",)
    check_record(destination)


def test_what_looks_outside_itself_is_unfolded_only_where_a_neighbour_is_there(
    store: WheelStore, destination: Path, tmp_path: Path
) -> None:
    """Rule 4, with real shared objects: A's finds its library in B's directory by ``$ORIGIN/../../b_libs``."""
    compiler = pytest.importorskip("shutil").which("cc")
    if compiler is None:
        pytest.skip("NO COMPILER: cc is not on PATH")
    build_objects(compiler, tmp_path)
    extension, library = ((tmp_path / name).read_bytes() for name in ("ext.so", "libneighbour.so"))
    packages = {f"{name}/__init__.py": "" for name in ("a", "a/core", "a/other")}
    a = store.make("a", {**packages, "a/core/ext.so": extension}, tag="py3-none-linux_x86_64")
    b = store.make("b", {"b_libs/__init__.py": "", "b_libs/libneighbour.so": library}, tag="py3-none-linux_x86_64")
    compose_here(destination, a, b)
    site = destination / _SITE
    assert [(site / path).is_symlink() for path in ("a", "a/core", "a/other", "b_libs")] == [False, False, True, True]
    import ctypes

    assert ctypes.CDLL(str(site / "a/core/ext.so")).answer() == 42
    check_record(destination)
    alone = tmp_path / "alone"
    compose_here(alone, a)
    assert (alone / _SITE / "a").is_symlink()


def build_objects(compiler: str, directory: Path) -> None:
    import subprocess

    (directory / "n.c").write_text("int neighbour(void) { return 42; }")
    (directory / "e.c").write_text("int neighbour(void); int answer(void) { return neighbour(); }")
    shared = [compiler, "-shared", "-fPIC", "-o"]
    subprocess.run([*shared, "libneighbour.so", "n.c"], cwd=directory, check=True)
    rpath = "-Wl,-rpath,$ORIGIN/../../b_libs"
    subprocess.run([*shared, "ext.so", "e.c", "-L.", "-lneighbour", rpath], cwd=directory, check=True)


def test_bytecode_of_modules_in_real_directories_is_linked(store: WheelStore, destination: Path) -> None:
    """Rule 3: without it, single-file modules would be compiled anew in every environment."""
    a = store.make("a", {"mod.py": "X = 1\n", "ns/n.py": "Y = 1\n", "p/__init__.py": ""})
    b = store.make("b", {"other.py": ""})
    import compileall

    os.chmod(a.tree, 0o755)
    os.chmod(f"{a.tree}/ns", 0o755)
    compileall.compile_dir(a.tree, quiet=1)
    compose_here(destination, a, b)
    name = f"__pycache__/mod.{_HERE.cache_tag}.pyc"
    assert (destination / _SITE / name).read_bytes() == Path(a.tree, name).read_bytes()
    assert (destination / _SITE / f"ns/__pycache__/n.{_HERE.cache_tag}.pyc").exists()
    assert not (destination / _SITE / f"__pycache__/other.{_HERE.cache_tag}.pyc").exists()


def test_copied_files_can_be_changed_without_the_store(store: WheelStore, destination: Path) -> None:
    a = store.make("certifi", {"certifi/__init__.py": "", "certifi/cacert.pem": "CA", "{data}/data/etc/a.json": "{}"})
    for mode in MODES:
        where = destination.with_name(mode)
        compose_here(where, a, mode=mode)
        for path in (where / _SITE / "certifi/cacert.pem", where / "etc/a.json"):
            assert os.access(path, os.W_OK)
            assert stat.S_IMODE(path.stat().st_mode) & 0o200
            with path.open("a") as file:
                file.write("mine")
    assert Path(a.tree, "certifi/cacert.pem").read_text() == "CA"


@pytest.mark.parametrize(
    ("mode", "code"), [("fold", errno.EXDEV), ("hardlink", errno.EPERM), ("fold", errno.EOPNOTSUPP)]
)
def test_without_hard_links_the_next_way_is_taken_and_said_once(
    store: WheelStore, destination: Path, monkeypatch: pytest.MonkeyPatch, mode: str, code: int
) -> None:
    def refuse(source: str, path: str, **_: object) -> None:
        raise OSError(code, os.strerror(code), source, None, path)

    a = store.make(
        "a", {"m.py": "1", "p/__init__.py": "", "{data}/data/share/x": "1"}, entry_points="[console_scripts]\nc=m:f\n"
    )
    compose_here(destination.with_name("before"), a, mode=mode)
    monkeypatch.setattr(fs, "hardlink", refuse)
    report = compose_here(destination, a, mode=mode)
    assert seen_files(str(destination)) == seen_files(str(destination.with_name("before")))
    assert len(report.notes) == 1
    assert (destination / _SITE / "m.py").is_symlink() == (mode == "fold")
    assert not (destination / "bin/c").is_symlink()
    assert not (destination / _SITE / "a-1.0.dist-info/METADATA").is_symlink()
    check_record(destination)


def test_a_file_with_too_many_links_is_copied_and_the_next_is_linked(
    store: WheelStore, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fs.hardlink

    def refuse_one(source: str, path: str, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
        if os.path.basename(source) == "m.py":
            raise OSError(errno.EMLINK, "too many links", source)
        real(source, path, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(fs, "hardlink", refuse_one)
    # Many together stop at the one that is refused; here at the first.
    monkeypatch.setattr(fs, "hardlinks", lambda *_, **__: 0)
    a = store.make("a", {"m.py": "1", "n.py": "2"})
    report = compose_here(destination, a, mode="hardlink")
    site = destination / _SITE
    assert ((site / "m.py").stat().st_nlink, (site / "n.py").stat().st_nlink) == (1, 2)
    assert report.copies == 1


@pytest.mark.parametrize("writable", [True, False])
def test_a_store_that_cannot_be_written_serves_all_the_same(
    store: WheelStore, destination: Path, monkeypatch: pytest.MonkeyPatch, *, writable: bool
) -> None:
    a = store.make("a", {"m.py": "", "p/__init__.py": ""}, entry_points="[console_scripts]\nc=m:f\n")
    if not writable:
        monkeypatch.setattr("blast_pm.install.compose.prepare", refuse_to_prepare)
    report = compose_here(destination, a, requested={"a"})
    check_record(destination)
    assert (report.written > 0) is not writable
    assert os.access(destination / "bin/c", os.X_OK)


def refuse_to_prepare(*_: object, **__: object) -> None:
    raise OSError(errno.EROFS, "read-only file system")


def test_start_up_code_is_listed_and_can_be_refused(store: WheelStore, destination: Path) -> None:
    a = store.make("a", {"a.pth": "import os\n"})
    assert compose_here(destination, a).startup == (("a", "a.pth"),)
    with pytest.raises(InstallError, match="a was refused"):
        compose_here(destination.with_name("strict"), a, allow_startup=False)
    assert not destination.with_name("strict").exists()


def test_one_distribution_twice_and_an_unknown_mode_are_refused(store: WheelStore, destination: Path) -> None:
    a = store.make("a", {"a.py": ""})
    with pytest.raises(InstallError, match="twice"):
        compose_here(destination, a, a)
    with pytest.raises(InstallError, match="link mode 'magic'"):
        compose_here(destination, a, mode="magic")


def test_an_empty_environment_has_its_directories(destination: Path) -> None:
    report = compose_here(destination)
    assert (destination / _SITE / "__pycache__").is_dir()
    assert (destination / "bin").is_dir()
    assert report.distributions == ()


def test_hundreds_of_directories_are_filled_by_two_threads(store: WheelStore, destination: Path) -> None:
    stored = [store.make(f"p{i}", {f"p{i}/__init__.py": "", f"ns/n{i}.py": "", f"m{i}.py": ""}) for i in range(60)]
    compose_here(destination, *stored)
    check_record(destination)
    assert len(list((destination / _SITE / "ns").iterdir())) == 60


def test_composing_changes_nothing_in_the_trees(store: WheelStore, destination: Path) -> None:
    stored = [store.make("a", {"g/a.py": "", "p/__init__.py": ""}), store.make("b", {"g/b.py": "", "p/x.py": ""})]
    before = [sizes(one.tree) for one in stored]
    for mode in MODES:
        compose_here(destination.with_name(mode), *stored, mode=mode)
    assert [sizes(one.tree) for one in stored] == before


def sizes(tree: str) -> Sequence[tuple[str, int, int]]:
    return [
        (path, os.lstat(path).st_size, os.lstat(path).st_mtime_ns)
        for directory, names, files in os.walk(tree)
        for path in (os.path.join(directory, name) for name in (*names, *files))
    ]
