"""A memory store as a process: in the foreground, or detached with nothing but its socket left to talk to."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from blast_core.errors import BlastError, DaemonError, error_from_dict
from blast_core.limits import GIB, MIB
from blast_core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["StoreOptions", "default_size", "serve", "start_detached"]

_READY_S = 20.0
_FEWEST_FILES = 256
_CONTAINER_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_MAIN = (
    "import json,sys;"
    "o=json.load(sys.stdin);"
    "sys.path[:]=o.pop('path');"
    "from blast_live.memstore.daemon import _main;"
    "_main(o)"
)


class StoreOptions(NamedTuple):
    """How a memory store is run.

    Attributes:
        socket: absolute path of its socket.
        max_size: bytes of all blobs together.
        patience_s: how long a transaction may be open.
        uids: of other users who may connect.
        token_file: file with the token that everybody has to show; "" for none.
        others_write: whether other users may put and evict.
        redis: address of a Redis that is read through; "" for none.
        redis_prefix: in front of every key there.
        redis_ttl_s: how long a record stays there after its last use; 0 for what the server decides.
        redis_timeout_s: how long it may take to answer.
        redis_writes: whether what is put here is put there, too.
    """

    socket: str
    max_size: int
    patience_s: float = 600.0
    uids: tuple[int, ...] = ()
    token_file: str = ""
    others_write: bool = False
    redis: str = ""
    redis_prefix: str = "blast:1"
    redis_ttl_s: int = 0
    redis_timeout_s: float = 2.0
    redis_writes: bool = True


def default_size() -> int:
    """Return how much a store may hold where nothing is said: a quarter of the memory, of the container's in one."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        memory = 4 * GIB
    for path in _CONTAINER_LIMITS:
        try:
            with open(path, encoding="ascii") as file:
                memory = min(memory, int(file.read()))
        except (OSError, ValueError):
            pass  # no such limit, or "max"
    return max(64 * MIB, memory // 4)


def serve(options: StoreOptions, ready: Callable[[], None]) -> None:
    """Run a memory store until a client or SIGTERM or SIGINT ends it; ``ready`` is called once it listens.

    Raises:
        StoreLocked: another one runs at this socket.
        BlastError: the options are wrong, or the place is not to be trusted.
    """
    import signal

    _check_system()
    from blast_live.memstore.access import Access, read_token
    from blast_live.memstore.place import Place
    from blast_live.memstore.requests import Desk
    from blast_live.memstore.server import Server
    from blast_live.memstore.workers import Workers

    token = read_token(options.token_file) if options.token_file else ""
    access = Access(options.uids, token, others_write=options.others_write)
    connections, blobs = _share_files()
    engine = _make_engine(options, blobs)
    workers = Workers()
    further = _make_further(options, engine, workers)
    before: dict[int, Any] = {}
    try:
        with Place(options.socket, shared=access.is_shared) as place:
            server = Server(place, Desk(engine, access, workers, further), access, connections)
            wake = signal.set_wakeup_fd(server.wake_fd(), warn_on_full_buffer=False)
            try:
                for each in (signal.SIGTERM, signal.SIGINT):
                    before[each] = signal.signal(each, lambda *_: server.stop())
                ready()
                server.run()
            finally:
                signal.set_wakeup_fd(wake)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if further is not None:
            further.cancel()
        workers.close()
        engine.table.close()


def _check_system() -> None:
    from blast_live.memstore.sealed import is_supported

    if not is_supported():
        raise DaemonError("the memory store can't run here", reason="it needs Linux")


def _make_engine(options: StoreOptions, blobs: int) -> Any:
    from blast_live.memstore.engine import Engine
    from blast_live.memstore.table import Table

    return Engine(Table(options.max_size, blobs, os.close), options.patience_s)


def _make_further(options: StoreOptions, engine: Any, workers: Any) -> Any:
    if not options.redis:
        return None
    from blast_live.memstore.reading_through import ReadingThrough
    from blast_live.memstore.redis_store import RedisStore, connect_redis

    client = connect_redis(options.redis, options.redis_timeout_s)
    store = RedisStore(client, options.redis_prefix, options.redis_ttl_s, options.max_size)
    return ReadingThrough(store, engine, workers, writes=options.redis_writes)


def _share_files() -> tuple[int, int]:
    """Raise the limit on open files as far as that is allowed; return how many connections and blobs it is enough for.

    A connection takes one, and one more while it puts; a blob takes one.

    Raises:
        DaemonError: it is enough for nothing.
    """
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (ValueError, OSError):
            pass
    files = 1 << 20 if soft == resource.RLIM_INFINITY else min(soft, 1 << 20)
    if files < _FEWEST_FILES:
        raise DaemonError(
            f"only {files} files may be open at once", hint=f"raise the limit (ulimit -n) to {_FEWEST_FILES}"
        )
    connections = min(4096, files // 5)
    return connections, files - 2 * connections - 64


def start_detached(options: StoreOptions) -> int:
    """Start a memory store that goes on when this process ends; return its pid once it listens.

    Raises:
        BlastError: what kept it from starting.
    """
    import json
    import subprocess

    _check_system()
    # What may hold a password goes through a pipe, not on a command line.
    document = {**options._asdict(), "path": [entry for entry in sys.path if entry]}
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _MAIN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        process.stdin.write(json.dumps(document).encode())
        process.stdin.close()
        line = _read_line(process.stdout.fileno())
    try:
        answer = json.loads(line)
    except ValueError:
        process.kill()
        process.wait()
        raise DaemonError("the memory store did not start", reason=f"it said nothing within {_READY_S:g} s") from None
    if "error" in answer:
        process.wait()
        raise error_from_dict(answer["error"])
    process.returncode = 0  # it lives on, and is nobody's zombie: init takes it when we end
    return process.pid


def _read_line(fd: int) -> bytes:
    import select
    import time

    line = b""
    end = time.monotonic() + _READY_S
    while not line.endswith(b"\n"):
        if not select.select([fd], [], [], max(0.0, end - time.monotonic()))[0]:
            break
        part = os.read(fd, 65536)
        if not part:
            break
        line += part
    return line


def _main(document: dict[str, Any]) -> None:
    """Run in the detached process: say on standard output whether it listens, then let go of it."""
    import json

    def ready() -> None:
        os.write(1, b'{"ok": true}\n')
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        os.close(null)

    try:
        serve(StoreOptions(**{**document, "uids": tuple(document["uids"])}), ready)
    except BlastError as error:
        os.write(1, json.dumps({"error": error.to_dict()}).encode() + b"\n")
        sys.exit(1)
