"""What `resolve` promises, one rule a test."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, ClassVar

import pytest

from blast_core.errors import InvalidRequirement, NoSolution, OfflineError, ProjectNotFound, UsageError
from blast_pm.resolver import DirectCandidate, Resolution, resolve
from blast_pm.resolver.testing import MemorySource, Release, make_policy, make_target, requirements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_core.requirements import Requirement
    from blast_pm.metadata.records import ProjectRecord

    Universe = Mapping[str, Mapping[str, Release | Sequence[str]]]

LINUX = make_target("3.12.1")
WEB: dict[str, dict[str, Sequence[str]]] = {
    "flask": {"2.0": ["werkzeug>=2", "click"], "3.0": ["werkzeug>=3", "click>=8", "colorama; sys_platform == 'win32'"]},
    "werkzeug": {"2.3": ["markupsafe"], "3.0": ["markupsafe"], "3.1": ["markupsafe>=2"]},
    "click": {"7.0": [], "8.1": []},
    "markupsafe": {"1.1": [], "2.1": []},
    "colorama": {"0.4": []},
}


def versions(resolution: Resolution) -> dict[str, str]:
    return {package.name: package.version for package in resolution.packages}


def solve(universe: Universe, *lines: str, **options: object) -> dict[str, str]:
    others = {key: options.pop(key) for key in ("direct", "preferences", "origins") if key in options}
    policy = make_policy(**options)  # type: ignore[arg-type]
    source = MemorySource(universe, LINUX)
    return versions(resolve(requirements(*lines), LINUX, source, policy=policy, **others))  # type: ignore[arg-type]


class TestChoosing:
    def test_takes_the_newest_of_everything_that_is_reached(self) -> None:
        assert solve(WEB, "flask") == {"flask": "3.0", "werkzeug": "3.1", "click": "8.1", "markupsafe": "2.1"}

    def test_takes_the_oldest_when_asked(self) -> None:
        assert solve(WEB, "flask", resolution="lowest") == {
            "flask": "2.0",
            "werkzeug": "2.3",
            "click": "7.0",
            "markupsafe": "1.1",
        }

    def test_goes_back_to_an_older_dependent(self) -> None:
        assert solve(WEB, "flask", "werkzeug<3")["flask"] == "2.0"

    def test_nothing_asked_is_nothing_needed(self) -> None:
        assert resolve([], LINUX, MemorySource(WEB)) == Resolution((), 0)

    def test_evaluates_markers_of_the_project_on_the_target(self) -> None:
        assert solve(WEB, "colorama; sys_platform == 'win32'", "click") == {"click": "8.1"}

    def test_evaluates_markers_of_dependencies_on_the_target(self) -> None:
        windows = make_target(platform="windows")
        found = resolve(requirements("flask"), windows, MemorySource(WEB, windows))
        assert "colorama" in versions(found)

    def test_the_same_requirement_twice_is_one(self) -> None:
        assert solve(WEB, "click", "click") == {"click": "8.1"}

    def test_survives_cycles(self) -> None:
        universe: Universe = {"a": {"1": ["b"], "2": ["b>=2"]}, "b": {"1": ["a"], "2": ["a<2"]}}
        assert solve(universe, "a") == {"a": "1", "b": "2"}

    def test_describes_what_it_chose(self) -> None:
        found = resolve(requirements("flask"), LINUX, MemorySource(WEB))
        flask = next(package for package in found.packages if package.name == "flask")
        assert [package.name for package in found.packages] == ["click", "flask", "markupsafe", "werkzeug"]
        assert flask.edges == ("click", "werkzeug")
        assert flask.requirements == tuple(requirements(*WEB["flask"]["3.0"]))
        assert [file.filename for file in flask.files] == ["flask-3.0-py3-none-any.whl"]
        assert found.visited == 4


class TestExtras:
    UNIVERSE: ClassVar[Universe] = {
        "a": {"1": ["b>=1; extra == 'x'"], "2": ["b>=2; extra == 'x'", "c; extra == 'y'", "a[x,y]; extra == 'all'"]},
        "b": {"1": [], "2": []},
        "c": {"1": []},
    }

    def test_an_extra_adds_its_requirements(self) -> None:
        assert solve(self.UNIVERSE, "a") == {"a": "2"}
        assert solve(self.UNIVERSE, "a[x]") == {"a": "2", "b": "2"}

    def test_an_extra_may_refer_to_others_of_its_package(self) -> None:
        assert solve(self.UNIVERSE, "a[all]") == {"a": "2", "b": "2", "c": "1"}

    def test_an_extra_has_the_version_of_its_package(self) -> None:
        assert solve(self.UNIVERSE, "a[x]", "b<2") == {"a": "1", "b": "1"}

    def test_lists_the_active_extras(self) -> None:
        found = resolve(requirements("a[all]"), LINUX, MemorySource(self.UNIVERSE))
        assert found.packages[0].extras == ("all", "x", "y")

    def test_warns_of_an_extra_that_the_version_does_not_have(self) -> None:
        found = resolve(requirements("a[nope]"), LINUX, MemorySource(self.UNIVERSE))
        assert found.packages[0].extras == ()
        assert found.warnings == ("a 2 has no extra named nope",)

    def test_an_extra_of_a_package_that_is_decided_already_still_counts(self) -> None:
        universe: Universe = {**self.UNIVERSE, "d": {"1": ["a[x]"]}, "e": {"1": ["d"]}}
        assert solve(universe, "a", "e") == {"a": "2", "b": "2", "d": "1", "e": "1"}

    def test_a_package_may_need_itself(self) -> None:
        universe: Universe = {"a": {"1": ["a"], "2": ["a<2"]}}
        assert solve(universe, "a") == {"a": "1"}


class TestUserRules:
    def test_a_constraint_limits_but_does_not_ask(self) -> None:
        limits = requirements("werkzeug<3", "colorama<1")
        assert solve(WEB, "flask", constraints=limits) == {
            "flask": "2.0",
            "werkzeug": "2.3",
            "click": "8.1",
            "markupsafe": "2.1",
        }

    def test_a_constraint_with_a_false_marker_does_not_limit(self) -> None:
        limits = requirements("werkzeug<3; sys_platform == 'win32'")
        assert solve(WEB, "flask", constraints=limits)["werkzeug"] == "3.1"

    def test_an_override_replaces_what_dependents_say(self) -> None:
        assert solve(WEB, "flask==3.0", overrides=requirements("werkzeug==2.3"))["werkzeug"] == "2.3"

    def test_an_override_replaces_what_the_project_says(self) -> None:
        assert solve(WEB, "werkzeug>=3", overrides=requirements("werkzeug<3"))["werkzeug"] == "2.3"

    def test_an_override_with_a_false_marker_drops_the_dependency(self) -> None:
        assert "werkzeug" not in solve(WEB, "flask", overrides=requirements("werkzeug; sys_platform == 'win32'"))

    def test_an_override_leaves_extras_to_those_who_ask(self) -> None:
        universe: Universe = {"a": {"1": ["b>=2; extra == 'x'"]}, "b": {"1": [], "2": []}}
        rule = requirements("b==1")
        assert solve(universe, "a", overrides=rule) == {"a": "1"}
        assert solve(universe, "a[x]", overrides=rule) == {"a": "1", "b": "1"}

    def test_preferred_versions_are_tried_first(self) -> None:
        assert solve(WEB, "flask", preferences={"werkzeug": "3.0", "click": "8.1"})["werkzeug"] == "3.0"

    def test_a_preference_may_be_spelled_otherwise(self) -> None:
        assert solve(WEB, "flask", preferences={"werkzeug": "3.0.0"})["werkzeug"] == "3.0"

    def test_a_preference_that_does_not_fit_is_left(self) -> None:
        assert solve(WEB, "flask>=3", preferences={"werkzeug": "2.3", "click": "99"})["werkzeug"] == "3.1"


class TestPrereleases:
    UNIVERSE: ClassVar[Universe] = {
        "a": {"1": ["b"], "2a1": ["b"]},
        "b": {"1a1": [], "1a2": []},
        "c": {"1": ["a>=2a1"]},
    }

    def test_final_releases_come_first(self) -> None:
        assert solve(self.UNIVERSE, "a") == {"a": "1", "b": "1a2"}

    def test_a_dependency_that_names_one_gets_it(self) -> None:
        assert solve(self.UNIVERSE, "c")["a"] == "2a1"

    def test_are_equal_when_allowed(self) -> None:
        assert solve(self.UNIVERSE, "a", prereleases="allow")["a"] == "2a1"

    def test_are_out_when_disallowed(self) -> None:
        with pytest.raises(NoSolution, match="fits") as caught:
            solve(self.UNIVERSE, "a", prereleases="disallow")
        assert "allow pre-releases of b" in caught.value.hint

    def test_explicit_means_named_by_the_project(self) -> None:
        assert solve(self.UNIVERSE, "c", "a>=2a1", "b>=1a1", prereleases="explicit")["a"] == "2a1"
        with pytest.raises(NoSolution):
            solve(self.UNIVERSE, "c", prereleases="explicit")

    def test_an_old_lock_may_hold_one(self) -> None:
        assert solve(self.UNIVERSE, "a", preferences={"a": "2a1"})["a"] == "2a1"

    def test_refuses_an_unknown_policy(self) -> None:
        with pytest.raises(UsageError, match="sometimes"):
            solve(self.UNIVERSE, "a", prereleases="sometimes")


class TestUsability:
    def test_skips_versions_for_other_pythons(self) -> None:
        universe: Universe = {"a": {"1": Release([], ">=3.8"), "2": Release([], ">=3.13")}}
        assert solve(universe, "a") == {"a": "1"}

    def test_skips_versions_whose_metadata_alone_tells_the_python(self) -> None:
        universe: Universe = {"a": {"1": Release([], ">=3.8"), "2": Release([], ">=3.13", late_python=True)}}
        assert solve(universe, "a") == {"a": "1"}

    def test_skips_versions_without_a_wheel_for_the_target(self) -> None:
        universe: Universe = {"a": {"1": [], "2": Release(tags=["cp39-cp39-win_amd64"])}}
        assert solve(universe, "a") == {"a": "1"}

    def test_takes_what_can_be_built(self) -> None:
        assert solve({"a": {"1": [], "2": Release(tags=[], sdist=True)}}, "a") == {"a": "2"}

    def test_skips_yanked_versions(self) -> None:
        assert solve({"a": {"1": [], "2": Release(yanked=True)}}, "a>=1") == {"a": "1"}

    def test_takes_a_yanked_version_that_the_project_pins(self) -> None:
        assert solve({"a": {"1": [], "2": Release(yanked=True)}}, "a==2") == {"a": "2"}

    def test_takes_a_yanked_version_of_the_old_lock(self) -> None:
        universe: Universe = {"a": {"1": [], "2": Release(yanked=True)}}
        assert solve(universe, "a", preferences={"a": "2"}) == {"a": "2"}

    def test_a_dependency_can_not_pin_a_yanked_version(self) -> None:
        with pytest.raises(NoSolution, match="fits"):
            solve({"a": {"1": ["b==2"]}, "b": {"1": [], "2": Release(yanked=True)}}, "a")

    def test_a_wildcard_is_no_pin(self) -> None:
        with pytest.raises(NoSolution):
            solve({"a": {"2": Release(yanked=True)}}, "a==2.*")


class TestDirectReferences:
    AT = "a @ https://index.invalid/a-5.tar.gz"
    A5 = DirectCandidate(
        "a", "5", "https://index.invalid/a-5.tar.gz", tuple(requirements("b", "c; extra == 'x'")), "", ("x",)
    )
    UNIVERSE: ClassVar[Universe] = {
        "a": {"1": []},
        "b": {"1": ["a>=2"]},
        "c": {"1": []},
        "d": {"1": [AT]},
        "e": {"1": ["a<5"]},
    }

    def test_takes_the_candidate_for_all_who_ask(self) -> None:
        found = resolve(requirements(self.AT, "d"), LINUX, MemorySource(self.UNIVERSE), direct={"a": self.A5})
        assert versions(found) == {"a": "5", "b": "1", "d": "1"}

    def test_its_extras_work(self) -> None:
        asked = requirements(self.AT.replace("a @", "a[x] @"))
        found = resolve(asked, LINUX, MemorySource(self.UNIVERSE), direct={"a": self.A5})
        assert versions(found) == {"a": "5", "b": "1", "c": "1"}
        assert found.packages[0].extras == ("x",)

    def test_specifiers_of_others_hold_for_it(self) -> None:
        with pytest.raises(NoSolution, match="fits") as caught:
            solve(self.UNIVERSE, self.AT, "e", direct={"a": self.A5})
        assert "which needs a<5, but there is only a 5 from https://index.invalid/a-5.tar.gz" in caught.value.reason

    def test_a_dependency_can_not_bring_an_address_of_its_own(self) -> None:
        with pytest.raises(NoSolution) as caught:
            solve(self.UNIVERSE, "d")
        assert "an address that your project does not ask for itself" in caught.value.reason
        assert "add 'a @ https://index.invalid/a-5.tar.gz'" in caught.value.hint

    def test_its_python_counts(self) -> None:
        with pytest.raises(NoSolution) as caught:
            solve(self.UNIVERSE, self.AT, direct={"a": self.A5._replace(requires_python=">=3.14")})
        assert "needs Python >=3.14 (this is 3.12.1)" in caught.value.reason


class BrokenSource(MemorySource):
    """Some metadata can't be read, and some projects not reached."""

    def project(self, name: str) -> ProjectRecord:
        if name == "offline":
            raise OfflineError("the page of offline is not stored")
        return super().project(name)

    def dependencies(self, name: str, version: str) -> tuple[Requirement, ...]:
        if version == "2":
            raise InvalidRequirement(f"{name} {version} can't be resolved", reason="a needs 'b >> 1'")
        return super().dependencies(name, version)


