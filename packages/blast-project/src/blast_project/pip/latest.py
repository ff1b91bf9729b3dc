"""Which newer versions there are of what is installed."""

from __future__ import annotations

from blast_core.errors import BlastError, IndexAccessError
from blast_core.tuples import NamedTuple
from blast_core.version.keys import version_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_core.interpreter import Interpreter
    from blast_project.pip.inventory import InstalledDistribution
    from blast_project.session import Session

__all__ = ["Latest", "find_latest"]


class Latest(NamedTuple):
    """The newest version of a project that can be installed here.

    Attributes:
        version: as the index spells it.
        kind: ``wheel`` or ``sdist``.
        is_newer: than what is installed.
    """

    version: str
    kind: str
    is_newer: bool


def find_latest(
    session: Session, interpreter: Interpreter, rows: Sequence[InstalledDistribution], *, pre: bool
) -> dict[str, Latest]:
    """Return the newest version of each distribution by name; of those that no index has, nothing.

    Pre-releases count if ``pre`` is set.

    Raises:
        IndexAccessError: an index can't be reached.
    """
    from blast_core.errors import OfflineError, ProjectNotFound
    from blast_pm.metadata.records import best_wheel
    from blast_project.resolving import open_metadata

    metadata = open_metadata(session, interpreter)
    metadata.prefetch([row.key for row in rows])
    found = {}
    for row in rows:
        try:
            record = metadata.project(row.key)
        except (ProjectNotFound, OfflineError):
            continue
        except IndexAccessError:
            raise
        except BlastError:
            continue
        mask = record.usable & ~record.yanked
        if not pre:
            mask &= ~record.prerelease
        if not mask:
            continue
        bit = mask.bit_length() - 1
        version = record.table.texts[bit]
        kind = "wheel" if best_wheel(record.files[bit], interpreter.target) is not None else "sdist"
        found[row.key] = Latest(version, kind, version_key(version) > version_key(row.version))
    return found
