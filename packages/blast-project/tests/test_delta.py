"""After a change only what it reaches is asked for, and the lock is what resolving everything would have given."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from blast_core.errors import NoSolution
from blast_pm.metadata.frozen import FrozenMetadata
from blast_pm.testing import StaticIndex, make_wheel
from blast_project.editing import Place, add_requirements
from blast_project.lock_files import LockResult, publish_lock
from blast_project.locking import lock_project
from blast_project.selection import GroupSelection
from blast_project.testing import Workbench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from blast_pm.metadata.project_record import ProjectRecord

FILES = ("blast.lock", "pylock.toml")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    directory = tmp_path_factory.mktemp("wheels")
    for number in range(20):
        make_wheel(directory, f"part{number}", "1.0")
        make_wheel(directory, f"part{number}", "2.0")
    make_wheel(directory, "big", "1.0", [f"part{number}" for number in range(20)])
    make_wheel(directory, "alpha", "1.0", ["beta"])
    make_wheel(directory, "alpha", "2.0", ["beta>=2", "gamma; extra == 'deep'"], extras=["deep"])
    make_wheel(directory, "beta", "1.0")
    make_wheel(directory, "beta", "2.0")
    make_wheel(directory, "gamma", "1.0", ["part3>=2"])
    make_wheel(directory, "deeper", "1.0", ["alpha[deep]; python_version < '3.12'"])
    make_wheel(directory, "there", "1.0", ["part0; sys_platform == 'win32'"])
    make_wheel(directory, "here", "1.0", ["part0"])
    make_wheel(directory, "forked", "1.0", requires_python="<3.12")
    make_wheel(directory, "forked", "2.0", ["part1>=2"], requires_python=">=3.12")
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture
def bench(tmp_path: Path, index: StaticIndex) -> Workbench:
    return Workbench.make(tmp_path, index.url)


def lock(bench: Workbench, *lines: str, more: str = "", publish: bool = True, **options: object) -> LockResult:
    bench.write_manifest(f"dependencies = {list(lines)!r}", more=more)
    with bench.session(offline=bool(options.pop("offline", False))) as session:
        given = {"hints": False, **options}
        result = lock_project(session, bench.project(), session.find_interpreter(), **given)  # type: ignore[arg-type]
    if publish:
        publish_lock(str(bench.root), result)
    return result


def both(bench: Workbench, *lines: str, more: str = "") -> LockResult:
    """Lock with delta and without; they must agree."""
    full = lock(bench, *lines, more=more, publish=False, delta=False)
    found = lock(bench, *lines, more=more)
    assert (found.content, found.text) == (full.content, full.text)
    return found


def test_adding_asks_for_what_is_new_alone(bench: Workbench, index: StaticIndex) -> None:
    lock(bench, "big")
    index.forget_requests()
    found = lock(bench, "big", "beta")
    assert (found.visited, found.versions()["beta"]) == (1, "2.0")
    assert {path.split("/")[2] for path in index.paths() if path.startswith("/simple/")} == {"beta"}
    assert both(bench, "big", "beta").visited == 0


def test_removing_asks_for_nothing(bench: Workbench, index: StaticIndex) -> None:
    lock(bench, "big", "beta")
    index.forget_requests()
    found = lock(bench, "beta")
    assert (found.visited, found.versions()) == (0, {"beta": "2.0"})
    assert index.paths() == []


def test_upgrading_one_asks_for_it_alone(bench: Workbench) -> None:
    lock(bench, "big", "beta<2")
    lock(bench, "big", "beta")
    assert lock(bench, "big", "beta", publish=False).versions()["beta"] == "1.0"
    found = lock(bench, "big", "beta", upgrade_names=["beta"])
    assert (found.visited, found.versions()["beta"]) == (1, "2.0")


def test_an_extra_that_was_locked_for_some_targets_may_be_asked_for_on_all(bench: Workbench) -> None:
    """The lock has gamma, which the extra brings, on old Pythons alone."""
    lock(bench, "deeper", "alpha")
    found = both(bench, "deeper", "alpha", "alpha[deep]")
    assert b"gamma" in (found.text or b"")
    for entry in found.reader().entries():
        if entry.name == "gamma":
            assert entry.target_mask == (1 << len(found.reader().targets)) - 1


def test_what_stays_need_not_be_stored(bench: Workbench) -> None:
    """Of what stays nothing is read: it works offline without any of it, and without what was fetched of it."""
    lock(bench, "big", "beta<2")
    with bench.session() as session:
        for key, _ in list(session.database.items("pages")):
            if b"\0part" in key or b"\0big" in key:
                session.database.delete("pages", key)
    found = lock(bench, "big", offline=True)
    assert (found.visited, len(found.versions())) == (0, 21)


@pytest.mark.parametrize(
    ("before", "after", "versions"),
    [
        pytest.param(["alpha<2", "beta<2"], ["alpha", "beta<2"], {"alpha": "1.0", "beta": "1.0"}, id="nothing-moves"),
        pytest.param(["beta<2"], ["beta", "alpha>=2"], {"alpha": "2.0", "beta": "2.0"}, id="a-version"),
        pytest.param(["beta<2"], ["beta>=2"], {"beta": "2.0"}, id="of-the-project"),
        pytest.param(["big", "part3<2"], ["big", "gamma"], {"part3": "2.0", "part4": "2.0"}, id="far-below"),
        pytest.param(["alpha"], ["alpha[deep]"], {"gamma": "1.0", "part3": "2.0"}, id="an-extra"),
        pytest.param(["there"], ["there", "here"], {"part0": "2.0"}, id="targets"),
        pytest.param(
            ["forked", "part1<2; python_version < '3.12'"], ["forked", "part1"], {"part1": "1.0, 2.0"}, id="fork"
        ),
        pytest.param(["alpha", "big"], ["big"], {"part9": "2.0"}, id="removal"),
    ],
)
def test_it_is_what_resolving_everything_gives(
    bench: Workbench, before: list[str], after: list[str], versions: dict[str, str]
) -> None:
    lock(bench, *before)
    found = both(bench, *after).versions()
    assert {name: found[name] for name in versions} == versions


def test_a_change_that_does_not_fit_says_so(bench: Workbench) -> None:
    lock(bench, "big", "beta<2")
    with pytest.raises(NoSolution):
        lock(bench, "big", "beta<2", "alpha>=2")


@pytest.mark.parametrize(
    "more",
    [
        pytest.param("[tool.blast]\nprerelease = 'allow'", id="policy"),
        pytest.param("[tool.blast]\ntargets = ['linux-x86_64']", id="targets"),
        pytest.param("[tool.blast]\nindex-strategy = 'unsafe-best-match'", id="strategy"),
        pytest.param("[tool.blast]\nconstraint-dependencies = ['part1<3']", id="constraints"),
        pytest.param("[tool.blast]\noverride-dependencies = ['part1<3']", id="overrides"),
        pytest.param(
            "[[tool.blast.index]]\nname = 'more'\nurl = 'http://127.0.0.1:9/simple/'\nexplicit = true", id="index"
        ),
    ],
)
def test_other_rules_resolve_everything_once(bench: Workbench, more: str) -> None:
    lock(bench, "big")
    assert lock(bench, "big", "beta", more=more).visited == 22
    assert both(bench, "big", "beta", "here", more=more).visited == 1


def test_a_lock_of_another_machine_is_resolved_once(bench: Workbench) -> None:
    lock(bench, "big")
    for memo in (bench.home / "projects").glob("*.rules"):
        memo.unlink()
    assert lock(bench, "big", "beta").visited == 22
    assert lock(bench, "big", "beta", "here").visited == 1


def test_a_lock_of_another_directory_is_known(bench: Workbench, tmp_path: Path) -> None:
    lock(bench, "big")
    other = replace(bench, root=tmp_path / "other")
    other.root.mkdir()
    for name in FILES:
        (other.root / name).write_bytes((bench.root / name).read_bytes())
    assert lock(other, "big", "beta").visited == 1


def test_a_lock_that_was_checked_out_again_is_known(bench: Workbench) -> None:
    lock(bench, "big")
    before = {name: (bench.root / name).read_bytes() for name in FILES}
    lock(bench, "big", "here")
    for name, content in before.items():
        (bench.root / name).write_bytes(content)
    assert lock(bench, "big", "beta").visited == 1


def test_a_lock_that_was_edited_is_resolved(bench: Workbench) -> None:
    lock(bench, "big")
    text = bench.root / "pylock.toml"
    text.write_text(text.read_text(encoding="utf-8").replace("# Written", "# Edited"), encoding="utf-8")
    assert lock(bench, "big", "beta").visited == 22


def test_groups_and_extras_of_the_project_are_changes_too(bench: Workbench) -> None:
    lock(bench, "big")
    groups = "[dependency-groups]\ndev = ['part1', 'beta']\n[project.optional-dependencies]\nx = ['here']"
    found = both(bench, "big", more=groups)
    assert found.visited == 2
    assert both(bench, "big", more=groups.replace("'part1', ", "")).visited == 0


def test_add_asks_for_what_is_new_alone(bench: Workbench, index: StaticIndex) -> None:
    """Although it resolves twice: to find a version, and with the bound that comes of it."""
    lock(bench, "big")
    index.forget_requests()
    with bench.session() as session:
        edit = add_requirements(session, bench.project(), ["beta"], Place(), sync=False, selection=GroupSelection())
    assert edit.locked is not None
    assert edit.locked.versions()["beta"] == "2.0"
    assert {path.split("/")[2] for path in index.paths() if path.startswith("/simple/")} == {"beta"}
    assert edit.locked.visited == 1


def test_what_is_locked_is_not_looked_at_where_more_is_asked_for(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock(bench, "big", "there")
    asked: list[str] = []
    look = FrozenMetadata.project

    def noted(self: FrozenMetadata, name: str) -> ProjectRecord:
        asked.append(name)
        return look(self, name)

    monkeypatch.setattr(FrozenMetadata, "project", noted)
    found = lock(bench, "big", "there", "alpha[deep]", "part1!=3")
    # Of 22 packages one, which something new needs.
    assert sorted(set(asked)) == ["alpha", "beta", "gamma", "part3"]
    assert found.versions()["alpha"] == "2.0"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["there"], ["there", "here"]),  # on more targets than before
        (["alpha"], ["alpha", "alpha[deep]"]),  # with an extra
        (["alpha", "part3"], ["alpha", "part3<2"]),  # in another version
        (["alpha", "part3<2"], ["alpha", "part3<2", "gamma"]),  # which does not fit at all
        (["alpha"], ["beta<2", "alpha"]),
        (["forked"], ["forked", "big"]),
        (["alpha[deep]; sys_platform == 'win32'"], ["alpha[deep]; sys_platform == 'win32'", "alpha"]),
    ],
)
def test_more_that_reaches_what_is_locked(bench: Workbench, before: list[str], after: list[str]) -> None:
    lock(bench, *before)
    try:
        full = lock(bench, *after, publish=False, delta=False)
    except NoSolution:
        with pytest.raises(NoSolution):
            lock(bench, *after)
        return
    found = lock(bench, *after)
    assert (found.content, found.text) == (full.content, full.text)


MARKERS = ("", "", "", "; sys_platform == 'win32'", "; python_version < '3.12'", "; python_version >= '3.12'")
NAMES = tuple("abcdefghij")


def _universe(directory: Path, seed: int) -> None:
    """Write wheels of ten projects that need each other in any direction."""
    choose = random.Random(seed)
    for place, name in enumerate(NAMES):
        for version in range(1, 5):
            needs = []
            for other in choose.sample(NAMES, choose.randint(0, 3)):
                if other == name or (place > NAMES.index(other) and choose.random() < 0.7):
                    continue
                bound = choose.choice(["", "", f">={choose.randint(1, 3)}", f"<{choose.randint(2, 5)}"])
                extra = choose.choice(["", "", "", "[x]"])
                needs.append(f"{other}{extra}{bound}{choose.choice(MARKERS)}")
            if choose.random() < 0.5:
                needs.append(f"{choose.choice(NAMES[place:])}>={choose.randint(1, 2)}; extra == 'x'")
            python = choose.choice(["", "", "", ">=3.11", ">=3.12", "<3.13"])
            make_wheel(directory, name, f"{version}.0", needs, extras=["x"], requires_python=python)


@pytest.fixture(scope="module", params=range(6))
def universe(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    directory = tmp_path_factory.mktemp("universe")
    _universe(directory, request.param)
    with StaticIndex(directory) as server:
        yield Workbench.make(tmp_path_factory.mktemp("bench"), server.url)


lines = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(NAMES),
    st.sampled_from(["", "", "", "[x]"]),
    st.sampled_from(["", "", ">=2", "<3", ">=3", "<4"]),
    st.sampled_from(MARKERS),
)


@pytest.mark.property
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    steps=st.lists(st.lists(lines, min_size=1, max_size=4), min_size=2, max_size=4), free=st.sampled_from(["", *NAMES])
)
@example(steps=[["e<3; python_version >= '3.12'", "j>=3", "g<3"], ["a<4"]], free="d")  # a choice was taken back
def test_any_series_of_changes_is_what_resolving_everything_gives(
    universe: Workbench, steps: list[list[str]], free: str
) -> None:
    """Each step follows on the lock of the one before."""
    for name in FILES:
        (universe.root / name).unlink(missing_ok=True)
    for step in steps:
        names = [free] if free else []
        try:
            full = lock(universe, *step, publish=False, delta=False, upgrade_names=names)
        except NoSolution:
            with pytest.raises(NoSolution):
                lock(universe, *step, publish=False, upgrade_names=names)
            continue
        found = lock(universe, *step, upgrade_names=names)
        assert (found.content, found.text) == (full.content, full.text)
        assert found.visited <= full.visited


@pytest.mark.property
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    steps=st.lists(st.lists(lines, min_size=1, max_size=3), min_size=2, max_size=4),
    groups=st.lists(lines, max_size=2),
)
def test_any_growth_is_what_resolving_everything_gives(
    universe: Workbench, steps: list[list[str]], groups: list[str]
) -> None:
    """What is asked for is never taken back: mostly what is locked need not even be looked at."""
    for name in FILES:
        (universe.root / name).unlink(missing_ok=True)
    more = f"[dependency-groups]\ndev = {groups!r}"
    asked: list[str] = []
    for step in steps:
        wider = [*asked, *step]
        try:
            full = lock(universe, *wider, more=more, publish=False, delta=False)
        except NoSolution:
            with pytest.raises(NoSolution):
                lock(universe, *wider, more=more, publish=False)
            continue
        asked = wider
        found = lock(universe, *asked, more=more)
        assert (found.content, found.text) == (full.content, full.text)
