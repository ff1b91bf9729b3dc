"""What tells that a task has nothing to do, and what it costs to tell."""

from __future__ import annotations

import marshal
import os
from typing import TYPE_CHECKING, Any

import pytest

from blast_project.tasks import freshness
from blast_project.tasks.freshness import Freshness, find_files
from blast_project.tasks.planning import Step
from blast_project.tasks.words import Command

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("src/a.txt", "src/deep/b.txt", "src/.hidden.txt", ".dot/c.txt", "src/__pycache__/d.txt", "e.txt"):
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        os.utime(path, ns=(10**18, 10**18))
    return tmp_path / "root"


def _step(root: Path, **changes: Any) -> Step:
    step = Step(
        "it",
        (Command((), ("x",)),),
        "x",
        str(root),
        {"A": "1"},
        {"A": "1"},
        frozenset(),
        frozenset(),
        root=str(root),
        inputs=("src",),
        outputs=("e.txt",),
    )
    return step._replace(**changes)


@pytest.mark.parametrize(
    ("globs", "found"),
    [
        (["*.txt"], ["e.txt"]),
        (["src/*.txt"], ["src/a.txt"]),
        (["src/**/*.txt"], ["src/__pycache__/d.txt", "src/a.txt", "src/deep/b.txt"]),
        (["src"], ["src/.hidden.txt", "src/a.txt", "src/deep/b.txt"]),
        (["src/", "!src/deep"], ["src/.hidden.txt", "src/a.txt"]),
        (["src", "!src/**/b.*", "!src/.hidden.txt"], ["src/a.txt"]),
        (["src/deep", "src/deep/b.txt", "none"], ["src/deep/b.txt"]),
        ([".dot/*"], [".dot/c.txt"]),
        (["!e.txt", "e.txt"], ["e.txt"]),
    ],
)
def test_globs(root: Path, globs: list[str], found: list[str]) -> None:
    assert find_files(str(root), globs) == [name.replace("/", os.sep) for name in found]


def _remembered(root: Path, step: Step, generation: int = 1) -> Freshness:
    known = Freshness(str(root / ".venv"), generation)
    is_fresh, record = known.look(step)
    assert not is_fresh
    known.forget(step)
    known.remember(step, record)
    return known


def test_known_files_are_not_read_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = _step(root)
    known = _remembered(root, step)
    old = freshness._TICK_NS
    monkeypatch.setattr(freshness, "_TICK_NS", 0)
    assert known.look(step)[0]
    read: list[str] = []
    monkeypatch.setattr(freshness, "_digest", read.append)
    assert known.look(step)[0]
    assert read == []
    monkeypatch.setattr(freshness, "_TICK_NS", old)


def test_a_young_file_is_read_again_though_its_stamp_may_be_the_same(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "_TICK_NS", 10**18)
    path = root / "src" / "a.txt"
    step = _step(root)
    known = _remembered(root, step)
    (record,) = (root / ".venv" / ".blast" / "tasks").iterdir()
    assert marshal.loads(record.read_bytes())["inputs"]["src/a.txt"][0] == ""
    path.write_text("src/A.txt")
    os.utime(path, ns=(10**18, 10**18))
    assert not known.look(step)[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"commands": (Command((), ("x", "y")),)},
        {"commands": (Command((("A", "2"),), ("x",)),)},
        {"own": {"A": "2"}},
        {"directory": "/"},
        {"inputs": ("src", "none")},
        {"outputs": ()},
        {"root": "/nowhere"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_another_step_is_not_fresh(root: Path, changes: dict[str, Any]) -> None:
    step = _step(root)
    known = _remembered(root, step)
    assert known.look(step)[0]
    assert not known.look(step._replace(**changes))[0]


def test_variables_that_no_setting_says_do_not_count(root: Path) -> None:
    step = _step(root)
    known = _remembered(root, step)
    assert known.look(step._replace(variables={"A": "1", "TERM": "other"}))[0]


def test_other_generations_and_force(root: Path) -> None:
    step = _step(root)
    _remembered(root, step)
    assert Freshness(str(root / ".venv"), 1).look(step)[0]
    assert not Freshness(str(root / ".venv"), 2).look(step)[0]
    assert not Freshness(str(root / ".venv"), 1, is_forced=True).look(step)[0]


def test_damaged_memories_are_none(root: Path) -> None:
    step = _step(root)
    known = _remembered(root, step)
    (record,) = (root / ".venv" / ".blast" / "tasks").iterdir()
    for content in (b"", b"{", b"\xff", marshal.dumps([]), marshal.dumps({"format": 0})):
        record.write_bytes(content)
        assert not known.look(step)[0]


def test_outputs_that_never_came_are_not_fresh(root: Path) -> None:
    step = _step(root, outputs=("none/*.txt",))
    known = _remembered(root, step)
    assert not known.look(step)[0]


def test_missing_and_unreadable_files_have_a_say(root: Path) -> None:
    step = _step(root)
    (root / "src" / "link").symlink_to("nowhere")
    known = _remembered(root, step)
    assert known.look(step)[0]
    (root / "src" / "link").unlink()
    assert not known.look(step)[0]
