"""The keyring is asked once, after a refusal only, and never on a terminal that isn't there."""

from __future__ import annotations

import os
import stat
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import IndexDenied, UsageError
from blast_pm.index.client import PyPiClient
from blast_pm.index.credentials import Credentials, CredentialStore
from blast_pm.index.default import make_location
from blast_pm.index.keyring import Keyring
from blast_pm.metadata.store import Database
from blast_pm.testing import Reply, StaticIndex, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_BACKEND = """
import os, sys
from keyring.backend import KeyringBackend
from keyring.credentials import SimpleCredential

class Backend(KeyringBackend):
    priority = 1
    def set_password(self, service, username, password):
        pass
    def get_password(self, service, username):
        self._tell(service, username)
        return "hunter2" if service == os.environ["HAS"] and username == "me" else None
    def get_credential(self, service, username):
        self._tell(service, username)
        if service != os.environ["HAS"] or username not in (None, "me"):
            return None
        return SimpleCredential("me", "hunter2")
    def _tell(self, service, username):
        with open(os.environ["ASKED"], "a") as stream:
            print(service, username, os.getsid(0) == os.getpid(), file=stream)
"""

_PROGRAM = """#!/bin/sh
echo "$@" >> "$ASKED"
if [ "$1" = --mode ]; then
  [ "$4" = "$HAS" ] && printf 'me\\nhunter2\\n' && exit 0
elif [ "$2" = "$HAS" ] && [ "$3" = me ]; then
  echo hunter2 && exit 0
fi
exit 1
"""


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    return tmp_path / "asked"


@pytest.fixture
def environ(tmp_path: Path, asked: Path) -> dict[str, str]:
    """Variables with which both a library's back end and a program answer for ``HAS``."""
    (tmp_path / "blast_test_backend.py").write_text(_BACKEND)
    program = tmp_path / "bin" / "keyring"
    program.parent.mkdir()
    program.write_text(_PROGRAM)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
        "PYTHON_KEYRING_BACKEND": "blast_test_backend.Backend",
        "HOME": str(tmp_path),
        "ASKED": str(asked),
        "HAS": "index.invalid",
    }


@pytest.mark.parametrize("provider", ["auto", "import", "subprocess"])
@pytest.mark.parametrize("username", ["", "me"])
def test_each_provider_finds_what_is_there(environ: dict[str, str], asked: Path, provider: str, username: str) -> None:
    services = ["https://index.invalid/simple/", "index.invalid:443", "index.invalid"]
    found = Keyring(provider, environ).find(services, username)
    assert found == Credentials("me", "hunter2")
    lines = asked.read_text().splitlines()
    assert len(lines) == 3
    assert lines[0].find("https://index.invalid/simple/") >= 0
    if provider != "subprocess":
        assert all(line.endswith("True") for line in lines), "without a terminal of its own a back end could ask"


@pytest.mark.parametrize("provider", ["auto", "subprocess"])
def test_nothing_found_is_none(environ: dict[str, str], provider: str) -> None:
    assert Keyring(provider, environ).find(["other.invalid"]) is None
    assert Keyring(provider, environ).find(["index.invalid"], "you") is None


def test_disabled_asks_nobody(environ: dict[str, str], asked: Path) -> None:
    assert Keyring("disabled", environ).find(["index.invalid"]) is None
    assert not asked.exists()


def test_missing_program_is_none(tmp_path: Path) -> None:
    assert Keyring("subprocess", {"PATH": str(tmp_path)}).find(["index.invalid"]) is None


def test_broken_program_is_told(environ: dict[str, str]) -> None:
    program = environ["PATH"].partition(":")[0] + "/keyring"
    with open(program, "wb") as stream:
        stream.write(b"\x7fELF nonsense")
    notes: list[str] = []
    assert Keyring("subprocess", environ, notes.append).find(["index.invalid"]) is None
    assert len(notes) == 1


def test_unknown_provider_is_refused() -> None:
    with pytest.raises(UsageError, match="keyring"):
        Keyring("1password", {})


# With the client


class _Counting:
    """A keyring that counts."""

    def __init__(self, found: Credentials | None) -> None:
        self.found = found
        self.asked: list[tuple[tuple[str, ...], str]] = []

    def find(self, services: Sequence[str], username: str = "") -> Credentials | None:
        self.asked.append((tuple(services), username))
        return self.found


@pytest.fixture
def private(tmp_path: Path) -> Iterator[StaticIndex]:
    directory = tmp_path / "private"
    directory.mkdir()
    for number in range(12):
        make_wheel(directory, f"thing{number}", "1.0")
    with StaticIndex(directory, username="me", password="hunter2") as served:
        yield served


