"""``blast tool run``: which distribution brings a command, with what, and that the next run has the same versions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_pm.testing import StaticIndex, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.acceptance

BODY = """\
def main():
    import sys, lib
    try:
        import more
    except ImportError:
        more = None
    print(%r, lib.VERSION, bool(more), sys.argv[1:])
"""


def _make(directory: Path, version: str) -> None:
    files = {"shouting.py": (BODY % version).encode()}
    scripts = "[console_scripts]\nshout = shouting:main\nyell = shouting:main\n"
    requires = ["lib", "more; extra == 'loud'"]
    make_wheel(directory, "shout", version, requires, files=files, entry_points=scripts, extras=["loud"])
    make_wheel(directory, "lib", version, files={"lib.py": f"VERSION = {version!r}\n".encode()})
    make_wheel(directory, "more", version)


@pytest.fixture
def offered(tmp_path: Path) -> Iterator[tuple[Blast, StaticIndex]]:
    """The command, and an index that grows."""
    directory, here = tmp_path / "offered", tmp_path / "here"
    directory.mkdir()
    here.mkdir()
    _make(directory, "1.0")
    with StaticIndex(directory) as server:
        yield Blast(here, tmp_path / "home", {"BLAST_INDEX_URL": server.url, "HOME": str(tmp_path)}), server


def test_the_command_is_no_argument(offered: tuple[Blast, StaticIndex]) -> None:
    blast, _ = offered
    assert blast("tool", "run", "shout", "a b", "--package").stdout == "1.0 1.0 False ['a b', '--package']\n"


def test_package_and_extras(offered: tuple[Blast, StaticIndex]) -> None:
    blast, _ = offered
    assert blast("tool", "run", "--package", "shout", "yell", "x").stdout == "1.0 1.0 False ['x']\n"
    assert blast("tool", "run", "--package", "shout", "--extras", "loud", "yell").stdout == "1.0 1.0 True []\n"
    assert blast("tool", "run", "--extras", "loud", "shout").stdout == "1.0 1.0 True []\n"
    assert blast("tool", "run", "--extras", "loud", "shout@1.0").stdout == "1.0 1.0 True []\n"
    assert blast.run("tool", "run", "--extras", "loud", "--from", ".", "shout").returncode == 2


def test_pins_are_kept(offered: tuple[Blast, StaticIndex]) -> None:
    blast, server = offered
    assert blast("tool", "run", "shout").stdout == "1.0 1.0 False []\n"
    _make(Path(server.directory), "2.0")
    server.reload()
    # Whatever the index's answers, and even where the environment is gone, as after a cleaning.
    refreshed = ("tool", "run", "--refresh-package", "shout", "--refresh-package", "lib")
    assert blast(*refreshed, "shout").stdout == "1.0 1.0 False []\n"
    (pins,) = (blast.home / "tool-runs").iterdir()
    assert json.loads(pins.read_text()) == {"asked": ["shout"], "pins": {"lib": "1.0", "shout": "1.0"}}
    assert blast("tool", "run", "--with", "more", "--refresh", "shout").stdout == "2.0 2.0 True []\n"
    assert blast("tool", "run", "shout@2.0").stdout == "2.0 2.0 False []\n"
    assert blast("tool", "run", "shout").stdout == "1.0 1.0 False []\n"
    assert blast("tool", "run", "shout@latest").stdout == "2.0 2.0 False []\n"
    assert blast("tool", "run", "shout").stdout == "2.0 2.0 False []\n"
    pins.write_text("{")
    assert blast("tool", "run", "shout").stdout == "2.0 2.0 False []\n"


def test_pins_that_are_gone_are_no_fault(offered: tuple[Blast, StaticIndex]) -> None:
    blast, server = offered
    blast("tool", "run", "shout")
    _make(Path(server.directory), "2.0")
    for path in Path(server.directory).glob("*-1.0-*"):
        path.unlink()
    server.reload()
    shutil.rmtree(blast.home / "views")
    assert blast("tool", "run", "--refresh-package", "shout", "--refresh-package", "lib", "shout").stdout.startswith(
        "2.0"
    )
