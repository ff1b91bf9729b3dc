"""What a user reads when nothing fits: whole texts, because their wording is what they are for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from blast_core.errors import IndexTimeout, NoSolution, OfflineError, error_from_dict
from blast_pm.resolver import ResolutionPolicy, resolve, resolve_universal
from blast_pm.resolver.derivation import Fact, Premise, Step, iter_facts, to_dict
from blast_pm.resolver.diagnose import explain_failures
from blast_pm.resolver.explain import phrase, sentences, summary
from blast_pm.resolver.loosening import loosen
from blast_pm.resolver.target_words import describe_targets, version_range
from blast_pm.resolver.testing import MemorySource, Release, make_target, requirements
from blast_pm.resolver.wording import readable

if TYPE_CHECKING:
    from blast_core.requirements import Requirement
    from blast_pm.metadata.records import ProjectRecord

LINUX = make_target("3.12.1")
SHAPES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "explanations.json").read_text(encoding="utf-8"))
Universe = dict[str, dict[str, Release]]


def make_universe(shape: dict[str, Any]) -> Universe:
    return {
        name: {version: Release(**row) for version, row in releases.items()}
        for name, releases in shape["universe"].items()
    }


def ask(shape: dict[str, Any]) -> NoSolution:
    rows = requirements(*shape["asked"])
    origins = {row: f"your project (pyproject.toml, line {number})" for number, row in enumerate(rows, 5)}
    policy = ResolutionPolicy(
        tuple(requirements(*shape.get("constraints", ()))),
        tuple(requirements(*shape.get("overrides", ()))),
        shape.get("prereleases", "if-necessary-or-explicit"),
    )
    with pytest.raises(NoSolution) as caught:
        resolve(rows, LINUX, MemorySource(make_universe(shape), LINUX), policy=policy, origins=origins)
    return caught.value


def fail(universe: dict[str, dict[str, Release | list[str]]], *lines: str) -> NoSolution:
    with pytest.raises(NoSolution) as caught:
        resolve(requirements(*lines), LINUX, MemorySource(universe, LINUX))
    return caught.value


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape["name"])
def test_says_what_does_not_fit_why_and_what_helps(shape: dict[str, Any]) -> None:
    error = ask(shape)
    assert error.message == shape["message"]
    assert error.reason.splitlines() == shape["why"]
    assert error.hint.splitlines() == shape["try"]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape["name"])
def test_is_the_same_twice(shape: dict[str, Any]) -> None:
    assert ask(shape).to_dict() == ask(shape).to_dict()


def test_leaves_out_requirements_that_have_no_part_in_it() -> None:
    shape = next(shape for shape in SHAPES if shape["name"] == "two levels below")
    more = {"other": {"1": {"requires": ["wire"]}}, "third": {"1": {"requires": ["other"]}}}
    error = ask({**shape, "universe": {**shape["universe"], **more}, "asked": ["third", "app", "other", "wire>=1"]})
    assert error.message == "nothing fits app: what it needs does not go together"
    assert "other" not in error.reason
    assert "third" not in error.reason


def test_gives_the_proof_and_the_suggestions_as_json() -> None:
    shape = next(shape for shape in SHAPES if shape["name"] == "a bound of the project")
    error = ask(shape)
    document = json.loads(json.dumps(error.to_dict()))
    assert document["derivation"] == [
        {
            "step": 1,
            "conclusion": "nothing fits",
            "premises": [
                {
                    "kind": "asked",
                    "package": "flask",
                    "requirement": "flask>=3",
                    "other": "flask",
                    "origin": "your project (pyproject.toml, line 5)",
                },
                {
                    "kind": "depends",
                    "package": "flask",
                    "versions": "flask>=3.0",
                    "requirement": "werkzeug>=3.0",
                    "other": "werkzeug",
                },
                {
                    "kind": "asked",
                    "package": "werkzeug",
                    "requirement": "werkzeug<2",
                    "other": "werkzeug",
                    "origin": "your project (pyproject.toml, line 6)",
                },
            ],
        }
    ]
    assert document["suggestions"][0] == {
        "kind": "change",
        "text": "change 'werkzeug<2' to 'werkzeug>=2' (pyproject.toml, line 6): then werkzeug 3.1 fits",
        "requirement": "werkzeug<2",
        "replacement": "werkzeug>=2",
        "origin": "your project (pyproject.toml, line 6)",
        "resolves_to": {"flask": "3.1", "werkzeug": "3.1"},
        "verified": True,
    }
    assert document["sentences"] == error.reason.splitlines()
    assert error_from_dict(document).reason == error.reason


def test_several_changes_are_listed_apart() -> None:
    shape = next(shape for shape in SHAPES if shape["name"] == "two changes needed")
    suggestions: Any = ask(shape).details["suggestions"]
    assert suggestions[0]["requirement"] == "a==1"
    assert suggestions[0]["also"] == [
        {"requirement": "b==1", "replacement": "b==2", "origin": "your project (pyproject.toml, line 6)"}
    ]


class TestSentences:
    def test_a_conclusion_that_is_not_used_at_once_has_a_number(self) -> None:
        first = Step("a can't be used", (premise("x"),))
        second = Step("b can't be used", (premise("y"),))
        told = sentences((first, second, Step("", (Premise(None, step=0), Premise(None, step=1)), "c")))
        assert told == [
            "x was yanked.",
            "So a can't be used (1).",
            "y was yanked.",
            "So b can't be used.",
            "a can't be used (1).",
            "But b can't be used.",
            "So no version of c is left.",
        ]

    def test_a_long_proof_is_told_from_its_end(self) -> None:
        steps = [Step(f"s{number}", (premise("x"), Premise(None, step=number - 1))) for number in range(1, 40)]
        told = sentences((Step("s0", (premise("x"),)), *steps, Step("", (Premise(None, step=39),))))
        assert len(told) == 25
        assert told[0] == "The proof has 96 more lines, which --json shows. It ends:"

    def test_facts_and_json_tell_a_shared_conclusion_once(self) -> None:
        steps = (Step("a", (premise("x"),)), Step("", (Premise(None, step=0), Premise(None, step=0), premise("x"))))
        assert iter_facts(steps) == [Fact("yanked", "x", "x")]
        assert to_dict(steps)[1]["premises"] == [
            {"step": 1},
            {"step": 1},
            {"kind": "yanked", "package": "x", "versions": "x"},
        ]

    def test_many_requirements_are_named_in_part(self) -> None:
        asked = tuple(Premise(Fact("asked", name, "", name, name, "you")) for name in "abcdef")
        assert summary((Step("", asked),)) == "nothing fits a, b, c and 3 more requirements together"

    @pytest.mark.parametrize(
        ("told", "expected"),
        [
            (Fact("own", "a", "a 1", "a>=2"), "a 1 needs a>=2 of itself"),
            (Fact("prerelease", "a", "a 1a1"), "a 1a1 is a pre-release"),
            (Fact("metadata", "a", "a 1", detail="bad marker"), "a 1 can't be used (bad marker)"),
            (
                Fact("source", "a", "every version of a", detail="Python 3.12", known="Windows"),
                "no version of a has a wheel for Python 3.12 (its wheels are for Windows; it would have to be built)",
            ),
            (Fact("policy", "a", "a>=2", detail="newer"), "a>=2 is newer than exclude-newer allows"),
            (
                Fact("policy", "a", "a 1"),
                "your settings (no-build, no-binary or exclude-newer) let in no file of a 1",
            ),
            (
                Fact("asked", "a", "", "a @ https://index.invalid/a", "a", "your project", missing="address"),
                "your project asks for a @ https://index.invalid/a, but no distribution was read from that address",
            ),
            (Fact("depends", "a", "a 1", "b>1", "b", missing="version"), "a 1 needs b>1, but b has no version"),
            (
                Fact("policy", "a", "every version of a"),
                "your settings (no-build, no-binary or exclude-newer) let in no file of any version of a",
            ),
        ],
    )
    def test_phrases_each_kind_of_fact(self, told: Fact, expected: str) -> None:
        assert phrase(told) == expected


class Unreliable(MemorySource):
    """Some pages can't be had."""

    def project(self, name: str) -> ProjectRecord:
        if name == "far":
            raise OfflineError("the page of far is not stored")
        if name == "slow":
            raise IndexTimeout("the index did not answer")
        return super().project(name)

    def dependencies(self, name: str, version: str) -> tuple[Requirement, ...]:
        if (name, version) == ("a", "2"):
            raise OfflineError("the metadata of a 2 is not stored")
        return super().dependencies(name, version)


