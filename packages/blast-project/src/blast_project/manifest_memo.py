"""A manifest as it was read last, beside the bytes that it was read from: to parse TOML and check it costs much.

One small file in the store for each of the last manifests, wherever they lie: a second checkout's is the same. It is
believed only for the very same bytes, read by the same Blast; losing it costs time alone.
"""

from __future__ import annotations

import marshal
import os

from blast_core import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from blast_compat.manifest import Manifest

__all__ = ["keep_manifest", "recall_manifest"]

# Raise it when the same bytes are read as another manifest.
_FORMAT = 4
_STAMP = (_FORMAT, __version__)


def recall_manifest(home: str, path: str, source: bytes) -> Manifest | None:
    """Return the manifest that ``source`` was read as before; None if it was not.

    Args:
        home: BLAST_HOME.
        path: of pyproject.toml; what it says does not depend on it.
        source: what it holds.
    """
    try:
        fd = os.open(_place(home, source), os.O_RDONLY)
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
    except (ValueError, EOFError, TypeError, MemoryError):
        return None
    if not isinstance(fields, tuple) or len(fields) < 3 or fields[:3] != (*_STAMP, source):
        return None
    from blast_compat.manifest import Manifest

    return Manifest._make((path, *fields[3:])) if len(fields) == 2 + len(Manifest._fields) else None


def keep_manifest(home: str, source: bytes, manifest: Manifest) -> None:
    """Remember what ``source`` was read as; not one that holds dates, which are kept by TOML alone."""
    from blast_core import fs

    place = _place(home, source)
    fields: tuple[Any, ...] = tuple(manifest)
    try:
        content = marshal.dumps((*_STAMP, source, *fields[1:]))
        fs.make_directories(os.path.dirname(place))
        fs.replace_file(place, content, durable=False)
    except (ValueError, OSError):
        # Such as a store that can't be written: the next command reads the text again.
        return


def _place(home: str, source: bytes) -> str:
    # Of modules that hash, this one alone is loaded anyway: it tells sources by content. The bytes are compared. One of
    # 256 places: what comes to lie in the same gives way.
    from _imp import source_hash

    return os.path.join(home, "projects", f"manifest-{source_hash(0, source)[0]:02x}")
