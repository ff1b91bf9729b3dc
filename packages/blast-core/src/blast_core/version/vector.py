"""The NumPy twins: encode, compare, sort and filter thousands of versions at once.

An array of keys holds exactly what ``version_key`` gives, as fixed-width byte strings (dtype ``S``, padded with 00,
which no key ends in), or as objects where a hostile version would make every row wide. Importing NumPy takes 50 ms and
more, so this is for whole indexes, not for one command's few projects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from blast_core.version.clauses import PRERELEASE_END, TOP
from blast_core.version.keys import EPOCH_ZERO, STABLE, version_key
from blast_core.version.specifiers import compile_specifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Keys = NDArray[Any]

__all__ = [
    "compare_versions",
    "encode_versions",
    "filter_versions",
    "prerelease_versions",
    "sort_versions",
]

#: Keys of real versions are 6 to 40 bytes; wider ones are kept as objects, so that one can't cost width times rows.
_WIDEST = 128
#: Releases of up to so many segments are encoded together: a wider array would cost the others more than it saves.
_SEGMENTS = 6
_DOT = ord(".")
_LINE = ord("\n")
_ZERO = ord("0")
#: The key of a plain release with n segments, the segments left 00, is row n.
_TEMPLATES = np.zeros((_SEGMENTS + 1, 1 + _SEGMENTS + 1 + len(STABLE)), dtype=np.uint8)
_TEMPLATES[:, 0] = EPOCH_ZERO[0]
for _count in range(_SEGMENTS + 1):
    _TEMPLATES[_count, 2 + _count : 2 + _count + len(STABLE)] = tuple(STABLE)


def encode_versions(texts: Sequence[str]) -> Keys:
    """Return the keys of ``texts`` as an array: ``version_key`` of each, in the same order.

    Raises:
        InvalidVersion: one of them is not a version.

    Cost: some 0.1 us for a plain release, as ``version_key`` for the others.
    """
    rows = len(texts)
    plain, good = _encode_plain(texts)
    odd = [(index, version_key(texts[index])) for index in np.flatnonzero(~good).tolist()]
    widest = max((len(key) for _, key in odd), default=0)
    if widest > _WIDEST:
        return _as_objects(plain, odd)
    width = plain.shape[1]
    keys = np.zeros(rows, dtype=f"S{max(widest, width)}")
    keys.view(np.uint8).reshape(rows, keys.itemsize)[:, :width] = plain
    for index, key in odd:
        keys[index] = key
    return keys


def _as_objects(plain: NDArray[np.uint8], odd: list[tuple[int, bytes]]) -> Keys:
    keys = np.empty(len(plain), dtype=object)
    keys[:] = plain.view(f"S{plain.shape[1]}").reshape(-1).tolist()
    for index, key in odd:
        keys[index] = key
    return keys


class _Runs(NamedTuple):
    """The stretches between dots and line ends of all texts, in order.

    Attributes:
        row: the text that each belongs to.
        place: its place in that text.
        value: its value as a number, where it is sound.
        sound: whether it is one to three digits below 224, among the first segments.
    """

    row: NDArray[np.intp]
    place: NDArray[np.intp]
    value: NDArray[np.intp]
    sound: NDArray[np.bool_]


def _encode_plain(texts: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Encode the plain releases among ``texts``.

    Returns:
        One row of key bytes per text, padded with 00, and which rows are good; the others are left to the scalar twin,
        because they are more than small numbers and dots.
    """
    rows = len(texts)
    joined = "\n".join(texts)
    if not rows or joined.count("\n") != rows - 1:
        # White space round a version is allowed, a line end too: too rare to care.
        return np.zeros((rows, _TEMPLATES.shape[1]), dtype=np.uint8), np.zeros(rows, dtype=np.bool_)
    runs = _split_runs(joined)
    good = np.ones(rows, dtype=np.bool_)
    good[runs.row[~runs.sound]] = False
    matters = runs.sound & (runs.value > 0)
    trimmed = np.zeros(rows, dtype=np.intp)
    # Of places assigned to one row the last stays, and that is the last segment that is not zero.
    trimmed[runs.row[matters]] = runs.place[matters] + 1
    keys = _TEMPLATES[trimmed]
    within = runs.sound & (runs.place < trimmed[runs.row])
    keys[runs.row[within], 1 + runs.place[within]] = runs.value[within] + 1
    keys[~good] = 0
    return keys, good


