"""Words for sets of versions, as a person would write them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from blast_pm.resolver.universe import Package

__all__ = ["all_of", "describe_versions", "either", "readable"]

# So many versions that a specifier leaves out are named.
_MOST_EXCEPTIONS = 2
# Of more runs of versions only the ends are told.
_MOST_RUNS = 3
_ORDER = ("===", "==", "~=", ">=", ">", "<=", "<", "!=")


def readable(specifier: str) -> str:
    """Return a specifier as a person would write it: ``>=1.6,<2`` for ``<2,>=1.6``; many exceptions become a number."""
    clauses = [clause.strip() for clause in specifier.split(",") if clause.strip()]
    clauses.sort(key=lambda clause: next((place for place, sign in enumerate(_ORDER) if clause.startswith(sign)), 0))
    exceptions = [clause for clause in clauses if clause.startswith("!=")]
    if len(exceptions) <= _MOST_EXCEPTIONS:
        return ",".join(clauses)
    bounds = ",".join(clause for clause in clauses if clause not in exceptions)
    return f"{bounds} (without {len(exceptions)} versions)"


def describe_versions(package: Package, versions: int, *, is_exact: bool = False) -> str:
    """Return words for a set of a package's versions, such as ``flask``, ``flask 1.0`` or ``flask>=2.0,<=2.3``.

    Versions that can't be used anyway don't make holes: the words may cover them, unless they are to be exact.
    """
    versions = versions >> 1
    every = (1 << len(package.table.texts)) - 1
    unusable = 0
    for mask, _ in () if is_exact else package.base.facts:
        unusable |= mask >> 1
    ignored = unusable if versions & ~unusable else 0
    if not every & ~(versions | ignored):
        return repr(package)
    runs = _runs(versions, ignored)
    if len(runs) > _MOST_RUNS:
        return f"{package!r}{_span(package.table.texts, runs[0][0], runs[-1][1])} (with gaps)"
    spans = [_span(package.table.texts, *run) for run in runs]
    return repr(package) + either(spans) if spans else f"no version of {package!r}"


def _runs(versions: int, ignored: int) -> list[tuple[int, int]]:
    """Return first and last index of each run of ``versions``; ignored ones between two don't part them."""
    runs: list[tuple[int, int]] = []
    for index in range(versions.bit_length()):
        if not versions >> index & 1:
            continue
        if runs and not (1 << index) - (2 << runs[-1][1]) & ~ignored:
            runs[-1] = (runs[-1][0], index)
        else:
            runs.append((index, index))
    return runs


def _span(texts: tuple[str, ...], first: int, last: int) -> str:
    if first == last:
        return f" {texts[first]}"
    if first == 0:
        return f"<={texts[last]}"
    return f">={texts[first]}" + (f",<={texts[last]}" if last < len(texts) - 1 else "")


def either(words: Iterable[str]) -> str:
    """Return ``a, b or c``, each word once."""
    return _series(list(dict.fromkeys(words)), "or")


def all_of(words: Iterable[str]) -> str:
    """Return ``a, b and c``."""
    return _series(list(words), "and")


def _series(words: list[str], last: str) -> str:
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1].lstrip() if words[-1].startswith(' ') else words[-1]}"
