"""Entering objects that have no row: the database was lost, or a command was killed before it wrote the row."""

from __future__ import annotations

from blast_core.errors import BlastError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from blast_pm.store.home import StorePaths
    from blast_pm.store.rows import StoredDistribution, TreeRows

__all__ = ["adopt_objects"]


def adopt_objects(
    paths: StorePaths, rows: TreeRows, sha256s: Collection[str] | None = None
) -> dict[str, StoredDistribution]:
    """Write rows of objects that are whole and have none, and return these by the sha256 of their wheels.

    Args:
        paths: the store.
        rows: its table.
        sha256s: only of these wheels; None for all.

    Cost: reads every wheel without a row, and every byte of those that are entered.
    """
    from blast_pm.store.archives import StoredWheel
    from blast_pm.store.ingest import adopt_object
    from blast_pm.store.objects import iter_objects, repair_object

    found: dict[str, StoredDistribution] = {}
    for item in list(iter_objects(paths, rows)):
        if item.distribution is not None:
            continue
        try:
            with StoredWheel(item.archive) as archive:
                sha256 = archive.sha256
            if sha256s is not None and sha256 not in sha256s:
                continue
            repair_object(item.archive, item.blake3, paths, rows)
            stored = adopt_object(item.blake3, sha256, paths)
        except (BlastError, OSError):
            # Damaged: it is fetched again where it is needed.
            continue
        if stored is not None:
            found[sha256] = stored
    rows.put(found.values())
    return found