def _client(tmp_path: Path, url: str, keyring: _Counting) -> PyPiClient:
    database = Database(str(tmp_path / "meta.lmdb"))
    location = make_location("mine", url)
    store = CredentialStore([location], {}, (), keyring)
    return PyPiClient([location], database=database, credentials=lambda: store, sleep=lambda _: None)


def test_keyring_is_asked_once_for_a_server(private: StaticIndex, tmp_path: Path) -> None:
    keyring = _Counting(Credentials("me", "hunter2"))
    client = _client(tmp_path, private.url, keyring)
    threads = [threading.Thread(target=client.page, args=(f"thing{number}",)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.download(client.page("thing1").files[0], str(tmp_path / "out"))
    assert len(keyring.asked) == 1
    services, username = keyring.asked[0]
    assert services == (private.url, f"127.0.0.1:{private.port}", "127.0.0.1")
    assert username == ""
    assert all("authorization" in request.headers for request in private.requests[-1:])
    client.close()


def test_keyring_stays_alone_where_nothing_is_refused(private: StaticIndex, tmp_path: Path) -> None:
    keyring = _Counting(Credentials("me", "hunter2"))
    client = _client(tmp_path, private.url.replace("://", "://me:hunter2@"), keyring)
    assert client.page("thing1").files
    assert client.page("thing1").files
    assert keyring.asked == []
    client.close()


def test_user_of_the_address_gets_its_password(private: StaticIndex, tmp_path: Path) -> None:
    keyring = _Counting(Credentials("me", "hunter2"))
    client = _client(tmp_path, private.url.replace("://", "://me@"), keyring)
    assert client.page("thing1").files
    assert keyring.asked[0][1] == "me"
    client.close()


@pytest.mark.parametrize("found", [None, Credentials("me", "wrong")])
def test_keyring_that_does_not_help_is_asked_once(
    private: StaticIndex, tmp_path: Path, found: Credentials | None
) -> None:
    keyring = _Counting(found)
    client = _client(tmp_path, private.url, keyring)
    for number in range(3):
        with pytest.raises(IndexDenied, match="refuses access") as caught:
            client.page(f"thing{number}")
        assert "keyring" in caught.value.hint
        assert "wrong" not in repr(caught.value.to_dict()).replace("credentials are wrong", "")
    assert len(keyring.asked) == 1
    client.close()


def test_other_server_of_a_redirect_is_not_worth_a_question(private: StaticIndex, tmp_path: Path) -> None:
    keyring = _Counting(Credentials("me", "hunter2"))
    with StaticIndex(private.directory) as public:
        public.script("/simple/thing1/", Reply(302, headers={"Location": f"{private.url}thing1/"}))
        client = _client(tmp_path, public.url, keyring)
        with pytest.raises(IndexDenied):
            client.page("thing1")
        client.close()
    assert keyring.asked == []


def test_scheme_that_is_not_basic_is_not_answered(private: StaticIndex, tmp_path: Path) -> None:
    keyring = _Counting(Credentials("me", "hunter2"))
    private.script("/simple/thing1/", Reply(401, headers={"WWW-Authenticate": "Negotiate"}))
    client = _client(tmp_path, private.url, keyring)
    with pytest.raises(IndexDenied):
        client.page("thing1")
    assert keyring.asked == []
    client.close()


def test_two_indexes_on_one_server_keep_their_own_users() -> None:
    one = make_location("one", "https://a:1@index.invalid/one/simple/")
    two = make_location("two", "https://b:2@index.invalid/two/simple/")
    store = CredentialStore([one, two])
    assert store.header_for("https://index.invalid/one/simple/x/") == Credentials("a", "1").header()
    assert store.header_for("https://index.invalid/two/simple/x/") == Credentials("b", "2").header()
    assert store.header_for("https://index.invalid/files/x") is not None
    assert store.header_for("https://other.invalid/two/simple/x/") is None


def test_names_of_another_tool_count_after_our_own() -> None:
    location = make_location("my-index", "https://index.invalid/simple/")
    environ = {"UV_INDEX_MY_INDEX_USERNAME": "a", "UV_INDEX_MY_INDEX_PASSWORD": "1"}
    header = CredentialStore([location], environ).header_for(location.url)
    assert header == Credentials("a", "1").header()
    environ["BLAST_INDEX_MY_INDEX_USERNAME"] = "b"
    header = CredentialStore([location], environ).header_for(location.url)
    assert header == Credentials("b", "").header()
