"""What can't be run from memory files gets a file system that lies in memory, too, and that only it can see.

A process of its own enters a mount namespace of its own, puts an empty file system in memory over an empty directory,
and runs there as ever, with the store in it. Both are gone with the last process in it, however it ends. Where no such
namespace is allowed, a directory that the user names does, which is removed at the end.
"""

from __future__ import annotations

import os
import sys

from blast_core.errors import StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

__all__ = ["NEVER", "PRIVATE", "enter_private", "respawn", "spilled_words"]

#: A file system of its own; nothing of that kind.
PRIVATE, NEVER = "private", "never"

_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_NOSUID, _MS_NODEV, _MS_REC, _MS_SLAVE = 2, 4, 0x4000, 1 << 19
# Directories that every system has and that are mostly empty; the kernel's own are made for nothing else.
_PLACES = ("/mnt", "/media", "/srv", "/sys/kernel/debug", "/sys/fs/fuse/connections", "/proc/sys/fs/binfmt_misc")


def spilled_words(words: Sequence[str]) -> list[str]:
    """Return the words of a command that asks for memory as it runs with a file system of its own."""
    found = list(words)
    found[found.index("--in-memory", found.index("run"))] = "--isolated"
    return found


def respawn(place: str, words: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    """Become a process that runs the same command with a file system of its own.

    Args:
        place: `PRIVATE`, or the directory in which one is made.
        words: the words of this command.
        environ: its variables.

    Raises:
        StoreError: the directory can't be used.
    """
    from blast_project.running import replace_process

    if place != PRIVATE and not (os.path.isdir(place) and os.access(place, os.W_OK)):
        raise StoreError(f"{place} can't be used", reason="it is no directory that can be written to")
    sys.stdout.flush()
    sys.stderr.flush()
    line = [sys.executable, "-B", "-m", "blast_project.in_memory.spilling", place, *spilled_words(words)]
    replace_process(line, environ)


def enter_private() -> str:
    """Let this process, and those that it starts, see an empty file system in memory, and return where it is.

    Raises:
        StoreError: the system allows no mount namespace, or has no empty directory.
    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)

    def call(what: str, result: int) -> None:
        if result:
            raise StoreError(
                "a private file system in memory is not allowed here",
                reason=f"{what}: {os.strerror(ctypes.get_errno())}",
                hint="'--spill /dev/shm' allows a directory there, which is removed at the end",
            )

    place = next((path for path in _PLACES if _is_empty(path)), "")
    if not place:
        raise StoreError(
            "there is no place for a private file system", reason=f"none of {', '.join(_PLACES)} is an empty directory"
        )
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWNS):
        call("unshare", libc.unshare(_CLONE_NEWNS | _CLONE_NEWUSER))
        for name, content in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            _write(f"/proc/self/{name}", content)
    call("mount", libc.mount(None, b"/", None, _MS_REC | _MS_SLAVE, None))
    options = f"mode=700,uid={user},gid={group}".encode()
    call("mount", libc.mount(b"blast", place.encode(), b"tmpfs", _MS_NOSUID | _MS_NODEV, options))
    return place


def _write(path: str, content: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, content.encode())
    finally:
        os.close(descriptor)


def _is_empty(path: str) -> bool:
    try:
        return not os.listdir(path)
    except OSError:
        return False


def _variables(place: str) -> dict[str, str]:
    own = {
        "BLAST_HOME": f"{place}/home",
        "TMPDIR": os.path.join(place, "tmp"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "BLAST_FLUSH": "never",
        "BLAST_COMPILE_BYTECODE": "never",
    }
    os.mkdir(own["TMPDIR"], 0o700)
    return {**os.environ, **own}


def _run_below(place: str, line: Sequence[str]) -> int:
    """Run a command in a directory of its own below ``place``, remove that, and return the command's status."""
    import signal
    import subprocess
    import tempfile

    from blast_core.fs import remove_tree

    directory = tempfile.mkdtemp(prefix="blast-memory-", dir=place)
    try:
        with subprocess.Popen(line, env=_variables(directory)) as process:
            # A terminal tells the program itself; of others we pass it on.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, lambda number, _: process.send_signal(number))
            status = process.wait()
    finally:
        remove_tree(directory)
    return status if status >= 0 else 128 - status


def _main(place: str, *words: str) -> int:  # noqa: RET503 - see its last line
    line = [sys.executable, "-B", "-m", "blast_cli", *words]
    if place != PRIVATE:
        return _run_below(place, line)
    try:
        variables = _variables(enter_private())
    except StoreError as error:
        sys.stderr.write(f"blast: {error.message}: {error.reason}\n  hint: {error.hint}\n")
        return 1
    os.execve(line[0], line, variables)  # noqa: S606 - becoming the command, in its own file system


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
