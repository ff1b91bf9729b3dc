"""``blast python``: real interpreters of this machine, packed as builds and served by a directory and by loopback."""

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

from blast_cli.testing import Blast
from blast_project.python.builds import build_key
from blast_project.python.discover import iter_interpreters
from blast_project.python.platform_of import platform_of, this_platform
from blast_project.python.probe import InterpreterCache
from blast_project.testing_pythons import Mirror, MirrorServer, archive_name, tar_of

if TYPE_CHECKING:
    from pathlib import Path

    from blast_core.interpreter import Interpreter

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform not in {"linux", "darwin"}, reason="interpreters are packed as on POSIX"),
]


def _pythons(home: Path) -> list[Interpreter]:
    cache = InterpreterCache(str(home))
    found: dict[str, Interpreter] = {}
    for executable in iter_interpreters(os.environ, str(home)):
        try:
            interpreter = cache.get(executable)
        except Exception:  # noqa: BLE001 - what is no interpreter is not the subject here
            continue
        if interpreter.implementation == "cpython" and not interpreter.variant:
            found.setdefault(interpreter.version, interpreter)
    return list(found.values())


@pytest.fixture(scope="session")
def pythons(tmp_path_factory: pytest.TempPathFactory) -> list[Interpreter]:
    """One interpreter of each version on this machine."""
    return _pythons(tmp_path_factory.mktemp("known"))


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory, pythons: list[Interpreter]) -> tuple[Mirror, list[str]]:
    """A mirror with two patch levels of one minor version, if this machine has them, and their versions."""
    by_minor: dict[str, list[Interpreter]] = {}
    for one in pythons:
        by_minor.setdefault(one.version.rpartition(".")[0], []).append(one)
    chosen = max(by_minor.values(), key=lambda group: (len(group), group[0].version))
    chosen.sort(key=lambda one: int(one.version.rpartition(".")[2]))
    mirror = Mirror(tmp_path_factory.mktemp("mirror"))
    for one in chosen[-2:]:
        mirror.pack(one)
    return mirror, [one.version for one in chosen[-2:]]


@pytest.fixture
def mirror(packed: tuple[Mirror, list[str]]) -> Mirror:
    return packed[0]


@pytest.fixture
def version(packed: tuple[Mirror, list[str]]) -> str:
    """The newest version of the mirror."""
    return packed[1][-1]


@pytest.fixture
def two(packed: tuple[Mirror, list[str]]) -> tuple[str, str]:
    """An older and a newer patch level of one minor version."""
    versions = packed[1]
    if len(versions) < 2:
        pytest.skip("no two patch levels of one minor version on this machine: upgrades are NOT tried")
    return versions[0], versions[1]


@pytest.fixture
def bare(blast: Blast, mirror: Mirror, tmp_path: Path) -> Blast:
    """The command on a machine where only what Blast installs is found, with the mirror."""
    variables = {
        "BLAST_PYTHON_MIRROR": str(mirror.directory),
        "BLAST_PYTHON_DOWNLOADS": "automatic",
        "BLAST_PYTHON": "",
        "HOME": str(tmp_path / "user"),
        "PATH": "/nowhere",
        "PYENV_ROOT": "/nowhere",
        "BLAST_CONFIG_DIR": "",
    }
    return Blast(blast.directory, blast.home, {**blast.environ, **variables})


def _minor(version: str) -> str:
    return version.rpartition(".")[0]


def _key(version: str) -> str:
    return build_key("cpython", version, "", this_platform())


def _version_of(python: str | Path) -> str:
    program = "import sys; print('.'.join(map(str, sys.version_info[:3])))"
    variables = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.check_output([python, "-c", program], text=True, env=variables).strip()


def _pythons_below(blast: Blast) -> list[str]:
    root = blast.home / "pythons"
    return sorted(name for name in os.listdir(root) if not name.startswith(".")) if root.is_dir() else []


# Installing


def test_install_by_version(bare: Blast, version: str) -> None:
    done = bare.json("python", "install", version)
    (row,) = done["installed"]
    assert row["new"] is True
    assert (row["key"], row["version"], row["implementation"]) == (_key(version), version, "cpython")
    assert done["directory"] == str(bare.home / "pythons")
    assert _version_of(row["executable"]) == version
    program = bare.home / "bin" / f"python{_minor(version)}"
    assert row["linked"] == [str(program)]
    assert _version_of(program) == version
    assert _pythons_below(bare) == sorted([_key(version), _key(_minor(version))])


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
    assert _version_of(bare.home / "bin" / f"python{_minor(version)}") == version
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
    assert _pythons_below(bare) == []


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
    assert _version_of(bare.home / "bin" / f"python{_minor(version)}") == version


