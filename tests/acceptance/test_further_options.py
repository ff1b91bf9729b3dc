"""Options that no other test types: one each, and what it changes."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from blast_pm.testing import StaticIndex, make_sdist, make_wheel
from blast_project.testing_builds import BUILD_SYSTEM, make_backend, source_tree

if TYPE_CHECKING:
    from pathlib import Path

    from blast_cli.testing import Blast

pytestmark = pytest.mark.acceptance


def git(directory: Path, *words: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.invalid", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *words], cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with three states: a tag, a commit, and a branch beside."""
    directory = tmp_path / "repository"
    directory.mkdir()
    git(directory, "init", "-q", "-b", "main")
    for version, after in (("1.0", ("tag", "v1")), ("2.0", ()), ("3.0", ())):
        if version == "3.0":
            git(directory, "checkout", "-q", "-b", "next")
        for name, text in source_tree(tmp_path / "log", "lib", version, requires=()).items():
            (directory / name).parent.mkdir(exist_ok=True)
            (directory / name).write_text(text)
        git(directory, "add", ".")
        git(directory, "commit", "-q", "-m", version)
        if after:
            git(directory, *after)
    git(directory, "checkout", "-q", "main")
    return directory


@pytest.mark.parametrize(
    ("words", "version", "source"),
    [
        ([], "2.0", {}),
        (["--tag", "v1"], "1.0", {"tag": "v1"}),
        (["--branch", "next"], "3.0", {"branch": "next"}),
        (["--rev", "HEAD"], "2.0", {"rev": ""}),
        (["--lfs"], "2.0", {"lfs": "true"}),
    ],
)
def test_adds_a_state_of_a_repository(
    project: Blast, repository: Path, words: list[str], version: str, source: dict[str, str]
) -> None:
    if words[:1] == ["--rev"]:
        words = ["--rev", git(repository, "rev-parse", "main")]
    project("add", f"git+file://{repository}", *words)
    assert f"lib=={version}" in project("pip", "list", "--format", "freeze").stdout
    manifest = (project.directory / "pyproject.toml").read_text()
    for key, value in source.items():
        assert f"{key} = " in manifest
        assert value in manifest


