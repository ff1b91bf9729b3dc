"""The file that a command was told to write."""

from __future__ import annotations

import os

__all__ = ["write_output"]


def write_output(path: str, content: bytes) -> None:
    """Make ``path`` a file with this content; into a pipe or a terminal, such as ``/dev/stdout``, it is written.

    A link to a file is replaced and not followed: it may have come with somebody's checkout.

    Raises:
        OSError: the disk refuses.
    """
    from blast_core import fs

    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        with open(path, "wb") as file:
            file.write(content)
        return
    fs.replace_file(path, content)
