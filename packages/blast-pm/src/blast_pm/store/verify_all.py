"""Verifying many objects at once: in processes beside, because hashing many small files is mostly Python."""

from __future__ import annotations

import marshal
import os
import subprocess
import sys

import blast_core
import blast_pm
from blast_core.errors import StoreError
from blast_pm.store.home import StorePaths
from blast_pm.store.ingest_process import LENGTH, read_exactly
from blast_pm.store.verify import ObjectReport, verify_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["main", "verify_objects"]

# Below this a process would begin when all is done.
_WORTH_BYTES = 24 << 20
_MOST_PROCESSES = 8
_MAIN = "import sys; sys.path[:] = sys.argv[1:]; from blast_pm.store.verify_all import main; main()"


def verify_objects(paths: StorePaths, objects: Sequence[tuple[str, int]], told: Callable[[ObjectReport], None]) -> None:
    """Compare objects with their wheels, and tell each result as it comes; nothing is changed.

    Args:
        paths: the store.
        objects: BLAKE3 of each wheel, hexadecimal, and bytes of the object.
        told: is called in this thread.

    Raises:
        StoreError: a process that did it died.
    """
    count = _count_processes(objects)
    if count < 2:
        for blake3, _ in objects:
            told(_verify(paths, blake3))
        return
    shares: list[list[str]] = [[] for _ in range(count)]
    loads = [0] * count
    for blake3, size in sorted(objects, key=lambda row: -row[1]):
        lightest = loads.index(min(loads))
        shares[lightest].append(blake3)
        loads[lightest] += size
    processes = [_start(paths.home, share) for share in shares]
    try:
        for report in _collect(processes):
            told(report)
    finally:
        for process in processes:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _count_processes(objects: Sequence[tuple[str, int]]) -> int:
    if os.name != "posix" or not sys.executable or sum(size for _, size in objects) < _WORTH_BYTES:
        return 0
    return min(os.cpu_count() or 1, len(objects), _MOST_PROCESSES)


def _start(home: str, share: Sequence[str]) -> subprocess.Popen[bytes]:
    # An editable installation may be known to an import hook alone, so the packages' own places come first.
    own = {os.path.dirname(os.path.dirname(module.__file__ or "")): None for module in (blast_pm, blast_core)}
    path = [*own, *(entry for entry in sys.path if entry)]
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _MAIN, *path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    assert process.stdin is not None
    process.stdin.write(marshal.dumps((home, list(share))))
    process.stdin.close()
    return process


def _collect(processes: Sequence[subprocess.Popen[bytes]]) -> Iterator[ObjectReport]:
    import selectors

    with selectors.DefaultSelector() as selector:
        for process in processes:
            assert process.stdout is not None
            selector.register(process.stdout, selectors.EVENT_READ, process)
        while selector.get_map():
            for key, _ in selector.select():
                fd = key.fd
                head = read_exactly(fd, LENGTH.size)
                if len(head) == LENGTH.size:
                    answer = read_exactly(fd, LENGTH.unpack(head)[0])
                    yield ObjectReport._make(marshal.loads(answer))  # noqa: S302 - from our own process
                    continue
                selector.unregister(key.fileobj)
                if key.data.wait() != 0:
                    raise StoreError(
                        "the store could not be verified",
                        reason="a process that read it died",
                        hint="the machine may be short of memory: see the kernel's messages",
                    )


def main() -> None:
    """Verify what standard input asks for, and answer on standard output, object by object."""
    home, share = marshal.loads(sys.stdin.buffer.read())  # noqa: S302 - from our own process
    paths = StorePaths(home)
    for blake3 in share:
        answer = marshal.dumps(tuple(_verify(paths, blake3)))
        os.write(1, LENGTH.pack(len(answer)) + answer)


def _verify(paths: StorePaths, blake3: str) -> ObjectReport:
    try:
        return verify_object(paths.archive(blake3), blake3, paths)
    except OSError as error:
        return ObjectReport(blake3, f"it can't be read: {error.strerror}", (), (), ())
