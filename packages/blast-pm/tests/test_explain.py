"""What a user reads when nothing fits: whole texts, because their wording is what they are for."""

from __future__ import annotations

import json

import pytest

from blast_core.errors import NoSolution, error_from_dict
from blast_pm.resolver import resolve
from blast_pm.resolver.derivation import Derivation, Fact, iter_facts, to_dict
from blast_pm.resolver.explain import Relaxation, hints, phrase, sentences
from blast_pm.resolver.testing import MemorySource, Release, make_policy, make_target, requirements

LINUX = make_target("3.12.1")
Universe = dict[str, dict[str, Release | list[str]]]


def fail(universe: Universe, *lines: str, constraints: tuple[str, ...] = ()) -> NoSolution:
    rows = requirements(*lines)
    origins = {row: f"line {number}" for number, row in enumerate(rows, 5)}
    limits = requirements(*constraints)
    with pytest.raises(NoSolution) as caught:
        resolve(rows, LINUX, MemorySource(universe, LINUX), policy=make_policy(constraints=limits), origins=origins)
    return caught.value


TWO_LEVELS: Universe = {
    "app": {"1.0": ["server", "client"]},
    "server": {"1": ["wire<2"], "2": ["wire<2"]},
    "client": {"1": ["wire>=2"], "2": ["wire>=3"]},
    "wire": {str(number): [] for number in range(1, 6)},
}

CASES = [
    pytest.param(
        {
            "flask": {"2.0": ["werkzeug>=2"], "3.0": ["werkzeug>=3.0"], "3.1": ["werkzeug>=3.0"]},
            "werkzeug": {"1.0": [], "2.0": [], "3.0": [], "3.1": []},
        },
        ("flask>=3", "werkzeug<2"),
        ["Because line 5 asks for flask>=3, flask>=3.0 needs werkzeug>=3.0 and line 6 asks for werkzeug<2"],
        ["relax 'werkzeug<2' of line 6: without it werkzeug 3.1 fits"],
        id="a bound of the project",
    ),
    pytest.param(
        TWO_LEVELS,
        ("app",),
        [
            (
                "Because server needs wire<2, app needs client and client needs wire>=2, "
                "server and app can't be used together."
            ),
            "And because line 5 asks for app and app needs server",
        ],
        ["loosen or remove one of the requirements named above"],
        id="two levels below",
    ),
    pytest.param(
        {"a": {"1.0": [], "1.5": []}},
        ("a==2.0",),
        ["Because line 5 asks for a==2.0, but there is only a 1.0 to 1.5"],
        ["relax 'a==2.0' of line 5: without it a 1.5 fits"],
        id="no such version",
    ),
    pytest.param(
        {"a": {"1.0": ["flaks>=1"]}},
        ("a",),
        ["Because line 5 asks for a and a needs flaks>=1, but flaks was not found on the index"],
        ["check the name 'flaks', or add the index that has it"],
        id="no such project",
    ),
    pytest.param(
        {"a": {"1.0": ["b>=3"]}, "b": {"1": [], "2": []}},
        ("a",),
        ["Because line 5 asks for a and a needs b>=3, but there is only b 1 to 2"],
        ["ask for a version of b that exists: 1 to 2"],
        id="a dependency without such a version",
    ),
    pytest.param(
        {"a": {"1.0": Release([], ">=3.8"), "2.0": Release([], ">=3.13")}},
        ("a>=2",),
        ["Because line 5 asks for a>=2 and a 2.0 needs Python >=3.13 (this is 3.12.1)"],
        [
            "relax 'a>=2' of line 5: without it a 1.0 fits",
            "use another Python: a 2.0 needs Python >=3.13 (this is 3.12.1)",
        ],
        id="another Python",
    ),
    pytest.param(
        {"a": {"1.0": Release([], ">=3.13"), "2.0": Release([], ">=3.14")}},
        ("a",),
        ["Because line 5 asks for a and every version of a needs Python >=3.14 or the like (this is 3.12.1)"],
        ["use another Python: every version of a needs Python >=3.14 or the like (this is 3.12.1)"],
        id="every version for another Python",
    ),
    pytest.param(
        {"a": {"1.0": Release(yanked=True)}},
        ("a",),
        ["Because line 5 asks for a and a 1.0 was yanked"],
        ["pin a with '==' to accept a yanked version"],
        id="yanked",
    ),
    pytest.param(
        {"a": {"1.0": Release(tags=["cp39-cp39-win_amd64"]), "2.0": Release(tags=["cp39-cp39-win_amd64"])}},
        ("a",),
        ["Because line 5 asks for a and no version of a has a wheel for linux-x86_64-py312"],
        ["resolve for a Python and a platform that a has wheels for"],
        id="no wheel for the target",
    ),
    pytest.param(
        {"a": {"1.0": ["b==1; extra == 'x'", "b==2; extra == 'y'"]}, "b": {"1": [], "2": []}},
        ("a[x,y]",),
        ["Because line 5 asks for a[x,y], a[x] needs b==1 and a[y] needs b==2"],
        ["loosen or remove one of the requirements named above"],
        id="two extras",
    ),
    pytest.param(
        {"a": {"1.0": ["a>=2"]}},
        ("a",),
        ["Because line 5 asks for a and a 1.0 needs a>=2 of itself"],
        ["loosen or remove one of the requirements named above"],
        id="itself in another version",
    ),
]


