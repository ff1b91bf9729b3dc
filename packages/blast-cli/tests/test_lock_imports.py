"""What a lock imports when everything is warm: modules of our own, the database, and nothing heavy."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from blast_pm.testing import StaticIndex, make_wheel
from blast_project.locking import lock_project
from blast_project.testing import Workbench

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = (
    "argparse",
    "asyncio",
    "collections",
    "contextlib",
    "dataclasses",
    "enum",
    "functools",
    "hashlib",
    "httpx",
    "json",
    "numpy",
    "packaging",
    "pathlib",
    "pyreqwest",
    "re",
    "resolvelib",
    "rich",
    "shutil",
    "subprocess",
    "tomlkit",
    "tomllib",
    "typing",
    "urllib.parse",
    "blast_compat.pyproject",
    "blast_pm.metadata.records",
    "blast_pm.resolver.explain",
    "blast_project.syncing",
)
SCRIPT = """
import sys
from blast_cli.application import run
status = run(["lock", "--offline", *sys.argv[2:]])
print(status, [name for name in sys.argv[1].split() if name in sys.modules])
"""


@pytest.mark.parametrize("options", [["--no-hints"], []], ids=["resolved", "remembered"])
def test_a_warm_lock_imports_nothing_heavy(tmp_path: Path, options: list[str]) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    make_wheel(wheels, "alpha", "1.0", ["beta>=1; python_version >= '3.9'", "gamma; extra == 'more'"], extras=["more"])
    make_wheel(wheels, "beta", "1.0", tag="py3-none-any")
    make_wheel(wheels, "beta", "2.0", requires_python=">=3.12")
    with StaticIndex(wheels) as index:
        bench = Workbench.make(tmp_path, index.url)
        environ = {**bench.settings().environ, "BLAST_HOME": str(bench.home), "BLAST_INDEX_URL": index.url}
        environ |= {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "BLAST_KEEP_PYTHONPATH": "1"}
        bench.write_manifest("dependencies = ['alpha']")
        with bench.session() as session:
            lock_project(session, bench.project(), session.find_interpreter())
        seen = []
        for _ in range(2):
            line = [sys.executable, "-S", "-c", SCRIPT, " ".join(HEAVY), *options]
            done = subprocess.run(line, cwd=bench.root, env=environ, capture_output=True, text=True, check=False)
            seen.append((done.stdout, done.stderr.splitlines()[:1]))
            assert (bench.root / "blast.lock").exists()
            (bench.root / "blast.lock").unlink()
            (bench.root / "pylock.toml").unlink()
    # The first of them parses the manifest.
    assert seen[1][0] == "0 []\n", seen
