"""Which library makes the connections, and why; and HTTP/2 against a real server."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from blast_core.errors import UsageError
from blast_pm.index.client import PyPiClient
from blast_pm.index.default import make_location
from blast_pm.index.testing import Authority, make_authority
from blast_pm.index.transport.choosing import find_obstacle, open_transport
from blast_pm.index.transport.httpx_adapter import HttpxTransport
from blast_pm.index.transport.options import NetworkOptions, network_options
from blast_pm.index.transport.pyreqwest_adapter import PyreqwestTransport
from blast_pm.metadata.store import Database
from blast_pm.testing import StaticIndex, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


def _choose(options: NetworkOptions) -> tuple[type, list[str]]:
    notes: list[str] = []
    transport = open_transport(options, connections=4, note=notes.append)
    transport.close()
    return type(transport), notes


def test_pyreqwest_is_the_default_and_nothing_is_said() -> None:
    assert _choose(NetworkOptions()) == (PyreqwestTransport, [])
    assert _choose(network_options({"BLAST_TRANSPORT": "auto"})) == (PyreqwestTransport, [])


def test_httpx_can_be_asked_for() -> None:
    assert _choose(network_options({"BLAST_TRANSPORT": " HTTPX "}))[0] is HttpxTransport


def test_bundle_that_replaces_the_system_is_for_httpx(authority: Authority) -> None:
    kind, notes = _choose(NetworkOptions(cert=authority.bundle))
    assert kind is HttpxTransport
    assert "httpx" in notes[0]
    with pytest.raises(UsageError, match="pyreqwest"):
        _choose(NetworkOptions(cert=authority.bundle, transport="pyreqwest"))


def test_bundle_of_the_system_is_no_reason() -> None:
    bundle = "/etc/ssl/certs/ca-certificates.crt"
    for certs in (("", ""), (bundle, ""), (bundle, "/etc/ssl/certs")):
        assert find_obstacle(NetworkOptions(cert=bundle, openssl_certs=certs), "linux") == ""
    assert find_obstacle(NetworkOptions(cert=bundle, openssl_certs=("/own.pem", "")), "linux")
    assert find_obstacle(NetworkOptions(cert="/own.pem", openssl_certs=("/own.pem", "")), "linux"), "adds the system's"
    assert find_obstacle(NetworkOptions(cert=bundle), "darwin"), "the keychain is the store there"


def test_variables_of_openssl_count_where_pyreqwest_reads_them() -> None:
    options = NetworkOptions(openssl_certs=("/own.pem", ""))
    assert find_obstacle(options, "linux") == ""
    assert "SSL_CERT_FILE" in find_obstacle(options, "win32")


def test_missing_library_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "blast_pm.index.transport.pyreqwest_adapter", None)
    kind, notes = _choose(NetworkOptions())
    assert kind is HttpxTransport
    assert "not installed" in notes[0]


def test_client_certificate_that_pyreqwest_refuses_is_tried_with_httpx(tmp_path: Path) -> None:
    path = tmp_path / "client.pem"
    path.write_text("nonsense")
    kind, notes = _choose(NetworkOptions(client_cert=str(path)))
    assert kind is HttpxTransport
    assert notes


@pytest.mark.parametrize(
    "options",
    [
        NetworkOptions(transport="curl"),
        NetworkOptions(cert="/does/not/exist.pem"),
        NetworkOptions(client_cert="/does/not/exist.pem"),
    ],
    ids=repr,
)
def test_what_can_not_be_is_told_at_once(options: NetworkOptions) -> None:
    with pytest.raises(UsageError):
        _choose(options)


def test_client_says_which_transport_stands_in(tmp_path: Path, authority: Authority) -> None:
    (tmp_path / "wheels").mkdir()
    make_wheel(tmp_path / "wheels", "thing", "1.0")
    notes: list[str] = []
    database = Database(str(tmp_path / "meta.lmdb"))
    with StaticIndex(tmp_path / "wheels", context=authority.server_context()) as served:
        network = NetworkOptions(cert=authority.bundle)
        locations = [make_location("test", served.url)]
        client = PyPiClient(locations, database=database, network=network, note=notes.append)
        assert client.page("thing").files
        client.close()
    database.close()
    assert len(notes) == 1


def test_neither_library_is_imported_before_the_first_request() -> None:
    code = (
        "import sys, blast_pm.index.client, blast_pm.index.transport.choosing, blast_pm.index.transport.options\n"
        "assert not {'httpx', 'pyreqwest', 'ssl', 'http'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


# HTTP/2


_SERVER = """
import asyncio, sys
from hypercorn.asyncio import serve
from hypercorn.config import Config

async def answer(scope, receive, send):
    if scope["type"] != "http":
        return
    print(scope["http_version"], scope["path"], file=sys.stderr, flush=True)
    body = scope["path"].encode() * 20_000
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for start in range(0, len(body), 50_000):
        await send({"type": "http.response.body", "body": body[start : start + 50_000], "more_body": True})
    await send({"type": "http.response.body", "body": b""})

async def main():
    config = Config()
    config.certfile = config.keyfile = sys.argv[1]
    config.bind = ["127.0.0.1:0"]
    config.accesslog = config.errorlog = None
    sockets = config.create_sockets()
    config.create_sockets = lambda: sockets
    for listening in sockets.secure_sockets:
        listening.listen(64)
    print(sockets.secure_sockets[0].getsockname()[1], flush=True)
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await serve(answer, config, shutdown_trigger=lambda: ended)

asyncio.run(main())
"""


class _Http2Server:
    """hypercorn on loopback, in a process of its own: it tells its port, and of each request the protocol's version."""

    def __init__(self, authority: Authority) -> None:
        command = [sys.executable, "-c", _SERVER, authority.server]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def stop(self) -> list[tuple[str, str]]:
        """End it, and return version and path of the requests."""
        if self._process.poll() is not None:
            return []
        try:
            told = self._process.communicate(timeout=20)[1]
        finally:
            self._process.kill()
        return [(line.split()[0], line.split()[1]) for line in told.splitlines() if line.startswith(("1", "2"))]


@pytest.fixture
def http2(authority: Authority) -> Iterator[_Http2Server]:
    server = _Http2Server(authority)
    yield server
    server.stop()


@pytest.mark.parametrize("kind", [PyreqwestTransport, HttpxTransport])
@pytest.mark.parametrize("offered", [True, False])
def test_http2_is_spoken_where_it_is_offered(http2: _Http2Server, kind: Any, offered: bool) -> None:
    transport = kind(NetworkOptions(trusted_hosts=("localhost",)), http2=offered)
    failed: list[BaseException] = []

    def work(path: str) -> None:
        try:
            exchange = transport.open(f"https://localhost:{http2.port}{path}", {"Accept": "x/y"})
            body = b""
            while piece := exchange.read():
                body += piece
            exchange.close()
            assert exchange.status == 200
            assert body == path.encode() * 20_000
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            failed.append(error)

    threads = [threading.Thread(target=work, args=(f"/{number}",)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    transport.close()
    assert failed == []
    requests = http2.stop()
    assert {version for version, _ in requests} == {"2" if offered else "1.1"}
    assert len(requests) == 12


def test_exchange_given_up_over_http2_harms_no_other(http2: _Http2Server) -> None:
    transport = PyreqwestTransport(NetworkOptions(trusted_hosts=("localhost",)))
    first = transport.open(f"https://localhost:{http2.port}/one", {})
    first.read()
    first.close()
    second = transport.open(f"https://localhost:{http2.port}/two", {})
    assert second.read().startswith(b"/two")
    second.close()
    transport.close()
