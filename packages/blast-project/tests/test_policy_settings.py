"""Options and settings about versions and files, made into one value."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from blast_core.errors import UsageError
from blast_pm.metadata.policy import EVERYTHING, NOTHING, ProjectSet
from blast_project.policy import limits_kinds, policy_key, read_policy, resolution_of, stamp_resolution
from blast_project.settings import PolicyOptions

_NOW = datetime(2025, 3, 10, 12, 34, 56, tzinfo=UTC).timestamp()


def test_nothing_said_is_no_limit_and_no_key() -> None:
    policy = read_policy(PolicyOptions(), {}, _NOW)
    assert policy.files.is_empty
    assert policy.resolver == "pubgrub"
    assert policy.key == policy_key(PolicyOptions(), {"package": True}) == ""


def test_an_option_goes_before_the_setting() -> None:
    tool = {"resolution": "lowest", "prerelease": "allow", "resolver": "resolvelib", "exclude-newer": "2025-01-01"}
    options = PolicyOptions(
        resolution="highest", prerelease="disallow", resolver="pubgrub", exclude_newer="2025-02-01T00:00:00Z"
    )
    policy = read_policy(options, tool, _NOW)
    assert policy.resolution.resolution == "highest"
    assert policy.resolution.prereleases == "disallow"
    assert policy.resolver == "pubgrub"
    assert policy.files.cutoff == "2025-02-01T00:00:00"
    assert read_policy(PolicyOptions(), tool, _NOW).files.cutoff == "2025-01-02T00:00:00"


def test_an_option_takes_the_setting_back() -> None:
    assert read_policy(PolicyOptions(exclude_newer="false"), {"exclude-newer": "2025-01-01"}, _NOW).files.is_empty


def test_single_projects_add_up_and_the_option_wins() -> None:
    tool = {
        "exclude-newer": "7 days",
        "exclude-newer-package": {"Num_Py": "2025-01-01", "setuptools": False},
        "prerelease-package": {"Torch": "allow", "numpy": "explicit"},
    }
    options = PolicyOptions(
        exclude_newer_package=("num.py=2025-02-01", "scipy=false"), prerelease_package=("torch=disallow",)
    )
    policy = read_policy(options, tool, _NOW)
    assert policy.files.cutoff == "2025-03-03T12:00:00"
    assert policy.files.package_cutoffs == {"num-py": "2025-02-02T00:00:00", "setuptools": "", "scipy": ""}
    assert policy.resolution.package_prereleases == {"torch": "disallow", "numpy": "explicit"}


def test_requirements_add_up() -> None:
    tool = {"constraint-dependencies": ["a<1"], "override-dependencies": ["b"], "build-constraint-dependencies": ["c"]}
    options = PolicyOptions(constraints=("a>0",), overrides=("d",), build_constraints=("e",))
    policy = read_policy(options, tool, _NOW)
    assert [(row.name, row.specifier) for row in policy.resolution.constraints] == [("a", "<1"), ("a", ">0")]
    assert [row.name for row in policy.resolution.overrides] == ["b", "d"]
    assert [row.name for row in policy.build_constraints] == ["c", "e"]


@pytest.mark.parametrize(
    ("tool", "options", "no_build", "no_binary"),
    [
        ({"no-build": True}, PolicyOptions(), EVERYTHING, NOTHING),
        ({"no-binary": True}, PolicyOptions(), NOTHING, EVERYTHING),
        ({"only-binary": True}, PolicyOptions(), EVERYTHING, NOTHING),
        ({"only-binary": ["A"]}, PolicyOptions(), ProjectSet(frozenset("a")), NOTHING),
        ({"no-build-package": ["a"]}, PolicyOptions(no_build_package=("b",)), ProjectSet(frozenset("ab")), NOTHING),
        ({}, PolicyOptions(no_build=True), EVERYTHING, NOTHING),
        # Strict: what may not be built is not built, whatever else is said of it.
        (
            {"no-build": True, "no-binary-package": ["a"]},
            PolicyOptions(),
            EVERYTHING,
            ProjectSet(frozenset("a")),
        ),
        # As pip: a name goes before ':all:' of the other option.
        (
            {},
            PolicyOptions(only_binary=(":all:",), no_binary_package=("a",)),
            ProjectSet(frozenset("a"), inverted=True),
            ProjectSet(frozenset("a")),
        ),
        (
            {},
            PolicyOptions(only_binary=("a",), no_binary_package=(":all:",)),
            ProjectSet(frozenset("a")),
            ProjectSet(frozenset("a"), inverted=True),
        ),
        ({}, PolicyOptions(only_binary=(":all:", ":none:", "a,b")), ProjectSet(frozenset("ab")), NOTHING),
    ],
)
def test_kinds_of_files(
    tool: dict[str, object], options: PolicyOptions, no_build: ProjectSet, no_binary: ProjectSet
) -> None:
    files = read_policy(options, tool, _NOW).files
    assert (files.no_build, files.no_binary) == (no_build, no_binary)


def test_time_passing_leaves_the_key_as_it_is() -> None:
    tool = {"exclude-newer": "7 days", "exclude-newer-package": {"a": "P1D"}}
    today, tomorrow = (read_policy(PolicyOptions(), tool, at) for at in (_NOW, _NOW + 86400))
    assert today.key == tomorrow.key
    assert today.files != tomorrow.files


@pytest.mark.parametrize(
    "options",
    [
        PolicyOptions(exclude_newer="8 days"),
        PolicyOptions(exclude_newer="2025-01-01"),
        PolicyOptions(exclude_newer_package=("a=false",)),
        PolicyOptions(prerelease="allow"),
        PolicyOptions(prerelease_package=("a=allow",)),
        PolicyOptions(resolution="lowest"),
        PolicyOptions(resolver="resolvelib"),
        PolicyOptions(constraints=("a",)),
        PolicyOptions(overrides=("a",)),
        PolicyOptions(build_constraints=("a",)),
    ],
)
def test_whatever_changes_a_lock_changes_the_key(options: PolicyOptions) -> None:
    tool = {"exclude-newer": "7 days"}
    assert policy_key(options, tool) != policy_key(PolicyOptions(), tool)


@pytest.mark.parametrize(
    ("setting", "option"),
    [
        ({"no-build": True}, PolicyOptions(no_build=True)),
        ({"no-build-package": ["a"]}, PolicyOptions(no_build_package=("a",))),
        ({"no-binary": True}, PolicyOptions(no_binary=True)),
        ({"no-binary-package": ["a"]}, PolicyOptions(no_binary_package=("a",))),
        ({"only-binary": ["a"]}, PolicyOptions(only_binary=("a",))),
    ],
)
def test_kinds_change_the_key_where_the_project_says_so(setting: dict[str, object], option: PolicyOptions) -> None:
    assert policy_key(PolicyOptions(), setting) != ""
    assert policy_key(option, {}) == ""
    assert limits_kinds(PolicyOptions(), setting)
    assert limits_kinds(option, {})
    assert not limits_kinds(PolicyOptions(exclude_newer="7 days"), {"resolution": "lowest"})


def test_a_lock_tells_by_which_rule_its_versions_were_chosen() -> None:
    inputs = bytes(range(200, 232))
    for mode in ("highest", "lowest", "lowest-direct"):
        stamped = stamp_resolution(inputs, PolicyOptions(), {"resolution": mode})
        assert stamped == stamp_resolution(inputs, PolicyOptions(resolution=mode), {"resolution": "highest"})
        assert resolution_of(stamped) == mode
        assert stamped[:-1] == inputs[:-1]


def test_what_moves_one_package_is_no_part_of_the_key() -> None:
    policy = read_policy(PolicyOptions(moves=("a==2",)), {"constraint-dependencies": ["b<1"]}, _NOW)
    assert [row.name for row in policy.resolution.constraints] == ["b", "a"]
    assert policy.key == policy_key(PolicyOptions(), {"constraint-dependencies": ["b<1"]})


def test_equal_wishes_have_one_key_however_they_are_written() -> None:
    assert policy_key(PolicyOptions(), {"exclude-newer": "7 days"}) == policy_key(PolicyOptions(exclude_newer="1w"), {})
    assert policy_key(PolicyOptions(), {"resolution": "highest", "resolver": "pubgrub", "no-build": False}) == ""
    one, two = {"only-binary": ["a"]}, {"no-build-package": ["A"]}
    assert policy_key(PolicyOptions(), one) == policy_key(PolicyOptions(), two)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (PolicyOptions(exclude_newer="someday"), "--exclude-newer: 'someday' is no date"),
        (PolicyOptions(exclude_newer_package=("a",)), "--exclude-newer-package a: there is no project"),
        (PolicyOptions(exclude_newer_package=("a=b",)), "--exclude-newer-package a: 'b' is no date"),
        (PolicyOptions(prerelease_package=("a=b",)), "--prerelease-package a: 'b' is no mode"),
        (PolicyOptions(no_build_package=("a b",)), "'a b' is no legal name"),
    ],
)
def test_a_wrong_option_is_named(options: PolicyOptions, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_policy(options, {}, _NOW)
    assert caught.value.message.startswith(said)


def test_a_project_that_says_nothing_imports_nothing() -> None:
    program = (
        "import sys; from blast_project.policy import policy_key; from blast_project.settings import PolicyOptions;"
        "policy_key(PolicyOptions(), {'package': True});"
        "print([m for m in sys.modules if m.startswith('blast_pm') or m in ('typing', 're', 'datetime')])"
    )
    environ = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
