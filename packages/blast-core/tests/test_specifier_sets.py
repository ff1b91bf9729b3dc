"""Specifier sets: what satisfies them, as PEP 440 and packaging decide."""

from __future__ import annotations

import itertools

import pytest
from packaging.specifiers import InvalidSpecifier
from packaging.specifiers import SpecifierSet as PackagingSet

from blast_core.errors import InvalidRequirement
from blast_core.version import (
    SpecifierSet,
    VersionTable,
    check_specifier,
    make_version_table,
    mentions_prerelease,
    specifier_mask,
)
from blast_core.version import specifiers as module
from blast_core.version.clauses import EVERYTHING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.version.clauses import Intervals


def _chosen(text: str, table: VersionTable) -> list[str]:
    mask = specifier_mask(text, table)
    assert mask >> len(table.texts) == 0
    return [version for index, version in enumerate(table.texts) if mask >> index & 1]


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        pytest.param(">1.0", ["1.0.1", "1.1a1", "1.0.0.1.dev0"], ["1.0", "1.0.post1", "1.0+local", "1.0.post1+l"]),
        pytest.param(">1.0.post1", ["1.0.post2", "1.0.post2.dev0"], ["1.0.post1", "1.0.post1+l", "1.0.post1.dev1"]),
        pytest.param(">1.0a1", ["1.0a2.dev0", "1.0"], ["1.0a1", "1.0a1.post1", "1.0a1+l"]),
        pytest.param(">1.0.dev1", ["1.0.dev2", "1.0a0.dev0", "1.0"], ["1.0.dev1", "1.0.dev1+l"]),
        pytest.param("<1.0", ["0.9", "0.9.post1"], ["1.0", "1.0rc1", "1.0.dev0", "1.0+l"]),
        pytest.param("<1.0rc1", ["1.0b9", "1.0.dev0", "1.0rc1.dev0"], ["1.0rc1", "1.0rc1+l", "1.0"]),
        pytest.param("<1.0.post1", ["1.0", "1.0+l", "1.0.post0"], ["1.0.post1", "1.0.post1.dev0"]),
        pytest.param("<=1.0", ["1.0", "1.0+local", "1.0rc1"], ["1.0.post0.dev0", "1.0.1"]),
        pytest.param(">=1.0", ["1.0", "1.0+local", "1.0.post1"], ["1.0rc1", "0.9"]),
        pytest.param("==1.0", ["1", "1.0.0+any.thing"], ["1.0.post0", "1.0rc1"]),
        pytest.param("==1.0+a", ["1.0+A", "1+a"], ["1.0", "1.0+a.0", "1.0+b"]),
        pytest.param("!=1.0+a", ["1.0", "1.0+a.0"], ["1.0+a"]),
        pytest.param("!=1.0", ["1.0.post1", "0.9", "1.0rc1"], ["1.0", "1.0+l"]),
        pytest.param("==1.*", ["1", "1.9.9.post1", "1.dev0", "1.0+l", "1a1"], ["2.dev0", "0.9", "1!1.0"]),
        pytest.param("==1.0.*", ["1", "1.0.5", "1a1"], ["1.1.dev0", "0.9.9"]),
        pytest.param("==1!0.*", ["1!0.9", "1!0.dev0"], ["0.9", "1!1.dev0"]),
        pytest.param("!=1.4.*", ["1.3.9", "1.5.dev0"], ["1.4", "1.4rc1", "1.4.1+l"]),
        pytest.param("~=2.2", ["2.2", "2.9", "2.2.post3"], ["2.1", "3.0.dev0", "2.2rc1"]),
        pytest.param("~=2.2.0", ["2.2.0", "2.2.9"], ["2.3.dev0", "2.1"]),
        pytest.param("~=1.4.5a4", ["1.4.5a4", "1.4.6"], ["1.5", "1.4.5a3"]),
        pytest.param("~=2.2.post3", ["2.2.post3", "2.3"], ["2.2.post2", "3.0"]),
        pytest.param("~=0.0", ["0", "0.9"], ["1.dev0"]),
        pytest.param("===1.0", ["1.0"], ["1.0.0", "1", "v1.0", "1.0+l"]),
        pytest.param("===1.0RC1", ["1.0rc1", "1.0RC1"], ["1.0c1"]),
        pytest.param("===", [], ["1.0"]),
        pytest.param("", ["1.0", "1.0rc1", "1.0+l"], []),
        pytest.param(" >= 1.0 , < 2 ,", ["1.0", "1.9"], ["2.0", "2.0rc1", "0.9"]),
        pytest.param(">=2,<1", [], ["1", "2", "1.5"]),
        pytest.param("!=1.0,!=2.0,>0.5", ["1.5", "3"], ["1.0", "2.0", "0.5"]),
        pytest.param("==v1.0", ["1.0"], ["1.1"]),
        pytest.param("<0", [], ["0", "0.dev0", "0a1"]),
        pytest.param(f">={10**100}", [f"{10**100}", f"{10**101}", "1!0"], [f"{10**99}", "2024"]),
        pytest.param(f">={2**40}!1", [f"{2**40}!1", f"{2**300}!0"], ["1", f"{2**39}!9"]),
        pytest.param(
            "==1.0.post16778497", ["1.0.post16778497"], ["1.0", "1.0.post1"], id="number that looks like a key"
        ),
    ],
)
def test_decides_as_pep_440_says(text: str, inside: list[str], outside: list[str]) -> None:
    theirs = PackagingSet(text)
    for version in inside:
        assert SpecifierSet(text).contains(version), version
        assert theirs.contains(version), version
    for version in outside:
        assert not SpecifierSet(text).contains(version), version
        assert not theirs.contains(version), version
    table = make_version_table(sorted({*inside, *outside}))
    assert set(_chosen(text, table)) == {one for one in table.texts if theirs.contains(one, prereleases=True)}


