"""Cleaning the store through the command, while programs run and other commands work."""

from __future__ import annotations

import json
import marshal
import os
import random
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_pm.metadata.store import Database
from blast_pm.store.testing import check_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from blast_pm.testing import StaticIndex

pytestmark = pytest.mark.acceptance

# Root may remove anything unless it gives these up.
_POWERS = "-dac_override,-dac_read_search,-fowner"
_WAIT = "import os, sys, time; print('up', flush=True)\nwhile not os.path.exists(sys.argv[1]): time.sleep(0.01)\n"


@pytest.fixture
def go(tmp_path: Path) -> Path:
    """A file; programs started by `waiting` go on when it is there."""
    return tmp_path / "go"


def waiting(blast: Blast, go: Path, *words: str, program: str = "") -> subprocess.Popen[str]:
    """Start a program by ``blast run``; it runs when this returns, and goes on when ``go`` is there."""
    process = blast.start("run", *words, "python", "-c", _WAIT + program, str(go))
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n", process.stderr and process.stderr.read()
    return process


def finish(process: subprocess.Popen[str], go: Path) -> str:
    go.touch()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


def stored(blast: Blast) -> set[str]:
    rows = blast.json("cache", "size", "--objects")["objects"]
    return {f"{row['name']} {row['version']}" for row in rows}


def second_project(blast: Blast, name: str) -> Blast:
    directory = blast.directory.parent / name
    directory.mkdir()
    other = blast.at(directory)
    other("init", "--name", name)
    return other


def test_only_what_nothing_reaches_goes(project: Blast) -> None:
    other = second_project(project, "other")
    project("add", "alpha")
    other("add", "gamma", "beta")
    assert stored(project) == {"alpha 2.0", "beta 1.5", "gamma 0.3"}
    shutil.rmtree(other.directory)
    young = project.json("cache", "gc")
    assert (young["objects"], young["recent"]) == ([], 1)
    dry = project.json("cache", "prune", "--dry-run")
    assert [row["name"] for row in dry["objects"]] == ["gamma"]
    assert stored(project) == {"alpha 2.0", "beta 1.5", "gamma 0.3"}
    done = project.json("cache", "prune")
    assert [row["name"] for row in done["objects"]] == ["gamma"]
    assert done["freed_bytes"] == dry["freed_bytes"] > 0
    assert stored(project) == {"alpha 2.0", "beta 1.5"}
    assert project.python("import alpha; print(alpha.VERSION)") == "2.0"
    assert check_store(str(project.home)) == 2


def test_a_store_of_containers_is_filled_anew_and_swept(project: Blast) -> None:
    """Rows from before wheels were kept had no number, and named trees and containers by the container's digest."""
    project("add", "alpha")
    trees, old = project.home / "t", {}
    with closing(Database(str(project.home / "store" / "meta.lmdb"))) as database:
        for key, value in list(database.items("trees")):
            _, blake3, tree, *others = marshal.loads(value)
            old[tree] = tree[::-1]
            # A tree of another name, so that it is known by nothing but this row.
            (trees / tree).chmod(0o755)
            (trees / tree).rename(trees / old[tree])
            database.put("trees", key, marshal.dumps((blake3[::-1], old[tree], *others)))
    shutil.rmtree(project.home / "store" / "whl")
    shutil.rmtree(project.directory / ".venv")
    container = project.home / "store" / "dpp" / "ab" / "cd" / f"{'ab' * 32}.dpp"
    container.parent.mkdir(parents=True)
    container.write_bytes(b"x" * 1000)
    project("sync")
    assert project.python("import alpha; print(alpha.VERSION)") == "2.0"
    assert set(os.listdir(trees)) == {*old, *old.values()}
    project("self", "doctor")
    with closing(Database(str(project.home / "store" / "meta.lmdb"))) as database:
        database.put("trees", b"\1" * 32, marshal.dumps(("ab" * 32, "gone", "gone", "1", b"")))
    assert "store/dpp" in project.json("cache", "prune", "--dry-run")["leftovers"]
    assert container.exists()
    project("cache", "prune")
    assert set(os.listdir(trees)) == set(old)
    assert not (project.home / "store" / "dpp").exists()
    with closing(Database(str(project.home / "store" / "meta.lmdb"))) as database:
        assert len(list(database.items("trees"))) == 2
    assert check_store(str(project.home)) == 2


