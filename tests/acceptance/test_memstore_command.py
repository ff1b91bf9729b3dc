"""``blast memstore`` and runs in memory that share through it, as processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_live.memstore.client import MemoryStore
from blast_live.memstore.testing import wait_for
from blast_pm.testing import StaticIndex, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(sys.platform != "linux", reason="NO MEMFD: the memory store needs Linux"),
]


@pytest.fixture
def blast(tmp_path: Path) -> Iterator[Blast]:
    (tmp_path / "work").mkdir()
    command = Blast(tmp_path / "work", tmp_path / "home")
    yield command
    command.run("memstore", "stop")


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    files = {"tree/__init__.py": b"NAME = 'tree'\n", "tree/__main__.py": b"print('main')\n"}
    return Path(make_wheel(tmp_path, "Tree", "1.0", files=files))


def socket_of(blast: Blast) -> str:
    return str(blast.home / "memstore" / "socket")


def test_a_store_is_started_filled_looked_at_and_stopped(blast: Blast, wheel: Path) -> None:
    missing = blast.run("memstore", "status")
    assert missing.returncode == 1
    assert "no memory store answers" in missing.stderr
    assert "blast memstore start" in missing.stderr
    started = blast.json("memstore", "start", "--detach", "--max-size", "10M")
    assert started["socket"] == socket_of(blast)
    assert started["max_size_bytes"] == 10 << 20
    (blast.directory / "notes.txt").write_text("hello")
    put = blast.json("memstore", "put", str(wheel), "notes.txt")
    assert [row["key"] for row in put["records"]] == ["tree/1.0/py3-none-any", "notes.txt"]
    listed = blast.json("memstore", "list")["records"]
    assert [(row["key"], row["size_bytes"], row["borrowers"], row["origin"]) for row in listed] == [
        ("tree/1.0/py3-none-any", wheel.stat().st_size, 0, ""),
        ("notes.txt", 5, 0, ""),
    ]
    status = blast.json("memstore", "status")
    assert (status["pid"], status["records"], status["blobs"]) == (started["pid"], 2, 2)
    assert blast.json("memstore", "evict", "notes.txt") == {
        "gone": 1,
        "kept": [],
        "records": 1,
        "size_bytes": wheel.stat().st_size,
    }
    second = blast.run("memstore", "start", "--detach")
    assert second.returncode == 5
    assert "runs already" in second.stderr
    assert blast.json("memstore", "stop")["pid"] == started["pid"]
    assert blast.run("memstore", "stop").returncode == 1


def test_a_key_may_hold_several_files_and_a_dpp_has_its_wheels_key(blast: Blast, wheel: Path) -> None:
    blast("memstore", "start", "--detach")
    blast("dpp", "pack", str(wheel), "tree.dpp")
    assert blast.json("memstore", "put", "tree.dpp")["records"][0]["key"] == "tree/1.0/py3-none-any"
    record = blast.json("memstore", "put", "tree.dpp", str(wheel), "--key", "both")["records"][0]
    assert [part["name"] for part in record["parts"]] == ["tree.dpp", wheel.name]
    assert blast.run("memstore", "put", "tree.dpp", str(wheel)).returncode == 2
    assert blast.run("memstore", "put", "missing").returncode == 2
    assert len(blast.json("memstore", "list")["records"]) == 2


def test_a_dump_comes_back_and_a_damaged_one_changes_nothing(blast: Blast, wheel: Path) -> None:
    blast("memstore", "start", "--detach")
    blast("memstore", "put", str(wheel))
    before = blast.json("memstore", "list")["records"]
    assert blast.json("memstore", "dump", "all.bmd")["records"] == 1
    dump = blast.directory / "all.bmd"
    content = dump.read_bytes()
    assert blast.json("memstore", "restore", "all.bmd") == {"path": str(dump), "restored": 0, "present": 1}
    blast("memstore", "evict", "--all")
    for place in (0, 9, 40, 70, len(content) // 2, len(content) - 3):
        dump.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert blast.run("memstore", "restore", "all.bmd").returncode == 4, place
        assert blast.json("memstore", "list")["records"] == []
    dump.write_bytes(content[:-1])
    assert blast.run("memstore", "restore", "all.bmd").returncode == 4
    dump.write_bytes(content)
    assert blast.json("memstore", "restore", "all.bmd")["restored"] == 1
    after = blast.json("memstore", "list")["records"]
    assert [{**row, "origin": ""} for row in after] == before
    assert blast.run("memstore", "dump", "missing/directory/all.bmd").returncode == 1


def test_a_store_in_the_foreground_ends_with_the_signal(blast: Blast) -> None:
    with blast.start("memstore", "start") as process:
        assert process.stderr is not None
        assert "Listening at" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0
    assert not os.path.exists(socket_of(blast))


def test_no_password_stands_on_a_command_line(blast: Blast) -> None:
    run = blast.run("memstore", "start", "--detach", "--redis", "redis://:sesame@localhost:1/0")
    assert run.returncode == 2
    assert "sesame" not in run.stdout + run.stderr
    blast("memstore", "start", "--detach", BLAST_MEMSTORE_REDIS="redis://:sesame@localhost:1/0")
    status = blast("memstore", "status")
    assert "sesame" not in status.stdout + status.stderr
    pid = blast.json("memstore", "status")["pid"]
    assert b"sesame" not in Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[StaticIndex]:
    (tmp_path / "index").mkdir()
    for name in ("one", "two"):
        make_wheel(tmp_path / "index", name, "1.0", files={f"{name}.py": b"HERE = True\n" * 1000})
    with StaticIndex(tmp_path / "index") as index:
        yield index


_MAPS = """
import one, two, os, sys
for line in open("/proc/self/maps"):
    if "memfd:blast-memory" in line:
        print(line.split()[4])
