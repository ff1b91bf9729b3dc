"""Pages whose files are all ordinary: they are kept as they came, and are what the long way makes of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from blast_core.errors import IndexAccessError
from blast_core.interpreter import Target
from blast_pm.index.links import LinkReader
from blast_pm.index.pages import open_page, parse_json
from blast_pm.index.plain_pages import PlainPage, plain_page
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

_URL = "https://index.invalid/simple/thing/"
_JSON = "application/vnd.pypi.simple.v1+json"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WriteBehind]:
    database = Database(str(tmp_path / "meta.lmdb"))
    yield WriteBehind(database)
    database.close()


def _entry(filename: str, **more: Any) -> dict[str, Any]:
    return {"filename": filename, "url": f"../../files/{filename}", "hashes": {"sha256": "ab" * 32}, **more}


def _body(*entries: object) -> bytes:
    return json.dumps({"meta": {"api-version": "1.1"}, "name": "thing", "files": entries}).encode()


def _record(files: Any) -> tuple[page_records.PageRecord, Callable[[], bytes]]:
    return make_page("thing", "i", bytes(8), files, "https://index.invalid/", times=(0, 0), validators=("", ""))


_ORDINARY = (
    _entry("thing-1.0-py3-none-any.whl", **{"requires-python": ">=3.8", "core-metadata": {"sha256": "cd" * 32}}),
    _entry("thing-1.0.tar.gz", yanked="broken", size=12, **{"upload-time": "2020-01-01T00:00:00Z"}),
    _entry("Thing-01.0.tar.bz2", yanked=True),
    _entry("thing-2.0.tar.gz", yanked=False, **{"requires-python": None}),
    _entry("thing-2.0.exe"),
    _entry("other-2.0.tar.gz"),
    _entry("thing-none.tar.gz"),
    {"filename": "thing-3.zip", "url": "https://files.invalid/a/b/thing-3.zip", "hashes": {}, "requires-python": 3},
    {"filename": "thing-4+x.zip", "url": "https://files.invalid/a/b/thing-4%2Bx.zip"},
    _entry("thing-5+x.zip"),
)


def test_ordinary_files_are_those_of_the_long_way(store: WriteBehind) -> None:
    body = _body(*_ORDINARY)
    page, _ = open_page(body, _JSON, _URL, "i")
    assert isinstance(page, PlainPage)
    long = parse_json(body, _URL, "i")
    assert list(page.read(range(len(page.names)))) == long
    assert page.first() == (long[0],)
    expected, _ = _record(long)
    made, pack = _record(page)
    assert made.versions == expected.versions
    assert made.yanked == 0
    assert [list(group) for group in made.files] == [list(group) for group in expected.files]
    save_page(store, _URL, made, pack)
    made.files.release([1])
    store.flush()
    stored = load_page(store, _URL, "i", "thing")
    assert stored is not None
    for table in (made.files, stored.files):
        assert [list(group) for group in table] == [list(group) for group in expected.files]
        packed = [table.packed(position) for position in range(len(table))]
        assert packed == [expected.files.packed(position) for position in range(len(table))]


@pytest.mark.parametrize(
    "odd",
    [
        1,
        None,
        [],
        {},
        {"filename": "thing-9.zip"},
        {"url": "../thing-9.zip"},
        {"filename": 9, "url": "../thing-9.zip"},
        {"filename": "thing-9.zip", "url": 9},
        {"filename": "", "url": "../"},
        {"filename": "thing-9.zip", "url": "thing-9.zip"},
        {"filename": "thing-9.zip", "url": "../thing-8.zip"},
        {"filename": "thing-9.zip", "url": "../nothing-9.zip"},
        {"filename": ".thing-9.zip", "url": "../.thing-9.zip"},
        {"filename": "a\nthing-9.zip", "url": "../a\nthing-9.zip"},
        {"filename": "thing 9.zip", "url": "../thing 9.zip"},
        {"filename": "thing-9\u0661.zip", "url": "../thing-9\u0661.zip"},
        {"filename": "thing-9.zip", "url": "../thing-9.zip#sha256=" + "ab" * 32},
        {"filename": "thing-9.zip", "url": "https://me:secret@files.invalid/thing-9.zip"},
        {"filename": "thing-9.zip", "url": "https://[files.invalid/thing-9.zip"},
        {"filename": "thing-9.zip", "url": "../%2e%2e/thing-9.zip"},
        {"filename": "thing-9+x.zip", "url": "../thing-9%2bx.zip"},
        {"filename": "thing-9.zip", "url": "../thing-9%2Bx.zip"},
        {"filename": "thing-9+x.zip", "url": f"../{'a' * 8175}/thing-9%2Bx.zip"},
        {"filename": "thing-9.zip", "url": "..\\/thing-9.zip"},
        {"filename": "thing-9.zip", "url": "file:///etc/thing-9.zip"},
        {"filename": "thing-9.zip", "url": "ftp://files.invalid/thing-9.zip"},
        {"filename": "thing-9.zip", "url": "//files.invalid/thing-9.zip"},
        {"filename": "thing-9.zip", "url": "http:/thing-9.zip"},
        {"filename": f"thing-{'9' * 255}.zip", "url": f"../thing-{'9' * 255}.zip"},
        {"filename": "thing-9.zip", "url": f"../{'a' * 9000}/thing-9.zip"},
    ],
)
def test_one_odd_file_sends_a_page_the_long_way(odd: object) -> None:
    body = _body(*_ORDINARY, odd)
    page, _ = open_page(body, _JSON, _URL, "i")
    assert isinstance(page, list)
    assert page == parse_json(body, _URL, "i")


def test_pages_on_this_machine_go_the_long_way() -> None:
    assert plain_page(list(_ORDINARY), "file:///srv/simple/thing/", "i") is None


def test_entries_that_cannot_be_kept_are_parsed() -> None:
    deep: list[Any] = []
    for _ in range(3000):
        deep = [deep]
    page = plain_page([_entry("thing-1.zip", extra=deep), _entry("thing-2.zip")], _URL, "i")
    assert page is not None
    made, _ = _record(page)
    assert [[file.filename for file in group] for group in made.files] == [["thing-1.zip"], ["thing-2.zip"]]


def test_what_is_no_page_is_refused_as_ever() -> None:
    for body in (b"", b"[]", b"{}", b'{"meta": {"api-version": "2.0"}, "files": []}'):
        with pytest.raises(IndexAccessError):
            open_page(body, _JSON, _URL, "i")


def test_a_page_of_many_versions_makes_the_files_of_one(monkeypatch: pytest.MonkeyPatch, store: WriteBehind) -> None:
    targets = (Target("t", "3.12.1", {}, ("py3-none-any",)),)
    body = _body(*(_entry(f"thing-{number}-py3-none-any.whl") for number in range(1000)))
    made = []

    class Reader(LinkReader):
        def read(self, href: str, **more: Any) -> IndexFile | None:
            made.append(href)
            return super().read(href, **more)

    monkeypatch.setattr("blast_pm.index.plain_pages.LinkReader", Reader)
    monkeypatch.setattr("blast_pm.index.pages.LinkReader", Reader)
    record, pack = _record(open_page(body, _JSON, _URL, "i")[0])
    save_page(store, _URL, record, pack)
    view = ViewStore(store, targets, builds=True, files=None).open(_URL, record)
    assert view.record.usable == (1 << 1000) - 1
    assert view.digest(999) == bytes.fromhex("ab" * 32)
    assert len(made) == 1
    assert TargetView(targets, builds=True).choose("thing", view.page.files[3]) is not None
    assert len(made) == 2
