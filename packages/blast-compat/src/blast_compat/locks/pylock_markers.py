"""Where a locked package is installed, as other tools read it: PEP 751's ``environments`` and ``packages.marker``.

A package's marker says three things: on which Pythons and platforms, for which extras and groups, and, where some of
these are declared to conflict, beside which of them. Each needs to be right only among what the lock answers for, which
is what keeps it short. ``'cpu' in extras`` stands for a choice of ``cpu``; what is in no choice is the first variant's.
"""

from __future__ import annotations

from itertools import combinations

from blast_core.formats.dpl.targets import VARIANT, variant_items
from blast_core.marker_masks import MarkerWriter
from blast_core.markers import evaluate_tree, parse_marker
from blast_core.names import normalize_name
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from blast_core.formats.dpl.model import Lock, LockTarget

    #: ``in`` or ``not in``, and the items of which one must be chosen, or none.
    _Choice = tuple[str, tuple[str, ...]]

__all__ = ["LockMarkers", "PackageMarker", "member_group"]

_PLATFORM = ("implementation_name", "sys_platform", "platform_machine")
_MORE = ("os_name", "platform_system", "platform_python_implementation")
_PYTHON = "python_version"
# With more conflicting items than these, markers are right but not made shorter: every item doubles the selections.
_MOST_ITEMS = 8


class PackageMarker(NamedTuple):
    """A package's marker.

    Attributes:
        text: "" for always.
        exact: whether it tells on which targets of the lock the package is installed.
    """

    text: str
    exact: bool


class _Kind(NamedTuple):
    """A Python on a platform, whatever the variant: its marker values and the lock's targets by variant."""

    values: tuple[tuple[str, str], ...]
    bits: dict[int, int]


