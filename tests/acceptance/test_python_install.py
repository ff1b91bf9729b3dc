"""``blast python install``: real interpreters of this machine, packed as builds, served by a directory and loopback."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from typing import TYPE_CHECKING

import pytest

from blast_project.python.builds import build_key
from blast_project.python.platform_of import this_platform
from blast_project.testing_pythons import (
    Mirror,
    MirrorServer,
    archive_name,
    installed_pythons,
    tar_of,
    version_of,
)

if TYPE_CHECKING:
    from pathlib import Path

    from blast_cli.testing import Blast


pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform not in {"linux", "darwin"}, reason="interpreters are packed as on POSIX"),
]


def _minor(version: str) -> str:
    return version.rpartition(".")[0]


def _key(version: str) -> str:
    return build_key("cpython", version, "", this_platform())


def test_install_by_version(bare: Blast, version: str) -> None:
    done = bare.json("python", "install", version)
    (row,) = done["installed"]
    assert row["new"] is True
    assert (row["key"], row["version"], row["implementation"]) == (_key(version), version, "cpython")
    assert done["directory"] == str(bare.home / "pythons")
    assert version_of(row["executable"]) == version
    program = bare.home / "bin" / f"python{_minor(version)}"
    assert row["linked"] == [str(program)]
    assert version_of(program) == version
    assert installed_pythons(bare.home) == sorted([_key(version), _key(_minor(version))])


def test_install_twice_does_nothing(bare: Blast, version: str) -> None:
    bare("python", "install", _minor(version))
    executable = bare.home / "pythons" / _key(version) / "bin" / f"python{_minor(version)}"
    inode = executable.stat().st_ino
    again = bare.json("python", "install", _minor(version))
    assert again["installed"][0]["new"] is False
    assert executable.stat().st_ino == inode
    assert "installed already" in bare("python", "install", version).stderr


def test_install_needs_no_mirror_for_what_is_there(bare: Blast, version: str) -> None:
    bare("python", "install", version)
    bare("python", "install", version, "--offline", BLAST_PYTHON_MIRROR="http://127.0.0.1:9/gone")


def test_reinstall_puts_a_fresh_one_there(bare: Blast, version: str) -> None:
    bare("python", "install", version)
    library = bare.home / "pythons" / _key(version) / "lib" / f"python{_minor(version)}"
    (library / "json" / "__init__.py").write_text("broken = ")
    done = bare.json("python", "install", "--reinstall", version)
    assert done["installed"][0]["new"] is True
    assert "broken" not in (library / "json" / "__init__.py").read_text()


def test_install_from_loopback(bare: Blast, mirror: Mirror, version: str) -> None:
    with MirrorServer(mirror.directory) as server:
        bare("python", "install", version, BLAST_PYTHON_MIRROR=server.url)
        assert server.paths()[0] == "SHA256SUMS"
        assert len(server.paths()) == 2
    assert version_of(bare.home / "bin" / f"python{_minor(version)}") == version
    assert os.listdir(bare.home / "pythons" / ".downloads") == []


def test_a_mirror_without_sums_is_laid_out_as_the_original(bare: Blast, tmp_path: Path) -> None:
    """The catalogue's digest counts, which no archive that was packed here has."""
    empty = tmp_path / "empty"
    empty.mkdir()
    with MirrorServer(empty) as server:
        done = bare.run("python", "install", "3.12.1", "--mirror", server.url)
        asked = [request.path for request in server.requests]
    assert done.returncode == 3, done.stderr
    assert asked[0] == "/builds/SHA256SUMS"
    assert asked[1].startswith("/builds/20240107/cpython-3.12.1%2B20240107-") or "3.12.1" not in asked[1]
    assert installed_pythons(bare.home) == []


