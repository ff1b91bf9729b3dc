"""Markers: how they are read, written and evaluated."""

from __future__ import annotations

import pytest
from packaging.markers import Marker

from blast_core.errors import InvalidRequirement
from blast_core.markers import (
    ALWAYS,
    Combination,
    Comparison,
    and_markers,
    evaluate_marker,
    evaluate_tree,
    iter_comparisons,
    normalize_marker,
    or_markers,
    parse_marker,
    uses_extra,
)

LINUX = {
    "python_version": "3.12",
    "python_full_version": "3.12.1",
    "os_name": "posix",
    "sys_platform": "linux",
    "platform_release": "5.15.0-101-generic",
    "platform_system": "Linux",
    "platform_version": "#1 SMP",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "implementation_name": "cpython",
    "implementation_version": "3.12.1",
}


def test_reads_into_a_tree_where_and_binds_tighter() -> None:
    posix = Comparison("==", "os_name", "posix", reversed=False)
    new = Comparison(">=", "python_version", "3.8", reversed=False)
    linux = Comparison("in", "sys_platform", "lin", reversed=True)
    assert parse_marker("os_name=='posix' or python_version >= '3.8' and 'lin' in sys_platform") == Combination(
        "or", (posix, Combination("and", (new, linux)))
    )
    assert parse_marker("((os_name == 'posix'))") == posix
    assert parse_marker("") == parse_marker(" \t") == ALWAYS
    assert list(iter_comparisons(parse_marker("(os_name=='posix' and python_version>='3.8') or 'lin' in sys_platform")))


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        pytest.param("os.name=='nt'", 'os_name == "nt"', id="old spelling"),
        pytest.param("python_implementation=='PyPy'", 'platform_python_implementation == "PyPy"', id="older spelling"),
        pytest.param("'win'in sys.platform", '"win" in sys_platform', id="no blanks"),
        pytest.param("'a'  not \t in os_name", '"a" not in os_name', id="many blanks"),
        pytest.param("os_name == 'say \"hi\"'", "os_name == 'say \"hi\"'", id="double quotes inside"),
        pytest.param(r"os_name == '\x27\x22'", 'os_name == "\'\\x22"', id="both quotes inside"),
        pytest.param(r"os_name == 'a\\b\n'", r'os_name == "a\x5cb\x0a"', id="escapes"),
        pytest.param("os_name == 'caf\u00e9'", 'os_name == "caf\u00e9"', id="not ASCII"),
        pytest.param("extra == 'Foo__Bar'", 'extra == "foo-bar"', id="an extra is normalised"),
        pytest.param("'Foo.Bar' in extras", '"foo-bar" in extras', id="in a set, too"),
        pytest.param("(os_name=='a') and (os_name=='b')", 'os_name == "a" and os_name == "b"', id="redundant ()"),
        pytest.param("os_name=='a' and os_name=='a'", 'os_name == "a"', id="said twice"),
        pytest.param(
            "os_name=='a' and (os_name=='b' or os_name=='c')",
            'os_name == "a" and (os_name == "b" or os_name == "c")',
            id="needed ()",
        ),
        pytest.param(
            "os_name=='a' or os_name=='b' and os_name=='c'",
            'os_name == "a" or (os_name == "b" and os_name == "c")',
            id="() for the reader",
        ),
    ],
)
def test_has_one_written_form(text: str, normal: str) -> None:
    assert normalize_marker(text) == normal
    assert normalize_marker(normal) == normal
    assert parse_marker(normal) == parse_marker(text)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        pytest.param("os_name", 7, id="no operator"),
        pytest.param("os_name ==", 10, id="nothing to compare with"),
        pytest.param("foo == 'a'", 0, id="unknown variable"),
        pytest.param("os_name == nt", 11, id="no quotes"),
        pytest.param("os_name == 'nt", 11, id="open quote"),
        pytest.param("os_name = 'nt'", 8, id="single ="),
        pytest.param("os_name not 'nt'", 12, id="not without in"),
        pytest.param("os_name notin 'nt'", 8, id="notin"),
        pytest.param("os_name inn 'nt'", 8, id="a word that begins with in"),
        pytest.param("(os_name == 'nt'", 16, id="open parenthesis"),
        pytest.param("os_name == 'nt')", 15, id="stray parenthesis"),
        pytest.param("os_name == 'nt' and", 19, id="nothing after and"),
        pytest.param("os_name == 'nt' xor os_name == 'a'", 16, id="xor"),
        pytest.param("os_name == 'nt' os_name == 'a'", 16, id="no and"),
        pytest.param("'a' == 'b'", 0, id="two texts"),
        pytest.param("extras == 'a'", 0, id="a set is not equal to a text"),
        pytest.param("'a' == extras", 0, id="nor a text to a set"),
        pytest.param(r"os_name == '\x2'", 11, id="broken escape"),
        pytest.param("os_name == 'a\nb'", 11, id="line end in a text"),
        pytest.param("os_name == '\ud800'", 11, id="surrogate"),
        pytest.param("platform.release == 'a'", 0, id="a dot that never was allowed"),
    ],
)
def test_rejects_what_is_no_marker_and_points_at_it(text: str, position: int) -> None:
    with pytest.raises(InvalidRequirement) as caught:
        parse_marker(text)
    assert caught.value.details["position"] == position
    assert caught.value.reason.endswith("\n    " + " " * position + "^")


def test_deep_nesting_is_an_error_and_not_a_crash() -> None:
    assert parse_marker("(" * 64 + "os_name == 'a'" + ")" * 64)
    with pytest.raises(InvalidRequirement, match="is not a marker"):
        parse_marker("(" * 100_000 + "os_name == 'a'" + ")" * 100_000)


