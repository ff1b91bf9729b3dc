"""What every transport must do, asked of both: authorities, proxies, client certificates, limits, bounded memory."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from blast_core.errors import IndexAccessError, IndexTimeout, UsageError
from blast_pm.index.testing import Authority, LoopbackProxy, make_authority
from blast_pm.index.transport import ConnectionFault
from blast_pm.index.transport.httpx_adapter import HttpxTransport
from blast_pm.index.transport.options import NetworkOptions, network_options
from blast_pm.index.transport.pyreqwest_adapter import PyreqwestTransport
from blast_pm.testing import Reply, StaticIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Make = Callable[..., Any]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def index(tmp_path: Path) -> Iterator[StaticIndex]:
    with StaticIndex(tmp_path) as served:
        served.script("/a", Reply(203, b"body", {"X-Thing": "1", "Content-Encoding": "gzip"}))
        yield served


@pytest.fixture
def secure(tmp_path: Path, authority: Authority) -> Iterator[StaticIndex]:
    with StaticIndex(tmp_path, context=authority.server_context()) as served:
        served.script("/a", Reply(203, b"body"))
        yield served


@pytest.fixture(params=[PyreqwestTransport, HttpxTransport], ids=["pyreqwest", "httpx"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    made: list[Any] = []

    def build(options: NetworkOptions | None = None, **more: object) -> Any:
        made.append(request.param(options, **more))
        return made[-1]

    yield build
    for transport in made:
        transport.close()


def _fetch(transport: Any, url: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    exchange = transport.open(url, headers or {})
    pieces = []
    try:
        while piece := exchange.read():
            pieces.append(piece)
    finally:
        exchange.close()
    return exchange.status, b"".join(pieces)


# One exchange


def test_exchange_gives_status_headers_and_body_as_sent(index: StaticIndex, make: Make) -> None:
    transport = make()
    exchange = transport.open(f"{index.origin}/a", {"Accept": "x/y", "Authorization": "Basic abc"})
    assert (exchange.status, exchange.headers["x-thing"]) == (203, "1")
    assert exchange.headers["content-encoding"] == "gzip"
    assert exchange.read() == b"body", "nothing is decompressed"
    assert exchange.read() == b""
    exchange.close()
    exchange.close()
    sent = index.requests[0].headers
    assert (sent["accept"], sent["authorization"]) == ("x/y", "Basic abc")
    assert "cookie" not in sent
    transport.close()
    transport.close()


def test_repeated_headers_are_joined(index: StaticIndex, make: Make) -> None:
    index.script("/a", Reply(raw=b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 0\r\n\r\n"))
    exchange = make().open(f"{index.origin}/a", {})
    assert exchange.headers["x-a"] == "1, 2"
    exchange.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed_and_cookies_not_kept(index: StaticIndex, make: Make, status: int) -> None:
    index.script("/a", Reply(status, headers={"Location": "/b", "Set-Cookie": "id=1"}))
    transport = make()
    assert _fetch(transport, f"{index.origin}/a")[0] == status
    assert _fetch(transport, f"{index.origin}/a")[0] == status
    assert index.paths() == ["/a", "/a"]
    assert "cookie" not in index.requests[1].headers


def test_connections_are_kept(index: StaticIndex, make: Make) -> None:
    transport = make()
    for _ in range(5):
        _fetch(transport, f"{index.origin}/a")
    assert index.connections == 1


@pytest.mark.parametrize(
    "url",
    ["http://[bad/", "ftp://index.invalid/", "nothing", "http://a\nb/", "http:\\\\h/", "file:///etc/passwd", "unix:/x",
     "http://h/\u00e4", "http:///a"],
)  # fmt: skip
def test_what_is_no_address_is_refused(make: Make, url: str) -> None:
    transport = make()
    with pytest.raises(IndexAccessError):
        transport.open(url, {})


# Faults


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(raw=b"garbage\r\n\r\n"), id="no-http"),
        pytest.param(Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"), id="cut"),
        pytest.param(Reply(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"), id="bad-chunk"),
        pytest.param(Reply(body=b"x" * 90_000, cut_at=70_000, reset=True), id="reset"),
        pytest.param(Reply(raw=b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500_000), id="endless-headers"),
        pytest.param(Reply(raw=b"HTTP/1.1 200 OK\r\nX: " + b"y" * 5_000_000), id="endless-header"),
    ],
)
def test_broken_answers_are_faults(index: StaticIndex, make: Make, reply: Reply) -> None:
    index.script("/a", reply)
    transport = make(NetworkOptions(timeout_s=5))
    with pytest.raises(ConnectionFault):
        _fetch(transport, f"{index.origin}/a")


@pytest.mark.parametrize("reply", [Reply(before_s=9), Reply(body=b"x", pause_s=9)], ids=["head", "body"])
def test_silence_is_a_timeout(index: StaticIndex, make: Make, reply: Reply) -> None:
    index.script("/a", reply)
    began = time.monotonic()
    with pytest.raises(IndexTimeout, match="in time"):
        _fetch(make(NetworkOptions(timeout_s=0.3)), f"{index.origin}/a")
    assert time.monotonic() - began < 3


def test_head_that_comes_byte_by_byte_is_a_timeout(make: Make) -> None:
    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(10_000)
            for sign in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50:
                connection.sendall(bytes([sign]))
                time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,), daemon=True)
        thread.start()
        began = time.monotonic()
        with pytest.raises(IndexTimeout):
            _fetch(make(NetworkOptions(timeout_s=0.4)), f"http://127.0.0.1:{server.getsockname()[1]}/")
        assert time.monotonic() - began < 3
        thread.join()


def test_body_that_nobody_reads_stays_on_the_server(index: StaticIndex, make: Make) -> None:
    index.script("/big", Reply(body=bytes(200_000_000)))
    exchange = make().open(f"{index.origin}/big", {})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    time.sleep(0.5)
    exchange.read()
    exchange.close()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000


# Certificates


def test_unknown_authority_is_no_fault_that_passes(secure: StaticIndex, make: Make) -> None:
    with pytest.raises(IndexAccessError, match="not trusted") as caught:
        _fetch(make(), f"{secure.origin}/a")
    assert not isinstance(caught.value, ConnectionFault)
    assert secure.paths() == []


def test_trusted_host_goes_unchecked_and_only_it(secure: StaticIndex, make: Make) -> None:
    transport = make(NetworkOptions(trusted_hosts=("localhost",)))
    assert _fetch(transport, f"{secure.origin}/a") == (203, b"body")
    with pytest.raises(IndexAccessError, match="not trusted"):
        _fetch(transport, f"https://127.0.0.1:{secure.port}/a")


_FETCH = """
import sys
from blast_pm.index.transport.choosing import open_transport
from blast_pm.index.transport.options import network_options
import os
notes = []
transport = open_transport(network_options(os.environ), connections=1, note=notes.append)
exchange = transport.open(sys.argv[1], {})
print(type(transport).__name__, exchange.status, exchange.read().decode(), notes)
"""


@pytest.mark.parametrize("name", ["pyreqwest", "httpx"])
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_system_store_is_where_openssl_looks(
    secure: StaticIndex, authority: Authority, tmp_path: Path, name: str, variable: str
) -> None:
    """The variables act inside the libraries, so in a process of its own."""
    folder = tmp_path / "authorities"
    folder.mkdir()
    content = _read(authority.bundle)
    (folder / f"{_subject_hash(authority.bundle)}.0").write_text(content)
    value = authority.bundle if variable == "SSL_CERT_FILE" else str(folder)
    environ = _environ() | {variable: value, "BLAST_TRANSPORT": name}
    done = subprocess.run(
        [sys.executable, "-c", _FETCH, f"{secure.origin}/a"], env=environ, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith(("PyreqwestTransport 203 body", "HttpxTransport 203 body")), done.stderr
    assert name in done.stdout.lower()


@pytest.mark.parametrize("name", ["pyreqwest", "httpx"])
def test_certificate_of_another_host_is_refused(secure: StaticIndex, authority: Authority, name: str) -> None:
    with LoopbackProxy(secure.port) as proxy:
        environ = _environ() | {"SSL_CERT_FILE": authority.bundle, "BLAST_TRANSPORT": name, "HTTPS_PROXY": proxy.url}
        for host, told in (
            ("index.invalid", "203 body"),
            ("other.invalid", "of https://other.invalid/a is not trusted"),
        ):
            command = [sys.executable, "-c", _FETCH, f"https://{host}/a"]
            done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
            assert told in done.stdout + done.stderr


def _environ() -> dict[str, str]:
    kept = {"PATH", "HOME", "LANG"}
    return {key: value for key, value in os.environ.items() if key in kept} | {"PYTHONPATH": os.pathsep.join(sys.path)}


def _read(path: str) -> str:
    with open(path) as stream:
        return stream.read()


def _subject_hash(path: str) -> str:
    command = ["openssl", "x509", "-hash", "-noout", "-in", path]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_client_certificate_is_shown(tmp_path: Path, make: Make, authority: Authority) -> None:
    with StaticIndex(tmp_path, context=authority.server_context(mutual=True)) as served:
        served.script("/a", Reply(203, b"body"))
        trusted = NetworkOptions(trusted_hosts=("localhost",))
        with pytest.raises(IndexAccessError):
            _fetch(make(trusted), f"{served.origin}/a")
        assert _fetch(make(trusted._replace(client_cert=authority.client)), f"{served.origin}/a") == (203, b"body")


@pytest.mark.parametrize("content", ["", "nonsense", "encrypted"])
def test_client_certificate_that_is_none_is_told_without_asking(
    secure: StaticIndex, make: Make, authority: Authority, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "client.pem"
    if content == "encrypted":
        command = ["openssl", "rsa", "-aes256", "-passout", "pass:secret", "-in", authority.client]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:  # trustme makes keys for elliptic curves
            command[1] = "ec"
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        certificate = _read(authority.client)
        content = done.stdout + certificate[certificate.index("-----BEGIN CERT") :]
    path.write_text(content)
    with pytest.raises(UsageError, match="certificate"):
        _fetch(make(NetworkOptions(client_cert=str(path))), f"{secure.origin}/a")


# Proxies


def test_plain_request_goes_through_the_proxy(index: StaticIndex, make: Make) -> None:
    with LoopbackProxy(index.port) as proxy:
        transport = make(NetworkOptions(proxies=(("http", proxy.url),)))
        assert _fetch(transport, "http://index.invalid/a") == (203, b"body")
        assert proxy.asked == ["GET http://index.invalid/a"]


@pytest.mark.parametrize("encrypted", [False, True], ids=["http-proxy", "https-proxy"])
def test_https_goes_through_a_tunnel(secure: StaticIndex, make: Make, authority: Authority, encrypted: bool) -> None:
    context = authority.server_context() if encrypted else None
    with LoopbackProxy(secure.port, username="me", password="p@ss:word", context=context) as proxy:
        address = proxy.url.replace("://", "://me:p%40ss%3Aword@")
        hosts = ("index.invalid", "localhost")
        transport = make(NetworkOptions(proxies=(("https", address),), trusted_hosts=hosts))
        assert _fetch(transport, "https://index.invalid/a", {"Authorization": "Basic x"}) == (203, b"body")
        assert proxy.asked == ["CONNECT index.invalid:443"]
    assert "proxy-authorization" not in secure.requests[0].headers


def test_certificate_of_a_proxy_is_checked_whatever_is_behind_it(
    secure: StaticIndex, make: Make, authority: Authority
) -> None:
    with LoopbackProxy(secure.port, context=authority.server_context()) as proxy:
        transport = make(NetworkOptions(proxies=(("https", proxy.url),), trusted_hosts=("index.invalid",)))
        with pytest.raises(IndexAccessError):
            _fetch(transport, "https://index.invalid/a")
        assert proxy.asked == []


def test_proxy_refuses_wrong_credentials_and_no_text_has_them(secure: StaticIndex, make: Make) -> None:
    with LoopbackProxy(secure.port, username="me", password="right") as proxy:
        address = proxy.url.replace("://", "://me:hunter2@")
        proxies = (("https", address), ("http", address))
        transport = make(NetworkOptions(proxies=proxies, trusted_hosts=("index.invalid",)))
        with pytest.raises(IndexAccessError) as caught:
            _fetch(transport, "https://index.invalid/a")
        assert "hunter2" not in str(caught.value.to_dict()) + repr(caught.value.__cause__)
        assert "407" in caught.value.reason or "roxy" in caught.value.reason
        assert _fetch(transport, "http://index.invalid/a")[0] == 407
    assert secure.paths() == []


def test_dead_proxy_is_told_without_its_password(make: Make) -> None:
    transport = make(NetworkOptions(proxies=(("https", "http://me:hunter2@127.0.0.1:9"),)))
    with pytest.raises(ConnectionFault) as caught:
        _fetch(transport, "https://index.invalid/a")
    assert "hunter2" not in str(caught.value.to_dict()) + repr(caught.value.__cause__)


def test_hosts_without_proxy_are_reached_directly(index: StaticIndex, make: Make) -> None:
    with LoopbackProxy(index.port) as proxy:
        for exempt in ("127.0.0.1", f"127.0.0.1:{index.port}", "127.0.0.0/8", "*"):
            transport = make(NetworkOptions(proxies=(("http", proxy.url),), no_proxy=(exempt,)))
            assert _fetch(transport, f"{index.origin}/a") == (203, b"body")
        assert proxy.asked == []


def test_proxies_of_the_process_are_not_looked_at(
    index: StaticIndex, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert _fetch(make(), f"{index.origin}/a") == (203, b"body")


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_socks_proxy(index: StaticIndex, make: Make, scheme: str) -> None:
    with LoopbackProxy(index.port) as proxy:
        transport = make(NetworkOptions(proxies=(("http", f"{scheme}://127.0.0.1:{proxy.port}"),)))
        host = "index.invalid" if scheme == "socks5h" else "127.0.0.1"
        assert _fetch(transport, f"http://{host}:81/a") == (203, b"body")
        assert proxy.asked == [f"SOCKS {host}:81"]


@pytest.mark.parametrize("address", ["gopher://me:hunter2@h", "file:///x", "http://me:hunter2@h h"])
def test_proxy_that_is_none_is_refused_when_it_is_read(address: str) -> None:
    with pytest.raises(UsageError, match="proxy") as caught:
        network_options({"HTTPS_PROXY": address})
    assert "hunter2" not in str(caught.value.to_dict())


@pytest.mark.parametrize(
    ("entry", "host", "port", "direct"),
    [
        ("index.invalid", "index.invalid", 443, True),
        ("index.invalid", "a.index.invalid", 443, True),
        (".index.invalid", "a.index.invalid", 443, True),
        ("*.index.invalid", "a.index.invalid", 443, True),
        ("index.invalid", "myindex.invalid", 443, False),
        ("index.invalid:8443", "index.invalid", 8443, True),
        ("index.invalid:8443", "index.invalid", 443, False),
        ("10.0.0.0/8", "10.1.2.3", 443, True),
        ("10.0.0.0/8", "11.1.2.3", 443, False),
        ("10.0.0.0/8", "10.invalid", 443, False),
        ("10.0.0.0/99", "10.1.2.3", 443, False),
        ("::1", "[::1]", 443, True),
        ("[::1]:443", "[::1]", 443, True),
        ("[::1]:444", "[::1]", 443, False),
        ("fd00::/8", "[fd00::5]", 443, True),
    ],
)
def test_exceptions_of_proxies(entry: str, host: str, port: int, direct: bool) -> None:
    options = NetworkOptions(proxies=(("https", "http://p:1"),), no_proxy=(entry,))
    assert options.proxy_for("https", host, port) == ("" if direct else "http://p:1")
