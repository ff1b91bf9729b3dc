"""Environments for Windows: where things lie, and programs that start the Python beside them."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import InstallError
from blast_core.interpreter import Interpreter, Target
from blast_pm.install import making
from blast_pm.install.compose import compose
from blast_pm.install.launchers import gui_names, launcher_kind, make_launcher, program_name
from blast_pm.install.link import MODES
from blast_pm.install.record import hash_file
from blast_pm.install.testing import WheelStore, running_interpreter

if TYPE_CHECKING:
    from collections.abc import Iterator

distlib = pytest.importorskip("distlib")

_ENTRY_POINTS = "[console_scripts]\ngo = mod:main\nodd.name = mod:main\n[gui_scripts]\nshow = mod:main\n"
_FILES = {
    "mod.py": "import sys\n\ndef main():\n    print('ran', *sys.argv[1:])\n",
    "pkg/__init__.py": "",
    "{data}/scripts/tool.py": "#!python\nprint('tool')\n",
    "{data}/scripts/window.pyw": "#!pythonw\n",
    "{data}/scripts/batch.cmd": "@echo off\r\n",
    "{data}/data/lib/c.conf": "x",
    "{data}/data/scripts/d.txt": "x",
    "{data}/headers/a.h": "int a;",
}


def windows(machine: str) -> Interpreter:
    """Return the running interpreter as if it were one of Windows."""
    return running_interpreter()._replace(
        site_packages="Lib\\site-packages",
        scripts="Scripts",
        include="Include",
        target=Target(f"windows-{machine}", "3.12.1", {"platform_machine": machine, "os_name": "nt"}, ()),
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WheelStore]:
    with WheelStore(tmp_path) as store:
        yield store


@pytest.mark.parametrize("mode", MODES)
def test_everything_lies_where_windows_looks(
    store: WheelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setattr(making, "_OPENS_DIRECTORIES", False)
    one = store.make("a", _FILES, entry_points=_ENTRY_POINTS)
    where = tmp_path / "env"
    compose(str(where), windows("AMD64"), [one], link_mode=mode, requested={"a"})
    assert set(os.listdir(where / "Scripts")) == {
        *("go.exe", "odd.name.exe", "show.exe", "tool.exe", "window.exe", "batch.cmd", "d.txt")
    }
    assert set(os.listdir(where)) == {"Include", "Lib", "Scripts"}
    assert (where / "Lib/c.conf").read_text() == "x"
    site = where / "Lib/site-packages"
    assert (site / "pkg").is_symlink() == (mode == "fold")
    rows = {row[0]: ",".join(row[1:]) for row in csv.reader((site / "a-1.0.dist-info/RECORD").read_text().splitlines())}
    listed = {os.path.relpath(site / path, where) for path in rows}
    assert {"Scripts/go.exe", "Scripts/tool.exe", "Scripts/batch.cmd", "Include/a/a.h", "Lib/c.conf"} <= listed
    for path, cells in rows.items():
        assert cells == "," or cells == hash_file(str(site / path)), path


@pytest.mark.parametrize(("machine", "kind"), [("AMD64", "64"), ("ARM64", "64-arm"), ("x86", "32"), ("", "64")])
def test_a_program_is_a_launcher_a_line_and_a_zip(store: WheelStore, tmp_path: Path, machine: str, kind: str) -> None:
    one = store.make("a", _FILES, entry_points=_ENTRY_POINTS)
    compose(str(tmp_path / "env"), windows(machine), [one])
    for name, letter, python in (("go", "t", "python"), ("show", "w", "pythonw"), ("window", "w", "pythonw")):
        content = (tmp_path / "env/Scripts" / f"{name}.exe").read_bytes()
        base = Path(distlib.__path__[0], f"{letter}{kind}.exe").read_bytes()
        assert content.startswith(base + f"#!<launcher_dir>\\{python}.exe\r\nPK".encode())
        # The launcher must know of such a line, or it would look for a directory with brackets in its name.
        assert "<launcher_dir>".encode("utf-16-le") in base


def test_python_runs_what_the_launcher_hands_to_it(store: WheelStore, tmp_path: Path) -> None:
    """The launcher calls ``python.exe PROGRAM.exe ARGUMENTS``; any Python does the same with it."""
    one = store.make("a", _FILES, entry_points=_ENTRY_POINTS)
    compose(str(tmp_path / "env"), windows("AMD64"), [one])
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "env/Lib/site-packages")}
    for name, expected in (("go", "ran a b\n"), ("odd.name", "ran a b\n"), ("tool", "tool\n")):
        line = [sys.executable, str(tmp_path / "env/Scripts" / f"{name}.exe"), "a", "b"]
        done = subprocess.run(line, capture_output=True, text=True, check=True, env=environment)
        assert done.stdout == expected


def test_the_same_script_makes_the_same_program() -> None:
    one, other = (make_launcher(b"print(1)\n", "64", gui=False) for _ in range(2))
    assert one == other
    with zipfile.ZipFile(io.BytesIO(one)) as file:
        assert file.read("__main__.py") == b"print(1)\n"


def test_a_command_belongs_to_its_namesake_here_too(store: WheelStore, tmp_path: Path) -> None:
    a = store.make("fast-cli", {"x.py": ""}, entry_points="[console_scripts]\nfast = x:cli\n")
    b = store.make("fast", {"y.py": ""}, entry_points="[console_scripts]\nfast = y:main\n")
    report = compose(str(tmp_path / "env"), windows("AMD64"), [a, b])
    with zipfile.ZipFile(tmp_path / "env/Scripts/fast.exe") as file:
        assert b"from y import main" in file.read("__main__.py")
    assert "fast's is used" in report.notes[0]


def test_names_and_kinds() -> None:
    assert launcher_kind("bin", {"platform_machine": "AMD64"}) == ""
    assert program_name("a.py") == program_name("a") == "a.exe"
    assert program_name("a.b") == "a.b.exe"
    assert gui_names("[gui_scripts]\n a = m:f\n# b = c\n[other]\nd = e\n") == {"a"}


def test_a_launcher_that_is_not_there_is_an_error() -> None:
    with pytest.raises(InstallError, match="the launcher t128"):
        make_launcher(b"", "128", gui=False)
