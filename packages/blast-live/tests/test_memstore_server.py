"""The memory store as a process: what many clients see of each other, whoever of them is killed."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import (
    DaemonError,
    DaemonUnreachable,
    DigestMismatch,
    IntegrityError,
    StoreError,
    StoreLocked,
    UsageError,
)
from blast_live.memstore.client import MemoryStore
from blast_live.memstore.daemon import StoreOptions, start_detached
from blast_live.memstore.sealed import sealed_from
from blast_live.memstore.testing import Running, python, wait_for

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="NO MEMFD: the memory store needs Linux")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Running]:
    with Running(str(tmp_path / "store" / "socket"), max_size=1 << 20) as running:
        yield running


def blob(content: bytes) -> int:
    return sealed_from([content])


def parts(content: bytes) -> list[tuple[str, int]]:
    """Return two parts of which one follows from the other, as the descriptors of sealed files."""
    return [("container", blob(content)), ("checksum", blob(hashlib.sha256(content).digest()))]


def read(fd: int) -> bytes:
    try:
        return os.pread(fd, 1 << 24, 0)
    finally:
        os.close(fd)


def ensure(client: MemoryStore, *contents: bytes) -> dict[str, bytes]:
    """Have each content stored under a key of its own, and return what is lent."""
    by_key = {content.decode(): content for content in contents}
    holdings = client.ensure(list(by_key), lambda key: parts(by_key[key]))
    for holding in holdings.values():
        os.close(holding.parts[1].fd)
    return {key: read(holding.parts[0].fd) for key, holding in holdings.items()}


def test_what_one_has_made_others_are_lent_as_the_same_file(store: Running) -> None:
    with store.client() as one, store.client() as other:
        made = blob(b"content")
        holding = one.ensure(["k"], lambda _: [("container", made)])["k"]
        again = other.ensure(["k"], lambda _: pytest.fail("it was made twice"))["k"]
        assert os.fstat(made).st_ino == os.fstat(holding.parts[0].fd).st_ino == os.fstat(again.parts[0].fd).st_ino
        assert again.parts[0].size == 7
        assert again.origin == ""
        assert os.pread(again.parts[0].fd, 100, 0) == b"content"
        with pytest.raises(OSError, match="not permitted"):
            os.pwrite(again.parts[0].fd, b"x", 0)


def test_a_file_is_copied_and_an_equal_blob_is_kept_once(store: Running, tmp_path: Path) -> None:
    (tmp_path / "wheel").write_bytes(b"w" * 1000)
    with store.client() as client, open(tmp_path / "wheel", "rb") as file, client.begin(["a", "b"]) as claimed:
        claimed.add("a", [("container", file.fileno())])
        claimed.add("b", [("container", blob(b"w" * 1000))])
        claimed.commit()
        assert client.status()["blobs"] == 1
        assert client.status()["size"] == 1000
        assert set(client.find(["a", "b", "c"])) == {"a", "b"}


def test_an_install_is_seen_whole_or_not_at_all(store: Running) -> None:
    keys = [f"key{number}" for number in range(20)]
    with store.client() as one, store.client() as other:
        with one.begin(keys) as claimed:
            for key in keys:
                claimed.add(key, parts(key.encode()))
                assert other.find(keys, only_present=True) == {}
                assert other.listing() == []
            claimed.commit()
        assert set(other.find(keys)) == set(keys)


def test_who_wants_what_is_being_installed_waits(store: Running) -> None:
    got: list[object] = []
    with store.client() as one, store.client() as other:
        with one.begin(["k"]) as claimed:
            waiting = threading.Thread(target=lambda: got.append(other.find(["k"])))
            waiting.start()
            wait_for(lambda: one.status()["waiting"] == 1)
            claimed.add("k", parts(b"k"))
            record = claimed.commit()[0]
        waiting.join(60)
        assert got == [{"k": record}]


def test_who_has_waited_long_enough_is_told_for_what(store: Running) -> None:
    with store.client() as one, store.client() as other, one.begin(["numpy/2.1"]):
        with pytest.raises(StoreLocked, match="can't be had yet") as caught:
            other.find(["numpy/2.1"], 0.05)
        assert caught.value.message.startswith("numpy/2.1 ")
        assert "waited for 0.05 s" in caught.value.reason
        with pytest.raises(StoreLocked):
            other.begin(["numpy/2.1"], wait_s=0.05)
        assert other.find(["numpy/2.1"], only_present=True) == {}


def test_who_holds_an_install_may_not_wait_in_a_circle(store: Running) -> None:
    caught: list[StoreLocked] = []

    def wait(client: MemoryStore) -> None:
        try:
            client.find(["a"], 60)
        except StoreLocked as error:
            caught.append(error)

    with store.client() as one, store.client() as other:
        first, second = one.begin(["a"]), other.begin(["b"])
        waiting = threading.Thread(target=wait, args=(other,))
        waiting.start()
        wait_for(lambda: store_waits(store) == 1)
        with pytest.raises(StoreLocked, match="wait for each other"):
            one.find(["b"])
        first.rollback()
        waiting.join(60)
        assert caught == []
        second.rollback()


def store_waits(store: Running) -> int:
    with store.client() as client:
        return int(client.status()["waiting"])


_HALF = """
import os, signal, sys
from blast_live.memstore.client import MemoryStore
from blast_live.memstore.sealed import sealed_from
store = MemoryStore(sys.argv[1])
claimed = store.begin(["a", "b"])
claimed.add("a", [("container", sealed_from([b"x" * 1000]))])
print("half", flush=True)
signal.pause()
"""


def test_who_dies_in_an_install_rolls_it_back(store: Running) -> None:
    dying = python(_HALF, store.socket)
    assert dying.stdout is not None
    assert dying.stdout.readline() == "half\n"
    with store.client() as client, dying:
        assert client.status()["size"] == 1000
        got: list[object] = []
        waiting = threading.Thread(target=lambda: got.append(client.find(["b"], 60)))
        waiting.start()
        wait_for(lambda: store_waits(store) == 1)
        dying.kill()
        waiting.join(60)
        assert got == [{}]
        status = client.status()
        assert (status["transactions"], status["blobs"], status["size"]) == (0, 0, 0)


_RANDOM = """
import hashlib, os, random, sys
from blast_core.errors import BlastError
from blast_live.memstore.client import MemoryStore
from blast_live.memstore.sealed import sealed_from

