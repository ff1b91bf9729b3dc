"""Which indexes are asked, in which order, and that no secret shows."""

from __future__ import annotations

import os
import pickle
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import pathname2url, url2pathname

import pytest

from blast_core.errors import UsageError
from blast_core.pip_configuration import NetrcEntry, PipConfiguration
from blast_pm.index.credentials import CredentialStore, origin_of, split_credentials, without_credentials
from blast_pm.index.default import default_locations, make_location, pip_default_url
from blast_pm.index.file_urls import path_of_url, url_of_path
from blast_pm.index.model import IndexLocation

if TYPE_CHECKING:
    from pathlib import Path

PIP = PipConfiguration(
    index_url="https://pip.invalid/simple",
    extra_index_urls=("https://extra.invalid/simple/", "file:///local/simple"),
    find_links=("/local/wheels", "https://links.invalid/page.html"),
)


def _urls(locations: tuple[IndexLocation, ...]) -> list[str]:
    return [location.url for location in locations]


def test_command_line_beats_environment_beats_pip() -> None:
    environ = {"BLAST_INDEX_URL": "https://env.invalid/"}
    assert _urls(default_locations(environ, "https://cli.invalid", pip=PIP)) == ["https://cli.invalid/"]
    assert _urls(default_locations(environ, pip=PIP)) == ["https://env.invalid/"]


def test_pip_order_is_remote_extras_then_default_then_what_is_local() -> None:
    found = default_locations({}, pip=PIP)
    assert _urls(found) == [
        "https://extra.invalid/simple/",
        "https://pip.invalid/simple/",
        "file:///local/simple/",
        "file:///local/wheels",
        "https://links.invalid/page.html",
    ]
    assert [location.default for location in found] == [False, True, False, False, False]
    assert [location.flat for location in found] == [False, False, False, True, True]
    assert len({location.name for location in found}) == 5


def test_no_index_leaves_the_links() -> None:
    found = default_locations({}, pip=PIP._replace(no_index=True))
    assert _urls(found) == ["file:///local/wheels", "https://links.invalid/page.html"]


def test_project_indexes_come_first_and_may_be_the_default() -> None:
    own = make_location("own", "https://own.invalid/simple")
    base = make_location("base", "https://base.invalid/simple", default=True)
    assert _urls(default_locations({}, project_indexes=[base, own], pip=PIP)) == [own.url, base.url]
    user = make_location("user", "https://user.invalid/")
    found = default_locations({}, project_indexes=[own], user_config=[user], pip=PIP._replace(extra_index_urls=()))
    assert _urls(found)[:3] == [own.url, user.url, "https://pip.invalid/simple/"]


def test_equal_addresses_are_asked_once_and_equal_names_refused() -> None:
    one = make_location("one", "https://pip.invalid/simple")
    pip = PIP._replace(extra_index_urls=(), find_links=())
    assert _urls(default_locations({}, project_indexes=[one], pip=pip)) == [one.url]
    with pytest.raises(UsageError, match="two indexes are named one"):
        default_locations({}, "https://x.invalid/", [one, one._replace(url="https://y.invalid/")])


def test_pip_default_is_asked_once_and_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    url = pip_default_url(str(home))
    assert url.startswith("https://")
    monkeypatch.setattr("blast_pm.index.default._ask_pip", lambda: pytest.fail("asked again"))
    assert pip_default_url(str(home)) == url
    assert default_locations({}, home=str(home))[0].url == url.rstrip("/") + "/"


def test_damaged_memory_of_the_default_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "index-default").write_bytes(b"\xff\xfe junk")
    assert pip_default_url(str(tmp_path)).startswith("https://")
    (tmp_path / "index-default").write_text("javascript:x")
    assert pip_default_url(str(tmp_path)).startswith("https://")


def test_help_text_of_pip_tells_the_same() -> None:
    from blast_pm.index import default

    assert default._read_pip_help() == default._ask_pip()


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("https://h/simple", "https://h/simple/"),
        ("https://h/simple/", "https://h/simple/"),
        (" https://h/simple ", "https://h/simple/"),
        ("/a b/simple", "file:///a%20b/simple/"),
        ("relative", f"file://{os.getcwd()}/relative/"),
        ("file:///x", "file:///x/"),
    ],
)
def test_addresses_are_taken_as_users_write_them(written: str, url: str) -> None:
    assert make_location("x", written).url == url


@pytest.mark.parametrize("url", ["ftp://h/", "javascript://x", "git+https://h/"])
def test_other_schemes_are_refused(url: str) -> None:
    with pytest.raises(UsageError):
        make_location("x", url)


def test_secrets_are_split_off_and_never_shown() -> None:
    location = make_location("x", "https://me:p%40ss@h:8443/simple")
    assert location.url == "https://h:8443/simple/"
    assert location.credentials is not None
    shown = repr(location) + str(location.credentials) + f"{location.credentials!r}"
    shown += repr(IndexLocation("raw", "https://me:p%40ss@h/")) + repr(CredentialStore([location]))
    assert "ss" not in shown.replace("class", "")
    with pytest.raises(TypeError):
        pickle.dumps(location.credentials)
    header = CredentialStore([location]).header_for("https://H:8443/files/x.whl")
    assert header == "Basic bWU6cEBzcw=="


@pytest.mark.parametrize("path", ["/a/b.whl", "/a b/c%20d", "/ä/ü", "/a#b?c", "/x:y+z"])
def test_paths_and_file_addresses_as_the_library_has_them(path: str) -> None:
    url = url_of_path(path)
    assert path_of_url(url) == path
    assert url2pathname(urlsplit(url).path) == path or not path.isascii()
    assert path_of_url(f"file://{pathname2url(path)}") == path
    assert path_of_url(f"file://localhost{pathname2url(path)}#sha256=x") == path


def test_path_that_is_no_text_has_an_address() -> None:
    path = os.fsdecode(b"/\xff")
    assert url_of_path(path) == "file:///%FF"
    assert path_of_url("file:///%FF") == path
    assert path_of_url("file:///100%/%zz") == "/100%/%zz"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://H.invalid/x", "https://h.invalid:443"),
        ("http://h:8080", "http://h:8080"),
        ("https://me:x@h/", "https://h:443"),
        ("https://[::1]/", "https://[::1]:443"),
        ("https://[::1]:8443/", "https://[::1]:8443"),
        ("https://evil.invalid\\@h/", "https://evil.invalid:443"),
        ("file:///x", "file://:"),
        ("nothing", ""),
    ],
)
def test_origin_is_scheme_host_and_port(url: str, origin: str) -> None:
    assert origin_of(url) == origin


def test_credentials_go_to_their_own_origin_only() -> None:
    location = make_location("x", "https://me:secret@h/simple")
    store = CredentialStore([location], {}, [NetrcEntry("n", "a", "b")])
    assert store.header_for("https://h/other") is not None
    for url in ("http://h/", "https://h:8443/", "https://hh/", "https://h.evil/", "file:///h"):
        assert store.header_for(url) is None
    assert store.header_for("https://n/x") is not None
    assert split_credentials("https://token@h/x")[0] == without_credentials("https://token@h/x") == "https://h/x"
    assert split_credentials("https://h/a@b") == ("https://h/a@b", None)


def test_environment_overrides_the_address() -> None:
    location = make_location("my-index.1", "https://me:old@h/")
    environ = {"BLAST_INDEX_MY_INDEX_1_USERNAME": "u", "BLAST_INDEX_MY_INDEX_1_PASSWORD": "p"}
    assert CredentialStore([location], environ).header_for("https://h/") == "Basic dTpw"
