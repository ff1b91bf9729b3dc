"""Servers and networks fail in every way of SECURITY.md, N1 to N7 and N12; the client survives or refuses."""

from __future__ import annotations

import gzip
import hashlib
import os
import socket
import threading
import time
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import (
    BlastError,
    DigestMismatch,
    IndexAccessError,
    IndexDenied,
    IndexTimeout,
    OfflineError,
)
from blast_core.pip_configuration import NetrcEntry
from blast_pm.index import fetch
from blast_pm.index.client import PyPiClient
from blast_pm.index.credentials import CredentialStore
from blast_pm.index.default import make_location
from blast_pm.index.model import IndexFile
from blast_pm.index.transport.options import NetworkOptions
from blast_pm.metadata.store import Database
from blast_pm.testing import Reply, StaticIndex, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BODY = os.urandom(300_000)
WHEEL = "thing-1.0-py3-none-any.whl"


@pytest.fixture
def index(tmp_path: Path) -> Iterator[StaticIndex]:
    directory = tmp_path / "wheels"
    directory.mkdir()
    make_wheel(directory, "thing", "1.0", files={"thing.bin": BODY})
    with StaticIndex(directory, announce=False) as served:
        yield served


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def client(tmp_path: Path, index: StaticIndex, slept: list[float]) -> Iterator[PyPiClient]:
    database = Database(str(tmp_path / "meta.lmdb"))
    network = NetworkOptions(timeout_s=0.5)
    made = PyPiClient([make_location("test", index.url)], database=database, network=network, sleep=slept.append)
    yield made
    made.close()
    database.close()


def _download(client: PyPiClient, tmp_path: Path, file: IndexFile | None = None) -> bytes:
    destination = tmp_path / "downloaded"
    client.download(file or client.page("thing").files[0], str(destination))
    return destination.read_bytes()


def _refused(client: PyPiClient, tmp_path: Path, file: IndexFile | None = None) -> BlastError:
    """Download, expect an error, and that nothing is left."""
    with pytest.raises(BlastError) as caught:
        _download(client, tmp_path, file)
    assert not (tmp_path / "downloaded").exists()
    return caught.value


def _wheel(index: StaticIndex) -> bytes:
    with open(os.path.join(index.directory, WHEEL), "rb") as stream:
        return stream.read()


