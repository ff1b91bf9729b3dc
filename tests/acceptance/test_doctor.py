"""Everything that breaks is broken here for real: ``blast self doctor`` names it, ``sync`` or ``--fix`` mends it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from blast_cli.testing import Blast

pytestmark = pytest.mark.acceptance

_POWERS = "-dac_override,-dac_read_search,-fowner"


@pytest.fixture
def synced(project: Blast) -> Blast:
    """A project with an environment of three distributions."""
    project("add", "alpha", "gamma")
    return project


def examine(blast: Blast, *words: str) -> dict[str, dict[str, Any]]:
    """Return doctor's checks by name; its exit status has to fit them."""
    done = blast.run("self", "doctor", "--json", *words)
    document = json.loads(done.stdout)
    checks = {check["name"]: check for check in document["checks"]}
    problems = [check for check in document["checks"] if check["state"] == "problem"]
    assert done.returncode == (1 if problems else 0), done.stderr
    assert document["problems"] == len(problems)
    for check in problems:
        assert check["hint"], check
    return checks


def works(blast: Blast) -> bool:
    """Tell whether the environment does what it should."""
    script = blast.directory / ".venv" / "bin" / "alpha"
    done = subprocess.run([script], capture_output=True, text=True, check=False)
    return done.stdout == "alpha 2.0\n" and blast.python("import beta, gamma; print('yes')") == "yes"


def tree_of(blast: Blast, package: str) -> Path:
    """Return the tree in the store that a package of the environment is linked to."""
    site = next((blast.directory / ".venv" / "lib").glob("python*/site-packages"))
    return Path(os.readlink(site / package)).parent


def wrong(checks: dict[str, dict[str, Any]]) -> set[str]:
    return {name for name, check in checks.items() if check["state"] == "problem"}


def test_nothing_is_wrong(synced: Blast) -> None:
    checks = examine(synced)
    assert {check["state"] for check in checks.values()} == {"ok"}
    done = synced("self", "doctor")
    assert done.stderr.splitlines()[-1] == "All is well"
    assert len(done.stderr.splitlines()) == len(checks) + 1


def test_without_a_store_and_without_a_project(blast: Blast) -> None:
    checks = examine(blast)
    assert checks["store.home"]["state"] == "ok"
    assert not blast.home.exists()


# What sync mends by itself, without the network where it can: name of the check, what breaks it.


def _remove_tree(blast: Blast) -> None:
    tree = tree_of(blast, "alpha")
    subprocess.run(["chmod", "-R", "u+w", tree], check=True)
    shutil.rmtree(tree)


def _break_links(blast: Blast) -> None:
    site = next((blast.directory / ".venv" / "lib").glob("python*/site-packages"))
    (site / "alpha").unlink()
    (site / "alpha").symlink_to("/nowhere/alpha")


def _remove_program(blast: Blast) -> None:
    (blast.directory / ".venv" / "bin" / "alpha").unlink()


def _lose_interpreter(blast: Blast) -> None:
    python = blast.directory / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/bin/python3")


def _lose_generation(blast: Blast) -> None:
    current = blast.directory / ".venv" / ".blast" / "current"
    shutil.rmtree(current.resolve())


def _garble_generation(blast: Blast) -> None:
    (blast.directory / ".venv" / ".blast" / "current" / ".meta" / "generation").write_bytes(b"\0" * 100)
    (blast.directory / ".venv" / ".blast" / "state").unlink()


def _lose_store(blast: Blast) -> None:
    subprocess.run(["chmod", "-R", "u+w", blast.home], check=True)
    shutil.rmtree(blast.home)


_BREAKS: dict[str, tuple[str, Callable[[Blast], None]]] = {
    "a missing tree": ("environment.contents", _remove_tree),
    "a broken link": ("environment.contents", _break_links),
    "a missing program": ("environment.contents", _remove_program),
    "a vanished interpreter": ("environment.interpreter", _lose_interpreter),
    "a lost generation": ("environment.generation", _lose_generation),
    "a garbled generation": ("environment.generation", _garble_generation),
    "a deleted store": ("environment.contents", _lose_store),
}