def test_kept_generations_can_be_gone_back_to(project: Blast) -> None:
    project("add", "gamma")
    project("remove", "gamma")
    assert project.json("cache", "prune")["objects"] == []
    project("undo", "--offline")
    project.python("import gamma")
    project("redo")
    pruned = project.json("cache", "prune", "--keep", "1")
    assert [row["name"] for row in pruned["objects"]] == ["gamma"]
    assert list(pruned["generations"].values()) == [[1, 2]]


def test_an_age_and_a_size_decide(project: Blast) -> None:
    project("add", "alpha", "gamma")
    shutil.rmtree(project.directory / ".venv")
    assert project.json("cache", "gc", "--older-than", "1h")["objects"] == []
    total = project.json("cache", "size")["total_bytes"]
    limited = project.json("cache", "gc", "--max-size", str(total - 1))
    assert len(limited["objects"]) == 1, "no more than needed"
    assert limited["store_bytes"] < total
    assert len(project.json("cache", "gc", "--older-than", "0")["objects"]) == 2
    assert stored(project) == set()


def test_a_program_keeps_the_environment_that_it_runs_in(blast: Blast, go: Path) -> None:
    process = waiting(blast, go, "--no-project", "--with", "alpha", program="import alpha; print(alpha.VERSION)")
    environments = blast.home / "environments"
    before = os.listdir(environments)
    assert blast.json("cache", "gc", "--older-than", "0")["environments"] == []
    assert blast("cache", "clear", "--all", "--force").returncode == 0
    assert os.listdir(environments) == before
    assert blast.json("cache", "prune")["objects"] == []
    process.kill()
    process.communicate()
    assert len(blast.json("cache", "gc", "--older-than", "0")["environments"]) == 1
    assert os.listdir(environments) == []


def test_a_program_goes_on_while_the_store_is_cleaned(blast: Blast, go: Path) -> None:
    process = waiting(blast, go, "--no-project", "--with", "alpha", program="import alpha; print(alpha.VERSION)")
    for words in (("gc", "--older-than", "0"), ("prune", "--keep", "1"), ("gc", "--max-size", "0")):
        blast("cache", *words)
    assert finish(process, go) == "2.0\n"


def test_a_program_keeps_the_generation_that_it_was_started_in(project: Blast, go: Path) -> None:
    project("add", "alpha")
    process = waiting(project, go)
    project("add", "gamma")
    project("remove", "gamma")
    generations = project.directory / ".venv/.blast/generations"
    project("cache", "gc", "--keep", "1")
    assert sorted(os.listdir(generations)) == ["2", "4"]
    finish(process, go)
    project("cache", "gc", "--keep", "1")
    assert os.listdir(generations) == ["4"]


def test_a_program_that_was_killed_keeps_nothing(project: Blast, go: Path) -> None:
    project("add", "alpha")
    process = waiting(project, go)
    project("add", "gamma")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    project("cache", "gc", "--keep", "1")
    assert os.listdir(project.directory / ".venv/.blast/generations") == ["3"]


def test_a_project_that_was_moved_is_not_forgotten(project: Blast) -> None:
    project("add", "alpha")
    moved = project.at(project.directory.rename(project.directory.with_name("moved")))
    assert moved.json("cache", "prune")["objects"] == []
    moved.python("import alpha")
    assert {use["state"] for use in moved.json("cache", "why", "alpha")["objects"][0]["uses"]} == {"moved"}
    moved("sync")
    uses = moved.json("cache", "why", "alpha")["objects"][0]["uses"]
    assert [(use["environment"], use["state"]) for use in uses] == [(str(moved.directory / ".venv"), "alive")]
    copied = moved.at(moved.directory.with_name("copied"))
    shutil.copytree(moved.directory, copied.directory, symlinks=True)
    copied("sync")
    shutil.rmtree(moved.directory)
    copied("cache", "prune")
    copied.python("import alpha")
    shutil.rmtree(copied.directory)
    copied.directory.mkdir()
    copied("cache", "prune")
    assert stored(copied) == set()


