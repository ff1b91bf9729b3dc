"""A sync that was done before, in a new checkout: linked again from one small file, and the same as by the long way.

Whatever decides what an environment holds sends the command the long way when it changes. Which way was gone is told by
the modules: the long way opens the database.
"""

from __future__ import annotations

import marshal
import os
import shutil
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from blast_cli.testing import Blast

pytestmark = [pytest.mark.acceptance, pytest.mark.skipif(os.name == "nt", reason="the quick way is for POSIX alone")]

# Over those of a bare interpreter. Each costs time: a new one needs a measurement and a reason.
_ALLOWED = {
    "__future__",
    "_collections",
    "_struct",  # of fcntl, for locks
    "blast_cli",
    "blast_cli.bundle",
    "blast_cli.changed",
    "blast_cli.commands",
    "blast_cli.commands._shared",
    "blast_cli.hot",
    "blast_cli.interrupts",
    "blast_cli.main",
    "blast_cli.outcome",
    "blast_cli.output",
    "blast_cli.resync",
    "blast_core",
    "blast_core._sync_files",
    "blast_core.boot",
    "blast_core.errors",
    "blast_core.fnv",
    "blast_core.fs",
    "blast_core.home",
    "blast_core.interpreter",
    "blast_core.names",
    "blast_core.reporter",
    "blast_core.tuples",
    "blast_pm",
    "blast_pm.install",
    "blast_pm.install.decisions",
    "blast_pm.install.link",
    "blast_pm.install.making",
    "blast_pm.install.prepared",
    "blast_pm.store",
    "blast_pm.store.durability",
    "blast_pm.store.flushing",
    "blast_pm.store.home",
    "blast_pm.store.leases",
    "blast_pm.store.locks",
    "blast_pm.store.roots",
    "blast_pm.store.rows",
    "blast_project",
    "blast_project.environment",
    "blast_project.environment.activate",
    "blast_project.environment.drift",
    "blast_project.environment.generations",
    "blast_project.environment.layout",
    "blast_project.environment.leases",
    "blast_project.environment.manager",
    "blast_project.environment.settled",
    "blast_project.environment.skeleton",
    "blast_project.environment.state",
    "blast_project.exclusive",
    "blast_project.hot_key",
    "blast_project.kept_syncs",
    "blast_project.resyncing",
    "errno",
    "fcntl",
    "gc",
    "zlib",  # 0.3 ms; the checksums of the lock's memo
}


@pytest.fixture
def checkouts(project: Blast, tmp_path: Path) -> Callable[[str], Blast]:
    """Makes checkouts of a project that was synced into another directory before, and so is kept."""
    project("add", "alpha", "gamma")
    project("sync")

    def checkout(name: str) -> Blast:
        shutil.copytree(project.directory, tmp_path / name, ignore=shutil.ignore_patterns(".venv"))
        return project.at(tmp_path / name)

    checkout("kept")("sync")
    assert kept_files(project)
    return checkout


def kept_files(blast: Blast) -> list[Path]:
    return sorted(blast.home.glob("projects/sync-*"))


def is_quick(blast: Blast, *words: str) -> bool:
    """Run a command, which must succeed, and tell whether it went the quick way."""
    found = blast.imported(*words or ("sync",))
    assert ("lmdb" in found) == ("blast_pm.metadata.store" in found)
    return "lmdb" not in found


def entries(root: Path) -> dict[str, tuple[Any, ...]]:
    """Return what each entry below is: the target of a link, the inode of a linked file, the content of an own one."""
    found: dict[str, tuple[Any, ...]] = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            below = os.path.relpath(path, root)
            status = os.lstat(path)
            kind = stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode)
            if stat.S_ISLNK(status.st_mode):
                found[below] = (*kind, os.readlink(path))
            elif stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
                found[below] = (*kind, status.st_ino)
            elif stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    found[below] = (*kind, file.read())
            else:
                found[below] = kind
    return found


