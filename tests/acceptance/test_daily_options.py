"""Options that people who come from uv use every day: upgrades on the way, checks, places, parts of exports, hashes."""

from __future__ import annotations

import hashlib
import tomllib
from typing import TYPE_CHECKING

import pytest

from blast_pm.testing import StaticIndex, make_wheel
from blast_project.testing_builds import make_backend

if TYPE_CHECKING:
    from pathlib import Path

    from blast_cli.testing import Blast

pytestmark = pytest.mark.acceptance


@pytest.fixture
def old(project: Blast) -> Blast:
    """A project that is locked with the oldest versions."""
    manifest = project.directory / "pyproject.toml"
    text = manifest.read_text().replace("dependencies = []", 'dependencies = ["alpha"]')
    text += '\n[dependency-groups]\ndev = ["beta", "gamma"]\n'
    manifest.write_text(text.replace('"alpha"', '"alpha==1.0"').replace('"beta"', '"beta==1.0"'))
    project("lock")
    manifest.write_text(text)
    return project


def versions(blast: Blast) -> dict[str, str]:
    program = "import importlib.metadata as m; print(*(d.name + '=' + d.version for d in m.distributions()))"
    return dict(row.split("=") for row in blast.python(program).split())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {"alpha": "1.0", "beta": "1.0"}),
        (["--upgrade"], {"alpha": "2.0", "beta": "1.5"}),
        (["-P", "alpha"], {"alpha": "2.0", "beta": "1.0"}),
        (["--upgrade-package", "alpha==1.1"], {"alpha": "1.1", "beta": "1.0"}),
        (["--upgrade-group", "dev"], {"alpha": "1.0", "beta": "1.5"}),
    ],
)
def test_sync_takes_newer_versions(old: Blast, words: list[str], expected: dict[str, str]) -> None:
    old("sync", *words)
    assert {name: versions(old)[name] for name in expected} == expected
    assert "up to date" in old("sync").stderr


def test_a_lock_that_stays_takes_none(old: Blast) -> None:
    for words in (["--frozen", "-U"], ["--locked", "-P", "alpha"]):
        done = old.run("sync", *words)
        assert done.returncode == 2
        assert "can't have newer versions" in done.stderr


def test_checks_whether_anything_would_change(old: Blast) -> None:
    done = old.run("sync", "--check")
    assert done.returncode == 1
    assert "Would sync" in done.stderr
    assert not (old.directory / ".venv").exists()
    old("sync")
    assert "up to date" in old("sync", "--check").stderr
    assert old.run("sync", "--check", "--no-dev").returncode == 1
    assert "gamma" in versions(old)


def test_works_on_what_is_active(old: Blast, tmp_path: Path) -> None:
    active = tmp_path / "active"
    old("venv", str(active))
    old("sync", "--active", VIRTUAL_ENV=str(active))
    assert list(active.glob("lib/*/site-packages/alpha"))
    assert not (old.directory / ".venv").exists()
    done = old("run", "--active", "python", "-c", "import sys; print(sys.prefix)", VIRTUAL_ENV=str(active))
    assert done.stdout == f"{active}\n"
    refused = old.run("sync", "--active")
    assert refused.returncode == 2
    assert "no environment is active" in refused.stderr


def test_does_it_elsewhere(old: Blast, tmp_path: Path) -> None:
    outside = old.at(tmp_path)
    outside("--directory", str(old.directory), "sync")
    outside("sync", "--directory", str(old.directory))
    assert "up to date" in outside("sync", "--directory", "project").stderr
    done = outside("run", "--directory", "project", "python", "-c", "import os; print(os.getcwd())")
    assert done.stdout == f"{old.directory}\n"
    assert outside.run("sync", "--directory", "nothere").returncode == 2


def test_adds_with_a_marker_and_limits(project: Blast) -> None:
    (project.directory / "limits.txt").write_text("alpha<2\n")
    (project.directory / "wanted.txt").write_text("alpha\n")
    project("add", "--requirements", "wanted.txt", "-c", "limits.txt", "-m", "python_version >= '3.8'")
    manifest = (project.directory / "pyproject.toml").read_text()
    assert 'alpha>=1.1 ; python_version >= "3.8"' in manifest
    assert versions(project)["alpha"] == "1.1"
    project("add", "gamma; sys_platform == 'linux'", "--marker", "python_version >= '3.8'", "--frozen")
    line = next(line for line in (project.directory / "pyproject.toml").read_text().splitlines() if "gamma" in line)
    assert 'sys_platform == "linux" and python_version >= "3.8"' in line
    assert project.run("add", "delta", "-m", "nonsense").returncode != 0


def test_a_version_of_a_lock_that_is_current(old: Blast) -> None:
    old("lock")
    old("version", "--locked", "--bump", "minor", "--no-sync")
    manifest = old.directory / "pyproject.toml"
    manifest.write_text(manifest.read_text().replace('"gamma"', '"gamma", "space-one"'))
    before = manifest.read_text()
    assert old.run("version", "--locked", "--bump", "minor").returncode == 1
    assert manifest.read_text() == before
    assert old.run("version", "--locked").returncode == 1


