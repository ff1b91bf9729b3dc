"""A lock that comes to more or less is copied, and is what writing all of it would have given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_core.formats.dpl.reader import DplLockFile
from blast_pm.metadata.write_behind import WriteBehind
from blast_pm.testing import StaticIndex, make_wheel
from blast_project import locking
from blast_project.editing import Place, add_requirements
from blast_project.lock_files import LockResult, publish_lock
from blast_project.locking import lock_project
from blast_project.selection import GroupSelection
from blast_project.testing import Workbench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = ("blast.lock", "pylock.toml")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    directory = tmp_path_factory.mktemp("wheels")
    make_wheel(directory, "many", "1.0", ["base", "other; sys_platform == 'win32'"])
    make_wheel(directory, "base", "1.0")
    make_wheel(directory, "base", "2.0", requires_python=">=3.12")
    make_wheel(directory, "other", "1.0")
    make_wheel(directory, "zeta", "1.0", ["base", "eta; python_version < '3.13'"])
    make_wheel(directory, "eta", "1.0", ["zeta", "plus; extra == 'more'"], extras=["more"])
    make_wheel(directory, "plus", "1.0", ["base>=1"])
    make_wheel(directory, "alone", "1.0")
    make_wheel(directory, "forked", "1.0", requires_python="<3.13")
    make_wheel(directory, "forked", "2.0", ["plus"], requires_python=">=3.13")
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture
def bench(tmp_path: Path, index: StaticIndex) -> Workbench:
    return Workbench.make(tmp_path, index.url)


def lock(bench: Workbench, *lines: str, more: str = "", publish: bool = True, delta: bool = True) -> LockResult:
    bench.write_manifest(f"dependencies = {list(lines)!r}", more=more)
    with bench.session() as session:
        result = lock_project(session, bench.project(), session.find_interpreter(), hints=False, delta=delta)
    if publish:
        publish_lock(str(bench.root), result)
    return result


def grown(bench: Workbench, monkeypatch: pytest.MonkeyPatch, *lines: str, more: str = "") -> bool:
    """Lock what is asked for, compare with all of it written anew, and tell whether it was copied."""
    full = lock(bench, *lines, more=more, publish=False, delta=False)
    written: list[object] = []
    finish = locking._finished

    def note(*arguments: object) -> LockResult:
        written.append(arguments)
        return finish(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(locking, "_finished", note)
        found = lock(bench, *lines, more=more)
    assert (found.content, found.text) == (full.content, full.text)
    assert (found.pins(), found.versions()) == (full.pins(), full.versions())
    assert (found.changed, found.changes) == (full.changed, full.changes)
    return not written


GROUPS = "[dependency-groups]\ndev = ['zeta']\n[project.optional-dependencies]\nx = ['other']"


@pytest.mark.parametrize(
    ("before", "after", "more"),
    [
        pytest.param(["many"], ["many", "alone"], "", id="first"),
        pytest.param(["many"], ["many", "zeta"], "", id="last"),
        pytest.param(["many"], ["many", "eta[more]", "alone"], "", id="several"),
        pytest.param(["many"], ["many", "forked", "plus"], "", id="forked"),
        pytest.param(["many"], ["many", "zeta; sys_platform == 'linux'"], "", id="marker"),
        pytest.param(["many"], ["many", "base"], "", id="nothing-new"),
        pytest.param(["many"], ["many>=1"], "", id="bound"),
        pytest.param(["many"], ["many", "alone"], "[tool.blast]\nlock = 'dpl'", id="binary-alone"),
        pytest.param(["many"], ["many", "alone", "eta"], GROUPS.replace("zeta", "base"), id="groups"),
    ],
)
def test_what_stands_is_copied(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, before: list[str], after: list[str], more: str
) -> None:
    lock(bench, *before, more=more)
    assert grown(bench, monkeypatch, *after, more=more)
    assert grown(bench, monkeypatch, *after, "plus", more=more)


@pytest.mark.parametrize(
    ("before", "after", "more"),
    [
        pytest.param(["many", "alone"], ["many"], "", id="one"),
        pytest.param(["alone", "many"], ["alone"], "", id="with-what-it-needs"),
        pytest.param(["alone", "zeta", "base<2"], ["zeta", "alone"], "", id="with-a-bound"),
        pytest.param(["many", "zeta", "base"], ["many", "zeta"], "", id="what-others-need"),
        pytest.param(["many", "eta[more]"], ["many"], "", id="with-an-extra"),
        pytest.param(["many", "plus"], ["many"], "[tool.blast]\nlock = 'dpl'", id="binary-alone"),
        pytest.param(["many", "zeta", "alone"], ["many", "zeta"], GROUPS, id="groups"),
        pytest.param(["forked", "base"], ["base"], "", id="forked"),
    ],
)
def test_what_is_left_is_copied(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, before: list[str], after: list[str], more: str
) -> None:
    lock(bench, *before, more=more)
    with monkeypatch.context() as patched:
        patched.setattr("blast_project.project_resolution.resolve_project", None)
        assert lock(bench, *after, more=more, publish=False).visited == 0
    assert grown(bench, monkeypatch, *after, more=more)
    assert grown(bench, monkeypatch, *after, "plus", more=more)


@pytest.mark.parametrize(
    ("before", "after", "more"),
    [
        pytest.param(["many"], ["many", "eta"], GROUPS, id="group-of-what-stands"),
        pytest.param(["base"], ["base", "zeta"], GROUPS, id="group-of-the-project"),
        pytest.param(["many"], ["many", "other"], "", id="targets"),
        pytest.param(["many"], ["other"], "", id="for-itself"),
        pytest.param(["many", "plus"], ["many", "eta"], "", id="another"),
        pytest.param(["many", "other"], ["many"], "", id="fewer-targets"),
        pytest.param(["eta[more]", "eta"], ["eta"], "", id="fewer-extras"),
        pytest.param(["zeta"], [], "", id="nothing-left"),
        pytest.param(["base==1", "zeta"], ["zeta"], "[tool.blast]\noverride-dependencies = ['base<2']", id="override"),
        pytest.param(["base"], ["base", "alone; sys_platform == 'os2'"], "", id="one-more-target"),
    ],
)
def test_what_differs_is_written(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, before: list[str], after: list[str], more: str
) -> None:
    lock(bench, *before, more=more)
    assert not grown(bench, monkeypatch, *after, more=more)


@pytest.mark.parametrize("is_ours", [True, False], ids=("left-behind", "foreign"))
def test_a_text_that_is_not_that_of_the_lock_is_not_copied(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, is_ours: bool
) -> None:
    lock(bench, "many", more="[tool.blast]\nlock = 'dpl'")
    standing = (bench.root / FILES[0]).read_bytes()
    lock(bench, "many", "alone")
    text = bench.root / FILES[1]
    if is_ours:
        # It tells the inputs of the lock, and packages of another.
        old = DplLockFile.from_bytes(standing).input_hash.hex()
        new = DplLockFile.from_bytes((bench.root / FILES[0]).read_bytes()).input_hash.hex()
        text.write_text(text.read_text(encoding="utf-8").replace(new, old), encoding="utf-8")
    else:
        text.write_text('lock-version = "1.0"\ncreated-by = "other"\npackages = []\n', encoding="utf-8")
    (bench.root / FILES[0]).write_bytes(standing)
    assert not grown(bench, monkeypatch, "many", "plus")


def test_the_database_is_not_written(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was there of the index is known, and no hint is kept."""
    lock(bench, "many", "alone")
    written: list[str] = []
    put = WriteBehind.put

    def note(self: WriteBehind, name: str, *row: bytes) -> None:
        written.append(name)
        put(self, name, *row)

    monkeypatch.setattr(WriteBehind, "put", note)
    for lines in (["many"], ["many", "alone"]):
        bench.write_manifest(f"dependencies = {lines!r}")
        with bench.session() as session:
            publish_lock(str(bench.root), lock_project(session, bench.project(), session.find_interpreter()))
    assert "hints" not in written


def test_another_version_writes_all(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    lock(bench, "many")
    with monkeypatch.context() as patched:
        patched.setattr("blast_core.__version__", "1000.0")
        assert not grown(bench, monkeypatch, "many", "alone")
    assert not grown(bench, monkeypatch, "many", "alone", "zeta")
    assert grown(bench, monkeypatch, "many", "alone", "zeta", "plus")


def test_a_bound_that_comes_of_what_was_found(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    lock(bench, "many")
    for name in ("eta[more]", "base"):
        with monkeypatch.context() as patched, bench.session() as session:
            patched.setattr(locking, "_finished", None)
            edit = add_requirements(session, bench.project(), [name], Place(), sync=False, selection=GroupSelection())
        assert edit.locked is not None
        standing = tuple((bench.root / file).read_bytes() for file in FILES)
        with bench.session() as session:
            python = session.find_interpreter()
            full = lock_project(session, bench.project(), python, hints=False, delta=False, upgrade_names=["zeta"])
        assert standing == (full.content, full.text) == (edit.locked.content, edit.locked.text)
