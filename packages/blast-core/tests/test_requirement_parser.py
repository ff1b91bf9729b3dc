"""Requirements: what is one, what it says, and how an error points at the place."""

from __future__ import annotations

import pytest
from packaging.requirements import InvalidRequirement as PackagingInvalidRequirement
from packaging.requirements import Requirement as PackagingRequirement

from blast_core import marker_syntax, requirements
from blast_core.errors import InvalidRequirement
from blast_core.requirements import Requirement, format_requirement, parse_requirement


@pytest.mark.parametrize(
    ("text", "expected", "written"),
    [
        pytest.param("flask", Requirement("flask"), "flask", id="name"),
        pytest.param(" \tZope.Interface_x ", Requirement("zope-interface-x"), "zope-interface-x", id="normalised"),
        pytest.param("a>=1,<2", Requirement("a", (), ">=1,<2"), "a>=1,<2", id="specifiers"),
        pytest.param("a >= 1 , < 2 ,", Requirement("a", (), ">=1,<2"), "a>=1,<2", id="blanks and a last comma"),
        pytest.param("a (>=1,<2)", Requirement("a", (), ">=1,<2"), "a>=1,<2", id="legacy parentheses"),
        pytest.param("a()", Requirement("a"), "a", id="empty parentheses"),
        pytest.param("a[]", Requirement("a"), "a", id="empty brackets"),
        pytest.param("a[B_c, a ,a]==1.*", Requirement("a", ("a", "b-c"), "==1.*"), "a[a,b-c]==1.*", id="extras"),
        pytest.param("a===x.y", Requirement("a", (), "===x.y"), "a===x.y", id="identity"),
        pytest.param("a===1,>=0", Requirement("a", (), "===1,>=0"), "a===1,>=0", id="identity and more"),
        pytest.param(
            "a<2;os_name=='nt'", Requirement("a", (), "<2", 'os_name == "nt"'), 'a<2; os_name == "nt"', id="marker"
        ),
        pytest.param(
            "a @ https://index.invalid/a.whl#sha256=0",
            Requirement("a", url="https://index.invalid/a.whl#sha256=0"),
            "a @ https://index.invalid/a.whl#sha256=0",
            id="url",
        ),
        pytest.param(
            "a[x]@git+ssh://git@index.invalid/a;b ; os_name=='nt'",
            Requirement("a", ("x",), "", 'os_name == "nt"', "git+ssh://git@index.invalid/a;b"),
            'a[x] @ git+ssh://git@index.invalid/a;b ; os_name == "nt"',
            id="url with a semicolon, and a marker",
        ),
        pytest.param("a @ ../b\t", Requirement("a", url="../b"), "a @ ../b", id="path"),
    ],
)
def test_reads_and_writes(text: str, expected: Requirement, written: str) -> None:
    requirement = parse_requirement(text)
    assert requirement == expected
    assert format_requirement(requirement) == written
    assert parse_requirement(written) == requirement
    PackagingRequirement(text)


@pytest.mark.parametrize(
    ("text", "position", "expected"),
    [
        pytest.param("", 0, "the name of a project", id="nothing"),
        pytest.param("  ", 2, "the name of a project", id="blanks"),
        pytest.param("-a", 0, "the name of a project", id="a dash first"),
        pytest.param("a-", 1, "a name that ends", id="a dash last"),
        pytest.param(">=1", 0, "the name of a project", id="no name"),
        pytest.param("caf\u00e9", 3, "a version specifier, a semicolon", id="not ASCII"),
        pytest.param("a 1.0", 2, "an operator", id="no operator"),
        pytest.param("a b", 2, "a version specifier, a semicolon", id="two names"),
        pytest.param("a>=1,,<2", 5, "a version specifier", id="two commas"),
        pytest.param("a ,>=1", 2, "a version specifier", id="a comma first"),
        pytest.param("a,", 1, "a version specifier", id="only a comma"),
        pytest.param("a>=1,=2", 5, "a version specifier such as", id="second clause"),
        pytest.param("a>=1 <2", 1, "a version specifier such as", id="no comma"),
        pytest.param("a~=1", 1, "a version specifier such as", id="~= of one segment"),
        pytest.param("a>=1.*", 1, "a version specifier such as", id="wildcard"),
        pytest.param("a (>=1", 6, "a closing parenthesis", id="open parenthesis"),
        pytest.param("a (=1)", 3, "a version specifier such as", id="inside parentheses"),
        pytest.param("a>=1)", 1, "a version specifier such as", id="stray parenthesis"),
        pytest.param("a[x", 3, "a closing bracket", id="open bracket"),
        pytest.param("a[x y]", 2, "the name of an extra", id="no comma between extras"),
        pytest.param("a[x, ]", 5, "the name of an extra", id="a comma after the extras"),
        pytest.param("a[x,-y]", 4, "the name of an extra", id="bad extra"),
        pytest.param("a @", 3, "a URL", id="no URL"),
        pytest.param("a @ b c", 6, "a semicolon before the marker", id="text after the URL"),
        pytest.param("a;", 2, "a marker", id="no marker"),
        pytest.param("a ; os_name == 'nt' or", 22, "a marker variable", id="half a marker"),
        pytest.param("a ; foo == 'nt'", 4, "a marker variable", id="unknown variable"),
        pytest.param("a @ b ; foo == 'nt'", 8, "a marker variable", id="unknown variable after a URL"),
        pytest.param("a # comment", 2, "a version specifier, a semicolon", id="comment"),
        pytest.param("a\n", 1, "a version specifier, a semicolon", id="line end"),
    ],
)
def test_rejects_and_points_at_the_place(text: str, position: int, expected: str) -> None:
    with pytest.raises(PackagingInvalidRequirement):
        PackagingRequirement(text)
    with pytest.raises(InvalidRequirement) as caught:
        parse_requirement(text)
    assert caught.value.details["position"] == position
    assert f"expected {expected}" in caught.value.reason
    assert caught.value.reason.endswith("\n    " + " " * position + "^")


def test_a_bare_version_is_answered_with_the_operator() -> None:
    with pytest.raises(InvalidRequirement) as caught:
        parse_requirement("flask 1.0")
    assert caught.value.hint == "for that version alone write ==1.0"


def test_names_that_end_in_an_underscore_are_rejected() -> None:
    """PEP 508 says so; packaging's expression lets them through."""
    PackagingRequirement("a_")
    with pytest.raises(InvalidRequirement):
        parse_requirement("a_")


def test_error_hides_credentials_and_stays_short() -> None:
    with pytest.raises(InvalidRequirement) as caught:
        parse_requirement("a @ https://user:secret@index.invalid/a.whl oops " + "x" * 10_000)
    shown = f"{caught.value.message}{caught.value.reason}"
    assert "secret" not in shown
    assert "index.invalid" in shown
    assert len(shown) < 400


def test_caches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "_CACHE_LIMIT", 8)
    monkeypatch.setattr(marker_syntax, "_CACHE_LIMIT", 8)
    for number in range(50):
        assert parse_requirement(f"a{number}; os_name == '{number}'").name == f"a{number}"
    assert len(requirements._parsed) <= 8
    assert len(marker_syntax._parsed) <= 8
