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
    """The user's words, as options give them; the group ``dev`` is included unless it is refused.

    ``members`` are packages of a workspace by normalised name, ``:all:`` for all; without any it is the one that the
    command was called in.
    """

    groups: tuple[str, ...] = ()
    no_groups: tuple[str, ...] = ()
    all_groups: bool = False
    no_dev: bool = False
    only_groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    all_extras: bool = False
    members: tuple[str, ...] = ()

    @property
    def covers_default(self) -> bool:
        """Whether all that the default selection installs is installed, too."""
        return not (self.no_groups or self.no_dev or self.only_groups or self.members)

    def with_more(self, other: GroupSelection) -> GroupSelection:
        """Return what is chosen by either."""
        return GroupSelection(
            (*self.groups, *other.groups),
            (*self.no_groups, *other.no_groups),
            self.all_groups or other.all_groups,
            self.no_dev or other.no_dev,
            (*self.only_groups, *other.only_groups),
            (*self.extras, *other.extras),
            self.all_extras or other.all_extras,
            (*self.members, *other.members),
        )

    @property
    def key(self) -> str:
        """A short text that is equal for equal selections; empty for the default one."""
        return "" if self == GroupSelection() else repr(tuple(self))


def select_groups(known: Sequence[str], selection: GroupSelection, members: Sequence[str] = ("",)) -> int:
    """Return the mask of the groups to install; bit i stands for ``known[i]``.

    Args:
        known: the lock's groups.
        selection: the user's words.
        members: of a workspace whose groups are meant; "" for the project at its root.

    Raises:
        UsageError: a group or extra is named that none of the members has.
    """
    scopes = [_Scope(known, member) for member in members]
    if selection.only_groups:
        chosen = {group for name in selection.only_groups for group in _find(scopes, "group", name)}
        return _mask(known, chosen)
    chosen = {scope.default for scope in scopes}
    if not selection.no_dev:
        chosen.update(scope.name("group:dev") for scope in scopes)
    for kind, names in (("group", selection.groups), ("extra", selection.extras)):
        chosen.update(group for name in names for group in _find(scopes, kind, name))
    for scope in scopes:
        if selection.all_groups:
            chosen.update(scope.of_kind("group"))
        if selection.all_extras:
            chosen.update(scope.of_kind("extra"))
    chosen.difference_update(group for name in selection.no_groups for group in _find(scopes, "group", name))
    return _mask(known, chosen)


class _Scope:
    """The groups of one member of a workspace, or of the project at its root."""

    def __init__(self, known: Sequence[str], member: str) -> None:
        self._known = known
        self._prefix = f"package:{member}:" if member else ""
        self.default = f"package:{member}" if member else DEFAULT_GROUP

    def name(self, group: str) -> str:
        """Return the lock's name of a group such as ``group:dev``."""
        return self._prefix + group

    def of_kind(self, kind: str) -> list[str]:
        """Return the lock's names of all extras, or of all dependency groups."""
        return [group for group in self._known if group.startswith(f"{self._prefix}{kind}:")]


def _mask(known: Sequence[str], chosen: set[str]) -> int:
    return sum(1 << bit for bit, group in enumerate(known) if group in chosen)


def _find(scopes: Sequence[_Scope], kind: str, name: str) -> list[str]:
    """Return the groups that a person's word means, at least one."""
    wanted = normalize_name(name)
    of_kind = [group for scope in scopes for group in scope.of_kind(kind)]
    found = [group for group in of_kind if normalize_name(group.rpartition(":")[2]) == wanted]
    if found:
        return found
    names = list(dict.fromkeys(group.rpartition(":")[2] for group in of_kind))
    raise UsageError(
        f"the project has no {'dependency group' if kind == 'group' else 'extra'} '{name}'",
        reason=f"it has {', '.join(names)}" if names else "it has none",
        hint=f"'{kind}:{wanted}' is what was looked for; names stand in pyproject.toml",
    )