@pytest.mark.parametrize("kind", list(_BREAKS))
def test_sync_mends(synced: Blast, kind: str) -> None:
    name, spoil = _BREAKS[kind]
    spoil(synced)
    assert name in wrong(examine(synced))
    synced("sync")
    assert works(synced)
    assert wrong(examine(synced)) == set()


@pytest.mark.parametrize("kind", list(_BREAKS))
def test_fix_mends(synced: Blast, kind: str) -> None:
    name, spoil = _BREAKS[kind]
    spoil(synced)
    checks = examine(synced, "--fix")
    assert checks[name]["state"] == "mended" or kind == "a missing tree"
    assert works(synced)
    assert wrong(examine(synced)) == set()


def test_an_interpreter_that_was_upgraded_in_its_place(synced: Blast) -> None:
    # The environment says another version than its interpreter does.
    import marshal

    path = synced.directory / ".venv" / ".blast" / "current" / ".meta" / "generation"
    version, row, *rest = marshal.loads(path.read_bytes())
    path.write_bytes(marshal.dumps((version, (*row[:4], "3.11.0a0", *row[5:]), *rest)))
    (synced.directory / ".venv" / ".blast" / "state").unlink()
    assert "environment.interpreter" in wrong(examine(synced))
    assert "3.11.0a0" in synced("sync").stderr
    assert wrong(examine(synced)) == set()


def test_a_moved_project(synced: Blast) -> None:
    other = synced.at(synced.directory.rename(synced.directory.with_name("elsewhere")))
    checks = examine(other)
    assert wrong(checks) == {"environment.registration"}
    assert str(synced.directory) in checks["environment.registration"]["what"]
    assert works(other)
    other("sync")
    assert wrong(examine(other)) == set()


def test_a_moved_store(synced: Blast) -> None:
    moved = synced.home.rename(synced.home.with_name("home2"))
    other = synced.at(synced.directory, BLAST_HOME=str(moved))
    assert wrong(examine(other)) == {"environment.contents"}
    other("sync", "--offline")
    assert works(other)
    assert wrong(examine(other)) == set()


def test_programs_of_another_tool_with_an_interpreter_that_moved(synced: Blast) -> None:
    program = synced.directory / ".venv" / "bin" / "foreign"
    program.write_text("#!/nowhere/.venv/bin/python\n")
    checks = examine(synced)
    assert wrong(checks) == {"environment.scripts"}
    assert checks["environment.scripts"]["paths"] == ["foreign"]
    assert examine(synced, "--fix")["environment.scripts"]["state"] == "mended"
    assert not program.exists()
    assert works(synced)


def test_another_tools_environment(synced: Blast) -> None:
    shutil.rmtree(synced.directory / ".venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", ".venv"], cwd=synced.directory, check=True)
    assert examine(synced)["environment.place"]["state"] == "note"
    assert "made by another tool and is replaced" in synced("sync").stderr
    assert works(synced)


@pytest.mark.parametrize("kind", ["directory", "link", "file"])
def test_what_stands_in_the_environments_place(synced: Blast, kind: str) -> None:
    venv, precious = synced.directory / ".venv", synced.directory.parent / "precious"
    shutil.rmtree(venv)
    precious.mkdir()
    (precious / "thesis.tex").write_text("years of work")
    if kind == "directory":
        precious.rename(venv)
    elif kind == "link":
        venv.symlink_to(precious)
    else:
        venv.write_text("years of work")
    checks = examine(synced)
    assert wrong(checks) == {"environment.place"}
    # A sync replaces nothing that may be of value, and says what to do.
    done = synced.run("sync")
    assert done.returncode == 1
    assert "try: " in done.stderr
    mended = examine(synced, "--fix")["environment.place"]
    assert mended["state"] == "mended"
    assert works(synced)
    kept = [path for path in synced.directory.parent.rglob("*") if path.is_file() and not path.is_symlink()]
    assert any(path.read_bytes() == b"years of work" for path in kept)


