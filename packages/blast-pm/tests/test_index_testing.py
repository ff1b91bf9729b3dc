"""The shipped test index is an index that pip itself accepts."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from blast_pm.testing import StaticIndex, make_metadata, make_sdist, make_wheel

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("json", [True, False], ids=["json", "html"])
@pytest.mark.parametrize("announce", [True, False], ids=["announced", "silent"])
def test_pip_installs_from_it(tmp_path: Path, json: bool, announce: bool) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    make_wheel(wheels, "Front-End", "1.0", ["back_end>=2"], requires_python=">=3.8")
    make_wheel(wheels, "back-end", "2.0")
    make_wheel(wheels, "back-end", "3.0")
    make_sdist(wheels, "back-end", "9.0", metadata=make_metadata("back-end", "9.0"))
    target = tmp_path / "target"
    with StaticIndex(wheels, json=json, announce=announce, yanked={"back_end-3.0-py3-none-any.whl": "broken"}) as index:
        command = [sys.executable, "-m", "pip", "--isolated", "install", "-q", "--no-cache-dir", "--only-binary=:all:"]
        command += ["--target", str(target), "--index-url", index.url, "front-end"]
        subprocess.run(command, check=True, capture_output=True, env={"PIP_CONFIG_FILE": "/dev/null", "PATH": ""})
        asked = index.paths()
    assert (target / "back_end-2.0.dist-info").is_dir()
    assert "/simple/back-end/" in asked
