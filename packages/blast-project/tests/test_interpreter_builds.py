"""Requests for interpreters, names of builds, lists of mirrors, version files, and what is rewritten in a build."""

from __future__ import annotations

import os
import tarfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blast_core.errors import ArchiveRejected, BlastError, InterpreterNotFound
from blast_project.python.builds import Build, best_build, build_key, matches, newest_first, parse_file_name
from blast_project.python.catalogue import known_builds, parse_sums
from blast_project.python.discover import minor_key
from blast_project.python.installations import settle_minor_links, write_marker
from blast_project.python.relocating import relocate
from blast_project.python.request import ANY_VARIANT, InterpreterRequest, parse_request
from blast_project.python.unpacking import unpack_interpreter
from blast_project.python.version_files import (
    find_version_file,
    global_version_file,
    read_python_version_file,
    read_version_file_above,
    read_versions,
)

if TYPE_CHECKING:
    from pathlib import Path

LINUX = ("linux", "x86_64", "gnu")
_LIKE_A_REQUEST = r"(cp|pypy|cpython)?[@-]?[0-9.]{0,6}[td+-]{0,2}[a-z0-9_-]{0,12}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", InterpreterRequest()),
        ("any", InterpreterRequest()),
        ("3", InterpreterRequest(specifier="==3.*")),
        ("3.12", InterpreterRequest(specifier="==3.12.*")),
        ("312", InterpreterRequest(specifier="==3.12.*")),
        ("3.12.1", InterpreterRequest(specifier="==3.12.1")),
        (" 3.12 ", InterpreterRequest(specifier="==3.12.*")),
        ("3.14.0rc1", InterpreterRequest(specifier="==3.14.0rc1")),
        (">=3.11,<3.13", InterpreterRequest(specifier=">=3.11,<3.13")),
        ("~=3.12.1", InterpreterRequest(specifier="~=3.12.1")),
        ("3.13t", InterpreterRequest(specifier="==3.13.*", variant="t")),
        ("313t", InterpreterRequest(specifier="==3.13.*", variant="t")),
        ("3.13.2t", InterpreterRequest(specifier="==3.13.2", variant="t")),
        ("3.13+freethreaded", InterpreterRequest(specifier="==3.13.*", variant="t")),
        ("3.13d", InterpreterRequest(specifier="==3.13.*", variant="d")),
        ("3.13td", InterpreterRequest(specifier="==3.13.*", variant="td")),
        ("cpython", InterpreterRequest("cpython")),
        ("CPython@3.12", InterpreterRequest("cpython", "==3.12.*")),
        ("cpython@>=3.11,<3.13", InterpreterRequest("cpython", ">=3.11,<3.13")),
        ("cpython>=3.11", InterpreterRequest("cpython", ">=3.11")),
        ("cp312", InterpreterRequest("cpython", "==3.12.*")),
        ("cp313t", InterpreterRequest("cpython", "==3.13.*", variant="t")),
        ("pypy", InterpreterRequest("pypy")),
        ("pypy3.10", InterpreterRequest("pypy", "==3.10.*")),
        ("pypy@3.10", InterpreterRequest("pypy", "==3.10.*")),
        ("pp310", InterpreterRequest("pypy", "==3.10.*")),
        ("graalpy3.11", InterpreterRequest("graalpy", "==3.11.*")),
        ("python3.12", InterpreterRequest("", "==3.12.*")),
        ("cpython-3.12-linux", InterpreterRequest("cpython", "==3.12.*", system="linux")),
        (
            "cpython-3.12.1-linux-x86_64-gnu",
            InterpreterRequest("cpython", "==3.12.1", system="linux", machine="x86_64", library="gnu"),
        ),
        (
            "cpython-3.13.0+freethreaded-macos-arm64-none",
            InterpreterRequest("cpython", "==3.13.0", "", "t", "macos", "aarch64", "none"),
        ),
        ("cpython-any-linux-any-musl", InterpreterRequest("cpython", "", system="linux", library="musl")),
        ("mypython", InterpreterRequest(name="mypython", variant=ANY_VARIANT)),
        ("MyPython", InterpreterRequest(name="MyPython", variant=ANY_VARIANT)),
        ("cp", InterpreterRequest(name="cp", variant=ANY_VARIANT)),
        ("cpanel", InterpreterRequest(name="cpanel", variant=ANY_VARIANT)),
    ],
)
def test_requests(text: str, expected: InterpreterRequest) -> None:
    assert parse_request(text) == expected