"""


def run_in_memory(blast: Blast, index: StaticIndex, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return blast(
        "run", "--in-memory", "--with", "one", "--with", "two", "python", *words, BLAST_INDEX_URL=index.url, **more
    )


def test_runs_in_memory_share_what_the_first_has_made(blast: Blast, index: StaticIndex) -> None:
    alone = run_in_memory(blast, index, "-c", _MAPS)
    blast("memstore", "start", "--detach")
    runs = [run_in_memory(blast, index, "-c", _MAPS).stdout for _ in range(3)]
    assert runs[0].strip()
    assert len(set(runs)) == 1, "each has mapped the same file"
    assert alone.stdout not in runs
    keys = [row["key"] for row in blast.json("memstore", "list")["records"]]
    assert sorted(key.rpartition("/")[0] for key in keys) == ["local/image", "wheel", "wheel"]
    assert run_in_memory(blast, index, "-c", _MAPS, BLAST_MEMSTORE="off").stdout not in runs


def test_what_a_run_borrows_stays_as_long_as_it_runs(blast: Blast, index: StaticIndex) -> None:
    blast("memstore", "start", "--detach")
    program = "import one, sys; print('up', flush=True); sys.stdin.readline(); import two; print(two.HERE)"
    words = ("run", "--in-memory", "--with", "one", "--with", "two", "python", "-c", program)
    run_in_memory(blast, index, "-c", "pass")
    with subprocess.Popen(
        [sys.executable, "-m", "blast_cli", *words],
        cwd=blast.directory,
        env=blast.variables(BLAST_INDEX_URL=index.url),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        (kept,) = (row for row in blast.json("memstore", "list")["records"] if row["borrowers"])
        assert kept["key"].startswith("local/image/")
        blast("memstore", "evict", "--all")
        assert [row["key"] for row in blast.json("memstore", "list")["records"]] == [kept["key"]]
        pid = blast.json("memstore", "status")["pid"]
        os.kill(pid, signal.SIGKILL)
        assert process.communicate("\n", timeout=30)[0] == "True\n", "what was lent outlives the store"


def test_a_named_store_that_is_not_there_is_said_and_done_without(blast: Blast, index: StaticIndex) -> None:
    run = run_in_memory(blast, index, "-c", "import one; print('done')", BLAST_MEMSTORE=str(blast.home / "none"))
    assert run.stdout == "done\n"
    assert "no memory store answers" in run.stderr
    assert "everything for itself" in run.stderr


def test_an_image_of_another_origin_is_not_believed(blast: Blast, index: StaticIndex) -> None:
    """A dump, or another user, may say anything: what would be run by its word alone is made anew."""
    blast("memstore", "start", "--detach")
    run_in_memory(blast, index, "-c", "pass")
    blast("memstore", "dump", "all.bmd")
    blast("memstore", "evict", "--all")
    blast("memstore", "restore", "all.bmd")
    shared = run_in_memory(blast, index, "-c", _MAPS).stdout
    assert shared != run_in_memory(blast, index, "-c", _MAPS).stdout
    with MemoryStore(socket_of(blast)) as store:
        wheels = [row for row in store.listing() if row["key"].startswith("wheel/")]
        assert {row["origin"] for row in wheels} == {"dump"}, "the wheels were used, since their digests were right"


def test_a_wheel_that_is_not_what_it_has_to_be_is_fetched(blast: Blast, index: StaticIndex) -> None:
    blast("memstore", "start", "--detach")
    run_in_memory(blast, index, "-c", "pass")
    keys = [row["key"] for row in blast.json("memstore", "list")["records"]]
    blast("memstore", "evict", "--all")
    (blast.directory / "wrong").write_bytes(b"no wheel")
    for key in keys:
        if key.startswith("wheel/"):
            blast("memstore", "put", "wrong", "--key", key)
    assert run_in_memory(blast, index, "-c", "import one; print(one.HERE)").stdout == "True\n"


def test_eight_runs_at_once_make_one_image(blast: Blast, index: StaticIndex) -> None:
    blast("memstore", "start", "--detach")
    words = ("run", "--in-memory", "--with", "one", "--with", "two", "python", "-c", _MAPS)
    running = [blast.start(*words, BLAST_INDEX_URL=index.url) for _ in range(8)]
    results = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0] * 8, results
    assert len({out for out, _ in results}) == 1
    wait_for(lambda: blast.json("memstore", "status")["connections"] == 1)
    assert json.loads(blast("memstore", "evict", "--all", "--json").stdout)["records"] == 0
