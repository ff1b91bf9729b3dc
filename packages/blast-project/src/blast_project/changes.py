"""What differs between two environments or two locks."""

from __future__ import annotations

from blast_core.tuples import NamedTuple
from blast_project.moving import differences

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_project.environment.generations import Installed

__all__ = ["VersionChange", "compare_installed"]


class VersionChange(NamedTuple):
    """How one package differs; a version is empty where the package is absent."""

    name: str
    before: str
    after: str


def compare_installed(before: Sequence[Installed], after: Sequence[Installed]) -> tuple[VersionChange, ...]:
    """Return what differs, by name; a rebuilt distribution of one version counts as changed."""
    return tuple([VersionChange(*change) for change in differences(before, after)])