def test_what_was_fetched_before_a_kill_is_used(bare: Blast, mirror: Mirror, version: str) -> None:
    with MirrorServer(mirror.directory, cuts=[100_000] * 4) as server:
        done = bare.run("python", "install", version, BLAST_PYTHON_MIRROR=server.url)
        assert done.returncode == 3
        assert _pythons_below(bare) == []
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
    assert _pythons_below(bare) == []
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
    assert _pythons_below(bare) == []
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
    assert _pythons_below(bare) == []


def test_killed_at_any_moment_nothing_half_is_visible(bare: Blast, version: str) -> None:
    for delay_s in (0.3, 0.6, 0.9, 1.2, 1.6):
        process = bare.start("python", "install", version)
        time.sleep(delay_s)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        for name in _pythons_below(bare):
            executable = bare.home / "pythons" / name / "bin" / f"python{_minor(version)}"
            assert _version_of(executable) == version
    bare("python", "install", version)
    assert _version_of(bare.home / "bin" / f"python{_minor(version)}") == version
    assert [name for name in os.listdir(bare.home / "pythons" / ".staging") if not name.endswith(".lock")] == []


def test_two_at_once_install_one(bare: Blast, version: str) -> None:
    first, second = bare.start("python", "install", version), bare.start("python", "install", version)
    for process in (first, second):
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert _version_of(bare.home / "bin" / f"python{_minor(version)}") == version


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
    assert _version_of(program) == version


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
    assert _pythons_below(bare) == []
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


# Upgrading and removing


def test_an_upgrade_reaches_environments(bare: Blast, two: tuple[str, str]) -> None:
    old, new = two
    bare("python", "install", old)
    bare("venv", "--python", _minor(old))
    exact = bare.directory / "exact"
    bare("venv", str(exact), "--python", old)
    environment = bare.directory / ".venv" / "bin" / "python"
    assert _version_of(environment) == old
    done = bare.json("python", "upgrade")
    assert [(row["before"], row["version"]) for row in done["upgraded"]] == [(_key(old), new)]
    assert _version_of(environment) == new
    assert _version_of(bare.home / "bin" / f"python{_minor(new)}") == new
    # Who named the patch level keeps it.
    assert _version_of(exact / "bin" / "python") == old
    assert "newest patch level" in bare("python", "upgrade", _minor(new)).stderr


def test_install_upgrade_takes_the_newest(bare: Blast, two: tuple[str, str]) -> None:
    old, new = two
    bare("python", "install", old)
    assert bare.json("python", "install", _minor(old))["installed"][0]["version"] == old
    row = bare.json("python", "install", "--upgrade", _minor(old))["installed"][0]
    assert (row["version"], row["replaced"]) == (new, _key(old))


def test_a_newer_build_of_the_same_version_is_an_upgrade(
    bare: Blast, mirror: Mirror, version: str, tmp_path: Path
) -> None:
    bare("python", "install", version)
    newer = Mirror(tmp_path / "newer")
    newer.directory.mkdir()
    shutil.copy(mirror.directory / archive_name(version), newer.directory / archive_name(version, "20250101"))
    newer.list()
    (row,) = bare.json("python", "upgrade", "--mirror", str(newer.directory))["upgraded"]
    assert row["release"] == "20250101"
    assert bare.json("python", "upgrade", "--mirror", str(newer.directory))["upgraded"] == []
    again = bare.json("python", "upgrade", "--reinstall", "--mirror", str(newer.directory))["upgraded"]
    assert [row["key"] for row in again] == [_key(version)]


def test_what_can_not_be_upgraded(bare: Blast, version: str) -> None:
    assert bare.json("python", "upgrade")["upgraded"] == []
    assert bare.run("python", "upgrade", _minor(version)).returncode == 1
    assert bare.run("python", "upgrade", version).returncode == 2


