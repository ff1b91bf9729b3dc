"""pip and uv on top of an environment: they find everything, and write nothing through into the store."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from blast_core.reporter import SilentReporter
from blast_pm.install.link import MODES
from blast_pm.install.testing import WheelStore, running_interpreter
from blast_pm.testing import make_wheel
from blast_project.environment.manager import Composition, VenvManager

if TYPE_CHECKING:
    from pathlib import Path

_SITE = running_interpreter().site_packages
_OLD_NAMESPACE = b"__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"


def contents(name: str, version: str) -> dict[str, bytes]:
    """A regular package, parts of a namespace and of an old one, a module, data, and one of this version alone."""
    mark = f"VERSION = {version!r}\n".encode()
    own = f"{name}/only{version[0]}/__init__.py"
    return {
        f"{name}/__init__.py": mark,
        f"{name}/deep/__init__.py": mark,
        f"{name}/deep/data.txt": mark,
        own: mark,
        f"m{name}.py": mark,
        f"space/{name}/__init__.py": mark,
        "old/__init__.py": _OLD_NAMESPACE,
        f"old/{name}/__init__.py": mark,
        f"{name}-{version}.data/data/share/{name}.txt": mark,
    }


def seal(tree: str) -> dict[str, tuple[bytes, int, int]]:
    """Return content, mode and time of change of all in a tree of the store."""
    found = {}
    for directory, _, files in os.walk(tree):
        status = os.stat(directory)
        found[directory] = (b"", status.st_mode, status.st_mtime_ns)
        for name in files:
            path = os.path.join(directory, name)
            with open(path, "rb") as file:
                found[path] = (file.read(), os.stat(path).st_mode, os.stat(path).st_mtime_ns)
    return found


class Tool:
    """An installer that works on an environment, from a directory of wheels."""

    def __init__(self, name: str, environment: Path, wheels: Path) -> None:
        python = str(environment / "bin/python")
        self._offline = ("--no-index", "--find-links", str(wheels), "--no-deps", "-q")
        if name == "pip":
            self._line = [sys.executable, "-m", "pip", "--python", python, "--no-input"]
            self._python: tuple[str, ...] = ()
            self._yes: tuple[str, ...] = ("-y",)
        else:
            uv = shutil.which("uv") or shutil.which("uv", path=os.path.dirname(sys.executable))
            if uv is None:
                pytest.skip("NO PEER: uv is not installed")
            self._line, self._python, self._yes = [uv, "pip"], ("--python", python), ()

    def install(self, *words: str) -> None:
        self._run("install", *self._python, *self._offline, *words)

    def uninstall(self, *words: str) -> None:
        self._run("uninstall", *self._python, "-q", *self._yes, *words)

    def _run(self, *words: str) -> None:
        clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PIP_FIND_LINKS"}}
        done = subprocess.run([*self._line, *words], capture_output=True, text=True, check=False, env=clean)
        assert done.returncode == 0, done.stdout + done.stderr


# In the other modes no file is the store's.
@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("tool_name", ["pip", "uv"])
def test_other_installers_work_on_top_and_leave_the_store_alone(tmp_path: Path, tool_name: str, mode: str) -> None:
    wheels, environment = tmp_path / "offered", tmp_path / "env"
    wheels.mkdir()
    for name, version in (("a", "2.0"), ("b", "1.0"), ("b", "2.0"), ("c", "1.0"), ("d", "1.0")):
        make_wheel(wheels, name, version, files=contents(name, version))
    make_wheel(wheels, "into-b", "1.0", files={"b/deep/guest.py": b"", "space/guest.py": b""})
    tool = Tool(tool_name, environment, wheels)
    with WheelStore(tmp_path) as store:
        paths = [make_wheel(tmp_path, name, "1.0", files=contents(name, "1.0")) for name in ("a", "b", "c")]
        stored = tuple(store.add(path) for path in paths)
        before = {one.name: seal(one.tree) for one in stored}
        manager = VenvManager(str(environment))
        manager.apply(running_interpreter(), Composition(stored, "test", mode), SilentReporter())
        site = environment / _SITE
        assert (site / "a").is_symlink() == (mode == "fold")

        tool.install("a==2.0")
        assert (site / "a/deep/data.txt").read_text() == (site / "ma.py").read_text() == "VERSION = '2.0'\n"
        assert not (site / "a/only1").exists()
        assert (environment / "share/a.txt").read_text() == "VERSION = '2.0'\n"
        tool.install("--force-reinstall", "b==1.0")
        tool.install("into-b")
        tool.install("d")
        tool.install("b==2.0")
        tool.uninstall("c")
        assert not (site / "c").exists()
        assert not (site / "space/c").exists()
        assert [(site / place).exists() for place in ("space/a", "space/b", "space/d", "old/a", "old/d")] == [True] * 5
        assert {one.name: seal(one.tree) for one in stored} == before

        manager.apply(running_interpreter(), Composition(stored, "again", mode), SilentReporter())
        assert (site / "c/only1/__init__.py").exists()
        assert not (site / "d").exists()
        tool.uninstall("a", "b", "c")
        left = [path for path in site.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert left == []
        assert {one.name: seal(one.tree) for one in stored} == before
        assert all(store.cache.verify_object(one.blake3).is_sound for one in stored)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="ROOT: others can't write there")
def test_what_root_writes_through_a_link_is_seen(tmp_path: Path) -> None:
    """Rule 5: modes don't stop root; so it must not go unnoticed."""
    with WheelStore(tmp_path) as store:
        one = store.add(make_wheel(tmp_path, "a", "1.0", files=contents("a", "1.0")))
        manager = VenvManager(str(tmp_path / "env"))
        manager.apply(running_interpreter(), Composition((one,), "test"), SilentReporter())
        (tmp_path / "env" / _SITE / "a/foreign.py").write_text("")
        assert not store.cache.verify_object(one.blake3).is_sound
