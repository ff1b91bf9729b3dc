"""Projects, tools and bare environments with every interpreter of this machine that Blast can make environments for."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import ProbeFailed
from blast_project.python.discover import iter_interpreters
from blast_project.python.probe import InterpreterCache
from blast_project.testing_builds import BUILD_SYSTEM, make_backend

if TYPE_CHECKING:
    from pathlib import Path

    from blast_cli.testing import Blast
    from blast_core.interpreter import Interpreter

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

_WANTED = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")


@pytest.fixture(scope="session")
def by_minor(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Interpreter]:
    """An ordinary CPython of each minor version on this machine."""
    home = str(tmp_path_factory.mktemp("known"))
    cache = InterpreterCache(home)
    found: dict[str, Interpreter] = {}
    for executable in iter_interpreters(os.environ, home):
        try:
            interpreter = cache.get(executable, searching=True)
        except ProbeFailed:
            continue
        if (interpreter.implementation, interpreter.variant) == ("cpython", ""):
            found.setdefault(interpreter.version.rpartition(".")[0], interpreter)
    return found


@pytest.fixture(params=_WANTED)
def interpreter(request: pytest.FixtureRequest, by_minor: dict[str, Interpreter]) -> Interpreter:
    found = by_minor.get(str(request.param))
    if found is None:
        pytest.skip(f"no CPython {request.param} on this machine: environments of it are NOT tried")
    return found


@pytest.fixture
def python(blast: Blast, interpreter: Interpreter) -> Blast:
    """The command, asked for that interpreter."""
    return blast.at(blast.directory, BLAST_PYTHON=interpreter.executable)


_MINOR = "import sys; print('%d.%d' % sys.version_info[:2])"


def test_project_sync_and_run(python: Blast, interpreter: Interpreter) -> None:
    minor = interpreter.version.rpartition(".")[0]
    python("init", "--name", "demo")
    assert f">={minor}" in (python.directory / "pyproject.toml").read_text()
    python("add", "alpha")
    assert python.json("sync")["python"] == interpreter.version
    assert python("run", "python", "-c", _MINOR).stdout.strip() == minor
    assert python("run", "alpha").stdout == "alpha 2.0\n"
    assert python("run", "-m", "platform").stdout
    assert "up to date" in python("sync").stderr
    python("remove", "alpha")
    assert python.run("run", "python", "-c", "import alpha").returncode == 1
    python("undo")
    assert python.python("import alpha; print(alpha.VERSION)") == "2.0"


def test_tool(python: Blast) -> None:
    assert python("tool", "run", "alpha").stdout == "alpha 2.0\n"


def test_build_and_an_editable_project(python: Blast, interpreter: Interpreter, tmp_path: Path) -> None:
    minor = interpreter.version.rpartition(".")[0]
    note = f"open({str(tmp_path / 'by')!r}, 'a').write('%d.%d ' % sys.version_info[:2])"
    (python.directory / "pyproject.toml").write_text(
        f'[project]\nname = "mine"\nversion = "1.0"\nrequires-python = ">={minor}"\ndependencies = ["alpha"]\n'
        f"{BUILD_SYSTEM}"
    )
    (python.directory / "backend.py").write_text(make_backend(tmp_path / "log", "mine", "1.0", ("alpha",), extra=note))
    python("build", "--wheel")
    (wheel,) = (python.directory / "dist").glob("mine-1.0-*.whl")
    python("sync")
    assert (tmp_path / "by").read_text() == f"{minor} {minor} "
    python("venv", "bare")
    python("pip", "install", str(wheel), "--python", "bare")
    program = "import mine, alpha; print(mine.VERSION, alpha.VERSION)"
    assert subprocess.check_output([python.directory / "bare/bin/python", "-c", program], text=True) == "1.0 2.0\n"


def test_a_script_and_an_installed_tool(python: Blast, interpreter: Interpreter) -> None:
    minor = interpreter.version.rpartition(".")[0]
    metadata = f'# /// script\n# requires-python = ">={minor}"\n# dependencies = ["alpha"]\n# ///\n'
    (python.directory / "s.py").write_text(
        f"{metadata}import alpha, sys\nprint(alpha.VERSION, '%d.%d' % sys.version_info[:2])\n"
    )
    assert python("run", "s.py").stdout == f"2.0 {minor}\n"
    python("tool", "install", "alpha")
    assert subprocess.check_output([python.home / "bin" / "alpha"], text=True) == "alpha 2.0\n"


def test_bare_environment_and_pip_interface(python: Blast, interpreter: Interpreter) -> None:
    made = python.json("venv", "bare")
    assert made["python"] == interpreter.version
    environment = str(python.directory / "bare")
    python("pip", "install", "alpha", "--python", environment)
    names = {row["name"] for row in python.json("pip", "list", "--python", environment)["packages"]}
    assert {"alpha", "beta"} <= names
    assert subprocess.check_output([f"{environment}/bin/alpha"], text=True) == "alpha 2.0\n"


def test_an_environment_of_the_standard_library(python: Blast, interpreter: Interpreter, tmp_path: Path) -> None:
    """What made an environment doesn't matter: the interpreter behind it makes the next one."""
    theirs = tmp_path / "theirs"
    subprocess.run([interpreter.executable, "-m", "venv", "--without-pip", theirs], check=True)
    made = python.json("venv", "ours", BLAST_PYTHON=str(theirs / "bin" / "python"))
    assert (made["python"], made["interpreter"]) == (interpreter.version, interpreter.executable)


def test_changing_the_interpreter_makes_the_environment_again(blast: Blast, by_minor: dict[str, Interpreter]) -> None:
    usable = [one for minor, one in by_minor.items() if minor in _WANTED]
    if len(usable) < 2:
        pytest.skip("one interpreter on this machine: a change is NOT tried")
    (blast.directory / "pyproject.toml").write_text(
        '[project]\nname = "demo"\nversion = "1"\nrequires-python = ">=3.8"\ndependencies = ["alpha"]\n'
    )
    for one in usable:
        (blast.directory / ".python-version").write_text(f"{one.version}\n")
        done = blast.json("sync", BLAST_PYTHON="")
        assert (done["python"], done["changed"]) == (one.version, True)
        assert blast.python(_MINOR) == one.version.rpartition(".")[0]
    blast("undo")
    assert blast.python(_MINOR) == usable[-2].version.rpartition(".")[0]


def test_pypy(blast: Blast) -> None:
    """Another implementation has other names for its programs and its library."""
    found = blast.run("python", "find", "pypy", BLAST_PYTHON="")
    if found.returncode:
        pytest.skip("no PyPy on this machine: environments of it are NOT tried")
    pypy = blast.at(blast.directory, BLAST_PYTHON=found.stdout.strip())
    assert pypy("tool", "run", "alpha").stdout == "alpha 2.0\n"
    pypy("venv", "bare", "--python", "pypy", BLAST_PYTHON="")
    pypy("pip", "install", "alpha", "--python", "bare")
    program = "import alpha, sys; print(sys.implementation.name, alpha.VERSION)"
    for name in ("python", "pypy", "pypy3"):
        assert subprocess.check_output([blast.directory / "bare/bin" / name, "-c", program], text=True) == "pypy 2.0\n"
