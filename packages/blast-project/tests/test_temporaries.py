"""What killed commands left is removed; what a living process writes is not."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from blast_core import fs
from blast_project.exclusive import sweep_temporaries

if TYPE_CHECKING:
    from pathlib import Path

_WRITE = """
import sys
from blast_core import fs

fs.set_fault("kill:3")
fs.replace_file(sys.argv[1], b"new")
"""


@pytest.mark.crash
@pytest.mark.skipif(os.name != "posix", reason="NO POSIX: the writer dies by a signal")
def test_what_the_dead_left_goes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / ".mine").write_bytes(b"")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    line = [sys.executable, "-c", _WRITE, str(tmp_path / "file")]
    assert subprocess.run(line, env=environment, check=False).returncode < 0
    assert len(os.listdir(tmp_path)) == 3
    sweep_temporaries(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == [".mine", "file"]
    assert (tmp_path / "file").read_bytes() == b"old"


@pytest.mark.skipif(os.name != "posix", reason="NO POSIX: there os.kill ends processes")
def test_what_a_living_process_writes_stays(tmp_path: Path) -> None:
    (tmp_path / f".file.{os.getppid()}.abcdef12.blast-tmp").write_bytes(b"")
    (tmp_path / ".root.abcdef12.blast-tmp").write_bytes(b"")
    (tmp_path / f".file.{2**31 - 1}.abcdef12.blast-tmp").write_bytes(b"")
    (tmp_path / f".file.{2**80}.abcdef12.blast-tmp").write_bytes(b"")
    (tmp_path / ".directory.1.a.blast-tmp").mkdir()
    sweep_temporaries(str(tmp_path))
    left = sorted(os.listdir(tmp_path))
    assert left == [".directory.1.a.blast-tmp", f".file.{os.getppid()}.abcdef12.blast-tmp"]
    sweep_temporaries(str(tmp_path / "nowhere"))
    assert fs.is_temporary(left[1])