def test_a_cut_download_goes_on(bare: Blast, mirror: Mirror, version: str) -> None:
    size = (mirror.directory / archive_name(version)).stat().st_size
    with MirrorServer(mirror.directory, cuts=[size // 3]) as server:
        bare("python", "install", version, BLAST_PYTHON_MIRROR=server.url)
        ranges = [request.headers.get("range") for request in server.requests[1:]]
    assert ranges[0] is None
    assert ranges[1] is not None
    assert 0 < int(ranges[1].removeprefix("bytes=").removesuffix("-")) <= size // 3


def test_a_server_without_ranges_begins_anew(bare: Blast, mirror: Mirror, version: str) -> None:
    size = (mirror.directory / archive_name(version)).stat().st_size
    with MirrorServer(mirror.directory, cuts=[size // 3], ranges=False) as server:
        bare("python", "install", version, BLAST_PYTHON_MIRROR=server.url)
    assert version_of(bare.home / "bin" / f"python{_minor(version)}") == version


def test_what_was_fetched_before_a_kill_is_used(bare: Blast, mirror: Mirror, version: str) -> None:
    with MirrorServer(mirror.directory, cuts=[100_000] * 4) as server:
        done = bare.run("python", "install", version, BLAST_PYTHON_MIRROR=server.url)
        assert done.returncode == 3
        assert installed_pythons(bare.home) == []
        server.requests.clear()
        server.cuts.clear()
        bare("python", "install", version, BLAST_PYTHON_MIRROR=server.url)
        assert server.requests[1].headers["range"] == "bytes=400000-"


def test_a_wrong_digest_is_refused(bare: Blast, mirror: Mirror, version: str, tmp_path: Path) -> None:
    wrong = shutil.copytree(mirror.directory, tmp_path / "wrong")
    with (wrong / archive_name(version)).open("r+b") as file:
        file.seek(5000)
        file.write(b"\0\0\0\0")
    for place in (str(wrong), wrong.as_uri()):
        done = bare.run("python", "install", version, "--mirror", place)
        assert done.returncode == 4, done.stderr
        assert "not what was promised" in done.stderr
    with MirrorServer(wrong) as server:
        assert bare.run("python", "install", version, BLAST_PYTHON_MIRROR=server.url).returncode == 4
    assert installed_pythons(bare.home) == []
    assert os.listdir(bare.home / "pythons" / ".downloads") == []


@pytest.mark.parametrize(
    ("name", "kind", "target"),
    [
        pytest.param("python/../../escaped", tarfile.REGTYPE, "", id="dots"),
        pytest.param("/escaped", tarfile.REGTYPE, "", id="absolute"),
        pytest.param("python/bin/link", tarfile.SYMTYPE, "../../../escaped", id="link out"),
        pytest.param("python/bin/link", tarfile.SYMTYPE, "/etc/passwd", id="absolute link"),
        pytest.param("python/bin/link", tarfile.LNKTYPE, "../escaped", id="hard link out"),
        pytest.param("python/bin/device", tarfile.CHRTYPE, "", id="device"),
        pytest.param("python/bin/pipe", tarfile.FIFOTYPE, "", id="pipe"),
        pytest.param("python/bin/a\\b", tarfile.REGTYPE, "", id="backslash"),
    ],
)
def test_a_hostile_archive_is_refused(bare: Blast, tmp_path: Path, name: str, kind: bytes, target: str) -> None:
    hostile = Mirror(tmp_path / "hostile")
    hostile.directory.mkdir()
    bad = tarfile.TarInfo(name)
    bad.type, bad.linkname = kind, target
    good = tarfile.TarInfo("python/bin/python3")
    tar_of(hostile.directory / archive_name("3.12.9"), [(good, b"#!/bin/sh\n"), (bad, b"")])
    hostile.list()
    done = bare.run("python", "install", "3.12", "--mirror", str(hostile.directory))
    assert done.returncode == 4, done.stderr
    assert "can't be unpacked" in done.stderr
    assert installed_pythons(bare.home) == []
    assert not list(tmp_path.rglob("*escaped*"))


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b nothing", b"plain"])
def test_a_damaged_archive_is_refused(bare: Blast, tmp_path: Path, content: bytes) -> None:
    broken = Mirror(tmp_path / "broken")
    broken.directory.mkdir()
    (broken.directory / archive_name("3.12.9")).write_bytes(content)
    broken.list()
    done = bare.run("python", "install", "3.12", "--mirror", str(broken.directory))
    assert (done.returncode, "can't be unpacked" in done.stderr) == (4, True), done.stderr


def test_an_archive_that_lies_about_its_version_is_refused(
    bare: Blast, mirror: Mirror, version: str, tmp_path: Path
) -> None:
    liar = Mirror(tmp_path / "liar")
    liar.directory.mkdir()
    shutil.copy(mirror.directory / archive_name(version), liar.directory / archive_name(f"{_minor(version)}.99"))
    liar.list()
    done = bare.run("python", "install", _minor(version), "--mirror", str(liar.directory))
    assert done.returncode == 1
    assert "is not what its name says" in done.stderr
    assert installed_pythons(bare.home) == []


def test_killed_at_any_moment_nothing_half_is_visible(bare: Blast, version: str) -> None:
    for delay_s in (0.3, 0.6, 0.9, 1.2, 1.6):
        process = bare.start("python", "install", version)
        time.sleep(delay_s)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        for name in installed_pythons(bare.home):
            executable = bare.home / "pythons" / name / "bin" / f"python{_minor(version)}"
            assert version_of(executable) == version
    bare("python", "install", version)
    assert version_of(bare.home / "bin" / f"python{_minor(version)}") == version
    assert [name for name in os.listdir(bare.home / "pythons" / ".staging") if not name.endswith(".lock")] == []


def test_two_at_once_install_one(bare: Blast, version: str) -> None:
    first, second = bare.start("python", "install", version), bare.start("python", "install", version)
    for process in (first, second):
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert version_of(bare.home / "bin" / f"python{_minor(version)}") == version


def test_paths_and_compiler_are_those_of_the_machine(bare: Blast, version: str) -> None:
    bare("python", "install", version)
    final = bare.home / "pythons" / _key(version)
    program = "import sysconfig as s; print(s.get_config_var('LIBDIR'), s.get_config_var('CC').split()[0], sep='\\n')"
    python = final / "bin" / f"python{_minor(version)}"
    said = subprocess.check_output([python, "-I", "-c", program], text=True).splitlines()
    assert said == [str(final / "lib"), "cc"]
    (data,) = (final / "lib" / f"python{_minor(version)}").glob("_sysconfigdata_*.py")
    assert not re.search(r"(?<![.\w])/install/", data.read_text())
    pc = (final / "lib" / "pkgconfig" / f"python-{_minor(version)}.pc").read_text()
    assert pc.startswith(f"prefix={final}\n")


def test_pip_leaves_an_installation_alone(bare: Blast, version: str) -> None:
    bare("python", "install", version)
    final = bare.home / "pythons" / _key(version)
    marker = (final / "lib" / f"python{_minor(version)}" / "EXTERNALLY-MANAGED").read_text()
    assert marker.startswith("[externally-managed]\nError=")


def test_links_of_others_stay_unless_forced(bare: Blast, version: str) -> None:
    program = bare.home / "bin" / f"python{_minor(version)}"
    program.parent.mkdir(parents=True)
    program.write_text("mine")
    done = bare("python", "install", version)
    assert "--force replaces it" in done.stderr
    assert program.read_text() == "mine"
    assert bare.json("python", "install", version, "--force")["installed"][0]["linked"] == [str(program)]
    assert version_of(program) == version


def test_default_no_bin_and_advice(bare: Blast, version: str) -> None:
    programs = bare.home / "bin"
    bare("python", "install", version, "--no-bin")
    assert not programs.exists()
    done = bare("python", "install", version, "--default")
    assert sorted(os.listdir(programs)) == ["python", "python3", f"python{_minor(version)}"]
    assert "is not on PATH" in done.stderr
    again = bare("python", "install", version, PATH=str(programs))
    assert "is not on PATH" not in again.stderr
    assert bare.run("python", "install", version, _minor(version), "--default").returncode == 2


def test_install_dir_and_bytecode(bare: Blast, version: str, tmp_path: Path) -> None:
    there = tmp_path / "there"
    bare("python", "install", version, "--install-dir", str(there), "--compile-bytecode", "--no-bin")
    assert installed_pythons(bare.home) == []
    library = there / _key(version) / "lib" / f"python{_minor(version)}"
    assert list((library / "json" / "__pycache__").glob("decoder.*.pyc"))
    by_variable = bare.json("python", "dir", BLAST_PYTHON_INSTALL_DIR=str(there))
    assert by_variable["directory"] == str(there)
    assert bare("python", "find", version, BLAST_PYTHON_INSTALL_DIR=str(there)).stdout.startswith(str(there))


def test_requests_that_nothing_answers(bare: Blast) -> None:
    for words, code, text in (
        (("2.6",), 1, "there is no build of Python for '2.6'"),
        (("nonsense",), 2, "names no version"),
        (("/usr/bin/python3",), 2, "a path can't be installed"),
        (("3.x",), 1, "no Python interpreter answers"),
        (("cpython-3.12-windows-x86_64-none",), 1, "does not run here"),
    ):
        done = bare.run("python", "install", *words)
        assert (done.returncode, text in done.stderr) == (code, True), done.stderr
    done = bare.run("python", "install", "3.12", BLAST_PYTHON_DOWNLOADS="never")
    assert (done.returncode, "forbidden" in done.stderr) == (2, True)
    done = bare.run("python", "install", "3.12", "--mirror", "/no/such/place")
    assert (done.returncode, "is no directory" in done.stderr) == (3, True)


def test_version_files_say_what_is_installed(bare: Blast, two: tuple[str, str]) -> None:
    (bare.directory / ".python-versions").write_text("".join(f"{one}\n" for one in two))
    assert [row["version"] for row in bare.json("python", "install")["installed"]] == list(two)