class LockMarkers:
    """Writes and reads the markers of one lock, and remembers them.

    Args:
        lock: whose targets and groups count.
    """

    def __init__(self, lock: Lock) -> None:
        self._targets = lock.targets
        self._groups = lock.groups
        self._everywhere = (1 << len(lock.targets)) - 1
        self._variants = list(dict.fromkeys(variant_items(target) for target in lock.targets)) or [()]
        items = list(dict.fromkeys(item for variant in self._variants for item in variant))
        self._refused = [[item for item in items if item not in variant] for variant in self._variants]
        self._kinds = _kinds(lock.targets, self._variants)
        self._alike = any(bits & (bits - 1) for kind in self._kinds for bits in kind.bits.values())
        self._writer = MarkerWriter([dict(kind.values) for kind in self._kinds])
        self._known: dict[tuple[int, int], PackageMarker] = {}
        self._masks: dict[tuple[str, int], int] = {}

    def environments(self) -> list[str]:
        """Return markers that together hold where the lock has answers; [] when its targets do not tell."""
        minors: dict[tuple[tuple[str, str], ...], list[str]] = {}
        for kind in self._kinds:
            values = dict(kind.values)
            if not values.get("sys_platform") or not _is_minor(values.get(_PYTHON, "")):
                return []
            platform = tuple((name, values[name]) for name in (*_PLATFORM, *_MORE) if values.get(name))
            minors.setdefault(platform, []).append(values[_PYTHON])
        short = {platform: tuple(pair for pair in platform if pair[0] in _PLATFORM) for platform in minors}
        texts = []
        for platform, versions in minors.items():
            told = short[platform] if list(short.values()).count(short[platform]) == 1 else platform
            terms = [_compare(*pair) for pair in told]
            if "" in terms:
                return []
            texts += [" and ".join([*terms, *python]) for python in _ranges(versions)]
        return texts

    def write(self, target_mask: int, group_mask: int) -> PackageMarker:
        """Return the marker of a package that is installed on some targets when some groups are."""
        key = target_mask, group_mask
        if key not in self._known:
            self._known[key] = self._write(target_mask, group_mask)
        return self._known[key]

    def mask_of(self, text: str, group_mask: int) -> int:
        """Return the targets on which a package with a marker is installed when all of its groups are chosen.

        Raises:
            InvalidRequirement: it is no marker.
        """
        key = text, group_mask
        if key not in self._masks:
            self._masks[key] = self._evaluate(text, group_mask) if text else self._everywhere
        return self._masks[key]

    def _evaluate(self, text: str, group_mask: int) -> int:
        marker = parse_marker(text)
        mask = 0
        chosen = [group for bit, group in enumerate(self._groups) if group_mask >> bit & 1]
        for number, variant in enumerate(self._variants):
            selected = [group for group in (*chosen, *variant) if group not in self._refused[number]]
            extras = _named(selected, "extra")
            groups = {
                *_named(selected, "group"),
                *(member_group(one) for one in selected if one.startswith("package:")),
            }
            for kind in self._kinds:
                bit = kind.bits.get(number, 0)
                if bit and evaluate_tree(marker, dict(kind.values), extras, groups):
                    mask |= bit
        return mask

    def _write(self, target_mask: int, group_mask: int) -> PackageMarker:
        groups = self._groups_term(group_mask)
        where, exact = self._targets_term(target_mask, group_mask)
        terms = list(dict.fromkeys(term for term in (where, groups) if term))
        text = " and ".join(f"({term})" if " or " in term and len(terms) > 1 else term for term in terms)
        if exact and (self._alike or len(self._variants) > 1):
            exact = self.mask_of(text, group_mask) == target_mask
        return PackageMarker(text, exact)

    def _targets_term(self, mask: int, group_mask: int) -> tuple[str, bool]:
        concerned = [number for number in range(len(self._variants)) if self._concerns(number, group_mask)]
        rows = {number: self._split(mask, number) for number in concerned}
        together = 0
        for there, _ in rows.values():
            together |= there
        if all(together & present == there for there, present in rows.values()):
            text = self._writer.write(together)
            return (_single(text), True) if text is not None else ("", False)
        parts = []
        for number, (there, present) in rows.items():
            if not there:
                continue
            # What the lock has nothing of in this variant may be said of as is shortest.
            platform = "" if there == present else self._writer.write(there)
            choice = self._choice(number, concerned)
            if platform is None or choice is None:
                return "", False
            parts.append(_all_of(_single(platform), choice))
        return ("", True) if "" in parts else (_any_of(parts), True)

    def _concerns(self, variant: int, group_mask: int) -> bool:
        """Tell whether one of a package's groups may be chosen in a variant."""
        refused = self._refused[variant]
        return any(group_mask >> bit & 1 and group not in refused for bit, group in enumerate(self._groups))

    def _split(self, mask: int, variant: int) -> tuple[int, int]:
        """Return the kinds on which a mask holds in a variant, and those that the lock has there."""
        there = present = 0
        for number, kind in enumerate(self._kinds):
            bit = kind.bits.get(variant, 0)
            present |= (1 << number) if bit else 0
            there |= (1 << number) if bit & mask else 0
        return there, present

    def _choice(self, variant: int, concerned: Sequence[int]) -> str | None:
        """Return the marker of selections that a variant answers for, as against others; None if there is none."""
        terms: list[_Choice] = [("not in", (item,)) for item in self._refused[variant]]
        terms += [("in", tuple(self._refused[earlier])) for earlier in range(variant)]
        terms = self._shortest(terms, variant, concerned)
        texts = []
        for operator, items in terms:
            words = [_membership(item, operator) for item in items]
            if "" in words:
                return None
            texts.append(_any_of(words))
        return " and ".join(f"({text})" if " or " in text and len(texts) > 1 else text for text in texts)

    def _shortest(self, terms: list[_Choice], variant: int, concerned: Sequence[int]) -> list[_Choice]:
        """Leave out terms without which no legal selection of the variants concerned is taken for another."""
        selections = self._legal_selections(concerned)
        for term in list(terms) if selections else []:
            fewer = [one for one in terms if one != term]
            if all(_selected(fewer, chosen) == (number == variant) for chosen, number in selections):
                terms = fewer
        return terms

    def _legal_selections(self, concerned: Sequence[int]) -> list[tuple[frozenset[str], int]]:
        """Return every legal choice of the conflicting items with the variant that answers for it; [] for too many."""
        found: dict[frozenset[str], int] = {}
        if max(map(len, self._variants)) > _MOST_ITEMS:
            return []
        for number, variant in enumerate(self._variants):
            for size in range(len(variant) + 1):
                for chosen in combinations(variant, size):
                    found.setdefault(frozenset(chosen), number)
        return [(chosen, number) for chosen, number in found.items() if number in concerned]

    def _groups_term(self, mask: int) -> str:
        """Return the marker of groups; "" for what the default group needs, which every installer takes unasked."""
        words = []
        for bit, group in enumerate(self._groups):
            if mask >> bit & 1:
                word = _membership(group, "in")
                if not word:
                    return ""
                words.append(word)
        return _any_of(words)


