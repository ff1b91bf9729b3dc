"""Which locks of other tools there are, and reading one by the name of its file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from blast_core.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from blast_compat.locks.foreign import ForeignLock

__all__ = ["FOREIGN_LOCKS", "read_foreign_lock"]

#: Names of lock files, what goes before others first.
FOREIGN_LOCKS = ("pylock.toml", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock")


def read_foreign_lock(path: str, content: bytes, manifest: Mapping[str, Any], directory: str = ".") -> ForeignLock:
    """Return what a lock of another tool says.

    Args:
        path: of the file, whose name tells the tool; named in messages.
        content: of the file.
        manifest: what the pyproject.toml beside it says, {} without one.
        directory: relative to the lock's, where a program is started: in a workspace it tells the package.

    Raises:
        FormatError: it is no such lock, or of a version that is not known here; names the line or the field.
        InvalidManifest: the pyproject.toml asks for something in a form that is none.
    """
    name = os.path.basename(path)
    if name == "uv.lock" or name.endswith(".py.lock"):
        from blast_compat.locks.uv_reader import read_uv_lock

        return read_uv_lock(content, path, manifest, directory)
    if name == "poetry.lock":
        from blast_compat.locks.poetry_reader import read_poetry_lock

        return read_poetry_lock(content, path, manifest)
    if name == "pdm.lock":
        from blast_compat.locks.pdm_reader import read_pdm_lock

        return read_pdm_lock(content, path, manifest)
    if name == "Pipfile.lock":
        from blast_compat.locks.pipenv_reader import read_pipfile_lock

        return read_pipfile_lock(content, path)
    if name == "pylock.toml" or (name.startswith("pylock.") and name.endswith(".toml")):
        from blast_compat.locks.standard_reader import read_standard_lock

        return read_standard_lock(content, path)
    raise FormatError("no lock that is known here", file=path, hint=f"known are {', '.join(FOREIGN_LOCKS)}")
