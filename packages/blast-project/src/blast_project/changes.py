"""What differs between two environments or two locks."""

from __future__ import annotations

from blast_core.tuples import NamedTuple

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
    old = {row.name: row for row in before}
    new = {row.name: row for row in after}
    return tuple(
        VersionChange(name, old[name].version if name in old else "", new[name].version if name in new else "")
        for name in sorted({*old, *new})
        if (name in old) != (name in new) or old[name][1:3] != new[name][1:3]
    )
