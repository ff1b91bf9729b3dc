"""Objects that an environment has its files from, when these are not what they should be: all of it is made again."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from blast_core import fs
from blast_core.errors import InstallError, ObjectMissing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_project.session import Session

__all__ = ["open_up", "renew_objects"]

_DIRECTORY = 0o755
_FILE = 0o444


def renew_objects(session: Session, environment: str) -> None:
    """Unpack again what differs from its wheel, and remove the prepared files, which the next installation makes.

    What can't be unpacked again is forgotten, to be fetched.

    Raises:
        StoreError: the disk refuses.
        OSError: likewise.
    """
    from blast_pm.install.prepared import DIRECTORY, prepared_name
    from blast_pm.store.staging import Staging
    from blast_project.environment.manager import VenvManager

    try:
        said = VenvManager(environment).current()
    except (InstallError, OSError):
        said = None
    cache = session.cache
    rows = cache.find([row.sha256 for row in said.installed]) if said is not None else {}
    for sha256, row in rows.items():
        try:
            cache.repair_object(row.blake3)
        except ObjectMissing:
            cache.rows.delete_all((sha256,))
    with Staging(cache.paths.staging) as staging:
        for fold in (True, False):
            for name in {prepared_name(row.tree, fold=fold) for row in rows.values()}:
                path = os.path.join(cache.paths.home, DIRECTORY, name)
                if os.path.islink(path):
                    fs.unlink(path)
                elif os.path.lexists(path):
                    fs.rename(path, os.path.join(staging.path, name))


def open_up(environment: str) -> None:
    """Let its owner read again what lies in the current generation: a file that can't be read stops every command."""
    from blast_project.environment.layout import current_link

    for directory, names, files in os.walk(os.path.realpath(current_link(environment))):
        for name in (*names, *files):
            path = os.path.join(directory, name)
            with suppress(OSError):
                mode = os.lstat(path).st_mode
                wanted = _DIRECTORY if stat.S_ISDIR(mode) else _FILE
                if not stat.S_ISLNK(mode) and mode & 0o400 == 0:
                    fs.set_mode(path, stat.S_IMODE(mode) | wanted)
