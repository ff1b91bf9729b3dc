"""Where the home is, as platformdirs says it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from blast_core.home import find_home
from blast_pm.store.home import StorePaths


def test_the_variable_wins_and_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_home({"BLAST_HOME": "/some/where/"}) == "/some/where"
    assert find_home({"BLAST_HOME": "here"}) == str(tmp_path / "here")
    assert find_home({"BLAST_HOME": "~/h", "HOME": "/u"}) == "/u/h"


@pytest.mark.skipif(sys.platform != "linux", reason="NO XDG: the directories of other platforms have other names")
@pytest.mark.parametrize(
    "variables",
    [
        {"HOME": "/home/somebody"},
        {"HOME": "/home/somebody", "XDG_DATA_HOME": ""},
        {"HOME": "/home/somebody", "XDG_DATA_HOME": "/data"},
    ],
)
def test_answers_as_platformdirs_does(variables: dict[str, str]) -> None:
    code = "import platformdirs; print(platformdirs.user_data_dir('blast', appauthor=False))"
    answer = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True)
    assert find_home(variables) == answer.stdout.strip()


def test_relative_xdg_directories_are_ignored() -> None:
    assert find_home({"HOME": "/h", "XDG_DATA_HOME": "data"}) == "/h/.local/share/blast"


def test_a_home_that_is_no_text_works() -> None:
    home = os.fsdecode(b"/h\xff/ \n")
    assert find_home({"BLAST_HOME": home}) == home.rstrip("/")


def test_paths_are_those_of_the_architecture() -> None:
    paths = StorePaths("/h")
    digits = "ab" * 32
    assert paths.archive(digits) == f"/h/store/whl/ab/ab/{digits}.whl"
    tree = paths.tree(bytes.fromhex(digits))
    assert tree.startswith("/h/t/")
    assert len(tree.removeprefix("/h/t/")) == 20