def test_exports_without_a_branch(old: Blast) -> None:
    old("lock")
    plain = ("export", "--no-hashes", "--no-header", "--no-annotate")
    assert old(*plain).stdout == "alpha==1.0\nbeta==1.0\ngamma==0.3\n"
    assert old(*plain, "--prune", "alpha").stdout == "beta==1.0\ngamma==0.3\n"
    assert old(*plain, "--prune", "Alpha", "--no-dev").stdout == ""


def test_exports_with_places(old: Blast, index: StaticIndex, tmp_path: Path) -> None:
    old("lock")
    secret = index.url.replace("://", "://me:secret@")
    said = old("export", "--emit-index-url", "--emit-find-links", "-i", secret, "-f", str(tmp_path)).stdout
    assert f"\n--index-url {index.url.rstrip('/')}\n" in said.replace("me@", "").replace("****@", "")
    assert "secret" not in said
    assert f"--find-links {tmp_path}\n" in said


def test_exports_a_script(project: Blast) -> None:
    (project.directory / "s.py").write_text('# /// script\n# dependencies = ["alpha<2"]\n# ///\n')
    done = project("export", "--script", "s.py", "--no-hashes", "--no-header", "--no-annotate", "-o", "out.txt")
    assert "Wrote out.txt" in done.stderr
    assert (project.directory / "out.txt").read_text() == "alpha==1.1\nbeta==1.5\n"
    said = project("export", "--script", "s.py", "--no-hashes", "--no-header").stdout
    assert said == "alpha==1.1\n    # via s.py\nbeta==1.5\n    # via alpha\n"


def test_exports_the_project_or_its_members(project: Blast) -> None:
    root = project.directory
    system = '[build-system]\nrequires = []\nbuild-backend = "b"\n'
    (root / "one").mkdir()
    (root / "one" / "pyproject.toml").write_text(f'[project]\nname = "one"\nversion = "1"\n{system}')
    (root / "pyproject.toml").write_text(
        '[project]\nname = "demo"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["one"]\n'
        f'[tool.blast.workspace]\nmembers = ["one"]\n[tool.blast.sources]\none = {{workspace = true}}\n{system}'
    )
    plain = ("export", "--no-hashes", "--no-header", "--no-annotate")
    assert project(*plain).stdout == "-e .\n-e ./one\n"
    assert project(*plain, "--no-emit-project").stdout == "-e ./one\n"
    assert project(*plain, "--no-emit-workspace").stdout == ""


@pytest.fixture
def backend(tmp_path: Path) -> StaticIndex:
    directory = tmp_path / "backends"
    directory.mkdir()
    body = make_backend(tmp_path / "log", "demo", "1")
    make_wheel(directory, "maker", "1.0", files={"maker.py": body.encode()})
    return StaticIndex(directory)


def test_builds_with_what_has_a_hash(blast: Blast, backend: StaticIndex, tmp_path: Path) -> None:
    (blast.directory / "pyproject.toml").write_text(
        '[project]\nname = "demo"\nversion = "1"\n[build-system]\nrequires = ["maker"]\nbuild-backend = "maker"\n'
    )
    digest = hashlib.sha256(next((tmp_path / "backends").glob("*.whl")).read_bytes()).hexdigest()
    right, wrong, none = (blast.directory / f"{name}.txt" for name in ("right", "wrong", "none"))
    right.write_text(f"maker==1.0 --hash=sha256:{digest}\n")
    wrong.write_text(f"maker==1.0 --hash=sha256:{'0' * 64}\n")
    none.write_text("maker==1.0\n")
    with backend as server:
        here = blast.at(blast.directory, BLAST_INDEX_URL=server.url)
        here("build", "--wheel", "-b", str(right), "--require-hashes")
        here("build", "--wheel", "-b", str(none))
        done = here.run("build", "--wheel", "-b", str(none), "--require-hashes")
        assert done.returncode == 2
        assert "hold no hash for maker" in done.stderr
        done = here.run("build", "--wheel", "-b", str(wrong))
        assert done.returncode == 4
        assert "is not one of the files" in done.stderr
        here("build", "--wheel", "-b", str(wrong), "--no-verify-hashes")


def test_one_generation_has_nothing_to_be_compared_with(old: Blast) -> None:
    old("sync")
    done = old.run("diff")
    assert done.returncode == 2
    assert "this is the first generation that is kept" in done.stderr


def test_new_projects_as_small_as_wanted(blast: Blast) -> None:
    blast("init", "small", "--bare", "--description", 'It is "small"')
    assert [path.name for path in (blast.directory / "small").iterdir()] == ["pyproject.toml"]
    project = tomllib.loads((blast.directory / "small" / "pyproject.toml").read_text())["project"]
    assert project["description"] == 'It is "small"'
    assert "readme" not in project
    blast("init", "--lib", "other", "--no-readme")
    assert not (blast.directory / "other" / "README.md").exists()
    assert (blast.directory / "other" / "src" / "other" / "__init__.py").exists()
    assert blast.at(blast.directory / "small")("run", "python", "-c", "print('works')").stdout == "works\n"
