"""Whatever an index does (SECURITY.md, N1 to N14): one clear error in bounded time, the old lock and nothing half-made.

The faults one by one are tried in blast-pm; here a whole ``lock`` and ``sync`` meet them.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import time
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import BlastError, DigestMismatch, OfflineError
from blast_pm.testing import Reply, StaticIndex, make_metadata, make_wheel
from blast_project.operations import SyncOptions, lock_here, sync_here
from blast_project.testing import Workbench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PAGE = "/simple/beta/"
_FILE = "/files/beta-1.0-py3-none-any.whl"
_SIDECAR = f"{_FILE}.metadata"
_SECRET = "hunter2"
_HTML = {"Content-Type": "text/html"}
_JSON = {"Content-Type": "application/vnd.pypi.simple.v1+json"}


@pytest.fixture
def index(tmp_path: Path) -> Iterator[StaticIndex]:
    directory = tmp_path / "wheels"
    directory.mkdir()
    make_wheel(directory, "alpha", "1.0", ["beta"])
    make_wheel(directory, "beta", "1.0")
    make_wheel(directory, "gamma", "1.0")
    with StaticIndex(directory, username="me", password=_SECRET) as served:
        yield served


@pytest.fixture(params=["pyreqwest", "httpx"])
def bench(request: pytest.FixtureRequest, tmp_path: Path, index: StaticIndex) -> Workbench:
    """A project that is locked and synced, and whose manifest now asks for one more package."""
    environ = {
        "BLAST_TRANSPORT": request.param,
        "BLAST_HTTP_TIMEOUT": "0.5",
        "BLAST_KEYRING_PROVIDER": "disabled",
        "PIP_CONFIG_FILE": os.devnull,
    }
    made = Workbench.make(tmp_path, index.url.replace("://", f"://me:{_SECRET}@"))
    made = Workbench(made.root, made.home, made.index_url, environ, made.words)
    made.write_manifest("dependencies = ['gamma']")
    with made.session() as session:
        sync_here(session, SyncOptions())
    made.write_manifest("dependencies = ['gamma', 'alpha']")
    return made


def _locks(bench: Workbench) -> dict[str, bytes]:
    return {name: (bench.root / name).read_bytes() for name in ("blast.lock", "pylock.toml")}


def _debris(bench: Workbench) -> list[str]:
    """Return what stands in the places where work is staged."""
    found: list[str] = []
    for place in (bench.home / "tmp", bench.home / "store" / "tmp", bench.home / "store" / "staging"):
        found += [entry.name for entry in place.iterdir() if not entry.name.endswith(".lock")] if place.is_dir() else []
    return found


def _fails(bench: Workbench, within_s: float = 20.0) -> BlastError:
    """Sync, expect an error that names no secret, and that nothing changed."""
    before, sites = _locks(bench), sorted((bench.root / ".venv").rglob("*"))
    began = time.monotonic()
    with pytest.raises(BlastError) as caught, bench.session() as session:
        sync_here(session, SyncOptions())
    assert time.monotonic() - began < within_s
    assert _locks(bench) == before
    assert sorted((bench.root / ".venv").rglob("*")) == sites
    assert _debris(bench) == []
    chain: BaseException | None = caught.value
    while chain is not None:
        told = str(chain) + repr(getattr(chain, "__dict__", ""))
        assert _SECRET not in told
        chain = chain.__cause__ or chain.__context__
    assert "beta" in caught.value.message + caught.value.reason
    return caught.value


_HUGE = b" " * (49 << 20)

_FAULTS = [
    pytest.param(_PAGE, Reply(body=b"x" * 900, cut_at=10, headers=_HTML), id="N1-cut-page"),
    pytest.param(_PAGE, Reply(body=b"x" * 90_000, cut_at=50_000, reset=True, headers=_HTML), id="N1-reset"),
    pytest.param(_FILE, Reply(body=b"x" * 900, cut_at=10), id="N1-cut-file"),
    pytest.param(_FILE, Reply(body=b"not what was promised"), id="N2-other-content"),
    pytest.param(_SIDECAR, Reply(body=make_metadata("beta", "1.0", ["evil"])), id="N2-other-sidecar"),
    pytest.param(_PAGE, Reply(429), id="N3-429"),
    pytest.param(_PAGE, Reply(503, headers={"Retry-After": "0"}), id="N3-503"),
    pytest.param(_PAGE, Reply(500), id="N3-500"),
    pytest.param(_PAGE, Reply(before_s=30), id="N4-silence"),
    pytest.param(_PAGE, Reply(body=b"x" * 4000, chunk=1, pause_s=0.05, headers=_HTML), id="N4-slow-loris"),
    pytest.param(_PAGE, Reply(raw=b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500_000), id="N4-endless-headers"),
    pytest.param(_PAGE, Reply(body=_HUGE, headers=_HTML), id="N4-huge-page"),
    pytest.param(
        _PAGE,
        Reply(body=gzip.compress(bytes(100 << 20)), headers={**_HTML, "Content-Encoding": "gzip"}),
        id="N4-gzip-bomb",
    ),
    pytest.param(_PAGE, Reply(body=b"x", headers={**_HTML, "Content-Encoding": "br"}), id="N4-unasked-encoding"),
    pytest.param(_PAGE, Reply(302, headers={"Location": _PAGE}), id="N5-loop"),
    pytest.param(_PAGE, Reply(302, headers={"Location": "file:///etc/passwd"}), id="N5-file"),
    pytest.param(_PAGE, Reply(302, headers={"Location": "unix:///run/docker.sock"}), id="N5-unix"),
    pytest.param(_PAGE, Reply(200, b"{", _JSON), id="N6-bad-json"),
    pytest.param(_PAGE, Reply(200, b"[" * 200_000, _JSON), id="N6-deep-json"),
    pytest.param(_PAGE, Reply(200, b'{"meta": {"api-version": "2.0"}, "files": []}', _JSON), id="N6-version-2"),
    pytest.param(
        _PAGE, Reply(200, b'<meta name="pypi:repository-version" content="2.0">', _HTML), id="N6-html-version-2"
    ),
    pytest.param(_PAGE, Reply(200, b"%PDF", {"Content-Type": "application/pdf"}), id="N6-content-type"),
    pytest.param(_PAGE, Reply(200, b"<form>Please log in</form>", _HTML), id="N14-captive-portal"),
    pytest.param(_FILE, Reply(200, b"<form>Please log in</form>", _HTML), id="N14-portal-instead-of-a-file"),
    pytest.param(_PAGE, Reply(407), id="N14-proxy"),
    pytest.param(_PAGE, Reply(401), id="N12-refused"),
    pytest.param(_PAGE, Reply(403), id="N12-forbidden"),
    pytest.param(_FILE, Reply(404), id="N10-vanished-file"),
]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries wait, and tests don't."""
    monkeypatch.setattr("blast_pm.index.fetch._FIRST_DELAY_S", 0.001)


