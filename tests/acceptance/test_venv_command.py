"""``blast venv``, option by option, with real interpreters and real shells' words."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from blast_pm.testing import StaticIndex, make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from blast_cli.testing import Blast

pytestmark = [pytest.mark.acceptance, pytest.mark.skipif(os.name == "nt", reason="links and shells as on POSIX")]


def _say(python: Path, program: str) -> str:
    variables = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.check_output([python, "-c", program], text=True, env=variables).strip()


def _config(environment: Path) -> dict[str, str]:
    lines = (environment / "pyvenv.cfg").read_text().splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}


def test_here_and_there(blast: Blast) -> None:
    here = blast.json("venv")
    assert here["environment"] == str(blast.directory / ".venv")
    assert _say(blast.directory / ".venv/bin/python", "import sys; print(sys.prefix)") == here["environment"]
    there = blast.json("venv", "below/other")
    assert there["environment"] == str(blast.directory / "below/other")
    assert there["python"] == ".".join(map(str, sys.version_info[:3]))
    assert _config(blast.directory / "below/other")["prompt"] == "other"
    assert _config(blast.directory / ".venv")["prompt"] == "project"


def test_the_words_fit_the_shell(blast: Blast) -> None:
    for shell, words in (
        ("bash", "source a/bin/activate"),
        ("fish", "source a/bin/activate.fish"),
        ("tcsh", "source a/bin/activate.csh"),
        ("nu", "overlay use a/bin/activate.nu"),
        ("pwsh", "a/bin/Activate.ps1"),
    ):
        done = blast("venv", "a", "--clear", SHELL=f"/bin/{shell}")
        assert done.stderr.endswith(f"Activate it with: {words}\n")
    assert "source 'with blank/bin/activate'" in blast("venv", "with blank", SHELL="/bin/bash").stderr


def test_the_project_here_has_its_own_place(blast: Blast) -> None:
    blast("init", "--name", "demo")
    assert blast.json("venv", BLAST_PROJECT_ENVIRONMENT="elsewhere")["environment"] == str(
        blast.directory / "elsewhere"
    )


def test_prompts_stay(blast: Blast) -> None:
    blast("venv", "--prompt", "mine")
    environment = blast.directory / ".venv"
    assert _config(environment)["prompt"] == "mine"
    blast("pip", "install", "alpha", "--python", str(environment))
    assert _config(environment)["prompt"] == "mine"
    blast("venv", "--prompt", ".", "--clear")
    assert _config(environment)["prompt"] == "project"


def test_an_environment_is_replaced_only_when_asked(blast: Blast) -> None:
    blast("venv")
    blast("pip", "install", "alpha", "--python", ".venv")
    done = blast.run("venv")
    assert (done.returncode, "--clear" in done.stderr, "--allow-existing" in done.stderr) == (1, True, True)
    assert blast.python("import alpha; print('there')") == "there"
    blast("venv", "--clear")
    assert blast.python("import importlib.util as u; print(u.find_spec('alpha'))") == "None"


def test_what_is_there_is_kept_when_asked(blast: Blast) -> None:
    blast("venv")
    blast("pip", "install", "alpha", "--python", ".venv")
    blast("venv", "--allow-existing", "--prompt", "kept")
    assert blast.python("import alpha; print('there')") == "there"
    assert _config(blast.directory / ".venv")["prompt"] == "kept"
    plain = blast.directory / "plain"
    plain.mkdir()
    (plain / "notes.txt").write_text("mine")
    blast("venv", "plain", "--allow-existing")
    assert (plain / "notes.txt").read_text() == "mine"
    assert _say(plain / "bin/python", "import sys; print(sys.prefix)") == str(plain)


def test_the_environment_of_another_tool_is_kept_when_asked(blast: Blast) -> None:
    there = blast.directory / "there"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", there], check=True)
    (there / "notes.txt").write_text("mine")
    assert blast.run("venv", "there").returncode == 1
    blast("venv", "there", "--allow-existing")
    assert (there / "notes.txt").read_text() == "mine"
    assert _say(there / "bin/python", "import sys; print(sys.prefix)") == str(there)
    blast("venv", "there", "--clear")
    assert not (there / "notes.txt").exists()


@pytest.mark.parametrize("words", [(), ("--clear",)])
def test_what_is_no_environment_stays(blast: Blast, words: tuple[str, ...]) -> None:
    folder = blast.directory / "data"
    folder.mkdir()
    (folder / "value.txt").write_text("dear")
    done = blast.run("venv", "data", *words)
    assert (done.returncode, "is no virtual environment" in done.stderr) == (1, True)
    assert os.listdir(folder) == ["value.txt"]
    file = blast.directory / "file"
    file.write_text("dear")
    assert blast.run("venv", "file", *words).returncode == 1
    assert file.read_text() == "dear"


def test_unless_it_is_forced(blast: Blast) -> None:
    folder = blast.directory / "data"
    folder.mkdir()
    (folder / "value.txt").write_text("cheap")
    blast("venv", "data", "--clear", "--force")
    assert not (folder / "value.txt").exists()
    assert _say(folder / "bin/python", "import sys; print(sys.prefix)") == str(folder)


def test_system_site_packages_stay_visible(blast: Blast) -> None:
    """In an environment upon an environment: a real interpreter's own packages are none of ours to change."""
    blast("venv", "--system-site-packages")
    environment = blast.directory / ".venv"
    program = "import site, sys; print(sys.base_prefix in str(site.getsitepackages()))"
    assert _say(environment / "bin/python", program) == "True"
    blast("pip", "install", "alpha", "--python", str(environment))
    assert _config(environment)["include-system-site-packages"] == "true"
    assert _say(environment / "bin/python", program) == "True"
    blast("venv", "plain")
    assert _say(blast.directory / "plain/bin/python", program) == "False"


