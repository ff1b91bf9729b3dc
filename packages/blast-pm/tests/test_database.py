"""The store's database survives damage, forks, other processes and its own growth."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import StoreError
from blast_pm.metadata.store import DATABASES, Database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WRITER = """
import sys
from blast_pm.metadata.store import Database
database = Database(sys.argv[1])
for number in range(200):
    database.put("misc", f"{sys.argv[2]}-{number}".encode(), bytes(int(sys.argv[3])))
"""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(str(tmp_path / "store" / "meta.lmdb"))
    yield opened
    opened.close()


def _run_writer(path: str, name: str, size: int) -> subprocess.Popen[bytes]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, "-c", _WRITER, path, name, str(size)], env=environ)


def test_keeps_values_apart_by_database(database: Database) -> None:
    for name in DATABASES:
        database.put(name, b"key", name.encode())
    assert [database.get(name, b"key") for name in DATABASES] == [name.encode() for name in DATABASES]
    database.delete("pages", b"key")
    database.delete("pages", b"never there")
    assert database.get("pages", b"key") is None
    assert database.get_many("misc", [b"none", b"key"]) == [None, b"misc"]


def test_values_stay_after_closing(tmp_path: Path) -> None:
    path = str(tmp_path / "meta.lmdb")
    first = Database(path)
    first.put_many("trees", [(b"a", b"1"), (b"b", b"2")])
    first.close()
    second = Database(path)
    assert list(second.items("trees")) == [(b"a", b"1"), (b"b", b"2")]
    assert list(second.items("misc")) == []
    second.close()


def test_two_objects_share_a_file_and_close_apart(tmp_path: Path) -> None:
    path = str(tmp_path / "meta.lmdb")
    one, two = Database(path), Database(path)
    one.put("misc", b"k", b"v")
    assert two.get("misc", b"k") == b"v"
    one.close()
    assert two.get("misc", b"k") == b"v"
    two.close()
    assert two.get("misc", b"k") == b"v", "a closed database opens again"
    two.close()


def test_reads_a_value_where_it_lies(database: Database) -> None:
    database.put("misc", b"k", b"abc")
    assert database.read("misc", b"k", lambda view: (type(view), bytes(view[1:2]))) == (memoryview, b"b")
    assert database.read("misc", b"none", len) is None


def _flip(path: str, needle: bytes) -> None:
    """Flip one byte in the middle of every copy of ``needle``."""
    with open(path, "rb") as stream:
        content = bytearray(stream.read())
    position = content.find(needle)
    assert position >= 0
    while position >= 0:
        content[position + len(needle) // 2] ^= 1
        position = content.find(needle, position + 1)
    with open(path, "wb") as stream:
        stream.write(content)


@pytest.mark.parametrize("size", [40, 9000], ids=["in a page", "in pages of its own"])
def test_value_with_a_flipped_byte_is_no_value(tmp_path: Path, size: int) -> None:
    path = str(tmp_path / "meta.lmdb")
    first = Database(path)
    value = bytes(range(256)) * (size // 256) + b"needle in a haystack" + bytes(20)
    first.put_many("misc", [(b"a", value), (b"b", b"whole")])
    first.close()
    _flip(path, b"needle in a haystack")
    second = Database(path)
    assert second.get("misc", b"a") is None
    assert second.read("misc", b"a", bytes) is None
    assert second.get_many("misc", [b"a", b"b"]) == [None, b"whole"]
    assert list(second.items("misc")) == [(b"b", b"whole")]
    second.put("misc", b"a", b"again")
    assert second.get("misc", b"a") == b"again"
    second.close()


def test_value_below_a_flipped_key_is_no_value(tmp_path: Path) -> None:
    path = str(tmp_path / "meta.lmdb")
    first = Database(path)
    first.put("misc", b"the key itself", b"value")
    first.close()
    _flip(path, b"the key itself")
    second = Database(path)
    assert list(second.items("misc")) == []
    second.close()


def test_values_of_several_databases_are_written_at_once(database: Database) -> None:
    database.put_rows([("misc", b"a", b"1"), ("pages", b"a", b"2")])
    assert (database.get("misc", b"a"), database.get("pages", b"a")) == (b"1", b"2")
    database.put("misc", b"empty", b"")
    assert database.get("misc", b"empty") == b""


def test_long_keys_are_kept_by_digest(database: Database) -> None:
    database.put("misc", b"k" * 600, b"one")
    database.put("misc", b"k" * 601, b"two")
    assert database.get("misc", b"k" * 600) == b"one"
    assert database.get("misc", b"k" * 601) == b"two"


def test_many_items_come_in_order(database: Database) -> None:
    rows = [(b"%05d" % number, b"x") for number in range(1500)]
    database.put_many("hints", rows)
    assert list(database.items("hints")) == rows


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda _: b"junk" * 5000, id="junk"),
        pytest.param(lambda content: content[: len(content) // 2 // 4096 * 4096], id="half"),
        pytest.param(lambda content: content[:100], id="cut-in-the-header"),
        pytest.param(lambda content: bytes(8192) + content[8192:], id="no-header"),
        pytest.param(lambda content: content.replace(b"blast metadata", b"other metadata"), id="other-schema"),
        pytest.param(lambda content: content[:8192] + b"\xff" * (len(content) - 8192), id="pages-overwritten"),
    ],
)
def test_damage_means_a_new_file(tmp_path: Path, damage: object) -> None:
    path = tmp_path / "meta.lmdb"
    before = Database(str(path))
    before.put_many("metadata", [(b"%d" % number, os.urandom(3000)) for number in range(100)])
    before.close()
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    script = "import sys; from blast_pm.metadata.store import Database; d = Database(sys.argv[1]); "
    script += "print(d.get('metadata', b'5') is None); d.put('misc', b'k', b'v'); print(d.get('misc', b'k'))"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script, str(path)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\nb'v'\n", "")


def test_grows_past_its_first_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blast_pm.metadata.store._FIRST_MAP_BYTES", 1 << 20)
    database = Database(str(tmp_path / "meta.lmdb"))
    for number in range(8):
        database.put("pages", b"%d" % number, bytes(1 << 20))
    assert sum(len(value) for _, value in database.items("pages")) == 8 << 20
    database.close()


def test_sees_what_grew_in_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blast_pm.metadata.store._FIRST_MAP_BYTES", 1 << 20)
    path = str(tmp_path / "meta.lmdb")
    database = Database(path)
    database.put("misc", b"k", b"v")
    assert _run_writer(path, "big", 50_000).wait() == 0
    assert len(database.get("misc", b"big-199") or b"") == 50_000
    database.put("misc", b"after", bytes(1 << 20))
    database.close()


def test_many_processes_and_threads_write_at_once(tmp_path: Path) -> None:
    path = str(tmp_path / "meta.lmdb")
    writers = [_run_writer(path, name, 100) for name in ("a", "b", "c")]
    database = Database(path)

    def write(name: bytes) -> None:
        for number in range(200):
            database.put("misc", b"%s-%d" % (name, number), b"v")

    threads = [threading.Thread(target=write, args=(name,)) for name in (b"x", b"y")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert len(list(database.items("misc"))) == 1000
    database.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_opens_its_own(database: Database) -> None:
    database.put("misc", b"parent", b"1")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if database.get("misc", b"parent") == b"1":
                database.put("misc", b"child", b"2")
                code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert database.get("misc", b"child") == b"2"
    database.put("misc", b"parent", b"3")
    assert database.get("misc", b"parent") == b"3"


def test_two_processes_rebuild_one_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "meta.lmdb"
    path.write_bytes(b"junk" * 5000)
    writers = [_run_writer(str(path), name, 10) for name in ("a", "b", "c", "d")]
    assert [writer.wait() for writer in writers] == [0, 0, 0, 0]
    database = Database(str(path))
    assert len(list(database.items("misc"))) == 800
    database.close()


def test_a_store_that_may_not_be_written_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "meta.lmdb")
    before = Database(path)
    before.put("misc", b"k", b"v")
    before.close()

    def refuse(_: object) -> bool:
        raise PermissionError(13, "as the kernel does for anyone but root")

    monkeypatch.setattr("blast_pm.metadata.store._Environment._try_open", refuse)
    database = Database(path)
    assert database.get("misc", b"k") == b"v"
    assert database.get("pages", b"k") is None
    with pytest.raises(StoreError, match="can't be written"):
        database.put("misc", b"k", b"w")
    database.close()


def test_a_directory_that_cannot_be_made_reads_as_empty_and_refuses_writes(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    database = Database(str(tmp_path / "file" / "meta.lmdb"))
    assert database.get("misc", b"k") is None
    with pytest.raises(StoreError, match="can't be written"):
        database.put("misc", b"k", b"v")
    database.close()


@pytest.mark.skipif(os.name == "nt", reason="no limit of memory there")
def test_a_length_that_lies_is_damage_and_no_want_of_memory() -> None:
    """One bit of a kept value that flipped asks for 16 GiB; that ended commands as an internal error."""
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)); "
        "from blast_pm.metadata.core_metadata import decode_metadata; "
        "lie = b'(' + (2**31 - 1).to_bytes(4, 'little'); "
        "assert decode_metadata(lie) is None"
    )
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=variables, check=False)
    assert done.returncode == 0, done.stderr
