"""Hostile and odd wheels from an index, installed by the command: refused whole, or installed as they should be.

The wheels come from a generator that nobody on this project wrote; it lies beside the checkout, in ``shared/cases``.
Where it does not, the tests are skipped, loudly. Most cases run through the command's own entry in one process, because
a process for each would cost a minute; a few of every kind run as a user runs them.
"""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from blast_cli.application import run
from blast_cli.testing import Blast
from blast_core.errors import IntegrityError
from blast_core.names import normalize_name
from blast_pm.metadata.store import Database
from blast_pm.store.cache import GlobalCache
from blast_pm.testing import StaticIndex, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

_GENERATOR = "shared/cases/archives/bad_wheels.py"
_FAILED = 1
_INTEGRITY = 4
# A wheel whose metadata can't be read, or whose file name is none, is none that the resolver may choose.
_REFUSALS = (_FAILED, _INTEGRITY)
# Of every kind of trick a few, run as a whole process each.
_AS_A_USER = (
    "abs_path",
    "symlink_escape",
    "newline_name",
    "swapped_offsets",
    "prefix_shifted",
    "html_body",
    "bomb_overlap",
    "two_dist_info",
    "meta_name",
    "record_outside",
    "ep_inject_mod",
    "data_python",
    "pth_outside",
)


class Case(NamedTuple):
    """One wheel: its file, the name of its project, what must happen, and its name among the cases."""

    path: Path
    project: str
    expect: str
    identifier: str


class Corpus(NamedTuple):
    """All wheels in one directory, and a directory outside that none of them may reach."""

    directory: Path
    canary: Path
    cases: tuple[Case, ...]

    def case(self, identifier: str) -> Case:
        """Return the case of that name."""
        return next(case for case in self.cases if case.identifier == identifier)


class Run(NamedTuple):
    """What the command said."""

    status: int
    out: str
    err: str


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    tops = Path(__file__).resolve().parents
    generator = next((top / _GENERATOR for top in tops if (top / _GENERATOR).is_file()), None)
    if generator is None:
        pytest.skip(f"NO SHARED CASES: {_GENERATOR} is not beside the checkout, hostile wheels are NOT tested")
    directory = tmp_path_factory.mktemp("hostile") / "wheels"
    canary = tmp_path_factory.mktemp("canary")
    (canary / "victim.txt").write_text("alive")
    command = [sys.executable, str(generator), "build", "--out", str(directory), "--canary", str(canary)]
    subprocess.run(command, check=True, capture_output=True)
    rows = json.loads((directory / "cases.json").read_text())
    make_wheel(directory, "settled", "1.0")
    cases = tuple(
        Case(directory / row["file"], normalize_name(row["dist"]), row["expect"], row["id"])
        for row in rows
        if row["setup"] != "conflict"
    )
    return Corpus(directory, canary, cases)


@pytest.fixture(scope="module")
def hostile_index(corpus: Corpus) -> Iterator[StaticIndex]:
    with StaticIndex(corpus.directory) as server:
        yield server


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory, corpus: Corpus, hostile_index: StaticIndex) -> Blast:
    """The command in a directory with an environment that holds one honest distribution."""
    assert corpus.cases
    top = tmp_path_factory.mktemp("settled")
    (top / "project").mkdir()
    # Nothing may be written above BLAST_HOME or the project either.
    blast = Blast(top / "project", top / "home", {"BLAST_INDEX_URL": hostile_index.url})
    blast("venv")
    blast("pip", "install", "settled")
    return blast


@pytest.fixture
def inside(settled: Blast, monkeypatch: pytest.MonkeyPatch) -> Blast:
    """The same, ready to be run in this process."""
    for name in [name for name in os.environ if name.startswith(("BLAST_", "PIP_", "VIRTUAL_ENV"))]:
        monkeypatch.delenv(name)
    for name, value in settled.variables().items():
        if name.startswith("BLAST_") or name == "NO_COLOR":
            monkeypatch.setenv(name, value)
    monkeypatch.chdir(settled.directory)
    return settled


