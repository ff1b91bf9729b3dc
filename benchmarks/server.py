"""The index that both tools use: a process of its own on loopback."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.index import Index

__all__ = ["serve_index"]

_JSON = "application/vnd.pypi.simple.v1+json"


@contextmanager
def serve_index(corpus: Path) -> Iterator[str]:
    """Serve the index over ``corpus`` while the block runs; yields its address."""
    command = [sys.executable, "-m", "benchmarks.server", str(corpus)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            if not address:
                message = "benchmarks: the index server did not start; its own words are above"
                raise SystemExit(message)
            yield address
        finally:
            process.stdin.close()  # the server ends when its standard input does, however this process ends
            process.wait(timeout=30)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    index: Index


class _Handler(BaseHTTPRequestHandler):
    """Pages as JSON, metadata files, and files with ranges; connections are kept."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: both tools ask some hundred times."""

    def _answer(self, *, with_body: bool) -> None:
        kind, _, name = unquote(self.path).strip("/").partition("/")
        index = self.server.index
        if kind == "simple" and name in index.pages:
            self._send(index.pages[name], _JSON, with_body=with_body)
        elif kind == "files" and name.endswith(".metadata") and name.removesuffix(".metadata") in index.metadata:
            self._send(index.metadata[name.removesuffix(".metadata")], "text/plain", with_body=with_body)
        elif kind == "files" and (index.wheels / Path(name).name).is_file():
            self._send_file(index.wheels / Path(name).name, with_body=with_body)
        else:
            self.send_error(404)

    def _send(self, body: bytes, content_type: str, *, with_body: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=600, public")
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def _send_file(self, path: Path, *, with_body: bool) -> None:
        size = path.stat().st_size
        start, stop = self._find_range(size)
        self.send_response(200 if (start, stop) == (0, size) else 206)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(stop - start))
        if (start, stop) != (0, size):
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.end_headers()
        if with_body:
            with path.open("rb") as stream:
                stream.seek(start)
                if stop == size:
                    shutil.copyfileobj(stream, self.wfile, 1 << 18)
                else:
                    self.wfile.write(stream.read(stop - start))

    def _find_range(self, size: int) -> tuple[int, int]:
        first, _, last = self.headers.get("Range", "").removeprefix("bytes=").partition("-")
        if first:
            return min(int(first), size), min(int(last) + 1 if last else size, size)
        return (max(size - int(last), 0), size) if last else (0, size)


def main() -> None:
    """Serve the corpus given as argument until standard input ends; the first line printed is the address."""
    import threading

    from benchmarks.index import read_index

    server = _Server(("127.0.0.1", 0), _Handler)
    server.index = read_index(Path(sys.argv[1]))
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}/simple/", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