def make(key):
    if random.random() < 0.05:
        os.kill(os.getpid(), 9)
    content = key.encode() * random.Random(key).randrange(1, 3000)
    made = [("container", sealed_from([content])), ("checksum", sealed_from([hashlib.sha256(content).digest()]))]
    if random.random() < 0.1:
        raise BlastError("this one fails")
    return made

store = MemoryStore(sys.argv[1])
seen = 0
while True:
    keys = [str(number) for number in random.sample(range(40), 6)]
    try:
        holdings = store.ensure(keys, make)
    except BlastError as error:
        if "fails" not in error.message and "full" not in error.message:
            raise
        continue
    for holding in holdings.values():
        container, checksum = holding.parts
        content = os.pread(container.fd, container.size, 0)
        assert content == holding.key.encode() * random.Random(holding.key).randrange(1, 3000)
        assert os.pread(checksum.fd, 100, 0) == hashlib.sha256(content).digest()
        os.close(container.fd)
        os.close(checksum.fd)
    store.release()
    seen += 1
    if seen % 50 == 0:
        print(seen, flush=True)
"""


def end(process: subprocess.Popen[str]) -> None:
    with process:
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, "it found something wrong"


def test_clients_killed_at_random_leave_nothing_halved_locked_or_open(tmp_path: Path) -> None:
    """Eight at a time in a store that has room for half of what they want; each ends by its own hand or by ours."""
    chance = random.Random(6)
    with Running(str(tmp_path / "socket"), max_size=40_000) as store:
        before = store.open_files()
        running = [python(_RANDOM, store.socket) for _ in range(8)]
        for _ in range(16):
            time.sleep(chance.random() / 3)
            victim = running.pop(chance.randrange(len(running)))
            victim.kill()
            end(victim)
            running.append(python(_RANDOM, store.socket))
        for process in running:
            process.kill()
            end(process)
        with store.client() as client:
            wait_for(lambda: client.status()["connections"] == 1)
            status = client.status()
            assert (status["transactions"], status["waiting"], status["pinned"]) == (0, 0, 0)
            assert status["records"] > 0
            for holding in client.open(list(client.find([row["key"] for row in client.listing()]).values())).values():
                content, checksum = (read(part.fd) for part in holding.parts)
                assert hashlib.sha256(content).digest() == checksum
            client.release()
            client.shrink(0)
            assert client.status()["blobs"] == 0
        wait_for(lambda: store.open_files() == before)


def test_twenty_who_want_the_same_have_it_made_once(store: Running, tmp_path: Path) -> None:
    program = """
import json, os, sys
from blast_live.memstore.client import MemoryStore
from blast_live.memstore.sealed import sealed_from

def make(key):
    os.close(os.open(os.path.join(sys.argv[2], key), os.O_CREAT | os.O_EXCL))
    return [("container", sealed_from([key.encode()]))]

