"""What of a project is installed: the user's words about groups and extras, turned into the lock's bits."""

from __future__ import annotations

from blast_core.errors import UsageError
from blast_core.names import normalize_name
from blast_core.tuples import NamedTuple
from blast_project.project import DEFAULT_GROUP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_project.project import Project

__all__ = [
    "LOCAL",
    "PROJECT",
    "WORKSPACE",
    "GroupSelection",
    "chosen_groups",
    "chosen_members",
    "default_groups",
    "select_groups",
]

#: What ``left_out`` may say beside names: the project itself, every package of the workspace, whatever is a directory
#: or a file of this machine.
PROJECT, WORKSPACE, LOCAL = ":project:", ":workspace:", ":local:"
# Stands for every package of a workspace, and for every group.
_ALL = ":all:"
_UNASKED = ("dev",)
_NO_DEFAULTS: dict[str, tuple[str, ...]] = {}


class GroupSelection(NamedTuple):
    """The user's words, as options give them.

    The default groups are included unless they are refused: those of ``default-groups``, the group ``dev`` without it.

    Attributes:
        groups: also these groups.
        no_groups: not these groups.
        all_groups: every group.
        no_dev: not the group ``dev``, where there is one.
        only_groups: these groups and nothing else.
        extras: also these extras.
        all_extras: every extra.
        members: packages of a workspace by normalised name, ``:all:`` for all; without any it is the one that the
            command was called in.
        no_defaults: not the default groups.
        dev: the group ``dev``, where there is one.
        no_extras: not these extras.
        left_out: normalised names of what is not installed though it is chosen, or `PROJECT`, `WORKSPACE`, `LOCAL`.
    """

    groups: tuple[str, ...] = ()
    no_groups: tuple[str, ...] = ()
    all_groups: bool = False
    no_dev: bool = False
    only_groups: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    all_extras: bool = False
    members: tuple[str, ...] = ()
    no_defaults: bool = False
    dev: bool = False
    no_extras: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def covers_default(self) -> bool:
        """Whether all that the default selection installs is installed, too."""
        fewer = self.no_groups or self.no_dev or self.only_groups or self.no_defaults or self.left_out
        return not (fewer or self.members)

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
            self.no_defaults or other.no_defaults,
            self.dev or other.dev,
            (*self.no_extras, *other.no_extras),
            (*self.left_out, *other.left_out),
        )

    @property
    def key(self) -> str:
        """A short text that is equal for equal selections; empty for the default one."""
        return "" if self == GroupSelection() else repr(tuple(self))


def chosen_groups(project: Project, known: Sequence[str], selection: GroupSelection) -> int:
    """Return the mask of the groups of a project, or of the chosen packages of a workspace, that are installed.

    Args:
        project: whose lock it is.
        known: the lock's groups; bit i stands for ``known[i]``.
        selection: the user's words.

    Raises:
        UsageError: a group, an extra or a package is named that isn't there.
    """
    members = chosen_members(project, selection.members)
    return select_groups(known, selection, members, default_groups(project))


def default_groups(project: Project) -> dict[str, tuple[str, ...]]:
    """Return by member, "" for the root, which groups are installed unasked; ``:all:`` stands for every one.

    What the root says counts for its members, too, unless they say otherwise.
    """
    of_root = _said_defaults(project.manifest.tool, _UNASKED)
    members = project.workspace.members if project.workspace is not None else ()
    return {"": of_root, **{member.name: _said_defaults(member.manifest.tool, of_root) for member in members}}


def _said_defaults(tool: Mapping[str, object], otherwise: tuple[str, ...]) -> tuple[str, ...]:
    said = tool.get("default-groups")
    if isinstance(said, list):
        return tuple(map(str, said))
    return (_ALL,) if said == "all" else otherwise


def select_groups(
    known: Sequence[str],
    selection: GroupSelection,
    members: Sequence[str] = ("",),
    defaults: Mapping[str, tuple[str, ...]] = _NO_DEFAULTS,
) -> int:
    """Return the mask of the groups to install; bit i stands for ``known[i]``.

    Args:
        known: the lock's groups.
        selection: the user's words.
        members: of a workspace whose groups are meant; "" for the project at its root.
        defaults: by member the groups that are installed unasked, ``:all:`` for every one; ``dev`` where it says none.

    Raises:
        UsageError: a group or extra is named that none of the members has.
    """
    scopes = [_Scope(known, member) for member in members]
    if selection.only_groups:
        chosen = {group for name in selection.only_groups for group in _find(scopes, "group", name)}
        return _mask(known, chosen)
    chosen = {scope.default for scope in scopes}
    if not selection.no_defaults:
        for scope, member in zip(scopes, members, strict=True):
            chosen.update(scope.groups_of(defaults.get(member, _UNASKED)))
    if selection.dev:
        chosen.update(scope.name("group:dev") for scope in scopes)
    for scope in scopes:
        if selection.all_groups:
            chosen.update(scope.of_kind("group"))
        if selection.all_extras:
            chosen.update(scope.of_kind("extra"))
    chosen.update(_named(scopes, selection.groups, selection.extras))
    chosen.difference_update(_named(scopes, selection.no_groups, selection.no_extras))
    if selection.no_dev:
        chosen.difference_update(scope.name("group:dev") for scope in scopes)
    return _mask(known, chosen)


def chosen_members(project: Project, asked: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the members of a workspace that a command means, "" for the root's own project.

    Args:
        project: the workspace, or a project that is none.
        asked: normalised names, or ``:all:``; without any the member it was called in, or all of a mere frame.

    Raises:
        UsageError: there is no member of a name.
    """
    workspace = project.workspace
    if asked:
        return _named_members(project, asked)
    if workspace is None:
        return ("",)
    if project.member:
        return tuple(member.name for member in workspace.members if member.path == project.member)
    return ("",) if project.manifest.name else ("", *(member.name for member in workspace.members))


def _named_members(project: Project, asked: Sequence[str]) -> tuple[str, ...]:
    places = project.workspace.places if project.workspace is not None else ((project.name, "."),)
    members = {name: "" if path == "." else name for name, path in places}
    if _ALL in asked:
        return ("", *(name for name in members.values() if name))
    for name in asked:
        if name not in members:
            raise UsageError(
                f"there is no package '{name}' here",
                reason=f"the packages are {', '.join(members)}",
                hint="names of packages stand in their pyproject.toml",
            )
    return tuple(members[name] for name in asked)


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

    def groups_of(self, names: Sequence[str]) -> list[str]:
        """Return the lock's names of dependency groups, of those that there are."""
        if _ALL in names:
            return self.of_kind("group")
        wanted = {normalize_name(name) for name in names}
        return [group for group in self.of_kind("group") if normalize_name(group.rpartition(":")[2]) in wanted]


def _mask(known: Sequence[str], chosen: set[str]) -> int:
    return sum(1 << bit for bit, group in enumerate(known) if group in chosen)


def _named(scopes: Sequence[_Scope], groups: Sequence[str], extras: Sequence[str]) -> list[str]:
    return [
        group
        for kind, names in (("group", groups), ("extra", extras))
        for name in names
        for group in _find(scopes, kind, name)
    ]


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
