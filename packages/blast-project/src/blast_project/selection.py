"""What of a project is installed: the user's words about groups and extras, turned into the lock's bits."""

from __future__ import annotations

from blast_core.errors import UsageError
from blast_core.names import normalize_name
from blast_core.tuples import NamedTuple
from blast_project.project import DEFAULT_GROUP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["GroupSelection", "select_groups"]


class GroupSelection(NamedTuple):
    """The user's words, as options give them; the group ``dev`` is included unless it is refused."""

    groups: tuple[str, ...] = ()
    no_groups: tuple[str, ...] = ()
    all_groups: bool = False
    no_dev: bool = False
    only_groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    all_extras: bool = False

    @property
    def covers_default(self) -> bool:
        """Whether all that the default selection installs is installed, too."""
        return not (self.no_groups or self.no_dev or self.only_groups)

    @property
    def key(self) -> str:
        """A short text that is equal for equal selections; empty for the default one."""
        return "" if self == GroupSelection() else repr(tuple(self))


def select_groups(known: Sequence[str], selection: GroupSelection) -> int:
    """Return the mask of the groups to install; bit i stands for ``known[i]``.

    Raises:
        UsageError: a group or extra is named that the project does not have.
    """
    if selection.only_groups:
        chosen = {_known(known, "group", name) for name in selection.only_groups}
        return sum(1 << bit for bit, group in enumerate(known) if group in chosen)
    chosen = {DEFAULT_GROUP}
    if not selection.no_dev:
        chosen.add("group:dev")
    chosen.update(_known(known, "group", name) for name in selection.groups)
    chosen.update(_known(known, "extra", name) for name in selection.extras)
    if selection.all_groups:
        chosen.update(group for group in known if group.startswith("group:"))
    if selection.all_extras:
        chosen.update(group for group in known if group.startswith("extra:"))
    chosen.difference_update([_known(known, "group", name) for name in selection.no_groups])
    return sum(1 << bit for bit, group in enumerate(known) if group in chosen)


def _known(known: Sequence[str], kind: str, name: str) -> str:
    wanted = f"{kind}:{normalize_name(name)}"
    for group in known:
        prefix, _, rest = group.partition(":")
        if prefix == kind and normalize_name(rest) == normalize_name(name):
            return group
    names = [group.partition(":")[2] for group in known if group.startswith(kind + ":")]
    raise UsageError(
        f"the project has no {'dependency group' if kind == 'group' else 'extra'} '{name}'",
        reason=f"it has {', '.join(names)}" if names else "it has none",
        hint=f"'{wanted}' is what was looked for; names stand in pyproject.toml",
    )