@pytest.mark.parametrize("damage", ["cut", "garbage", "flipped", "pages"])
def test_a_damaged_database(synced: Blast, damage: str) -> None:
    path = synced.home / "store" / "meta.lmdb"
    content = bytearray(path.read_bytes())
    if damage == "cut":
        del content[len(content) // 2 :]
    elif damage == "garbage":
        content[:] = os.urandom(len(content))
    elif damage == "pages":
        content[8192:] = bytes(len(content) - 8192)
    else:
        content = content.replace(b"beta", b"BETA")
    path.write_bytes(content)
    assert "store.database" in wrong(examine(synced))
    checks = examine(synced, "--fix")
    assert checks["store.database"]["state"] == "mended"
    assert "3 distributions" in checks["store.database"]["what"]
    shutil.rmtree(synced.directory / ".venv")
    # Nothing has to be fetched: the store itself told what it holds.
    synced("sync", "--offline", "--frozen")
    assert works(synced)


def test_an_object_without_its_wheel_is_fetched_again(synced: Blast) -> None:
    tree = tree_of(synced, "alpha")
    for path in (synced.home / "store" / "whl").rglob("*.whl"):
        path.unlink()
    assert tree.is_dir()
    checks = examine(synced)
    assert len(checks["store.objects"]["paths"]) == 3
    assert examine(synced, "--fix")["store.objects"]["state"] == "mended"
    synced("sync")
    assert works(synced)


def test_what_killed_commands_left(synced: Blast) -> None:
    generations = synced.directory / ".venv" / ".blast" / "generations"
    (generations / ".7.4711").mkdir()
    (synced.home / "tmp" / "s-1-abc").mkdir(parents=True)
    (synced.home / "tmp" / "s-1-abc" / "big").write_bytes(b"x" * 1000)
    (synced.home / "leases").mkdir(exist_ok=True)
    (synced.home / "leases" / "1-abc").write_bytes(b"")
    check = examine(synced)["store.leftovers"]
    assert (check["state"], len(check["paths"])) == ("note", 3)
    assert examine(synced, "--fix")["store.leftovers"]["state"] == "mended"
    assert sorted(os.listdir(generations)) == sorted(name for name in os.listdir(generations) if name.isdecimal())
    assert os.listdir(synced.home / "leases") == []
    assert os.listdir(synced.home / "tmp") == []


def test_what_a_running_command_builds_is_no_leftover(synced: Blast) -> None:
    program = (
        "import sys, time; from blast_pm.store.staging import Staging\n"
        "with Staging(sys.argv[1]): print('there', flush=True); time.sleep(60)"
    )
    line = [sys.executable, "-c", program, str(synced.home / "tmp")]
    with subprocess.Popen(line, stdout=subprocess.PIPE, env=synced.variables()) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert examine(synced, "--fix")["store.leftovers"]["state"] == "ok"
        assert len(os.listdir(synced.home / "tmp")) == 2
        process.send_signal(signal.SIGKILL)
    assert examine(synced, "--fix")["store.leftovers"]["state"] == "mended"


def test_a_lock_of_a_dead_owner_holds_nobody_up(synced: Blast) -> None:
    (synced.home / "locks").mkdir(exist_ok=True)
    for path in [*(synced.home / "locks").iterdir(), synced.home / "store" / "lock"]:
        path.write_bytes(b"%-11d\n" % 4194303)
    (synced.directory / ".venv" / ".blast" / "state").unlink()
    began = time.monotonic()
    synced("sync")
    assert time.monotonic() - began < 30
    assert wrong(examine(synced)) == set()


def test_a_clock_that_jumped(synced: Blast) -> None:
    future = time.time() + 10 * 86400
    for path in (synced.home / "store" / "lock", synced.directory / "pyproject.toml", synced.home / "t"):
        os.utime(path, (future, future))
    assert examine(synced)["store.clock"]["state"] == "note"
    synced("sync")
    assert works(synced)
    # Back to the beginning of time: digests decide.
    for path in (synced.directory / "pyproject.toml", synced.directory / "blast.lock"):
        os.utime(path, (0, 0))
    synced("sync")
    synced("add", "delta", "alpha<2")
    assert synced.python("import alpha; print(alpha.VERSION)") != "2.0"


def _powerless(blast: Blast, *words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "blast_cli", *words]
    if os.geteuid() == 0:
        line = ["setpriv", f"--bounding-set={_POWERS}", f"--inh-caps={_POWERS}", *line]
    return subprocess.run(line, cwd=blast.directory, env=blast.variables(), capture_output=True, text=True, check=False)


@pytest.mark.skipif(
    os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root without setpriv: modes are NOT tried"
)
@pytest.mark.parametrize("place", ["t", "store", "tmp", ".venv", ".venv/.blast"])
def test_unreadable_directories(synced: Blast, place: str) -> None:
    path = (synced.directory if place.startswith(".venv") else synced.home) / place
    path.mkdir(exist_ok=True)
    path.chmod(0)
    try:
        done = _powerless(synced, "self", "doctor", "--json")
        checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
        name = "environment.place" if place.startswith(".venv") else "store.permissions"
        assert checks[name]["state"] == "problem", checks
        assert done.returncode == 1
        done = _powerless(synced, "sync")
        assert "Traceback" not in done.stderr
        fixed = _powerless(synced, "self", "doctor", "--fix", "--json")
        checks = {check["name"]: check for check in json.loads(fixed.stdout)["checks"]}
        assert checks[name]["state"] == "mended", fixed.stdout + fixed.stderr
        done = _powerless(synced, "sync")
        assert done.returncode == 0, done.stderr
        assert works(synced)
    finally:
        path.chmod(0o755)


def _in_namespace(blast: Blast, mount: str, words: str) -> subprocess.CompletedProcess[str]:
    script = f"set -e; {mount}; cd {blast.directory}; exec {sys.executable} -m blast_cli {words}"
    line = ["unshare", "-m", "sh", "-c", script]
    return subprocess.run(line, env=blast.variables(), capture_output=True, text=True, check=False)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="mounts are NOT tried")
