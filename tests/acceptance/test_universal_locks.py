"""One lock for a team: the same on every machine, right on each of them, and beside uv on real packages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_compat.pip_config import read_pip_configuration
from blast_core.formats.dpl.reader import DplLockFile
from blast_core.names import normalize_name
from blast_pm.index.default import pip_default_url
from blast_pm.testing import StaticIndex, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.acceptance

MINORS = ("3.10", "3.11", "3.12", "3.13")

MANIFEST = """[project]
name = "team"
version = "0.1.0"
requires-python = ">=3.10"
dependencies = ["core", "winthing; sys_platform == 'win32'"]

"""
GROUPS = """
[dependency-groups]
old = ["core<2"]
"""
# Four ways to choose, of which a lock holds only so many targets.
CONFLICTS = """
[project.optional-dependencies]
cpu = ["backend==1.0"]
gpu = ["backend==2.0"]

[dependency-groups]
tools = ["helper"]
legacy = ["helper<2"]

[tool.blast]
targets = ["linux-x86_64", "macos-arm64", "windows-x86_64"]
conflicts = [[{ extra = "cpu" }, { extra = "gpu" }], [{ group = "tools" }, { group = "legacy" }]]
"""


def find_uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else ""


def find_pythons() -> dict[str, str]:
    """Return interpreters of this machine by minor: the running one, those on PATH, and pyenv's."""
    found = {}
    pyenv = Path(os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv")))
    for minor in MINORS:
        candidates = [shutil.which(f"python{minor}"), *map(str, pyenv.glob(f"versions/{minor}.*/bin/python"))]
        for candidate in filter(None, candidates):  # pyenv's shims are on PATH even where they lead nowhere
            if subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
                found[minor] = candidate
    return {**found, ".".join(map(str, sys.version_info[:2])): sys.executable}


PYTHONS = find_pythons()


@pytest.fixture(scope="module")
def team_index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    directory = tmp_path_factory.mktemp("team")
    make_wheel(directory, "core", "1.0")
    make_wheel(directory, "core", "2.0", ["extra-new"], requires_python=">=3.12")
    make_wheel(directory, "extra-new", "1.0")
    make_wheel(directory, "winthing", "1.0", tag="py3-none-win_amd64.win_arm64")
    for version in ("1.0", "2.0"):
        make_wheel(directory, "backend", version)
        make_wheel(directory, "helper", version)
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture
def team(tmp_path: Path, team_index: StaticIndex) -> Blast:
    directory = tmp_path / "team"
    directory.mkdir()
    (directory / "pyproject.toml").write_text(MANIFEST)
    return Blast(directory, tmp_path / "home", {"BLAST_INDEX_URL": team_index.url})


def versions(blast: Blast) -> dict[str, str]:
    return {normalize_name(row["name"]): row["version"] for row in blast.json("pip", "list")["packages"]}


def add_to_manifest(blast: Blast, text: str) -> None:
    path = blast.directory / "pyproject.toml"
    path.write_text(path.read_text() + text)


def test_lock_is_the_same_on_every_machine(team: Blast, tmp_path: Path) -> None:
    team("lock")
    locks = [(team.directory / name).read_bytes() for name in ("blast.lock", "pylock.toml")]
    for number, python in enumerate(PYTHONS.values()):
        directory = tmp_path / f"machine-{number}"
        directory.mkdir()
        (directory / "pyproject.toml").write_text(MANIFEST)
        other = Blast(
            directory, tmp_path / f"home-{number}", {**team.environ, "BLAST_PYTHON": python, "TZ": "Asia/Tokyo"}
        )
        other("lock")
        assert [(directory / name).read_bytes() for name in ("blast.lock", "pylock.toml")] == locks


def test_lock_holds_what_other_platforms_need(team: Blast) -> None:
    team("lock")
    with DplLockFile.open(str(team.directory / "blast.lock")) as lock:
        (entry,) = lock.find("winthing")
        names = {target.name for bit, target in enumerate(lock.targets) if entry.target_mask >> bit & 1}
        assert names
        assert all(name.startswith("windows-") for name in names)
        assert entry.file(0).filename == "winthing-1.0-py3-none-win_amd64.win_arm64.whl"
    team("sync")
    assert "winthing" not in versions(team)


@pytest.mark.parametrize("minor", PYTHONS)
def test_each_python_takes_its_own_versions_from_one_lock(team: Blast, minor: str) -> None:
    team("lock")
    lock = (team.directory / "blast.lock").read_bytes()
    team("sync", "--locked", "--no-dev", "--python", PYTHONS[minor])
    is_new = tuple(map(int, minor.split("."))) >= (3, 12)
    wanted = {"core": "2.0", "extra-new": "1.0"} if is_new else {"core": "1.0"}
    assert versions(team) == wanted
    assert (team.directory / "blast.lock").read_bytes() == lock


def test_a_group_limits_every_python(team: Blast) -> None:
    """Groups that are not declared to conflict are locked together, also where one alone could have newer versions."""
    add_to_manifest(team, GROUPS)
    team("sync", "--group", "old")
    assert versions(team) == {"core": "1.0"}
    team("sync")
    assert versions(team) == {"core": "1.0"}


def test_conflicting_extras_and_groups_have_answers_of_their_own(team: Blast) -> None:
    add_to_manifest(team, CONFLICTS)
    team("lock")
    for words, wanted in (
        (["--extra", "cpu"], {"backend": "1.0"}),
        (["--extra", "gpu"], {"backend": "2.0"}),
        (["--group", "tools"], {"helper": "2.0"}),
        (["--extra", "gpu", "--group", "legacy"], {"backend": "2.0", "helper": "1.0"}),
        ([], {}),
    ):
        team("sync", "--locked", *words)
        assert {name: version for name, version in versions(team).items() if name in ("backend", "helper")} == wanted


@pytest.mark.parametrize(
    "words", [("--extra", "cpu", "--extra", "gpu"), ("--all-extras",), ("--group", "tools", "--group", "legacy")]
)
def test_what_conflicts_is_not_installed_together(team: Blast, words: tuple[str, ...]) -> None:
    add_to_manifest(team, CONFLICTS)
    team("sync")
    before = versions(team)
    done = team.run("sync", *words)
    assert done.returncode in (1, 2)
    assert "conflict" in done.stderr
    assert versions(team) == before


# Beside uv, on real packages: some drop Pythons, some have other requirements on each, one is for Windows.
REAL = """[project]
name = "team"
version = "0.1.0"
requires-python = ">=3.10"
dependencies = [
  "flask", "pandas", "httpx[http2]", "rich", "ipython", "sqlalchemy", "pydantic", "colorama; sys_platform == 'win32'"
]

[project.optional-dependencies]
plot = ["matplotlib"]

[dependency-groups]
dev = ["pytest", "mypy"]
"""


@pytest.fixture(scope="module")
def real_locks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Blast, Blast]:
    """The project locked by both tools, each in a directory of its own; the second one's commands are not used."""
    if not find_uv():
        pytest.skip("NOT TRIED: uv is not installed")
    top = tmp_path_factory.mktemp("real-locks")
    index = read_pip_configuration(os.environ).index_url or pip_default_url()
    environ = {"BLAST_INDEX_URL": index, "UV_DEFAULT_INDEX": index, "UV_CACHE_DIR": str(top / "uv-cache")}
    both = []
    for name in ("blast", "uv"):
        (top / name).mkdir()
        (top / name / "pyproject.toml").write_text(REAL)
        both.append(Blast(top / name, top / "home", environ))
    both[0]("lock")
    run_uv(both[1], "lock")
    return both[0], both[1]