def environment_of(blast: Blast) -> dict[str, object]:
    """Return the entries of an environment, without what tells time and place."""
    found = entries(blast.directory / ".venv")
    # A registration with the store is one of its own.
    del found[".blast/root"]
    meta = ".blast/generations/1/.meta/generation"
    kind, mode, content = found[meta]
    version, row, *boot = marshal.loads(content)
    found[meta] = (kind, mode, version, row[:2], row[3:], boot)
    *modes, state = found[".blast/state"]
    # Version, options, generation and packages; and which site-packages, behind the times.
    found[".blast/state"] = (*modes, state[:6], state[8:24], state[192:].split(b"\0")[0])
    here = os.fsencode(blast.directory)
    return {
        path: tuple(part.replace(here, b"HERE") if isinstance(part, bytes) else part for part in entry)
        for path, entry in found.items()
    }


def test_imports_of_a_sync_that_is_kept(checkouts: Callable[[str], Blast]) -> None:
    second = checkouts("second")
    found = second.imported("sync")
    assert found <= _ALLOWED, f"new on the way of a kept sync: {sorted(found - _ALLOWED)}"
    assert "blast_project.resyncing" in found
    assert second.python("import alpha, gamma; print(alpha.VERSION)") == "2.0"


def test_files_that_a_kept_sync_opens(checkouts: Callable[[str], Blast]) -> None:
    """Of the project its four files, of the store the kept sync and three locks; no database."""
    second = checkouts("second")
    # What is younger than a tick of the file system's clock is compared once more.
    time.sleep(0.1)
    program = """
import os, sys
import blast_cli.main as m
seen = []
def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and not (arguments[2] or 0) & (os.O_CREAT | os.O_DIRECTORY):
        seen.append(arguments[0])
def leave(status):
    print(*[path for path in seen if not path.endswith((".py", ".pyc", ".so", ".bundle"))], sep="\\n")
    sys.stdout.flush()
    os._exit(status)
m._leave = leave
sys.addaudithook(hook)
m.main(["sync", "-q"])
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=second.directory,
        env=second.variables(),
        capture_output=True,
        text=True,
        check=True,
    )
    home, root = str(second.home), str(second.directory)
    opened = done.stdout.splitlines()
    store = sorted(
        path.removeprefix(home + "/") for path in opened if path.startswith(home + "/") and "/i1/" not in path
    )
    # A registration that stands is read before it is replaced.
    others = [path for path in store if not path.startswith(("t/", "projects/sync-", "roots/"))]
    assert others == ["store/lock"]
    own = [path.removeprefix(root + "/") for path in opened if path.startswith(root + "/") and "/.venv/" not in path]
    assert {name: own.count(name) for name in own if not name.startswith(".python-version")} == {
        # The hot path looks whether they are as they were; these are the readings.
        "pyproject.toml": 1,
        "blast.lock": 1,
        "pylock.toml": 1,
        "blast.toml": 1,
    }
    assert not any("lmdb" in path for path in opened)


def test_the_environment_is_that_of_the_long_way(checkouts: Callable[[str], Blast]) -> None:
    quick, long = checkouts("quick"), checkouts("long")
    assert is_quick(quick)
    for path in kept_files(long):
        path.unlink()
    assert not is_quick(long)
    assert environment_of(quick) == environment_of(long)
    histories = [blast.json("history") for blast in (quick, long)]
    for history in histories:
        for row in history["generations"]:
            row["created"] = ""
    assert histories[0] == histories[1]
    # The state answers, and so does the memo of the lock.
    for words in (("sync",), ("lock",), ("run", "python", "-c", "pass")):
        assert "blast_cli.application" not in quick.imported(*words)
    # It is a root of the store, and goes on as any other.
    quick("cache", "gc", "--older-than", "0d")
    quick("remove", "gamma")
    quick("undo")
    assert quick.python("import alpha, gamma; print(alpha.VERSION)") == "2.0"


def test_both_ways_say_the_same(checkouts: Callable[[str], Blast]) -> None:
    def said(blast: Blast) -> list[str]:
        lines = blast("sync").stderr.splitlines()
        return [line for line in lines if " ms " not in line and " s (" not in line]

    quick, long = checkouts("quick"), checkouts("long")
    first = said(quick)
    for path in kept_files(long):
        path.unlink()
    assert first == said(long)
    assert any("alpha 2.0" in line for line in first)


def test_run_makes_the_environment_and_becomes_the_program(checkouts: Callable[[str], Blast]) -> None:
    second = checkouts("second")
    shutil.rmtree(second.home / "store" / "meta.lmdb", ignore_errors=True)
    done = second("run", "python", "-c", "import alpha; print(alpha.VERSION)")
    assert (done.stdout, done.stderr) == ("2.0\n", "")
    assert [row["command"] for row in second.json("history")["generations"]] == ["run"]
    # What is not in the environment is looked for on PATH.
    assert checkouts("third")("run", "true").stderr == ""


def change_manifest(blast: Blast) -> None:
    path = blast.directory / "pyproject.toml"
    path.write_text(path.read_text() + "\n# more\n")


def change_lock(blast: Blast) -> None:
    change_manifest(blast)
    blast("add", "--no-sync", "beta")


def change_text(blast: Blast) -> None:
    path = blast.directory / "pylock.toml"
    path.write_text(path.read_text() + "# more\n")


def add_settings(blast: Blast) -> None:
    (blast.directory / "blast.toml").write_text('link-mode = "copy"\n')


def add_user_settings(blast: Blast) -> None:
    path = blast.home.with_name(f"{blast.home.name}-config") / "config.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text('link-mode = "copy"\n')


def name_a_mode(blast: Blast) -> None:
    blast.environ["BLAST_LINK_MODE"] = "hardlink"


def set_an_option(blast: Blast) -> None:
    blast.environ["BLAST_NO_DEV"] = "1"


def name_a_version(blast: Blast) -> None:
    # Asked for by the variable otherwise, which goes before.
    blast.environ["BLAST_PYTHON"] = ""
    (blast.directory / ".python-version").write_text(f"{sys.version_info[0]}.{sys.version_info[1]}\n")


def lose_a_tree(blast: Blast) -> None:
    gone = next(path.parent for path in blast.home.glob("t/*/alpha") if path.is_dir())
    for folder, _, _ in os.walk(gone):
        os.chmod(folder, 0o755)
    shutil.rmtree(gone)


def go_down(blast: Blast) -> None:
    (blast.home / "unsynced").mkdir(exist_ok=True)
    (blast.home / "unsynced" / "other-0123456789ab").write_text("1\n")


def damage(blast: Blast) -> None:
    for path in kept_files(blast):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0x55
        path.write_bytes(content)


def cut(blast: Blast) -> None:
    for path in kept_files(blast):
        path.write_bytes(path.read_bytes()[:-100])


def belong_to_a_workspace(blast: Blast) -> None:
    above = '[project]\nname = "above"\nversion = "1"\nrequires-python = ">=3.8"\n'
    members = f'[tool.blast.workspace]\nmembers = ["{blast.directory.name}"]\n'
    (blast.directory.parent / "pyproject.toml").write_text(above + members)


def stand_in_the_way(blast: Blast) -> None:
    (blast.directory / ".venv").mkdir()


_CHANGES = [
    change_manifest,
    change_lock,
    change_text,
    add_settings,
    add_user_settings,
    name_a_mode,
    set_an_option,
    name_a_version,
    lose_a_tree,
    go_down,
    damage,
    cut,
    stand_in_the_way,
    # The last one, for it is above all checkouts.
    belong_to_a_workspace,
]


def test_whatever_decides_sends_it_the_long_way(checkouts: Callable[[str], Blast]) -> None:
    for number, change in enumerate(_CHANGES):
        # What was kept may have given way to another one: of 32 places two may be the same.
        assert is_quick(checkouts(f"a-{number}")) or is_quick(checkouts(f"b-{number}")), f"before {change.__name__}"
        changed = checkouts(f"changed-{number}")
        change(changed)
        assert not is_quick(changed), change.__name__
        if change is belong_to_a_workspace:
            assert (changed.directory.parent / "blast.lock").exists()
            break
        assert changed.python("import alpha; print(alpha.VERSION)") == "2.0"
        if change is add_user_settings:
            (changed.home.with_name(f"{changed.home.name}-config") / "config.toml").unlink()


def test_a_workspace_elsewhere_above_is_none_of_its_own(checkouts: Callable[[str], Blast]) -> None:
    second = checkouts("second")
    (second.directory.parent / "pyproject.toml").write_text('[tool.blast.workspace]\nmembers = ["others/*"]\n')
    assert is_quick(second)


def test_hooks_run(checkouts: Callable[[str], Blast]) -> None:
    """A manifest that mentions them goes the long way each time."""
    first = checkouts("first")
    manifest = first.directory / "pyproject.toml"
    manifest.write_text(
        manifest.read_text() + '\n[tool.blast.hooks]\npost-sync = ["python -c \'open(\\"ran\\", \\"w\\")\'"]\n'
    )
    first("sync")
    for name in ("a", "b"):
        shutil.copytree(first.directory, first.directory.parent / name, ignore=shutil.ignore_patterns(".venv", "ran"))
        again = first.at(first.directory.parent / name)
        assert not is_quick(again)
        assert (again.directory / "ran").exists()


def test_another_interpreter_behind_the_same_name(checkouts: Callable[[str], Blast], tmp_path: Path) -> None:
    link = tmp_path / "python"
    link.symlink_to(sys.executable)
    for name, expected in (("one", False), ("two", True)):
        blast = checkouts(name)
        blast.environ["BLAST_PYTHON"] = str(link)
        assert is_quick(blast) == expected
    # A wrapper that starts the same one; it might start another tomorrow.
    link.unlink()
    link.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    link.chmod(0o755)
    for name in ("three", "four"):
        blast = checkouts(name)
        blast.environ["BLAST_PYTHON"] = str(link)
        assert not is_quick(blast)


def test_a_command_for_itself_keeps_nothing(checkouts: Callable[[str], Blast]) -> None:
    for path in kept_files(checkouts("none")):
        path.unlink()
    for number, words in enumerate(
        (("--link-mode", "copy"), ("--inexact",), ("--no-dev",), ("--no-compile-bytecode",))
    ):
        blast = checkouts(f"own-{number}")
        blast("sync", *words, BLAST_COMPILE_BYTECODE="background" if "--no-compile-bytecode" in words else "never")
        assert kept_files(blast) == [], words


def test_bytecode_is_asked_for_until_it_is_there(checkouts: Callable[[str], Blast]) -> None:
    """Only as long as it is not known that all is compiled, the database is asked, and somebody started."""

    def sync(name: str) -> bool:
        blast = checkouts(name)
        blast.environ.update(BLAST_COMPILE_BYTECODE="background", CI="")
        return is_quick(blast)

    assert not sync("first")
    deadline = time.monotonic() + 60
    number = 0
    while not sync(f"more-{number}"):
        assert time.monotonic() < deadline
        number += 1
        time.sleep(0.2)
    assert sync("last")


def with_fault(blast: Blast, fault: str) -> subprocess.CompletedProcess[str]:
    """Sync with a fault that no variable tells of, which would send the command the long way; print the operations."""
    program = """
