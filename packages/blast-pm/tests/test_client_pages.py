"""Pages come from the first index that knows the project, and are asked for again only when they must be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_core.errors import IndexAccessError, OfflineError, ProjectNotFound, UsageError
from blast_pm.index.client import PyPiClient
from blast_pm.index.default import make_location
from blast_pm.metadata.store import Database
from blast_pm.testing import Reply, StaticIndex, make_sdist, make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from blast_pm.index.model import IndexLocation, ProjectPage

    MakeClient = Callable[..., PyPiClient]


@pytest.fixture
def make_client(tmp_path: Path) -> Iterator[MakeClient]:
    database = Database(str(tmp_path / "home" / "store" / "meta.lmdb"))
    made: list[PyPiClient] = []

    def make(*indexes: StaticIndex | IndexLocation, **options: object) -> PyPiClient:
        locations = [
            make_location(f"index-{number}", index.url) if isinstance(index, StaticIndex) else index
            for number, index in enumerate(indexes)
        ]
        client = PyPiClient(locations, database=database, **options)  # type: ignore[arg-type]
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()
    database.close()


def _page_once(make_client: MakeClient, index: StaticIndex, **options: object) -> ProjectPage:
    """Read the page as a command of its own does."""
    client = make_client(index, **options)
    page = client.page("some-thing")
    client.close()
    return page


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    directory = tmp_path / "wheels"
    directory.mkdir()
    make_wheel(directory, "Some.Thing", "1.0")
    make_wheel(directory, "some-thing", "2.0", requires_python=">=3.8")
    make_sdist(directory, "some-thing", "2.0")
    return directory


@pytest.mark.parametrize("json", [True, False], ids=["json", "html"])
@pytest.mark.parametrize("absolute", [True, False], ids=["absolute", "relative"])
def test_page_holds_the_files_and_their_base(make_client: MakeClient, wheels: Path, json: bool, absolute: bool) -> None:
    with StaticIndex(wheels, json=json, absolute=absolute, yanked={"some_thing-1.0-py3-none-any.whl": "bad"}) as index:
        client = make_client(index)
        page = client.page("some-thing")
        assert {file.filename for file in page.files} == {
            "some_thing-1.0-py3-none-any.whl",
            "some_thing-2.0-py3-none-any.whl",
            "some_thing-2.0.tar.gz",
        }
        assert {file.yanked for file in page.files if "1.0" in file.filename} == {"bad"}
        assert page.base == client.file_base("index-0") == f"{index.origin}/"
        file = page.files[0]
        assert client.url_of("index-0", file.url[len(page.base) :]) == file.url
        assert client.url_of("index-0", file.url) == file.url


def test_fresh_page_is_not_asked_for_again_and_reads_the_same(make_client: MakeClient, wheels: Path) -> None:
    with StaticIndex(wheels) as index:
        client = make_client(index)
        first = client.page("some-thing")
        client.close()
        again = make_client(index)
        assert again.page("some-thing") == first
        assert again.file_base("index-0") == first.base
        assert index.paths() == ["/simple/some-thing/"]


def test_page_without_cache_headers_is_fresh_for_ten_minutes(make_client: MakeClient, wheels: Path) -> None:
    now = 1_700_000_000.0
    with StaticIndex(wheels, etags=False) as index:
        for _ in range(2):
            _page_once(make_client, index, clock=lambda: now)
        now += 599
        _page_once(make_client, index, clock=lambda: now)
        assert len(index.paths()) == 1
        now += 2
        _page_once(make_client, index, clock=lambda: now)
        assert len(index.paths()) == 2
        now -= 100_000  # a clock that was put back makes nothing eternal
        _page_once(make_client, index, clock=lambda: now)
        assert len(index.paths()) == 3


def test_max_age_counts_and_stale_pages_are_validated(make_client: MakeClient, wheels: Path) -> None:
    now = 1_700_000_000.0
    with StaticIndex(wheels, max_age_s=60) as index:
        first = _page_once(make_client, index, clock=lambda: now)
        now += 61
        assert _page_once(make_client, index, clock=lambda: now) == first
        assert "if-none-match" in index.requests[-1].headers
        now += 59
        _page_once(make_client, index, clock=lambda: now)
        assert len(index.requests) == 2, "the answer 304 made it fresh again"
        make_wheel(wheels, "some-thing", "3.0")
        index.reload()
        now += 2
        assert len(_page_once(make_client, index, clock=lambda: now).files) == len(first.files) + 1


def test_refresh_asks_for_fresh_pages_once(make_client: MakeClient, wheels: Path) -> None:
    with StaticIndex(wheels) as index:
        now = 1_700_000_000.0
        _page_once(make_client, index, clock=lambda: now)
        now += 5
        client = make_client(index, refresh=True, clock=lambda: now)
        for _ in range(3):
            client.page("some-thing")
        assert len(index.paths()) == 2


def test_offline_takes_what_is_stored_however_old(make_client: MakeClient, wheels: Path) -> None:
    with StaticIndex(wheels) as index:
        online = make_client(index, clock=lambda: 1_000_000_000.0)
        page = online.page("some-thing")
        with pytest.raises(ProjectNotFound):
            online.page("missing")
        online.close()
        offline = make_client(index, offline=True)
        assert offline.page("some-thing") == page
        with pytest.raises(ProjectNotFound):
            offline.page("missing")
        with pytest.raises(OfflineError):
            offline.page("never-asked")
        with pytest.raises(OfflineError):
            offline.metadata(page.files[0])
        assert len(index.paths()) == 2


def test_first_index_that_knows_the_name_is_the_only_one(make_client: MakeClient, tmp_path: Path, wheels: Path) -> None:
    public = tmp_path / "public"
    public.mkdir()
    make_wheel(public, "some-thing", "99.0")
    make_wheel(public, "other", "1.0")
    with StaticIndex(wheels) as mine, StaticIndex(public) as other:
        client = make_client(mine, other)
        assert all("99" not in file.filename for file in client.page("some-thing").files)
        assert client.page("other").index == "index-1"
        assert other.paths() == ["/simple/other/"]


def test_pinned_project_is_asked_of_its_index_only(make_client: MakeClient, tmp_path: Path, wheels: Path) -> None:
    special = tmp_path / "special"
    special.mkdir()
    make_wheel(special, "some-thing", "7.0")
    with StaticIndex(wheels) as mine, StaticIndex(special) as explicit:
        location = make_location("special", explicit.url, explicit=True)
        assert len(make_client(mine, location).page("some-thing").files) == 3
        assert explicit.paths() == []
        pinned = make_client(mine, location, pins={"some-thing": "special"})
        assert [file.index for file in pinned.page("some-thing").files] == ["special"]
        with pytest.raises(UsageError, match="no index is named"):
            make_client(mine, pins={"some-thing": "none"}).page("some-thing")


@pytest.mark.parametrize("name", ["../etc", "a/b", "a%2fb", "", "-a", "é", "a b", "a\n"])
def test_name_that_is_none_reaches_no_index(make_client: MakeClient, wheels: Path, name: str) -> None:
    with StaticIndex(wheels) as index:
        client = make_client(index)
        with pytest.raises(ProjectNotFound):
            client.page(name)
        assert index.paths() == []


def test_foreign_files_on_a_page_are_ignored(make_client: MakeClient, wheels: Path) -> None:
    page = b'<a href="../../files/other-1.0-py3-none-any.whl">x</a><a href="some_thing-1.0-py3-none-any.whl">y</a>'
    page += b'<a href="some-thing-extra-1.0.tar.gz">z</a><a href="some-thing-notaversion.tar.gz">z</a>'
    with StaticIndex(wheels) as index:
        index.script("/simple/some-thing/", Reply(200, page, {"Content-Type": "text/html"}))
        found = [file.filename for file in make_client(index).page("some-thing").files]
    assert found == ["some_thing-1.0-py3-none-any.whl"]


def test_prefetched_page_is_fetched_once(make_client: MakeClient, wheels: Path) -> None:
    with StaticIndex(wheels) as index:
        client = make_client(index)
        client.prefetch(["some-thing", "missing"])
        client.prefetch(["some-thing"])
        assert len(client.page("some-thing").files) == 3
        with pytest.raises(ProjectNotFound, match="no index has a project named missing"):
            client.page("missing")
        assert sorted(index.paths()) == ["/simple/missing/", "/simple/some-thing/"]


def test_error_of_a_prefetch_waits_for_who_asks(make_client: MakeClient, wheels: Path) -> None:
    with StaticIndex(wheels) as index:
        index.script("/simple/some-thing/", Reply(418, b"teapot"), Reply(passes=True))
        client = make_client(index)
        client.prefetch(["some-thing"])
        with pytest.raises(IndexAccessError, match="answered 418"):
            client.page("some-thing")
        assert len(client.page("some-thing").files) == 3


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        pytest.param(Reply(200, b"PK\3\4", {"Content-Type": "application/zip"}), "application/zip", id="zip"),
        pytest.param(Reply(200, b"{", {"Content-Type": "application/json"}), "malformed JSON", id="bad-json"),
        pytest.param(Reply(200, b"<form>", {"Content-Type": "text/html"}), "login", id="captive-portal"),
    ],
)
def test_answers_that_are_no_page_are_told(make_client: MakeClient, wheels: Path, reply: Reply, said: str) -> None:
    with StaticIndex(wheels) as index:
        index.script("/simple/some-thing/", reply)
        with pytest.raises(IndexAccessError, match="not an index page") as caught:
            make_client(index).page("some-thing")
        assert said in caught.value.reason


def test_local_indexes_and_missing_ones(make_client: MakeClient, tmp_path: Path, wheels: Path) -> None:
    simple = tmp_path / "simple"
    (simple / "some-thing").mkdir(parents=True)
    (simple / "some-thing" / "index.html").write_text('<a href="../../wheels/some_thing-1.0-py3-none-any.whl">x</a>')
    (simple / "listed").mkdir()
    make_wheel(simple / "listed", "listed", "1.0")
    client = make_client(
        make_location("missing", str(tmp_path / "nowhere")),
        make_location("simple", simple.as_uri()),
        make_location("flat", str(wheels), flat=True),
        make_location("nowhere", str(tmp_path / "nowhere"), flat=True),
        offline=True,
    )
    (file,) = client.page("some-thing").files
    assert file.index == "simple"
    assert len(file.sha256) == 64, "files on this machine get a digest"
    assert client.page("listed").files[0].filename == "listed-1.0-py3-none-any.whl"
    make_wheel(wheels, "flat-only", "1.0")
    (flat,) = client.page("flat-only").files
    assert flat.url == (wheels / "flat_only-1.0-py3-none-any.whl").as_uri()
    assert b"Name: flat-only" in client.metadata(flat)
    destination = str(tmp_path / "out")
    assert client.download(flat, destination) == flat.sha256
    with pytest.raises(ProjectNotFound):
        client.page("nothing-of-this")


def test_changed_local_file_gets_a_new_digest(make_client: MakeClient, tmp_path: Path) -> None:
    directory = tmp_path / "flat"
    directory.mkdir()
    path = make_wheel(directory, "thing", "1.0")
    location = make_location("flat", str(directory), flat=True)
    first = make_client(location).page("thing").files[0].sha256
    make_wheel(directory, "thing", "1.0", ["other"])
    assert make_client(location).page("thing").files[0].sha256 != first
    assert path.endswith(".whl")
