"""Helpers for tests: distributions made from nothing, and a real index server on loopback.

    with StaticIndex(directory) as index:        # a directory of wheels and sdists
        client = PyPiClient((IndexLocation("test", index.url),), database=database)

The server answers as told: HTML or JSON, with or without ``.metadata`` files, ranges, ETags; and for any path a list of
`Reply` values makes it fail in the ways that real servers and networks do.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import os
import tarfile
import threading
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from blast_core.names import normalize_name
from blast_pm.testing_server import LoopbackServer, Reply, Request

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

__all__ = ["Reply", "Request", "StaticIndex", "make_metadata", "make_sdist", "make_wheel"]

_JSON = "application/vnd.pypi.simple.v1+json"
_SDIST_ENDINGS = (".tar.gz", ".zip")


def make_metadata(
    name: str,
    version: str,
    requires: Iterable[str] = (),
    *,
    requires_python: str = "",
    extras: Iterable[str] = (),
    dynamic: Iterable[str] = (),
) -> bytes:
    """Return core metadata 2.2 as a file's bytes."""
    lines = ["Metadata-Version: 2.2", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Python: {requires_python}"] if requires_python else []
    lines += [f"Dynamic: {value}" for value in dynamic]
    lines += [f"Requires-Dist: {value}" for value in requires]
    lines += [f"Provides-Extra: {value}" for value in extras]
    return ("\n".join(lines) + "\n\nA description.\n").encode()


def make_wheel(  # noqa: PLR0913 - every argument is one fact of a wheel
    directory: str | os.PathLike[str],
    name: str,
    version: str,
    requires: Iterable[str] = (),
    *,
    tag: str = "py3-none-any",
    build: str = "",
    requires_python: str = "",
    extras: Iterable[str] = (),
    files: Mapping[str, bytes] | None = None,
    entry_points: str = "",
    metadata: bytes | None = None,
) -> str:
    """Write a valid wheel and return its path.

    Args:
        directory: where to put it; must exist.
        name: the project, as it stands in the metadata.
        version: the release.
        requires: requirement lines.
        tag: ``python-abi-platform``, each may be compressed.
        build: the build tag, such as ``1`` or ``2b``.
        requires_python: specifier, "" for none.
        extras: names for ``Provides-Extra``.
        files: content by path inside; a module with a ``VERSION`` if None.
        entry_points: text of ``entry_points.txt``, "" for none.
        metadata: METADATA, if another than the other arguments lead to is wanted.
    """
    stem = f"{name.replace('-', '_').replace('.', '_').lower()}-{version}"
    module = name.replace("-", "_").replace(".", "_").lower()
    content = dict(files) if files is not None else {f"{module}/__init__.py": f"VERSION = {version!r}\n".encode()}
    info = f"{stem}.dist-info"
    content[f"{info}/METADATA"] = metadata or make_metadata(
        name, version, requires, requires_python=requires_python, extras=extras
    )
    tags = "".join(f"Tag: {single}\n" for single in _expand(tag))
    pure = "true" if tag.endswith("-none-any") else "false"
    content[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: blast\nRoot-Is-Purelib: {pure}\n{tags}".encode()
    if entry_points:
        content[f"{info}/entry_points.txt"] = entry_points.encode()
    rows = [f"{path},sha256={_digest(body)},{len(body)}" for path, body in content.items()]
    content[f"{info}/RECORD"] = ("\n".join([*rows, f"{info}/RECORD,,"]) + "\n").encode()
    filename = f"{stem}{'-' + build if build else ''}-{tag}.whl"
    path = os.path.join(directory, filename)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, body in content.items():
            archive.writestr(zipfile.ZipInfo(member, (2020, 1, 1, 0, 0, 0)), body, zipfile.ZIP_DEFLATED)
    return path


def make_sdist(
    directory: str | os.PathLike[str],
    name: str,
    version: str,
    *,
    metadata: bytes | None = None,
    files: Mapping[str, bytes] | None = None,
) -> str:
    """Write a source distribution (``.tar.gz``) with PKG-INFO and return its path."""
    stem = f"{name.replace('-', '_').replace('.', '_').lower()}-{version}"
    content = {"PKG-INFO": metadata or make_metadata(name, version), **(files or {"setup.py": b"raise SystemExit\n"})}
    path = os.path.join(directory, f"{stem}.tar.gz")
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for member, body in content.items():
            info = tarfile.TarInfo(f"{stem}/{member}")
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return path


def _digest(body: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()


def _expand(tag: str) -> list[str]:
    python, abi, platform = tag.split("-")
    return [f"{a}-{b}-{c}" for a in python.split(".") for b in abi.split(".") for c in platform.split(".")]


@dataclass(frozen=True, slots=True)
class _Offered:
    filename: str
    path: str
    sha256: str
    size: int
    metadata: bytes
    requires_python: str


class StaticIndex:
    """An index over a directory of wheels and sdists, on 127.0.0.1; a context manager.

    Args:
        directory: read when the server starts, and again by `reload`.
        json: answer PEP 691 JSON to whom accepts it.
        sidecars: serve ``<file>.metadata``.
        announce: say so on the pages (PEP 658/714).
        ranges: answer range requests with 206.
        etags: send ETag, and 304 to a matching If-None-Match.
        max_age_s: send Cache-Control with it, if not None.
        upload_times: ISO times by file name (JSON only).
        yanked: reasons by file name.
        username: ask for basic authentication; "" for none.
        password: goes with ``username``.
        absolute: write absolute addresses of files, rather than relative ones.
        context: serve https with it.
        latency_s: wait so long before each answer that no script says otherwise of.
    """

    def __init__(  # noqa: PLR0913 - each is one ability that indexes have or lack
        self,
        directory: str | os.PathLike[str],
        *,
        json: bool = True,
        sidecars: bool = True,
        announce: bool = True,
        ranges: bool = True,
        etags: bool = True,
        max_age_s: int | None = None,
        upload_times: Mapping[str, str] | None = None,
        yanked: Mapping[str, str] | None = None,
        username: str = "",
        password: str = "",
        absolute: bool = False,
        context: ssl.SSLContext | None = None,
        latency_s: float = 0.0,
    ) -> None:
        self.directory = os.fspath(directory)
        self.json = json
        self.sidecars = sidecars
        self.announce = announce
        self.ranges = ranges
        self.etags = etags
        self.max_age_s = max_age_s
        self.upload_times = dict(upload_times or {})
        self.yanked = dict(yanked or {})
        self.credentials = f"{username}:{password}" if username else ""
        self.absolute = absolute
        self.latency_s = latency_s
        self.requests: list[Request] = []
        self.connections = 0
        self._scripts: dict[str, list[Reply]] = {}
        self._lock = threading.Lock()
        self._files: dict[str, list[_Offered]] = {}
        self._by_filename: dict[str, _Offered] = {}
        self.stopped = threading.Event()
        self.reload()
        self._server = LoopbackServer()
        self._server.index = self
        self.context = context
        if context is not None:
            # The handshake is made by the connection's own thread, when it first reads.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def origin(self) -> str:
        """``http://127.0.0.1:PORT``, or ``https://localhost:PORT``, without a closing slash."""
        return f"{'https://localhost' if self.context else 'http://127.0.0.1'}:{self.port}"

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The address of the simple repository, with a closing slash."""
        return f"{self.origin}/simple/"

    def reload(self) -> None:
        """Read the directory again."""
        files: dict[str, list[_Offered]] = {}
        for filename in sorted(os.listdir(self.directory)):
            offered = _read_offered(os.path.join(self.directory, filename), filename)
            if offered is not None:
                files.setdefault(normalize_name(_project_of(filename)), []).append(offered)
        self._files = files
        self._by_filename = {offered.filename: offered for group in files.values() for offered in group}

    def script(self, path: str, *replies: Reply) -> None:
        """Answer the next requests for ``path`` with ``replies`` in turn, the last one for ever after.

        End with ``Reply(passes=True)`` to return to the truth.
        """
        with self._lock:
            self._scripts[path] = list(replies)

    def paths(self) -> list[str]:
        """Return the paths of the requests so far, in order."""
        with self._lock:
            return [request.path for request in self.requests]

    def forget_requests(self) -> None:
        """Empty the list of requests."""
        with self._lock:
            self.requests.clear()

    def file_path(self, filename: str) -> str:
        """Return the path, on this server, that ``filename`` is served under."""
        return f"/files/{quote(filename)}"

    def file_url(self, filename: str) -> str:
        """Return the address that ``filename`` is served under."""
        return self.origin + self.file_path(filename)

    def answer(self, request: Request) -> Reply:
        """Return what to send: the next scripted reply, or the truth."""
        with self._lock:
            self.requests.append(request)
            script = self._scripts.get(request.path)
            scripted = (script.pop(0) if len(script) > 1 else script[0]) if script else None
        if scripted is not None and not scripted.passes:
            return scripted
        if self.latency_s:
            self.stopped.wait(self.latency_s)
        if self.credentials:
            wanted = "Basic " + base64.b64encode(self.credentials.encode()).decode()
            if request.headers.get("authorization") != wanted:
                return Reply(401, b"who are you?", {"WWW-Authenticate": 'Basic realm="test"'})
        return self._truth(request)

    def _truth(self, request: Request) -> Reply:
        path = unquote(request.path)
        if path.startswith("/simple/") and path.endswith("/"):
            return self._page(path[len("/simple/") : -1], request)
        if path.startswith("/files/"):
            return self._file(path[len("/files/") :], request)
        return Reply(404, b"nothing here")

    def _page(self, name: str, request: Request) -> Reply:
        files = self._files.get(name)
        if files is None:
            return Reply(404, b"no such project")
        if self.json and _JSON in request.headers.get("accept", ""):
            body, kind = json.dumps(self._json_page(name, files)).encode(), _JSON
        else:
            body, kind = self._html_page(name, files).encode(), "text/html; charset=utf-8"
        headers: dict[str, str | None] = {"Content-Type": kind}
        if self.max_age_s is not None:
            headers["Cache-Control"] = f"max-age={self.max_age_s}, public"
        if self.etags:
            etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            headers["ETag"] = etag
            if request.headers.get("if-none-match") == etag:
                return Reply(304, b"", headers)
        return Reply(200, body, headers)

    def _address(self, filename: str) -> str:
        return self.file_url(filename) if self.absolute else f"../../files/{quote(filename)}"

    def _html_page(self, name: str, files: Sequence[_Offered]) -> str:
        lines = [f"<!DOCTYPE html>\n<html>\n<head><title>Links for {name}</title></head>\n<body>\n"]
        for file in files:
            attributes = [f'href="{self._address(file.filename)}#sha256={file.sha256}"']
            if file.requires_python:
                attributes.append(f'data-requires-python="{html.escape(file.requires_python)}"')
            if file.filename in self.yanked:
                attributes.append(f'data-yanked="{html.escape(self.yanked[file.filename])}"')
            if self.announce and self.sidecars and file.metadata:
                digest = hashlib.sha256(file.metadata).hexdigest()
                attributes.append(f'data-dist-info-metadata="sha256={digest}" data-core-metadata="sha256={digest}"')
            lines.append(f"<a {' '.join(attributes)}>{file.filename}</a><br/>\n")
        return "".join([*lines, "</body>\n</html>\n"])

    def _json_page(self, name: str, files: Sequence[_Offered]) -> dict[str, object]:
        entries: list[dict[str, object]] = []
        for file in files:
            entry: dict[str, object] = {
                "filename": file.filename,
                "url": self._address(file.filename),
                "hashes": {"sha256": file.sha256},
                "size": file.size,
                "yanked": file.filename in self.yanked and (self.yanked[file.filename] or True),
            }
            if file.requires_python:
                entry["requires-python"] = file.requires_python
            if file.filename in self.upload_times:
                entry["upload-time"] = self.upload_times[file.filename]
            if self.announce:
                digest = hashlib.sha256(file.metadata).hexdigest()
                entry["core-metadata"] = {"sha256": digest} if self.sidecars and file.metadata else False
            entries.append(entry)
        return {"meta": {"api-version": "1.1"}, "name": name, "files": entries}

    def _file(self, filename: str, request: Request) -> Reply:
        if filename.endswith(".metadata") and self.sidecars:
            owner = self._by_filename.get(filename[: -len(".metadata")])
            return Reply(200, owner.metadata) if owner is not None and owner.metadata else Reply(404, b"none")
        offered = self._by_filename.get(filename)
        if offered is None:
            return Reply(404, b"no such file")
        with open(offered.path, "rb") as stream:
            body = stream.read()
        wanted = request.headers.get("range", "")
        if self.ranges and wanted.startswith("bytes="):
            return _ranged(body, wanted[len("bytes=") :])
        return Reply(200, body, {"Accept-Ranges": "bytes" if self.ranges else "none"})


def _ranged(body: bytes, wanted: str) -> Reply:
    first, _, last = wanted.partition("-")
    start = int(first) if first else max(len(body) - int(last), 0)
    stop = min(int(last) + 1, len(body)) if first and last else len(body)
    if start >= stop:
        return Reply(416, b"", {"Content-Range": f"bytes */{len(body)}"})
    return Reply(206, body[start:stop], {"Content-Range": f"bytes {start}-{stop - 1}/{len(body)}"})


def _project_of(filename: str) -> str:
    if filename.endswith(".whl"):
        return filename.partition("-")[0]
    stem = next(filename[: -len(ending)] for ending in _SDIST_ENDINGS if filename.endswith(ending))
    return stem.rpartition("-")[0]


def _read_offered(path: str, filename: str) -> _Offered | None:
    if not filename.endswith((".whl", *_SDIST_ENDINGS)):
        return None
    with open(path, "rb") as stream:
        body = stream.read()
    metadata = _wheel_metadata(body) if filename.endswith(".whl") else b""
    lines = metadata.partition(b"\n\n")[0].decode("utf-8", "replace").splitlines()
    requires = next((line.partition(":")[2].strip() for line in lines if line.startswith("Requires-Python:")), "")
    return _Offered(filename, path, hashlib.sha256(body).hexdigest(), len(body), metadata, requires)


def _wheel_metadata(body: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            member = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            return archive.read(member)
    except (zipfile.BadZipFile, StopIteration, KeyError, ValueError, RuntimeError, zlib.error):
        # What is no wheel is served all the same: tests of hostile files need that.
        return b""
