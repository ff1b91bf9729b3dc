"""Named environments: views of one lock with their own groups and interpreters, and environments of no project."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_pm.testing import StaticIndex, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.acceptance

_MANIFEST = """\
[project]
name = "demo"
version = "1"
requires-python = ">=3.11"
dependencies = ["base"]
[project.optional-dependencies]
sql = ["db"]
redis = ["cache"]
[dependency-groups]
dev = ["check"]
docs = ["write"]
[tool.blast.envs.docs]
only-groups = ["docs"]
[tool.blast.envs.bare]
no-dev = true
[tool.blast.envs.test]
no-dev = true
matrix = { extras = [["sql"], ["redis"], ["sql", "redis"]] }
[tool.blast.envs.elsewhere]
platforms = ["windows"]
"""


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    directory = tmp_path_factory.mktemp("offered")
    for name in ("base", "db", "cache", "check", "write", "more"):
        make_wheel(directory, name, "1.0")
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture
def demo(tmp_path: Path, offered: StaticIndex) -> Blast:
    directory = tmp_path / "demo"
    directory.mkdir()
    (directory / "pyproject.toml").write_text(_MANIFEST)
    return Blast(directory, tmp_path / "home", {"BLAST_INDEX_URL": offered.url})


_NAMES = "import importlib.metadata as m; print(*sorted(d.name for d in m.distributions()))"


def holds(blast: Blast, name: str) -> str:
    return blast("run", "--no-sync", "--env", name, "python", "-c", _NAMES).stdout.strip()


def test_each_is_a_view_of_the_one_lock(demo: Blast) -> None:
    demo("sync")
    demo("sync", "--env", "docs")
    document = demo.json("sync", "--env", "bare")
    assert (document["name"], document["environment"]) == ("bare", str(demo.directory / ".blast" / "envs" / "bare"))
    assert demo.python(_NAMES) == "base check"
    assert (holds(demo, "docs"), holds(demo, "bare")) == ("write", "base")
    assert "up to date" in demo("sync", "--env", "docs").stderr
    assert (demo.directory / ".blast" / ".gitignore").read_text() == "*\n"
    assert sorted(path.name for path in demo.directory.iterdir()) == [
        ".blast", ".venv", "blast.lock", "pylock.toml", "pyproject.toml",
    ]  # fmt: skip


def test_run_makes_it_first_and_takes_more(demo: Blast) -> None:
    done = demo("run", "--env", "docs", "python", "-c", "import write; print('fine')")
    assert done.stdout == "fine\n"
    assert demo("run", "--env", "docs", "--extra", "sql", "python", "-c", _NAMES).stdout.strip() in (
        "db write",
        "write",
    )
    assert not (demo.directory / ".venv").exists()


def test_a_matrix_is_run_in_each(demo: Blast) -> None:
    done = demo("run", "--env", "test", "python", "-c", _NAMES)
    assert done.stdout.splitlines() == ["base db", "base cache", "base cache db"]
    assert [line for line in done.stderr.splitlines() if line.startswith("test-")] == [
        "test-sql:", "test-redis:", "test-sql-redis:",
    ]  # fmt: skip
    failed = demo.run("run", "--env=test", "python", "-c", "import db")
    assert failed.returncode == 1
    assert "failed in test-redis" in failed.stderr
    assert demo("run", "python", "-c", _NAMES, BLAST_ENV="test").stdout == done.stdout
    one = demo("run", "--env", "test-redis", "python", "-c", _NAMES)
    assert one.stdout == "base cache\n"


def test_all_at_once(demo: Blast) -> None:
    document = demo.json("sync", "--all-envs")
    assert [row["name"] for row in document["environments"]] == [
        "docs",
        "bare",
        "test-sql",
        "test-redis",
        "test-sql-redis",
    ]
    rows = demo("env", "list").stdout.splitlines()
    assert [row.split()[0] for row in rows] == ["docs", "bare", "test-sql", "test-redis", "test-sql-redis", "elsewhere"]
    assert rows[0].split(maxsplit=2)[1:] == ["project", f"1 packages, Python {sys.version.split()[0]}"]
    assert rows[-1].endswith("not made yet")
    refused = demo.run("sync", "--env", "elsewhere")
    assert refused.returncode == 2
    assert "not made on this platform" in refused.stderr


def test_generations_of_its_own(demo: Blast) -> None:
    demo("sync")
    demo("sync", "--env", "bare")
    manifest = (demo.directory / "pyproject.toml").read_text()
    demo("add", "more", "--no-sync")
    demo("sync", "--env", "bare")
    assert holds(demo, "bare") == "base more"
    changed = (demo.directory / "pyproject.toml").read_text()
    assert demo.json("undo", "--env", "bare")["restored"] == []
    assert holds(demo, "bare") == "base"
    assert (demo.directory / "pyproject.toml").read_text() == changed != manifest
    rows = demo.json("history", "--env", "bare")["generations"]
    assert [(row["number"], row["current"]) for row in rows] == [(1, True), (2, False)]
    assert demo.json("diff", "--env", "bare", "1", "2")["changes"][0]["name"] == "more"
    demo("redo", "--env", "bare")
    assert holds(demo, "bare") == "base more"
    demo("rollback", "--env", "bare", "1")
    demo("sync", "--env", "bare")
    assert holds(demo, "bare") == "base more"
    assert demo.run("undo", "--env", "test").returncode == 2


def test_another_interpreter(demo: Blast) -> None:
    other = next((path for path in _pythons() if path != sys.executable), "")
    if not other:
        pytest.skip("NOT TRIED: there is one interpreter alone")
    text = (demo.directory / "pyproject.toml").read_text()
    (demo.directory / "pyproject.toml").write_text(text.replace("only-groups", f'python = "{other}"\nonly-groups'))
    program = "import sys; print(sys.version_info[:2])"
    assert demo("run", "--env", "docs", "python", "-c", program).stdout == "(3, 12)\n"
    assert demo("run", "--env", "bare", "python", "-c", program).stdout == f"{sys.version_info[:2]}\n"
    assert "up to date" in demo("sync", "--env", "docs").stderr


def _pythons() -> list[str]:
    root = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    versions = os.path.join(root, "versions")
    names = sorted(os.listdir(versions)) if os.path.isdir(versions) else []
    paths = [os.path.join(versions, name, "bin", "python3") for name in names if name.startswith("3.12")]
    return [path for path in paths if os.path.exists(path)]


def test_packages_see_nothing_of_each_other(tmp_path: Path, offered: StaticIndex) -> None:
    root = tmp_path / "work"
    for name, needs in (("api", "db"), ("worker", "cache")):
        (root / name).mkdir(parents=True)
        (root / name / "pyproject.toml").write_text(
            f'[project]\nname = "{name}"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["{needs}"]\n'
        )
    (root / "pyproject.toml").write_text(
        '[tool.blast.workspace]\nmembers = ["api", "worker"]\n'
        '[tool.blast.envs]\nworker = { packages = ["worker"] }\napi = { packages = ["api"] }\n'
    )
    blast = Blast(root, tmp_path / "home", {"BLAST_INDEX_URL": offered.url})
    assert blast("run", "--env", "api", "python", "-c", _NAMES).stdout == "db\n"
    assert blast("run", "--env", "worker", "python", "-c", _NAMES).stdout == "cache\n"


def test_of_no_project(demo: Blast, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir()
    blast = demo.at(place)
    blast("venv", "--name", "data")
    path = demo.home / "named" / "data"
    assert blast("env", "dir", "data").stdout == f"{path}\n"
    blast("pip", "install", "base", "-p", str(path))
    assert blast("run", "--env", "data", "python", "-c", _NAMES).stdout == "base\n"
    assert demo("run", "--env", "data", "python", "-c", _NAMES).stdout == "base\n"
    blast("undo", "--env", "data")
    assert blast("run", "--env", "data", "python", "-c", _NAMES).stdout == "\n"
    assert blast("env", "list").stdout.startswith("data  no project")
    assert blast("env", "remove", "data").stderr == "Removed data\n"
    assert blast("env", "list").stderr == "No environment has a name\n"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("[tool.blast.envs]\ndocs = 3", "must hold a table"),
        ("[tool.blast.envs.docs]\ncolour = 1", "has no 'colour'"),
        ('[tool.blast.envs.docs]\ngroups = "docs"', "must be an array of texts"),
        ("[tool.blast.envs.docs]\nno-dev = 1", "must be true or false"),
        ('[tool.blast.envs."../x"]', "can't be the name"),
        ('[tool.blast.envs.docs]\nplatforms = ["amiga"]', "unknown platform"),
        ("[tool.blast.envs.docs]\nmatrix = { size = [1] }", "has no 'size'"),
        ("[tool.blast.envs.docs]\nmatrix = { python = [] }", "what to combine"),
        ('[tool.blast.envs.a-py3]\n[tool.blast.envs.a]\nmatrix = { python = ["3"] }', "two environments are called"),
    ],
)
def test_a_wrong_table_is_told_with_its_place(demo: Blast, table: str, said: str) -> None:
    (demo.directory / "pyproject.toml").write_text(f'[project]\nname = "demo"\nversion = "1"\n{table}\n')
    done = demo.run("sync")
    assert done.returncode != 0
    assert said in done.stderr
    assert "pyproject.toml" in done.stderr


def test_an_unknown_name(demo: Blast) -> None:
    done = demo.run("sync", "--env", "doc")
    assert done.returncode == 2
    assert "there are docs, bare, test-sql" in done.stderr
    assert demo.run("venv", "--name", "../x").returncode == 2
    assert demo.run("venv", "--name", "x", "path").returncode == 2


def test_links_of_a_checkout_lead_nowhere_else(demo: Blast, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    (victim / "docs").mkdir(parents=True)
    (victim / "docs" / "precious").touch()
    (demo.directory / ".blast").mkdir()
    (demo.directory / ".blast" / "envs").symlink_to(victim)
    for words in (("sync",), ("env", "remove", "docs")):
        done = demo.run(*words, *(("--env", "bare") if words == ("sync",) else ()))
        assert done.returncode == 1
        assert "is a symbolic link" in done.stderr
    assert [path.name for path in victim.rglob("*")] == ["docs", "precious"]


def test_what_is_no_environment_is_not_removed(demo: Blast) -> None:
    place = demo.directory / ".blast" / "envs" / "docs"
    place.mkdir(parents=True)
    (place / "precious").touch()
    done = demo.run("env", "remove", "docs")
    assert done.returncode == 1
    assert "no environment of Blast's" in done.stderr
    assert (place / "precious").exists()


def test_a_matrix_makes_names_and_no_paths(demo: Blast) -> None:
    (demo.directory / "pyproject.toml").write_text(
        '[project]\nname = "demo"\nversion = "1"\n'
        f'[tool.blast.envs.test]\nmatrix = {{ python = ["../../../../x", "{sys.executable}"] }}\n'
    )
    rows = demo.json("env", "list")["environments"]
    assert rows[0]["name"] == "test-py..-..-..-..-x"
    assert {os.path.dirname(row["path"]) for row in rows} == {str(demo.directory / ".blast" / "envs")}
    demo("sync", "--env", rows[1]["name"])
    assert demo("env", "remove", rows[1]["name"]).stderr == f"Removed {rows[1]['name']}\n"


def test_removed_from_another_file_system_than_the_stores(demo: Blast) -> None:
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == demo.directory.stat().st_dev:
        pytest.skip("NOT TRIED: there is no other file system to write to")
    with TemporaryDirectory(dir=shared) as home:
        far = demo.at(demo.directory, BLAST_HOME=home)
        far("sync", "--env", "docs")
        assert far("env", "remove", "docs").stderr == "Removed docs\n"
        assert list((demo.directory / ".blast" / "envs").iterdir()) == []


def test_one_that_fails_keeps_no_other_from_being_synced(demo: Blast) -> None:
    manifest = demo.directory / "pyproject.toml"
    manifest.write_text(_MANIFEST.replace('only-groups = ["docs"]', 'only-groups = ["nothere"]'))
    done = demo.run("sync", "--all-envs")
    assert done.returncode == 2
    assert "docs:\nerror: the project has no dependency group 'nothere'" in done.stderr
    assert "bare:\nMade " in done.stderr
    assert (demo.directory / ".blast/envs/test-sql-redis/bin/python").exists()
    found = [row for row in demo.run("sync", "--all-envs", "--json").stdout.splitlines() if '"error"' in row]
    assert found
    alone = demo.run("sync", "--env", "docs")
    assert alone.returncode == 2
    assert alone.stderr.startswith("error: the project has no dependency group 'nothere'")
