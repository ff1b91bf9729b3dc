"""Killed at real system calls, those of LMDB, transports and child processes too; and which calls change files."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing_forks import ForkServer
from blast_cli.testing_worlds import SCENARIOS, World
from blast_core._faults import MARK
from blast_pm.testing import StaticIndex, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from blast_cli.testing import Blast


def _has_strace() -> bool:
    if sys.platform != "linux" or shutil.which("strace") is None:
        return False
    line = ["strace", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", "inject=rename:error=EIO", "true"]
    return subprocess.run(line, capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.crash,
    pytest.mark.skipif(not _has_strace(), reason="NO STRACE: apt-get install strace; it has to be allowed to trace"),
]

_ALL = bool(os.environ.get("BLAST_TESTS_SLOW"))
_POINTS = 4
# Calls that change what stands in directories, and calls that change what stands in files.
_NAMES = (
    "openat,open,creat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,mkdir,mkdirat,unlink,unlinkat,rmdir,"
    "chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat,utimensat,mknod,mknodat,setxattr,fsetxattr"
)
_CONTENTS = "write,pwrite64,writev,pwritev,pwritev2,truncate,ftruncate,fallocate,copy_file_range,sendfile"
_FLUSHES = "fsync,fdatasync,msync,syncfs"
_LOOKS = "access,faccessat,faccessat2"
_COMMANDS = {scenario.name: scenario for scenario in SCENARIOS}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    """Wheels so large that they are unpacked by processes beside."""
    directory = tmp_path_factory.mktemp("wheels")
    noise = random.Random(4)
    for name in ("beta", "gamma"):
        make_wheel(directory, name, "1", files={f"{name}/__init__.py": b"", f"{name}/data": noise.randbytes(4 << 20)})
    scripts = "[console_scripts]\nalpha = alpha:main\n"
    make_wheel(directory, "alpha", "1", ["beta"], files={"alpha/__init__.py": b""}, entry_points=scripts)
    make_wheel(directory, "space-one", "1", files={"space/one/__init__.py": b""})
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with ForkServer() as server:
        yield server


def strace(blast: Blast, options: list[str], *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command under strace."""
    return subprocess.run(
        ["strace", "-f", "--seccomp-bpf", *options, sys.executable, "-m", "blast_cli", *words],
        cwd=blast.directory,
        env=blast.variables(PYTHONDONTWRITEBYTECODE="1", **more),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def kill_at(blast: Blast, calls: str, number: int, *words: str) -> bool:
    """Run the command; the process that first makes so many of these calls dies. Tell whether one did."""
    options = ["-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:signal=KILL:when={number}"]
    return strace(blast, options, *words).returncode != 0


@pytest.mark.parametrize("calls", [_NAMES, _CONTENTS, _FLUSHES], ids=["names", "contents", "flushes"])
@pytest.mark.parametrize("name", ["first-add", "sync", "gc", "compile"])
def test_killed_at_system_calls(server: ForkServer, index: StaticIndex, name: str, calls: str) -> None:
    scenario = _COMMANDS[name]
    with World(server, index.url, scenario) as world:
        number, tried = 0, 0
        while True:
            # Not of all of the many calls by which Python imports.
            number += 1 if _ALL else random.randint(1, 2 if calls == _FLUSHES else 40)
            world.put_back()
            killed = kill_at(world.blast, calls, number, *scenario.words)
            try:
                world.check_goes_on(is_new=world.check_old_or_new())
            except AssertionError as error:
                error.add_note(f"{scenario.words} killed at the {number}th of {calls}")
                raise
            tried += 1
            if not killed or (tried >= _POINTS and not _ALL):
                break


# What changes files without `blast_core.fs`, and why that is right.
_ALLOWED = (
    # LMDB commits by one write of a page; `meta.lmdb-lock` lets its readers be seen.
    re.compile(r"/home/store/meta\.lmdb(-lock|-rebuild)?$"),
    # Devices, pipes, sockets and what is in memory only.
    re.compile(r"^(/dev/(null|tty|pts/\d+)$|pipe:|socket:|anon_inode:|/memfd:|UNIX|TCP)"),
    # Its date says when it was last of use; content comes by a rename, of the temporary file's name.
    re.compile(r"/home/projects/[0-9a-f]+\.parts$"),
    # The file is new and has no other name yet; making it was the numbered operation.
    re.compile(r"\.blast-tmp$"),
)
# Who opens a file to write to it, or to lock it, has changed nothing yet.
_OPENS_TO_CHANGE = re.compile(r"O_(CREAT|TRUNC)")
_LINE = re.compile(r"^(\w+)\((.*)\)\s+= (-?\d+|\?)(.*)$")
_HERE = re.compile(r"AT_FDCWD<(?:[^<>\\]|\\.)+>")
_PATHS = re.compile(r'<((?:[^<>\\]|\\.)+)>|"((?:[^"\\]|\\.)*)"')


def unannounced(log: str) -> Iterator[str]:
    """Yield the calls of one thread that change a file and that no look at the mark came before."""
    announced = False
    covered = ""
    for line in log.splitlines():
        found = _LINE.match(line)
        if found is None or found[3].startswith("-"):
            announced = announced or MARK in line
            continue
        call, arguments = found[1], _HERE.sub("", found[2])
        if MARK in arguments:
            announced = True
            continue
        if call in _LOOKS.split(",") or (call.startswith("open") and not _OPENS_TO_CHANGE.search(arguments)):
            continue
        paths = [one or other for one, other in _PATHS.findall(f"{arguments} {found[4]}")]
        # One operation may take several calls of one kind: a long write, the three renames of an exchange.
        target = f"{call} {paths[:1]}"
        if not (announced or target == covered or any(rule.search(path) for rule in _ALLOWED for path in paths)):
            yield line
        covered, announced = target, False


@pytest.mark.parametrize("name", ["first-add", "sync", "copies", "undo", "gc", "verify", "compile"])
def test_every_change_of_a_file_is_numbered(server: ForkServer, index: StaticIndex, tmp_path: Path, name: str) -> None:
    scenario = _COMMANDS[name]
    with World(server, index.url, scenario) as world:
        world.put_back()
        calls = ",".join((_NAMES, _CONTENTS, _LOOKS))
        options = ["-ff", "-y", "-s", "4096", "-o", str(tmp_path / "log"), "-e", f"trace={calls}"]
        done = strace(world.blast, options, *scenario.words, BLAST_FAULT="mark")
        assert done.returncode == 0, done.stderr
        logs = [path.read_text(errors="replace") for path in sorted(tmp_path.glob("log.*"))]
        # What would be found if nothing announced it.
        assert len([line for log in logs for line in unannounced(log.replace(MARK, "/elsewhere"))]) > 3
        assert [line for log in logs for line in unannounced(log)] == []