def test_every_operator_decides_as_packaging_on_a_whole_family() -> None:
    parts = itertools.product(
        ["0", "1.0", "1", "1.1", "1.0.1"], ["", "a0", "rc1"], ["", ".post0", ".post1"], ["", ".dev0"], ["", "+a", "+1"]
    )
    family = ["".join(part) for part in parts]
    table = make_version_table(family)
    for operator, version in itertools.product(["==", "!=", "<", "<=", ">", ">=", "~="], family):
        text = operator + version
        if ("+" in version and operator not in {"==", "!="}) or (operator == "~=" and "." not in version.split("p")[0]):
            continue
        try:
            theirs = PackagingSet(text)
        except InvalidSpecifier:
            with pytest.raises(InvalidRequirement):
                check_specifier(text)
            continue
        assert _chosen(text, table) == list(theirs.filter(table.texts, prereleases=True)), text


@pytest.mark.parametrize(
    "text",
    [
        "1.0", "=1.0", "=<1.0", "~1.0", "!1.0", ">>1", "<>1", "==", ">=", "~=1", "~=1.*", "~=1.0+a", ">=1.0+a", "<1.*",
        "==1.0a1.*", "==1.0.post1.*", "==1.0.dev1.*", "==1.0+a.*", "==1 .*", "==.*", "==1..*", "==*", "===a b",
        "===a;b", "===a)", ">=" + "1" * 5000, ">=1.0 <2", ">=1.0;<2", ">=a", ">=1.0,a", "==1.0.**", "= =1", ">= ",
    ],
    ids=repr,
)  # fmt: skip
def test_rejects_what_is_no_specifier(text: str) -> None:
    for read in (check_specifier, SpecifierSet, mentions_prerelease):
        with pytest.raises(InvalidRequirement):
            read(text)
    with pytest.raises(InvalidRequirement):
        specifier_mask(text, make_version_table(["1.0"]))


def test_error_points_at_the_clause() -> None:
    with pytest.raises(InvalidRequirement) as caught:
        check_specifier(">=1.0, =2")
    assert caught.value.message == "'=2' is not a version specifier"
    assert caught.value.reason == "in '>=1.0, =2', at column 8"
    assert caught.value.details["position"] == 7