def test_why(project: Blast) -> None:
    project("add", "alpha")
    document = project.json("cache", "why", "alpha", "beta")
    found = {row["name"]: row["uses"] for row in document["objects"]}
    (use,) = found["alpha"]
    assert (use["environment"], use["project"]) == (str(project.directory / ".venv"), str(project.directory))
    assert (use["requested"], use["command"], use["is_current"]) == (True, "add alpha", True)
    assert found["beta"][0]["requested"] is False
    digest = document["objects"][0]["blake3"]
    assert project.json("cache", "why", digest[:10])["objects"][0]["blake3"] == digest
    shutil.rmtree(project.directory / ".venv")
    assert "  nothing: last used" in project("cache", "why", "alpha").stdout
    done = project.run("cache", "why", "nobody")
    assert done.returncode == 1
    assert "the store holds no nobody" in done.stderr


def test_clearing_what_is_needed_needs_force(project: Blast) -> None:
    project("add", "alpha")
    done = project.run("cache", "clear", "beta")
    assert done.returncode == 1
    assert str(project.directory / ".venv") in done.stderr
    assert stored(project) == {"alpha 2.0", "beta 1.5"}
    cleared = project.json("cache", "clear", "beta", "--force")
    assert cleared["broken_environments"] == [str(project.directory / ".venv")]
    project("run", "python", "-c", "import beta")
    assert stored(project) == {"alpha 2.0", "beta 1.5"}
    assert project.run("cache", "clear").returncode == 2
    assert project.run("cache", "clear", "beta", "--all").returncode == 2


def test_clearing_all_leaves_nothing_and_a_sync_mends(project: Blast) -> None:
    project("add", "alpha")
    project("cache", "clear", "--all", "--force")
    assert stored(project) == set()
    for name in ("t", "i1", "environments", "projects", "leases", "tmp"):
        assert not (project.home / name).exists() or os.listdir(project.home / name) == [], name
    project("sync")
    project.python("import alpha")