@pytest.mark.parametrize("text", ["3.", "3.x", "3.12-dev", "3.12-linux-x86_64-gnu-more", ">=", "cpython@x", "3 12"])
def test_nonsense_has_words(text: str) -> None:
    if text == "cpython@x":
        assert parse_request(text).name == text
        return
    with pytest.raises(InterpreterNotFound) as caught:
        parse_request(text)
    assert text in caught.value.message


@pytest.mark.property
@settings(max_examples=300)
@given(st.text(max_size=30) | st.from_regex(_LIKE_A_REQUEST, fullmatch=True))
def test_any_request_is_understood_or_refused(text: str) -> None:
    try:
        found = parse_request(text)
    except BlastError:
        return
    assert found.variant in {"", "t", "d", "td", ANY_VARIANT} or "+" in text


def test_only_a_whole_version_is_exact() -> None:
    exact = {text: parse_request(text).is_exact for text in ("3", "3.12", "3.12.1", ">=3.12.1", "cpython@3.12.1", "")}
    assert [text for text, is_exact in exact.items() if is_exact] == ["3.12.1", "cpython@3.12.1"]


@pytest.mark.parametrize(
    ("name", "key", "release"),
    [
        (
            "cpython-3.12.1+20240107-x86_64-unknown-linux-gnu-install_only.tar.gz",
            "cpython-3.12.1-linux-x86_64-gnu",
            "20240107",
        ),
        (
            "cpython-3.13.0+20241016-aarch64-apple-darwin-freethreaded+pgo+lto-full.tar.zst",
            "cpython-3.13.0+freethreaded-macos-aarch64-none",
            "20241016",
        ),
        (
            "cpython-3.13.0+20241016-x86_64-unknown-linux-musl-debug-full.tar.zst",
            "cpython-3.13.0+debug-linux-x86_64-musl",
            "20241016",
        ),
        (
            "cpython-3.12.1+20240107-i686-pc-windows-msvc-shared-install_only.tar.gz",
            "cpython-3.12.1-windows-x86-none",
            "20240107",
        ),
        (
            "cpython-3.14.0rc2+20250818-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz",
            "cpython-3.14.0rc2-linux-x86_64-gnu",
            "20250818",
        ),
    ],
)
def test_names_of_builds(name: str, key: str, release: str) -> None:
    build = parse_file_name(name, "u", "s")
    assert build is not None
    assert (build.key, build.release, build.filename) == (key, release, name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "SHA256SUMS",
        "cpython-3.12.1.tar.gz",
        "cpython-3.12.1+20240107-x86_64-unknown-linux-gnu-install_only.tar.gz.sha256",
        "cpython-3.12.1+20240107-x86_64-unknown-linux-gnu-sources.tar.gz",
        "cpython-3.12.1+20240107-x86_64_v3-unknown-linux-gnu-install_only.tar.gz",
        "cpython-x+20240107-x86_64-unknown-linux-gnu-install_only.tar.gz",
        "cpython-3.12.1+20240107-x86_64-unknown-freebsd-install_only.tar.gz",
        "ruby-3.12.1+20240107-x86_64-unknown-linux-gnu-install_only.tar.gz",
    ],
)
def test_other_files_are_no_builds(name: str) -> None:
    assert parse_file_name(name, "u", "s") is None


def _build(version: str, release: str = "1", flavor: str = "install_only", **changes: str) -> Build:
    build = Build("cpython", version, "", *LINUX, f"x-{flavor}.tar.gz", "u", "s", release)
    return build._replace(**changes)


def test_the_newest_is_best_and_a_pre_release_the_last_choice() -> None:
    builds = [_build("3.9.20"), _build("3.12.1"), _build("3.12.10"), _build("3.13.0rc1")]
    assert [one.version for one in newest_first(builds)] == ["3.13.0rc1", "3.12.10", "3.12.1", "3.9.20"]
    best = best_build(builds)
    assert best is not None
    assert best.version == "3.12.10"
    only = best_build(builds[-1:])
    assert only is not None
    assert only.version == "3.13.0rc1"
    assert best_build([]) is None
    same = [_build("3.12.1", "1", "install_only_stripped"), _build("3.12.1", "2", "full"), _build("3.12.1", "2")]
    assert newest_first(same) == [same[2], same[1], same[0]]


