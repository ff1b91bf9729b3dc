"""Large pages, of which only what tells versions is read: they are what the long way makes of them."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from blast_core.errors import IndexAccessError
from blast_core.interpreter import Target
from blast_core.platform_tags import linux_tags, python_tags, windows_tags
from blast_pm.index import text_pages
from blast_pm.index.links import LinkReader
from blast_pm.index.pages import open_page, parse_json, same_projects
from blast_pm.index.text_pages import is_worthwhile, open_text
from blast_pm.metadata import packed_text
from blast_pm.metadata.page_records import load_page, make_page, save_page
from blast_pm.metadata.records import TargetView
from blast_pm.metadata.store import Database
from blast_pm.metadata.views import ViewStore
from blast_pm.metadata.write_behind import WriteBehind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from blast_pm.index.model import IndexFile
    from blast_pm.metadata import page_records

pytest.importorskip("msgspec")

_URL = "https://index.invalid/simple/thing/"
_JSON = "application/vnd.pypi.simple.v1+json"
_TARGETS = (
    Target("linux", "3.12.99", {}, python_tags("cpython", 12, linux_tags("x86_64"))),
    Target("windows", "3.11.99", {}, python_tags("cpython", 11, windows_tags("AMD64"))),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WriteBehind]:
    database = Database(str(tmp_path / "meta.lmdb"))
    yield WriteBehind(database)
    database.close()


def _entry(filename: str, **more: Any) -> dict[str, Any]:
    return {"filename": filename, "url": f"../../files/{filename}", "hashes": {"sha256": "ab" * 32}, **more}


def _many(count: int) -> list[dict[str, Any]]:
    """Return files of so many versions: two wheels and a source distribution each, not in the order of versions."""
    entries = []
    for number in sorted(range(count), key=str):
        python = {"requires-python": ">=3.12" if number % 2 else None}
        entries.append(_entry(f"thing-{number}.0-cp311-abi3-win_amd64.whl", size=number, **python))
        entries.append(
            _entry(f"thing-{number}.0-py3-none-any.whl", **{"core-metadata": {"sha256": "cd" * 32}}, **python)
        )
    entries += [_entry(f"thing-{number}.0.tar.gz", yanked=number == 3 and "broken") for number in range(count)]
    entries[0]["yanked"] = entries[1]["yanked"] = False
    return entries


def _body(*entries: object, **more: object) -> bytes:
    return json.dumps({"meta": {"api-version": "1.1"}, "name": "thing", "files": entries, **more}).encode()


def _record(files: Any) -> tuple[page_records.PageRecord, Callable[[], bytes]]:
    return make_page("thing", "i", bytes(8), files, "https://index.invalid/", times=(0, 0), validators=("", ""))


def test_a_large_page_is_what_the_long_way_makes_of_it(store: WriteBehind) -> None:
    body = _body(*_many(300), _entry("thing-9.0.exe"), _entry("other-9.0-py3-none-any.whl"), _entry("thing-none.zip"))
    assert is_worthwhile(body)
    page, same = open_page(body, _JSON, _URL, "i")
    long = parse_json(body, _URL, "i")
    assert not isinstance(page, list)
    assert page.is_text
    assert same == ()
    assert list(page.read(range(len(page.names)))) == long
    assert page.first() == (long[0],)
    expected, _ = _record(long)
    made, pack = _record(page)
    assert made.versions == expected.versions
    for builds in (True, False):
        view = TargetView(_TARGETS, builds=builds)
        assert view.judge(made) == view.judge(expected)
    save_page(store, _URL, made, pack)
    made.files.release([1])
    store.flush()
    stored = load_page(store, _URL, "i", "thing")
    assert stored is not None
    assert stored.versions == expected.versions
    for table in (made.files, stored.files):
        assert [list(group) for group in table] == [list(group) for group in expected.files]
        packed = [table.packed(position) for position in range(len(table))]
        assert packed == [expected.files.packed(position) for position in range(len(table))]
    blob = pack()
    assert len(blob) < len(body) / 4
    assert blob.count(b"\x28\xb5\x2f\xfd") > 1  # where frames of zstd begin


def test_what_a_page_says_of_others_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = ["https://index.invalid/simple/thing/", 3, "https://other.invalid/simple/thing/"]
    body = _body(
        _entry("thing-1.zip"), **{"alternate-locations": addresses, "meta": {"api-version": "1.2", "tracks": ["a"]}}
    )
    monkeypatch.setattr(text_pages, "_MUCH_BYTES", 0)
    monkeypatch.setattr(text_pages, "_SOME_BYTES", 0)
    assert open_page(body, _JSON, _URL, "i")[1] == same_projects(body, _JSON) == ("a", addresses[0], addresses[2])


@pytest.mark.parametrize(
    "odd",
    [
        "1",
        "null",
        "{}",
        '{"filename": "thing-9.zip"}',
        '{"filename": 9, "url": "../thing-9.zip"}',
        '{"filename": "thing-9.zip", "url": "../thing-8.zip"}',
        '{"filename": "thing-9.zip", "url": "ftp://files.invalid/thing-9.zip"}',
        '{"filename": "thing-9.zip", "url": "../thing-9.zip", "requires-python": 3}',
        '{"filename": "thing-9.zip", "url": "../thing-9.zip", "yanked": 3}',
        '{"filename": "thing-9.zip", "url": "../thing-9.zip", "x": "\\ud800"}',
        '{"filename": "thing-9.zip", "url": "../thing-9.zip", "x": "\u00e9"}',
        '{"filename": "thing-9.zip", "url": "../thing-9.zip", "x": NaN}',
        '{"filename": "thing-9.zip", "url": "../thing-9.zip", "x": "%s"}' % ("a" * 5000),
    ],
)
def test_what_is_odd_goes_the_long_way(odd: str) -> None:
    body = (
        b'{"meta": {"api-version": "1.1"}, "files": [%s]}' % ",".join([json.dumps(_entry("thing-1.zip")), odd]).encode()
    )
    assert open_text(body, _URL, "i") is None
    # The name of the last of equal keys counts, and so on: what both ways take is the same.
    files, _ = open_page(body, _JSON, _URL, "i")
    assert (files if isinstance(files, list) else list(files.read(range(len(files.names))))) == parse_json(
        body, _URL, "i"
    )


@pytest.mark.parametrize(
    "text",
    [
        '"x": 01',
        '"x": "\x01"',
        '"x": "\n"',
        '"x": "\\q"',
        '"x": [1,]',
        '"x": {"y" 1}',
        '"x": tru',
        '"x": 1.',
        '"x": "\\u12"',
        '"x": %s' % ("9" * 5000),
        '"x": 1,',
        '"x": 1}',
        '"x": 1]',
    ],
)
def test_malformed_pages_are_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_pages, "_MUCH_BYTES", 0)
    monkeypatch.setattr(text_pages, "_SOME_BYTES", 0)
    entry = json.dumps(_entry("thing-1.zip"))[:-1]
    body = f'{{"meta": {{"api-version": "1.1"}}, "files": [{entry}, {text}}}]}}'.encode()
    with pytest.raises(IndexAccessError, match="not an index page"):
        parse_json(body, _URL, "i")
    with pytest.raises(IndexAccessError, match="not an index page"):
        open_page(body, _JSON, _URL, "i")


def test_the_last_of_equal_keys_counts() -> None:
    twice = b'{"filename": "thing-1.zip", "filename": "thing-2.zip", "url": "../thing-1.zip", "url": "../thing-2.zip"}'
    for files in (twice, b"1], " + b'"files": [' + twice):
        body = b'{"files": [%s], "meta": {"api-version": "2.0"}, "meta": {"api-version": "1.0"}}' % files
        found = open_text(body, _URL, "i")
        if found is not None:
            assert list(found.page.read([0])) == parse_json(body, _URL, "i")
        assert (found is None) == (files[:1] == b"1")


def test_an_interface_that_is_too_new_is_refused() -> None:
    body = json.dumps({"meta": {"api-version": "2.0"}, "files": [_entry("thing-1.zip")]}).encode()
    for reader in (open_text, parse_json):
        with pytest.raises(IndexAccessError) as refusal:
            reader(body, _URL, "i")
        assert "interface version '2.0'" in refusal.value.reason


def test_pages_are_read_without_msgspec(monkeypatch: pytest.MonkeyPatch) -> None:
    body = _body(*_many(300))
    monkeypatch.setattr(text_pages, "_made", [])
    monkeypatch.setitem(sys.modules, "msgspec", None)
    page, _ = open_page(body, _JSON, _URL, "i")
    assert not isinstance(page, list)
    assert not page.is_text
    assert list(page.read(range(len(page.names)))) == parse_json(body, _URL, "i")


def test_what_is_large_makes_few_objects_and_inflates_few_frames(
    monkeypatch: pytest.MonkeyPatch, store: WriteBehind
) -> None:
    made: list[str] = []
    inflated: list[bytes] = []
    judged: list[object] = []
    find, judge = packed_text.find_text, TargetView.judge

    class Reader(LinkReader):
        def read(self, href: str, **more: Any) -> IndexFile | None:
            made.append(href)
            return super().read(href, **more)

    def counted(blob: memoryview | bytes, place: bytes) -> tuple[str, bytes]:
        inflated.append(place)
        return find(blob, place)

    def counted_judge(self: TargetView, page: page_records.PageRecord) -> Any:
        judged.append(page)
        return judge(self, page)

    monkeypatch.setattr("blast_pm.index.plain_pages.LinkReader", Reader)
    monkeypatch.setattr("blast_pm.index.pages.LinkReader", Reader)
    monkeypatch.setattr(packed_text, "find_text", counted)
    monkeypatch.setattr(TargetView, "judge", counted_judge)
    record, pack = _record(open_page(_body(*_many(1000)), _JSON, _URL, "i")[0])
    save_page(store, _URL, record, pack)
    views = ViewStore(store, _TARGETS, builds=True, files=None)
    view = views.open(_URL, record)
    assert view.record.usable == (1 << 1000) - 1
    assert view.digest(999) == bytes.fromhex("ab" * 32)
    # The newest version stands for the project on both targets.
    assert len(made) == 3
    assert len(inflated) == 1
    # Whoever opens it again, before anything is written, gets the same.
    assert views.open(_URL, record) is view
    assert len(judged) == 1