@pytest.mark.parametrize(
    ("text", "versions", "prereleases", "expected"),
    [
        pytest.param(">=1", ["1.0", "2.0rc1"], None, ["1.0"], id="finals hide pre-releases"),
        pytest.param(">=1", ["0.9", "2.0rc1"], None, ["2.0rc1"], id="unless there is no final"),
        pytest.param(">=1a1", ["1.0", "2.0rc1"], None, ["1.0", "2.0rc1"], id="or a clause names one"),
        pytest.param("!=1a1", ["1.0", "2.0rc1"], None, ["1.0"], id="but not in !="),
        pytest.param(">=1", ["1.0", "2.0rc1"], True, ["1.0", "2.0rc1"], id="allowed"),
        pytest.param(">=1", ["0.9", "2.0rc1"], False, [], id="forbidden"),
        pytest.param("", ["x", "1.0rc1", "y"], None, ["x", "1.0rc1", "y"], id="odd spellings, no final"),
        pytest.param("", ["x", "1.0rc1", "1.0", "y"], None, ["x", "1.0", "y"], id="odd spellings, a final"),
        pytest.param("===x", ["x", "X", "1.0"], None, ["x", "X"], id="identity takes any text"),
        pytest.param("===1.0rc1", ["1.0", "1.0rc1"], None, ["1.0rc1"], id="identity names a pre-release"),
        pytest.param("===x,>=1", ["x"], None, [], id="other clauses can't judge it"),
    ],
)
def test_filters_as_packaging_does(
    text: str, versions: list[str], prereleases: bool | None, expected: list[str]
) -> None:
    assert SpecifierSet(text).filter(versions, prereleases) == expected
    assert list(PackagingSet(text).filter(versions, prereleases)) == expected


def test_own_setting_about_prereleases_counts_where_the_call_has_none() -> None:
    assert not SpecifierSet(">=1", prereleases=False).contains("2.0rc1")
    assert SpecifierSet(">=1", prereleases=False).contains("2.0rc1", prereleases=True)
    assert SpecifierSet(">=1", prereleases=True).filter(["1.0", "2.0rc1"]) == ["1.0", "2.0rc1"]
    assert SpecifierSet("").prereleases is None
    assert SpecifierSet("<2rc1").prereleases is True


def test_mask_lets_prereleases_in_and_is_remembered() -> None:
    table = make_version_table(["1.0", "1.1rc1", "1.1", "2.0"])
    assert specifier_mask(">=1.0,<2", table) == 0b0111
    assert specifier_mask(">=1.0,<2", table) == 0b0111
    assert specifier_mask("===1.1", table) == 0b0100
    assert specifier_mask("", table) == 0b1111
    assert specifier_mask("", make_version_table([])) == 0


def test_mask_of_another_table_is_another_mask() -> None:
    first, second = make_version_table(["1.0", "2.0"]), make_version_table(["0.1", "1.0", "2.0"])
    assert specifier_mask(">=2", first) == 0b10
    assert specifier_mask(">=2", second) == 0b100


def test_caches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CACHE_LIMIT", 8)
    monkeypatch.setattr(module, "_TABLE_LIMIT", 4)
    tables = [make_version_table([f"{number}.0"]) for number in range(50)]
    for number, table in enumerate(tables):
        assert specifier_mask(f"=={number}.0", table) == 1
    assert len(module._compiled) <= 9
    assert len(module._masks) <= 4


def test_sets_compare_by_their_clauses() -> None:
    assert SpecifierSet(">=1, <2") == SpecifierSet("<2,>=1")
    assert hash(SpecifierSet(">=1, <2")) == hash(SpecifierSet("<2,>=1"))
    assert SpecifierSet(">=1") != SpecifierSet(">=2")
    assert SpecifierSet(">=1") != ">=1"
    assert str(SpecifierSet(" >= 1 , < 2")) == ">=1,<2"
    assert repr(SpecifierSet("~= 1.0")) == "SpecifierSet('~=1.0')"


@pytest.mark.parametrize(
    ("text", "version", "expected"),
    [
        (">=1", "2.0rc1", True),
        (">=1", "0.9", False),
        (">=1", "no version", False),
        (">=1,<2", "1", None),
        (">=1,", "1", None),
        ("", "1", None),
        ("in 1", "1", None),
    ],
)
def test_single_clause_is_matched_or_told_from_a_set(text: str, version: str, expected: bool | None) -> None:
    assert module.match_single(text, version) is expected


def test_very_many_clauses_are_compiled_in_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pair of intervals was tried: a hostile requirement with 20,000 clauses took minutes."""
    looked_at = 0
    real = module._intersect

    def counting(left: Intervals, right: Intervals = EVERYTHING) -> Intervals:
        nonlocal looked_at
        looked_at += len(left) + len(right)
        return real(left, right)

    monkeypatch.setattr(module, "_intersect", counting)
    count = 2_000
    text = ">=1," + ",".join(f"!=7.{number}" for number in range(count))
    compiled = module.compile_specifier(text)
    assert len(compiled.intervals) == count + 1
    assert looked_at < 40 * count
    assert SpecifierSet(text).contains("7.2000")
    assert not SpecifierSet(text).contains("7.1999")
    assert not SpecifierSet(text).contains("0.9")
