"""Files of a project that are published before what may still fail: they are put back when it does."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from blast_core import fs
from blast_project.project import LOCK_NAME, PYLOCK_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["taken_back_on_failure"]


@contextmanager
def taken_back_on_failure(root: str, manifest: str) -> Iterator[None]:
    """Put the locks at ``root`` and the manifest at a path back as they stand now when what follows fails."""
    before: dict[str, bytes | None] = {}
    for path in (os.path.join(root, PYLOCK_NAME), os.path.join(root, LOCK_NAME), manifest):
        try:
            with open(path, "rb") as file:
                before[path] = file.read()
        except FileNotFoundError:
            before[path] = None
    try:
        yield
    except BaseException:
        for path, content in before.items():
            _put_back(path, content)
        raise


def _put_back(path: str, content: bytes | None) -> None:
    if content is None:
        if os.path.exists(path):
            fs.unlink(path)
        return
    with open(path, "rb") as file:
        if file.read() == content:
            return
    fs.replace_file(path, content)
