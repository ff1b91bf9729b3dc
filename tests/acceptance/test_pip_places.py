"""The pip interface in places of other tools: the same files as pip's and uv's, and nothing outside of the place."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_pm.testing import StaticIndex, make_wheel
from blast_project.testing import KeptWords, Workbench
from blast_project.testing_builds import source_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.acceptance

_HERE = ".".join(map(str, sys.version_info[:2]))
_PYTHONS = ("3.9", _HERE, "3.13")
_POINTS = "[console_scripts]\nalpha = alpha.cli:main\n\n[gui_scripts]\nalpha-window = alpha.cli:main\n"
_CLI = b"import sys\n\ndef main():\n    print('alpha', sys.prefix)\n"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheels")
    files = {
        "alpha/__init__.py": b"VERSION = 1\n",
        "alpha/cli.py": _CLI,
        "alpha/data/table.csv": b"1,2\n",
        "alpha_single.py": b"A = 1\n",
        "alpha-1.0.data/scripts/alpha-script": b"#!python\nimport sys\nprint(sys.prefix)\n",
        "alpha-1.0.data/scripts/alpha-shell": b"#!/bin/sh\necho shell\n",
        "alpha-1.0.data/data/share/man/man1/alpha.1": b".TH alpha\n",
        "alpha-1.0.data/headers/alpha.h": b"int alpha;\n",
        "alpha-1.0.data/purelib/alpha_pure.py": b"P = 1\n",
        "alpha-1.0.data/platlib/alpha_plat.py": b"Q = 1\n",
    }
    make_wheel(directory, "alpha", "1.0", ["beta>=1"], files=files, entry_points=_POINTS)
    make_wheel(directory, "alpha", "2.0", ["beta>=1"], files={"alpha/__init__.py": b"VERSION = 2\n"})
    for version in ("1.0", "1.5", "2.0"):
        make_wheel(directory, "beta", version)
    make_wheel(directory, "gamma", "1.0", ["beta<2"])
    make_wheel(directory, "Mixed.Case_Name", "1.0", files={"mixed.py": b""})
    make_wheel(directory, "space-one", "1.0", files={"space/one/__init__.py": b""})
    make_wheel(directory, "space-two", "1.0", files={"space/two/__init__.py": b""})
    for owner in ("one", "two"):
        make_wheel(directory, f"clash-{owner}", "1.0", files={"clash/module.py": owner.encode()})
    return directory


@pytest.fixture(scope="module")
def index(wheels: Path) -> Iterator[StaticIndex]:
    with StaticIndex(wheels) as server:
        yield server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def blast(tmp_path: Path, index: StaticIndex, home: Path) -> Blast:
    directory = tmp_path / "project"
    directory.mkdir()
    return Blast(directory, home, {"BLAST_INDEX_URL": index.url})


def interpreter(minor: str, home: Path) -> str:
    """Return an interpreter of this machine; the test is skipped where there is none."""
    if minor == _HERE:
        return sys.executable
    from blast_core.errors import BlastError

    with Workbench(home, home, words=KeptWords()).session(python=f"cpython@{minor}") as session:
        try:
            return str(session.find_interpreter(download=False).executable)
        except BlastError:
            pytest.skip(f"NO PYTHON {minor} on this machine")


@pytest.fixture(scope="module", params=_PYTHONS)
def template(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, home: Path) -> Path:
    """A virtual environment of `python -m venv`, with its pip: to make it takes longer than all else."""
    path = tmp_path_factory.mktemp("template") / "env"
    subprocess.run([interpreter(request.param, home), "-m", "venv", path], check=True)
    return path


@pytest.fixture
def venv(template: Path, blast: Blast) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(template, blast.directory / "env", symlinks=True))


@pytest.fixture
def twin(template: Path, blast: Blast) -> Path:
    """Another one, for the oracle."""
    return Path(shutil.copytree(template, blast.directory / "twin", symlinks=True))


def run_pip(environment: Path, index: StaticIndex, *words: str) -> str:
    """Run the environment's own pip, which must succeed."""
    line = [str(environment / "bin/python"), "-m", "pip", "--isolated", "--disable-pip-version-check", *words]
    if words[0] == "install":
        line += ["--index-url", index.url, "--trusted-host", "127.0.0.1"]
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "PYTHON"))}
    done = subprocess.run(line, capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files_of(environment: Path) -> dict[str, bytes]:
    """Return what is in an environment, bytecode left out, by path."""
    found = {}
    for directory, names, files in os.walk(environment):
        names[:] = [name for name in names if name != "__pycache__"]
        for name in files:
            path = Path(directory, name)
            if not path.is_symlink():
                found[str(path.relative_to(environment))] = path.read_bytes()
    return found


def records_of(environment: Path) -> dict[str, set[tuple[str, ...]]]:
    """Return the rows of each RECORD, bytecode and what tools write of themselves left out."""
    found = {}
    for path in environment.glob("lib/python*/site-packages/*.dist-info/RECORD"):
        rows = [tuple(row) for row in csv.reader(path.read_text().splitlines())]
        kept = {row for row in rows if not row[0].endswith(".pyc") and not row[0].endswith("/INSTALLER")}
        found[path.parent.name] = kept
    return found


def sites(environment: Path) -> Path:
    return next(environment.glob("lib/python*/site-packages"))


_ASKED = ("alpha<2", "mixed-case.name", "space-one", "space-two")


def test_the_files_are_pips(venv: Path, twin: Path, blast: Blast, index: StaticIndex) -> None:
    blast("pip", "install", "-p", "env", *_ASKED)
    run_pip(twin, index, "install", *_ASKED)
    ours, theirs = files_of(venv), files_of(twin)
    assert set(ours) == set(theirs)
    different = {path for path in ours if ours[path].replace(b"/env/", b"/twin/") != theirs[path]}
    shown = {Path(path).name for path in different}
    # An older pip writes programs in other words; who installed it is told by each tool.
    assert shown - {"alpha", "alpha-window", "pyvenv.cfg"} - {"RECORD", "INSTALLER"} == set() | {
        name for name in shown if name.startswith(("activate", "Activate", "pip"))
    }


def test_the_records_are_pips(venv: Path, twin: Path, blast: Blast, index: StaticIndex) -> None:
    blast("pip", "install", "-p", "env", *_ASKED)
    run_pip(twin, index, "install", *_ASKED)
    ours, theirs = records_of(venv), records_of(twin)
    assert set(ours) == set(theirs)
    for name in set(ours) - {path for path in ours if path.startswith(("pip-", "setuptools-"))}:
        # Programs hold the environment's path, and an older pip has other words around it.
        kept = [{row for row in rows if "/bin/alpha" not in row[0]} for rows in (ours[name], theirs[name])]
        assert kept[0] == kept[1]
        assert {row[0] for row in ours[name]} == {row[0] for row in theirs[name]}


def test_every_row_of_a_record_is_true(venv: Path, blast: Blast) -> None:
    import base64
    import hashlib

    blast("pip", "install", "-p", "env", *_ASKED)
    site = sites(venv)
    record = site / "alpha-1.0.dist-info/RECORD"
    for path, digest, size in csv.reader(record.read_text().splitlines()):
        content = (site / path).read_bytes()
        if path.endswith("/RECORD"):
            assert (digest, size) == ("", "")
            continue
        kind, _, text = digest.partition("=")
        assert (kind, text) == (
            "sha256",
            base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode(),
        )
        assert int(size) == len(content)
    assert (site / "alpha-1.0.dist-info/INSTALLER").read_text() == "blast"
    assert (site / "alpha-1.0.dist-info/REQUESTED").exists()
    assert not (site / "beta-2.0.dist-info/REQUESTED").exists()


def test_programs_run(venv: Path, blast: Blast) -> None:
    blast("pip", "install", "-p", "env", "alpha<2")
    for name, said in (("alpha", f"alpha {venv}"), ("alpha-script", str(venv)), ("alpha-shell", "shell")):
        assert subprocess.check_output([venv / "bin" / name], text=True).strip() == said


def test_pip_works_on_what_blast_installed(venv: Path, blast: Blast, index: StaticIndex) -> None:
    before = files_of(venv)
    blast("pip", "install", "-p", "env", *_ASKED)
    run_pip(venv, index, "check")
    run_pip(venv, index, "install", "--upgrade", "alpha")
    assert blast.json("pip", "list", "-p", "env")["packages"][0] == {"name": "alpha", "version": "2.0"}
    run_pip(venv, index, "uninstall", "-y", "alpha", "beta", "Mixed.Case_Name", "space-one", "space-two")
    assert files_of(venv) == before


def test_blast_works_on_what_pip_installed(venv: Path, blast: Blast, index: StaticIndex) -> None:
    before = files_of(venv)
    run_pip(venv, index, "install", *_ASKED)
    assert not blast.json("pip", "install", "-p", "env", "alpha")["changed"]
    blast("pip", "install", "-p", "env", "--upgrade", "alpha")
    run_pip(venv, index, "check")
    blast("pip", "uninstall", "-p", "env", "-y", "alpha", "beta", "mixed-case-name", "space_one", "space.two")
    assert files_of(venv) == before
    assert not (sites(venv) / "alpha").exists(), "directories with bytecode go, too"
    assert not list(sites(venv).glob(".blast*"))


def test_nothing_that_is_installed_may_be_changed_through_the_store(venv: Path, blast: Blast) -> None:
    blast("pip", "install", "-p", "env", "beta", "--link-mode", "copy")
    path = sites(venv) / "beta/__init__.py"
    assert path.stat().st_nlink == 1
    path.write_text("changed")
    blast("pip", "install", "-p", "env", "--reinstall", "beta")
    assert path.read_text() == "VERSION = '2.0'\n"
    linked = sites(venv) / "beta/__init__.py"
    assert linked.stat().st_nlink > 1
    assert not linked.stat().st_mode & 0o222


# One Python from here on


@pytest.fixture
def env(blast: Blast) -> Path:
    path = blast.directory / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", path], check=True)
    return path


def listed(blast: Blast, *words: str) -> dict[str, str]:
    rows = blast.json("pip", "list", *(words or ("-p", "env")))["packages"]
    return {row["name"]: row["version"] for row in rows}


def test_environments_of_uv_and_virtualenv_are_places(blast: Blast) -> None:
    makers: list[list[object]] = [[find_uv(), "venv", "-q", "--no-project", "--python", sys.executable, "env"]]
    if shutil.which("virtualenv"):
        makers.append(["virtualenv", "env2"])
    for line in makers:
        name = str(line[-1])
        subprocess.run([str(word) for word in line], cwd=blast.directory, check=True, capture_output=True)
        blast("pip", "install", "-p", name, "gamma")
        assert listed(blast, "-p", name).items() >= {"gamma": "1.0", "beta": "1.5"}.items()
        blast("pip", "uninstall", "-p", name, "gamma")
        assert "gamma" not in listed(blast, "-p", name)


def find_uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        pytest.skip("NO UV: it is not installed")
    return found


def test_environments_are_found_as_uv_finds_them(blast: Blast, env: Path) -> None:
    for name in ("active", "conda", ".venv"):
        shutil.copytree(env, blast.directory / name, symlinks=True)
    found = [
        blast.json("pip", "install", "beta", "--dry-run", **variables)["environment"]
        for variables in (
            {"VIRTUAL_ENV": str(blast.directory / "active"), "CONDA_PREFIX": str(blast.directory / "conda")},
            {"CONDA_PREFIX": str(blast.directory / "conda")},
            {},
        )
    ]
    assert [Path(path).name for path in found] == ["active", "conda", ".venv"]
    below = blast.directory / "a/b"
    below.mkdir(parents=True)
    assert Path(blast.at(below).json("pip", "install", "beta", "--dry-run")["environment"]).name == ".venv"


def test_a_version_chooses_among_the_environments_that_are_found(blast: Blast, env: Path) -> None:
    env.rename(blast.directory / ".venv")
    assert blast.json("pip", "install", "-p", _HERE, "beta", "--dry-run")["changed"]
    done = blast.run("pip", "install", "-p", "3.99", "beta")
    assert done.returncode == 2
    assert "of Python 3.99" in done.stderr


def test_without_an_environment_the_interpreter_is_not_touched(blast: Blast) -> None:
    done = blast.run("pip", "install", "beta")
    assert done.returncode == 2
    assert "--system" in done.stderr


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """An interpreter of its own: a copy of this one's files with links to its library."""
    prefix = tmp_path / "system"
    base = Path(sys.base_prefix)
    version = f"python{_HERE}"
    (prefix / "bin").mkdir(parents=True)
    library = prefix / "lib" / version
    library.mkdir(parents=True)
    shutil.copy2((base / "bin" / version).resolve(), prefix / "bin" / version)
    for entry in (base / "lib" / version).iterdir():
        if entry.name not in ("site-packages", "dist-packages", "EXTERNALLY-MANAGED"):
            (library / entry.name).symlink_to(entry)
    (library / "site-packages").mkdir()
    for shared in (base / "lib").glob("libpython*"):
        (prefix / "lib" / shared.name).symlink_to(shared)
    python = prefix / "bin" / version
    environ = {**os.environ, "PYTHONHOME": ""}
    environ.pop("PYTHONHOME")
    said = subprocess.run([python, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True, check=False)
    if said.stdout.strip() != str(prefix):
        pytest.skip(f"NO COPY: this Python can't be copied ({said.stdout or said.stderr})")
    return python


def test_an_interpreter_itself_is_a_place(blast: Blast, system: Path) -> None:
    result = blast.json("pip", "install", "-p", str(system), "alpha<2")
    assert (result["kind"], result["environment"]) == ("system", str(system.parents[1]))
    assert (system.parents[1] / "lib" / system.name / "site-packages/alpha/__init__.py").exists()
    said = subprocess.check_output([system.parent / "alpha"], text=True)
    assert said.strip() == f"alpha {system.parents[1]}"
    assert "alpha" in listed(blast, "-p", str(system))
    assert "alpha" in listed(blast, "--system", "-p", str(system))
    blast("pip", "uninstall", "-p", str(system), "alpha", "beta")
    assert listed(blast, "-p", str(system)) == {}
    assert not (system.parent / "alpha").exists()


def test_the_system_is_named_by_a_switch_or_a_variable(blast: Blast, system: Path) -> None:
    switched = blast.json("pip", "install", "--system", "beta", BLAST_PYTHON=str(system))
    assert switched["environment"] == str(system.parents[1])
    asked = blast.json("pip", "install", "beta", BLAST_PYTHON=str(system), BLAST_SYSTEM_PYTHON="1")
    assert (asked["environment"], asked["changed"]) == (str(system.parents[1]), False)


def test_a_managed_interpreter_is_refused_in_its_own_words(blast: Blast, system: Path) -> None:
    marker = system.parents[1] / "lib" / system.name / "EXTERNALLY-MANAGED"
    marker.write_text("[externally-managed]\nError=Use the zebra tool instead.\n")
    for words in (("install", "beta"), ("uninstall", "beta"), ("sync", "r.txt")):
        (blast.directory / "r.txt").write_text("beta==1.0\n")
        done = blast.run("pip", *words, "-p", str(system))
        assert done.returncode == 2
        assert "zebra" in done.stderr
        assert "--break-system-packages" in done.stderr
    assert listed(blast, "-p", str(system)) == {}
    blast("pip", "install", "-p", str(system), "beta", "--dry-run")
    blast("pip", "install", "-p", str(system), "beta", "--target", "modules")
    blast("pip", "install", "-p", str(system), "beta", "--break-system-packages")
    assert listed(blast, "-p", str(system)) == {"beta": "2.0"}


@pytest.mark.parametrize("named", [(), ("--python", "./.venv"), ("--python", ".venv/bin/python")])
def test_an_environment_without_its_configuration_is_none(blast: Blast, named: tuple[str, ...]) -> None:
    """Its interpreter takes itself for the one that it was made with: everything was installed there."""
    blast("venv")
    (blast.directory / ".venv" / "pyvenv.cfg").unlink()
    done = blast.run("pip", "install", "--dry-run", "alpha", *named)
    assert done.returncode == 2, done.stderr
    assert "pyvenv.cfg" in done.stderr
    assert "blast venv --clear" in done.stderr
    assert "alpha" not in done.stderr.replace("blast pip install", "")


def test_the_users_own_modules(blast: Blast, system: Path, tmp_path: Path) -> None:
    base = tmp_path / "user"
    result = blast.json("pip", "install", "-p", str(system), "--user", "alpha<2", PYTHONUSERBASE=str(base))
    assert result["environment"] == str(base)
    assert (base / "bin/alpha").exists()
    assert (base / "lib" / system.name / "site-packages/alpha/cli.py").exists()


def test_a_directory_gets_the_modules_themselves(blast: Blast, env: Path) -> None:
    blast("pip", "install", "-p", "env", "--target", "modules", "alpha<2")
    modules = blast.directory / "modules"
    assert (modules / "alpha/__init__.py").exists()
    assert (modules / "bin/alpha").exists()
    assert listed(blast, "--path", "modules") == {"alpha": "1.0", "beta": "2.0"}
    assert listed(blast, "--target", "modules") == listed(blast, "--path", "modules")
    assert listed(blast) == {}
    program = "import alpha, beta; print(alpha.VERSION, beta.VERSION)"
    environ = {**os.environ, "PYTHONPATH": str(modules)}
    assert subprocess.check_output([env / "bin/python", "-c", program], text=True, env=environ).strip() == "1 2.0"
    blast("pip", "uninstall", "--target", "modules", "alpha")
    assert listed(blast, "--path", "modules") == {"beta": "2.0"}


@pytest.mark.usefixtures("env")
def test_a_prefix_gets_lib_and_bin(blast: Blast) -> None:
    blast("pip", "install", "-p", "env", "--prefix", "tree", "alpha<2")
    tree = blast.directory / "tree"
    assert (tree / f"lib/python{_HERE}/site-packages/alpha/cli.py").exists()
    assert (tree / "bin/alpha").exists()
    assert (tree / "share/man/man1/alpha.1").exists()


def test_what_the_system_has_counts_where_the_environment_shows_it(blast: Blast, system: Path) -> None:
    blast("pip", "install", "-p", str(system), "beta<2")
    subprocess.run(
        [system, "-m", "venv", "--without-pip", "--system-site-packages", blast.directory / "env"], check=True
    )
    assert not blast.json("pip", "install", "-p", "env", "beta")["changed"]
    assert blast.json("pip", "install", "-p", "env", "beta>=2")["changed"]
    assert listed(blast) == {"beta": "2.0"}
    assert listed(blast, "-p", str(system)) == {"beta": "1.5"}
    blast("pip", "uninstall", "-p", "env", "beta")
    done = blast("pip", "uninstall", "-p", "env", "beta")
    assert "outside" in done.stderr
    assert listed(blast, "-p", str(system)) == {"beta": "1.5"}


# What may be in the way


def test_two_that_bring_one_file_are_refused(blast: Blast, env: Path) -> None:
    before = files_of(env)
    done = blast.run("pip", "install", "-p", "env", "clash-one", "clash-two")
    assert done.returncode == 1
    assert "clash-one" in done.stderr
    assert "clash-two" in done.stderr
    assert files_of(env) == before
    blast("pip", "install", "-p", "env", "clash-one")
    assert blast.run("pip", "install", "-p", "env", "clash-two").returncode == 1
    blast("pip", "install", "-p", "env", "clash-two", "--allow-overwrite")
    assert (sites(env) / "clash/module.py").read_text() == "two"


def test_a_file_that_nobody_owns_is_replaced(blast: Blast, env: Path) -> None:
    (sites(env) / "beta").mkdir()
    (sites(env) / "beta/__init__.py").write_text("mine")
    blast("pip", "install", "-p", "env", "beta")
    assert (sites(env) / "beta/__init__.py").read_text() == "VERSION = '2.0'\n"


def test_a_link_that_leads_out_is_not_followed(blast: Blast, env: Path) -> None:
    outside = blast.directory / "outside"
    outside.mkdir()
    (sites(env) / "beta").symlink_to(outside)
    done = blast.run("pip", "install", "-p", "env", "beta")
    assert done.returncode == 1
    assert list(outside.iterdir()) == []


def test_uninstalling_never_leaves_the_environment(blast: Blast, env: Path) -> None:
    victim = blast.directory / "victim"
    victim.write_text("precious")
    blast("pip", "install", "-p", "env", "beta")
    record = sites(env) / "beta-2.0.dist-info/RECORD"
    up = os.path.relpath(victim, sites(env))
    link = sites(env) / "way"
    link.symlink_to(blast.directory)
    content = record.read_text()
    record.unlink()
    record.write_text(f"{content}{up},,\n{victim},,\nway/victim,,\n.,,\n..,,\n../../..,,\n")
    done = blast("pip", "uninstall", "-p", "env", "beta")
    assert victim.read_text() == "precious"
    assert "outside" in done.stderr
    assert (env / "pyvenv.cfg").exists()
    assert not (sites(env) / "beta").exists()


def test_stale_bytecode_goes(blast: Blast, env: Path) -> None:
    blast("pip", "install", "-p", "env", "beta==1.0")
    run = [str(env / "bin/python"), "-c", "import beta; print(beta.VERSION)"]
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    assert subprocess.check_output(run, text=True, env=environ).strip() == "1.0"
    cache = sites(env) / "beta/__pycache__"
    assert list(cache.iterdir())
    blast("pip", "install", "-p", "env", "beta==1.5")
    assert subprocess.check_output(run, text=True, env=environ).strip() == "1.5"
    blast("pip", "uninstall", "-p", "env", "beta")
    assert not cache.exists()


# What older tools left


def legacy(site: Path, *, listed_files: bool = True, top_level: bool = True) -> Path:
    (site / "old").mkdir()
    (site / "old/__init__.py").write_text("")
    info = site / "old-1.0.egg-info"
    info.mkdir()
    (info / "PKG-INFO").write_text("Metadata-Version: 1.1\nName: old\nVersion: 1.0\n")
    if listed_files:
        (info / "installed-files.txt").write_text("../old/__init__.py\nPKG-INFO\n")
    if top_level:
        (info / "top_level.txt").write_text("old\n")
    return info


@pytest.mark.parametrize("lists", [True, False], ids=["installed-files", "top-level"])
def test_what_setup_py_installed_is_removed(blast: Blast, env: Path, *, lists: bool) -> None:
    info = legacy(sites(env), listed_files=lists)
    (info / "entry_points.txt").write_text("[console_scripts]\nold-program = old:main\n")
    (info / "requires.txt").write_text("beta\n\n[extra]\ngamma\n")
    if not lists:
        (env / "bin/old-program").write_text("#!/bin/sh\n")
    assert listed(blast) == {"old": "1.0"}
    assert "old 1.0 requires beta, which is not installed." in blast.run("pip", "check", "-p", "env").stdout
    blast("pip", "uninstall", "-p", "env", "old")
    assert listed(blast) == {}
    assert not (sites(env) / "old").exists()
    assert not info.exists()
    assert not (env / "bin/old-program").exists()


def test_what_nothing_describes_is_refused(blast: Blast, env: Path) -> None:
    legacy(sites(env), listed_files=False, top_level=False)
    (sites(env) / "older-1.0.egg-info").write_text("Metadata-Version: 1.0\nName: older\nVersion: 1.0\n")
    (sites(env) / "bare-1.0.dist-info").mkdir()
    (sites(env) / "bare-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: bare\nVersion: 1.0\n")
    (sites(env) / "bare-1.0.dist-info/INSTALLER").write_text("zebra\n")
    before = files_of(env)
    for name, why in (("old", "top_level.txt"), ("older", "distutils"), ("bare", "zebra")):
        done = blast.run("pip", "uninstall", "-p", "env", name)
        assert done.returncode == 1
        assert why in done.stderr
    assert files_of(env) == before


def test_what_setup_py_develop_left_is_removed(blast: Blast, env: Path) -> None:
    source = blast.directory / "source"
    (source / "dev.egg-info").mkdir(parents=True)
    (source / "dev.egg-info/PKG-INFO").write_text("Metadata-Version: 2.1\nName: dev\nVersion: 0.1\n")
    (sites(env) / "dev.egg-link").write_text(f"{source}\n.")
    (sites(env) / "easy-install.pth").write_text(f"/elsewhere\n{source}\n")
    rows = blast.json("pip", "list", "-p", "env")["packages"]
    assert rows == [{"name": "dev", "version": "0.1", "editable_project_location": str(source)}]
    blast("pip", "uninstall", "-p", "env", "dev")
    assert (sites(env) / "easy-install.pth").read_text() == "/elsewhere\n"
    assert (source / "dev.egg-info/PKG-INFO").exists()
    assert not (sites(env) / "dev.egg-link").exists()


# Sources


def write_tree(directory: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return directory


def test_an_editable_project_is_installed_and_removed(blast: Blast, env: Path) -> None:
    library = write_tree(blast.directory / "lib", source_tree(blast.directory / "log", requires=("beta<2",)))
    blast("pip", "install", "-p", "env", "-e", "./lib")
    info = sites(env) / "lib-1.0.dist-info"
    assert json.loads((info / "direct_url.json").read_text()) == {
        "url": library.as_uri(),
        "dir_info": {"editable": True},
    }
    assert blast.json("pip", "list", "-p", "env", "--editable")["packages"][0]["name"] == "lib"
    # By name it is there, and stays what it is.
    assert not blast.json("pip", "install", "-p", "env", "lib")["changed"]
    assert blast.json("pip", "install", "-p", "env", "gamma")["changes"] == [
        {"name": "gamma", "before": "", "after": "1.0"}
    ]
    blast("pip", "uninstall", "-p", "env", "lib")
    assert listed(blast) == {"beta": "1.5", "gamma": "1.0"}
    assert (library / "pyproject.toml").exists()


def test_what_no_index_has_stays(blast: Blast, env: Path, tmp_path: Path) -> None:
    """It came from elsewhere, and fits all that is asked for."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    path = make_wheel(elsewhere, "beta", "1.7")
    unknown = make_wheel(elsewhere, "unknown", "3.0")
    blast("pip", "install", "-p", "env", path, unknown)
    for info in sites(env).glob("*.dist-info/direct_url.json"):
        info.unlink()
    make_wheel(elsewhere, "needy", "1.0", ["unknown", "beta<2"])
    blast("pip", "install", "-p", "env", "gamma", "needy", "--find-links", str(elsewhere))
    assert listed(blast) == {"beta": "1.7", "gamma": "1.0", "needy": "1.0", "unknown": "3.0"}


def test_an_archive_is_installed_once(blast: Blast, env: Path, wheels: Path) -> None:
    path = str(wheels / "beta-1.5-py3-none-any.whl")
    assert blast.json("pip", "install", "-p", "env", path)["changed"]
    document = json.loads((sites(env) / "beta-1.5.dist-info/direct_url.json").read_text())
    assert document["url"] == Path(path).as_uri()
    assert set(document["archive_info"]["hashes"]) == {"sha256"}
    assert not blast.json("pip", "install", "-p", "env", path)["changed"]
