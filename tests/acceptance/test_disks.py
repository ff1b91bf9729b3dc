"""Real disks that are full, read-only, somebody else's or in two parts, and real limits: a clear error or another way.

What can be mounted without rights is mounted in a namespace of its own (``unshare``), in which the command runs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing_forks import ForkServer
from blast_pm.store.testing import check_store
from blast_pm.testing import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from blast_cli.testing import Blast

pytestmark = [pytest.mark.acceptance, pytest.mark.crash]


def _can_mount() -> bool:
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return False
    line = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    return subprocess.run(line, capture_output=True, check=False).returncode == 0


# Root may do anything unless it gives these up.
_POWERS = "-dac_override,-dac_read_search,-fowner"
mounts = pytest.mark.skipif(not _can_mount(), reason="NO NAMESPACES: disks can't be mounted here without rights")
root = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or shutil.which("setpriv") is None,
    reason="NOT ROOT: nothing can be made another user's",
)


def inside(blast: Blast, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script in a mount namespace; ``$BLAST`` is the command and ``$HERE`` the project's parent."""
    command = f"{sys.executable} -m blast_cli"
    more = {"BLAST": command, "HERE": str(blast.directory.parent), **variables}
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", script],
        cwd=blast.directory,
        env=blast.variables(**more),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def check_refused(done: subprocess.CompletedProcess[str], *words: str, code: int = 1) -> None:
    """Check that a command ended with a clear error: what, why, what to do."""
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr, done.stderr
    lines = done.stderr.splitlines()
    assert any(line.startswith("error: ") for line in lines), done.stderr
    assert any(line.startswith("  try: ") for line in lines), done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def contents(project: Blast) -> dict[str, bytes]:
    names = ("pyproject.toml", "blast.lock", "pylock.toml")
    found = (project.directory / name for name in names)
    return {path.name: path.read_bytes() for path in found if path.exists()}


@pytest.fixture
def noise(tmp_path: Path) -> str:
    """Bytes that don't shrink, as a wheel of 3 MB; and the wheel's address."""
    directory = tmp_path / "big"
    directory.mkdir()
    return make_wheel(directory, "noise", "1", files={"noise/__init__.py": b"", "noise/data": os.urandom(3 << 20)})


@mounts
@pytest.mark.parametrize("small", ["store", "environment", "project"])
def test_a_full_disk(project: Blast, noise: str, small: str) -> None:
    project("add", "alpha")
    before = contents(project)
    place = {
        "store": "$HERE/home",
        "environment": f"{project.directory}/.venv",
        "project": str(project.directory),
    }[small]
    copies = "--link-mode copy" if small != "store" else ""
    script = f"""
        mkdir -p $HERE/disk && mount -t tmpfs -o size=2m tmpfs $HERE/disk
        cp -a {place}/. $HERE/disk/ && mount --bind $HERE/disk {place} && cd {project.directory}
        $BLAST add {noise} {copies} && exit 99
        code=$?
        .venv/bin/python -c 'import alpha' || exit 98
        cmp pyproject.toml $HERE/manifest || exit 97
        ls -a . .venv/.blast/generations $BLAST_HOME/tmp >&2
        $BLAST sync || exit 96
        exit $code
    """
    (project.directory.parent / "manifest").write_bytes(before["pyproject.toml"])
    check_refused(inside(project, script), "No space left", "free some space")
    assert contents(project) == before


@mounts
def test_a_store_on_another_disk(project: Blast) -> None:
    """Hard links can't be made: links by name and copies, and still in one instant."""
    script = """
        mkdir -p $HERE/disk && mount -t tmpfs tmpfs $HERE/disk
        BLAST_HOME=$HERE/disk/home; export BLAST_HOME
        $BLAST add alpha space-one || exit 99
        for mode in hardlink copy fold; do
            $BLAST sync --link-mode $mode || exit 98
            .venv/bin/python -c 'import alpha, beta, space.one' || exit 97
        done
        for number in 20 40 60 80; do
            BLAST_FAULT=kill:$number $BLAST sync --link-mode hardlink
            .venv/bin/python -c 'import alpha, beta, space.one' || exit 96
            $BLAST sync && $BLAST cache verify || exit 95
        done
        $BLAST undo && .venv/bin/python -c 'import alpha' || exit 94
    """
    done = inside(project, script)
    assert done.returncode == 0, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr


@mounts
@pytest.mark.parametrize("place", ["tmp", "t", "store"])
def test_a_store_in_two_parts_is_refused(project: Blast, place: str) -> None:
    project("add", "gamma")
    script = f"mount -t tmpfs tmpfs $BLAST_HOME/{place} && $BLAST add alpha"
    done = inside(project, script)
    # An empty table is made anew; what can't be renamed across is told.
    if done.returncode:
        check_refused(done, "one file system")
    project("sync")
    project.python("import gamma")


@pytest.mark.parametrize("flush", ["now", "later"])
def test_a_store_behind_a_link(project: Blast, flush: str) -> None:
    """Whose disk is too small puts the store elsewhere, and a link in its place."""
    elsewhere = project.directory.parent / "elsewhere"
    elsewhere.mkdir()
    if project.home.exists():
        shutil.rmtree(project.home)
    project.home.symlink_to(elsewhere)
    project("add", "alpha", BLAST_FLUSH=flush)
    project.python("import alpha")
    project("sync", "--reinstall", BLAST_FLUSH=flush)
    project("cache", "verify", "--repair", BLAST_FLUSH=flush)
    project("cache", "gc", BLAST_FLUSH=flush)
    project("self", "doctor", "--fix", BLAST_FLUSH=flush)
    project.python("import alpha")
    assert project.home.is_symlink()


@mounts
def test_a_read_only_store_is_installed_from(project: Blast) -> None:
    project("add", "alpha", "space-one")
    shutil.rmtree(project.directory / ".venv")
    script = """
        mount --bind $BLAST_HOME $BLAST_HOME && mount -o remount,bind,ro $BLAST_HOME
        $BLAST sync || exit 99
        .venv/bin/python -c 'import alpha, beta, space.one' || exit 98
        $BLAST cache verify || exit 97
        $BLAST add gamma
    """
    done = inside(project, script)
    check_refused(done, "read-only", "BLAST_HOME")
    assert check_store(str(project.home)) == 3


@mounts
def test_a_read_only_project_is_told(project: Blast) -> None:
    project("add", "alpha")
    before = contents(project)
    script = "mount --bind . . && mount -o remount,bind,ro . && cd . && cd $PWD && $BLAST "
    for words in ("add gamma", "remove alpha", "undo", "lock --upgrade-package alpha --target linux-x86_64"):
        done = inside(project, script + words)
        if done.returncode or not words.startswith("lock"):
            check_refused(done, "Read-only")
        assert contents(project) == before
    project("sync", "--locked")
    done = inside(project, script + "sync && .venv/bin/python -c 'import alpha'")
    assert done.returncode == 0, done.stderr


@mounts
def test_a_disk_that_runs_no_programs(project: Blast) -> None:
    """Python lies elsewhere, so that its environment may lie there."""
    script = """
        mkdir -p $HERE/disk && mount -t tmpfs -o noexec tmpfs $HERE/disk && cp -a . $HERE/disk/project
        cd $HERE/disk/project && BLAST_HOME=$HERE/disk/home && export BLAST_HOME
        $BLAST add alpha || exit 99
        $BLAST run python -c 'import alpha' || exit 98
        $BLAST run alpha
    """
    done = inside(project, script)
    check_refused(done, "Permission denied", "mounted", code=2)