def test_uninstall(bare: Blast, two: tuple[str, str]) -> None:
    old, new = two
    bare("python", "install", old, new)
    assert bare.run("python", "uninstall").returncode == 2
    assert bare.run("python", "uninstall", "3.99").returncode == 1
    gone = bare.json("python", "uninstall", new)
    assert [row["key"] for row in gone["uninstalled"]] == [_key(new)]
    assert _version_of(bare.home / "bin" / f"python{_minor(old)}") == old
    bare("python", "uninstall", "--all")
    assert _pythons_below(bare) == []
    assert os.listdir(bare.home / "bin") == []


# Finding


def test_dir(bare: Blast) -> None:
    assert bare("python", "dir").stdout == f"{bare.home / 'pythons'}\n"
    assert bare("python", "dir", "--bin").stdout == f"{bare.home / 'bin'}\n"


def test_list(bare: Blast, two: tuple[str, str]) -> None:
    old, new = two
    bare("python", "install", old)
    rows = bare.json("python", "list", _minor(old))["pythons"]
    assert {(row["version"], bool(row["path"])) for row in rows if row["managed"] or row["url"]} == {
        (old, True),
        (new, False),
    }
    only = bare.json("python", "list", "--only-installed", "--managed-python")["pythons"]
    assert [(row["key"], row["managed"]) for row in only] == [(_key(old), True)]
    text = bare("python", "list", "--only-downloads", "--all-versions").stdout
    assert [line.split()[0] for line in text.splitlines()] == [_key(new), _key(old)]
    assert "<can be installed>" in text
    assert archive_name(new) in bare("python", "list", "--only-downloads", "--show-urls").stdout
    by_format = bare("python", "list", "--output-format", "json", "--only-downloads").stdout
    assert by_format == bare("python", "list", "--json", "--only-downloads").stdout
    assert bare.run("python", "list", "--only-downloads", "--only-installed").returncode == 2


def test_a_mirror_that_is_gone_hides_nothing_that_is_there(bare: Blast, version: str) -> None:
    bare("python", "install", version)
    gone = {"BLAST_PYTHON_MIRROR": "/no/such/place"}
    done = bare("python", "list", **gone)
    assert _key(version) in done.stdout
    assert "is not known" in done.stderr
    assert bare.run("python", "list", "--only-downloads", **gone).returncode == 3


def test_list_of_the_catalogue(bare: Blast) -> None:
    """What the library knows: no network is asked."""
    here = bare.json("python", "list", "--only-downloads", BLAST_PYTHON_MIRROR="")["pythons"]
    everywhere = bare.json(
        "python", "list", "--only-downloads", "--all-platforms", "--all-versions", BLAST_PYTHON_MIRROR=""
    )["pythons"]
    assert {row["os"] for row in here} == {this_platform()[0]}
    assert {"linux", "macos", "windows"} <= {row["os"] for row in everywhere}
    assert {"cpython", "pypy"} <= {row["implementation"] for row in here}
    assert "t" in {row["variant"] for row in here}
    assert len(everywhere) > 10 * len(here)
    pypy = bare.json("python", "list", "pypy3.10", "--only-downloads", BLAST_PYTHON_MIRROR="")["pythons"]
    assert {row["implementation"] for row in pypy} == {"pypy"}
    free = bare.json("python", "list", "3.13t", "--only-downloads", BLAST_PYTHON_MIRROR="")["pythons"]
    assert {row["key"].split("-")[1].partition("+")[2] for row in free} == {"freethreaded"}
    machines = bare.json("python", "list", "3.12", "--only-downloads", "--all-arches", BLAST_PYTHON_MIRROR="")[
        "pythons"
    ]
    assert len({row["arch"] for row in machines}) > 1


def test_find(bare: Blast, version: str) -> None:
    assert bare.run("python", "find", "3.99").returncode == 1
    bare("python", "install", version)
    by_link = bare.home / "pythons" / _key(_minor(version)) / "bin" / f"python{_minor(version)}"
    assert bare("python", "find").stdout.strip() == str(by_link)
    assert bare("python", "find", "--resolve-links").stdout.strip() == os.path.realpath(by_link)
    assert bare("python", "find", "--show-version", f">={_minor(version)}").stdout.strip() == version
    for request in (
        _key(version),
        f"cpython@{_minor(version)}",
        f"cpython-{_minor(version)}",
        f">={_minor(version)},<4",
    ):
        assert bare.json("python", "find", request)["version"] == version
    bare("venv")
    environment = bare.directory / ".venv"
    found = bare.json("python", "find")
    assert (found["path"], found["environment"]) == (str(environment / "bin" / "python"), str(environment))
    assert bare("python", "find", "--system").stdout.strip() == str(by_link)
    elsewhere = bare.at(bare.home, VIRTUAL_ENV=str(environment))
    assert elsewhere("python", "find").stdout.strip() == str(environment / "bin" / "python")
    assert bare.run("python", "find", "--no-managed-python", "--system", "3.99").returncode == 1


