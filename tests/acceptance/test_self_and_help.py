"""``blast self version``, ``blast help``, the manual pages, and the kinds of ``blast init``."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from blast_cli import __version__
from blast_cli.catalog import COMMANDS
from blast_cli.manual import write_manual

if TYPE_CHECKING:
    from blast_cli.testing import Blast

pytestmark = pytest.mark.acceptance


def test_self_version(blast: Blast) -> None:
    assert blast("self", "version", "--short").stdout == f"{__version__}\n"
    document = blast.json("self", "version")
    assert (document["version"], document["home"]) == (__version__, str(blast.home))
    assert document["python"] == ".".join(map(str, sys.version_info[:3]))
    shown = blast("self", "version").stdout
    assert shown.startswith(f"blast {__version__}\n")
    assert all(document[key] in shown for key in ("python", "executable", "location", "home"))


def test_help_of_a_command_is_what_its_option_prints(blast: Blast) -> None:
    assert blast("help", "tool", "install").stdout == blast("tool", "install", "-h").stdout
    assert blast("help").stdout == blast("-h").stdout
    assert blast("help", "tool").stdout == blast("tool").stdout
    done = blast.run("help", "snyc")
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean 'blast sync'?" in done.stderr


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return list(write_manual(str(tmp_path_factory.mktemp("manual"))))


def test_every_command_has_a_page(manual: list[str]) -> None:
    names = {path.rpartition("/")[2] for path in manual}
    assert names == {"blast.1", *(f"blast-{command.name.replace(' ', '-')}.1" for command in COMMANDS)}


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not here")
def test_pages_are_rendered_without_complaints(manual: list[str]) -> None:
    line = ["groff", "-man", "-Tutf8", "-ww", "-rLL=80n", *manual]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    # Bold is written by typing twice, or by escapes.
    shown = re.sub(r".\x08|\x1b\[[0-9;]*m", "", done.stdout)
    assert "packages, projects and environments for Python" in shown
    for option in ("--optional", "--upgrade-package", "--link-mode", "--no-progress"):
        assert option in shown
    assert "\\" not in shown


def test_a_workspace_from_nothing(blast: Blast) -> None:
    assert "packages/" in blast("init", "--workspace", "--name", "many").stderr
    blast("sync")
    blast("init", "packages/web")
    web = blast.at(blast.directory / "packages" / "web")
    web("add", "beta")
    assert not (web.directory / "blast.lock").exists()
    assert "web" in blast("tree").stdout
    document = json.loads(blast("sync", "--all-packages", "--json").stdout)
    assert document["packages"] == 1
    assert blast.run("init", "--workspace").returncode == 2


def test_a_project_from_a_file_of_requirements(blast: Blast) -> None:
    (blast.directory / "more.txt").write_text("gamma\n")
    (blast.directory / "requirements.txt").write_text("# what we need\nalpha>=1.1\n-r more.txt\n-c limits.txt\n")
    (blast.directory / "limits.txt").write_text("beta<2\n")
    done = blast("init", "taken", "--from", "requirements.txt")
    assert "constraints are not taken over" in done.stderr
    taken = blast.at(blast.directory / "taken")
    assert '"alpha>=1.1"' in (taken.directory / "pyproject.toml").read_text()
    taken("sync")
    assert {"alpha", "beta", "gamma"} == {row["name"] for row in taken.json("pip", "list")["packages"]}


def test_what_has_no_name_is_not_taken_over(blast: Blast) -> None:
    (blast.directory / "local").mkdir()
    (blast.directory / "local" / "setup.py").write_text("from setuptools import setup\nsetup(name='local')\n")
    (blast.directory / "requirements.txt").write_text("alpha\n./local\n")
    done = blast.run("init", "taken", "--from", "requirements.txt")
    assert done.returncode == 2
    assert "./local" in done.stderr
    assert not (blast.directory / "taken").exists()
    assert blast.run("init", "many", "--workspace", "--from", "requirements.txt").returncode == 2


def test_a_script_that_has_metadata_is_left_alone(blast: Blast) -> None:
    blast("init", "--script", "hello.py")
    text = (blast.directory / "hello.py").read_text()
    assert text.startswith("# /// script\n")
    done = blast.run("init", "--script", "hello.py")
    assert (done.returncode, (blast.directory / "hello.py").read_text()) == (2, text)
    (blast.directory / "old.py").write_text("print('kept')\n")
    blast("init", "--script", "old.py")
    assert (blast.directory / "old.py").read_text().endswith("print('kept')\n")
