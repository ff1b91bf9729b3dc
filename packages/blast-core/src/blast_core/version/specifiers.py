"""Specifier sets as intervals of keys, and as masks over a table of versions.

A set of specifiers is a short list of disjoint intervals of the keys' byte order (``clauses`` makes them). A version
satisfies the set if its key lies in one of them; a sorted table is cut by bisection.
"""

from __future__ import annotations

from bisect import bisect_left

from blast_core.errors import InvalidRequirement, InvalidVersion
from blast_core.tuples import NamedTuple
from blast_core.version.clauses import EVERYTHING, PRERELEASE_END, TOP, parse_clause
from blast_core.version.keys import version_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from blast_core.version.clauses import Intervals
    from blast_core.version.keys import VersionTable

__all__ = [
    "CompiledSpecifier",
    "SpecifierSet",
    "check_specifier",
    "compile_specifier",
    "known_masks",
    "match_single",
    "mentions_prerelease",
    "specifier_mask",
]

_CACHE_LIMIT = 65536
_TABLE_LIMIT = 8192


class CompiledSpecifier(NamedTuple):
    """A specifier set, ready for use.

    Attributes:
        text: the clauses as written, without white space, joined by commas.
        intervals: disjoint, ascending; a key is in if ``low <= key < high`` for one of them.
        exact: lower-case texts of the ``===`` clauses, of which a version's own spelling must equal every one.
        prerelease: whether a clause names a pre-release, which lets pre-releases in (PEP 440).
        clauses: how many there are.
    """

    text: str
    intervals: Intervals
    exact: tuple[str, ...]
    prerelease: bool
    clauses: int


_compiled: dict[str, CompiledSpecifier] = {}


def compile_specifier(text: str) -> CompiledSpecifier:
    """Return the compiled form of a comma-separated set of specifiers; "" is satisfied by everything.

    Raises:
        InvalidRequirement: a clause is not a specifier.

    Spec: PEP 440, Version specifiers. Cost: some 2 us a clause on a miss, one look-up on a hit.
    """
    compiled = _compiled.get(text)
    if compiled is None:
        if len(_compiled) >= _CACHE_LIMIT:
            _compiled.clear()
        compiled = _compiled[text] = _compile(text)
    return compiled


def _compile(text: str) -> CompiledSpecifier:
    parts = [part.strip() for part in text.split(",")]
    # Clauses are remembered one by one too: `<2` stands beside many lower bounds.
    clauses = [_compiled.get(part) or _compile_clause(part, text) for part in parts if part]
    if len(clauses) == 1:
        return clauses[0]
    exact: list[str] = []
    prerelease = False
    for clause in clauses:
        if clause.exact:
            exact += clause.exact
        prerelease = prerelease or clause.prerelease
    intervals = _intersect_all([clause.intervals for clause in clauses])
    text = ",".join([clause.text for clause in clauses])
    return CompiledSpecifier(text, intervals, tuple(exact), prerelease, len(clauses))


def _intersect_all(sets: list[Intervals]) -> Intervals:
    """Return what all these lists of disjoint intervals share; in pairs, because a hostile set has very many."""
    while len(sets) > 2:
        sets = [_intersect(*sets[at : at + 2]) for at in range(0, len(sets), 2)]
    return _intersect(*sets) if sets else EVERYTHING


def _intersect(left: Intervals, right: Intervals = EVERYTHING) -> Intervals:
    """Return what two ascending lists of disjoint intervals share."""
    if left is EVERYTHING:
        return right
    if right is EVERYTHING:
        return left
    found = []
    at = other = 0
    while at < len(left) and other < len(right):
        low = max(left[at][0], right[other][0])
        high = min(left[at][1], right[other][1])
        if low < high:
            found.append((low, high))
        # Nothing that comes reaches into the one that ends first.
        if left[at][1] == high:
            at += 1
        else:
            other += 1
    return tuple(found)


def _compile_clause(clause: str, text: str) -> CompiledSpecifier:
    """Compile and remember one clause of ``text``, stripped of white space."""
    try:
        operator, version, intervals, mentions = parse_clause(clause)
    except ValueError:
        raise _invalid(text, clause) from None
    exact = (version.lower(),) if operator == "===" else ()
    compiled = _compiled[clause] = CompiledSpecifier(operator + version, intervals, exact, mentions, 1)
    return compiled


def check_specifier(text: str) -> None:
    """Check that ``text`` is a set of specifiers, as PEP 440 has them; "" is one.

    Raises:
        InvalidRequirement: a clause is not a specifier.
    """
    compile_specifier(text)


def match_single(text: str, version: str) -> bool | None:
    """Tell whether ``version`` satisfies the one clause ``text``, pre-releases among them, as markers need it.

    Returns:
        None where ``text`` is not exactly one clause; False where ``version`` is no version.
    """
    compiled = _compiled.get(text)
    if compiled is None:
        try:
            compiled = compile_specifier(text)
        except InvalidRequirement:
            return None
    if compiled.clauses != 1 or "," in text:
        return None
    return _matches(compiled, version, _key_or_none(version))


def mentions_prerelease(text: str) -> bool:
    """Tell whether a set of specifiers lets pre-releases in by naming one, other than in ``!=``.

    Raises:
        InvalidRequirement: a clause is not a specifier.

    Spec: PEP 440, Handling of pre-releases.
    """
    return compile_specifier(text).prerelease


