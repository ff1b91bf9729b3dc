"""The options of ``run``: what a program sees, and in which environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from blast_cli.testing import Blast

pytestmark = pytest.mark.acceptance

SHOW = "import os; print(*(os.environ.get(name, '-') for name in 'ABC'))"


@pytest.fixture
def synced(project: Blast) -> Blast:
    project("add", "beta<1.2", "--bounds", "none")
    return project


def _python(blast: Blast, *options: str, program: str = SHOW, **environ: str) -> str:
    return blast("run", *options, "python", "-c", program, **environ).stdout.strip()


def test_what_a_run_removes_is_said(synced: Blast) -> None:
    synced("pip", "install", "gamma")
    said = synced("run", "python", "-c", "import beta").stderr
    assert "removed what the lock does not name: gamma; --inexact" in said
    assert not synced("run", "python", "-c", "import beta").stderr
    manifest = synced.directory / "pyproject.toml"
    manifest.write_text(manifest.read_text().replace('"beta<1.2"', '"beta<1.2", "gamma"'))
    assert not synced("run", "python", "-c", "import gamma").stderr
    synced("pip", "install", "alpha")
    assert not synced("run", "--inexact", "python", "-c", "import alpha").stderr


def test_env_files(synced: Blast) -> None:
    (synced.directory / "one.env").write_text("A=one\nB=one\n")
    (synced.directory / "two.env").write_text("B='two ${A}'\nC=\"two ${A}\"\n")
    assert _python(synced) == "- - -"
    assert _python(synced, "--env-file", "one.env") == "one one -"
    assert _python(synced, "--env-file", "one.env", "--env-file", "two.env") == "one two ${A} two one"
    assert _python(synced, "--env-file", "one.env", A="mine") == "mine one -"
    assert _python(synced, BLAST_ENV_FILE="one.env two.env").startswith("one ")
    assert _python(synced, "--no-env-file", BLAST_ENV_FILE="one.env") == "- - -"
    assert _python(synced, BLAST_NO_ENV_FILE="1", BLAST_ENV_FILE="one.env") == "- - -"
    done = synced.run("run", "--env-file", "none.env", "python")
    assert done.returncode == 2
    assert "none.env: the variables can't be read" in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        '[tool.blast.env]\nA = "said"\n',
        '[tool.blast]\nenv = {A = "said"}\n',
        '[tool]\nblast = {env = {A = "said"}}\n',
        '[tool.blast]\nenv.A = "said"\n',
        '["tool"."blast"."env"]\n"A" = "said"\n',
        '[tool.blast]\n"\\u0065nv" = {A = "said"}\n',
        '[tool.blast]\nenv-file = "said.env"\n',
    ],
)
def test_settings_of_variables_count_however_they_are_spelled(synced: Blast, text: str) -> None:
    """The hot path does not parse the manifest: it must not overlook them."""
    (synced.directory / "said.env").write_text("A=said\n")
    manifest = synced.directory / "pyproject.toml"
    before = manifest.read_text()
    manifest.write_text(f"{before}\n{text}")
    for _ in range(2):
        assert _python(synced) == "said - -"
        synced("sync")
    assert _python(synced, A="mine") == "mine - -"
    manifest.write_text(before)
    for _ in range(2):
        assert _python(synced) == "- - -"
    assert "blast_cli.application" not in synced.imported("run", "python", "-c", "pass")


def test_variables_beside_the_manifest(synced: Blast) -> None:
    _python(synced)
    (synced.directory / "blast.toml").write_text('[env]\nA = "said"\n')
    for _ in range(2):
        assert _python(synced) == "said - -"


def test_isolated_is_another_environment_with_the_same_versions(synced: Blast) -> None:
    program = "import sys, importlib.metadata as m; print(sys.prefix, m.version('beta'))"
    own, version = _python(synced, program=program).split()
    other, same = _python(synced, "--isolated", program=program).split()
    assert own != other
    assert version == same == "1.0"


def test_with_also_brings_the_project_itself(project: Blast, tmp_path: Path) -> None:
    package = project.directory / "src" / "demo"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("NAME = 'demo'\n")
    (project.directory / "pyproject.toml").write_text(
        '[project]\nname = "demo"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["beta"]\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (project.directory / "backend.py").write_text(BACKEND)
    program = "import demo, alpha, beta; print(demo.NAME, alpha.VERSION)"
    assert _python(project, "--with", "alpha<2", program=program) == "demo 1.1"
    other = tmp_path / "other"
    (other / "src" / "other").mkdir(parents=True)
    (other / "src" / "other" / "__init__.py").write_text("NAME = 'other'\n")
    (other / "pyproject.toml").write_text(
        (project.directory / "pyproject.toml").read_text().replace('"demo"', '"other"')
    )
    (other / "backend.py").write_text(BACKEND.replace("demo", "other"))
    program = "import demo, other; print(other.NAME)"
    assert _python(project, "--with-editable", str(other), program=program) == "other"
    (other / "src" / "other" / "__init__.py").write_text("NAME = 'edited'\n")
    assert _python(project, "--with-editable", str(other), program=program) == "edited"
    assert _python(project, "--with-editable", os.path.relpath(other, project.directory), program=program) == "edited"


BACKEND = """
import base64, hashlib, os, zipfile