def test_a_full_and_a_read_only_disk(synced: Blast) -> None:
    home = synced.home
    fill = f"dd if=/dev/zero of={home}/fill 2>/dev/null || true"
    full = f"mount -t tmpfs -o size=64k none {home}; {fill}"
    done = _in_namespace(synced, full, "self doctor --json")
    if done.returncode not in (0, 1) or not done.stdout:
        pytest.skip(f"no mounts here: {done.stderr}")
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert checks["store.disk"]["state"] == "problem"
    assert "BLAST_HOME" in checks["store.disk"]["hint"]
    read_only = f"mount --bind {home} {home}; mount -o remount,ro,bind {home}"
    done = _in_namespace(synced, read_only, "self doctor --json")
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert checks["store.disk"]["state"] == "note"
    assert "read-only" in checks["store.disk"]["what"]
    assert done.returncode == 0, done.stdout


def test_a_file_system_without_hard_links(synced: Blast) -> None:
    program = (
        "import errno, os, sys\n"
        "def refuse(*_, **__): raise OSError(errno.EPERM, 'Operation not permitted')\n"
        "os.link = refuse\n"
        "from blast_cli.main import main\n"
        "main(sys.argv[1:])"
    )
    line = [sys.executable, "-c", program, "self", "doctor", "--json"]
    done = subprocess.run(
        line, cwd=synced.directory, env=synced.variables(), capture_output=True, text=True, check=False
    )
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert checks["store.links"]["state"] == "note"
    assert "hard links" in checks["store.links"]["what"]


def test_a_manifest_and_a_lock_that_can_not_be_read(synced: Blast) -> None:
    (synced.directory / "pyproject.toml").write_text("[project\n")
    assert "project.manifest" in wrong(examine(synced, "--fix"))
