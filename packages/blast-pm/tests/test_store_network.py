"""Real wheels from the real index: what the store unpacks is what they hold."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from blast_pm.store.testing import check_store, ensure_wheels
from blast_pm.store.unpack import is_unpacked

pytestmark = pytest.mark.network

_PROJECTS = ["six", "idna", "flask", "markupsafe", "certifi", "pyyaml", "setuptools", "numpy"]


def test_trees_hold_what_the_wheels_hold(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", str(wheels)]
    subprocess.run([*command, *_PROJECTS], check=True)
    paths = sorted(map(str, wheels.iterdir()))
    home = str(tmp_path / "home")
    stored = ensure_wheels(home, paths)
    assert check_store(home) == len(stored) == len(_PROJECTS)
    trees = {one.name: one.tree for one in stored.values()}
    for path in paths:
        tree = trees[os.path.basename(path).partition("-")[0].replace("_", "-").lower()]
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if not info.is_dir() and is_unpacked(info.filename)]
            for info in members:
                with open(os.path.join(tree, info.filename), "rb") as file:
                    assert file.read() == archive.read(info), info.filename
                executable = bool(os.stat(file.name).st_mode & 0o100)
                assert executable == bool(info.external_attr >> 16 & 0o111), info.filename
        assert sum(len(names) for _, _, names in os.walk(tree)) == len(members)