def test_what_a_request_says_of_the_platform_counts() -> None:
    build = _build("3.12.1")
    for text, expected in (
        ("3.12", True),
        ("3.11", False),
        ("cpython-3.12-linux", True),
        ("cpython-3.12-macos", False),
        ("3.12t", False),
        ("pypy", False),
        ("mypython", False),
        (">=3.12", True),
    ):
        assert matches(build, parse_request(text), (), LINUX) is expected, text
    assert not matches(build, parse_request("3.12"), ("<3.12",), LINUX)
    assert not matches(build, parse_request("3.12"), (), ("linux", "aarch64", "gnu"))
    assert matches(build._replace(machine="x86"), parse_request("cpython-3.12-linux-i686"), (), LINUX)


@pytest.mark.parametrize(
    ("key", "minor"),
    [
        ("cpython-3.12.1-linux-x86_64-gnu", "cpython-3.12-linux-x86_64-gnu"),
        ("cpython-3.13.0+freethreaded-linux-x86_64-gnu", "cpython-3.13+freethreaded-linux-x86_64-gnu"),
        ("pypy-3.10.16-macos-aarch64-none", "pypy-3.10-macos-aarch64-none"),
        ("cpython-3.14.0rc2-linux-x86_64-gnu", "cpython-3.14-linux-x86_64-gnu"),
        ("", "-"),
    ],
)
def test_the_name_of_a_minor_version(key: str, minor: str) -> None:
    assert minor_key(key) == minor


def test_the_catalogue_of_the_library() -> None:
    """It is the library's: only what Blast reads of it is held here."""
    builds = known_builds()
    assert len(builds) > 1000
    keys = {build.key for build in builds}
    assert build_key("cpython", "3.12.1", "", LINUX) in keys
    assert build_key("cpython", "3.13.0", "t", LINUX) in keys
    assert any(build.implementation == "pypy" and build.system == "windows" for build in builds)
    assert all(len(build.sha256) == 64 and build.url.endswith((".gz", ".zst", ".bz2", ".zip")) for build in builds)


def test_lists_of_digests() -> None:
    digest = "ab" * 32
    lines = ("  one.tar.gz\n", " *./two.tar.gz\r\n", "  ../four\n", "  a\\b\n", "\n")
    text = "".join(f"{digest}{line}" for line in lines) + "\n# note\nshort  three\n"
    assert list(parse_sums(text)) == [("one.tar.gz", digest), ("two.tar.gz", digest)]


@pytest.mark.property
@settings(max_examples=200)
@given(st.text(max_size=300))
def test_any_list_is_read(text: str) -> None:
    for name, digest in parse_sums(text):
        assert "/" not in name
        assert len(digest) == 64


def test_version_files_are_looked_for_upwards(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "a" / ".python-versions").write_text("# all\n3.12\n3.13\n")
    assert find_version_file(str(deep)) == str(tmp_path / "a" / ".python-versions")
    assert read_version_file_above(str(deep), {"HOME": str(tmp_path)}) == "3.12"
    assert read_versions(str(tmp_path / "a" / ".python-versions")) == ("3.12", "3.13")
    (deep / ".python-version").write_text("3.11\n")
    assert read_version_file_above(str(deep), {}) == "3.11"
    assert find_version_file(str(deep), ".python-versions") == str(tmp_path / "a" / ".python-versions")
    assert read_python_version_file(str(tmp_path / "a")) == "3.12"


