"""What the hook remembers: a memo answers as long as all that it depends on is as it was, and rubbish is none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from blast_runtime.hook import Memo, ask_environ, memo_path, read_memo, stamp, write_memo

if TYPE_CHECKING:
    from pathlib import Path

_START = "/somewhere"


@pytest.fixture
def view(tmp_path: Path) -> Path:
    place = tmp_path / "view"
    (place / "bin").mkdir(parents=True)
    (place / "bin" / "python").write_text("")
    (place / "map").write_text("")
    return place


def keep(tmp_path: Path, view: Path, *watched: Path, boot: str = "") -> Path:
    memo = tmp_path / "memo"
    found = Memo(str(view), str(view / "site"), str(tmp_path), boot)
    memo.write_bytes(write_memo(str(memo), _START, found, {str(path): stamp(str(path)) for path in watched}))
    return memo


def test_memo_comes_back(tmp_path: Path, view: Path) -> None:
    memo = keep(tmp_path, view, tmp_path / "none.lock", view / "map")
    found = read_memo(str(memo), _START)
    assert found is not None
    assert (found.view, found.site, found.root) == (str(view), str(view / "site"), str(tmp_path))
    assert read_memo(str(memo), "/elsewhere") is None
    assert read_memo(str(tmp_path / "other"), _START) is None


def test_each_change_makes_it_void(tmp_path: Path, view: Path) -> None:
    lock = tmp_path / "uv.lock"
    lock.write_text("1")
    memo = keep(tmp_path, view, lock, tmp_path / "none.lock")
    os.utime(lock, (1, 1))
    assert read_memo(str(memo), _START) is None
    memo = keep(tmp_path, view, lock, tmp_path / "none.lock")
    (tmp_path / "none.lock").write_text("")
    assert read_memo(str(memo), _START) is None
    memo = keep(tmp_path, view, lock)
    (view / "bin" / "python").unlink()
    assert read_memo(str(memo), _START) is None


def test_view_that_may_be_lost_is_doubted_after_another_start(
    tmp_path: Path, view: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLAST_BOOT_ID", "one")
    memo = keep(tmp_path, view, boot="one".rjust(12, "0"))
    assert read_memo(str(memo), _START) is not None
    monkeypatch.setenv("BLAST_BOOT_ID", "two")
    assert read_memo(str(memo), _START) is None
    settled = view / ".blast" / "generations" / "1" / ".meta" / "settled"
    settled.parent.mkdir(parents=True)
    settled.write_text("")
    assert read_memo(str(memo), _START) is not None


def test_path_with_a_line_break_is_not_remembered(tmp_path: Path) -> None:
    for path, directory in (("a\nb", "c"), ("a", "b\nc")):
        assert write_memo(path, directory, Memo("", "", ""), {}) == b""
    assert write_memo("a", "b", Memo("", "", ""), {"c\nd": "-"}) == b""
    odd = os.fsdecode(b"/\xff")
    memo = tmp_path / "memo"
    memo.write_bytes(write_memo(str(memo), odd, Memo("", "", ""), {odd + "/uv.lock": "-"}))
    assert read_memo(str(memo), odd) is not None


@pytest.mark.property
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=strategies.floats(0, 1), cut=strategies.integers(0, 60), put=strategies.binary(max_size=8))
def test_damaged_memo_never_fails(tmp_path: Path, place: float, cut: int, put: bytes) -> None:
    view = tmp_path / "view"
    (view / "bin").mkdir(parents=True, exist_ok=True)
    (view / "bin" / "python").write_text("")
    memo = keep(tmp_path, view, view / "bin")
    whole = memo.read_bytes()
    at = min(int(place * len(whole)), len(whole) - 1)
    memo.write_bytes(whole[:at] + put + whole[at + cut :])
    found = read_memo(str(memo), _START)
    assert found is None or isinstance(found.view, str)
    memo.write_bytes(whole[:at])
    assert read_memo(str(memo), _START) is None


def test_place_of_a_memo_depends_on_what_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    first = memo_path("/home", _START)
    assert first == memo_path("/home", _START)
    assert first != memo_path("/home", "/elsewhere")
    monkeypatch.setenv("BLAST_RUN_EXTRAS", "plot")
    assert memo_path("/home", _START) != first
    monkeypatch.delenv("BLAST_RUN_EXTRAS")
    monkeypatch.setenv("BLAST_RUN_DIRECTORY", "/elsewhere")
    monkeypatch.setenv("OTHER", "1")
    assert memo_path("/home", _START) == first


def test_blast_is_asked_without_what_is_meant_for_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BLAST_KEEP_PYTHONPATH", raising=False)
    for name in ("BLAST", "BLAST_RUN_EXTRAS", "PYTHONPATH", "PYTHONSTARTUP"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("BLAST_OFFLINE", "1")
    found = ask_environ("/home")
    assert {"BLAST", "BLAST_RUN_EXTRAS", "PYTHONPATH", "PYTHONSTARTUP"}.isdisjoint(found)
    assert (found["BLAST_OFFLINE"], found["BLAST_HOME"]) == ("1", "/home")
