"""Forgetting what nobody has used for a while, where no root or lease tells."""

from __future__ import annotations

import os
import time

from blast_core import fs

__all__ = ["forget_older"]


def forget_older(directory: str, age_s: float) -> None:
    """Remove the files and directories directly below a directory that were changed longer ago than ``age_s`` seconds.

    What can't be removed stays: another command removes it too, or will.
    """
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        try:
            if os.stat(path).st_mtime < time.time() - age_s:
                (fs.remove_tree if os.path.isdir(path) else fs.unlink)(path)
        except OSError:
            continue
