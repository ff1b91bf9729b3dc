"""Extras and groups that are never installed together: the selections that a lock has to hold answers for.

What conflicts is not solved together. A *variant* is a largest choice of items without a conflict; every legal
selection lies within one of them, so an answer per variant is enough. ``[[cpu, gpu]]`` has two: all but gpu, all but
cpu.
"""

from __future__ import annotations

from blast_core.errors import InvalidManifest, UsageError
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from blast_project.project import Project

__all__ = ["MOST_VARIANTS", "Variant", "check_selection", "group_words", "project_variants", "variants_of"]

#: A lock holds 64 targets, and a variant takes one at least.
MOST_VARIANTS = 64


class Variant(NamedTuple):
    """Which of the conflicting items may be installed.

    Attributes:
        name: short and different from that of the others; "" where nothing conflicts.
        chosen: the items that may be installed, as the lock names groups.
        refused: the items that may not.
    """

    name: str
    chosen: tuple[str, ...]
    refused: frozenset[str]


def project_variants(project: Project) -> tuple[Variant, ...]:
    """Return the variants of a project in the order of its declarations; one without a name where nothing conflicts.

    The first stands for selections that choose none of the items, too.

    Raises:
        InvalidManifest: a declaration names what there is not, or an item includes others that conflict.
    """
    sets = _declared(project)
    if not sets:
        return (Variant("", (), frozenset()),)
    pairs = _inherited(project, _pairs(sets))
    items = list(dict.fromkeys([*(item for one in sets for item in one), *(item for pair in pairs for item in pair)]))
    chosen = _largest_choices(items, pairs)
    if len(chosen) > MOST_VARIANTS:
        raise InvalidManifest(
            f"{project.manifest.path}: the conflicts leave more than {MOST_VARIANTS} ways to choose",
            reason="the lock would hold an answer for each of them",
            hint="declare fewer sets in [tool.blast] conflicts",
        )
    return _named(items, chosen)


def variants_of(chosen_by_variant: Iterable[Sequence[str]]) -> tuple[Variant, ...]:
    """Return the variants of a lock, by what may be installed in each."""
    rows = [tuple(row) for row in chosen_by_variant]
    items = dict.fromkeys(item for row in rows for item in row)
    return tuple(Variant("", row, frozenset(items) - frozenset(row)) for row in rows)


def check_selection(selected: Collection[str], variants: Sequence[Variant]) -> Variant:
    """Return the first variant in which all of a selection may be installed.

    Args:
        selected: groups as the lock names them.
        variants: all of them.

    Raises:
        UsageError: there is none; the message names two that conflict.
    """
    for variant in variants:
        if variant.refused.isdisjoint(selected):
            return variant
    items = sorted({item for variant in variants for item in (*variant.chosen, *variant.refused)} & set(selected))
    for at, left in enumerate(items):
        for right in items[at + 1 :]:
            if not any(variant.refused.isdisjoint((left, right)) for variant in variants):
                raise _conflict(left, right)
    raise _conflict(*items[:2])


def group_words(group: str) -> str:
    """Return a group of the lock in words, such as ``extra 'cpu'``."""
    kind, _, name = group.partition(":")
    if kind == "package":
        member, _, rest = name.partition(":")
        return f"{group_words(rest)} of '{member}'" if rest else f"'{member}'"
    return f"{'extra' if kind == 'extra' else 'dependency group'} '{name}'"


def _conflict(left: str, right: str) -> UsageError:
    return UsageError(
        f"{group_words(left)} and {group_words(right)} can't be installed together",
        reason=f"[tool.blast] conflicts declares {_written(left)} and {_written(right)}, or what includes them",
        hint="choose one of the two",
    )


def _written(group: str) -> str:
    kind, _, name = group.partition(":")
    if kind == "package":
        member, _, rest = name.partition(":")
        return f'{{ package = "{member}"{", " + _written(rest)[2:] if rest else " }"}'
    return f'{{ {kind} = "{name}" }}'