def in_process(*words: str) -> Run:
    """Run the command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = run(list(words))
    return Run(status, out.getvalue(), err.getvalue())


def picture(*tops: Path) -> dict[str, tuple[int, int, str]]:
    """Return mode, size and link target of everything below some directories, but the metadata of the index."""
    found: dict[str, tuple[int, int, str]] = {}
    for top in tops:
        for directory, directories, names in os.walk(top):
            for name in [*directories, *names]:
                path = os.path.join(directory, name)
                status = os.lstat(path)
                target = os.readlink(path) if stat.S_ISLNK(status.st_mode) else ""
                size = status.st_size if stat.S_ISREG(status.st_mode) else 0
                found[path] = (stat.S_IMODE(status.st_mode), size, target)
    return {path: row for path, row in found.items() if not _is_memory(path)}


def _is_memory(path: str) -> bool:
    """What the index said, and locks, may come and go."""
    return any(f"/home/{name}" in path for name in ("i1", "store/meta.lmdb", "locks", "store/lock", "projects"))


def refusal_of(done: Run, case: Case) -> str:
    """Return what is wrong with a refusal; empty for one as it should be.

    A version whose metadata can't be had is none that the resolver may choose: there is no solution then, and the
    reason says of which version why. Everything else is found when the file is checked.
    """
    lines = done.err.splitlines()
    if done.status == _FAILED and len(lines) == 3:
        unusable = f"{case.project} 1.0 can't be used (" in lines[1] or f"{case.project} has no version" in lines[1]
        return "" if unusable else f"it does not say what is wrong: {done.err}"
    if done.status != _INTEGRITY:
        return f"status {done.status}: {done.err}"
    if not lines or not lines[0].startswith("error: ") or case.path.name not in lines[0]:
        return f"the first line does not name the file: {done.err}"
    if len(lines) > 3 or done.out or "Traceback" in done.err:
        return f"more than what, why and what to do: {done.err}"
    return ""


def test_the_corpus_is_there(corpus: Corpus) -> None:
    assert len(corpus.cases) > 50
    assert {case.expect for case in corpus.cases} == {"accept", "reject"}


def test_every_hostile_wheel_is_refused_and_nothing_has_changed(inside: Blast, corpus: Corpus) -> None:
    top = inside.home.parent
    before, canary = picture(top), picture(corpus.canary)
    wrong = {}
    for case in corpus.cases:
        if case.expect == "reject":
            problem = refusal_of(in_process("pip", "install", case.project), case)
            after = picture(top)
            if not problem and after != before:
                problem = f"it left {sorted(after.keys() ^ before.keys())[:5]}"
            if problem:
                wrong[case.identifier] = problem
    assert wrong == {}
    assert picture(corpus.canary) == canary
    assert inside.python("import settled") == ""


def test_every_hostile_wheel_is_refused_as_a_local_file_too(tmp_path: Path, corpus: Corpus) -> None:
    """The same checks, whichever way a wheel comes."""
    database = Database(str(tmp_path / "store" / "meta.lmdb"))
    cache = GlobalCache(str(tmp_path), database)
    wrong = []
    for case in corpus.cases:
        if case.expect == "reject":
            try:
                cache.add_wheel(str(case.path))
                wrong.append(f"{case.identifier}: taken")
            except IntegrityError as error:
                if case.path.name not in error.message or "\n" in error.message + error.reason:
                    wrong.append(f"{case.identifier}: {error.message}")
    database.close()
    assert wrong == []
    assert not os.path.exists(tmp_path / "t") or os.listdir(tmp_path / "t") == []


def test_every_hostile_wheel_is_refused_by_its_path_and_nothing_has_changed(inside: Blast, corpus: Corpus) -> None:
    """As a file on the command line, which no index and no lock has spoken of before."""
    top = inside.home.parent
    before, canary = picture(top), picture(corpus.canary)
    wrong = {}
    for case in corpus.cases:
        if case.expect == "reject":
            done = in_process("pip", "install", str(case.path))
            problem = "" if done.status in _REFUSALS else f"status {done.status}: {done.err}"
            if not problem and (case.path.name not in done.err or "Traceback" in done.err or done.out):
                problem = f"it does not say which file is wrong: {done.err}"
            if not problem and picture(top) != before:
                problem = f"it left {sorted(picture(top).keys() ^ before.keys())[:5]}"
            if problem:
                wrong[case.identifier] = problem
    assert wrong == {}
    assert picture(corpus.canary) == canary


@pytest.mark.parametrize("identifier", _AS_A_USER)
def test_a_user_sees_why(settled: Blast, corpus: Corpus, identifier: str) -> None:
    case = corpus.case(identifier)
    before = picture(settled.directory)
    done = settled.run("pip", "install", case.project)
    assert refusal_of(Run(done.returncode, done.stdout, done.stderr), case) == ""
    assert picture(settled.directory) == before


def test_a_refusal_is_one_json_document(settled: Blast, corpus: Corpus) -> None:
    case = corpus.case("bad_crc")
    done = settled.run("pip", "install", case.project, "--json")
    error = json.loads(done.stdout)["error"]
    assert error["code"].startswith("integrity")
    assert case.path.name in error["message"]


def test_a_project_stays_as_it_was_when_a_wheel_is_refused(settled: Blast, corpus: Corpus) -> None:
    directory = settled.home.parent / "member"
    directory.mkdir()
    blast = settled.at(directory)
    blast("init", "--name", "member")
    blast("add", "settled")
    before = picture(directory)
    content = (directory / "pyproject.toml").read_bytes()
    for identifier in ("bad_crc", "record_hash", "ep_python"):
        assert blast.run("add", corpus.case(identifier).project).returncode == _INTEGRITY
    assert picture(directory) == before
    assert (directory / "pyproject.toml").read_bytes() == content
    assert blast.python("import settled") == ""


def test_odd_but_legal_wheels_install(tmp_path: Path, inside: Blast, corpus: Corpus) -> None:
    blast = inside.at(tmp_path)
    blast("venv")
    accepted = [case for case in corpus.cases if case.expect == "accept"]
    blast("pip", "install", *(case.project for case in accepted))
    listed = {row["name"].replace("_", "-") for row in blast.json("pip", "list")["packages"]}
    assert {case.project for case in accepted} <= listed
    site = next((tmp_path / ".venv" / "lib").glob("python*/site-packages"))
    special = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX
    modes = {path: os.stat(path).st_mode for path in (site / "bw_setuid_mode").rglob("*.py")}
    assert modes
    assert not any(mode & special for mode in modes.values())
    assert {"a.py", "A.py"} <= set(os.listdir(site / "bw_case_twins"))
    assert sum(len(names) for _, _, names in os.walk(site / "bw_many_files")) >= 70_000
    assert (tmp_path / ".venv" / "bin" / "bw-ok").is_file()
    assert blast.python("import bw_stale_pyc; print(vars(bw_stale_pyc).get('evil', 'clean'))") == "clean"
