"""``blast publish`` against a real pypiserver, and against servers that refuse, redirect, stumble, or trust a job."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import pytest

from blast_cli.testing import Blast
from blast_pm.testing import make_sdist, make_wheel
from blast_project.publish_address import goes_in_the_clear

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.acceptance

_SECRET = "pypi-0123456789-secret"


@pytest.fixture(scope="module")
def passwords(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("auth") / "htpasswd"
    rows = [("__token__", _SECRET), ("ann", "hunter2")]
    digests = [(name, base64.b64encode(hashlib.sha1(word.encode()).digest()).decode()) for name, word in rows]
    path.write_text("".join(f"{name}:{{SHA}}{digest}\n" for name, digest in digests))
    return path


@pytest.fixture
def server(tmp_path: Path, passwords: Path) -> Iterator[tuple[str, Path]]:
    """A pypiserver that wants a password for uploads: its address and its directory."""
    packages = tmp_path / "packages"
    packages.mkdir()
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "pypiserver",
        "run",
        "-i",
        "127.0.0.1",
        "-p",
        str(port),
        "-P",
        str(passwords),
        "--disable-fallback",
    ]
    with subprocess.Popen([*command, "-a", "update", str(packages)], stderr=subprocess.DEVNULL) as process:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}", packages
        process.terminate()


@pytest.fixture
def demo(tmp_path: Path) -> Blast:
    directory = tmp_path / "demo"
    (directory / "dist").mkdir(parents=True)
    (directory / "pyproject.toml").write_text('[project]\nname = "demo"\nversion = "1.0"\n')
    make_wheel(directory / "dist", "demo", "1.0")
    make_sdist(directory / "dist", "demo", "1.0")
    (directory / "dist" / ".gitignore").write_text("*")
    (directory / "dist" / "notes.txt").write_text("not to be uploaded")
    return Blast(directory, tmp_path / "home", {"HOME": str(tmp_path), "BLAST_KEYRING_PROVIDER": "disabled"})


def digests(directory: Path) -> dict[str, str]:
    files = (path for path in directory.iterdir() if path.name.startswith("demo"))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_uploads_what_can_be_installed_then(demo: Blast, server: tuple[str, Path], tmp_path: Path) -> None:
    url, packages = server
    done = demo("publish", "--publish-url", url, BLAST_PUBLISH_TOKEN=_SECRET)
    assert digests(packages) == digests(demo.directory / "dist")
    assert [line.split(" (")[0] for line in done.stderr.splitlines()] == [
        f"Publishing to {url}",
        "Uploaded dist/demo-1.0-py3-none-any.whl",
        "Uploaded dist/demo-1.0.tar.gz",
    ]
    other = tmp_path / "other"
    other.mkdir()
    user = Blast(other, demo.home, {"BLAST_INDEX_URL": f"{url}/simple/"})
    user("venv")
    user("pip", "install", "demo")
    assert user.python("import importlib.metadata as m; print(m.version('demo'))") == "1.0"


def test_attestations_can_be_left_out(demo: Blast, server: tuple[str, Path]) -> None:
    url, packages = server
    (demo.directory / "dist" / "demo-1.0.tar.gz.publish.attestation").write_text("nothing")
    words = ("publish", "--publish-url", url, "--token", _SECRET, "dist/demo-1.0.tar.gz")
    assert "is no attestation" in demo.run(*words).stderr
    assert not digests(packages)
    demo(*words, "--no-attestations")
    assert list(digests(packages)) == ["demo-1.0.tar.gz"]


def test_what_is_there_is_skipped_and_never_replaced(demo: Blast, server: tuple[str, Path]) -> None:
    url, packages = server
    words = ("publish", "--publish-url", url, "--token", _SECRET)
    demo(*words, "dist/demo-1.0.tar.gz")
    document = demo.json(*words, "--check-url", f"{url}/simple/")
    assert [row["outcome"] for row in document["files"]] == ["uploaded", "skipped"]
    again = demo.run(*words)
    assert again.returncode == 4
    assert "already" in again.stderr
    assert "--check-url" in again.stderr
    assert [row["outcome"] for row in demo.json(*words, "--skip-existing")["files"]] == ["skipped", "skipped"]
    before = digests(packages)
    make_wheel(demo.directory / "dist", "demo", "1.0", ["other"])
    changed = demo.run(*words, "--check-url", f"{url}/simple/")
    assert changed.returncode == 4
    assert "the index has another demo-1.0-py3-none-any.whl" in changed.stderr
    assert digests(packages) == before


def test_of_the_projects_own_index(demo: Blast, server: tuple[str, Path]) -> None:
    url, packages = server
    manifest = demo.directory / "pyproject.toml"
    table = f'[[tool.blast.index]]\nname = "ours"\nurl = "{url}/simple/"\npublish-url = "{url}/"\n'
    manifest.write_text(manifest.read_text() + table)
    (demo.directory.parent / ".pypirc").write_text(
        f"[distutils]\nindex-servers =\n  other\n[other]\nrepository = {url}/\nusername = ann\npassword = hunter2\n"
    )
    assert [row["outcome"] for row in demo.json("publish", "--dry-run")["files"]] == ["checked", "checked"]
    assert digests(packages) == {}
    demo("publish", "-u", "ann", BLAST_PUBLISH_PASSWORD="hunter2")
    assert len(digests(packages)) == 2
    assert [row["outcome"] for row in demo.json("publish", "--dry-run")["files"]] == ["skipped", "skipped"]
    document = demo.json("publish", "--index", "other", "--skip-existing")
    assert [row["outcome"] for row in document["files"]] == ["skipped", "skipped"]
    unknown = demo.run("publish", "--index", "nowhere")
    assert unknown.returncode == 2
    assert "other, ours" in unknown.stderr


def test_a_wrong_password_is_told_and_never_shown(demo: Blast, server: tuple[str, Path]) -> None:
    url, packages = server
    with_user = url.replace("://", "://ann:wrong-password@")
    for words in (["--publish-url", with_user], ["--publish-url", url, "--token", "wrong-password"]):
        done = demo.run("publish", "-vv", *words)
        assert done.returncode == 3
        assert "did not let demo-1.0-py3-none-any.whl in" in done.stderr
        assert "wrong-password" not in done.stdout + done.stderr
    assert digests(packages) == {}


def test_nothing_is_sent_when_one_file_is_unfit(demo: Blast, server: tuple[str, Path]) -> None:
    url, packages = server
    (demo.directory / "dist" / "demo-1.1.tar.gz").write_bytes(b"\x1f\x8b rubbish")
    done = demo.run("publish", "--publish-url", url, "--token", _SECRET)
    assert done.returncode == 4
    assert "demo-1.1.tar.gz" in done.stderr
    assert digests(packages) == {}


class Answers:
    """A server of its own words: it keeps what it was asked, and answers by ``reply``."""

    def __init__(self, reply: Any) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: object) -> None: ...

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                owner.asked.append((self.path, self.headers.get("authorization", ""), body))
                status, headers, text = reply(self.path, self.headers, len(owner.asked))
                self.send_response(status)
                for key, value in {**headers, "content-length": str(len(text))}.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST  # noqa: N815

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_tries_again_after_faults_that_pass(demo: Blast) -> None:
    def reply(*asked: Any) -> tuple[int, dict[str, str], bytes]:
        return (503, {"retry-after": "0"}, b"") if asked[2] == 1 else (200, {}, b"")

    with Answers(reply) as server:
        demo("publish", "dist/*.whl", "--publish-url", f"{server.url}/up/", "--token", _SECRET)
        assert [path for path, _, _ in server.asked] == ["/up/", "/up/"]
        one, other = (body for _, _, body in server.asked)
        assert len(one) == len(other)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_takes_no_password_elsewhere(demo: Blast, status: int) -> None:
    with Answers(lambda *_: (200, {}, b"")) as thief:
        with Answers(lambda *_: (status, {"location": f"{thief.url}/up"}, b"")) as server:
            done = demo.run("publish", "--publish-url", server.url, "--token", _SECRET)
        assert done.returncode == 2
        assert "sends uploads elsewhere" in done.stderr
        assert thief.asked == []


def test_says_what_the_index_says(demo: Blast) -> None:
    with Answers(
        lambda *_: (400, {"content-type": "text/plain"}, b"the name demo is too similar to another")
    ) as server:
        done = demo.run("publish", "--publish-url", server.url, "--token", _SECRET)
    assert done.returncode == 3
    assert "too similar" in done.stderr


def test_says_what_went_before_the_fault(demo: Blast) -> None:
    def reply(*asked: Any) -> tuple[int, dict[str, str], bytes]:
        return (200, {}, b"") if asked[2] == 1 else (403, {"content-type": "text/plain"}, b"the token is too old")

    with Answers(reply) as server:
        done = demo.run("publish", "--publish-url", server.url, "--token", _SECRET)
    assert done.returncode == 3
    assert "the token is too old; uploaded before: demo-1.0-py3-none-any.whl" in done.stderr


def test_says_when_a_password_leaves_the_machine_unencrypted() -> None:
    assert goes_in_the_clear("http://me:word@index.invalid/up/")
    assert goes_in_the_clear("http://10.0.0.1:8080/up/")
    assert not goes_in_the_clear("https://index.invalid/up/")
    assert not goes_in_the_clear("http://127.0.0.1:8080/up/")
    assert not goes_in_the_clear("http://localhost/up/")


def test_a_job_proves_who_it_is(demo: Blast) -> None:
    part = [base64.urlsafe_b64encode(json.dumps(row).encode()).rstrip(b"=").decode() for row in ({}, {"aud": "ours"})]
    proof = f"{part[0]}.{part[1]}.signature"

    def reply(path: str, headers: Any, _: int) -> tuple[int, dict[str, str], bytes]:
        if path.startswith("/identity"):
            known = headers.get("authorization") == "bearer request-token" and "audience=ours" in path
            return (200, {}, json.dumps({"value": proof}).encode()) if known else (403, {}, b"")
        if path == "/_/oidc/audience":
            return 200, {}, b'{"audience": "ours"}'
        if path == "/_/oidc/mint-token":
            return 200, {}, json.dumps({"token": _SECRET}).encode()
        return 200, {}, b""

    with Answers(reply) as server:
        job = {
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{server.url}/identity?v=1",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request-token",
        }
        done = demo("publish", "--publish-url", f"{server.url}/legacy/", **job)
        minted = next(body for path, _, body in server.asked if path == "/_/oidc/mint-token")
        assert json.loads(minted) == {"token": proof}
        expected = "Basic " + base64.b64encode(f"__token__:{_SECRET}".encode()).decode()
        uploads = [header for path, header, _ in server.asked if path == "/legacy/"]
        assert uploads == [expected, expected]
        assert _SECRET not in done.stderr + done.stdout


def test_a_job_that_is_not_trusted(demo: Blast) -> None:
    with Answers(lambda *_: (404, {}, b"")) as server:
        job = {"GITHUB_ACTIONS": "true", "ACTIONS_ID_TOKEN_REQUEST_URL": server.url, "CI": "1"}
        always = demo.run("publish", "--publish-url", server.url, "--trusted-publishing", "always", **job)
        assert always.returncode == 3
        assert "knows no trusted publishing" in always.stderr
    alone = demo.run("publish", "--publish-url", "https://index.invalid/legacy/", "--trusted-publishing", "never")
    assert alone.returncode == 2
    assert "nobody is known who may upload to index.invalid" in alone.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nothing.whl"], 2, "nothing.whl: there is no such file"),
        (["--token", "a", "-u", "b"], 2, "a token and a user name"),
        (["--index", "own"], 2, "both an upload address and the index own are given"),
        (["--offline"], 3, "needs the network"),
        (["dist/notes.txt"], 4, "neither a wheel nor a source distribution"),
    ],
)
def test_refuses(demo: Blast, words: list[str], code: int, said: str) -> None:
    done = demo.run("publish", "--publish-url", "https://index.invalid/legacy/", *words)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_to_upload(tmp_path: Path) -> None:
    blast = Blast(tmp_path, tmp_path / "home", {"HOME": str(tmp_path)})
    done = blast.run("publish", "--publish-url", "https://index.invalid/legacy/")
    assert done.returncode == 2
    assert "'blast build' builds it" in done.stderr
