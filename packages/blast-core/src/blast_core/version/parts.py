"""Cutting a version's text into the parts that PEP 440 names.

Written by hand, without ``re``. What is a version is what packaging accepts: a ``v`` in front, white space round it,
capitals, the other spellings of alpha, beta, rc, post and the separators, any number of segments of any size (up to the
interpreter's limit on digits, 4,300).
"""

from __future__ import annotations

from blast_core.errors import InvalidVersion
from blast_core.tuples import NamedTuple

__all__ = [
    "Dissected",
    "VersionFields",
    "dissect",
    "invalid_version",
    "normalize_version",
    "parse_tail",
    "parse_version",
    "split_local",
]

_DIGITS = frozenset("0123456789")
_SEPARATORS = (".", "-", "_")
_LOCAL_ALPHABET = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_RELEASE_ALPHABET = "0123456789."
_PRE_WORDS = (
    ("alpha", "a"),
    ("a", "a"),
    ("beta", "b"),
    ("b", "b"),
    ("preview", "rc"),
    ("pre", "rc"),
    ("c", "rc"),
    ("rc", "rc"),
)
_POST_WORDS = (("post", "post"), ("rev", "post"), ("r", "post"))
_DEV_WORDS = (("dev", "dev"),)


class VersionFields(NamedTuple):
    """What a version says, as ``packaging.version.Version`` names it.

    Attributes:
        epoch: 0 where none is written.
        release: the numbers as written, trailing zeros kept.
        pre: letter (``a``, ``b`` or ``rc``) and number, or None.
        post: the post-release's number, or None.
        dev: the development release's number, or None.
        local: normalised local label without ``+``, "" for none.
    """

    epoch: int
    release: tuple[int, ...]
    pre: tuple[str, int] | None
    post: int | None
    dev: int | None
    local: str


class Dissected(NamedTuple):
    """A version's text cut into its parts, all lower case; only ``segments`` and ``epoch`` are checked."""

    epoch: int
    segments: list[str]
    tail: str
    local: str | None


def dissect(text: str) -> Dissected:
    """Cut a version into epoch, release segments, the tail with pre, post and dev, and the local label.

    Raises:
        ValueError: no version begins so.
    """
    text = text.strip()
    if not text.isascii():
        raise ValueError(text)
    text = text.lower()
    public, plus, local = text.removeprefix("v").partition("+")
    epoch, bang, rest = public.partition("!")
    if not bang:
        epoch, rest = "0", public
    tail = rest.lstrip(_RELEASE_ALPHABET)
    release = rest[: len(rest) - len(tail)]
    if release.endswith("."):
        # The dot is the separator of what follows, as in 1.0.post1.
        release, tail = release[:-1], "." + tail
    segments = release.split(".")
    if "" in segments or not epoch or not _DIGITS.issuperset(epoch):
        raise ValueError(text)
    return Dissected(int(epoch), segments, tail, local if plus else None)


def parse_tail(tail: str) -> tuple[tuple[str, int] | None, int | None, int | None]:
    """Return pre, post and dev of the lower-case ``tail`` of a version, as ``VersionFields`` has them.

    Raises:
        ValueError: it is something else.
    """
    at, letter, number = _take(tail, 0, _PRE_WORDS)
    pre = (letter, number) if letter else None
    at, post = _take_post(tail, at)
    at, word, dev_number = _take(tail, at, _DEV_WORDS)
    if at != len(tail):
        raise ValueError(tail)
    return pre, post, dev_number if word else None


def _take_post(tail: str, at: int) -> tuple[int, int | None]:
    """Read a post-release at ``at``: ``-1`` or ``.post1`` and its other spellings."""
    if tail[at : at + 1] == "-" and tail[at + 1 : at + 2] in _DIGITS:
        return _take_number(tail, at + 1)
    at, word, number = _take(tail, at, _POST_WORDS)
    return at, number if word else None


def _take(tail: str, at: int, words: tuple[tuple[str, str], ...]) -> tuple[int, str, int]:
    """Read ``[._-]? word [._-]? digits?`` at ``at``; the word comes back normalised, "" where none of them stands."""
    start = at + tail.startswith(_SEPARATORS, at)
    for word, meaning in words:
        if tail.startswith(word, start):
            end = start + len(word)
            end += tail.startswith(_SEPARATORS, end)
            end, number = _take_number(tail, end)
            return end, meaning, number
    return at, "", 0


def _take_number(tail: str, at: int) -> tuple[int, int]:
    end = at
    while tail[end : end + 1] in _DIGITS:
        end += 1
    return end, int(tail[at:end] or "0")


def split_local(local: str) -> list[str]:
    """Cut a lower-case local label into its segments, numbers without leading zeros.

    Raises:
        ValueError: it is no local label.
    """
    segments = local.replace("-", ".").replace("_", ".").split(".")
    for place, segment in enumerate(segments):
        if not segment or not _LOCAL_ALPHABET.issuperset(segment):
            raise ValueError(local)
        if _DIGITS.issuperset(segment):
            segments[place] = str(int(segment))
    return segments


def parse_version(text: str) -> VersionFields:
    """Return the fields of a version.

    Raises:
        InvalidVersion: the text is not a version.

    Spec: PEP 440, appendix B.
    """
    try:
        epoch, segments, tail, local = dissect(text)
        pre, post, dev = parse_tail(tail)
        release = tuple(map(int, segments))
        label = ".".join(split_local(local)) if local is not None else ""
    except ValueError:
        raise invalid_version(text) from None
    return VersionFields(epoch, release, pre, post, dev, label)


def normalize_version(text: str) -> str:
    """Return the version in its normal form, as ``str(packaging.version.Version(text))``; trailing zeros stay.

    Raises:
        InvalidVersion: the text is not a version.

    Spec: PEP 440, Normalization.
    """
    epoch, release, pre, post, dev, local = parse_version(text)
    return "".join(
        (
            f"{epoch}!" if epoch else "",
            ".".join(map(str, release)),
            f"{pre[0]}{pre[1]}" if pre else "",
            f".post{post}" if post is not None else "",
            f".dev{dev}" if dev is not None else "",
            f"+{local}" if local else "",
        )
    )


def invalid_version(text: str) -> InvalidVersion:
    """Return the error about a text that is no version, a long one cut short."""
    shown = text if len(text) <= 80 else text[:77] + "..."
    return InvalidVersion(
        f"{shown!r} is not a version",
        reason="it does not follow PEP 440",
        hint="versions look like 1.2.3, 1.0rc1, 2.0.post1, 1.0.dev4 or 1.0+local.1",
        version=shown,
    )