def _wheel(directory, editable):
    info = "demo-1.dist-info/"
    requires = "" if "demo" == "other" else "Requires-Dist: beta\\n"
    if editable:
        files = {"_demo.pth": os.path.abspath("src").encode()}
    else:
        files = {"demo/__init__.py": open("src/demo/__init__.py", "rb").read()}
    files[info + "METADATA"] = f"Metadata-Version: 2.1\\nName: demo\\nVersion: 1\\n{requires}".encode()
    files[info + "WHEEL"] = b"Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    rows = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.append(f"{name},sha256={digest},{len(content)}\\n")
    files[info + "RECORD"] = "".join([*rows, f"{info}RECORD,,\\n"]).encode()
    name = "demo-1-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)
    return name

def build_wheel(directory, settings=None, metadata=None):
    return _wheel(directory, False)

def build_editable(directory, settings=None, metadata=None):
    return _wheel(directory, True)
"""


def test_with_requirements(synced: Blast) -> None:
    (synced.directory / "more.txt").write_text("# more\nalpha==1.0\n")
    assert _python(synced, "--with-requirements", "more.txt", program="import alpha; print(alpha.VERSION)") == "1.0"


def test_modules(synced: Blast) -> None:
    (synced.directory / "own.py").write_text("import sys; print(sys.argv[1:])\n")
    for option in ("-m", "--module"):
        assert synced("run", option, "own", "-x", "--json").stdout == "['-x', '--json']\n"


def test_exact_and_inexact(synced: Blast) -> None:
    synced("pip", "install", "gamma", VIRTUAL_ENV=str(synced.directory / ".venv"))
    there = "import importlib.util as u; print(u.find_spec('gamma') is not None)"
    assert _python(synced, "--inexact", program=there) == "True"
    assert _python(synced, "--exact", program=there) == "False"
    assert synced.run("run", "--exact", "--inexact", "python").returncode == 2


def test_locked_frozen_and_no_sync(synced: Blast) -> None:
    manifest = synced.directory / "pyproject.toml"
    manifest.write_text(manifest.read_text().replace('"beta<1.2"', '"beta"'))
    assert synced.run("run", "--locked", "python", "-c", "pass").returncode == 1
    version = "import importlib.metadata as m; print(m.version('beta'))"
    assert _python(synced, "--no-sync", program=version) == "1.0"
    assert _python(synced, "--frozen", program=version) == "1.0"


def test_no_project(synced: Blast) -> None:
    program = "import importlib.util as u; print(u.find_spec('beta') is not None)"
    assert _python(synced, "--no-project", "--with", "gamma", program=program) == "False"


def test_status_and_signals_are_the_programs_own(synced: Blast) -> None:
    for _ in range(2):
        assert synced.run("run", "python", "-c", "import sys; sys.exit(9)").returncode == 9
    if os.name != "nt":
        killed = synced.run("run", "python", "-c", "import os; os.kill(os.getpid(), 9)")
        assert killed.returncode == -9


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_watch_starts_again_on_a_change_and_ends_on_ctrl_c(synced: Blast) -> None:
    path = synced.directory / "own.py"
    path.write_text("print('first', flush=True)\nimport time; time.sleep(60)\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "blast_cli", "run", "--watch", "own.py"],
        cwd=synced.directory,
        env=synced.variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "first\n"
        time.sleep(1)
        path.write_text("print('second', flush=True)\n")
        assert process.stdout.readline() == "second\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr is not None
        assert "own.py changed; starting again" in process.stderr.read()