holdings = MemoryStore(sys.argv[1]).ensure([str(number) for number in range(30)], make)
print(json.dumps([os.fstat(holding.parts[0].fd).st_ino for holding in holdings.values()]))
"""
    (tmp_path / "made").mkdir()
    runners = [python(program, store.socket, str(tmp_path / "made")) for _ in range(20)]
    files = {tuple(json.loads(runner.communicate(timeout=60)[0])) for runner in runners}
    assert [runner.wait() for runner in runners] == [0] * 20
    assert len(files) == 1
    assert len(os.listdir(tmp_path / "made")) == 30


def test_a_child_that_inherits_the_connection_goes_on_borrowing(store: Running) -> None:
    client = store.client()
    ensure(client, b"kept")
    child = python("import signal; print('up', flush=True); signal.pause()", pass_fds=[client.fileno()])
    assert child.stdout is not None
    child.stdout.readline()
    client.close()
    with store.client() as other, child:
        assert other.evict(["kept"]) == (0, ["kept"])
        child.kill()
        wait_for(lambda: other.evict(["kept"])[0] == 1)


def test_room_is_made_by_what_nobody_borrows(store: Running) -> None:
    with store.client() as client, store.client() as other:
        for number in range(10):
            client.ensure([str(number)], lambda key: [("container", blob(key.encode() * 200_000))])
            client.release()
        assert [row["key"] for row in other.listing()] == ["5", "6", "7", "8", "9"]
        other.ensure(["5", "6", "7", "8", "9"], lambda _: pytest.fail("it is there"))
        with pytest.raises(StoreError, match="full"):
            client.ensure(["more"], lambda _: [("container", blob(b"x" * 200_000))])
        assert client.status()["transactions"] == 0
        with pytest.raises(StoreError, match="larger than"):
            client.ensure(["more"], lambda _: [("container", blob(b"x" * 2_000_000))])


def test_what_is_no_sealed_memory_or_not_what_its_digest_says_is_refused(store: Running, tmp_path: Path) -> None:
    open_memory = os.memfd_create("open", os.MFD_ALLOW_SEALING)
    reader, _ = os.pipe()
    directory = os.open(tmp_path, os.O_RDONLY)
    with store.client() as client, client.begin(["k"]):
        before = store.open_files()
        for fd in (open_memory, reader, directory):
            with pytest.raises(IntegrityError, match="not a sealed"):
                client.ask({"op": "put", "digest": "00" * 32}, fds=[fd])
        with pytest.raises(DigestMismatch):
            client.ask({"op": "put", "digest": "00" * 32}, fds=[blob(b"something else")])
        wait_for(lambda: store.open_files() == before)


def test_a_stop_leaves_what_was_lent_readable_and_no_socket(tmp_path: Path) -> None:
    with Running(str(tmp_path / "s" / "socket")) as store, store.client() as client:
        holding = client.ensure(["k"], lambda _: [("container", blob(b"content"))])["k"]
        store.signal(signal.SIGTERM)
        wait_for(lambda: not os.path.exists(store.socket))
        assert os.pread(holding.parts[0].fd, 100, 0) == b"content"
        with pytest.raises(DaemonUnreachable):
            client.status()
        assert os.listdir(tmp_path / "s") == ["socket.lock"]


def test_of_five_that_start_at_once_one_listens(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    program = (
        "import sys; from blast_live.memstore.daemon import *; from blast_core.errors import StoreLocked\n"
        "try: print(start_detached(StoreOptions(sys.argv[1], 1 << 20)))\n"
        "except StoreLocked: print(0)"
    )
    starting = [python(program, path) for _ in range(5)]
    pids = [int(process.communicate(timeout=60)[0]) for process in starting]
    (pid,) = [pid for pid in pids if pid]
    with MemoryStore(path) as client:
        assert client.server_pid == pid
        client.stop()


def test_what_a_killed_store_left_is_replaced(store: Running) -> None:
    with store.client() as client:
        ensure(client, b"gone")
        store.kill()
        assert os.path.exists(store.socket)
        with pytest.raises(DaemonUnreachable, match="no memory store answers"):
            store.client()
        store.start_again()
        with pytest.raises(DaemonUnreachable):
            client.status()
    with store.client() as client:
        assert client.listing() == []


def test_a_socket_may_have_a_long_path(tmp_path: Path) -> None:
    path = tmp_path / ("long" * 30) / ("long" * 30) / "socket"
    with Running(str(path)) as store, store.client() as client:
        assert client.status()["pid"] == store.pid


def test_a_place_that_others_can_change_or_that_is_no_socket_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    for name in ("file", "link"):
        with pytest.raises(UsageError, match="is no socket"):
            start_detached(StoreOptions(str(tmp_path / name), 1 << 20))
    assert (tmp_path / "file").read_text() == "precious"
    (tmp_path / "open").mkdir(mode=0o777)
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(DaemonError, match="others may write"):
        start_detached(StoreOptions(str(tmp_path / "open" / "socket"), 1 << 20))
    path = tmp_path / "own" / "socket"
    with Running(str(path)):
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert path.stat().st_mode & 0o777 == 0o600
