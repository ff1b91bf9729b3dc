"""Where the environment of a script is, found from its metadata as written: nothing is parsed.

Equal metadata, one environment: ``scripts/KEY`` in the store holds it as a project of its own, and
``environments/script-KEY`` is the environment. A script that has a lock beside it, or names paths, has its own.

The hot path imports this module: it imports `blast_core.fnv` alone.
"""

import os

from blast_core.fnv import fnv1a64

__all__ = ["LOCK_SUFFIX", "find_metadata", "find_reading", "identity_of", "reading_path", "script_places"]

#: What the name of a script's lock adds to that of the script.
LOCK_SUFFIX = ".blast.lock"
_BEGIN, _END = b"# /// script", b"# ///"
# Words without which metadata names nothing on this machine.
_LOCAL = (b"path", b"file:", b"./", b"workspace")


def find_metadata(content: bytes) -> bytes:
    """Return the metadata of a script with its comment signs; b"" where it has none, or more than one."""
    if _BEGIN not in content:
        return b""
    found = []
    block: list[bytes] | None = None
    last = 0
    for line in (*content.replace(b"\r\n", b"\n").split(b"\n"), b""):
        if block is not None:
            if line == b"#" or line.startswith(b"# "):
                block.append(line)
                if line == _END:
                    last = len(block)
                continue
            if last:
                found.append(b"\n".join(block[:last]))
            block = None
        if line == _BEGIN:
            block, last = [], 0
    return found[0] if len(found) == 1 else b""


def identity_of(metadata: bytes, path: str) -> "tuple[bytes, bytes]":
    """Return what an environment is found by, and what it must have been made for.

    Args:
        metadata: from `find_metadata`.
        path: absolute, of the script.
    """
    place = os.fsencode(path)
    try:
        status = os.stat(path + LOCK_SUFFIX)
    except OSError:
        is_local = any(word in metadata for word in _LOCAL)
        identity = metadata + b"\0" + place if is_local else metadata
        return identity, identity
    stamp = f"{status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}".encode()
    identity = b"\0".join((metadata, place, b"locked"))
    return identity, identity + b"\0" + stamp


def script_places(home: str, identity: bytes) -> "tuple[str, str]":
    """Return the directory of a script's project and that of its environment."""
    key = f"{fnv1a64(identity):016x}"
    return os.path.join(home, "scripts", key), os.path.join(home, "environments", f"script-{key}")


def reading_path(home: str, path: str) -> str:
    """Return where it is remembered what a script that has no metadata came to; ``path`` is absolute."""
    return os.path.join(home, "scripts", f"read-{fnv1a64(os.fsencode(path)):016x}")


def find_reading(home: str, path: str, content: bytes) -> bytes:
    """Return a text with the metadata of a script that has none; b"" where none is remembered for this very content.

    Args:
        home: BLAST_HOME.
        path: absolute, of the script.
        content: of the script.
    """
    try:
        fd = os.open(reading_path(home, path), os.O_RDONLY)
    except OSError:
        return b""
    try:
        found = os.read(fd, len(content) + (1 << 20))
    finally:
        os.close(fd)
    length, _, rest = found.partition(b"\n")
    if length != b"%d" % len(content) or not rest.startswith(content):
        return b""
    return rest[len(content) :]