class TestTrouble:
    def test_unreadable_metadata_only_rules_out_its_version(self) -> None:
        found = resolve(requirements("a"), LINUX, BrokenSource({"a": {"1": [], "2": []}}))
        assert versions(found) == {"a": "1"}

    def test_unreadable_metadata_is_told_when_nothing_else_is_left(self) -> None:
        with pytest.raises(NoSolution) as caught:
            resolve(requirements("a>1"), LINUX, BrokenSource({"a": {"1": [], "2": []}}))
        assert "a 2 can't be used (a needs 'b >> 1')" in caught.value.reason

    def test_a_page_that_is_not_stored_only_rules_out_who_needs_it(self) -> None:
        universe: Universe = {"a": {"1": [], "3": ["offline"]}}
        assert versions(resolve(requirements("a"), LINUX, BrokenSource(universe))) == {"a": "1"}

    def test_a_project_that_does_not_exist_only_rules_out_who_needs_it(self) -> None:
        assert solve({"a": {"1": [], "2": ["nope"]}}, "a") == {"a": "1"}

    def test_the_memory_source_knows_what_it_has_not(self) -> None:
        with pytest.raises(ProjectNotFound):
            MemorySource({}).project("a")


class TestEffort:
    def test_announces_projects_before_it_asks_for_them(self) -> None:
        source = MemorySource(WEB)
        resolve(requirements("flask"), LINUX, source)
        order = source.prefetched
        assert order[:2] == ["flask", "flask==3.0"]
        assert order.index("click") < order.index("werkzeug==3.1")
        assert source.visited == ["flask==3.0", "click==8.1", "werkzeug==3.1", "markupsafe==2.1"]

    def test_announces_many_candidates_when_many_are_tried_in_vain(self) -> None:
        universe: Universe = {
            "a": {str(number): ["b<1"] if number else [] for number in range(100)},
            "b": {"0": [], "1": []},
        }
        source = MemorySource(universe)
        resolve(requirements("b>=1", "a"), LINUX, source)
        at = source.prefetched.index("a==90")
        assert source.prefetched[at : at + 3] == ["a==90", "a==89", "a==88"]
        assert len(source.visited) <= 101

    def test_parents_that_pin_narrow_ranges_are_not_tried_one_by_one(self) -> None:
        """As boto3 does with botocore, whose newer versions all need a newer urllib3."""
        count = 300
        universe: Universe = {
            "boto": {f"1.{number}": [f"core>=1.{number},<1.{number + 2}"] for number in range(count)},
            "core": {f"1.{number}": ["url>=2" if number > 3 else "url"] for number in range(count)},
            "url": {"1": [], "2": []},
        }
        source = MemorySource(universe)
        found = resolve(requirements("url<2", "boto"), LINUX, source)
        assert versions(found) == {"boto": "1.3", "core": "1.3", "url": "1"}
        assert len(source.visited) <= 2 * count + 1

    def test_a_blocked_package_gets_to_choose_first(self) -> None:
        """As in uv: after five candidates of b that the decision for a rules out, b is decided before a."""
        universe: Universe = {
            "a": {str(number): [] for number in range(1, 20)},
            "b": {str(number): ["a<2"] for number in range(1, 20)},
        }
        source = MemorySource(universe)
        assert versions(resolve(requirements("a", "b"), LINUX, source)) == {"a": "1", "b": "19"}
        assert len(source.visited) <= 8

    def test_an_old_lock_makes_a_short_walk(self) -> None:
        first = versions(resolve(requirements("flask"), LINUX, MemorySource(WEB)))
        source = MemorySource({**WEB, "rich": {"1": ["markupsafe"]}})
        again = resolve(requirements("flask", "rich"), LINUX, source, preferences=first)
        assert versions(again) == {**first, "rich": "1"}
        assert len(source.visited) == 5


def test_a_search_imports_nothing_heavy() -> None:
    code = (
        "import sys; import blast_pm.resolver.solver, blast_pm.resolver.result;"
        "print([name for name in ('packaging', 'pathlib', 'dataclasses', 'json', 'numpy', 'resolvelib', 'asyncio')"
        " if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
