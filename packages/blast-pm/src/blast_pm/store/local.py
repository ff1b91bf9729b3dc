"""Wheels that lie on this machine: the same checks as for any other, without the network."""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.archive.wheel import STANDARD
from blast_core.digests import sha256_file
from blast_pm.store.durability import begin_mark
from blast_pm.store.failures import explain_failure
from blast_pm.store.ingest import ingest_wheel
from blast_pm.store.staging import Staging, sweep_staging

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.archive.wheel import Policy
    from blast_pm.store.home import StorePaths
    from blast_pm.store.rows import StoredDistribution, TreeRows

__all__ = ["add_wheel"]


def add_wheel(
    path: str, filename: str, paths: StorePaths, rows: TreeRows, policy: Policy = STANDARD
) -> StoredDistribution:
    """Store the wheel at ``path``; see `GlobalCache.add_wheel`.

    It is copied first (a file system with reflinks shares the blocks), because others can change the original while it
    is read: what is checked has to be what is stored.
    """
    try:
        sweep_staging(paths.staging)
        with Staging(paths.staging) as staging:
            copy = os.path.join(staging.path, "wheel")
            fs.copy_file(os.path.realpath(path), copy, 0o600)
            sha256 = sha256_file(copy).hex()
            stored = rows.find([sha256]).get(sha256)
            if stored is not None:
                return stored
            stored = ingest_wheel(copy, filename, sha256, paths, policy)
            mark = begin_mark(paths.home, [stored.tree])
            if not mark:
                fs.sync_filesystem(paths.home)
            rows.put([stored], mark)
            return stored
    except OSError as error:
        raise explain_failure(error, f"store {filename}") from error
