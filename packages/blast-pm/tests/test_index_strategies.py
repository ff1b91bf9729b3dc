"""Several indexes with one name, flat ones, refusals that mean absence; each is asked no oftener than needed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from blast_core.errors import IndexAccessError, IndexDenied, ProjectNotFound, UsageError
from blast_pm.index.client import PyPiClient
from blast_pm.index.default import make_location
from blast_pm.index.pages import same_projects
from blast_pm.metadata.store import Database
from blast_pm.testing import Reply, StaticIndex, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def one(tmp_path: Path) -> Iterator[StaticIndex]:
    directory = tmp_path / "one"
    directory.mkdir()
    make_wheel(directory, "thing", "1.0")
    make_wheel(directory, "only-one", "1.0")
    with StaticIndex(directory) as served:
        yield served


@pytest.fixture
def two(tmp_path: Path) -> Iterator[StaticIndex]:
    directory = tmp_path / "two"
    directory.mkdir()
    make_wheel(directory, "thing", "1.0", files={"other.py": b""})
    make_wheel(directory, "thing", "2.0")
    make_wheel(directory, "only-two", "1.0")
    with StaticIndex(directory) as served:
        yield served


class _Clients:
    """Clients over one database, each as a command of its own."""

    def __init__(self, tmp_path: Path, *indexes: StaticIndex) -> None:
        self.locations = [make_location(f"i{number}", index.url) for number, index in enumerate(indexes)]
        self.database = Database(str(tmp_path / "meta.lmdb"))
        self.now = 1e9
        self.open: list[PyPiClient] = []

    def make(self, **more: Any) -> PyPiClient:
        for client in self.open:
            client.close()
        locations = more.pop("locations", self.locations)
        made = PyPiClient(locations, database=self.database, clock=lambda: self.now, sleep=lambda _: None, **more)
        self.open = [made]
        return made

    def close(self) -> None:
        for client in self.open:
            client.close()
        self.database.close()


@pytest.fixture
def clients(tmp_path: Path, one: StaticIndex, two: StaticIndex) -> Iterator[_Clients]:
    made = _Clients(tmp_path, one, two)
    yield made
    made.close()


def _versions(client: PyPiClient, name: str) -> list[str]:
    return list(client.record(name).table.texts)


def test_first_index_that_has_it_is_the_only_one_asked(clients: _Clients, one: StaticIndex, two: StaticIndex) -> None:
    client = clients.make()
    assert _versions(client, "thing") == ["1.0"]
    assert _versions(client, "only-two") == ["1.0"]
    assert one.paths() == ["/simple/thing/", "/simple/only-two/"]
    assert two.paths() == ["/simple/only-two/"]


def test_best_match_takes_the_versions_of_all(clients: _Clients, one: StaticIndex, two: StaticIndex) -> None:
    warnings: list[str] = []
    client = clients.make(strategy="unsafe-best-match", warn=warnings.append)
    assert _versions(client, "thing") == ["1.0", "2.0"]
    first, second = client.page("thing").files
    assert first.url.startswith(one.origin), "of equal names the first index's file counts"
    assert second.url.startswith(two.origin)
    assert {first.index, second.index} == {"i0"}
    assert client.url_of(second.index, second.url) == second.url
    assert _versions(client, "only-one") == _versions(client, "only-two") == ["1.0"]
    assert len(warnings) == 1
    assert "thing is on i0 and i1" in warnings[0]
    asked = Counter(one.paths() + two.paths())
    assert set(asked.values()) == {2}, "each index once for each project"
    one.forget_requests()
    stored = clients.make(strategy="unsafe-best-match")
    assert stored.page("thing").files == (first, second)
    assert one.paths() == []


def test_best_match_of_nothing_is_not_found(clients: _Clients) -> None:
    with pytest.raises(ProjectNotFound, match="no index has"):
        clients.make(strategy="unsafe-best-match").record("nowhere")


def test_pinned_project_is_asked_for_at_its_index_only(clients: _Clients, one: StaticIndex) -> None:
    client = clients.make(strategy="unsafe-best-match", pins={"thing": "i1"})
    assert _versions(client, "thing") == ["1.0", "2.0"]
    assert one.paths() == []


@pytest.mark.parametrize("strategy", ["unsafe-first-match", "newest"])
def test_strategy_that_is_none_is_refused(clients: _Clients, strategy: str) -> None:
    with pytest.raises(UsageError, match=strategy):
        clients.make(strategy=strategy)


@pytest.mark.parametrize("how", ["tracks", "alternate-locations"])
@pytest.mark.parametrize("html", [False, True])
def test_indexes_that_say_so_are_the_same_project(
    clients: _Clients, one: StaticIndex, two: StaticIndex, how: str, html: bool
) -> None:
    other = f"{one.url}thing/"
    if html:
        body = f'<meta name="pypi:{how}" content="{other}"><a href="thing-2.0-py3-none-any.whl">x</a>'
        two.script("/simple/thing/", Reply(200, body.encode(), {"Content-Type": "text/html"}))
    else:
        meta = f'"api-version": "1.2", "tracks": ["{other}"]' if how == "tracks" else '"api-version": "1.2"'
        alternate = f', "alternate-locations": ["{other}"]' if how != "tracks" else ""
        body = f'{{"meta": {{{meta}}}{alternate}, "name": "thing", "files": []}}'
        two.script("/simple/thing/", Reply(200, body.encode(), {"Content-Type": "application/vnd.pypi.simple.v1+json"}))
    warnings: list[str] = []
    clients.make(strategy="unsafe-best-match", warn=warnings.append).record("thing")
    assert warnings == []


@pytest.mark.parametrize(
    "body", [b'{"meta": 3, "alternate-locations": 5}', b'{"meta": {"tracks": [1, null]}, "alternate-locations": {}}']
)
def test_nonsense_about_other_indexes_is_nothing(body: bytes) -> None:
    assert same_projects(body, "application/json") == ()


# Freshness


def test_answers_are_asked_for_again_when_they_are_old(clients: _Clients, one: StaticIndex) -> None:
    assert _versions(clients.make(), "thing") == ["1.0"]
    clients.now += 599
    assert _versions(clients.make(), "thing") == ["1.0"]
    assert one.paths() == ["/simple/thing/"]
    clients.now += 2
    client = clients.make()
    assert _versions(client, "thing") == ["1.0"]
    assert "if-none-match" in one.requests[-1].headers
    assert _versions(client, "thing") == ["1.0"]
    assert len(one.paths()) == 2


@pytest.mark.parametrize(("max_age_s", "asked"), [(0, 2), (30, 1)])
def test_index_says_for_how_long(clients: _Clients, one: StaticIndex, max_age_s: int, asked: int) -> None:
    one.max_age_s = max_age_s
    clients.make().record("thing")
    clients.now += 20
    clients.make().record("thing")
    assert len(one.paths()) == asked


def test_absence_is_remembered_for_a_while(clients: _Clients, one: StaticIndex) -> None:
    one.max_age_s = 86_400
    clients.make().record("only-two")
    clients.make().record("only-two")
    assert one.paths() == ["/simple/only-two/"]
    clients.now += 601
    clients.make().record("only-two")
    assert len(one.paths()) == 2


def test_refresh_asks_once_for_each_and_only_for_what_is_named(clients: _Clients, one: StaticIndex) -> None:
    for name in ("thing", "only-one"):
        clients.make().record(name)
    one.forget_requests()
    clients.now += 1
    client = clients.make(refresh_names=["thing"])
    for name in ("thing", "only-one", "thing"):
        client.record(name)
    assert one.paths() == ["/simple/thing/"]
    assert one.requests[0].headers["cache-control"] == "no-cache"
    clients.now += 1
    client = clients.make(refresh=True)
    for name in ("thing", "only-one", "thing"):
        client.record(name)
    assert one.paths()[1:] == ["/simple/thing/", "/simple/only-one/"]


def test_offline_takes_what_is_old(clients: _Clients, one: StaticIndex) -> None:
    clients.make().record("thing")
    clients.now += 10**7
    assert _versions(clients.make(offline=True), "thing") == ["1.0"]
    assert len(one.paths()) == 1


@pytest.mark.parametrize("kind", [b"v", b"f"], ids=["versions", "files"])
def test_page_with_a_lost_row_is_fetched_anew_by_the_next_command(
    clients: _Clients, one: StaticIndex, kind: bytes
) -> None:
    clients.make().record("thing")
    client = clients.make()
    key = b"%s%s\0thing" % (kind, one.url.encode())
    assert clients.database.get("pages", key)
    clients.database.delete("pages", key)
    with pytest.raises(IndexAccessError, match="changed while"):
        client.page("thing") if kind == b"f" else client.record("thing").table
    assert len(clients.make().page("thing").files) == 1
    assert len(one.paths()) == 2


# Flat indexes, and statuses that mean absence


def test_flat_page_is_fetched_once_for_all_projects(clients: _Clients, one: StaticIndex) -> None:
    links = "".join(f'<a href="/files/{name}-1.0-py3-none-any.whl">x</a>' for name in ("thing", "only_one"))
    one.script("/links.html", Reply(200, links.encode(), {"Content-Type": "text/html"}))
    location = make_location("flat", f"{one.origin}/links.html", flat=True)
    client = clients.make(locations=[location])
    assert _versions(client, "thing") == _versions(client, "only-one") == ["1.0"]
    with pytest.raises(ProjectNotFound):
        client.record("nothing-there")
    assert one.paths() == ["/links.html"]
    clients.make(locations=[location]).record("thing")
    assert one.paths() == ["/links.html"]


def test_flat_index_without_the_project_lets_the_next_be_asked(clients: _Clients, one: StaticIndex) -> None:
    one.script("/links.html", Reply(200, b"<!DOCTYPE html>", {"Content-Type": "text/html"}))
    location = make_location("flat", f"{one.origin}/links.html", flat=True)
    assert _versions(clients.make(locations=[location, *clients.locations]), "thing") == ["1.0"]
    assert one.paths() == ["/links.html", "/simple/thing/"]


def test_status_may_mean_that_the_project_is_not_there(clients: _Clients, one: StaticIndex, two: StaticIndex) -> None:
    one.script("/simple/thing/", Reply(403))
    with pytest.raises(IndexDenied):
        clients.make().record("thing")
    absent = [clients.locations[0]._replace(absent=(403,)), clients.locations[1]]
    assert _versions(clients.make(locations=absent), "thing") == ["1.0", "2.0"]
    assert two.paths() == ["/simple/thing/"]
