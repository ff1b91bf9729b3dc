"""The power goes while a view is made, or right after: the next run has a whole one.

``BLAST_POWER_CUTS`` tries more moments.
"""

from __future__ import annotations

import copy
import os
import random
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from blast_core.testing_power import Disk, read_recording

if TYPE_CHECKING:
    from blast_cli.testing import Blast

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.crash,
    pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no /proc: power losses are NOT simulated"),
]

_CUTS = int(os.environ.get("BLAST_POWER_CUTS", "5"))
_RECORDED = """
import sys
from blast_core.testing_power import record_database, recording
recording(sys.argv[1])
from blast_pm.metadata import store
write = store._Environment.write
def recorded(self, rows):
    write(self, rows)
    record_database(self.path)
store._Environment.write = recorded
from blast_cli.main import main
main(sys.argv[2:])
"""
_PROGRAM = "import importlib.metadata as m, alpha, os, sys; print(m.version('alpha'), alpha.__file__.count('/t/'))"


@pytest.mark.parametrize("order", ["ordered", "unordered"])
def test_power_goes(project: Blast, order: str) -> None:
    project("add", "--no-sync", "alpha")
    root = project.directory.parent
    log = root.parent / f"{root.name}.log"
    log.unlink(missing_ok=True)
    before = Disk(str(root))
    words = ("run", "--no-env", "python", "-c", _PROGRAM)
    line = [sys.executable, "-c", _RECORDED, str(log), *words]
    done = subprocess.run(
        line, cwd=project.directory, env=project.variables(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "2.0 1\n"), done.stderr
    steps = read_recording(str(log))
    log.unlink()
    chosen = random.Random(3)
    for number, cut in enumerate([len(steps), *(chosen.randint(0, len(steps)) for _ in range(_CUTS))]):
        disk = copy.deepcopy(before)
        disk.play(steps[:cut], order, random.Random(f"{order} {number}"))
        disk.write()
        for _ in range(2):
            again = project.run(*words, BLAST_BOOT_ID=f"restarted{number}")
            where = f"power lost after step {cut} of {len(steps)}"
            assert (again.returncode, again.stdout) == (0, "2.0 1\n"), f"{where}: {again.stderr}"
            # Of a path file that fails.
            assert "Error processing" not in again.stderr, f"{where}: {again.stderr}"