class TestTrouble:
    def test_a_page_that_is_not_stored_is_told(self) -> None:
        """What is not known without the network is no proof that nothing fits."""
        with pytest.raises(OfflineError) as caught:
            resolve(requirements("a"), LINUX, Unreliable({"a": {"1": ["far"]}}))
        assert caught.value.message == "nothing fits a: the page of far is not stored"
        assert "allow the network, so that far can be looked up" in caught.value.hint
        assert caught.value.details["derivation"]

    def test_metadata_that_is_not_stored_is_told(self) -> None:
        with pytest.raises(OfflineError) as caught:
            resolve(requirements("a>1"), LINUX, Unreliable({"a": {"1": [], "2": []}}))
        assert "a 2 can't be used (what it needs is not in the store)" in caught.value.reason
        assert "allow the network, so that a can be looked up" in caught.value.hint

    def test_what_contradicts_itself_does_so_without_the_network_too(self) -> None:
        with pytest.raises(NoSolution):
            resolve(requirements("b<1", "b>1", "far"), LINUX, Unreliable({"b": {"1": [], "2": []}}))

    def test_suggestions_do_without_what_can_not_be_reached(self) -> None:
        universe: dict[str, dict[str, list[str]]] = {"a": {"1": ["b<2"], "2": ["slow"]}, "b": {"1": [], "2": []}}
        with pytest.raises(NoSolution) as caught:
            resolve(requirements("a==1", "b>=2"), LINUX, Unreliable(universe))
        assert caught.value.hint.splitlines()[0] == "change 'b>=2' to 'b>=1': then b 1 fits"

    def test_effort_is_bounded(self) -> None:
        """Behind the bound that could be lifted lies more than is worth reading for a suggestion."""
        universe: dict[str, dict[str, Release | list[str]]] = {
            "a": {"1": ["b<2"], "2": ["n0"]},
            "b": {"1": [], "2": []},
            **{f"n{number}": {"1": [f"n{number + 1}"]} for number in range(2000)},
        }
        source = MemorySource(universe, LINUX)
        with pytest.raises(NoSolution) as caught:
            resolve(requirements("a==1", "b>=2"), LINUX, source)
        assert len(source.visited) < 400
        first, second = caught.value.hint.splitlines()[:2]
        assert first == "change 'b>=2' to 'b>=1': then b 1 fits"
        assert second == "change 'a==1' to 'a==2': then b 2 fits; what else that needs was not looked at"
        suggestions: Any = caught.value.details["suggestions"]
        assert [row["verified"] for row in suggestions[:2]] == [True, False]

    def test_nothing_is_built_for_a_suggestion_if_that_would_take_long(self) -> None:
        chain: dict[str, dict[str, Release | list[str]]] = {
            f"n{number}": {"1": Release([f"n{number + 1}"], tags=(), sdist=True)} for number in range(20)
        }
        universe: dict[str, dict[str, Release | list[str]]] = {
            "a": {"1": ["b<2"], "2": ["n0"]},
            "b": {"1": [], "2": []},
            **chain,
            "n20": {"1": []},
        }
        source = MemorySource(universe, LINUX)
        with pytest.raises(NoSolution) as caught:
            resolve(requirements("a==1", "b>=2"), LINUX, source)
        assert sum(visit.startswith("n") for visit in source.visited) <= 3
        assert "'a==2': then b 2 fits; what else that needs was not looked at" in caught.value.hint

    def test_what_many_versions_need_is_told_without_gaps(self) -> None:
        universe: dict[str, dict[str, Release | list[str]]] = {
            "a": {str(number): [f"b=={2 * number}"] for number in range(2, 12)},
            "b": {str(number): [] for number in range(30)},
        }
        error = fail(universe, "a", "b<4")
        assert error.reason.splitlines()[0] == "Your project asks for a, which needs b>=4,<=22."

    def test_gaps_that_matter_are_told(self) -> None:
        universe: dict[str, dict[str, Release | list[str]]] = {
            "a": {str(number): [f"b=={2 * number}"] for number in range(2, 12)},
            "b": {str(number): [] for number in range(30)},
        }
        error = fail(universe, "a", "b==7")
        assert "b>=4,<=22 (with gaps)" in error.reason


