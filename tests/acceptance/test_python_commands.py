"""``blast python``: real interpreters of this machine, packed as builds and served by a directory and by loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from blast_project.python.builds import build_key
from blast_project.python.platform_of import platform_of, this_platform
from blast_project.testing_pythons import (
    Mirror,
    archive_name,
    installed_pythons,
    version_of,
)

if TYPE_CHECKING:
    from pathlib import Path

    from blast_cli.testing import Blast
    from blast_core.interpreter import Interpreter

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform not in {"linux", "darwin"}, reason="interpreters are packed as on POSIX"),
]


def _minor(version: str) -> str:
    return version.rpartition(".")[0]


def _key(version: str) -> str:
    return build_key("cpython", version, "", this_platform())


# Upgrading and removing


def test_an_upgrade_reaches_environments(bare: Blast, two: tuple[str, str]) -> None:
    old, new = two
    bare("python", "install", old)
    bare("venv", "--python", _minor(old))
    exact = bare.directory / "exact"
    bare("venv", str(exact), "--python", old)
    environment = bare.directory / ".venv" / "bin" / "python"
    assert version_of(environment) == old
    done = bare.json("python", "upgrade", "--compile-library")
    assert [(row["before"], row["version"]) for row in done["upgraded"]] == [(_key(old), new)]
    assert version_of(environment) == new
    assert version_of(bare.home / "bin" / f"python{_minor(new)}") == new
    # Who named the patch level keeps it.
    assert version_of(exact / "bin" / "python") == old
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
    assert version_of(bare.home / "bin" / f"python{_minor(old)}") == old
    bare("python", "uninstall", "--all")
    assert installed_pythons(bare.home) == []
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
    assert version_of(bare.directory / ".venv" / "bin" / "python") == version


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
    assert installed_pythons(bare.home) == []


def test_requires_python_and_the_version_file_say_which(bare: Blast, two: tuple[str, str]) -> None:
    old, new = two
    text = '[project]\nname = "a"\nversion = "1"\nrequires-python = "{}"\n'
    (bare.directory / "pyproject.toml").write_text(text.format(f">={_minor(old)},<{new}"))
    created = bare.json("sync", PATH="/nowhere")
    if created["python"] == old:
        assert version_of(bare.directory / ".venv" / "bin" / "python") == old
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
    assert version_of(bare.directory / ".venv" / "bin" / "python") == new
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
    assert version_of(bare.directory / ".venv" / "bin" / "python") == version
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