def test_find_for_a_script(bare: Blast, version: str) -> None:
    bare("python", "install", version)
    script = bare.directory / "script.py"
    block = '# /// script\n# requires-python = "{}"\n# dependencies = []\n# ///\n'
    script.write_text(block.format(f"=={version}"))
    assert bare("python", "find", "--script", "script.py", "--show-version").stdout.strip() == version
    script.write_text(block.format(">=3.99"))
    assert bare.run("python", "find", "--script", "script.py").returncode == 1


def test_find_heeds_the_project(bare: Blast, version: str) -> None:
    bare("python", "install", version)
    (bare.directory / "pyproject.toml").write_text('[project]\nname = "a"\nversion = "1"\nrequires-python = ">=3.99"\n')
    assert bare.run("python", "find").returncode == 1
    assert bare("python", "find", "--no-project", "--show-version").stdout.strip() == version


def test_preferences(blast: Blast, mirror: Mirror, version: str) -> None:
    asked = _minor(version)
    blast("python", "install", version, "--mirror", str(mirror.directory), BLAST_PYTHON_DOWNLOADS="manual")
    own = str(blast.home / "pythons")

    def found(*words: str, **more: str) -> str:
        return blast("python", "find", asked, *words, BLAST_PYTHON="", **more).stdout.strip()

    assert found().startswith(own)
    assert found("--managed-python").startswith(own)
    assert not found("--no-managed-python").startswith(own)
    assert not found(BLAST_PYTHON_PREFERENCE="system").startswith(own)
    (blast.directory / "pyproject.toml").write_text(
        '[project]\nname = "a"\nversion = "1"\n[tool.blast]\npython-preference = "only-system"\n'
    )
    assert not found().startswith(own)
    assert blast.run("python", "find", asked, BLAST_PYTHON="", BLAST_PYTHON_PREFERENCE="odd").returncode == 2


# Automatically


def test_a_missing_interpreter_is_installed(bare: Blast, two: tuple[str, str]) -> None:
    version = two[0]
    done = bare("venv", "--python", version)
    assert f"installing {_key(version)}" in done.stderr
    assert _version_of(bare.directory / ".venv" / "bin" / "python") == version


@pytest.mark.parametrize(
    ("words", "variables", "manifest", "why"),
    [
        pytest.param(("--offline",), {}, "", "--offline", id="offline"),
        pytest.param(("--no-python-downloads",), {}, "", "never", id="option"),
        pytest.param((), {"BLAST_PYTHON_DOWNLOADS": "manual"}, "", "manual", id="variable"),
        pytest.param((), {"BLAST_PYTHON_DOWNLOADS": ""}, 'python-downloads = "never"', "never", id="manifest"),
    ],
)
def test_unless_it_is_forbidden(
    bare: Blast, version: str, words: tuple[str, ...], variables: dict[str, str], manifest: str, why: str
) -> None:
    (bare.directory / "pyproject.toml").write_text(
        f'[project]\nname = "a"\nversion = "1"\nrequires-python = "=={version}"\n[tool.blast]\n{manifest}\n'
    )
    done = bare.run("sync", *words, "--python", "3.99", **variables)
    assert done.returncode == 1, done.stderr
    assert why in done.stderr
    assert _pythons_below(bare) == []


def test_requires_python_and_the_version_file_say_which(bare: Blast, two: tuple[str, str]) -> None:
    old, new = two
    text = '[project]\nname = "a"\nversion = "1"\nrequires-python = "{}"\n'
    (bare.directory / "pyproject.toml").write_text(text.format(f">={_minor(old)},<{new}"))
    created = bare.json("sync", PATH="/nowhere")
    if created["python"] == old:
        assert _version_of(bare.directory / ".venv" / "bin" / "python") == old
    (bare.directory / "pyproject.toml").write_text(text.format(f">={_minor(old)}"))
    (bare.directory / ".python-version").write_text(f"{new}\n")
    assert bare.json("sync")["python"] == new