class TestManyTargets:
    TARGETS = tuple(make_target(python) for python in ("3.9.1", "3.10.1", "3.11.1", "3.12.1"))

    def test_names_the_next_python_that_has_a_solution(self) -> None:
        universe: dict[str, dict[str, Release]] = {
            "a": {"1": Release(["b>=2"])},
            "b": {"1": Release(), "2": Release([], ">=3.11")},
        }
        source = MemorySource(universe, self.TARGETS)
        found = resolve_universal([(row, -1) for row in requirements("a")], self.TARGETS, source)
        error = found.failures[0].error
        assert error.message == "nothing fits a: b 2 needs Python >=3.11"
        suggestions: Any = error.details["suggestions"]
        assert suggestions[0]["kind"] == "python"
        assert suggestions[0]["replacement"] == ">=3.11"
        assert suggestions[0]["resolves_to"] == {"a": "1", "b": "2"}

    def test_tells_of_the_target_that_fails_not_of_all(self) -> None:
        universe: dict[str, dict[str, Release]] = {"a": {"1": Release(yanked=True), "2": Release([], ">=3.12")}}
        source = MemorySource(universe, self.TARGETS)
        found = resolve_universal([(row, -1) for row in requirements("a>=2")], self.TARGETS, source)
        assert [failure.mask for failure in found.failures] == [0b111]
        assert "a 2 needs Python >=3.12 (the lock is for 3.9.1 too)" in found.failures[0].error.reason