def test_a_user_without_powers_can_clear(project: Blast) -> None:
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root without setpriv may remove anything: read-only directories are NOT tried")
    project("add", "alpha")
    shutil.rmtree(project.directory / ".venv")
    for words in (("prune",), ("clear", "--all")):
        project("sync")
        shutil.rmtree(project.directory / ".venv")
        line = [sys.executable, "-m", "blast_cli", "cache", *words]
        if os.geteuid() == 0:
            line = ["setpriv", f"--bounding-set={_POWERS}", f"--inh-caps={_POWERS}", *line]
        done = subprocess.run(
            line, cwd=project.directory, env=project.variables(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert os.listdir(project.home / "t") == []
        assert os.listdir(project.home / "tmp") == []


def test_damage_is_found_and_mended(project: Blast) -> None:
    project("add", "alpha")
    assert project.json("cache", "verify")["sound"] is True
    tree = next(path for path in (project.home / "t").iterdir() if (path / "alpha").exists())
    os.chmod(tree / "alpha/__init__.py", 0o644)
    (tree / "alpha/__init__.py").write_text("VERSION = 'evil'\n")
    done = project.run("cache", "verify", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["sound"]) == (4, False)
    (finding,) = document["findings"]
    assert (finding["name"], finding["state"], finding["changed"]) == ("alpha", "damaged", ["alpha/__init__.py"])
    assert finding["environments"] == [str(project.directory / ".venv")]
    assert project.json("cache", "verify", "--repair")["findings"][0]["state"] == "repaired"
    assert project.python("import alpha; print(alpha.VERSION)") == "2.0"
    container = next((project.home / "store/whl").rglob(f"{finding['blake3']}.whl"))
    container.chmod(0o644)
    container.write_bytes(container.read_bytes()[:-1] + b"?")
    done = project.run("cache", "verify", "--repair", "alpha")
    assert done.returncode == 4
    assert "'blast sync' fetches it again" in done.stderr
    project("sync")
    assert project.json("cache", "verify")["sound"] is True


def test_several_cleanings_at_once(project: Blast) -> None:
    project("add", "alpha", "gamma")
    shutil.rmtree(project.directory / ".venv")
    processes = [project.start("cache", "prune") for _ in range(4)]
    statuses = {(process.communicate(timeout=60), process.returncode)[1] for process in processes}
    assert statuses <= {0, 5}
    assert 0 in statuses
    assert stored(project) == set()
    assert check_store(str(project.home)) == 0


def test_cleaning_while_others_sync_and_run(project: Blast) -> None:
    other = second_project(project, "other")
    project("add", "alpha")
    other("add", "gamma")
    changes = {
        project.directory: (("add", "gamma"), ("remove", "gamma")),
        other.directory: (("add", "beta"), ("undo",)),
    }
    cleanings = (("gc", "--older-than", "0", "--keep", "1"), ("prune",), ("gc", "--max-size", "0"))
    for number in range(4):
        started = [one.start(*changes[one.directory][number % 2], "--no-progress") for one in (project, other)]
        started += [project.start("run", "--no-project", "--with", "delta", "python", "-c", "import delta, beta")]
        started += [project.start("cache", *cleanings[(number + place) % 3]) for place in range(2)]
        for place, process in enumerate(started):
            _, err = process.communicate(timeout=120)
            # A cleaning that keeps one generation may have been quicker than whoever wants to go back.
            is_sound = process.returncode in ({0, 5} if place > 2 else {0}) or "nothing to undo" in err
            assert is_sound, (place, number, err)
        for one in (project, other):
            one("sync", "--locked")
            one.python("import alpha" if one is project else "import gamma")
        check_store(str(project.home))


@pytest.mark.crash
def test_a_killed_cleaning_leaves_a_sound_store(tmp_path: Path, index: StaticIndex) -> None:
    template = tmp_path / "template"
    (template / "project").mkdir(parents=True)
    blast = Blast(template / "project", template / "home", {"BLAST_INDEX_URL": index.url})
    blast("init", "--name", "demo")
    blast("add", "alpha")
    blast("add", "gamma", "space-one")
    blast("remove", "gamma")
    blast("run", "--no-project", "--with", "delta", "python", "-c", "pass")
    words = ("cache", "gc", "--older-than", "0", "--keep", "1")
    # In its own place, so that every link stays right: what is cleaned is put back before each kill.
    saved = tmp_path / "saved"
    shutil.copytree(template, saved, symlinks=True)

    def put_back() -> None:
        shutil.rmtree(template)
        shutil.copytree(saved, template, symlinks=True)

    put_back()
    done = blast(*words, BLAST_COUNT_OPERATIONS="1")
    total = int(next(line for line in done.stderr.splitlines() if line.startswith("operations: ")).split()[1])
    points = sorted(random.Random(2718).sample(range(1, total + 1), min(total, 40)))
    for point in points:
        put_back()
        killed = blast.run(*words, BLAST_FAULT=f"kill:{point}")
        assert killed.returncode == -signal.SIGKILL, (point, killed.stderr)
        blast.python("import alpha, space.one")
        blast("cache", "verify")
        blast(*words)
        assert stored(blast) == {"alpha 2.0", "beta 1.5", "space-one 1.0"}, point
        check_store(str(blast.home))


def test_a_disk_that_refuses_leaves_a_sound_store(project: Blast) -> None:
    project("add", "alpha", "gamma")
    project("remove", "gamma")
    for number in range(1, 40, 4):
        done = project.run("cache", "prune", "--keep", "1", BLAST_FAULT=f"fail:{number}:EIO")
        assert "Traceback" not in done.stderr
        assert "internal error" not in done.stderr, (number, done.stderr)
        project.python("import alpha")
    project("cache", "prune", "--keep", "1")
    assert stored(project) == {"alpha 2.0", "beta 1.5"}
    assert check_store(str(project.home)) == 2


@pytest.fixture
def site(tmp_path: Path, project: Blast) -> Blast:
    """The command with an empty home over a store that is read-only, and has all that ``alpha`` needs."""
    project("add", "alpha")
    shutil.rmtree(project.directory / ".venv")
    for name in ("locks", "projects", "roots", "leases"):
        shutil.rmtree(project.home / name, ignore_errors=True)
    return Blast(project.directory, tmp_path / "user", {**project.environ, "BLAST_SITE_STORE": str(project.home)})


def listing(directory: Path) -> dict[str, tuple[int, int]]:
    """Return inode and time of change of every file; root's Python writes bytecode wherever it imports from."""
    found = {}
    for parent, _, names in os.walk(directory):
        for name in names if not parent.endswith("__pycache__") else ():
            status = os.lstat(os.path.join(parent, name))
            found[os.path.join(parent, name)] = (status.st_ino, status.st_mtime_ns)
    return found


def test_a_site_store_is_linked_from_and_never_written(site: Blast) -> None:
    home = Path(site.environ["BLAST_SITE_STORE"])
    before = listing(home)
    site("sync", "--offline")
    assert site.python("import alpha; print(alpha.VERSION)") == "2.0"
    assert stored(site) == set()
    site("add", "gamma")
    assert stored(site) == {"gamma 0.3"}
    for words in (("verify", "--repair"), ("gc", "--older-than", "0", "--keep", "1"), ("clear", "--all", "--force")):
        site("cache", *words)
    site("sync")
    site.python("import alpha, beta, gamma")
    assert listing(home) == before


def test_a_site_store_that_vanishes_is_noticed(site: Blast) -> None:
    site("sync", "--offline")
    home = Path(site.environ["BLAST_SITE_STORE"])
    home.rename(home.with_name("gone"))
    site("sync")
    site.python("import alpha, beta")
    assert stored(site) == {"alpha 2.0", "beta 1.5"}


def test_sizes_tell_what_is_whose(project: Blast) -> None:
    other = second_project(project, "other")
    project("add", "alpha")
    other("add", "beta")
    document = project.json("cache", "size", "--objects")
    sizes = {row["name"]: row["bytes"] for row in document["objects"]}
    found = {Path(row["environment"]).parent.name: row for row in document["environments"]}
    assert (found["project"]["unique_bytes"], found["project"]["shared_bytes"]) == (sizes["alpha"], sizes["beta"])
    assert (found["other"]["unique_bytes"], found["other"]["shared_bytes"]) == (0, sizes["beta"])
    exact = project.json("cache", "size", "--exact")
    assert exact["tree_bytes"] == document["tree_bytes"]
    assert exact["environments"][0]["own_bytes"] > 0
    project("run", "--with", "beta", "python", "-c", "import alpha")
    shown, all_of_it = project("cache", "size").stdout, project("cache", "size", "-v").stdout
    below = f"{project.home}{os.sep}"
    assert below not in shown
    assert "and 1 of tools, runs and builds" in shown
    assert below in all_of_it
    assert "of tools, runs" not in all_of_it


@pytest.mark.skipif(shutil.which("du") is None, reason="du is not installed: sizes are NOT compared with it")
@pytest.mark.parametrize("mode", ["fold", "hardlink", "copy"])
def test_sizes_are_what_du_counts(project: Blast, mode: str) -> None:
    """One run of ``du`` counts each file once, whoever has more names of it: the store first, then environments."""
    other = second_project(project, "other")
    project("add", "alpha", "--link-mode", mode)
    other("add", "beta")
    document = project.json("cache", "size", "--exact")
    environments = [Path(row["environment"]) for row in document["environments"]]
    counted = du(project.home, *environments)
    assert counted(project.home / "t") == document["tree_bytes"]
    assert counted(project.home / "store" / "whl") == document["archive_bytes"]
    assert {str(path): counted(path) for path in environments} == {
        row["environment"]: row["own_bytes"] for row in document["environments"]
    }
    # By itself ``du`` takes all names that an environment has for the environment's, though some are the store's too.
    environment = project.directory / ".venv"
    found = [path.lstat() for path in environment.rglob("*") if path.is_symlink() or path.is_file()]
    linked = {status.st_ino: status.st_size for status in found if status.st_nlink > 1}
    assert du(environment)(environment) == counted(environment) + sum(linked.values())
    assert linked


def du(*places: Path) -> Callable[[Path], int]:
    """Return how many bytes of files ``du`` finds below a path, when it looks at these places in this order."""
    command = ["du", "--all", "--apparent-size", "--block-size=1", *map(str, places)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    rows = [(Path(path), int(size)) for size, path in (line.split("\t", 1) for line in lines)]
    files = [(path, size) for path, size in rows if path.is_symlink() or not path.is_dir()]
    return lambda above: sum(size for path, size in files if above in path.parents)
