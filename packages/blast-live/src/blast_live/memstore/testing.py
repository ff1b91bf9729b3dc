"""Helpers for tests: memory stores as processes of their own, and clients that can be killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from blast_live.memstore.client import MemoryStore
from blast_live.memstore.daemon import StoreOptions, start_detached
from blast_live.memstore.place import wait_until_free

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any, Self

__all__ = ["REDIS_SERVER", "RedisServer", "Running", "python", "wait_for"]

REDIS_SERVER = shutil.which("redis-server") or shutil.which("valkey-server") or ""


class Running:
    """A memory store that runs until the test ends."""

    def __init__(self, socket: str, **options: Any) -> None:
        self.socket = socket
        self._options = StoreOptions(socket, **{"max_size": 256 << 20, **options})
        self.pid = start_detached(self._options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.signal(signal.SIGTERM)
        if not wait_until_free(self.socket, 10):
            self.signal(signal.SIGKILL)

    def client(self, **options: Any) -> MemoryStore:
        """Return a new connection."""
        return MemoryStore(self.socket, **options)

    def signal(self, number: int) -> None:
        """Send a signal, if the store still runs."""
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            pass

    def kill(self) -> None:
        """Kill the store and wait until it is gone."""
        self.signal(signal.SIGKILL)
        assert wait_until_free(self.socket, 10)

    def start_again(self) -> None:
        """Start a store at the same place."""
        self.pid = start_detached(self._options)

    def open_files(self) -> int:
        """Return how many descriptors the store has."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))


class RedisServer:
    """A Redis of this test's own, on a socket, with nothing on a disk."""

    def __init__(self, directory: Path) -> None:
        from blast_live.memstore.redis_store import connect_redis

        self.url = f"unix://{directory}/redis.sock"
        options = ["--port", "0", "--unixsocket", str(directory / "redis.sock"), "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen([REDIS_SERVER, *options, "--dir", str(directory)], stdout=subprocess.DEVNULL)
        self.client: Any = connect_redis(self.url, 10)
        wait_for(self.answers)

    def answers(self) -> bool:
        """Tell whether it takes commands."""
        from redis.exceptions import RedisError

        try:
            return bool(self.client.ping())
        except RedisError:
            return False

    def close(self) -> None:
        """End it, stopped or not."""
        self.client.close()
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()


def python(program: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Start a program text that may import Blast; it prints JSON, one document a line."""
    paths = json.dumps([entry for entry in sys.path if entry])
    start = f"import sys; sys.path[:] = {paths}\n{program}"
    return subprocess.Popen([sys.executable, "-c", start, *arguments], stdout=subprocess.PIPE, text=True, **options)


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until a condition holds; fail if it does not within a time that only a broken program needs."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)
