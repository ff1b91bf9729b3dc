"""``blast run --from-git``: programs of repositories, each with what its own lock says, and hostile ones."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from blast_pm.sources.testing import Repository

if TYPE_CHECKING:
    from pathlib import Path

    from blast_cli.testing import Blast
    from blast_pm.testing import StaticIndex

pytestmark = pytest.mark.acceptance

SCRIPT = "import sys, alpha\nprint(alpha.VERSION, sys.argv[1:])\n"
PROJECT = '[project]\nname = "remote"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["alpha{}"]\n'
EXTRAS = '[project.optional-dependencies]\nmore = ["gamma"]\n'


def _checkouts(blast: Blast) -> list[str]:
    directory = blast.home / "checkouts"
    return sorted(os.listdir(directory)) if directory.exists() else []


def test_a_project_and_its_revisions(blast: Blast, tmp_path: Path) -> None:
    repository = Repository.make(
        tmp_path / "remote", {"pyproject.toml": PROJECT.format("<1.1") + EXTRAS, "tool.py": SCRIPT}
    )
    first = repository.git("rev-parse", "HEAD").strip()
    assert blast("run", "--from-git", repository.url, "tool.py", "a b").stdout == "1.0 ['a b']\n"
    assert blast("run", "--from-git", repository.url, "alpha").stdout == "alpha 1.0\n"
    repository.commit({"pyproject.toml": PROJECT.format("<2")})
    repository.git("tag", "v2")
    assert blast("run", "--from-git", f"{repository.url}@v2", "python", "-c", SCRIPT).stdout == "1.1 []\n"
    assert blast("run", "--from-git", f"{repository.url}@{first}", "tool.py").stdout == "1.0 []\n"
    assert blast("run", "--from-git", str(tmp_path / "remote"), "tool.py").stdout == "1.1 []\n"
    assert len(_checkouts(blast)) == 2
    # What is there is taken without a question, even offline.
    assert blast("run", "--offline", "--from-git", f"{repository.url}@{first}", "tool.py").stdout == "1.0 []\n"
    assert len(_checkouts(blast)) == 2
    # Where the user is nothing has happened.
    assert list(blast.directory.iterdir()) == []


def test_extras_and_the_interpreter(blast: Blast, tmp_path: Path) -> None:
    repository = Repository.make(tmp_path / "remote", {"pyproject.toml": PROJECT.format("") + EXTRAS})
    line = ("python", "-c", "import alpha, gamma; print('both')")
    assert blast.run("run", "--from-git", repository.url, *line).returncode == 1
    assert blast("run", "--from-git", repository.url, "--extra", "more", *line).stdout == "both\n"
    assert blast("run", "--from-git", repository.url, "--with", "gamma", *line).stdout == "both\n"
    done = blast.run("run", "--from-git", repository.url, "--python", "2.7", *line)
    assert done.returncode != 0
    assert "2.7" in done.stderr


def test_its_own_lock_is_taken_as_it_is(blast: Blast, tmp_path: Path) -> None:
    made = blast.at(tmp_path / "made")
    made.directory.mkdir()
    (made.directory / "pyproject.toml").write_text(PROJECT.format(""))
    made("lock", "--resolution", "lowest")
    lock = (made.directory / "blast.lock").read_bytes()
    files: dict[str, str | bytes] = {"pyproject.toml": PROJECT.format(""), "blast.lock": lock, "tool.py": SCRIPT}
    repository = Repository.make(tmp_path / "remote", files)
    assert blast("run", "--from-git", repository.url, "tool.py").stdout == "1.0 []\n"


def test_a_lock_of_another_tool(blast: Blast, index: StaticIndex, tmp_path: Path) -> None:
    made = blast.at(tmp_path / "made")
    made.directory.mkdir()
    (made.directory / "pyproject.toml").write_text(PROJECT.format(""))
    variables = {**blast.variables(), "UV_CACHE_DIR": str(tmp_path / "uv"), "UV_NO_CONFIG": "1"}
    command = ["uv", "lock", "-q", "--default-index", index.url, "--resolution", "lowest"]
    try:
        subprocess.run(command, cwd=made.directory, env=variables, check=True)
    except FileNotFoundError:
        pytest.skip("uv is not here, whose lock is to be read")
    lock = (made.directory / "uv.lock").read_text()
    files = {"pyproject.toml": PROJECT.format(""), "uv.lock": lock, "tool.py": SCRIPT}
    repository = Repository.make(tmp_path / "remote", files)
    assert blast("run", "--from-git", repository.url, "tool.py").stdout == "1.0 []\n"
    assert blast("run", "--from-git", repository.url, "--with", "alpha==2.0", "tool.py").stdout == "2.0 []\n"


POETRY = """\
[tool.poetry]
name = "remote"
version = "1"
description = ""
authors = []
package-mode = false
[tool.poetry.dependencies]
python = ">=3.9"
alpha = "*"
"""


def test_the_lock_of_poetry(blast: Blast, wheels: Path, tmp_path: Path) -> None:
    import hashlib

    rows = []
    for name, version, needs in (("alpha", "1.1", 'beta = ">=1"'), ("beta", "1.0", "")):
        filename = f"{name}-{version}-py3-none-any.whl"
        digest = hashlib.sha256((wheels / filename).read_bytes()).hexdigest()
        rows.append(
            f'[[package]]\nname = "{name}"\nversion = "{version}"\ndescription = ""\noptional = false\n'
            f'python-versions = "*"\ngroups = ["main"]\n'
            f'files = [{{file = "{filename}", hash = "sha256:{digest}"}}]\n'
            + (f"[package.dependencies]\n{needs}\n" if needs else "")
        )
    rows.append('[metadata]\nlock-version = "2.1"\npython-versions = ">=3.9"\ncontent-hash = "x"\n')
    files = {"pyproject.toml": POETRY, "poetry.lock": "\n".join(rows), "tool.py": SCRIPT}
    repository = Repository.make(tmp_path / "remote", files)
    assert blast("run", "--from-git", repository.url, "tool.py").stdout == "1.1 []\n"


@pytest.mark.parametrize(("content", "version"), [("alpha==1.0\nbeta==1.0\n", "1.0"), ("alpha<2\n", "1.1")])
def test_requirements(blast: Blast, tmp_path: Path, content: str, version: str) -> None:
    files = {"requirements.txt": content, "tool.py": "import beside\n" + SCRIPT, "beside.py": ""}
    repository = Repository.make(tmp_path / "remote", files)
    assert blast("run", "--from-git", repository.url, "tool.py", "x").stdout == f"{version} ['x']\n"
    assert blast("run", "--from-git", repository.url, "-m", "tool").stdout == f"{version} []\n"


def test_a_directory_of_a_repository(blast: Blast, tmp_path: Path) -> None:
    files = {"libs/one/pyproject.toml": PROJECT.format("<2"), "libs/one/tool.py": SCRIPT, "pyproject.toml": "x"}
    repository = Repository.make(tmp_path / "remote", files)
    url = f"{repository.url}#subdirectory=libs/one"
    assert blast("run", "--from-git", url, "tool.py").stdout == "1.1 []\n"
    assert blast.run("run", "--from-git", f"{repository.url}#subdirectory=none", "tool.py").returncode == 2


def test_a_task_of_the_project(blast: Blast, tmp_path: Path) -> None:
    tasks = "[tool.blast.tasks]\nsay = \"python -c 'import alpha; print(alpha.VERSION)'\"\n"
    repository = Repository.make(tmp_path / "remote", {"pyproject.toml": PROJECT.format("<2") + tasks})
    assert "1.1\n" in blast("run", "--from-git", repository.url, "say").stdout


# Hostile ones


def test_nothing_of_a_repository_runs_but_its_program(blast: Blast, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    other = Repository.make(tmp_path / "other", {"file": "inside"})
    files = {
        "requirements.txt": "alpha==1.0\nbeta==1.0\n",
        "tool.py": SCRIPT,
        ".gitattributes": "* filter=evil diff=evil merge=evil\n",
        ".gitconfig": f'[filter "evil"]\n\tsmudge = touch {trace}\n',
        ".gitmodules": f'[submodule "other"]\n\tpath = other\n\turl = {other.url}\n\tupdate = !touch {trace}\n',
        "hooks/post-checkout": f"#!/bin/sh\ntouch {trace}\n",
    }
    repository = Repository.make(tmp_path / "remote", files)
    commit = other.git("rev-parse", "HEAD").strip()
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},other")
    repository.git("commit", "-q", "-m", "A submodule")
    for name in ("post-checkout", "post-merge", "post-update", "pre-auto-gc", "reference-transaction"):
        hook = tmp_path / "remote" / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {trace}\n")
        hook.chmod(0o755)
    repository.git("config", "core.hooksPath", "hooks")
    repository.git("config", "core.fsmonitor", f"touch {trace}")
    trace.unlink(missing_ok=True)
    done = blast.run("run", "--from-git", repository.url, "tool.py")
    assert done.returncode == 0, done.stderr
    assert not trace.exists()
    (checkout,) = _checkouts(blast)
    assert (blast.home / "checkouts" / checkout / "other" / "file").read_text() == "inside"


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside"])
def test_links_that_lead_out_are_refused(blast: Blast, tmp_path: Path, target: str) -> None:
    repository = Repository.make(tmp_path / "remote", {"tool.py": SCRIPT})
    (tmp_path / "remote" / "link").symlink_to(target)
    repository.git("add", "link")
    repository.git("commit", "-q", "-m", "A link")
    done = blast.run("run", "--from-git", repository.url, "tool.py")
    assert done.returncode == 4
    assert "leads out" in done.stderr
    assert _checkouts(blast) == []


@pytest.mark.parametrize("url", ["--upload-pack=touch", "https://index.invalid/a/b@--evil", "ext::sh -c touch", "none"])
def test_addresses_that_are_none(blast: Blast, url: str) -> None:
    done = blast.run("run", f"--from-git={url}", "python")
    assert done.returncode in (1, 2)
    assert list(blast.directory.iterdir()) == []


def test_a_revision_that_is_none(blast: Blast, tmp_path: Path) -> None:
    repository = Repository.make(tmp_path / "remote", {"tool.py": SCRIPT})
    done = blast.run("run", "--from-git", f"{repository.url}@nothing", "tool.py")
    assert done.returncode == 3
    assert "has no 'nothing'" in done.stderr


@pytest.mark.parametrize(
    "options", [("--in-memory",), ("--watch",), ("--matrix", "3.11,3.12"), ("--locked",), ("--no-project",)]
)
def test_options_that_need_another_project(blast: Blast, tmp_path: Path, options: tuple[str, ...]) -> None:
    repository = Repository.make(tmp_path / "remote", {"requirements.txt": "alpha\n", "tool.py": SCRIPT})
    done = blast.run("run", *options, "--from-git", repository.url, "tool.py")
    assert done.returncode == 2
    assert "from-git" in done.stderr or "requirements.txt" in done.stderr


def test_without_an_environment(blast: Blast, tmp_path: Path) -> None:
    files = {"requirements.txt": "alpha==1.0\nbeta==1.0\n", "tool.py": SCRIPT}
    repository = Repository.make(tmp_path / "remote", files)
    assert blast("run", "--no-env", "--from-git", repository.url, "tool.py").stdout == "1.0 []\n"
    ours = Repository.make(tmp_path / "ours", {"pyproject.toml": PROJECT.format("<2"), "tool.py": SCRIPT})
    assert blast("run", "--no-env", "--from-git", ours.url, "tool.py").stdout == "1.1 []\n"
    assert not (blast.home / "environments").exists()