def _declared(project: Project) -> list[tuple[str, ...]]:
    known = set(project.groups)
    sets = []
    for one in project.manifest.conflicts:
        groups = []
        for package, kind, name in one:
            group = f"{kind}:{name}" if kind else ""
            if package and package != project.name:
                group = ":".join(filter(None, ("package", package, group)))
            if group not in known:
                raise InvalidManifest(
                    f"{project.manifest.path}: conflicts names {group_words(group) if group else 'the project itself'},"
                    " which can't be chosen",
                    reason=f"there are {', '.join(sorted(known - {'default'})) or 'no extras and no groups'}",
                    hint="name extras and dependency groups of the project, or members of its workspace",
                )
            groups.append(group)
        sets.append(tuple(dict.fromkeys(groups)))
    return sets


def _pairs(sets: Iterable[Sequence[str]]) -> set[tuple[str, str]]:
    return {(left, right) for one in sets for left in one for right in one if left != right}


def _inherited(project: Project, pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Add the conflicts of groups that include an item.

    Raises:
        InvalidManifest: a group includes two items that conflict.
    """
    holds = {group: [group, *_included(project, group)] for group in project.groups}
    items = {left for left, _ in pairs}
    concerned = {group: [item for item in held if item in items] for group, held in holds.items()}
    found = set(pairs)
    for group, held in concerned.items():
        for left in held:
            for right in held:
                if (left, right) in pairs:
                    raise InvalidManifest(
                        f"{project.manifest.path}: {group_words(group)} can never be installed",
                        reason=f"it holds {group_words(left)} and {group_words(right)}, which are declared to conflict",
                        hint="leave one of them out of it, or take the declaration back",
                    )
        for other, others in concerned.items():
            if any((left, right) in pairs for left in held for right in others):
                found |= {(group, other), (other, group)}
    return found


def _included(project: Project, group: str) -> list[str]:
    """Return the groups that a group of the project includes, directly or not."""
    from blast_core.requirements import parse_requirement

    manifest = project.manifest
    found: dict[str, None] = {}
    pending = [group]
    while pending:
        kind, _, name = pending.pop().partition(":")
        more = [f"group:{one}" for one in manifest.included_groups.get(name, ())] if kind == "group" else []
        tables = {"group": manifest.groups, "extra": manifest.optional_dependencies}
        for line in tables.get(kind, {}).get(name, ()):
            requirement = parse_requirement(line)
            if requirement.name == project.name:
                more += [f"extra:{extra}" for extra in requirement.extras]
        pending += [one for one in more if one not in found and one != group]
        found.update(dict.fromkeys(more))
    return [one for one in found if one != group]


def _largest_choices(items: Sequence[str], pairs: Collection[tuple[str, str]]) -> list[tuple[str, ...]]:
    """Return the largest sets of items without a pair in conflict, those with the first items first."""
    choices: list[tuple[str, ...]] = []

    def extend(chosen: tuple[str, ...], at: int) -> None:
        if len(choices) > MOST_VARIANTS:
            return
        if at == len(items):
            if all(item in chosen or any((item, one) in pairs for one in chosen) for item in items):
                choices.append(chosen)
            return
        item = items[at]
        free = not any((item, one) in pairs for one in chosen)
        if free:
            extend((*chosen, item), at + 1)
        # To leave out what conflicts with nothing that is yet to come gives no largest set.
        if not free or any((item, other) in pairs for other in items[at + 1 :]):
            extend(chosen, at + 1)

    extend((), 0)
    return choices


def _named(items: Sequence[str], choices: Sequence[tuple[str, ...]]) -> tuple[Variant, ...]:
    short = [item.rpartition(":")[2] for item in items]
    words = {item: name if short.count(name) == 1 else item for item, name in zip(items, short, strict=True)}
    return tuple(
        Variant("+".join(words[item] for item in chosen), chosen, frozenset(items) - frozenset(chosen))
        for chosen in choices
    )