def member_group(group: str) -> str:
    """Return what a group of a workspace's member is called for other tools, which know of no members."""
    return group.replace(":", "-")


def _kinds(targets: Sequence[LockTarget], variants: Sequence[tuple[str, ...]]) -> list[_Kind]:
    kinds: dict[tuple[tuple[str, str], ...], _Kind] = {}
    for bit, target in enumerate(targets):
        values = tuple(sorted(pair for pair in target.markers if pair[0] != VARIANT))
        number = variants.index(variant_items(target))
        kind = kinds.setdefault(values, _Kind(values, {}))
        # Two targets that no marker tells apart share what is said of them.
        kind.bits[number] = kind.bits.get(number, 0) | 1 << bit
    return list(kinds.values())


def _named(groups: Iterable[str], kind: str) -> set[str]:
    return {normalize_name(group.partition(":")[2]) for group in groups if group.startswith(f"{kind}:")}


def _selected(terms: Iterable[_Choice], chosen: frozenset[str]) -> bool:
    return all(any(item in chosen for item in items) == (operator == "in") for operator, items in terms)


def _membership(group: str, operator: str) -> str:
    kind, _, name = group.partition(":")
    if kind == "package":
        kind, name = "group", member_group(group)
    if kind == "group":
        return f"{_quoted(name)} {operator} dependency_groups" if _quoted(name) else ""
    if kind == "extra":
        name = normalize_name(name)
        return f"{_quoted(name)} {operator} extras" if _quoted(name) else ""
    return ""


def _ranges(versions: Sequence[str]) -> list[list[str]]:
    """Return terms for each run of minors without a gap."""
    minors = sorted({tuple(map(int, version.split("."))) for version in versions})
    runs: list[list[tuple[int, ...]]] = []
    for minor in minors:
        if runs and runs[-1][-1] == (minor[0], minor[1] - 1):
            runs[-1].append(minor)
        else:
            runs.append([minor])
    return [
        [f"{_PYTHON} == '{_dotted(run[0])}'"]
        if len(run) == 1
        else [f"{_PYTHON} >= '{_dotted(run[0])}'", f"{_PYTHON} < '{run[-1][0]}.{run[-1][1] + 1}'"]
        for run in runs
    ]


def _dotted(minor: Sequence[int]) -> str:
    return ".".join(map(str, minor))


def _is_minor(text: str) -> bool:
    major, dot, minor = text.partition(".")
    return bool(dot) and major.isdecimal() and minor.isdecimal()


def _single(text: str) -> str:
    """Return a marker with the quotes that need no escape in TOML; the values hold none."""
    return text.replace('"', "'") if "'" not in text else text


def _all_of(*terms: str) -> str:
    kept = [term for term in terms if term]
    return " and ".join(f"({term})" if " or " in term and len(kept) > 1 else term for term in kept)


def _any_of(terms: Sequence[str]) -> str:
    if len(terms) == 1:
        return terms[0]
    return " or ".join(f"({term})" if " and " in term else term for term in terms)


def _compare(variable: str, value: str) -> str:
    quoted = _quoted(value)
    return f"{variable} == {quoted}" if quoted else ""


def _quoted(value: str) -> str:
    if not value.isprintable() or "\\" in value:
        return ""
    if "'" not in value:
        return f"'{value}'"
    return "" if '"' in value else f'"{value}"'
