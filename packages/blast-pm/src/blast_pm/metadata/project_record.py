"""What the resolver learns of a project."""

from __future__ import annotations

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_core.version import VersionTable
    from blast_pm.index.model import IndexFile

__all__ = ["ProjectRecord"]


class ProjectRecord(NamedTuple):
    """What exists of a project for some targets; bit i of a mask of versions stands for ``table.texts[i]``.

    Attributes:
        name: normalised name.
        table: all versions on the index, ascending.
        usable: versions with a file that one of the targets can install, by tags and by the file's Requires-Python.
        yanked: versions of which all files are yanked (PEP 592).
        prerelease: versions that are pre-releases.
        files: per version, decoded when asked for.
        usable_by: the same per target: (mask of targets, mask of versions) pairs, the targets' masks disjoint and
            together all targets, bit i for target i. () where there is one target, as ``((1, usable),)``.
        refused: versions of which the policy on files lets no file in.
    """

    name: str
    table: VersionTable
    usable: int
    yanked: int
    prerelease: int
    files: Sequence[Sequence[IndexFile]]
    usable_by: tuple[tuple[int, int], ...] = ()
    refused: int = 0
