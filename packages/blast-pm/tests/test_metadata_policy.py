"""Which files count: cut-offs by time of upload, wheels and source distributions by project."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blast_pm.index.model import IndexFile
from blast_pm.metadata.policy import EVERYTHING, NOTHING, FilePolicy, ProjectSet


def _file(time: str = "", name: str = "a-1-py3-none-any.whl", index: str = "main") -> IndexFile:
    return IndexFile(name, f"https://index.invalid/{name}", "", 0, "", None, time, None, index)


def test_allows_all_without_a_setting() -> None:
    policy = FilePolicy()
    assert policy.is_empty
    assert policy.allows("a", _file())
    assert policy.key("a") == b""


@pytest.mark.parametrize(
    ("time", "before"),
    [
        ("2025-02-28T23:59:59Z", True),
        ("2025-02-28T23:59:59.999999Z", True),
        ("2025-03-01T00:00:00Z", False),
        ("2025-03-01T00:00:00.000000Z", False),
        ("2025-03-01T00:00:00.000001Z", False),
        ("2025-03-01T00:59:59+01:00", True),
        ("2025-02-28T23:00:00-01:00", False),
        ("2025-02-28T12:00:00", True),
        ("2025-02-28", True),
        ("2025-03-02", False),
        ("yesterday", False),
        ("yesterday, at tea time, it wasZ", False),
        ("", False),
    ],
)
def test_a_file_counts_only_if_it_was_there_before_the_cutoff(time: str, before: bool) -> None:
    assert FilePolicy(cutoff="2025-03-01T00:00:00").allows("a", _file(time)) is before


@settings(max_examples=200)
@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - hypothesis wants it naive
    st.integers(-3, 3),
    st.integers(-720, 720),
)
def test_times_compare_as_instants_do(cutoff: datetime, microseconds: int, offset_minutes: int) -> None:
    there = (cutoff + timedelta(microseconds=microseconds)).replace(tzinfo=UTC)
    text = cutoff.isoformat()
    policy = FilePolicy(cutoff=text.rstrip("0") if "." in text else text)
    for written in (
        there.isoformat().replace("+00:00", "Z"),
        there.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        there.astimezone(timezone(timedelta(minutes=offset_minutes))).isoformat(),
    ):
        assert policy.allows("a", _file(written)) is (there < cutoff.replace(tzinfo=UTC)), written


def test_a_project_may_have_its_own_cutoff_or_none() -> None:
    policy = FilePolicy(cutoff="2025-01-01T00:00:00", package_cutoffs={"b": "2026-01-01T00:00:00", "c": ""})
    late = _file("2025-06-01T00:00:00Z")
    assert [policy.allows(name, late) for name in "abc"] == [False, True, True]
    assert policy.allows("c", _file(""))
    assert [policy.key(name) for name in "abc"] == [b"<2025-01-01T00:00:00", b"<2026-01-01T00:00:00", b""]


def test_a_cutoff_for_one_project_alone_leaves_others_free() -> None:
    policy = FilePolicy(package_cutoffs={"b": "2026-01-01T00:00:00"})
    assert not policy.is_empty
    assert policy.key("a") == b""
    assert policy.allows("a", _file(""))
    assert not policy.allows("b", _file(""))


def test_files_of_a_directory_have_no_time_and_need_none() -> None:
    policy = FilePolicy(cutoff="2025-01-01T00:00:00", undated_indexes=frozenset({"wheels"}))
    assert policy.allows("a", _file("", index="wheels"))
    assert not policy.allows("a", _file(""))
    assert policy.is_undated("a", _file(""))
    assert not policy.is_undated("a", _file("", index="wheels"))
    assert not policy.is_undated("a", _file("2026-01-01T00:00:00Z"))


def test_kinds_of_files_can_be_left_out_by_project() -> None:
    policy = FilePolicy(no_build=ProjectSet(frozenset("ab")), no_binary=ProjectSet(frozenset("c"), inverted=True))
    wheel, sdist = _file(), _file(name="a-1.tar.gz")
    assert [(policy.allows(name, wheel), policy.allows(name, sdist)) for name in "abcd"] == [
        (False, False),
        (False, False),
        (True, True),
        (False, True),
    ]
    assert [policy.key(name) for name in "acd"] == [b"!build!binary", b"", b"!binary"]


def test_sets_of_projects() -> None:
    assert not NOTHING.holds("a")
    assert EVERYTHING.holds("a")