class TestTargets:
    TARGETS = tuple(
        make_target(python, platform)
        for platform in ("linux", "macos", "windows")
        for python in ("3.9", "3.10", "3.11")
    )

    @pytest.mark.parametrize(
        ("names", "words", "python"),
        [
            (["linux-x86_64-py39"], "Python 3.9 on linux-x86_64", ""),
            (["py39"], "Python 3.9 on every platform", ">=3.10"),
            (["py39", "py310"], "Python 3.9 and 3.10 on every platform", ">=3.11"),
            (["py311"], "Python 3.11 on every platform", ">=3.9,<3.11"),
            (["windows"], "windows-x86_64", ""),
            (["windows", "macos"], "macos-x86_64 and windows-x86_64", ""),
            (["windows", "py39"], "Python 3.9 on linux-x86_64 and macos-x86_64; windows-x86_64", ""),
            (["-"], "every Python and platform", ""),
            ([], "", ""),
        ],
    )
    def test_are_told_shortly(self, names: list[str], words: str, python: str) -> None:
        mask = 0
        for bit, target in enumerate(self.TARGETS):
            if any(name in target.name for name in names):
                mask |= 1 << bit
        assert describe_targets(mask, self.TARGETS) == words
        assert version_range(mask, self.TARGETS) == python

    def test_variants_are_told_where_they_differ(self) -> None:
        targets = [target._replace(name=f"{target.name}+{name}") for name in ("cpu", "gpu") for target in self.TARGETS]
        assert describe_targets((1 << 9) - 1, targets) == "every platform with cpu"
        assert describe_targets(1 | 1 << 9, targets) == "Python 3.9 on linux-x86_64"

    def fail(self, universe: Universe, *lines: str) -> NoSolution:
        source = MemorySource(universe, self.TARGETS)
        found = resolve_universal([(row, -1) for row in requirements(*lines)], self.TARGETS, source)
        error = explain_failures(found.failures)
        assert isinstance(error, NoSolution)
        return error

    def test_the_message_says_where_and_a_marker_helps(self) -> None:
        error = self.fail({"a": {"1": Release(tags=["py3-none-win_amd64"])}}, "a")
        assert error.message.startswith("nothing fits a for linux-x86_64 and macos-x86_64: a 1 has no wheel for")
        assert error.hint.splitlines() == [
            "change 'a' to 'a; sys_platform == \"win32\"', to ask for it only where it has files",
            "leave out linux-x86_64 and macos-x86_64: targets = ['windows-x86_64'] in [tool.blast]",
        ]
        assert error.details["targets"] == [target.name for target in self.TARGETS if "windows" not in target.name]

    def test_a_python_is_left_out_where_that_is_enough(self) -> None:
        universe = {"a": {"1": Release(["b"])}, "b": {"1": Release([], ">=3.10"), "2": Release([], ">=3.10")}}
        error = self.fail(universe, "a")
        assert error.message == (
            "nothing fits a for Python 3.9 on every platform: every version of b needs Python >=3.10"
        )
        assert error.hint == "leave out the other Pythons by requires-python = '>=3.10'"

    def test_a_change_holds_on_all_targets_that_failed(self) -> None:
        """For the first target alone b==1 would do; a newer Python has no such version."""
        universe = {
            "a": {"1": Release(["b<3"])},
            "b": {"1": Release([], "<3.11"), "2": Release([], ">=3.11"), "3": Release()},
        }
        error = self.fail(universe, "a", "b==3")
        suggestions: Any = error.details["suggestions"]
        assert suggestions[0]["replacement"] == "b>=1"
        assert "b 1 or 2" in suggestions[0]["text"]


