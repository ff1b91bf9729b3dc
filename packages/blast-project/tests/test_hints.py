"""A question that was answered before is not resolved again, and the answer is the same to the byte."""

from __future__ import annotations

import dataclasses
import marshal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import blast_core
from blast_pm.testing import StaticIndex, make_wheel
from blast_project import hints
from blast_project.lock_files import LockResult, publish_lock
from blast_project.locking import lock_project
from blast_project.testing import Workbench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = ("blast.lock", "pylock.toml")


def _fill(directory: Path) -> None:
    make_wheel(directory, "alpha", "1.0", ["beta"])
    make_wheel(directory, "alpha", "2.0", ["beta>=1", "gamma; extra == 'deep'"], extras=["deep"])
    make_wheel(directory, "beta", "1.0")
    make_wheel(directory, "beta", "1.5", ["gamma; sys_platform == 'win32'"])
    make_wheel(directory, "gamma", "0.3", requires_python=">=3.10")
    make_wheel(directory, "lost", "1.0", ["nowhere"])
    make_wheel(directory, "lost", "0.9")


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    directory = tmp_path / "wheels"
    directory.mkdir()
    _fill(directory)
    return directory


@pytest.fixture
def index(wheels: Path) -> Iterator[StaticIndex]:
    with StaticIndex(wheels) as server:
        yield server


@pytest.fixture
def bench(tmp_path: Path, index: StaticIndex) -> Workbench:
    bench = Workbench.make(tmp_path, index.url, tmp_path / "home")
    bench.write_manifest("dependencies = ['alpha']")
    return bench


def lock(bench: Workbench, *, keep: bool = False, **options: object) -> LockResult:
    """Lock as if for the first time."""
    for name in () if keep else FILES:
        (bench.root / name).unlink(missing_ok=True)
    with bench.session() as session:
        result = lock_project(session, bench.project(), session.find_interpreter(), **options)  # type: ignore[arg-type]
    publish_lock(str(bench.root), result)
    return result


def test_the_second_answer_is_the_first(bench: Workbench) -> None:
    first = lock(bench)
    again = lock(bench)
    assert (first.visited > 0, again.visited) == (True, 0)
    assert again == first._replace(visited=0)
    fresh = lock(bench, hints=False)
    assert fresh == first


def test_the_index_is_not_asked_for_a_hint(bench: Workbench, index: StaticIndex) -> None:
    lock(bench)
    index.forget_requests()
    assert lock(bench).visited == 0
    assert index.paths() == []


def test_another_question_is_another_hint(bench: Workbench) -> None:
    lock(bench)
    bench.write_manifest("dependencies = ['alpha<2']")
    assert lock(bench).visited > 0
    assert lock(bench).visited == 0
    bench.write_manifest("dependencies = ['alpha']")
    assert lock(bench).visited == 0
    assert lock(bench, targets=["linux-x86_64"]).visited > 0
    assert lock(bench, targets=["linux-x86_64"]).visited == 0


def test_what_is_preferred_belongs_to_the_question(bench: Workbench) -> None:
    bench.write_manifest("dependencies = ['alpha<2', 'beta<1.5']")
    lock(bench)
    bench.write_manifest("dependencies = ['alpha']")
    assert lock(bench, keep=True).pins()["beta"] == "1.0"
    newest = lock(bench)
    assert (newest.visited > 0, newest.pins()["beta"]) == (True, "1.5")
    pinned = lock(bench, pins={"beta": "1.0"})
    assert (pinned.visited > 0, pinned.pins()["beta"]) == (True, "1.0")


def _directory(above: Path) -> Path:
    (above / "other").mkdir()
    return above / "other"


def test_a_page_that_changed_makes_it_void(wheels: Path, tmp_path: Path) -> None:
    with StaticIndex(wheels, max_age_s=0) as index:
        bench = Workbench.make(_directory(tmp_path), index.url, tmp_path / "home")
        bench.write_manifest("dependencies = ['alpha']")
        lock(bench)
        # The index must be asked each time: what is stored may not be used unasked.
        assert lock(bench).visited > 0
        make_wheel(wheels, "beta", "1.6")
        index.reload()
        assert lock(bench).pins()["beta"] == "1.6"


def test_offline_what_is_stored_counts(wheels: Path, tmp_path: Path) -> None:
    with StaticIndex(wheels, max_age_s=0) as index:
        bench = Workbench.make(_directory(tmp_path), index.url, tmp_path / "home")
        bench.write_manifest("dependencies = ['alpha']")
        first = lock(bench)
        with bench.session(offline=True) as session:
            again = lock_project(session, bench.project(), session.find_interpreter(), upgrade=True)
        assert again.content == first.content


