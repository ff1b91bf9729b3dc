"""Commands with little to do import little: a sync of files that were synced before, and an undo.

Nothing here measures time. What costs it is listed instead: modules, flushes of the disk, looks at the index.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from blast_cli.testing import Blast
    from blast_pm.testing import StaticIndex

pytestmark = pytest.mark.acceptance

# Each costs time: a new one needs a measurement and a reason. `typing`, `re`, `argparse` and `tomllib` cost 5 to 10 ms
# of processor time each, all that is listed here together 10.
_COMMAND = {
    "__future__",
    "_collections",
    "_struct",
    "blast_cli",
    "blast_cli.application",
    "blast_cli.bundle",
    "blast_cli.catalog",
    "blast_cli.changed",
    "blast_cli.commands",
    "blast_cli.commands._environments",
    "blast_cli.commands._shared",
    "blast_cli.commands._upgrades",
    "blast_cli.exit_codes",
    "blast_cli.hot",
    "blast_cli.interrupts",
    "blast_cli.main",
    "blast_cli.options",
    "blast_cli.options_install",
    "blast_cli.outcome",
    "blast_cli.output",
    "blast_cli.plain",
    "blast_cli.progress",
    "blast_core",
    "blast_core._sync_files",
    "blast_core.boot",
    "blast_core.errors",
    "blast_core.fnv",
    "blast_core.fs",
    "blast_core.home",
    "blast_core.names",
    "blast_core.tuples",
    "blast_pm",
    "blast_pm.store",
    "blast_pm.store.durability",
    "blast_pm.store.home",
    "blast_pm.store.locks",
    "blast_project",
    "blast_project.changes",
    "blast_project.environment",
    "blast_project.environment.generations",
    "blast_project.environment.layout",
    "blast_project.environment.manager",
    "blast_project.environment.settled",
    "blast_project.environment.skeleton",
    "blast_project.environment.state",
    "blast_project.exclusive",
    "blast_project.hooks",
    "blast_project.hot_key",
    "blast_project.install_wishes",
    "blast_project.moving",
    "blast_project.project",
    "blast_project.session",
    "blast_project.settings",
    "errno",
    "fcntl",
    "gc",
    "struct",
}
_UNDO = {"blast_cli.commands.undo", "blast_cli.hot_move", "blast_project.undoing"}
_SYNC = {
    "blake3",
    "blake3.blake3",
    "blast_cli.commands.sync",
    "blast_cli.resync",
    "blast_core.interpreter",
    "blast_core.reporter",
    "blast_pm.install",
    "blast_pm.install.compose",
    "blast_pm.install.decisions",
    "blast_pm.install.link",
    "blast_pm.install.making",
    "blast_pm.install.merge",
    "blast_pm.install.origins",
    "blast_pm.install.plan",
    "blast_pm.install.prepared",
    "blast_pm.metadata",
    "blast_pm.metadata.sealing",
    "blast_pm.metadata.store",
    "blast_pm.store.cache",
    "blast_pm.store.flushing",
    "blast_pm.store.leases",
    "blast_pm.store.roots",
    "blast_pm.store.rows",
    "blast_pm.store.wanted",
    "blast_project.applying",
    "blast_project.bytecode",
    "blast_project.environment.activate",
    "blast_project.environment.drift",
    "blast_project.environment.leases",
    "blast_project.fetching",
    "blast_project.inputs",
    "blast_project.kept_syncs",
    "blast_project.lock_files",
    "blast_project.locking",
    "blast_project.operations",
    "blast_project.project_files",
    "blast_project.python",
    "blast_project.python.discover",
    "blast_project.python.probe",
    "blast_project.recipes",
    "blast_project.resyncing",
    "blast_project.selection",
    "blast_project.sync_keeping",
    "blast_project.syncing",
    "blast_project.wanted",
    "lmdb",
    "lmdb._envid",
    "lmdb.cpython",
    "zlib",  # 0.4 ms; the CRC that tells damage in the database
}
# Of other people's modules; of our own an add needs half.
_ADD = {
    "_bisect",
    "_blake2",
    "_datetime",
    "_heapq",
    "_operator",
    "binascii",
    "bisect",
    "datetime",
    "heapq",
    "itertools",
}
# That of Python 3.11, for datetime.
_ADD |= {"math", "operator"}


@pytest.fixture
def synced(project: Blast) -> Blast:
    project("add", "alpha")
    project("sync")
    return project


@pytest.fixture
def checkout(synced: Blast, tmp_path: Path) -> Blast:
    """Another checkout of a project that was synced on this machine."""
    shutil.copytree(synced.directory, tmp_path / "first", ignore=shutil.ignore_patterns(".venv"))
    synced.at(tmp_path / "first")("sync")
    shutil.copytree(synced.directory, tmp_path / "second", ignore=shutil.ignore_patterns(".venv"))
    return synced.at(tmp_path / "second")


def test_imports_of_an_undo(synced: Blast) -> None:
    synced("add", "gamma")
    # What needs nothing but a look goes another way: test_move_hot.py.
    assert synced.imported("undo", "--force") - _COMMAND - _UNDO == set()
    assert "gamma" not in (synced.directory / "pyproject.toml").read_text()


def test_imports_of_a_sync_into_another_checkout(checkout: Blast) -> None:
    # Kept ones need less: test_warm_sync.py.
    for path in checkout.home.glob("projects/sync-*"):
        path.unlink()
    assert checkout.imported("sync") - _COMMAND - _SYNC == set()
    assert checkout.python("import alpha; print(alpha.VERSION)") == "2.0"


# Who only locks needs no environment, no interpreter, no store of distributions and no addresses.
_NEEDLESS = {
    "blast_core.archive.headers",
    "blast_pm.resolver.analysis",
    "blast_pm.sources.git",
    "blast_pm.store.cache",
    "blast_project.environment.layout",
    "blast_project.operations",
    "blast_project.python.discover",
    "blast_project.sources",
}


def test_imports_of_an_add(checkout: Blast) -> None:
    """Neither a parser of TOML nor what it, or ``typing``, brings; the manifest is edited all the same."""
    checkout("add", "--no-sync", "gamma")
    (checkout.directory / "pyproject.toml").write_text((checkout.directory.parent / "first/pyproject.toml").read_text())
    checkout("lock")
    found = checkout.imported("add", "--no-sync", "gamma>=0.1")
    assert not found & _NEEDLESS
    assert {name for name in found if not name.startswith("blast_")} - _COMMAND - _SYNC - _ADD == set()
    assert '"gamma>=0.1"' in (checkout.directory / "pyproject.toml").read_text()
    again = checkout.imported("remove", "--offline", "--no-sync", "gamma")
    assert not again & {*_NEEDLESS, "blast_pm.metadata.source", "blast_pm.resolver.solver"}
    assert {name for name in again if not name.startswith("blast_")} - _COMMAND - _SYNC - _ADD == set()
    assert "gamma" not in (checkout.directory / "pyproject.toml").read_text()


def test_a_third_sync_of_the_same_files_decides_nothing(checkout: Blast, tmp_path: Path) -> None:
    checkout("sync")
    shutil.copytree(checkout.directory, tmp_path / "third", ignore=shutil.ignore_patterns(".venv"))
    third = checkout.at(tmp_path / "third")
    program = "import sys; from blast_pm.install import compose; compose.read_plan = compose.merge_plans = None; "
    program += "from blast_cli.main import main; main(['sync'])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=third.directory,
        env=third.variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert third.python("import alpha; print(alpha.VERSION)") == "2.0"


def test_a_sync_into_another_checkout_asks_nothing_of_the_index(checkout: Blast, index: StaticIndex) -> None:
    index.forget_requests()
    checkout("sync")
    assert index.paths() == []


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: flushes are NOT counted")
@pytest.mark.parametrize("words", [("sync",), ("undo",)], ids=lambda words: words[0])
def test_the_disk_is_waited_for_twice(checkout: Blast, tmp_path: Path, words: tuple[str, ...]) -> None:
    """Once for all contents together, once for the switch; what stands in one directory needs no wait of its own."""
    if words == ("undo",):
        checkout("sync")
        checkout("add", "gamma")
    log = tmp_path / "strace.log"
    program = f"import sys, os; from blast_cli.main import main; main({list(words)!r})"
    subprocess.run(
        ["strace", "-f", "-e", "trace=fsync,rename,renameat,renameat2", "-o", str(log), sys.executable, "-c", program],
        cwd=checkout.directory,
        env=checkout.variables(),
        check=True,
        capture_output=True,
    )
    calls = [line.split(maxsplit=1)[1] for line in log.read_text().splitlines() if "+++" not in line]
    # Runs of flushes with no rename between them.
    waits = sum(
        call.startswith("fsync") and (at == 0 or calls[at - 1].startswith("rename")) for at, call in enumerate(calls)
    )
    assert waits == 2, "\n".join(calls)
