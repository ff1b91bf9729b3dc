"""Who may use a memory store, and what those can't do to it who send it whatever they like."""

from __future__ import annotations

import array
import contextlib
import json
import os
import resource
import socket
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import BlastError, DaemonError, DaemonUnreachable, StoreError, UsageError, VersionSkew
from blast_live.memstore import server as server_module
from blast_live.memstore.access import Access, Peer, read_token
from blast_live.memstore.client import MemoryStore
from blast_live.memstore.engine import Engine
from blast_live.memstore.messages import MESSAGE_BYTES, PROTOCOL
from blast_live.memstore.place import Place, connect
from blast_live.memstore.requests import Desk
from blast_live.memstore.sealed import sealed_from
from blast_live.memstore.table import Table
from blast_live.memstore.testing import Running, python, wait_for
from blast_live.memstore.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_core.blobs import Holding

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="NO MEMFD: the memory store needs Linux")
_ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="NOT ROOT: no process of another user can be started")
_NOBODY = 65534


@pytest.fixture(scope="module")
def one_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(str(tmp_path_factory.mktemp("store") / "socket"), max_size=1 << 20) as running:
        yield running


@pytest.fixture
def store(one_store: Running) -> Running:
    """A store that has been through all tests before, and must serve those who behave as if nothing had been."""
    with one_store.client() as client:
        wait_for(lambda: client.status()["connections"] == 1)
        status = client.status()
        assert (status["records"], status["transactions"], status["waiting"]) == (0, 0, 0)
    return one_store


def hello(link: socket.socket) -> dict[str, object]:
    try:
        link.send(json.dumps({"op": "hello", "protocol": PROTOCOL}).encode())
    except BrokenPipeError:
        pass  # refused before; the answer says why
    return receive(link)


def receive(link: socket.socket) -> dict[str, object]:
    try:
        data = link.recv(MESSAGE_BYTES)
    except ConnectionResetError:  # what was said before is still there, behind this error
        data = link.recv(MESSAGE_BYTES)
    document: dict[str, object] = json.loads(data) if data else {}
    return document


_ODD = [
    pytest.param(b"\x00", id="a zero"),
    pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="http"),
    pytest.param(b"\xff\xfe\x00", id="no utf-8"),
    pytest.param(b"[" * 100_000, id="deep"),
    pytest.param(b'{"op":' * 10_000, id="deep objects"),
    pytest.param(b"null", id="null"),
    pytest.param(b"[]", id="a list"),
    pytest.param(b'{"op": ["get"]}', id="an odd operation"),
    pytest.param(b'{"op": "none"}', id="no operation"),
    pytest.param(b'{"op": "__init__"}', id="a method"),
    pytest.param(b'{"op": "get"}', id="no keys"),
    pytest.param(b'{"op": "get", "keys": "k"}', id="keys that are a text"),
    pytest.param(b'{"op": "get", "keys": ["k"], "wait": 1e999}', id="for ever"),
    pytest.param(b'{"op": "get", "keys": ["k"], "wait": NaN}', id="no number"),
    pytest.param(b'{"op": "get", "keys": ["k", "k"]}', id="a key twice"),
    pytest.param(json.dumps({"op": "get", "keys": [str(n) for n in range(257)]}).encode(), id="many keys"),
    pytest.param(json.dumps({"op": "get", "keys": [str(n) * 250 for n in range(250)]}).encode(), id="long keys"),
    pytest.param(b'{"op": "open", "digests": ["' + b"0" * 63 + b'"]}', id="a short digest"),
    pytest.param(b'{"op": "list", "offset": -1}', id="a listing from behind"),
    pytest.param(b'{"op": "evict", "to": -5}', id="less than nothing"),
    pytest.param(b'{"op": "list", "offset": ' + b"9" * 5000 + b"}", id="a number of 5000 digits"),
    pytest.param(b" " * (MESSAGE_BYTES + 1), id="too long"),
]


@pytest.mark.parametrize("packet", _ODD)
@pytest.mark.parametrize("is_known", [False, True], ids=["first", "after hello"])
def test_what_is_no_request_ends_the_connection_and_nothing_else(
    packet: bytes, store: Running, *, is_known: bool
) -> None:
    with connect(store.socket, 60) as link:
        link.settimeout(60)
        if is_known:
            assert hello(link)["ok"]
        link.send(packet)
        answer = receive(link)
        assert "error" in answer
        assert receive(link) == {}


def test_a_packet_of_nothing_is_an_end(store: Running) -> None:
    with connect(store.socket, 60) as link:
        link.settimeout(60)
        link.send(b"")
        assert receive(link) == {}


def test_who_asks_before_it_has_its_answer_is_cut_off(store: Running) -> None:
    with store.client() as client, client.begin(["k"]), connect(store.socket, 60) as link:
        link.settimeout(60)
        hello(link)
        link.send(b'{"op": "get", "keys": ["k"], "wait": 100}')
        link.send(b'{"op": "status"}')
        assert "error" in receive(link)
        assert receive(link) == {}


