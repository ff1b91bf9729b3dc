"""Helpers for tests: real repositories, and a server for them on loopback that can ask for a password.

repository = Repository.make(tmp_path / "library", {"pyproject.toml": "…"})
with GitServer(tmp_path) as server:
    address = f"git+{server.url}/library"
"""

from __future__ import annotations

import base64
import os
import subprocess
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

__all__ = ["GitServer", "Repository"]

_WHO = {"NAME": "Test", "EMAIL": "test@index.invalid", "DATE": "2024-01-01T00:00:00Z"}


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository with a working tree on the branch ``main``.

    Attributes:
        path: of the working tree.
    """

    path: str

    @classmethod
    def make(cls, path: str | os.PathLike[str], files: Mapping[str, str | bytes]) -> Repository:
        """Return a new one that holds ``files`` in one commit."""
        os.makedirs(path)
        made = cls(os.fspath(path))
        made.git("init", "--quiet", "--initial-branch=main", "--template=")
        made.git("config", "http.receivepack", "false")
        made.commit(files)
        return made

    @property
    def url(self) -> str:
        """Its ``file:`` address."""
        return f"file://{self.path}"

    def git(self, *arguments: str) -> str:
        """Run git in it and return what it printed."""
        variables = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _WHO.items()}
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        done = subprocess.run(
            ["git", "-c", "protocol.file.allow=always", *arguments],
            cwd=self.path,
            env={**inherited, **variables, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def commit(self, files: Mapping[str, str | bytes], *, branch: str = "main") -> str:
        """Write files, commit all that changed, and return the commit; ``main`` is checked out again."""
        if branch != "main":
            self.git("checkout", "--quiet", branch)
        for name, content in files.items():
            path = os.path.join(self.path, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "change")
        head = self.head()
        if branch != "main":
            self.git("checkout", "--quiet", "main")
        return head

    def head(self) -> str:
        """Return the commit that is checked out."""
        return self.git("rev-parse", "HEAD")

    def tag(self, name: str) -> None:
        """Tag the commit that is checked out."""
        self.git("tag", name)

    def annotated_tag(self, name: str) -> None:
        """Tag it by an object of its own."""
        self.git("tag", "--annotate", "--message", name, name)

    def branch(self, name: str, commit: str) -> None:
        """Make a branch."""
        self.git("branch", name, commit)

    def add_submodule(self, inner: Repository, path: str, url: str) -> None:
        """Commit a submodule at ``path`` whose address is written as ``url``, whatever that is."""
        with open(os.path.join(self.path, ".gitmodules"), "a", encoding="utf-8") as file:
            file.write(f'[submodule "{path}"]\n\tpath = {path}\n\turl = "{url}"\n')
        self.git("add", ".gitmodules")
        self.git("update-index", "--add", "--cacheinfo", f"160000,{inner.head()},{path}")
        self.git("commit", "--quiet", "--message", "submodule")


class GitServer:
    """Serves the repositories below a directory over http on 127.0.0.1, by ``git http-backend``; a context manager.

    Args:
        directory: whose repositories are served.
        username: ask for basic authentication; "" for none.
        password: the one that is right.
        redirect_to: send everybody to this address instead.
        stalls: take requests and never answer.

    Attributes:
        requests: path and headers (names in lower case) of each request.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        username: str = "",
        password: str = "",
        redirect_to: str = "",
        stalls: bool = False,
    ) -> None:
        self.directory = os.fspath(directory)
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.authorization = ""
        if username:
            self.authorization = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
        self.redirect_to = redirect_to
        self.stalls = stalls
        self.stopping = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.git = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """Address of the directory."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    git: GitServer


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("content-length", "0"))))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""

    def _answer(self, body: bytes) -> None:
        git = cast("_Server", self.server).git
        git.requests.append((self.path, {key.lower(): value for key, value in self.headers.items()}))
        if git.stalls:
            while not git.stopping.is_set():
                time.sleep(0.05)
            return
        if git.redirect_to:
            self.send_response(302)
            self.send_header("Location", git.redirect_to + self.path)
            self.end_headers()
            return
        if git.authorization and self.headers.get("authorization") != git.authorization:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self._run(git.directory, body)

    def _run(self, directory: str, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            capture_output=True,
            check=False,
            env={
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": directory,
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path if path.count("/.git/") else _inside(directory, path),
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("content-type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""),
                "GIT_PROTOCOL": self.headers.get("git-protocol", ""),
            },
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = [line.partition(b": ") for line in head.split(b"\r\n") if line]
        status = next((value.split()[0] for key, _, value in fields if key == b"Status"), b"200")
        self.send_response(int(status))
        for key, _, value in fields:
            if key != b"Status":
                self.send_header(key.decode(), value.decode())
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _inside(directory: str, path: str) -> str:
    """Return the path of a request with the ``.git`` of a working tree put in, where it is one."""
    parts = path.strip("/").split("/")
    for end in range(1, len(parts) + 1):
        if os.path.isdir(os.path.join(directory, *parts[:end], ".git")):
            return "/" + "/".join([*parts[:end], ".git", *parts[end:]])
    return path