def test_which_index_counts(project: Blast, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for directory, version in ((first, "1.0"), (second, "2.0")):
        directory.mkdir()
        make_wheel(directory, "both", version)
    with StaticIndex(first) as one, StaticIndex(second) as two:
        here = project.at(project.directory, BLAST_INDEX_URL=two.url)
        words = ("pip", "compile", "in.txt", "--no-header", "--no-annotate", "--index", one.url)
        (project.directory / "in.txt").write_text("both\n")
        assert here(*words).stdout == "both==1.0\n"
        assert here(*words, "--index-strategy", "unsafe-best-match").stdout == "both==2.0\n"


def test_limits_and_replacements_for_one_lock(project: Blast) -> None:
    manifest = project.directory / "pyproject.toml"
    manifest.write_text(manifest.read_text().replace("dependencies = []", 'dependencies = ["alpha"]'))
    plain = ("export", "--no-hashes", "--no-header", "--no-annotate", "--frozen")
    project("lock", "--constraint-dependency", "beta<1.5")
    assert project(*plain).stdout == "alpha==2.0\nbeta==1.0\n"
    project("lock", "--override-dependency", "beta==1.0", "--upgrade")
    assert project(*plain).stdout == "alpha==2.0\nbeta==1.0\n"
    project("lock", "--upgrade")
    assert project(*plain).stdout == "alpha==2.0\nbeta==1.5\n"


def test_limits_on_what_builds_are_done_with(project: Blast, tmp_path: Path) -> None:
    offered = tmp_path / "offered"
    offered.mkdir()
    for version in ("1.0", "2.0"):
        note = f"open({str(tmp_path / 'used')!r}, 'w').write({version!r})"
        body = make_backend(tmp_path / "log", "built", "1.0", extra=note)
        make_wheel(offered, "maker", version, files={"maker.py": body.encode()})
    system = '[build-system]\nrequires = ["maker"]\nbuild-backend = "maker"\n'
    make_sdist(offered, "built", "1.0", files={"pyproject.toml": system.encode()})
    with StaticIndex(offered) as server:
        here = project.at(project.directory, BLAST_INDEX_URL=server.url)
        here("add", "built", "--build-constraint-dependency", "maker<2")
        assert (tmp_path / "used").read_text() == "1.0"


def test_an_environment_without_links(project: Blast, tmp_path: Path) -> None:
    project("add", "alpha", "--copies")
    package = next(project.directory.glob(".venv/lib/*/site-packages")).resolve() / "alpha"
    assert not package.is_symlink()
    assert not (package / "__init__.py").is_symlink()
    assert (package / "__init__.py").stat().st_nlink == 1
    project("venv", str(tmp_path / "bare"), "--copies")
    assert (tmp_path / "bare" / "bin" / "python").exists()


def test_git_shows_and_merges_locks(project: Blast) -> None:
    git(project.directory, "init", "-q")
    project("lock")
    assert "git now shows" in project("lock", "--install-git-driver").stderr
    assert "blast" in git(project.directory, "config", "--get-regexp", "diff\\..*|merge\\..*")


def test_shows_another_lock(project: Blast) -> None:
    project("add", "alpha", "--bounds", "none")
    os.rename(project.directory / "blast.lock", project.directory / "other.lock")
    assert "alpha" in project("lock", "show", "--file", "other.lock").stdout


def test_what_a_hook_of_a_shell_asks(project: Blast) -> None:
    with (project.directory / "pyproject.toml").open("a") as file:
        file.write('[tool.blast.env]\nMODE = "it\'s"\n')
    project("sync")
    environment = str(project.directory / ".venv")
    assert project("hook", "--check", environment).stdout == ""
    said = project("hook", "--check", environment, "--variables", "posix").stdout
    assert said == """export MODE='it'"'"'s'; export _BLAST_UNDO='unset MODE'\n"""
    said = project("hook", "--check", environment, "--variables", "powershell", MODE="").stdout
    assert said == ""
    assert "set -gx MODE 'it\\'s'" in project("hook", "--check", environment, "--variables", "fish").stdout
    assert project.run("hook", "--check", str(project.directory)).returncode == 1


def test_lists_what_is_editable_or_local(project: Blast, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for name, text in source_tree(tmp_path / "log", "mine", requires=()).items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    project("venv", "env")
    place = ("--python", "env")
    project("pip", "install", *place, "-e", str(tree), "beta")
    names = {
        row["name"]
        for row in json.loads(project("pip", "list", *place, "--include-editable", "--format", "json").stdout)
    }
    assert names == {"mine", "beta"}
    names = {row["name"] for row in json.loads(project("pip", "list", *place, "--local", "--format", "json").stdout)}
    assert names == {"mine", "beta"}
    assert "beta==1.5" in project("pip", "freeze", *place, "--local").stdout
    site = next((project.directory / "env").glob("lib/*/site-packages"))
    assert "beta==1.5" in project("pip", "freeze", "--path", str(site)).stdout
    assert "Name: beta" in project("pip", "show", "--path", str(site), "beta").stdout


def test_a_file_of_pins_without_places(project: Blast, tmp_path: Path) -> None:
    (project.directory / "in.txt").write_text("beta\n")
    words = ("pip", "compile", "in.txt", "--find-links", str(tmp_path), "--emit-find-links")
    assert "--find-links" in project(*words, "--no-header").stdout
    assert "--find-links" not in project(*words, "--no-header", "--no-emit-find-links").stdout


def test_pins_for_another_python_and_with_settings(project: Blast, tmp_path: Path) -> None:
    (project.directory / "pins.txt").write_text("beta==1.5\n")
    project("pip", "sync", "pins.txt", "--target", str(tmp_path / "there"), "--python-version", "3.12")
    assert (tmp_path / "there" / "beta").exists()
    tree = tmp_path / "tree"
    tell = f"open({str(tmp_path / 'told')!r}, 'w').write(str(sys._getframe(1).f_locals['config_settings']))"
    tree.mkdir()
    (tree / "pyproject.toml").write_text(f'[project]\nname = "mine"\nversion = "1.0"\n{BUILD_SYSTEM}')
    (tree / "backend.py").write_text(make_backend(tmp_path / "log", "mine", "1.0", extra=tell))
    (project.directory / "pins.txt").write_text(f"mine @ file://{tree}\n")
    project("venv", "env")
    project("pip", "sync", "pins.txt", "--python", "env", "--config-settings", "a=1")
    assert (tmp_path / "told").read_text() == "{'a': '1'}"


def test_a_tool_with_replacements(project: Blast) -> None:
    (project.directory / "instead.txt").write_text("beta==1.0\n")
    project("tool", "install", "alpha", "--overrides", "instead.txt")
    python = next(project.home.glob("**/alpha/bin/python"))
    program = "import importlib.metadata as m; print(m.version('beta'))"
    found = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout
    assert found == "1.0\n"