@pytest.mark.parametrize(("universe", "lines", "told", "advice"), CASES)
def test_says_who_asked_why_not_and_what_helps(
    universe: Universe, lines: tuple[str, ...], told: list[str], advice: list[str]
) -> None:
    error = fail(universe, *lines)
    assert error.reason.splitlines() == [*told[:-1], f"{told[-1]}, no set of versions fits."]
    assert error.hint.splitlines() == advice


def test_tells_a_constraint_from_a_requirement() -> None:
    error = fail({"a": {"1": ["b>=3"]}, "b": {"1": [], "3": []}}, "a", constraints=("b<3",))
    assert "a constraint allows only b<3" in error.reason
    assert error.hint == "relax 'b<3' of a constraint: without it b 3 fits"


def test_leaves_out_requirements_that_have_no_part_in_it() -> None:
    universe: Universe = {**TWO_LEVELS, "other": {"1": ["wire"]}, "third": {"1": ["other"]}}
    error = fail(universe, "third", "app", "other", "wire>=1")
    assert "other" not in error.reason
    assert "third" not in error.reason


def test_gives_the_proof_as_json() -> None:
    error = fail(TWO_LEVELS, "app")
    document = json.loads(json.dumps(error.to_dict()))
    steps = document["derivation"]
    assert steps[-1]["conclusion"] == ""
    assert {premise["kind"] for step in steps for premise in step["premises"] if "kind" in premise} == {
        "asked",
        "depends",
    }
    assert error_from_dict(document).reason == error.reason


def test_a_conclusion_that_is_used_twice_has_a_number() -> None:
    shared = Derivation("b can't be used", (fact("b"), fact("c"), fact("d"), fact("e")))
    left = Derivation("x can't be used", (shared, fact("f"), fact("g"), fact("h")))
    right = Derivation("y can't be used", (shared, fact("i"), fact("j"), fact("k")))
    told = sentences(Derivation("", (left, right, fact("l"), fact("m"))))
    assert told[0].endswith("b can't be used (1).")
    assert "b can't be used (1)" in told[2]
    assert told[-1].startswith("And because x can't be used (2), l was yanked")


def test_a_long_proof_is_told_from_its_end() -> None:
    step = Derivation("0", (fact("a"), fact("b"), fact("c"), fact("d")))
    for number in range(60):
        step = Derivation(str(number), (step, fact(f"p{number}"), fact("q"), fact("r"), fact("s")))
    told = sentences(step._replace(conclusion=""))
    assert len(told) == 21
    assert told[0] == "The proof has 41 more steps, which --json shows. It ends:"


def test_short_steps_are_told_in_one_sentence() -> None:
    inner = Derivation("b can't be used", (fact("b"), fact("c")))
    assert sentences(Derivation("", (inner, fact("d")))) == [
        "Because b was yanked, c was yanked and d was yanked, no set of versions fits."
    ]


def test_json_and_facts_tell_a_shared_step_once() -> None:
    step = Derivation("0", (fact("a"),))
    for number in range(40):  # told naively this would be 2 ** 40 facts
        step = Derivation(str(number), (step, step))
    assert len(to_dict(step)) == 41
    assert iter_facts(step) == [fact("a")]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (Fact("own", "a 1", "a>=2", "a"), "a 1 needs a>=2 of itself"),
        (Fact("prerelease", "a 1a1", "", "a"), "a 1a1 is a pre-release"),
        (Fact("metadata", "a 1", "bad marker", "a"), "a 1 can't be used (bad marker)"),
        (Fact("source", "a 1", "linux", "a"), "a 1 has no wheel for linux (it would have to be built)"),
        (
            Fact("asked", "your project", "a @ https://index.invalid/a", "a", "a", "address"),
            "your project asks for a @ https://index.invalid/a, but no distribution was read from that address",
        ),
        (Fact("depends", "a 1", "b>1", "a", "b", "version"), "a 1 needs b>1, but b has no version"),
    ],
)
def test_phrases_each_kind_of_fact(told: Fact, expected: str) -> None:
    assert phrase(told) == expected


def test_hints_name_what_the_policy_keeps_out() -> None:
    facts = [Fact("prerelease", "a 1a1", "", "a"), Fact("source", "b 1", "linux", "b")]
    assert hints(facts, [], offers_prereleases=False) == [
        "allow pre-releases of a",
        "allow b to be built from source",
    ]
    assert hints(facts[:1], [], offers_prereleases=True) == ["loosen or remove one of the requirements named above"]


def test_a_relaxation_without_which_the_package_goes() -> None:
    row = Relaxation("a<2", "a constraint", "")
    assert hints([], [row], offers_prereleases=True) == [
        "relax 'a<2' of a constraint: without it all others fit together"
    ]


def fact(subject: str) -> Fact:
    return Fact("yanked", subject, "", subject)