# N1 has the broken bodies.


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([Reply(cut_at=1000, body=b"x" * 9000)], id="cut"),
        pytest.param([Reply(cut_at=70_000, reset=True, body=b"x" * 90_000)], id="reset"),
        pytest.param([Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")], id="no-body"),
        pytest.param([Reply(raw=b"garbage\r\n\r\n")], id="no-http"),
        pytest.param([Reply(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n")], id="bad-chunk"),
        pytest.param([Reply(raw=b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\npart of it")], id="cut-without-length"),
        pytest.param([Reply(503), Reply(cut_at=5, body=b"123456"), Reply(500)], id="three-in-a-row"),
    ],
)
def test_broken_downloads_begin_anew(
    client: PyPiClient, index: StaticIndex, tmp_path: Path, faults: list[Reply]
) -> None:
    index.script(index.file_path(WHEEL), *faults, Reply(passes=True))
    assert _download(client, tmp_path) == _wheel(index)


def test_progress_takes_back_what_a_retry_repeats(client: PyPiClient, index: StaticIndex, tmp_path: Path) -> None:
    file = client.page("thing").files[0]
    content = _wheel(index)
    index.script(index.file_path(WHEEL), Reply(body=content, cut_at=len(content) - 5), Reply(passes=True))
    seen: list[int] = []
    client.download(file, str(tmp_path / "out"), seen.append)
    assert sum(seen) == len(content)


def test_retries_end(client: PyPiClient, index: StaticIndex, tmp_path: Path, slept: list[float]) -> None:
    client.page("thing")
    index.script(index.file_path(WHEEL), Reply(cut_at=10, body=b"x" * 100))
    error = _refused(client, tmp_path)
    assert isinstance(error, IndexAccessError)
    assert index.paths().count(index.file_path(WHEEL)) == 4
    assert len(slept) == 3
    assert 0 < sum(slept) < 5


def test_longer_body_than_announced_is_cut_at_the_announced_length(
    client: PyPiClient, index: StaticIndex, tmp_path: Path
) -> None:
    content = _wheel(index)
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content)
    index.script(index.file_path(WHEEL), Reply(raw=raw + content + b"more"))
    assert _download(client, tmp_path) == content


# N2 says what a wrong digest means.


def test_wrong_digest_is_refused_at_once(client: PyPiClient, index: StaticIndex, tmp_path: Path) -> None:
    content = bytearray(_wheel(index))
    content[1000] ^= 1
    index.script(index.file_path(WHEEL), Reply(body=bytes(content)))
    error = _refused(client, tmp_path)
    assert isinstance(error, DigestMismatch)
    assert error.details["found"] == hashlib.sha256(content).hexdigest()
    assert index.paths().count(index.file_path(WHEEL)) == 1


def test_right_digest_with_wrong_size_is_refused(client: PyPiClient, tmp_path: Path) -> None:
    file = client.page("thing").files[0]
    assert isinstance(_refused(client, tmp_path, file._replace(size=file.size - 1)), DigestMismatch)


def test_more_than_the_promised_size_is_not_read(client: PyPiClient, index: StaticIndex, tmp_path: Path) -> None:
    file = client.page("thing").files[0]._replace(size=1000)
    index.script(index.file_path(WHEEL), Reply(body=bytes(20_000_000)))
    assert isinstance(_refused(client, tmp_path, file), DigestMismatch)


# N3 has the busy servers.


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        pytest.param("2", 2, 2.2, id="seconds"),
        pytest.param("99999999999999", 30, 30.2, id="absurd"),
        pytest.param("soon", 0, 1, id="nonsense"),
        pytest.param("-5", 0, 1, id="negative"),
        pytest.param("in 12 seconds", 9, 12.2, id="date"),
        pytest.param(formatdate(0, usegmt=True), 0, 0.2, id="past"),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_waits_as_long_as_asked_up_to_a_ceiling(
    client: PyPiClient, index: StaticIndex, slept: list[float], status: int, value: str, least: float, most: float
) -> None:
    if value == "in 12 seconds":
        value = formatdate(time.time() + 12, usegmt=True)
    index.script("/simple/thing/", Reply(status, b"", {"Retry-After": value}), Reply(passes=True))
    assert client.page("thing").files
    assert len(slept) == 1
    assert least <= slept[0] <= most


def test_server_that_stays_busy_is_named(client: PyPiClient, index: StaticIndex, slept: list[float]) -> None:
    index.script("/simple/thing/", Reply(503))
    with pytest.raises(IndexAccessError, match=r"simple/thing/ answered 503"):
        client.page("thing")
    assert len(slept) == 3


# N4 has the servers that never end.


def test_silent_server_times_out(client: PyPiClient, index: StaticIndex) -> None:
    index.script("/simple/thing/", Reply(before_s=5))
    began = time.monotonic()
    with pytest.raises(IndexTimeout):
        client.page("thing")
    assert time.monotonic() - began < 4


def test_one_byte_at_a_time_times_out(client: PyPiClient, index: StaticIndex) -> None:
    index.script("/simple/thing/", Reply(body=b"x" * 1000, chunk=1, pause_s=0.1))
    began = time.monotonic()
    with pytest.raises(IndexTimeout, match="too slowly"):
        client.page("thing")
    assert time.monotonic() - began < 6


def test_page_over_the_limit_is_refused(
    client: PyPiClient, index: StaticIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blast_pm.index.page_reader.INDEX_PAGE", 100_000)
    index.script("/simple/thing/", Reply(body=b" " * 1_000_000, headers={"Content-Type": "text/html"}))
    with pytest.raises(IndexAccessError, match="too large"):
        client.page("thing")


def test_gzip_bomb_as_a_page_is_refused(
    client: PyPiClient, index: StaticIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blast_pm.index.page_reader.INDEX_PAGE", 100_000)
    bomb = gzip.compress(bytes(50_000_000))
    index.script("/simple/thing/", Reply(body=bomb, headers={"Content-Type": "text/html", "Content-Encoding": "gzip"}))
    with pytest.raises(IndexAccessError, match="too large"):
        client.page("thing")


@pytest.mark.parametrize("cut", [0, 10])
def test_compressed_page_is_read_and_a_cut_one_is_not(client: PyPiClient, index: StaticIndex, cut: int) -> None:
    page = b'<a href="thing-1.0-py3-none-any.whl">x</a>'
    packed = gzip.compress(page)
    reply = Reply(body=packed[: len(packed) - cut], headers={"Content-Type": "text/html", "Content-Encoding": "gzip"})
    index.script("/simple/thing/", reply)
    if cut:
        with pytest.raises(IndexAccessError, match="gzip"):
            client.page("thing")
    else:
        assert len(client.page("thing").files) == 1


def test_endless_headers_are_refused(client: PyPiClient, index: StaticIndex) -> None:
    index.script("/simple/thing/", Reply(raw=b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1_000_000))
    with pytest.raises(IndexAccessError):
        client.page("thing")


def test_server_that_never_finishes_tls_times_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}/simple/"
        database = Database(str(tmp_path / "tls.lmdb"))
        made = PyPiClient(
            [make_location("tls", url)],
            database=database,
            network=NetworkOptions(timeout_s=0.2),
            sleep=lambda _: None,
        )
        with pytest.raises(IndexTimeout):
            made.page("thing")
        made.close()
        database.close()


def test_nobody_there_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    database = Database(str(tmp_path / "none.lmdb"))
    made = PyPiClient([make_location("x", f"http://127.0.0.1:{port}/")], database=database, sleep=lambda _: None)
    with pytest.raises(IndexAccessError, match="can't be reached"):
        made.page("thing")
    made.close()
    database.close()


# N5 and N12 are about redirects and who sees credentials.


def test_redirect_on_the_same_origin_is_followed(client: PyPiClient, index: StaticIndex) -> None:
    index.script("/simple/thing/", Reply(302, headers={"Location": "/moved/"}))
    index.script("/moved/", Reply(200, b'<a href="thing-1.0-py3-none-any.whl">x</a>', {"Content-Type": "text/html"}))
    (file,) = client.page("thing").files
    assert file.url == f"{index.origin}/moved/{WHEEL}", "links start from where the page came from"


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://h/", "javascript:x", "unix:///run/x", "https://[bad/", "gopher:1", ""]
)
def test_redirect_to_something_else_is_refused(client: PyPiClient, index: StaticIndex, location: str) -> None:
    index.script("/simple/thing/", Reply(302, headers={"Location": location}))
    with pytest.raises(IndexAccessError):
        client.page("thing")


def test_redirect_from_https_to_http_is_refused() -> None:
    with pytest.raises(IndexAccessError, match="from https to http"):
        fetch._redirected("https://index.invalid/a", "http://index.invalid/a")


def test_redirect_loop_ends(client: PyPiClient, index: StaticIndex) -> None:
    index.script("/simple/thing/", Reply(301, headers={"Location": "/loop/"}))
    index.script("/loop/", Reply(301, headers={"Location": "/simple/thing/"}))
    with pytest.raises(IndexAccessError, match="too many redirects"):
        client.page("thing")
    for step in range(20):
        index.script(f"/long/{step}", Reply(301, headers={"Location": f"/long/{step + 1}"}))
    index.script("/simple/thing/", Reply(301, headers={"Location": "/long/0"}))
    with pytest.raises(IndexAccessError, match="too many redirects"):
        client.page("thing")


@pytest.fixture
def private(tmp_path: Path) -> Iterator[StaticIndex]:
    directory = tmp_path / "private"
    directory.mkdir()
    make_wheel(directory, "secret-thing", "1.0")
    with StaticIndex(directory, username="me", password="hunter2") as served:
        yield served


def _client_for(url: str, tmp_path: Path, credentials: CredentialStore | None = None) -> PyPiClient:
    database = Database(str(tmp_path / "private.lmdb"))
    known = None if credentials is None else lambda: credentials
    return PyPiClient([make_location("mine", url)], database=database, credentials=known, sleep=lambda _: None)


def _with_password(url: str) -> str:
    return url.replace("://", "://me:hunter2@")


def test_credentials_of_the_address_open_pages_and_files(private: StaticIndex, tmp_path: Path) -> None:
    made = _client_for(_with_password(private.url), tmp_path)
    file = made.page("secret-thing").files[0]
    assert "hunter2" not in repr(file) + repr(made.locations)
    made.download(file, str(tmp_path / "out"))
    made.close()


@pytest.mark.parametrize("how", ["environment", "netrc"])
def test_credentials_come_from_environment_and_netrc(private: StaticIndex, tmp_path: Path, how: str) -> None:
    location = make_location("my.index", private.url)
    environ = {"BLAST_INDEX_MY_INDEX_USERNAME": "me", "BLAST_INDEX_MY_INDEX_PASSWORD": "hunter2"}
    entry = NetrcEntry("127.0.0.1", "me", "hunter2")
    store = CredentialStore([location], environ) if how == "environment" else CredentialStore([location], {}, [entry])
    assert "hunter2" not in repr(store)
    made = _client_for(private.url, tmp_path, store)
    assert made.page("secret-thing").files
    made.close()


@pytest.mark.parametrize("status", [401, 403])
def test_missing_credentials_are_told_without_retry(private: StaticIndex, tmp_path: Path, status: int) -> None:
    private.script("/simple/secret-thing/", Reply(status))
    made = _client_for(private.url, tmp_path)
    with pytest.raises(IndexDenied) as caught:
        made.page("secret-thing")
    assert "netrc" in caught.value.hint
    assert len(private.paths()) == 1
    made.close()


def test_password_is_in_no_error(private: StaticIndex, tmp_path: Path) -> None:
    made = _client_for(_with_password(private.url), tmp_path)
    replies = [Reply(403), Reply(418), Reply(503), Reply(200, b"x"), Reply(raw=b"junk"), Reply(302)]
    replies.append(Reply(302, headers={"Location": "https://me:hunter2@[bad/"}))
    for reply in replies:
        private.script("/simple/secret-thing/", reply)
        with pytest.raises(BlastError) as caught:
            made.page("secret-thing")
        chain: BaseException | None = caught.value
        while chain is not None:
            assert "hunter2" not in repr(chain) + str(getattr(chain, "__dict__", ""))
            chain = chain.__cause__
    made.close()


def test_redirect_to_another_origin_carries_no_credentials(
    private: StaticIndex, index: StaticIndex, tmp_path: Path
) -> None:
    elsewhere = _with_password(f"{index.url}thing/")
    private.script("/simple/thing/", Reply(302, headers={"Location": elsewhere}))
    made = _client_for(_with_password(private.url), tmp_path)
    assert made.page("thing").files[0].url.startswith(index.origin)
    assert "authorization" in private.requests[-1].headers
    assert "authorization" not in index.requests[-1].headers
    made.close()


# Offline, limits of paths


def test_offline_refuses_to_download(index: StaticIndex, tmp_path: Path) -> None:
    database = Database(str(tmp_path / "offline.lmdb"))
    made = PyPiClient([make_location("test", index.url)], database=database, offline=True)
    file = IndexFile(WHEEL, index.file_url(WHEEL), "0" * 64, 0, "", None, "", None, "test")
    with pytest.raises(OfflineError):
        made.download(file, str(tmp_path / "out"))
    assert index.paths() == []
    made.close()
    database.close()


def test_existing_destination_is_not_overwritten(client: PyPiClient, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(FileExistsError):
        client.download(client.page("thing").files[0], str(tmp_path / "out"))
    assert (tmp_path / "out").read_text() == "mine"


def test_many_threads_download_at_once(client: PyPiClient, index: StaticIndex, tmp_path: Path) -> None:
    file = client.page("thing").files[0]
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            client.download(file, str(tmp_path / f"out-{number}"))
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert {(tmp_path / f"out-{number}").read_bytes() for number in range(12)} == {_wheel(index)}


def test_many_threads_ask_a_server_only_if_no_answer_comes_at_once(client: PyPiClient, index: StaticIndex) -> None:
    waiting = threading.Event()

    def count_threads(number: int) -> int:
        for each in range(100):
            client.tasks.start((number, each), waiting.wait)
        return client.tasks.threads

    assert count_threads(0) == 8
    index.script("/simple/thing/", Reply(404, before_s=0.05))
    with pytest.raises(BlastError):
        client.page("thing")
    assert count_threads(1) == 48
    waiting.set()


def test_few_threads_ask_a_server_that_answered_at_once(client: PyPiClient) -> None:
    for number in range(30):  # one of them will be quick, however busy the machine is
        with pytest.raises(BlastError):
            client.page(f"none-{number}")
    waiting = threading.Event()
    before = client.tasks.threads
    for each in range(100):
        client.tasks.start(each, waiting.wait)
    threads = client.tasks.threads
    waiting.set()
    assert threads == before + 8
