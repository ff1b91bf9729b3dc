"""Blast's modules come out of one file once they were imported, and never older than their sources."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from blast_cli.bundle import Bundle

_PACKAGES = Path(__file__).parents[2]
# Runs a command as the installed script does and tells which of Blast's files were opened.
_PROGRAM = """
import json, os, sys
top, words = sys.argv[1], sys.argv[2:]
opened = []
sys.addaudithook(lambda event, given: opened.append(str(given[0])) if event == "open" else None)
sys.path.insert(0, top)
from blast_cli import main
leave = os._exit
def tell(status):
    sys.stdout.write(json.dumps([path for path in opened if path.startswith(top)]))
    sys.stdout.flush()
    leave(status)
os._exit = tell
main.main(words)
"""


class Installed:
    """Blast as pip installs it: all packages in one directory."""

    def __init__(self, top: Path) -> None:
        self.top = top / "site"
        self.home = top / "home"
        for source in _PACKAGES.glob("*/src/*"):
            shutil.copytree(source, self.top / source.name, ignore=shutil.ignore_patterns("__pycache__"))

    @property
    def bundles(self) -> list[Path]:
        return list(self.top.glob("blast_cli/__pycache__/*.bundle"))

    def run(self, *words: str, flags: tuple[str, ...] = (), **more: str) -> tuple[list[str], list[str]]:
        """Run a command; return the lines it prints, and which of Blast's files were opened."""
        given = {key: value for key, value in os.environ.items() if not key.startswith(("BLAST_", "PYTHON"))}
        done = subprocess.run(
            [sys.executable, *flags, "-c", _PROGRAM, str(self.top), *words],
            env={**given, "BLAST_HOME": str(self.home), **more},
            capture_output=True,
            text=True,
            check=True,
        )
        *lines, opened = done.stdout.splitlines()
        return lines, json.loads(opened)


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path)


def test_a_second_command_opens_the_bundle_and_no_module(installed: Installed) -> None:
    lines, opened = installed.run("cache", "dir")
    assert lines == [str(installed.home)]
    assert sum(path.endswith(".py") for path in opened) > 20
    again, opened = installed.run("cache", "dir")
    assert again == lines
    ours = [os.path.relpath(path, installed.top) for path in opened]
    alone = [path for path in ours if path.endswith(".pyc")]
    # The package, what begins, and the bundle's own reader come as ever.
    assert len(alone) == 3, alone
    assert len(ours) - len(alone) == 1, ours


def test_another_command_is_added(installed: Installed) -> None:
    installed.run("cache", "dir")
    first = installed.bundles[0].read_bytes()
    installed.run("cache", "size")
    assert len(installed.bundles[0].read_bytes()) > len(first)
    _, opened = installed.run("cache", "dir")
    assert len([path for path in opened if path.endswith(".pyc")]) == 3


def test_what_answers_at_once_is_added_too(installed: Installed) -> None:
    lines, _ = installed.run("--version")
    again, opened = installed.run("--version")
    assert again == lines
    assert len([path for path in opened if path.endswith(".pyc")]) == 3
    # What has nothing to do looks into the small index alone.
    installed.run("cache", "dir")
    bundle = Bundle(str(installed.top))
    assert bundle.find_spec("blast_cli.hot") is not None
    small = len(bundle._entries)
    assert len(bundle.entries) > small + 10


def test_an_edited_source_counts(installed: Installed) -> None:
    installed.run("cache", "dir")
    installed.run("cache", "dir")
    edited = installed.top / "blast_cli" / "commands" / "cache_dir.py"
    with edited.open("a") as file:
        file.write("\nprint('edited')\n")
    assert installed.run("cache", "dir")[0][0] == "edited"
    lines, opened = installed.run("cache", "dir")
    assert lines[0] == "edited"
    assert not [path for path in opened if "cache_dir" in path]


def test_a_module_that_went_away_is_gone(installed: Installed) -> None:
    installed.run("cache", "dir")
    (installed.top / "blast_cli" / "commands" / "cache_dir.py").unlink()
    with pytest.raises(subprocess.CalledProcessError):
        installed.run("cache", "dir")


@pytest.mark.parametrize("content", [b"", b"BCB2", b"BCB2????" + bytes(100)], ids=("empty", "short", "other Python"))
def test_a_bundle_of_another_kind_is_replaced(installed: Installed, content: bytes) -> None:
    installed.run("cache", "dir")
    (bundle,) = installed.bundles
    whole = bundle.read_bytes()
    bundle.write_bytes(content)
    assert installed.run("cache", "dir")[0] == [str(installed.home)]
    assert bundle.read_bytes() == whole


def test_none_is_written_where_python_keeps_no_code(installed: Installed) -> None:
    installed.run("cache", "dir", flags=("-B",))
    installed.run("cache", "dir", flags=("-O",))
    installed.run("cache", "dir", PYTHONPYCACHEPREFIX=str(installed.home / "code"))
    assert installed.bundles == []


def test_modules_are_what_they_would_be(installed: Installed) -> None:
    probe = installed.top / "blast_cli" / "commands" / "cache_dir.py"
    told = (
        "[m.__file__, m.__cached__, m.__package__, m.__path__, m.__spec__.parent, m.__loader__.get_source(m.__name__)]"
    )
    with probe.open("a") as file:
        file.write(f"\nimport json, blast_core as m\nprint(json.dumps({told}))\nimport blast_core.fs as m\n")
        file.write(f"m.__path__ = []\nprint(json.dumps({told}))\n")
    plain = installed.run("cache", "dir")[0]
    lines, opened = installed.run("cache", "dir")
    assert lines == plain
    assert not [path for path in opened if "cache_dir" in path]


def test_threads_that_import_at_once_get_what_they_ask_for(installed: Installed) -> None:
    """One moved the place in the file that another read at, and a module got the code of a third."""
    installed.run("cache", "dir")
    bundle = Bundle(str(installed.top))
    expected = {name: bundle.code_bytes(name) for name in bundle.entries}
    assert len(expected) > 20
    wrong: list[str] = []

    def read() -> None:
        for _ in range(50):
            wrong.extend(name for name, code in expected.items() if bundle.code_bytes(name) != code)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
