"""Where a memory store's socket lies, and how one process, and only one, comes to listen there.

The directory is this user's alone, unless another one is named. A lock on a file beside the socket says who listens:
the kernel frees it with its process, so what a killed store left behind is known to be stale and replaced. The socket
is made under another name, listens, and gets its own by a rename: whoever finds it can connect.
"""

from __future__ import annotations

import os
import socket
import stat
import struct

from blast_core import fs
from blast_core.errors import DaemonError, DaemonUnreachable, StoreLocked, UsageError
from blast_live.memstore.sealed import is_supported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

__all__ = ["VARIABLE", "Place", "connect", "find_socket", "wait_until_free"]

#: Names the socket; an empty value or ``off`` means that no store is to be used.
VARIABLE = "BLAST_MEMSTORE"
_BACKLOG = 512
_TIMEVAL = struct.Struct("@ll")


def find_socket(environ: Mapping[str, str], home: str) -> str:
    """Return the absolute path of the socket: ``BLAST_MEMSTORE``, or ``memstore/socket`` in ``home``; "" for none."""
    named = environ.get(VARIABLE)
    if named is None:
        return os.path.join(home, "memstore", "socket")
    return "" if named in {"", "off"} else os.path.abspath(os.path.expanduser(named))


def connect(path: str, timeout_s: float) -> socket.socket:
    """Return a connection to the store that listens at ``path``.

    Raises:
        DaemonUnreachable: none does.
    """
    if not is_supported():
        raise DaemonUnreachable(f"no memory store answers at {path}", reason="the memory store needs Linux")
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    directory = -1
    try:
        # A connection that waits, since one that does not is refused while many others come.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TIMEVAL.pack(int(timeout_s), 0))
        directory = os.open(os.path.dirname(path) or ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        connection.connect(_short(directory, os.path.basename(path)))
    except OSError as error:
        connection.close()
        reason = "it is too busy" if isinstance(error, BlockingIOError) else error.strerror or str(error)
        raise DaemonUnreachable(
            f"no memory store answers at {path}", reason=reason, hint="start one with 'blast memstore start'"
        ) from error
    finally:
        if directory >= 0:
            os.close(directory)
    connection.settimeout(timeout_s)
    return connection


def wait_until_free(path: str, seconds: float) -> bool:
    """Wait until no store runs at ``path`` any more; tell whether that came about."""
    import fcntl
    import time

    end = time.monotonic() + seconds
    try:
        fd = os.open(f"{path}.lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if time.monotonic() > end:
                    return False
                time.sleep(0.02)
            else:
                return True
    finally:
        os.close(fd)


def _short(directory: int, name: str) -> str:
    """Return a path that fits into a socket's address (107 bytes), however long the directory's own is."""
    return f"/proc/self/fd/{directory}/{name}"


class Place:
    """A socket's path, taken by this process: close it to give it back.

    Args:
        path: absolute, of the socket.
        shared: whether other users may connect; who of them comes in, `blast_live.memstore.access` decides.

    Raises:
        StoreLocked: another store listens there.
        DaemonError: the directory is somebody else's, or everybody may write to it.
        UsageError: there is something else at that path.
    """

    def __init__(self, path: str, *, shared: bool) -> None:
        self.path = path
        self._name = os.path.basename(path)
        parent = os.path.dirname(path)
        fs.make_directories(parent, 0o700)
        self._directory = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._lock = -1
        try:
            _check_directory(parent, os.fstat(self._directory))
            self._lock = self._take_lock()
            self._check_socket()
            self.listener = self._listen(0o666 if shared else 0o600)
        except BaseException:
            self._close_descriptors()
            raise
        self._identity = self._look()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and remove the socket, if it is still ours; connections that stand are not touched."""
        self.listener.close()
        if self._identity is not None and self._look() == self._identity:
            fs.unlink(self._name, dir_fd=self._directory)
        self._close_descriptors()

    def _close_descriptors(self) -> None:
        for fd in (self._lock, self._directory):
            if fd >= 0:
                os.close(fd)
        self._lock = self._directory = -1

    def _take_lock(self) -> int:
        import fcntl

        # It is never removed: two stores might lock two files of one name.
        fd = fs.open_file(f"{self.path}.lock", 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(fd)
            raise StoreLocked(
                f"a memory store runs already at {self.path}", hint="'blast memstore status' describes it"
            ) from error
        return fd

    def _check_socket(self) -> None:
        try:
            mode = os.stat(self._name, dir_fd=self._directory, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(mode):
            raise UsageError(f"{self.path} is no socket", hint="name another path")

    def _listen(self, mode: int) -> socket.socket:
        temporary = f".{self._name}.{os.getpid()}"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        try:
            try:
                fs.unlink(temporary, dir_fd=self._directory)
            except FileNotFoundError:
                pass
            listener.bind(_short(self._directory, temporary))
            fs.set_mode(temporary, mode, dir_fd=self._directory)
            listener.listen(_BACKLOG)
            fs.rename(temporary, self._name, src_dir_fd=self._directory, dst_dir_fd=self._directory)
        except OSError as error:
            listener.close()
            raise DaemonError(f"can't listen at {self.path}", reason=error.strerror or str(error)) from error
        return listener

    def _look(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._name, dir_fd=self._directory, follow_symlinks=False)
        except OSError:
            return None
        return found.st_dev, found.st_ino


def _check_directory(path: str, found: os.stat_result) -> None:
    if found.st_uid not in {os.geteuid(), 0}:
        raise DaemonError(
            f"{path} belongs to somebody else",
            reason=f"its owner is uid {found.st_uid}",
            hint="name a directory of yours",
        )
    if found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX:
        raise DaemonError(
            f"others may write to {path}",
            reason="they could put a socket of their own there",
            hint=f"chmod go-w {path}, or name another directory",
        )
