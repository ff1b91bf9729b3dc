"""What several checks need: a directory to work in, and what every refusal must be like."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_core.errors import BlastError

__all__ = ["check_refusal", "work_directory"]


@contextmanager
def work_directory() -> Iterator[str]:
    """Make a fresh directory, in memory where the system has a file system there, and remove it afterwards."""
    memory = "/dev/shm"  # noqa: S108 - a directory of our own is made in it
    top = tempfile.mkdtemp(prefix="blast-fuzz-", dir=memory if os.path.isdir(memory) else None)
    try:
        yield top
    finally:
        for directory, _, _ in os.walk(top):  # what was unpacked can't be written to
            os.chmod(directory, 0o700)
        shutil.rmtree(top)


def check_refusal(error: BlastError, name: str = "", *, pictured: bool = False) -> None:
    """Make sure that a refusal is one line, and names the file where it has a name.

    Args:
        error: the refusal.
        name: of the file.
        pictured: the reason shows where in a text it is wrong, below that text.

    Raises:
        AssertionError: it is not.
    """
    said = error.message if pictured else f"{error.message}: {error.reason}"
    assert len(said.splitlines()) == 1, said
    assert name in error.message, said