@pytest.mark.parametrize(("path", "reply"), _FAULTS)
def test_fault_is_told_and_changes_nothing(bench: Workbench, index: StaticIndex, path: str, reply: Reply) -> None:
    index.script(path, reply)
    _fails(bench)
    index.script(path, Reply(passes=True))
    with bench.session() as session:
        sync_here(session, SyncOptions())
    assert b"beta" in (bench.root / "pylock.toml").read_bytes(), "and all is well when the index is"


@pytest.mark.parametrize(
    "links",
    [
        b'<a href="javascript:alert(1)//beta-1.0-py3-none-any.whl">x</a>',
        b'<a href="data:text/plain,beta-1.0-py3-none-any.whl">x</a>',
        b'<a href="file:///etc/beta-1.0-py3-none-any.whl">x</a>',
        b'<a href="../../files/..%2fbeta-1.0-py3-none-any.whl">x</a>',
        b'<a href="../../files/alpha-1.0-py3-none-any.whl">x</a>',
    ],
    ids=["javascript", "data", "file", "slash", "foreign"],
)
def test_link_that_is_none_offers_nothing(bench: Workbench, index: StaticIndex, links: bytes) -> None:
    index.script(_PAGE, Reply(200, links, _HTML))
    _fails(bench)
    assert "/etc/passwd" not in "".join(index.paths())


def test_base_on_another_host_is_ignored(bench: Workbench, index: StaticIndex) -> None:
    page = b'<base href="http://evil.invalid/"><a href="/files/beta-1.0-py3-none-any.whl#sha256=%s">x</a>' % (b"a" * 64)
    index.script(_PAGE, Reply(200, page, _HTML))
    with bench.session() as session:
        lock_here(session, bench.project())
    assert b"evil.invalid" not in (bench.root / "pylock.toml").read_bytes()


def test_wheel_with_other_metadata_than_its_sidecar_is_refused(bench: Workbench, index: StaticIndex) -> None:
    """N11: the index lies in sidecar and announced digest alike; only the wheel itself tells."""
    lie = make_metadata("beta", "1.0", requires_python=">=3")
    digest = hashlib.sha256(lie).hexdigest()
    with open(os.path.join(index.directory, "beta-1.0-py3-none-any.whl"), "rb") as stream:
        wheel = hashlib.sha256(stream.read()).hexdigest()
    page = f'<a href="{_FILE}#sha256={wheel}" data-core-metadata="sha256={digest}">x</a>'
    index.script(_PAGE, Reply(200, page.encode(), _HTML))
    index.script(_SIDECAR, Reply(200, lie))
    with bench.session() as session:
        lock_here(session, bench.project())
    error = _fails(bench)
    assert isinstance(error, DigestMismatch)
    assert "other metadata" in error.message
    assert isinstance(_fails(bench), DigestMismatch), "the second time too"


def test_offline_says_what_is_missing(bench: Workbench, index: StaticIndex) -> None:
    index.forget_requests()
    with pytest.raises(OfflineError) as caught, bench.session(offline=True) as session:
        sync_here(session, SyncOptions())
    assert "simple/alpha/ is not in the store" in caught.value.message
    assert index.paths() == []