import os, sys
import blast_cli.main as m
from blast_core import fs
fs.set_fault(sys.argv[1])
def leave(status):
    assert "blast_project.resyncing" in sys.modules
    os.write(1, b"%d" % (fs.operations() if "lmdb" not in sys.modules else 0))
    os._exit(status)
m._leave = leave
m.main(["sync", "-q"])
"""
    return subprocess.run(
        [sys.executable, "-c", program, fault],
        cwd=blast.directory,
        env=blast.variables(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_killed_at_any_operation_it_leaves_what_the_next_one_completes(checkouts: Callable[[str], Blast]) -> None:
    whole = checkouts("whole")
    operations = int(with_fault(whole, "").stdout)
    assert operations > 60
    for point in range(1, operations + 1, 6):
        blast = checkouts(f"killed-{point}")
        assert with_fault(blast, f"kill:{point}").returncode == -9, point
        blast("sync")
        assert blast.python("import alpha, gamma; print(alpha.VERSION)") == "2.0", point
        assert set(os.listdir(blast.directory)) == {*os.listdir(whole.directory)}, point
    assert whole("cache", "verify").returncode == 0


def test_a_disk_that_refuses_is_told_by_the_long_way(checkouts: Callable[[str], Blast]) -> None:
    blast = checkouts("full")
    done = with_fault(blast, "fail:40+:ENOSPC")
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert blast("sync").returncode == 0
