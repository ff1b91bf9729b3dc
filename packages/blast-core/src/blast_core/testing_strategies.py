"""Hypothesis strategies for versions, specifiers, markers and requirements, shipped for every package's tests.

Only tests may import this module: it imports hypothesis. Shapes are drawn so that collisions are likely (small numbers,
few words), because that is where orders and operators differ.
"""

from __future__ import annotations

from hypothesis import strategies as st

__all__ = [
    "specifier_sets",
    "specifiers",
    "version_like",
    "versions",
]

_NUMBERS = st.one_of(
    st.integers(0, 3),
    st.sampled_from([9, 10, 99, 222, 223, 224, 255, 256, 257, 2024, 65535, 65536, 20240131, 2**64, 10**80, 10**300]),
)
_SMALL = st.integers(0, 2)
_SEPARATORS = st.sampled_from(["", ".", "-", "_"])
_PRE_WORDS = st.sampled_from(["a", "b", "rc", "alpha", "beta", "c", "pre", "preview", "RC", "Alpha"])
_POST_WORDS = st.sampled_from(["post", "rev", "r", "POST"])
_LOCAL_SEGMENTS = st.sampled_from(["0", "1", "10", "007", "abc", "ab", "ABC", "1a", "cu118", "ubuntu", "z"])


def _written(number: int, *, zeros: int) -> str:
    return "0" * zeros + str(number)


@st.composite
def _digits(draw: st.DrawFn, numbers: st.SearchStrategy[int] = _NUMBERS) -> str:
    zeros = draw(st.sampled_from([0, 0, 0, 0, 0, 0, 1, 2]))
    return _written(draw(numbers), zeros=zeros)


@st.composite
def _releases(draw: st.DrawFn, min_size: int = 1) -> str:
    size = draw(st.sampled_from([1, 2, 2, 3, 3, 4, 7]))
    numbers = draw(st.sampled_from([_SMALL, _SMALL, _NUMBERS]))
    return ".".join(draw(st.lists(_digits(numbers), min_size=max(size, min_size), max_size=max(size, min_size))))


@st.composite
def _tagged(draw: st.DrawFn, words: st.SearchStrategy[str]) -> str:
    """A word with its separators and number, such as ``.rc-1`` or ``b``."""
    number = draw(st.one_of(st.just(""), _digits(_SMALL), _digits(_NUMBERS)))
    return draw(_SEPARATORS) + draw(words) + draw(_SEPARATORS) + number


@st.composite
def versions(draw: st.DrawFn, *, local: bool = True, min_release: int = 1) -> str:
    """Any spelling of a version that PEP 440 allows.

    Args:
        draw: hypothesis.
        local: whether a local label may follow.
        min_release: the least number of release segments.
    """
    parts = [
        draw(st.sampled_from(["", "", "", "", "v", "V"])),
        draw(st.sampled_from(["", "", "", "", "0!", "1!", "00!", "224!"])),
        draw(_releases(min_release)),
    ]
    if draw(st.booleans()):
        parts.append(draw(st.one_of(st.just(""), st.just(""), _tagged(_PRE_WORDS))))
        posts = st.one_of(_tagged(_POST_WORDS), _SMALL.map("-{}".format))
        parts.append(draw(st.one_of(st.just(""), st.just(""), posts)))
        parts.append(draw(st.one_of(st.just(""), st.just(""), _tagged(st.sampled_from(["dev", "DEV"])))))
    if local and draw(st.sampled_from([False, False, True])):
        segments = draw(st.lists(_LOCAL_SEGMENTS, min_size=1, max_size=3))
        parts.append("+" + draw(st.sampled_from([".", "-", "_"])).join(segments))
    return "".join(parts)


def version_like() -> st.SearchStrategy[str]:
    """Text that often is a version, often nearly one, and sometimes nothing of the kind."""
    words = ["a", "b", "c", "rc", "pre", "preview", "alpha", "beta", "post", "rev", "r", "dev", "x", "A", "K"]
    signs = [".", ".", "-", "_", "!", "+", "v", "*", "", " ", "\n", "\x1f", "\u0661", "\u017f", "\xa0"]
    pieces = st.sampled_from(["0", "1", "10", *words, *signs])
    return st.one_of(versions(), st.lists(pieces, max_size=8).map("".join), st.text(max_size=6))


@st.composite
def specifiers(draw: st.DrawFn) -> str:
    """One clause such as ``>= 1.0`` or ``!=1.*``."""
    operator = draw(st.sampled_from(["==", "!=", "~=", "===", "<", "<=", ">", ">=", "==*", "!=*"]))
    space = draw(st.sampled_from(["", "", " ", "  "]))
    if operator.endswith("*"):
        epoch = draw(st.sampled_from(["", "", "1!", "v", "v0!"]))
        return f"{operator[:-1]}{space}{epoch}{draw(_releases())}.*"
    if operator == "~=":
        return f"~={space}{draw(versions(local=False, min_release=2))}"
    return operator + space + draw(versions(local=operator in {"==", "!=", "==="}))


def specifier_sets() -> st.SearchStrategy[str]:
    """Zero to three clauses, joined by commas."""
    separators = st.sampled_from([",", ", ", " , "])
    return st.builds(lambda separator, clauses: separator.join(clauses), separators, st.lists(specifiers(), max_size=3))