@pytest.mark.skipif(os.name == "nt", reason="directories as on POSIX")
def test_where_the_users_own_is(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    assert global_version_file(home) == f"{tmp_path}/.config/blast/.python-version"
    assert global_version_file({**home, "XDG_CONFIG_HOME": "/x"}) == "/x/blast/.python-version"
    assert global_version_file({**home, "XDG_CONFIG_HOME": "relative"}) == f"{tmp_path}/.config/blast/.python-version"
    assert global_version_file({**home, "BLAST_CONFIG_DIR": "/y"}) == "/y/.python-version"
    path = tmp_path / ".config/blast/.python-version"
    path.parent.mkdir(parents=True)
    path.write_text("3.13\n")
    assert read_version_file_above("/", home) == "3.13"


_DATA = """\
build_time_vars = {'CC': 'clang -pthread',
 'CXX': 'clang++ -pthread',
 'AR': '/tools/llvm/bin/llvm-ar',
 'LDSHARED': 'clang -pthread -shared -L/install/lib',
 'CFLAGS': '-I/install/include -DX=/install/share -O2 -I/other/install/include',
 'BUILD': '/build/Python-3.12/install-sh',
 'prefix': '/install',
 'exec_prefix': "/install",
 'TZPATH': '/usr/share:/install/share',
 'INSTALLER': '/installer/x'}
"""


def test_only_the_builds_own_prefix_is_replaced(tmp_path: Path) -> None:
    library = tmp_path / "lib" / "python3.12"
    (library / "__pycache__").mkdir(parents=True)
    (library / "os.py").write_text("")
    (library / "_sysconfigdata__linux_.py").write_text(_DATA)
    (tmp_path / "lib" / "pkgconfig").mkdir()
    (tmp_path / "lib" / "pkgconfig" / "python3.pc").write_text("prefix=/install\nx=/install/clang\n")
    final = "/opt/it's here\\1"
    changed = relocate(str(tmp_path), final)
    assert len(changed) == 2
    text = (library / "_sysconfigdata__linux_.py").read_text()
    for kept in ("/build/Python-3.12/install-sh", "/installer/x", "-I/other/install/include"):
        assert kept in text
    for made in ("'CC': 'cc -pthread'", "'CXX': 'c++ -pthread'", "'AR': 'ar'", "'LDSHARED': 'cc -pthread"):
        assert made in text
    assert "clang" not in text
    assert f"-L{final}/lib" in text
    assert f"-I{final}/include -DX={final}/share" in text
    assert f"'/usr/share:{final}/share'" in text
    assert (tmp_path / "lib" / "pkgconfig" / "python3.pc").read_text() == f"prefix={final}\nx={final}/clang\n"
    assert relocate(str(tmp_path), final) == []


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("below", ["python", "python/install", "pypy3.10-v7.3.19-linux64"])
def test_layouts_of_archives(tmp_path: Path, mode: str, below: str) -> None:
    path = tmp_path / f"x.tar.{mode[2:]}"
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        member = tarfile.TarInfo(f"{below}/bin/python3")
        member.mode = 0o777
        archive.addfile(member)
    target = tmp_path / "target"
    target.mkdir()
    found = unpack_interpreter(str(path), path.name, str(target))
    assert found == str(target / below)
    assert (target / below / "bin/python3").stat().st_mode & 0o777 == 0o755


def test_a_zstandard_archive(tmp_path: Path) -> None:
    import io

    import zstandard

    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("python/install/bin/python3"))
    path = tmp_path / "x.tar.zst"
    path.write_bytes(zstandard.ZstdCompressor().compress(plain.getvalue()))
    target = tmp_path / "target"
    target.mkdir()
    assert unpack_interpreter(str(path), path.name, str(target)) == str(target / "python/install")
    path.write_bytes(path.read_bytes()[:-8])
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(ArchiveRejected):
        unpack_interpreter(str(path), path.name, str(other))


def test_a_zip_archive(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pypy3.10/python.exe", b"")
    target = tmp_path / "target"
    target.mkdir()
    assert unpack_interpreter(str(path), path.name, str(target)) == str(target / "pypy3.10")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pypy3.10/../../escaped", b"")
    with pytest.raises(ArchiveRejected, match="can't be unpacked"):
        unpack_interpreter(str(path), path.name, str(target))
    assert not (tmp_path / "escaped").exists()


def test_two_directories_at_the_top_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in ("python/bin/python3", "other/file"):
            archive.addfile(tarfile.TarInfo(name))
    target = tmp_path / "target"
    target.mkdir()
    with pytest.raises(ArchiveRejected, match="holds no interpreter"):
        unpack_interpreter(str(path), path.name, str(target))


@pytest.mark.skipif(os.name == "nt", reason="there are no such links there")
def test_links_of_others_stay(tmp_path: Path) -> None:
    build = Build("cpython", "3.12.1", "", *LINUX, "", "", "")
    (tmp_path / build.key).mkdir()
    write_marker(str(tmp_path / build.key), build)
    links = {"3.12": "3.12.1", "mine": "/somewhere", "cpython-3.11-linux-x86_64-gnu": "cpython-3.11.4-linux-x86_64-gnu"}
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    settle_minor_links(str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_symlink()) == [
        "3.12", "cpython-3.12-linux-x86_64-gnu", "mine",
    ]  # fmt: skip
