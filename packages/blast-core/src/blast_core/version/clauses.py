"""One clause of a specifier set as intervals of keys.

Every operator of PEP 440 but ``===`` is one or two half-open intervals of the keys' byte order. The bounds are prefixes
of keys, sometimes with FF behind, so they need not be keys themselves:

    >=V  [key(V), …)                        <=V  […, locals of V end)
    ==V  [key(V), locals of V end)          !=V  what is left
    >V   [post-releases of V end, …)        <V   […, first pre-release of V), or key(V) if V is a pre-release
    ~=V  [key(V), next prefix)              ==V.*  [first pre-release of V, next prefix)

What decides where the PEP leaves room is ``packaging.specifiers`` 26; tests compare the two.
"""

from __future__ import annotations

from blast_core.errors import InvalidVersion
from blast_core.version.keys import STABLE, encode_number, parse_suffix, release_prefix, version_key
from blast_core.version.parts import dissect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.version.keys import Suffix

    Interval = tuple[bytes, bytes]
    Intervals = tuple[Interval, ...]

__all__ = ["BOTTOM", "EVERYTHING", "PRERELEASE_END", "TOP", "parse_clause"]

#: Below and above every key. (The largest first byte of a key is the FF of a huge epoch, whose width follows.)
BOTTOM = b""
TOP = b"\xff" * 6
EVERYTHING = ((BOTTOM, TOP),)
#: The last byte of a pre-release's key.
PRERELEASE_END = 2
_AFTER = b"\xff"
_PLAIN = frozenset("0123456789.")
_PLAIN_SUFFIX = parse_suffix("")
_SINGLE_OPERATORS = ("<", ">")
_DOUBLE_OPERATORS = frozenset(("==", "!=", "~=", "<=", ">="))


def parse_clause(clause: str) -> tuple[str, str, Intervals, bool]:
    """Return operator, version, intervals and whether the clause asks for pre-releases.

    Args:
        clause: without white space at its ends.

    Raises:
        ValueError: it is not a specifier.
    """
    operator = clause[:2]
    if operator in _DOUBLE_OPERATORS:
        if _PLAIN.issuperset(clause[2:]):
            # The commonest form by far, a release without blanks, takes half the time.
            key = version_key(clause[2:])
            return operator, clause[2:], _RULES[operator](clause[2:], key[: -len(STABLE)], _PLAIN_SUFFIX, key), False
        if clause.startswith("==="):
            return _parse_identity(clause)
    elif clause.startswith(_SINGLE_OPERATORS):
        operator = clause[:1]
    else:
        raise ValueError(clause)
    version = clause[len(operator) :].strip()
    if operator in {"==", "!="} and version.endswith(".*"):
        interval = _wildcard(version)
        return operator, version, interval if operator == "==" else _complement(interval), False
    key = version_key(version)
    if "+" in version and operator not in {"==", "!="}:
        raise ValueError(clause)
    prefix, suffix = _split(version, key)
    mentions = key[-1] == PRERELEASE_END and operator != "!="
    return operator, version, _RULES[operator](version, prefix, suffix, key), mentions


def _parse_identity(clause: str) -> tuple[str, str, Intervals, bool]:
    """Read ``===``, which compares spellings and allows any text without blanks, ``;`` and ``)``."""
    version = clause[3:].strip()
    if ";" in version or ")" in version or len(version.split()) > 1:
        raise ValueError(clause)
    try:
        mentions = version_key(version)[-1] == PRERELEASE_END
    except InvalidVersion:
        mentions = False
    return "===", version, EVERYTHING, mentions


def _split(version: str, key: bytes) -> tuple[bytes, Suffix]:
    """Return the release part of a version's key, up to and with its 00, and what its pre, post and dev slots say."""
    if _PLAIN.issuperset(version):
        return key[: -len(STABLE)], _PLAIN_SUFFIX
    epoch, segments, tail, _ = dissect(version)
    return release_prefix(epoch, list(map(int, segments))), parse_suffix(tail)


def _from(_version: str, _prefix: bytes, _suffix: Suffix, key: bytes) -> Intervals:
    return ((key, TOP),)


def _up_to(_version: str, prefix: bytes, suffix: Suffix, _key: bytes) -> Intervals:
    return ((BOTTOM, prefix + suffix.encoded + _AFTER),)


def _equal(version: str, prefix: bytes, suffix: Suffix, key: bytes) -> Intervals:
    # With a local label nothing but itself is equal; without, every local version of it is.
    return ((key, key + _AFTER if "+" in version else prefix + suffix.encoded + _AFTER),)


def _unequal(version: str, prefix: bytes, suffix: Suffix, key: bytes) -> Intervals:
    return _complement(_equal(version, prefix, suffix, key))


def _above(_version: str, prefix: bytes, suffix: Suffix, _key: bytes) -> Intervals:
    if suffix.post is None and suffix.dev is None:
        # A post-release of V is not "greater than V".
        return ((prefix + suffix.encoded[: suffix.pre_size] + _AFTER, TOP),)
    return ((prefix + suffix.encoded + _AFTER, TOP),)


def _below(_version: str, prefix: bytes, suffix: Suffix, key: bytes) -> Intervals:
    if key[-1] == PRERELEASE_END:
        return ((BOTTOM, key),)
    if suffix.post is None:
        return ((BOTTOM, prefix),)
    return ((BOTTOM, prefix + suffix.encoded[: suffix.post_size]),)


def _compatible(version: str, _prefix: bytes, _suffix: Suffix, key: bytes) -> Intervals:
    epoch, segments = (0, version.split(".")) if _PLAIN.issuperset(version) else dissect(version)[:2]
    if len(segments) < 2:
        raise ValueError(version)
    return ((key, _next_prefix(epoch, segments[:-1])),)


_RULES = {
    ">=": _from,
    "<=": _up_to,
    "==": _equal,
    "!=": _unequal,
    ">": _above,
    "<": _below,
    "~=": _compatible,
}


def _wildcard(version: str) -> Intervals:
    base = version[:-2]
    if _PLAIN.issuperset(base):
        epoch, segments = 0, base.split(".")
    else:
        epoch, segments, tail, local = dissect(base)
        if tail or local is not None or base[-1:].isspace():
            raise ValueError(version)
    return ((release_prefix(epoch, list(map(int, segments))), _next_prefix(epoch, segments)),)


def _next_prefix(epoch: int, segments: list[str]) -> bytes:
    """Return the bound below every version of the next prefix: 1.3 for 1.2."""
    release = list(map(int, segments))
    release[-1] += 1
    return encode_number(epoch) + b"".join(map(encode_number, release)) + b"\0"


def _complement(intervals: Intervals) -> Intervals:
    """Return what the single interval of ``intervals`` leaves out."""
    ((low, high),) = intervals
    return ((BOTTOM, low), (high, TOP))
