"""The power goes at any moment: what a command reported done is there and verifies, or its loss is noticed and mended.

A command is recorded change by change; then the disk shows what a file system may have kept of it, and the machine is
up again under another identity of its start. ``BLAST_POWER_CUTS`` tries more moments.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

from blast_core.testing_power import Disk, Step, read_recording

if TYPE_CHECKING:
    from pathlib import Path

    from blast_cli.testing import Blast

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no /proc: power losses are NOT simulated"),
]

_CUTS = int(os.environ.get("BLAST_POWER_CUTS", "12"))
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
_COMMANDS = (("add", "alpha", "space-one"), ("add", "delta", "alpha<2"), ("undo",), ("sync", "--link-mode", "copy"))


class Recording(NamedTuple):
    """Some commands: what was there before, the steps, and after each command where it ended and what then stood."""

    blast: Blast
    before: Disk
    steps: list[Step]
    ends: list[int]
    files: list[dict[str, bytes]]


@pytest.fixture(params=["later", "now"])
def recorded(project: Blast, request: pytest.FixtureRequest) -> Recording:
    """Commands as they run where marks are made, and where everything is flushed before its row."""
    flush = "never" if request.param == "later" else "now"
    project.environ["BLAST_FLUSH"] = flush
    root = project.directory.parent
    log = root.parent / f"{root.name}.log"
    log.unlink(missing_ok=True)
    before = Disk(str(root))
    ends, files = [], [_files(project)]
    for words in _COMMANDS:
        line = [sys.executable, "-c", _RECORDED, str(log), *words]
        done = subprocess.run(
            line, cwd=project.directory, env=project.variables(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        ends.append(len(read_recording(str(log))))
        files.append(_files(project))
    steps = read_recording(str(log))
    log.unlink()
    return Recording(project, before, steps, ends, files)


def _files(blast: Blast) -> dict[str, bytes]:
    names = ("pyproject.toml", "blast.lock", "pylock.toml")
    return {name: (blast.directory / name).read_bytes() for name in names if (blast.directory / name).exists()}


def test_the_recording_holds_what_happened(recorded: Recording) -> None:
    """Played to its end with nothing lost, it is the disk as it stands."""

    class Nothing(random.Random):
        def random(self) -> float:
            return 1.0

        def randint(self, a: int, b: int) -> int:
            del a
            return b

        def choice(self, options: object) -> object:  # type: ignore[override]
            return options[2] if len(options) == 5 else options[-1]  # type: ignore[index,arg-type]

    disk = recorded.before
    expected = _listing(recorded.blast.directory.parent)
    disk.play([*recorded.steps, ("flush all",)], "ordered", Nothing())
    disk.write()
    found = _listing(recorded.blast.directory.parent)
    differing = {path for path in expected.keys() | found.keys() if expected.get(path) != found.get(path)}
    assert not {path for path in differing if "lock" not in os.path.basename(path) and "meta.lmdb" not in path}


def _listing(root: Path) -> dict[str, bytes | str]:
    found: dict[str, bytes | str] = {}
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


@pytest.mark.parametrize("order", ["ordered", "unordered"])
def test_power_goes(recorded: Recording, order: str) -> None:
    blast = recorded.blast
    seed = int(os.environ.get("BLAST_POWER_SEED", "1"))
    # The moments after a command said that it was done are the ones that count most.
    cuts = [*recorded.ends, *(random.Random(seed).randint(0, len(recorded.steps)) for _ in range(_CUTS))]
    top = recorded.before
    for number, cut in enumerate(cuts):
        disk = Disk.__new__(Disk)
        disk.__dict__.update(_copied(top))
        disk.play(recorded.steps[:cut], order, random.Random(f"{seed} {number}"))
        disk.write()
        _check(recorded, cut, blast.at(blast.directory, BLAST_BOOT_ID=f"restarted{number}"))


def _copied(disk: Disk) -> dict[str, object]:
    import copy

    return copy.deepcopy(disk.__dict__)


def _check(recorded: Recording, cut: int, blast: Blast) -> None:
    where = f"power lost after step {cut} of {recorded.ends}"
    done = sum(end <= cut for end in recorded.ends)
    found = _files(blast)
    # A manifest is one that stood before or after the command that was under way; one that was reported done is kept.
    allowed = [recorded.files[done]["pyproject.toml"]]
    if done < len(recorded.ends):
        allowed.append(recorded.files[done + 1]["pyproject.toml"])
    assert found.get("pyproject.toml") in allowed, where
    if cut in recorded.ends and done:
        assert found == recorded.files[done], where
    synced = blast.run("sync")
    assert synced.returncode == 0, f"{where}: {synced.stderr}"
    expected = b"alpha" in found["pyproject.toml"]
    if expected:
        assert blast("run", "alpha").stdout.startswith("alpha "), where
        assert blast.python("import space.one; print(space.one.NAME)") == "one", where
    report = json.loads(blast.run("cache", "verify", "--json").stdout)
    # What nobody was told of, and no row vouches for, is replaced when it is fetched.
    assert not [row for row in report["findings"] if row["version"]], f"{where}: {report['findings']}"
    doctor = json.loads(blast.run("self", "doctor", "--json").stdout)
    assert doctor["problems"] == 0, f"{where}: {[row for row in doctor['checks'] if row['state'] == 'problem']}"


@pytest.fixture
def synced(project: Blast) -> Blast:
    """A project with two generations, neither of them flushed."""
    project("add", "alpha")
    project("add", "gamma")
    return project


def _meta(blast: Blast, number: int = 0) -> Path:
    generations = blast.directory / ".venv" / ".blast" / "generations"
    newest = max(int(name) for name in os.listdir(generations))
    return generations / str(number or newest) / ".meta"


def test_an_environment_that_was_not_flushed_is_looked_at_once(synced: Blast) -> None:
    assert "blast_core.boot" in synced.imported("sync")
    restarted = synced.at(synced.directory, BLAST_BOOT_ID="another")
    assert not (_meta(synced) / "settled").exists()
    done = restarted("sync")
    assert "up to date" in done.stderr
    assert "note" not in done.stderr
    assert (_meta(synced) / "settled").exists()
    # From now on nobody asks for the start of the machine.
    assert "blast_project.syncing" not in restarted.imported("sync")
    assert "blast_core.boot" not in restarted.imported("sync")


def test_the_flush_settles_an_environment(project: Blast) -> None:
    project("add", "alpha", BLAST_FLUSH="later")
    settled = _meta(project) / "settled"
    deadline = time.monotonic() + 60
    while (not settled.exists() or os.listdir(project.home / "unsynced")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert settled.exists()
    assert not settled.with_name("unsettled").exists()
    project("sync")
    assert "blast_core.boot" not in project.imported("sync")
    assert "up to date" in project("sync", BLAST_BOOT_ID="another").stderr


@pytest.mark.parametrize("spoiled", ["bin/activate", "pyvenv.cfg", "RECORD", "bin/alpha", ".meta/entries"])
def test_a_spoiled_environment_is_made_again(synced: Blast, spoiled: str) -> None:
    generation = _meta(synced).parent
    if spoiled == "RECORD":
        spoiled = str(next(generation.glob("lib/*/site-packages/alpha-*/RECORD")).relative_to(generation))
    path = generation / spoiled
    path.unlink()
    path.write_bytes(b"")
    before = _meta(synced)
    done = synced.at(synced.directory, BLAST_BOOT_ID="another")("sync")
    assert "the machine went down" in done.stderr
    assert _meta(synced) != before
    assert synced("run", "alpha").stdout == "alpha 2.0\n"


def test_going_back_to_a_spoiled_generation_makes_it_again(synced: Blast) -> None:
    restarted = synced.at(synced.directory, BLAST_BOOT_ID="another")
    restarted("sync")
    spoiled = _meta(synced, 2).parent / "bin" / "alpha"
    spoiled.unlink()
    spoiled.write_bytes(b"")
    done = restarted("undo")
    assert "generation 2 was spoiled" in done.stderr
    assert restarted("run", "alpha").stdout == "alpha 2.0\n"
    assert "gamma" not in (synced.directory / "pyproject.toml").read_text()
    assert "up to date" in restarted("sync").stderr


def test_a_spoiled_tree_is_noticed_before_it_is_run(synced: Blast) -> None:
    site = next((synced.directory / ".venv" / "lib").glob("python*/site-packages"))
    module = (site / "alpha" / "__init__.py").resolve()
    module.parent.chmod(0o755)
    module.unlink()
    module.write_bytes(b"")
    done = synced.at(synced.directory, BLAST_BOOT_ID="another")("run", "alpha")
    assert done.stdout == "alpha 2.0\n"