def _split_runs(joined: str) -> _Runs:
    codes = np.frombuffer(joined.encode("ascii", "replace") + b"\n", dtype=np.uint8)
    ends = np.flatnonzero((codes == _DOT) | (codes == _LINE))
    starts = np.concatenate((np.zeros(1, dtype=np.intp), ends[:-1] + 1))
    length = ends - starts
    # Codes below "0" wrap round to large numbers: whatever is above 9 is no digit.
    digits = codes - np.uint8(_ZERO)
    ones = digits[ends - 1].astype(np.intp)
    tens = np.where(length > 1, digits[np.maximum(ends - 2, 0)], 0).astype(np.intp)
    hundreds = np.where(length > 2, digits[np.maximum(ends - 3, 0)], 0).astype(np.intp)
    value = ones + 10 * tens + 100 * hundreds
    closes = codes[ends] == _LINE
    row = closes.cumsum() - closes
    first = np.concatenate((np.zeros(1, dtype=np.intp), np.flatnonzero(closes)[:-1] + 1))
    place = np.arange(len(ends)) - first[row]
    sound = (length > 0) & (length <= 3) & (ones <= 9) & (tens <= 9) & (hundreds <= 9)
    return _Runs(row, place, value, sound & (value < 224) & (place < _SEGMENTS))


def compare_versions(left: Keys, right: Keys) -> NDArray[np.int8]:
    """Return -1, 0 or 1 for each pair of keys, as the first is older, equal or newer; arrays broadcast."""
    newer = np.asarray(left > right, dtype=np.int8)
    older = np.asarray(left < right, dtype=np.int8)
    return newer - older


def sort_versions(keys: Keys) -> NDArray[np.intp]:
    """Return the positions of ``keys`` in ascending order; equal versions keep their order."""
    return np.argsort(keys, kind="stable")


def prerelease_versions(keys: Keys) -> NDArray[np.bool_]:
    """Return for each key whether it is a pre-release or a development release."""
    if keys.dtype == object:
        return np.array([key[-1] == PRERELEASE_END for key in keys], dtype=np.bool_)
    if not len(keys):
        return np.zeros(0, dtype=np.bool_)
    matrix = keys.view(np.uint8).reshape(len(keys), -1)
    # No key ends in 00, so its last byte is the last that is not 00.
    last = matrix.shape[1] - 1 - (matrix[:, ::-1] != 0).argmax(axis=1)
    return np.asarray(matrix[np.arange(len(keys)), last] == PRERELEASE_END)


def filter_versions(
    specifier: str, keys: Keys, *, texts: Sequence[str] = (), prereleases: bool | None = None
) -> NDArray[np.bool_]:
    """Return which versions satisfy a set of specifiers, as ``SpecifierSet(specifier).filter`` decides.

    Args:
        specifier: comma-separated specifiers.
        keys: from ``encode_versions``.
        texts: the spellings, needed only where the set has a ``===`` clause.
        prereleases: True lets pre-releases in, False keeps them out, None follows PEP 440.

    Raises:
        InvalidRequirement: a clause is not a specifier.
        ValueError: there is a ``===`` clause and ``texts`` are not as many as ``keys``.
    """
    compiled = compile_specifier(specifier)
    chosen = np.zeros(len(keys), dtype=np.bool_)
    for low, high in compiled.intervals:
        inside = keys >= np.array(low, dtype=keys.dtype if keys.dtype == object else None)
        if high != TOP:
            inside &= keys < np.array(high, dtype=keys.dtype if keys.dtype == object else None)
        chosen |= inside
    if compiled.exact:
        if len(texts) != len(keys):
            raise ValueError("=== compares spellings: texts and keys must be as many")
        chosen &= np.array([all(text.lower() == one for one in compiled.exact) for text in texts], dtype=np.bool_)
    return _apply_prereleases(chosen, keys, compiled.prerelease or None if prereleases is None else prereleases)


def _apply_prereleases(chosen: NDArray[np.bool_], keys: Keys, prereleases: bool | None) -> NDArray[np.bool_]:  # noqa: FBT001 - three-valued
    if prereleases:
        return chosen
    finals = chosen & ~prerelease_versions(keys)
    if prereleases is None and not finals.any():
        return chosen
    return finals