def limited(project: Blast, limit: str, *words: str) -> subprocess.CompletedProcess[str]:
    line = f"ulimit {limit}; exec {sys.executable} -m blast_cli {' '.join(words)}"
    return subprocess.run(
        ["sh", "-c", line],
        cwd=project.directory,
        env=project.variables(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.skipif(os.name != "posix", reason="NO ULIMIT")
@pytest.mark.parametrize("files", [12, 20, 36])
def test_few_open_files(project: Blast, files: int) -> None:
    project("add", "gamma")
    before = contents(project)
    done = limited(project, f"-n {files}", "add", "alpha", "space-one")
    if done.returncode:
        check_refused(done, "ulimit -n")
        assert contents(project) == before
        project.python("import gamma")
    project("add", "alpha", "space-one")
    project.python("import alpha, space.one")
    assert list((project.home / "tmp").iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="NO ULIMIT")
@pytest.mark.parametrize("blocks", [1, 64, 1024])
def test_files_may_not_be_large(project: Blast, noise: str, blocks: int) -> None:
    project("add", "gamma")
    before = contents(project)
    done = limited(project, f"-f {blocks}", "add", noise)
    check_refused(done, "ulimit -f")
    assert contents(project) == before
    project.python("import gamma")
    project("add", noise)
    project.python("import noise, gamma")
    project("cache", "verify")


def powerless(blast: Blast, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a root who may do no more than any user."""
    line = ["setpriv", f"--bounding-set={_POWERS}", f"--inh-caps={_POWERS}", sys.executable, "-m", "blast_cli", *words]
    return subprocess.run(
        line,
        cwd=blast.directory,
        env=blast.variables(**more),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def give_away(path: Path) -> None:
    """Make a tree another user's, who lets others look at it."""
    for entry in (path, *path.rglob("*")):
        os.chown(entry, 65534, 65534, follow_symlinks=False)


@root
def test_the_store_of_another_user(project: Blast) -> None:
    project("add", "alpha")
    shutil.rmtree(project.directory / ".venv")
    (project.home / "store/meta.lmdb").chmod(0o644)
    give_away(project.home)
    before = contents(project)
    done = powerless(project, "sync")
    assert done.returncode == 0, done.stderr
    project.python("import alpha")
    check_refused(powerless(project, "add", "gamma"), "Permission denied", "BLAST_HOME")
    assert contents(project) == before
    check_refused(powerless(project, "cache", "prune"), "Permission denied")
    assert check_store(str(project.home)) == 2


@root
def test_a_store_that_may_not_be_read(project: Blast) -> None:
    project("add", "alpha")
    give_away(project.home)
    project.home.chmod(0o700)
    before = contents(project)
    for words in (("sync", "--link-mode", "copy"), ("add", "gamma"), ("cache", "gc"), ("cache", "size")):
        check_refused(powerless(project, *words), "BLAST_HOME")
    assert contents(project) == before


@root
def test_no_home_to_write_to(project: Blast) -> None:
    (project.directory.parent / "nowhere").mkdir(mode=0o755)
    give_away(project.directory.parent / "nowhere")
    project.home = project.directory.parent / "nowhere/home"
    before = contents(project)
    done = powerless(project, "add", "alpha")
    check_refused(done, "Permission denied", "BLAST_HOME")
    assert contents(project) == before
    assert json.loads(powerless(project, "add", "alpha", "--json").stdout)["error"]["hint"]


_NAMES = {
    "spaces": b"a project with  spaces",
    "newline": b"a\nproject",
    "not-utf-8": b"caf\xe9",
    "long": b"l" * 200,
    "quotes": b'it\'s "one" $HOME `x`',
}


@pytest.mark.skipif(sys.platform != "linux", reason="NOT LINUX: names are text elsewhere")
@pytest.mark.parametrize("kind", list(_NAMES))
@pytest.mark.parametrize("place", ["project", "home"])
def test_odd_paths(blast: Blast, tmp_path: Path, kind: str, place: str) -> None:
    odd = tmp_path / os.fsdecode(_NAMES[kind])
    if kind == "long":
        odd = odd / ("m" * 200) / ("n" * 200)
    odd.mkdir(parents=True)
    if place == "project":
        blast = blast.at(odd)
    else:
        blast.home = odd / "home"
    with ForkServer() as server:
        server.do(blast, "init", "--name", "demo")
        server.do(blast, "add", "alpha", "space-one")
        server.do(blast, "sync")
        server.do(blast, "remove", "space-one")
        server.do(blast, "undo")
        server.do(blast, "cache", "verify")
        server.do(blast, "cache", "prune")
        program = "import alpha, space.one; print(alpha.VERSION)"
        assert server.do(blast, "run", "python", "-c", program).stdout == "2.0\n"
        assert server.do(blast, "run", "alpha").stdout == "alpha 2.0\n"


def test_a_path_that_is_too_long(project: Blast) -> None:
    deep = project.directory
    while len(str(deep)) < 3900:
        deep = deep / ("d" * 200)
    project.home = deep / "home"
    check_refused(project.run("add", "alpha"), "name too long", "shorter")
    assert "alpha" not in (project.directory / "pyproject.toml").read_text()
