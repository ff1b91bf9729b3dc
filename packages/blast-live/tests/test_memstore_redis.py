"""A Redis behind memory stores: a real server, full, slow, stopped and gone."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import DigestMismatch, FormatError, StoreError
from blast_live.memstore.model import Part, Record
from blast_live.memstore.redis_store import RedisStore, connect_redis
from blast_live.memstore.sealed import digest_of, sealed_from
from blast_live.memstore.testing import REDIS_SERVER, RedisServer, Running, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="NO MEMFD: the memory store needs Linux"),
    pytest.mark.skipif(not REDIS_SERVER, reason="NO REDIS: redis-server is not on PATH (apt-get install redis-server)"),
]
_MIB = 1 << 20


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    try:
        yield server
    finally:
        server.close()


def make_record(key: str, *contents: bytes) -> tuple[Record, dict[bytes, int]]:
    fds: dict[bytes, int] = {}
    parts = []
    for number, content in enumerate(contents):
        fd = sealed_from([content])
        digest = digest_of(fd, len(content))
        parts.append(Part(f"part{number}", digest, len(content)))
        fds[digest] = fd
    return Record(key, tuple(parts)), fds


def read(store: RedisStore, key: str) -> list[bytes] | None:
    fetched = store.find(key)
    if fetched is None:
        return None
    contents = [os.pread(fetched.fds[part.digest], part.size + 1, 0) for part in fetched.record.parts]
    fetched.close()
    return contents


_LARGE = os.urandom(3 * _MIB + 17)


def test_blobs_go_there_in_chunks_and_come_back_checked(redis: RedisServer) -> None:
    store = RedisStore(redis.client)
    store.put(*_one("numpy/2.1", _LARGE, b"", b"small"))
    assert read(store, "numpy/2.1") == [_LARGE, b"", b"small"]
    assert read(store, "numpy/2.2") is None
    assert len(redis.client.keys("blast:1:blob:*")) == 4 + 0 + 1
    assert len(redis.client.keys("*")) == 6


def _one(key: str, *contents: bytes) -> tuple[list[Record], dict[bytes, int]]:
    record, fds = make_record(key, *contents)
    return [record], fds


def test_an_evicted_chunk_makes_the_record_a_miss_until_it_is_put_again(redis: RedisServer) -> None:
    store = RedisStore(redis.client)
    records = _one("k", _LARGE)
    store.put(*records)
    for key in redis.client.keys("blast:1:blob:*"):
        redis.client.delete(key)
        assert read(store, "k") is None
        store.put(*records)
        assert read(store, "k") == [_LARGE]


def test_a_changed_chunk_is_an_error_once_and_then_a_miss(redis: RedisServer) -> None:
    store = RedisStore(redis.client)
    records = _one("k", _LARGE)
    store.put(*records)
    (last,) = (key for key in redis.client.keys("blast:1:blob:*") if key.endswith(b":3"))
    for wrong in (b"x" * 17, b"", b"x" * 2_000_000):
        redis.client.set(last, wrong)
        with pytest.raises(DigestMismatch):
            store.find("k")
        assert read(store, "k") is None
        store.put(*records)
        assert read(store, "k") == [_LARGE]


@pytest.mark.parametrize(
    "value",
    [b"", b"{", b"null", b'{"key": "other", "parts": [["x", "' + b"0" * 64 + b'", 1]]}', b"[" * 50_000, b"x" * 200_000,
     b'{"key": "k", "parts": [["x", "' + b"0" * 64 + b'", 99999999999999]]}'],
    ids=["empty", "cut", "null", "another's", "deep", "long", "huge"],
)  # fmt: skip
def test_what_is_no_record_is_an_error(redis: RedisServer, value: bytes) -> None:
    redis.client.set("blast:1:record:k", value)
    with pytest.raises(FormatError):
        RedisStore(redis.client).find("k")


def test_a_record_is_seen_only_when_all_its_chunks_are_there(redis: RedisServer) -> None:
    """Whatever the writer did so far, at each command of its connection that changes something."""
    writer, reader = RedisStore(connect_redis(redis.url)), RedisStore(redis.client)
    seen: list[object] = []

    def watch() -> None:
        while not seen or seen[-1] is None:
            seen.append(read(reader, "k1"))
            if seen[-1] is not None:
                seen.append(read(reader, "k2"))

    watching = threading.Thread(target=watch)
    watching.start()
    one, fds = make_record("k1", _LARGE, b"a")
    two, more = make_record("k2", _LARGE[::-1], b"b")
    writer.put([one, two], fds | more)
    watching.join(30)
    assert [each for each in seen if each is not None] == [[_LARGE, b"a"], [_LARGE[::-1], b"b"]]


def test_a_writer_killed_in_between_has_written_nothing_that_is_seen(redis: RedisServer) -> None:
    redis.client.config_set("maxmemory", 4 * _MIB)  # so that it fails in the middle, as one that is killed does
    store = RedisStore(redis.client)
    with pytest.raises(StoreError, match="Redis"):
        store.put(*_one("k", *(os.urandom(_MIB) for _ in range(8))))
    assert redis.client.keys("blast:1:record:*") == []
    assert redis.client.keys("blast:1:blob:*") != []


def test_a_server_that_evicts_gives_all_or_nothing(redis: RedisServer) -> None:
    redis.client.config_set("maxmemory", 12 * _MIB)
    redis.client.config_set("maxmemory-policy", "allkeys-random")
    store = RedisStore(redis.client)
    contents = {f"k{number}": [os.urandom(_MIB + number), os.urandom(100)] for number in range(16)}
    unwritten = 0
    for key, content in contents.items():
        try:
            store.put(*_one(key, *content))
        except StoreError:
            unwritten += 1
    found = {key: read(store, key) for key in contents}
    assert unwritten < 16
    assert 0 < sum(content is not None for content in found.values()) < 16
    assert all(content in (None, contents[key]) for key, content in found.items())


def test_what_is_used_lives_on_and_the_rest_expires(redis: RedisServer) -> None:
    store = RedisStore(redis.client, ttl_s=100)
    store.put(*_one("k", _LARGE))
    for key in redis.client.keys("*"):
        redis.client.expire(key, 5)
    assert read(store, "k") == [_LARGE]
    assert redis.client.ttl("blast:1:record:k") > 50
    assert all(redis.client.ttl(key) > 150 for key in redis.client.keys("blast:1:blob:*"))


def test_a_server_that_is_gone_or_stopped_is_an_error_in_time(redis: RedisServer) -> None:
    store = RedisStore(connect_redis(redis.url, 0.3))
    store.put(*_one("k", _LARGE))
    redis.process.send_signal(signal.SIGSTOP)
    with pytest.raises(StoreError, match="in time"):
        store.find("k")
    redis.process.send_signal(signal.SIGCONT)
    assert read(store, "k") == [_LARGE]
    redis.process.kill()
    redis.process.wait()
    with pytest.raises(StoreError, match="can't be used"):
        store.find("k")


def test_a_password_is_in_no_message() -> None:
    with pytest.raises(StoreError) as caught:
        connect_redis("http://:sesame@localhost")
    assert "sesame" not in str(caught.value.to_dict())
    store = RedisStore(connect_redis("redis://user:sesame@localhost:1/0", 0.3))
    with pytest.raises(StoreError) as refused:
        store.find("k")
    assert "sesame" not in str(refused.value.to_dict())


# -- behind stores


def put(store: Running, key: str, content: bytes) -> None:
    with store.client() as client:
        holding = client.ensure([key], lambda _: [("container", sealed_from([content]))])[key]
        os.close(holding.parts[0].fd)


def get(store: Running, key: str) -> tuple[bytes, str] | None:
    with store.client() as client:
        record = client.find([key]).get(key)
        if record is None:
            return None
        holding = client.open([record])[key]
        try:
            return os.pread(holding.parts[0].fd, 1 << 24, 0), holding.origin
        finally:
            os.close(holding.parts[0].fd)


def test_what_one_machine_has_put_another_reads_through(redis: RedisServer, tmp_path: Path) -> None:
    with Running(str(tmp_path / "a"), redis=redis.url) as one, Running(str(tmp_path / "b"), redis=redis.url) as other:
        put(one, "numpy/2.1", _LARGE)
        put(one, "local/image", b"of this machine")
        with one.client() as client:
            wait_for(lambda: client.status()["redis"]["written"] == 1)
        assert get(other, "numpy/2.1") == (_LARGE, "redis")
        assert get(one, "numpy/2.1") == (_LARGE, "")
        assert get(other, "local/image") is None
        assert get(other, "numpy/2.2") is None
        with other.client() as client:
            client.ensure(["numpy/2.1"], lambda _: pytest.fail("it is there"))
            report = client.status()["redis"]
            assert (report["hits"], report["misses"], report["failures"]) == (1, 1, 0)


def test_twenty_who_miss_the_same_have_it_fetched_once(redis: RedisServer, tmp_path: Path) -> None:
    RedisStore(redis.client).put(*_one("k", _LARGE))
    with Running(str(tmp_path / "a"), redis=redis.url) as store:
        got: list[object] = []
        clients = [threading.Thread(target=lambda: got.append(get(store, "k"))) for _ in range(20)]
        for client in clients:
            client.start()
        for client in clients:
            client.join(30)
        assert got == [(_LARGE, "redis")] * 20
        with store.client() as asking:
            assert asking.status()["redis"]["hits"] == 1


def test_a_store_works_while_its_server_is_stopped_wrong_or_gone(redis: RedisServer, tmp_path: Path) -> None:
    with Running(str(tmp_path / "a"), redis=redis.url, redis_timeout_s=0.2) as store:
        redis.process.send_signal(signal.SIGSTOP)
        put(store, "made here", b"content")
        assert get(store, "made here") == (b"content", "")
        assert get(store, "nowhere") is None
        redis.process.kill()
        redis.process.wait()
        put(store, "made later", b"content")
        with store.client() as client:
            wait_for(lambda: client.status()["redis"]["writing"] == 0)
            report = client.status()["redis"]
            assert report["failures"] >= 1
            assert report["unwritten"] == 2
            assert report["last_error"]
            assert client.status()["transactions"] == 0


def test_a_wrong_blob_on_the_server_is_a_miss(redis: RedisServer, tmp_path: Path) -> None:
    RedisStore(redis.client).put(*_one("k", b"right"))
    (key,) = redis.client.keys("blast:1:blob:*")
    redis.client.set(key, b"wrong")
    with Running(str(tmp_path / "a"), redis=redis.url) as store:
        assert get(store, "k") is None
        put(store, "k", b"right")
        with store.client() as client:
            wait_for(lambda: client.status()["redis"]["written"] == 1)
        assert redis.client.get(key) == b"right"
