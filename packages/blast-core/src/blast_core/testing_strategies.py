"""Hypothesis strategies for versions, specifiers, markers and requirements, shipped for every package's tests.

Only tests may import this module: it imports hypothesis. Shapes are drawn so that collisions are likely (small numbers,
few words), because that is where orders and operators differ.
"""

from __future__ import annotations

from hypothesis import strategies as st

__all__ = [
    "marker_environments",
    "markers",
    "requirements",
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


_VERSION_VARIABLES = ["python_version", "python_full_version", "implementation_version", "platform_release"]
_TEXT_VARIABLES = [
    "os_name",
    "os.name",
    "sys_platform",
    "sys.platform",
    "platform_machine",
    "platform.machine",
    "platform_python_implementation",
    "platform.python_implementation",
    "python_implementation",
    "platform_system",
    "platform_version",
    "platform.version",
    "implementation_name",
]
_VERSION_VALUES = [
    "3",
    "3.8",
    "3.9.0",
    "3.10",
    "3.12.1",
    "3.13.0rc1",
    "3.14.0a1+",
    "3.9.*",
    "2.7, 3.9",
    "5.15.0-generic",
    "6.1",
    "",
    "23.0.0+local",
    "not a version",
]
_TEXT_VALUES = ["linux", "linux2", "win32", "posix", "nt", "CPython", "x86_64", "arm64", "", "a, b", "#1 SMP"]
_EXTRAS = ["test", "Test", "a_b", "A.-b", "c", ""]


def marker_environments() -> st.SearchStrategy[dict[str, str]]:
    """Values for the variables of PEP 508, all but ``extra``."""
    values = {variable: st.sampled_from(_VERSION_VALUES) for variable in _VERSION_VARIABLES}
    texts = {variable: st.sampled_from(_TEXT_VALUES) for variable in _TEXT_VARIABLES if "." not in variable}
    del texts["python_implementation"]
    return st.fixed_dictionaries({**values, **texts})


@st.composite
def _comparisons(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(["version", "version", "text", "extra"]))
    orders = ["<", "<=", ">", ">="]
    operators = ["==", "!=", "in", "not in", *orders]
    if kind == "version":
        variable, value = draw(st.sampled_from(_VERSION_VARIABLES)), draw(st.sampled_from(_VERSION_VALUES))
        # Where ~= meets what is no version the comparison has no meaning; the rest of the operators always has one.
        operators.append("===")
    elif kind == "text":
        variable, value = draw(st.sampled_from(_TEXT_VARIABLES)), draw(st.sampled_from(_TEXT_VALUES))
    else:
        variable, value = "extra", draw(st.sampled_from(_EXTRAS))
    operator = draw(st.sampled_from(operators))
    if operator == "===":
        value = value.replace(" ", "")
    sides = [variable, draw(st.sampled_from(['"{}"', "'{}'"])).format(value)]
    if operator != "===" and draw(st.booleans()):
        sides.reverse()
    blank = " " if operator in {"in", "not in"} else draw(st.sampled_from(["", " ", "\t "]))
    return f"{sides[0]}{blank}{operator}{blank}{sides[1]}"


def markers() -> st.SearchStrategy[str]:
    """Any marker of core metadata that has a meaning in every environment."""
    return st.recursive(
        _comparisons(),
        lambda inner: st.one_of(
            st.builds("({})".format, inner),
            st.builds("{} {} {}".format, inner, st.sampled_from(["and", "or"]), inner),
            st.builds("( {} ){} ({} )".format, inner, st.sampled_from(["and", "or"]), inner),
        ),
        max_leaves=5,
    )


@st.composite
def requirements(draw: st.DrawFn) -> str:
    """Any requirement of PEP 508."""
    blank = draw(st.sampled_from(["", " ", "\t"]))
    name = draw(st.sampled_from(["a", "A1", "zope.interface", "ruamel_yaml", "Foo--Bar", "x_-.y", "0"]))
    extras = draw(st.one_of(st.just(""), st.lists(st.sampled_from(_EXTRAS[:-1]), max_size=3).map(",".join)))
    head = blank + name + blank + draw(st.sampled_from(["", f"[{extras}]", f"[{blank}{extras}{blank}]"]))
    marker = draw(st.one_of(st.just(""), markers().map(";{}".format)))
    if draw(st.sampled_from([False, False, True])):
        url = draw(
            st.sampled_from(
                [
                    "https://index.invalid/a-1.0-py3-none-any.whl#sha256=0",
                    "git+https://user:secret@index.invalid/a@main;x",
                    "file:///a%20b",
                    "../relative",
                ]
            )
        )
        return f"{head}{blank}@{blank}{url}" + (f" {marker}" if marker else draw(st.sampled_from(["", " "])))
    specifier = draw(specifier_sets().filter(lambda text: "===" not in text))
    if specifier and draw(st.booleans()):
        specifier = f"({specifier})"
    return f"{head}{blank}{specifier}{blank}{marker}"
