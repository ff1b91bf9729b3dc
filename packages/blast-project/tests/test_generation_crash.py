"""Killed or refused by the disk at any operation: the old or the new environment stands, and the next try succeeds."""

from __future__ import annotations

import errno
import marshal
import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from blast_core.reporter import SilentReporter
from blast_pm.install.testing import WheelStore, running_interpreter
from blast_project.environment.manager import Composition, VenvManager

if TYPE_CHECKING:
    from pathlib import Path

    from blast_pm.store.cache import StoredDistribution

pytestmark = pytest.mark.crash

_HERE = running_interpreter()
_CHILD = """
import marshal, sys
from blast_core import fs
from blast_core.reporter import SilentReporter
from blast_pm.install.testing import running_interpreter
from blast_pm.store.rows import StoredDistribution
from blast_project.environment.manager import Composition, VenvManager

environment, rows, fault = sys.argv[1:]
stored = tuple(StoredDistribution(*row) for row in marshal.loads(bytes.fromhex(rows)))
interpreter = running_interpreter()
fs.set_fault(fault or None)
try:
    VenvManager(environment).apply(interpreter, Composition(stored, "test"), SilentReporter())
except OSError as error:
    print("refused", error.errno)
print(fs.operations())
"""


def make(store: WheelStore, version: str) -> tuple[StoredDistribution, ...]:
    a = store.make(
        "alpha",
        {"alpha/__init__.py": f"V = '{version}'\n", "ns/a.py": "", "certifi/__init__.py": "", "certifi/cacert.pem": ""},
        version=version,
        entry_points="[console_scripts]\nalpha = alpha:main\n",
    )
    return a, store.make("beta", {"beta.py": f"V = '{version}'\n", "{data}/data/share/x": "1"}, version=version)


def run_child(
    environment: Path, stored: tuple[StoredDistribution, ...], fault: str
) -> subprocess.CompletedProcess[str]:
    rows = marshal.dumps(tuple(tuple(row) for row in stored)).hex()
    line = [sys.executable, "-c", _CHILD, str(environment), rows, fault]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(line, capture_output=True, text=True, check=False, env=variables)


def versions(environment: Path) -> str:
    code = "import alpha, beta, certifi, ns.a; print(alpha.V, beta.V)"
    line = [str(environment / "bin/python"), "-I", "-c", code]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def apply(environment: Path, stored: tuple[StoredDistribution, ...]) -> None:
    VenvManager(str(environment)).apply(_HERE, Composition(stored, "test"), SilentReporter())


def count(environment: Path, stored: tuple[StoredDistribution, ...]) -> int:
    done = run_child(environment, stored, "")
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize("fault", ["kill:{}", "fail:{}:ENOSPC", "fail:{}+:ENOSPC"])
def test_at_every_operation(tmp_path: Path, fault: str) -> None:
    """Each run tries every third operation, and which third depends on the process: all are tried in a few runs."""
    with WheelStore(tmp_path) as store:
        old, new = make(store, "1"), make(store, "2")
        probe = tmp_path / "probe"
        apply(probe, old)
        total = count(probe, new)
        assert total > 60
        environment = tmp_path / ".venv"
        apply(environment, old)
        for number in range(1 + (os.getpid() % 3), total + 1, 3):
            done = run_child(environment, new, fault.format(number))
            if fault.startswith("kill"):
                assert done.returncode == -signal.SIGKILL, (number, done.stderr)
            found = versions(environment)
            assert found in {"1 1", "2 2"}, number
            if fault == "fail:{}:ENOSPC" and found == "1 1":
                assert done.stdout.startswith(f"refused {errno.ENOSPC}"), (number, done.stdout, done.stderr)
                assert not [name for name in os.listdir(environment / ".blast/generations") if name[0] == "."], number
            apply(environment, old)
            assert versions(environment) == "1 1", number


def test_the_first_environment_of_a_project(tmp_path: Path) -> None:
    with WheelStore(tmp_path) as store:
        stored = make(store, "1")
        total = count(tmp_path / "probe", stored)
        for number in range(1 + (os.getpid() % 5), total + 1, 5):
            environment = tmp_path / f"p{number}" / ".venv"
            environment.parent.mkdir()
            # What is prepared beside the trees is written anew, too, and the first registration.
            shutil.rmtree(tmp_path / "home/i1", ignore_errors=True)
            shutil.rmtree(tmp_path / "home/roots", ignore_errors=True)
            done = run_child(environment, stored, f"kill:{number}")
            assert done.returncode == -signal.SIGKILL, (number, done.stderr)
            apply(environment, stored)
            assert versions(environment) == "1 1", number


def test_taking_over_another_tools_environment(tmp_path: Path) -> None:
    with WheelStore(tmp_path) as store:
        stored = make(store, "1")

        def make_foreign(name: str) -> Path:
            environment = tmp_path / name / ".venv"
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
            return environment

        total = count(make_foreign("probe"), stored)
        for number in range(max(total - 40, 1), total + 1, 2):
            environment = make_foreign(f"p{number}")
            run_child(environment, stored, f"kill:{number}")
            code = "import sys; print(sys.prefix)"
            line = [str(environment / "bin/python"), "-c", code]
            assert subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip() == str(environment)
            apply(environment, stored)
            assert versions(environment) == "1 1", number
            assert os.listdir(environment.parent) == [".venv"], number