def run_uv(project: Blast, *words: str) -> None:
    variables = {key: value for key, value in project.variables().items() if not key.startswith("PYTHON")}
    command = [find_uv(), *words, "--directory", str(project.directory), "--quiet"]
    subprocess.run(command, env=variables, check=True, timeout=600)


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize("minor", PYTHONS)
def test_each_python_gets_what_uv_gives_it(real_locks: tuple[Blast, Blast], minor: str) -> None:
    ours, theirs = real_locks
    if minor not in MINORS:
        pytest.skip(f"{minor} is not compared")
    ours("sync", "--frozen", "--all-extras", "--python", PYTHONS[minor])
    run_uv(theirs, "sync", "--frozen", "--all-extras", "--no-install-project", "--python", PYTHONS[minor])
    program = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
    found = [json.loads(project.python(program)) for project in (ours, theirs)]
    installed = [{normalize_name(name): version for name, version in each.items()} for each in found]
    assert len(installed[0]) > 40
    assert installed[0] == installed[1]


@pytest.mark.network
@pytest.mark.slow
def test_real_lock_is_the_same_from_another_home_and_python(real_locks: tuple[Blast, Blast], tmp_path: Path) -> None:
    ours, _ = real_locks
    (tmp_path / "pyproject.toml").write_text(REAL)
    other = Blast(tmp_path, tmp_path / "home", {**ours.environ, "BLAST_PYTHON": [*PYTHONS.values()][-1]})
    other("lock")
    for name in ("blast.lock", "pylock.toml"):
        assert (tmp_path / name).read_bytes() == (ours.directory / name).read_bytes()
