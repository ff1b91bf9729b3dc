"""``undo``, ``redo`` and ``rollback`` without parsing do the same as by the long way, which takes what is not plain."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from blast_cli.testing import Blast

pytestmark = pytest.mark.acceptance

# Each costs time: a new one needs a measurement and a reason. All together are 4 ms, those of the long way 12.
_ALLOWED = {
    "__future__",
    "blast_cli",
    "blast_cli.bundle",
    "blast_cli.changed",
    "blast_cli.hot",
    "blast_cli.hot_move",
    "blast_cli.interrupts",
    "blast_cli.main",
    "blast_cli.output",
    "blast_core",
    "blast_core._sync_files",
    "blast_core.boot",
    "blast_core.fnv",
    "blast_core.fs",
    "blast_core.home",
    "blast_pm",
    "blast_pm.store",
    "blast_pm.store.locks",
    "blast_project",
    "blast_project.environment",
    "blast_project.environment.layout",
    "blast_project.environment.settled",
    "blast_project.environment.state",
    "blast_project.exclusive",
    "blast_project.hot_key",
    "blast_project.moving",
    "errno",
    "fcntl",
}
_FILES = ("pyproject.toml", "blast.lock", "pylock.toml")


@pytest.fixture
def moved(project: Blast) -> Blast:
    """A project with generations of alpha, and of alpha and gamma."""
    project("add", "alpha")
    project("add", "gamma")
    return project


def read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def look(blast: Blast) -> dict[str, object]:
    """Return all that going back and forth is about."""
    environment = blast.directory / ".venv"
    state = read(environment / ".blast" / "state")
    found: dict[str, object] = {name: read(blast.directory / name) for name in _FILES}
    found["current"] = (environment / ".blast" / "current").readlink()
    found["entries"] = sorted((path.name, path.is_symlink()) for path in environment.iterdir())
    # Head and paths; between them are inodes and times.
    found["state"] = state[:32] + state[192:]
    found["jump"] = read(environment / ".blast" / "jump")
    return found


def is_quick(blast: Blast, *words: str) -> bool:
    """Run a command, whatever its status, and tell whether it went without the long way."""
    program = f"""
import os, sys
leave = os._exit
def tell(status):
    print("long" if "blast_cli.application" in sys.modules else "quick", flush=True)
    leave(0)