def test_an_environment_notices_that_its_interpreter_is_gone(bare: Blast, two: tuple[str, str]) -> None:
    old, new = two
    (bare.directory / "pyproject.toml").write_text('[project]\nname = "a"\nversion = "1"\n')
    bare("sync", "--python", old)
    bare("python", "uninstall", old)
    bare("python", "install", new)
    done = bare("sync")
    assert "is gone" in done.stderr
    assert "made again" in done.stderr
    assert _version_of(bare.directory / ".venv" / "bin" / "python") == new
    assert "up to date" in bare("sync").stderr


# Pinning


def test_pin(bare: Blast, two: tuple[str, str]) -> None:
    version = two[0]
    path = bare.directory / ".python-version"
    assert bare.run("python", "pin").returncode == 2
    done = bare("python", "pin", version)
    assert "no interpreter answers" in done.stderr
    assert path.read_text() == f"{version}\n"
    assert bare("python", "pin").stdout == f"{version}\n"
    bare("python", "install")
    changed = bare.json("python", "pin", "--resolved", version)
    assert os.path.isabs(changed["request"])
    assert changed["before"] == version
    assert path.read_text() == f"{changed['request']}\n"
    bare("python", "pin", "--rm")
    assert not path.exists()
    assert bare.run("python", "pin", "--rm").returncode == 2
    assert bare.run("python", "pin", "3.x").returncode == 1
    below = bare.directory / "below"
    below.mkdir()
    bare("python", "pin", version)
    assert bare.at(below, **bare.environ)("python", "pin").stdout == f"{version}\n"


def test_pin_in_a_project(bare: Blast, version: str) -> None:
    minor = _minor(version)
    manifest = bare.directory / "pyproject.toml"
    manifest.write_text(f'[project]\nname = "a"\nversion = "1"\nrequires-python = ">={minor}"\n')
    below = bare.directory / "src"
    below.mkdir()
    inside = bare.at(below, **bare.environ)
    inside("python", "pin", minor)
    assert (bare.directory / ".python-version").read_text() == f"{minor}\n"
    refused = inside.run("python", "pin", "3.5")
    assert (refused.returncode, "requires-python" in refused.stderr) == (2, True)
    inside("python", "pin", "3.5", "--no-project")
    assert (below / ".python-version").read_text() == "3.5\n"
    assert inside("python", "pin").stdout == f"{minor}\n"


def test_pin_for_the_user(bare: Blast, two: tuple[str, str], tmp_path: Path) -> None:
    version = two[0]
    bare("python", "pin", "--global", version)
    path = tmp_path / "user/.config/blast/.python-version"
    assert path.read_text() == f"{version}\n"
    assert bare("python", "pin", "--global").stdout == f"{version}\n"
    bare("venv")
    assert _version_of(bare.directory / ".venv" / "bin" / "python") == version
    bare("python", "pin", "--global", "--rm")
    assert bare.run("python", "pin", "--global").returncode == 2


# The shell


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh", "ksh", "dash"])
def test_update_shell(bare: Blast, shell: str, tmp_path: Path) -> None:
    home = tmp_path / "user"
    home.mkdir(exist_ok=True)
    changed = bare.json("python", "update-shell", SHELL=f"/bin/{shell}")["changed"]
    assert changed
    assert bare.json("python", "update-shell", SHELL=f"/bin/{shell}")["changed"] == []
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"NO SHELL: {shell} is not installed; what was written is NOT tried")
    words = ["-l"] if shell in {"bash", "dash", "ksh"} else []
    variables = {"HOME": str(home), "PATH": "/usr/bin:/bin", "XDG_CONFIG_HOME": str(home / ".config")}
    said = subprocess.check_output([program, *words, "-c", "echo $PATH"], env=variables, text=True)
    assert said.strip().replace(" ", ":").split(":")[0] == str(bare.home / "bin")


def test_update_shell_of_an_unknown_shell(bare: Blast) -> None:
    assert bare.run("python", "update-shell", SHELL="/bin/odd").returncode == 2
    on_path = bare("python", "update-shell", SHELL="/bin/odd", PATH=str(bare.home / "bin"))
    assert "already" in on_path.stderr


def test_every_version_of_this_machine_is_listed(blast: Blast, pythons: list[Interpreter]) -> None:
    rows = blast.json("python", "list", "--only-installed", BLAST_PYTHON="")["pythons"]
    listed = {(row["version"], row["os"], row["arch"]) for row in rows}
    assert {(one.version, *platform_of(one)[:2]) for one in pythons} <= listed