def test_a_long_chain_is_no_deep_nesting() -> None:
    chain = " or ".join(f"os_name == '{number}'" for number in range(5000))
    assert evaluate_marker(chain + " or os_name == 'posix'", LINUX)
    assert not evaluate_marker(chain, LINUX)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("python_version >= '3.8'", True),
        ("python_version < '3.9'", False),  # 3.12 is not below 3.9: they are versions
        ("python_version ~= '3.8'", True),
        ("python_version == '3.*'", True),
        ("python_version in '3.11 3.12'", True),
        ("python_version not in '2.7, 3.1'", True),
        ("python_version in '2.7, 3.1'", False),
        ("'3.8' <= python_version", True),
        ("'3.8' > python_version", False),
        ("'3.12' == python_version", True),
        ("python_version === '3.12'", True),
        ("python_version === '3.12.0'", False),
        ("python_version === 'a,b'", False),
        ("python_full_version >= '3.12.1'", True),
        ("python_full_version < '3.12.1rc1'", False),
        ("implementation_version == '3.12.1+local'", False),
        ("python_version >= 'three'", False),  # no version: compared as text
        ("python_version > 'three'", False),
        ("python_version != 'three'", True),
        ("platform_release >= '5'", False),  # the release is no version, so it satisfies none
        ("platform_release >= 'z'", False),
        ("platform_release == '5.15.0-101-generic'", True),
        ("platform_release != '5'", False),
        ("platform_machine >= 'x86_64'", True),
        ("platform_machine <= 'x86_64'", True),
        ("platform_machine > 'a'", False),
        ("platform_machine < 'z'", False),
        ("os_name == 'POSIX'", False),
        ("'nux' in sys_platform", True),
        ("sys_platform in 'linux darwin'", True),
        ("os_name == 'nt' or os_name == 'posix' and sys_platform == 'linux'", True),
        ("(os_name == 'nt' or os_name == 'posix') and sys_platform == 'win32'", False),
        ("os_name == sys_platform", False),
        ("'posix' == 'os_name'", True),  # packaging looks up what stands on the right, quoted or not
        ("extra == 'x'", False),
        ("extra != 'x'", True),
        ("extra == ''", True),
        ("extra in 'x y'", True),
    ],
)
def test_evaluates_as_packaging_does(text: str, expected: bool) -> None:
    assert evaluate_marker(text, LINUX) is expected
    assert Marker(text).evaluate({**LINUX, "extra": ""}) is expected


def test_untagged_python_is_a_local_version() -> None:
    environment = {"python_full_version": "3.14.0a1+"}
    assert evaluate_marker("python_full_version >= '3.14.0a1'", environment)
    assert not evaluate_marker("python_full_version < '3.14'", {"python_full_version": "3.14.0+"})


@pytest.mark.parametrize(
    ("text", "extras", "expected"),
    [
        ("extra == 'X_y'", ("x-y", "z"), True),
        ("'z' == extra", ("x-y", "z"), True),
        ("extra == 'x'", ("x-y", "z"), False),
        ("extra != 'z'", ("x-y", "z"), False),
        ("extra == ''", ("z",), False),
        ("extra >= 'z'", ("z",), True),
        ("extra > 'a'", ("z",), False),
        ("extra in 'x z'", ("z",), True),
        ("extra not in 'x z'", ("z",), False),
        ("'z' in extra", ("zz",), True),
        ("'x-y' in extras", ("x-y",), True),
        ("'z' not in extras", ("x-y",), True),
        ("'x-y' in dependency_groups", ("x-y",), False),
    ],
)
def test_extra_stands_for_every_extra_asked_for(text: str, extras: tuple[str, ...], expected: bool) -> None:
    assert evaluate_marker(text, LINUX, extras) is expected


def test_groups_are_a_set_of_their_own() -> None:
    assert evaluate_marker("'dev' in dependency_groups", {}, groups={"dev"})
    assert not evaluate_marker("'dev' in extras", {}, groups={"dev"})


@pytest.mark.parametrize("text", ["os_name ~= '1'", "os_name === 'a'", "extra ~= '1'", "python_version ~= 'a'"])
def test_comparison_without_meaning_is_an_error(text: str) -> None:
    with pytest.raises(InvalidRequirement, match="can't be evaluated"):
        evaluate_marker(text, LINUX)


def test_variable_that_the_environment_lacks_is_an_error() -> None:
    with pytest.raises(InvalidRequirement) as caught:
        evaluate_marker("os_name == 'nt'", {})
    assert caught.value.reason == "the environment has no os_name"


def test_empty_marker_always_holds() -> None:
    assert evaluate_marker("", {})
    assert evaluate_tree(ALWAYS, {})


def test_combines_markers() -> None:
    first, second = 'os_name == "a"', 'os_name == "b" or os_name == "c"'
    assert and_markers("", first) == and_markers(first, "") == and_markers(first, first) == first
    assert and_markers(first, second) == f"{first} and ({second})"
    assert and_markers(and_markers(first, second), first) == f"{first} and ({second})"
    assert or_markers(first, second) == f"{first} or {second}"
    assert or_markers("", first) == or_markers(first, " ") == ""


def test_tells_whether_an_extra_is_asked_for() -> None:
    assert uses_extra("os_name == 'a' or (python_version > '3' and extra == 'x')")
    assert not uses_extra("os_name == 'extra'")
    assert not uses_extra("'x' in extras")
    assert not uses_extra("")
