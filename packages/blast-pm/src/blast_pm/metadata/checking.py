"""Is the database whole? Every value is read, in a process of its own: damaged pages may bring LMDB down."""

from __future__ import annotations

import os
import subprocess
import sys

import blast_core
import blast_pm
from blast_core import fs
from blast_pm.metadata.sealing import unsealed

__all__ = ["check_database", "discard_database", "main"]

_MAIN = "import sys; path, *sys.path[:] = sys.argv[1:]; from blast_pm.metadata.checking import main; main(path)"
_TIMEOUT_S = 300
_SOUND, _WRONG = 0, 3


def check_database(path: str) -> str:
    """Return what is wrong with a database, a clause; "" for nothing, and for one that isn't there.

    Cost: reads all of it.
    """
    if not os.path.lexists(path):
        return ""
    own = {os.path.dirname(os.path.dirname(module.__file__ or "")): None for module in (blast_pm, blast_core)}
    line = [sys.executable, "-I", "-S", "-c", _MAIN, path, *own, *(entry for entry in sys.path if entry)]
    try:
        done = subprocess.run(line, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"it was not read in {_TIMEOUT_S} s"
    if done.returncode == _SOUND:
        return ""
    if done.returncode == _WRONG:
        return done.stdout.strip()
    return f"whoever reads all of it is brought down (status {done.returncode})"


def discard_database(path: str) -> None:
    """Remove a database; commands that have it open go on with what they see.

    Raises:
        OSError: the disk refuses.
    """
    from blast_pm.metadata.store import rebuilding

    with rebuilding(path):
        for each in (path, f"{path}-lock"):
            if os.path.lexists(each):
                fs.unlink(each)


def main(path: str) -> None:
    """Read all of the database at ``path``, and say on standard output what is wrong; the process ends."""
    found = _find(path)
    sys.stdout.write(found)
    sys.stdout.flush()
    os._exit(_WRONG if found else _SOUND)


def _find(path: str) -> str:
    import lmdb

    from blast_pm.metadata.store import DATABASES, SCHEMA_KEY

    writable = os.access(path, os.W_OK) and os.access(os.path.dirname(path), os.W_OK)
    try:
        env = lmdb.open(path, subdir=False, readonly=True, lock=writable, max_dbs=len(DATABASES), max_readers=1022)
        size, needed = os.path.getsize(path), (env.info()["last_pgno"] + 1) * env.stat()["psize"]
        if size < needed:
            return f"it has {size} bytes of {needed}"
        broken = 0
        with env.begin(buffers=True) as transaction:
            for name in DATABASES:
                for key, value in transaction.cursor(env.open_db(name.encode(), transaction, create=False)):
                    broken += bytes(key) != SCHEMA_KEY and unsealed(bytes(key), value) is None
    except (lmdb.Error, OSError) as error:
        return f"it can't be read: {error}"
    return f"{broken} of its values are damaged" if broken else ""