#: Masks by table (its identity, which holding the table keeps unique) and specifier.
_masks: dict[int, tuple[VersionTable, dict[str, int]]] = {}


def specifier_mask(text: str, table: VersionTable) -> int:
    """Return the set of a table's versions that satisfy ``text``, pre-releases among them: bit i for ``texts[i]``.

    Raises:
        InvalidRequirement: a clause is not a specifier.

    Cost: called for each edge of the resolver; one look-up for a pair seen before, else a compilation and two
    bisections.
    """
    entry = _masks.get(id(table))
    masks = entry[1] if entry is not None else known_masks(table)
    mask = masks.get(text)
    if mask is None:
        mask = masks[text] = _mask(compile_specifier(text), table)
    return mask


def known_masks(table: VersionTable) -> dict[str, int]:
    """Return what is known of a table, masks by specifier; an earlier run's for an equal table may be put in."""
    entry = _masks.get(id(table))
    if entry is None:
        if len(_masks) >= _TABLE_LIMIT:
            _masks.clear()
        entry = _masks[id(table)] = (table, {})
    return entry[1]


def _mask(compiled: CompiledSpecifier, table: VersionTable) -> int:
    keys = table.keys
    mask = 0
    for low, high in compiled.intervals:
        start = bisect_left(keys, low)
        end = bisect_left(keys, high, start) if high != TOP else len(keys)
        mask |= (1 << end) - (1 << start)
    if compiled.exact:
        mask &= _exact_mask(compiled.exact, table.texts)
    return mask


def _exact_mask(exact: tuple[str, ...], texts: tuple[str, ...]) -> int:
    mask = 0
    for index, text in enumerate(texts):
        lowered = text.lower()
        if all(lowered == wanted for wanted in exact):
            mask |= 1 << index
    return mask


class SpecifierSet:
    """A set of specifiers that decides as ``packaging.specifiers.SpecifierSet`` does.

    Args:
        text: comma-separated specifiers; "" is satisfied by everything.
        prereleases: overrides what the specifiers say about pre-releases.

    Raises:
        InvalidRequirement: a clause is not a specifier.
    """

    __slots__ = ("_configured", "compiled")

    def __init__(self, text: str = "", prereleases: bool | None = None) -> None:  # noqa: FBT001 - packaging's shape
        self.compiled = compile_specifier(text)
        self._configured = prereleases

    @property
    def prereleases(self) -> bool | None:
        """Whether pre-releases are let in: always, never, or (None) only where nothing else is left."""
        if self._configured is not None:
            return self._configured
        return True if self.compiled.prerelease else None

    def contains(self, version: str, prereleases: bool | None = None) -> bool:  # noqa: FBT001 - packaging's shape
        """Tell whether a single version satisfies the set.

        A pre-release does unless ``prereleases`` (or, where that is None, the set's own setting) is False: one version
        alone has no alternative. What is no version satisfies only ``===`` and the empty set.

        Spec: PEP 440; packaging 26, ``SpecifierSet.contains``.
        """
        key = _key_or_none(version)
        if prereleases is None:
            prereleases = self._configured
        if prereleases is False and key is not None and key[-1] == PRERELEASE_END:
            return False
        return _matches(self.compiled, version, key)

    def filter(
        self,
        versions: Iterable[str],
        prereleases: bool | None = None,  # noqa: FBT001 - packaging's shape
    ) -> list[str]:
        """Return the versions that satisfy the set, in the order given.

        Pre-releases stay if ``prereleases`` is True, or the set names one, or nothing else satisfies it.

        Spec: PEP 440, Handling of pre-releases; packaging 26, ``SpecifierSet.filter``.
        """
        if prereleases is None:
            prereleases = self.prereleases
        matches = [(text, key) for text in versions if _matches(self.compiled, text, key := _key_or_none(text))]
        if prereleases:
            return [text for text, _ in matches]
        finals = [text for text, key in matches if key is None or key[-1] != PRERELEASE_END]
        if prereleases is None and not any(key is not None and key[-1] != PRERELEASE_END for _, key in matches):
            return [text for text, _ in matches]
        return finals

    def __str__(self) -> str:
        return self.compiled.text

    def __repr__(self) -> str:
        return f"SpecifierSet({self.compiled.text!r})"

    def __hash__(self) -> int:
        return hash((frozenset(self.compiled.text.split(",")), self._configured))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SpecifierSet):
            return NotImplemented
        mine, theirs = self.compiled.text.split(","), other.compiled.text.split(",")
        return set(mine) == set(theirs) and self._configured == other._configured


def _matches(compiled: CompiledSpecifier, version: str, key: bytes | None) -> bool:
    if compiled.exact:
        lowered = version.lower()
        if any(lowered != wanted for wanted in compiled.exact):
            return False
    if key is None:
        # A clause of another operator can't be judged; without such a clause there is nothing against it.
        return compiled.clauses == len(compiled.exact)
    return any(low <= key < high for low, high in compiled.intervals)


def _key_or_none(version: str) -> bytes | None:
    try:
        return version_key(version)
    except InvalidVersion:
        return None


def _invalid(text: str, clause: str) -> InvalidRequirement:
    start = text.find(clause)
    return InvalidRequirement(
        f"{clause!r} is not a version specifier",
        reason=f"in {text!r}, at column {start + 1}" if clause != text else "it does not follow PEP 440",
        hint="specifiers look like >=1.2, ==1.4.*, ~=2.1, !=1.5 or <3",
        specifier=text,
        position=start,
    )
