"""Whether a generation is on the disk as a whole, and is not to be doubted after another start of the machine.

What is imported to know it is little: the module is on the way of commands that have little to do.
"""

from __future__ import annotations

import marshal
import os

from blast_core import fs
from blast_core.boot import boot_id
from blast_project.environment.layout import META, generations_directory

__all__ = ["META_FILE", "is_doubtful", "settle", "settled_path", "unsettled_boot"]

#: What a generation says of itself, below ``META``.
META_FILE = "generation"


def settled_path(environment: str, number: int) -> str:
    """Return the file that tells, by being there, that all of a generation is on the disk."""
    return os.path.join(generations_directory(environment), str(number), META, "settled")


def unsettled_boot(environment: str, number: int) -> str:
    """Return the start of the machine under which a generation was made that may not be on the disk; "" if it is."""
    if os.path.lexists(settled_path(environment, number)):
        return ""
    path = os.path.join(generations_directory(environment), str(number), META, META_FILE)
    try:
        with open(path, "rb") as file:
            _, _, *boot = marshal.loads(file.read())  # noqa: S302 - written by this user's Blast on this machine
    except (ValueError, EOFError, TypeError, MemoryError, OSError):
        return ""
    return str(boot[0]) if boot else ""


def is_doubtful(environment: str, number: int) -> bool:
    """Tell whether the machine started anew since a generation was made, before it was known to be on the disk."""
    boot = unsettled_boot(environment, number)
    return bool(boot) and boot != boot_id()


def settle(environment: str, number: int) -> None:
    """Note that a generation was looked at as a whole, and need not be again; a disk that refuses is no error."""
    try:
        fs.write_file(settled_path(environment, number), b"")
    except OSError:
        return
