"""A manifest as it was read last, beside the bytes that it was read from: to parse TOML and check it costs much.

One file of a project in the store, next to what the store remembers of its lock. It is believed only for the very same
bytes, read by the same Blast; losing it costs time alone.
"""

from __future__ import annotations

import marshal
import os

from blast_core import __version__
from blast_project.hot_key import project_memo_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from blast_compat.manifest import Manifest

__all__ = ["keep_manifest", "recall_manifest"]

# Raise it when the same bytes are read as another manifest.
_FORMAT = 2
_STAMP = (_FORMAT, __version__)


def recall_manifest(home: str, root: str, path: str, source: bytes) -> Manifest | None:
    """Return the manifest that ``source`` was read as before; None if it was not.

    Args:
        home: BLAST_HOME.
        root: directory of the project.
        path: of pyproject.toml.
        source: what it holds.
    """
    try:
        fd = os.open(_place(home, root), os.O_RDONLY)
    except OSError:
        return None
    try:
        content = os.read(fd, os.fstat(fd).st_size + 1)
    except OSError:
        return None
    finally:
        os.close(fd)
    try:
        fields = marshal.loads(content)  # noqa: S302 - this user's own store
    except (ValueError, EOFError, TypeError):
        return None
    if not isinstance(fields, tuple) or len(fields) < 4 or fields[:4] != (*_STAMP, path, source):
        return None
    from blast_compat.manifest import Manifest

    return Manifest._make(fields[4:]) if len(fields) == 4 + len(Manifest._fields) else None


def keep_manifest(home: str, root: str, source: bytes, manifest: Manifest) -> None:
    """Remember what ``source`` was read as; not one that holds dates, which are kept by TOML alone."""
    from blast_core import fs

    place = _place(home, root)
    fields: tuple[Any, ...] = tuple(manifest)
    try:
        content = marshal.dumps((*_STAMP, manifest.path, source, *fields))
        fs.make_directories(os.path.dirname(place))
        fs.replace_file(place, content, durable=False)
    except (ValueError, OSError):
        # Such as a store that can't be written: the next command reads the text again.
        return


def _place(home: str, root: str) -> str:
    return project_memo_path(home, root) + ".manifest"
