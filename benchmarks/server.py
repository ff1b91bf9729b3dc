"""The index that both tools use: a process of its own on loopback, quick enough not to be what is measured."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.index import Index

__all__ = ["serve_index"]

_JSON = "application/vnd.pypi.simple.v1+json"
_REASONS = {200: "OK", 206: "Partial Content", 304: "Not Modified", 404: "Not Found", 502: "Bad Gateway"}
_CACHEABLE = "Cache-Control: max-age=600, public\r\n"


@contextmanager
def serve_index(corpus: Path) -> Iterator[str]:
    """Serve the index over ``corpus`` while the block runs; yields the address of the whole view.

    The lean view lies beside it, at ``../lean/``.
    """
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


class _Connection(asyncio.Protocol):
    """One connection: pages as JSON, metadata files, and files with ranges; requests come one after another.

    The standard library's ``http.server`` takes about a millisecond for a request, which would hide what is measured.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self._busy: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received and self._busy is None:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            self._answer(head.decode("latin-1"))

    def _answer(self, head: str) -> None:
        line, *rest = head.split("\r\n")
        method, target, _ = line.split(" ", 2)
        headers = {key.lower(): value.strip() for key, _, value in (each.partition(":") for each in rest)}
        path = unquote(target.partition("?")[0])
        known = self._find_at_once(path)
        if known is not None:
            self._send(known, path, headers, with_body=method != "HEAD")
        else:
            self._busy = asyncio.ensure_future(self._answer_slowly(path, headers, with_body=method != "HEAD"))

    def _find_at_once(self, path: str) -> bytes | None:
        return _MEMORY.get(path)

    async def _answer_slowly(self, path: str, headers: dict[str, str], *, with_body: bool) -> None:
        """Ask the recording, in a thread because it may have to ask the real index."""
        assert self._transport is not None
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(None, _find, self._index, path)
        except OSError as error:
            print(f"benchmarks: {path}: {error}", file=sys.stderr, flush=True)
            self._head(502, 0)
            found = None
        else:
            if found is None:
                self._head(404, 0)
            elif isinstance(found, bytes):
                _MEMORY[path] = found
                self._send(found, path, headers, with_body=with_body)
        if isinstance(found, Path):
            await self._send_file(found, headers, with_body=with_body)
        self._busy = None
        self.data_received(b"")

    def _send(self, body: bytes, path: str, headers: dict[str, str], *, with_body: bool) -> None:
        assert self._transport is not None
        tag = _TAGS.get(path) or _TAGS.setdefault(path, f'"{hashlib.sha256(body).hexdigest()[:20]}"')
        kind = "text/plain" if path.endswith(".metadata") else _JSON
        more = f"ETag: {tag}\r\n{_CACHEABLE}"
        if headers.get("if-none-match") == tag:
            self._head(304, 0, more)
            return
        self._head(200, len(body), f"Content-Type: {kind}\r\n{more}", body if with_body else b"")

    async def _send_file(self, path: Path, headers: dict[str, str], *, with_body: bool) -> None:
        assert self._transport is not None
        size = path.stat().st_size  # noqa: ASYNC240 - a local disk's
        start, stop = _find_range(headers.get("range", ""), size)
        more = "Content-Type: application/octet-stream\r\nAccept-Ranges: bytes\r\n"
        if (start, stop) != (0, size):
            more += f"Content-Range: bytes {start}-{stop - 1}/{size}\r\n"
        self._head(200 if (start, stop) == (0, size) else 206, stop - start, more + _CACHEABLE)
        if with_body:
            with path.open("rb") as stream:
                try:
                    await asyncio.get_running_loop().sendfile(self._transport, stream, start, stop - start)
                except ConnectionError:
                    pass  # the tool has seen enough

    def _head(self, status: int, length: int, more: str = "", body: bytes = b"") -> None:
        assert self._transport is not None
        text = f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Length: {length}\r\n{more}\r\n"
        self._transport.write(text.encode("latin-1") + body)


_MEMORY: dict[str, bytes] = {}
_TAGS: dict[str, str] = {}


def _find(index: Index, path: str) -> bytes | Path | None:
    """Return a page or metadata as bytes, a file as its path, None for what there is not."""
    kind, _, name = path.strip("/").partition("/")
    if kind in {"simple", "lean"}:
        return index.page(kind, name)
    if kind != "files" or "/" in name or name.startswith("."):
        return None
    if name.endswith(".metadata"):
        return index.recording.metadata(name.removesuffix(".metadata"))
    return index.recording.file(name)


def _find_range(asked: str, size: int) -> tuple[int, int]:
    first, _, last = asked.removeprefix("bytes=").partition("-")
    if first:
        return min(int(first), size), min(int(last) + 1 if last else size, size)
    return (max(size - int(last), 0), size) if last else (0, size)


async def _serve(index: Index) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(index), "127.0.0.1", 0, backlog=128)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/simple/", flush=True)
    ended = asyncio.Event()

    def wait() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=wait, daemon=True).start()
    await ended.wait()


def main() -> None:
    """Serve the corpus given as argument until standard input ends; the first line printed is the address."""
    from benchmarks.index import Index, read_locked_releases
    from benchmarks.recording import Recording

    corpus = Path(sys.argv[1])
    upstream = corpus / "upstream"
    lock = corpus / "lock" / "uv.lock"
    index = Index(
        Recording(corpus, upstream.read_text(encoding="utf-8") if upstream.is_file() else ""),
        read_locked_releases(lock) if lock.is_file() else frozenset(),
    )
    index.preload()
    asyncio.run(_serve(index))


if __name__ == "__main__":
    main()
