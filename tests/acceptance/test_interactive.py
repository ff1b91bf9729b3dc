"""``blast_runtime.interactive``: packages for an interpreter that runs already."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from blast_project.testing_pythons import find_cpythons

if TYPE_CHECKING:
    from pathlib import Path

    from blast_cli.testing import Blast

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(os.name == "nt", reason="environments are made as on POSIX"),
]

_START = "from blast_runtime.interactive import AskError, from_git, use\nimport importlib.metadata as m, warnings\n"


@pytest.fixture
def blast(blast: Blast, tmp_path: Path) -> Blast:
    """The command, and a program ``blast`` on PATH: what asks for packages runs in interpreters that Blast can't."""
    place = tmp_path / "programs"
    place.mkdir()
    (place / "blast").write_text(f'#!/bin/sh\nexec {sys.executable} -m blast_cli "$@"\n')
    (place / "blast").chmod(0o755)
    return blast.at(blast.directory, PATH=f"{place}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture(scope="module")
def pythons(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Executables by minor version."""
    found = find_cpythons(tmp_path_factory.mktemp("known"))
    return {one.version.rpartition(".")[0]: one.executable for one in found}


@pytest.fixture
def python(tmp_path: Path) -> str:
    return make_environment(sys.executable, tmp_path / "interpreter")


def make_environment(executable: str, place: Path) -> str:
    subprocess.run([executable, "-m", "venv", "--without-pip", place], check=True)
    return str(place / "bin" / "python")


def say(blast: Blast, python: str, program: str, **more: str) -> str:
    """Run a program that asks for packages, and return what it prints."""
    done = subprocess.run(
        [python, "-c", _START + program],
        cwd=blast.directory,
        env={**blast.variables(), **more},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("minor", ["3.9", "3.12", "3.13"])
def test_packages_come_into_a_running_interpreter(
    blast: Blast, tmp_path: Path, pythons: dict[str, str], minor: str
) -> None:
    if minor not in pythons:
        pytest.skip(f"NO PYTHON {minor}: it is NOT tried with it")
    python = make_environment(pythons[minor], tmp_path / "interpreter")
    program = "print(use('alpha<2', beta='1.5')); import alpha; print(alpha.VERSION, m.version('alpha'))"
    said = say(blast, python, program).splitlines()
    assert said == ["{'alpha': '1.1', 'beta': '1.5'}", "1.1 1.1"]


def test_second_call_keeps_what_the_first_one_found(blast: Blast, python: str) -> None:
    """Alpha's newest is 2.0, but 1.1 is in effect, and what is asked for now goes with it."""
    program = "use('alpha<2')\nuse('space-one')\nimport alpha, space.one\nprint(use(), alpha.VERSION, space.one.NAME)"
    assert say(blast, python, program) == "{'alpha': '1.1', 'beta': '1.5', 'space-one': '1.0'} 1.1 one"
    program = "use('beta<1.2')\nfirst = m.version('beta')\nuse('alpha')\nprint(first, m.version('beta'))"
    assert say(blast, python, program) == "1.0 1.0"


def test_imported_package_of_another_version_is_warned_of(blast: Blast, python: str) -> None:
    program = (
        "use(beta='1.5')\nimport beta\n"
        "with warnings.catch_warnings(record=True) as said:\n"
        "    warnings.simplefilter('always')\n"
        "    try: use('delta')\n"
        "    except AskError as error: print(error)\n"
        "print([str(one.message) for one in said])\n"
    )
    # What is asked for still counts: delta needs another beta.
    assert "beta" in say(blast, python, program).splitlines()[0]
    program = program.replace("use(beta='1.5')", "use('beta')")
    assert say(blast, python, program).endswith(
        "['beta 1.5 is imported already and stays until the interpreter starts anew; 1.0 was found']"
    )


def test_what_is_installed_gives_way(blast: Blast, python: str) -> None:
    blast("pip", "install", "-p", python, "alpha<1.1")
    program = "import beta\nuse('alpha>=2')\nimport alpha\nprint(alpha.VERSION, m.version('alpha'), beta.VERSION)"
    assert say(blast, python, program) == "2.0 2.0 1.5"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("use('no-such-project-here')", "no-such-project-here"),
        ("use('alpha<1')", "alpha<1"),
        ("use('??')", "??"),
        ("use('-e .')", "is no requirement"),
        ("use(alpha='>=1 || <3')", "has alternatives"),
        ("from_git('https://index.invalid/none', 'main')", "index.invalid"),
    ],
)
def test_what_fails_is_one_exception(blast: Blast, python: str, call: str, said: str) -> None:
    program = f"try: {call}\nexcept AskError as error: print(str(error).replace(chr(10), ' '))"
    assert said in say(blast, python, program, BLAST_OFFLINE="1" if "git" in call else "")


def test_gc_leaves_what_was_asked_for(blast: Blast, python: str) -> None:
    program = (
        "import os, subprocess, sys\nuse('alpha')\n"
        "blast = [" + repr(sys.executable) + ", '-m', 'blast_cli', 'cache', 'gc', '--older-than', '0']\n"
        "for view in os.scandir(os.environ['BLAST_HOME'] + '/views'):\n"
        "    for path in ('.blast/generations/1/.meta/objects', '.blast'): os.utime(f'{view.path}/{path}', (1, 1))\n"
        "subprocess.run(blast, check=True, stdout=subprocess.DEVNULL)\n"
        "import alpha; print(alpha.VERSION)"
    )
    assert say(blast, python, program) == "2.0"


def test_carets_and_tildes_are_poetrys(blast: Blast, python: str) -> None:
    assert say(blast, python, "print(use(alpha='^1.0')['alpha'], use(alpha='~1.0')['alpha'])") == "1.1 1.0"


def test_project_of_a_repository(blast: Blast, python: str, tmp_path: Path) -> None:
    root = tmp_path / "repository"
    root.mkdir()
    (root / "requirements.txt").write_text("alpha==1.0\nbeta==1.5\n")
    (root / "mine.py").write_text("import alpha\nVERSION = alpha.VERSION\n")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@index.invalid"]
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "one"], ["tag", "v1"]):
        subprocess.run([*git, *words], cwd=root, check=True)
    (root / "requirements.txt").write_text("alpha==2.0\nbeta==1.5\n")
    subprocess.run([*git, "commit", "-q", "-a", "-m", "two"], cwd=root, check=True)
    program = f"print(from_git({str(root)!r}, 'v1')); import mine; print(mine.VERSION)"
    assert say(blast, python, program).splitlines() == ["{'alpha': '1.0', 'beta': '1.5'}", "1.0"]
    assert say(blast, python, f"print(from_git({str(root)!r})['alpha'])") == "2.0"