def test_descriptors_that_nobody_asked_for_are_closed(store: Running) -> None:
    with connect(store.socket, 60) as link:
        link.settimeout(60)
        hello(link)
        before = store.open_files()
        null = os.open(os.devnull, os.O_RDONLY)
        for _ in range(20):
            rights = array.array("i", [null]).tobytes()
            link.sendmsg([b'{"op": "status"}'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
            assert "ok" in receive(link)
        assert store.open_files() == before
        rights = array.array("i", [null] * 200).tobytes()
        link.sendmsg([b'{"op": "put"}'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        assert "error" in receive(link)
        assert receive(link) == {}
        os.close(null)
        wait_for(lambda: store.open_files() < before)


def test_who_does_not_read_is_dropped_and_its_borrowings_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, so that the half minute passes quickly: the loop is turned by hand, as its thread would."""
    monkeypatch.setattr(server_module, "_HELLO_S", 0.0)
    monkeypatch.setattr(server_module, "_TAKE_S", 0.0)
    table = Table(1 << 20, 100, os.close)
    workers = Workers()
    with Place(str(tmp_path / "socket"), shared=False) as place:
        server = server_module.Server(place, Desk(Engine(table), Access(), workers), Access(), 10)
        silent = connect(place.path, 5)
        server._accept_all(place.listener)
        assert len(server._connections) == 1
        server._looked = -10.0
        server._settle()
        assert server._connections == {}
        assert silent.recv(100) == b""
        silent.close()
        server._close()
    workers.close()


def test_a_thousand_connections_are_held_and_let_go(store: Running) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    before = store.open_files()
    links = []
    try:
        links = [connect(store.socket, 60) for _ in range(1000)]
        for link in links[::50]:
            assert hello(link)["ok"]
        with store.client() as client:
            assert client.status()["connections"] == 1001
    finally:
        for link in links:
            link.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    wait_for(lambda: store.open_files() <= before)


_FEW_FILES = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))
from blast_live.memstore.daemon import StoreOptions, start_detached
print(start_detached(StoreOptions(sys.argv[1], 1 << 24)))
"""


def test_few_files_are_shared_between_connections_and_blobs(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    starting = python(_FEW_FILES, path)
    pid = int(starting.communicate(timeout=30)[0])
    links = []
    try:
        with MemoryStore(path) as client:
            for number in range(400):
                fd = sealed_from([str(number).encode()])
                os.close(client.ensure([str(number)], lambda _, fd=fd: [("x", fd)])[str(number)].parts[0].fd)  # type: ignore[misc]
                os.close(fd)
                client.release()
            assert client.status()["blobs"] <= 300 - 2 * 60 - 64
            refused = 0
            for _ in range(100):
                link = connect(path, 20)
                link.settimeout(60)
                links.append(link)
                refused += "error" in hello(link)
            assert refused == 100 - 59
            assert client.find(["399"])
        assert len(os.listdir(f"/proc/{pid}/fd")) < 300
    finally:
        for link in links:
            link.close()
        wait_for(lambda: _stopped(path))


def _stopped(path: str) -> bool:
    try:
        with MemoryStore(path) as client:
            client.stop()
    except DaemonUnreachable:
        return True
    except DaemonError:
        pass  # too many connections, until it has noticed that they are gone
    return False


def test_another_version_is_told_so(store: Running) -> None:
    with connect(store.socket, 60) as link:
        link.settimeout(60)
        link.send(json.dumps({"op": "hello", "protocol": PROTOCOL + 1}).encode())
        answer = receive(link)["error"]
        assert isinstance(answer, dict)
        assert answer["code"] == VersionSkew.code
        assert receive(link) == {}


# -- access


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("a-token-that-nobody-guesses\n")
    path.chmod(0o600)
    return path


def test_a_token_opens_the_store_and_another_does_not(tmp_path: Path, token_file: Path) -> None:
    with Running(str(tmp_path / "socket"), token_file=str(token_file)) as store:
        for token in ("", "a-token-that-nobody-guesse", "a-token-that-nobody-guessez", "ü" * 20):
            with pytest.raises(DaemonError, match="wants another token") as caught:
                store.client(token=token)
            assert not token or token not in str(caught.value.to_dict())
        with store.client(token=read_token(str(token_file))) as client:
            assert client.status()["refused"] == 4
        for name in ("cmdline", "environ"):
            assert b"a-token" not in Path(f"/proc/{store.pid}/{name}").read_bytes()
        with connect(store.socket, 60) as link:
            link.settimeout(60)
            link.send(b'{"op": "status"}')
            assert "error" in receive(link)
            assert receive(link) == {}


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o604])
def test_a_token_that_others_can_read_is_none(token_file: Path, mode: int) -> None:
    token_file.chmod(mode)
    with pytest.raises(DaemonError, match="others may read"):
        read_token(str(token_file))


@pytest.mark.parametrize("text", ["", "short\n", "\n" + "x" * 30, "ü" * 30, "x" * 5000], ids=range(5))
def test_a_token_is_a_line_of_some_length(token_file: Path, text: str) -> None:
    token_file.write_text(text)
    with pytest.raises(UsageError):
        read_token(str(token_file))


def test_another_user_comes_in_only_by_name_or_token() -> None:
    stranger = Peer(1, os.geteuid() + 1)
    assert Access().admit(stranger) is None
    for access in (Access([stranger.uid]), Access(token="x" * 20)):
        grant = access.admit(stranger)
        assert grant is not None
        assert not grant.may_write
        assert grant.origin == f"uid {stranger.uid}"
    assert Access(token="x" * 20).admit(Peer(1, os.geteuid())) == (False, True, "")


_OTHER_USER = """
import encodings.idna, fcntl, json, os, sys
import blake3
from blast_core.errors import BlastError
from blast_live.memstore import access
from blast_live.memstore.client import MemoryStore
from blast_live.memstore.sealed import sealed_from
os.setgroups([])  # the interpreter may lie where others can't read: all is imported
os.setgid(65534)
os.setuid(65534)
try:
    with MemoryStore(sys.argv[1]) as store:
        record = store.find(["theirs"])["theirs"]
        holding = store.open([record])["theirs"]
        seen = [os.pread(holding.parts[0].fd, 100, 0).decode(), holding.origin]
        try:
            store.ensure(["mine"], lambda key: [("x", sealed_from([b"mine"]))])
            seen.append("put")
        except BlastError as error:
            seen.append(error.code)
except BlastError as error:
    seen = [error.code]
print(json.dumps(seen))
"""


@_ROOT_ONLY
@pytest.mark.parametrize(
    ("options", "seen"),
    [
        pytest.param({}, ["daemon.unreachable"], id="not let in"),
        pytest.param({"uids": (_NOBODY,)}, ["content", "uid 0", "store"], id="reads"),
        pytest.param({"uids": (_NOBODY,), "others_write": True}, ["content", "uid 0", "put"], id="writes"),
    ],
)
def test_another_users_process(options: dict[str, object], seen: list[str]) -> None:
    # Not below pytest's own directory, which is its user's alone.
    with (
        tempfile.TemporaryDirectory() as directory,
        Running(f"{directory}/socket", **options) as store,
        store.client() as client,
    ):
        os.chmod(directory, 0o755)
        client.ensure(["theirs"], lambda _: [("x", sealed_from([b"content"]))])
        process = python(_OTHER_USER, store.socket)
        assert json.loads(process.communicate(timeout=30)[0]) == seen
        origins = {row["key"]: row["origin"] for row in client.listing()}
        assert origins == ({"theirs": ""} if seen[-1] != "put" else {"theirs": "", "mine": f"uid {_NOBODY}"})


def test_what_was_not_borrowed_is_not_handed_out(store: Running) -> None:
    with store.client() as one, store.client() as other:
        with one.begin(["k"]) as claimed:
            record = claimed.add("k", [("x", sealed_from([b"secret"]))])
            for client in (other, one):
                if client is other:
                    with pytest.raises(StoreError, match="not borrowed"):
                        client.open([record])
        with pytest.raises(BlastError):
            one.open([record])


_SERVED_BY_NOBODY = """
import os, resource, sys
import blake3, fcntl, hmac, signal, concurrent.futures.thread
from blast_live.memstore import access, engine, place, requests, sealed, server, table, workers
from blast_live.memstore.daemon import StoreOptions, serve
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400))
serve(StoreOptions(sys.argv[1], 1 << 20, uids=(0,), others_write=True), lambda: print("up", flush=True))
"""


@_ROOT_ONLY
def test_who_is_sent_descriptors_waits_while_too_many_are_on_their_way() -> None:
    """The kernel counts descriptors that are under way against a limit of the user who sends them; root has none."""
    with tempfile.TemporaryDirectory() as directory:
        os.chown(directory, _NOBODY, _NOBODY)
        path = f"{directory}/socket"
        with python(_SERVED_BY_NOBODY, path) as serving, contextlib.ExitStack() as silent:
            silent.callback(serving.kill)
            assert serving.stdout is not None
            assert serving.stdout.readline() == "up\n"
            client = silent.enter_context(MemoryStore(path))
            blobs = [(str(number), sealed_from([str(number).encode()])) for number in range(100)]
            with client.begin(["k"]) as claimed:
                record = claimed.add("k", blobs)
                claimed.commit()
            digests = [part.digest.hex() for part in record.parts]
            links = [silent.enter_context(connect(path, 60)) for _ in range(12)]
            for link in links:
                link.settimeout(60)
                hello(link)
                link.send(b'{"op": "get", "keys": ["k"]}')
                assert "ok" in receive(link)
                link.send(json.dumps({"op": "open", "digests": digests}).encode())  # and the answer is not read
            got: list[Holding] = []
            opening = threading.Thread(target=lambda: got.extend(client.open([record]).values()))
            opening.start()
            with MemoryStore(path) as other:
                wait_for(lambda: other.status()["crowded"])
                assert got == []
                for link in links:
                    link.close()
                opening.join(60)
                # The store sees one after the other that the silent ones are gone.
                wait_for(lambda: other.status()["crowded"] == 0)
            (holding,) = got
            assert os.pread(holding.parts[99].fd, 10, 0) == b"99"
            for _, fd in blobs:
                os.close(fd)
            for part in holding.parts:
                os.close(part.fd)
            client.stop()
