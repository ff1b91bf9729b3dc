"""The httpx adapter makes one exchange as asked, and lets no foreign error out."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import httpx
import pytest

from blast_core.errors import BlastError, IndexAccessError, IndexTimeout, UsageError
from blast_core.pip_configuration import PipConfiguration
from blast_pm.index.transport import ConnectionFault
from blast_pm.index.transport.httpx_adapter import HttpxTransport, translated
from blast_pm.index.transport.options import NetworkOptions, make_ssl_context, network_options
from blast_pm.testing import Reply, StaticIndex

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOREIGN = [
    found
    for _, found in inspect.getmembers(httpx, inspect.isclass)
    if issubclass(found, Exception) and found is not httpx.HTTPStatusError
]


def _make(kind: type[Exception]) -> Exception:
    arguments = [name for name, _ in list(inspect.signature(kind.__init__).parameters.items())[1:]]
    return kind() if not arguments or arguments == ["args", "kwargs"] else kind("message")


@pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: kind.__name__)
def test_every_foreign_error_is_translated(kind: type[Exception]) -> None:
    with pytest.raises(BlastError) as caught, translated("https://index.invalid/"):
        raise _make(kind)
    expected = IndexTimeout if issubclass(kind, httpx.TimeoutException) else IndexAccessError
    assert isinstance(caught.value, expected)
    assert "https://index.invalid/" in caught.value.message


def test_untrusted_certificate_is_not_retried() -> None:
    with pytest.raises(IndexAccessError, match="not trusted") as caught, translated("https://index.invalid/"):
        raise httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")
    assert not isinstance(caught.value, ConnectionFault)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[StaticIndex]:
    with StaticIndex(tmp_path) as served:
        yield served


@pytest.mark.parametrize("http2", [False, True])
def test_exchange_gives_status_headers_and_body_as_sent(index: StaticIndex, http2: bool) -> None:
    index.script("/a", Reply(203, b"zipped?", {"X-Thing": "1", "Content-Encoding": "gzip"}))
    transport = HttpxTransport(http2=http2)
    exchange = transport.open(f"{index.origin}/a", {"Accept": "x/y"})
    assert (exchange.status, exchange.headers["x-thing"]) == (203, "1")
    assert exchange.read() == b"zipped?"
    assert exchange.read() == b""
    exchange.close()
    exchange.close()
    assert index.requests[0].headers["accept"] == "x/y"
    transport.close()
    transport.close()


def test_redirects_are_not_followed(index: StaticIndex) -> None:
    index.script("/a", Reply(302, headers={"Location": "/b"}))
    transport = HttpxTransport()
    exchange = transport.open(f"{index.origin}/a", {})
    assert (exchange.status, exchange.headers["location"]) == (302, "/b")
    exchange.close()
    transport.close()
    assert index.paths() == ["/a"]


def test_proxy_gets_the_whole_address(index: StaticIndex) -> None:
    transport = HttpxTransport(NetworkOptions(proxies=(("http", index.origin),)))
    exchange = transport.open("http://index.invalid/simple/", {})
    exchange.close()
    transport.close()
    assert index.paths() == ["http://index.invalid/simple/"]


@pytest.mark.parametrize("url", ["http://[bad/", "ftp://index.invalid/", "nothing", "http://a\nb/"])
def test_what_is_no_address_is_refused(url: str) -> None:
    transport = HttpxTransport()
    with pytest.raises(IndexAccessError):
        transport.open(url, {})
    transport.close()


def test_proxy_that_is_none_is_told_without_its_password() -> None:
    transport = HttpxTransport(NetworkOptions(proxies=(("http", "gopher://me:hunter2@h"),)))
    with pytest.raises(UsageError) as caught:
        transport.open("http://index.invalid/", {})
    assert "hunter2" not in str(caught.value.to_dict())
    transport.close()


def test_options_merge_by_strength() -> None:
    pip = PipConfiguration(cert="/pip.pem", proxy="p:1", timeout_s=7, trusted_hosts=("h:8443",))
    found = network_options({"HTTPS_PROXY": "http://e:2", "NO_PROXY": "x"}, pip)
    assert (found.cert, found.timeout_s, found.proxies) == (
        "/pip.pem",
        7,
        (("http", "http://p:1"), ("https", "http://p:1")),
    )
    assert found.is_trusted("h", 8443)
    assert not found.is_trusted("h", 443)
    assert found.no_proxy == (), "a proxy given on purpose is for all hosts"
    own = network_options({"BLAST_CERT": "/own.pem", "BLAST_HTTP_TIMEOUT": "3"}, pip)
    assert (own.cert, own.timeout_s) == ("/own.pem", 3)
    assert network_options({}).timeout_s == 30
    with pytest.raises(UsageError, match="BLAST_HTTP_TIMEOUT"):
        network_options({"BLAST_HTTP_TIMEOUT": "soon"})


def test_proxies_of_the_environment_and_their_exceptions() -> None:
    environ = {"https_proxy": "http://e:2", "no_proxy": "internal.invalid, .corp.invalid", "REQUEST_METHOD": "GET"}
    found = network_options({**environ, "HTTP_PROXY": "http://attacker:1"})
    assert found.proxy_for("https", "index.invalid") == "http://e:2"
    assert found.proxy_for("http", "index.invalid") == "", "a CGI client sets HTTP_PROXY by a header"
    for host in ("internal.invalid", "a.internal.invalid", "a.corp.invalid"):
        assert found.proxy_for("https", host) == ""
    assert found.proxy_for("https", "notinternal.invalid") == "http://e:2"
    assert network_options({"ALL_PROXY": "x:1", "NO_PROXY": "*"}).proxy_for("http", "h") == ""


def test_missing_certificate_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="certificate"):
        make_ssl_context(NetworkOptions(cert=str(tmp_path / "none.pem")), verify=True)