def test_a_project_that_appears_makes_it_void(bench: Workbench, wheels: Path, index: StaticIndex) -> None:
    bench.write_manifest("dependencies = ['lost']")
    assert lock(bench).pins() == {"lost": "0.9"}
    assert lock(bench).visited == 0
    make_wheel(wheels, "nowhere", "1.0")
    index.reload()
    with bench.session(refresh=True) as session:
        # A command that asks the index anew learns of it; the next one uses what that one learned.
        session.client.record("nowhere")
    found = lock(bench)
    assert (found.visited > 0, found.pins()) == (True, {"lost": "1.0", "nowhere": "1.0"})


def test_nothing_is_remembered_where_it_is_forbidden(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    lock(bench, hints=False)
    first = lock(bench)
    assert first.visited > 0
    forbidden = dataclasses.replace(bench, environ={"BLAST_NO_HINTS": "1"})
    assert lock(forbidden).visited > 0
    assert lock(dataclasses.replace(bench, environ={"BLAST_NO_HINTS": "0"})).visited == 0
    monkeypatch.setattr(blast_core, "__version__", "0.0")
    assert lock(bench).visited > 0


def test_a_project_that_names_addresses_is_not_remembered(bench: Workbench, wheels: Path) -> None:
    wheel = next(wheels.glob("gamma*.whl"))
    bench.write_manifest(f"dependencies = ['alpha', 'gamma @ {wheel.as_uri()}']")
    assert lock(bench).visited > 0
    assert lock(bench).visited > 0


def test_what_is_said_is_said_again(bench: Workbench) -> None:
    bench.write_manifest("dependencies = ['alpha[shallow]']")
    lock(bench)
    said = list(bench.words.notes)
    assert any("no extra named shallow" in line for line in said)
    lock(bench)
    assert bench.words.notes == said * 2


def test_the_number_is_bounded_and_the_oldest_goes(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "SLOTS", 3)
    asked = ["alpha", "alpha<2", "beta", "beta<1.5", "gamma"]
    for line in asked:
        bench.write_manifest(f"dependencies = ['{line}']")
        assert lock(bench).visited > 0
    with bench.session() as session:
        assert len(list(session.database.items("hints"))) == 4
    monkeypatch.setattr(hints, "keep_hint", lambda *_: None)
    remembered = []
    for line in asked:
        bench.write_manifest(f"dependencies = ['{line}']")
        remembered.append(lock(bench).visited == 0)
    assert remembered == [False, False, True, True, True]


@pytest.mark.property
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(data=st.data())
def test_a_damaged_hint_is_none(bench: Workbench, data: st.DataObject) -> None:
    first = lock(bench)
    with bench.session() as session:
        rows = list(session.database.items("hints"))
        key, row = data.draw(st.sampled_from(rows))
        fields = marshal.loads(row)
        spoiled = data.draw(
            st.sampled_from(
                [b"", row[:-1], marshal.dumps((0, *fields[1:])), marshal.dumps(fields[:-1]), marshal.dumps(3)]
            )
        )
        session.database.put("hints", key, spoiled)
    again = lock(bench)
    assert (again.content, again.text) == (first.content, first.text)
    assert lock(bench).visited == 0


LINES = ("alpha", "alpha<2", "alpha[deep]", "beta", "beta<1.5", "gamma", "lost", "beta; sys_platform == 'win32'")


@pytest.mark.property
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    questions=st.lists(st.lists(st.sampled_from(LINES), min_size=1, max_size=3, unique=True), min_size=2, max_size=4)
)
def test_with_and_without_hints_the_lock_is_the_same(bench: Workbench, questions: list[list[str]]) -> None:
    """Each question follows on the lock of the one before, as in a project that is edited."""
    for name in FILES:
        (bench.root / name).unlink(missing_ok=True)
    for lines in questions:
        bench.write_manifest(f"dependencies = {lines!r}")
        before = bench.files()
        answers = []
        for hinted in (True, False, True):
            for name in FILES:
                (bench.root / name).unlink(missing_ok=True)
                if name in before:
                    (bench.root / name).write_bytes(before[name])
            answers.append(lock(bench, keep=True, hints=hinted)[:4])
        assert answers[0] == answers[1] == answers[2]
