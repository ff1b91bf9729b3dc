"""Files that a command is given by name."""

from __future__ import annotations

import os

from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_cli.outcome import Context

__all__ = ["existing_file", "output_path"]


def existing_file(context: Context, name: str) -> str:
    """Return the absolute path of a file that must exist.

    Raises:
        UsageError: it does not, or is a directory.
    """
    path = os.path.join(context.settings.directory, name)
    if not os.path.isfile(path):
        raise UsageError(f"{name}: there is no such file")
    return path


def output_path(context: Context, name: str, default_name: str) -> str:
    """Return where to write: ``name``, or ``default_name`` in it when it is a directory or empty."""
    path = os.path.join(context.settings.directory, name) if name else context.settings.directory
    return os.path.join(path, default_name) if not name or os.path.isdir(path) else path