def test_seeds(blast: Blast, tmp_path: Path) -> None:
    """The index has wheels of the names that are wanted; which are is told by the interpreter's version."""
    folder = tmp_path / "seeds"
    folder.mkdir()
    for name in ("pip", "setuptools", "wheel"):
        make_wheel(folder, name, "90.0")
    with StaticIndex(folder) as seeds:
        made = blast.json("venv", "--seed", BLAST_INDEX_URL=seeds.url)
    old = sys.version_info < (3, 12)
    assert made["seeds"] == (["pip", "setuptools", "wheel"] if old else ["pip"])
    assert blast.python("import pip; print('there')") == "there"


def test_relocatable(blast: Blast, tmp_path: Path) -> None:
    blast("venv", "--relocatable")
    blast("pip", "install", "alpha", "--python", ".venv")
    moved = (blast.directory / ".venv").rename(tmp_path / "moved")
    shutil.rmtree(blast.home)
    assert _say(moved / "bin/python", "import alpha; print(alpha.VERSION)") == "2.0"
    assert subprocess.check_output([moved / "bin/alpha"], text=True) == "alpha 2.0\n"


def test_link_modes(blast: Blast) -> None:
    for mode in ("copy", "hardlink"):
        blast("venv", mode, "--link-mode", mode)
        blast("pip", "install", "alpha", "--python", mode)
        site = next((blast.directory / mode / "lib").glob("*/site-packages"))
        assert not (site / "alpha").is_symlink()
    blast("venv", "fold")
    blast("pip", "install", "alpha", "--python", "fold")
    assert (next((blast.directory / "fold/lib").glob("*/site-packages")) / "alpha").is_symlink()


def test_an_environment_of_an_environment(blast: Blast) -> None:
    """It is made with the interpreter behind, and needs no environment but itself."""
    blast("venv", "first")
    second = blast.json("venv", "second", "--python", str(blast.directory / "first/bin/python"))
    assert second["interpreter"] == os.path.realpath(second["interpreter"])
    third = blast.json("venv", "third", BLAST_PYTHON="", VIRTUAL_ENV=str(blast.directory / "first"))
    shutil.rmtree(blast.directory / "first")
    for one in (second, third):
        assert _say(blast.directory / one["environment"] / "bin/python", "print('runs')") == "runs"


def test_requires_python_and_version_files(blast: Blast) -> None:
    version = ".".join(map(str, sys.version_info[:3]))
    (blast.directory / "pyproject.toml").write_text(
        '[project]\nname = "a"\nversion = "1"\nrequires-python = ">=3.99"\n'
    )
    assert blast.run("venv").returncode == 1
    assert blast.json("venv", "--no-project")["python"] == version
    (blast.directory / "pyproject.toml").unlink()
    (blast.directory / ".python-version").write_text("3.99\n")
    assert blast.run("venv", "a", BLAST_PYTHON="").returncode == 1
    below = blast.directory / "below"
    below.mkdir()
    assert blast.at(below).run("venv", BLAST_PYTHON="").returncode == 1


def test_the_same_again_is_the_same(blast: Blast) -> None:
    """What is remembered of one makes the next one; nothing of the first shows in it."""
    blast("venv", "one")
    blast("venv", "two")
    blast("venv", "deeper/three", "--prompt", "else")

    def content(name: str) -> dict[str, bytes | str]:
        root = blast.directory / name
        found: dict[str, bytes | str] = {}
        for folder, folders, files in os.walk(root):
            for entry in (*folders, *files):
                path = os.path.join(folder, entry)
                inside = os.path.relpath(path, root)
                if os.path.islink(path):
                    found[inside] = os.readlink(path)
                elif os.path.isfile(path) and "/.meta/" not in f"/{inside}":
                    with open(path, "rb") as file:
                        text = file.read().replace(os.fsencode(root), b"ROOT")
                    found[inside] = text.replace(os.fsencode(name.rpartition("/")[2]), b"NAME")
                else:
                    found[inside] = ""
        return found

    assert content("one") == content("two")
    assert set(content("one")) == set(content("deeper/three"))
    assert _config(blast.directory / "deeper/three")["prompt"] == "else"
    for name in ("one", "two", "deeper/three"):
        blast("pip", "install", "alpha", "--python", name)
        assert _say(blast.directory / name / "bin/python", "import alpha; print(alpha.VERSION)") == "2.0"


def test_nothing_remembered_outlives_what_it_was_about(blast: Blast, tmp_path: Path) -> None:
    folder = tmp_path / "programs"
    folder.mkdir()
    link = folder / "python3"
    link.symlink_to(sys.executable)
    variables = {"PATH": str(folder), "BLAST_PYTHON": "", "HOME": str(tmp_path), "PYENV_ROOT": "/nowhere"}
    blast("venv", "one", **variables)
    blast("venv", "two", **variables)
    (folder / "python3").unlink()
    (folder / "python3").write_text("#!/bin/sh\nexit 3\n")
    (folder / "python3").chmod(0o755)
    # What runs Blast is left.
    blast("venv", "three", **variables)
    (blast.directory / ".python-version").write_text("3.99\n")
    assert blast.run("venv", "four", **variables).returncode == 1
    (blast.directory / ".python-version").unlink()
    (blast.directory / "pyproject.toml").write_text('[project]\nname = "a"\nversion = "1"\nrequires-python = "<3"\n')
    assert blast.run("venv", "five", **variables).returncode == 1