os._exit = tell
from blast_cli.main import main
main({list(words)!r})
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=blast.directory,
        env=blast.variables(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.endswith("quick\n")


def test_imports_are_on_the_list(moved: Blast) -> None:
    for words in (("undo",), ("redo",), ("rollback", "1"), ("undo", "-q")):
        ours = moved.imported(*words)
        assert ours <= _ALLOWED, f"new on the hot path: {sorted(ours - _ALLOWED)}"
        assert "blast_project.moving" in ours


def test_both_ways_say_and_do_the_same(moved: Blast) -> None:
    # First all that is plain, then with a word that only the long way reads, from the same state each time.
    shutil.copytree(moved.directory, moved.directory.parent / "kept", symlinks=True)
    seen: list[list[object]] = []
    for more in ((), ("--color=auto",)):
        shutil.rmtree(moved.directory)
        shutil.copytree(moved.directory.parent / "kept", moved.directory, symlinks=True)
        steps: list[object] = []
        for words in (("undo",), ("redo",), ("rollback", "1"), ("undo",), ("rollback", "2"), ("undo",), ("undo",)):
            done = moved.run(*words, *more)
            steps.append((words, done.returncode, done.stdout, done.stderr, look(moved)))
        seen.append(steps)
        moved("sync")
        assert moved("sync").stderr.startswith("The environment is up to date")
    assert seen[0] == seen[1]


def test_an_edit_is_never_lost(moved: Blast) -> None:
    for name in _FILES:
        path = moved.directory / name
        before = path.read_bytes()
        path.write_bytes(before[:-1] + b"#")
        done = moved.run("undo")
        assert done.returncode != 0
        assert f"{name} changed since" in done.stderr
        assert path.read_bytes() == before[:-1] + b"#"
        path.write_bytes(before)
    assert is_quick(moved, "undo")


def test_what_is_restored_is_nobody_elses(moved: Blast) -> None:
    """An editor that writes in place changes no generation."""
    moved("undo")
    for name in _FILES:
        path = moved.directory / name
        kept = moved.directory / ".venv/.blast/current/.meta" / name
        before = kept.read_bytes()
        assert not path.samefile(kept)
        with path.open("r+b") as file:
            file.write(b"!")
        assert kept.read_bytes() == before


def test_a_file_that_is_gone_is_restored(moved: Blast) -> None:
    expected = moved.directory / ".venv/.blast/generations/2/.meta"
    number = int(moved.json("history")["generations"][-2]["number"])
    expected = moved.directory / f".venv/.blast/generations/{number}/.meta"
    for name in _FILES:
        (moved.directory / name).unlink()
    shutil.copy(expected / "pyproject.toml", moved.directory)
    assert is_quick(moved, "undo")
    assert all((moved.directory / name).read_bytes() == (expected / name).read_bytes() for name in _FILES)


def test_what_is_in_the_way_takes_the_long_way(moved: Blast) -> None:
    environment = moved.directory / ".venv"

    def leave(path: Path) -> None:
        path.write_text("")

    def put_aside() -> None:
        (environment / "bin").unlink()
        (environment / "bin").mkdir()

    ways: dict[str, Callable[[], object]] = {
        "left beside the manifest": lambda: leave(moved.directory / ".pyproject.toml.4194305.00.blast-tmp"),
        "left in the environment": lambda: leave(environment / ".bin.4194305.00.blast-tmp"),
        "a marker": (environment / ".gitignore").unlink,
        "an entry": put_aside,
        "another entry": lambda: (environment / "extra").symlink_to(".blast/current/extra"),
        "lib64": (environment / "lib64").unlink,
    }
    for what, change in ways.items():
        change()
        assert not is_quick(moved, "undo"), what
        assert "gamma" not in (moved.directory / "pyproject.toml").read_text(), what
        assert is_quick(moved, "redo"), what
    leave(environment / ".blast" / "hooks")
    assert not is_quick(moved, "undo")


def test_other_words_variables_and_settings_take_the_long_way(moved: Blast) -> None:
    for words in (
        ("undo", "--force"),
        ("redo", "--json"),
        ("rollback",),
        ("rollback", "99"),
        ("rollback", "1", "2"),
        ("rollback", "²"),
        ("undo", "1"),
    ):
        assert not is_quick(moved, *words), words
    assert not is_quick(moved.at(moved.directory, BLAST_JSON="1"), "undo")
    moved("redo")
    assert not is_quick(moved.at(moved.directory, BLAST_BOOT_ID="another0start"), "undo") or not Path("/proc").is_dir()
    moved("redo")
    config = Path(f"{moved.home}-config")
    config.mkdir()
    (config / "config.toml").write_text("quiet = true\n")
    assert not is_quick(moved, "undo")


def test_a_member_goes_back_with_its_workspace(moved: Blast) -> None:
    member = moved.directory / "packages" / "one"
    member.mkdir(parents=True)
    (member / "pyproject.toml").write_text('[project]\nname = "one"\nversion = "1"\n')
    manifest = moved.directory / "pyproject.toml"
    manifest.write_text(manifest.read_text() + '\n[tool.blast.workspace]\nmembers = ["packages/*"]\n')
    moved("sync")
    inside = moved.at(member)
    inside("add", "delta")
    assert is_quick(inside, "undo")
    assert "delta" not in (moved.directory / "blast.lock").read_bytes().decode("latin-1")


def test_who_holds_the_lock_is_waited_for(moved: Blast) -> None:
    program = f"""
import sys
from blast_project.exclusive import exclusive_below
with exclusive_below({str(moved.home)!r}, {str(moved.directory)!r}):
    print("held", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env=moved.variables(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "held\n"
        before = look(moved)
        done = moved.run("undo", BLAST_LOCK_TIMEOUT="0.2")
        assert done.returncode != 0
        assert "another process holds" in done.stderr
        assert look(moved) == before
        holder.stdin.close()
    assert is_quick(moved, "undo")


def test_a_disk_that_refuses_is_no_second_undo(moved: Blast) -> None:
    """What fails before the switch is tried by the long way; what fails after it is told."""
    after, before = moved.directory / ".venv/.blast/generations/2", moved.directory / ".venv/.blast/generations/3"
    count = int(moved("undo", BLAST_COUNT_OPERATIONS="1").stderr.rpartition("operations: ")[2])
    moved("redo")
    seen = set()
    for number in range(1, count + 1):
        done = moved.run("undo", BLAST_FAULT=f"fail:{number}:ENOSPC")
        where = (moved.directory / ".venv/.blast/current").resolve()
        assert where == after, number
        assert (moved.directory / "pyproject.toml").read_bytes() == (after / ".meta/pyproject.toml").read_bytes()
        assert done.returncode == 0 or "No space left" in done.stderr
        seen.add(done.returncode)
        assert is_quick(moved, "redo") or number
        assert (moved.directory / ".venv/.blast/current").resolve() == before
    assert len(seen) == 2