@pytest.mark.parametrize(
    ("specifier", "version", "expected"),
    [
        (">=1,<2", "2.5", ">=1"),
        ("<2", "2.5", ">=2"),
        ("<2", "2.0rc1", ">=2.0rc1"),
        ("<=2", "2.5", ">=2"),
        ("==1.0", "2.5", "==2.5"),
        ("==1.*", "2.5", "==2.*"),
        ("==1.2.*", "3", ""),
        (">=3", "2.5", ">=2.5"),
        (">3,!=4", "2.5", ">=2.5,!=4"),
        ("~=1.4", "2.5", "~=2.5"),
        ("~=1.4", "2", ">=2"),
        ("!=2.5", "2.5", ""),
        ("===1.0", "1.1", "===1.1"),
        ("<1", "2.0+cpu", ">=1"),
    ],
)
def test_loosens_as_little_as_possible(specifier: str, version: str, expected: str) -> None:
    assert loosen(specifier, version) == expected


def test_specifiers_are_told_in_the_order_of_versions() -> None:
    assert readable("<2.0,!=1.5,>=1.2") == ">=1.2,<2.0,!=1.5"
    assert readable("!=1.7,!=1.8,!=1.9,<2,>=1.6") == ">=1.6,<2 (without 3 versions)"
    assert readable("") == ""


def premise(name: str) -> Premise:
    return Premise(Fact("yanked", name, name))
