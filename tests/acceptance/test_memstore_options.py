"""Options of ``blast memstore``: another socket, who may do what, how long it waits, and a Redis behind it."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_live.memstore.client import MemoryStore
from blast_live.memstore.testing import REDIS_SERVER, RedisServer, python, wait_for

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(sys.platform != "linux", reason="NO MEMFD: the memory store needs Linux"),
]
_NOBODY = "65534"


@pytest.fixture
def blast() -> Iterator[Blast]:
    """The command, where another user may look too: not below pytest's own directory."""
    top = Path(tempfile.mkdtemp())
    top.chmod(0o755)
    (top / "work").mkdir()
    (top / "work" / "notes.txt").write_text("hello")
    command = Blast(top / "work", top / "home")
    yield command
    for name in ("socket", "other/socket"):
        command.run("memstore", "stop", "--socket", str(command.home / "memstore" / name))
    shutil.rmtree(top)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    try:
        yield server
    finally:
        server.close()


def test_every_command_finds_the_store_at_another_socket(blast: Blast) -> None:
    other = blast.home / "memstore" / "other" / "socket"
    at = ("--socket", str(other))
    assert blast.json("memstore", "start", "--detach", *at)["socket"] == str(other)
    assert blast.run("memstore", "status").returncode == 1
    blast("memstore", "put", "notes.txt", *at)
    assert [row["key"] for row in blast.json("memstore", "list", *at)["records"]] == ["notes.txt"]
    assert blast.json("memstore", "dump", "all.bmd", *at)["records"] == 1
    assert blast.json("memstore", "evict", "--all", *at)["gone"] == 1
    assert blast.json("memstore", "restore", "all.bmd", *at)["restored"] == 1
    assert blast.json("memstore", "status", *at)["records"] == 1
    assert blast.json("memstore", "stop", *at)
    assert not other.exists()


def test_eviction_down_to_a_size_takes_the_oldest(blast: Blast) -> None:
    blast("memstore", "start", "--detach")
    for name in ("first", "second", "third"):
        (blast.directory / name).write_bytes(name.encode() * 2000)
        blast("memstore", "put", name)
    # 10,000, 12,000 and 10,000 bytes.
    assert blast.json("memstore", "evict", "--to", "22K")["gone"] == 1
    assert {row["key"] for row in blast.json("memstore", "list")["records"]} == {"second", "third"}
    assert blast.run("memstore", "evict", "--to", "22K", "second").returncode == 2


def test_who_takes_too_long_is_rolled_back(blast: Blast) -> None:
    blast("memstore", "start", "--detach", "--patience", "0.3s")
    socket = str(blast.home / "memstore" / "socket")
    with MemoryStore(socket) as slow:
        claimed = slow.begin(["notes.txt"])
        # Waits for the one that hangs, then has the key.
        assert blast.json("memstore", "put", "notes.txt")["records"][0]["key"] == "notes.txt"
        claimed.rollback()


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT ROOT: no other user can be tried")
def test_other_users_come_in_and_write_where_the_options_say_so(blast: Blast) -> None:
    shared = blast.directory / "shared"
    shared.mkdir(mode=0o755)
    at = ("--socket", str(shared / "socket"))
    for options, seen in (
        ((), "outside"),
        (("--uid", _NOBODY), "['notes.txt'] refused"),
        (("--uid", _NOBODY, "--others-write"), "['notes.txt'] gone"),
    ):
        blast("memstore", "start", "--detach", *at, *options)
        blast("memstore", "put", "notes.txt", *at)
        with python(_AS_NOBODY, at[1]) as process:
            assert process.communicate(timeout=60)[0].strip() == seen
        blast("memstore", "stop", *at)


_AS_NOBODY = """
import encodings.idna, fcntl, json, os, sys
import blake3
from blast_core.errors import BlastError
from blast_live.memstore import access
from blast_live.memstore.client import MemoryStore
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
try:
    with MemoryStore(sys.argv[1]) as store:
        keys = [row["key"] for row in store.listing()]
        try:
            store.evict(keys)
            print(keys, "gone")
        except BlastError:
            print(keys, "refused")
except BlastError:
    print("outside")
"""


def test_a_token_is_asked_of_everybody(blast: Blast) -> None:
    for name, token in (("token", "open-sesame-" * 4), ("wrong", "close-sesame-" * 4)):
        (blast.directory / name).write_text(token)
        (blast.directory / name).chmod(0o600)
    blast("memstore", "start", "--detach", "--token-file", "token")
    status = ("memstore", "status")
    assert blast.run(*status).returncode != 0
    wrong = blast.run(*status, BLAST_MEMSTORE_TOKEN_FILE=str(blast.directory / "wrong"))
    assert wrong.returncode != 0
    assert "sesame" not in wrong.stdout + wrong.stderr
    right = {"BLAST_MEMSTORE_TOKEN_FILE": str(blast.directory / "token")}
    assert blast.json(*status, **right)["records"] == 0
    blast("memstore", "stop", **right)
    (blast.directory / "token").chmod(0o644)
    open_to_all = blast.run("memstore", "start", "--detach", "--token-file", "token")
    assert open_to_all.returncode != 0
    assert "others may read" in open_to_all.stderr


@pytest.mark.skipif(not REDIS_SERVER, reason="NO REDIS: redis-server is not on PATH (apt-get install redis-server)")
def test_what_one_store_put_into_redis_another_has(blast: Blast, redis: RedisServer) -> None:
    behind = ("--redis", redis.url, "--redis-prefix", "team", "--redis-timeout", "20s")
    blast("memstore", "start", "--detach", *behind, "--redis-ttl", "1h")
    blast("memstore", "put", "notes.txt")
    # A record, and a chunk that outlives it.
    wait_for(lambda: len(redis.client.keys("team*")) == 2)
    assert all(0 < redis.client.ttl(key) <= 2 * 3600 for key in redis.client.keys("team*"))
    blast("memstore", "stop")
    kept = len(redis.client.keys("*"))
    blast("memstore", "start", "--detach", *behind, "--redis-read-only")
    with MemoryStore(str(blast.home / "memstore" / "socket")) as store:
        record = store.find(["notes.txt"])["notes.txt"]
        fd = store.open([record])["notes.txt"].parts[0].fd
        assert os.pread(fd, 100, 0) == b"hello"
    (blast.directory / "more.txt").write_text("more")
    blast("memstore", "put", "more.txt")
    blast("memstore", "stop")
    assert len(redis.client.keys("*")) == kept


def test_a_redis_that_is_not_there_is_no_reason_to_wait(blast: Blast) -> None:
    blast("memstore", "start", "--detach", "--redis", "unix:///nowhere/redis.sock", "--redis-timeout", "0.5s")
    blast("memstore", "put", "notes.txt")
    with MemoryStore(str(blast.home / "memstore" / "socket")) as store:
        assert store.find(["notes.txt", "other"]).keys() == {"notes.txt"}


@pytest.mark.parametrize("option", ["--patience", "--redis-ttl", "--redis-timeout", "--max-size"])
def test_what_is_no_amount_is_refused(blast: Blast, option: str) -> None:
    done: subprocess.CompletedProcess[str] = blast.run("memstore", "start", "--detach", option, "soon")
    assert done.returncode == 2
    assert "soon" in done.stderr
