"""Adding and removing: bounds that let in what was resolved, and nothing changed where something fails."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from blast_core.errors import BlastError, InvalidManifest, NoSolution, UsageError
from blast_core.requirements import parse_requirement
from blast_core.testing_strategies import versions
from blast_core.version.keys import version_key
from blast_core.version.specifiers import SpecifierSet
from blast_pm.testing import StaticIndex, make_wheel
from blast_project import editing, operations
from blast_project.bounds import bounded
from blast_project.editing import Place, add_requirements, remove_requirements
from blast_project.selection import GroupSelection
from blast_project.testing import KeptWords, Workbench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from blast_core.interpreter import Interpreter
    from blast_project.project import Project
    from blast_project.session import Session

ALL = GroupSelection()
DEPENDENCIES = Place()


@pytest.mark.parametrize(
    ("version", "lower", "major", "minor", "exact"),
    [
        pytest.param("1.2.3", ">=1.2.3", ">=1.2.3,<2", ">=1.2.3,<1.3", "==1.2.3", id="plain"),
        pytest.param("7", ">=7", ">=7,<8", ">=7,<8", "==7", id="one segment"),
        pytest.param("0.4.1", ">=0.4.1", ">=0.4.1,<0.5", ">=0.4.1,<0.5", "==0.4.1", id="0.x"),
        pytest.param("0.0.9", ">=0.0.9", ">=0.0.9,<0.1", ">=0.0.9,<0.1", "==0.0.9", id="0.0.x"),
        pytest.param("0", ">=0", ">=0,<1", ">=0,<1", "==0", id="zero"),
        pytest.param("2024.1", ">=2024.1", ">=2024.1,<2025", ">=2024.1,<2024.2", "==2024.1", id="calendar"),
        pytest.param("1!2.3", ">=1!2.3", ">=1!2.3,<1!3", ">=1!2.3,<1!2.4", "==1!2.3", id="epoch"),
        pytest.param("2.0rc1", ">=2.0rc1", ">=2.0rc1,<3", ">=2.0rc1,<2.1", "==2.0rc1", id="pre-release"),
        pytest.param("2b1", ">=2b1", ">=2b1,<3", ">=2b1,<3", "==2b1", id="pre-release of one segment"),
        pytest.param("1.0.dev3", ">=1.0.dev3", ">=1.0.dev3,<2", ">=1.0.dev3,<1.1", "==1.0.dev3", id="dev"),
        pytest.param("1.5.post2", ">=1.5.post2", ">=1.5.post2,<2", ">=1.5.post2,<1.6", "==1.5.post2", id="post"),
        pytest.param("2.1+cu118", ">=2.1", ">=2.1,<3", ">=2.1,<2.2", "==2.1", id="local"),
        pytest.param("v1.0-alpha.2", ">=1.0a2", ">=1.0a2,<2", ">=1.0a2,<1.1", "==1.0a2", id="odd spelling"),
    ],
)
def test_bounds_of_odd_versions(version: str, lower: str, major: str, minor: str, exact: str) -> None:
    found = {kind: bounded("x", version, kind) for kind in ("lower", "major", "minor", "exact", "none")}
    assert found == {
        "lower": f"x{lower}",
        "major": f"x{major}",
        "minor": f"x{minor}",
        "exact": f"x{exact}",
        "none": "x",
    }


@pytest.mark.property
@given(versions(), st.sampled_from(["lower", "major", "minor", "exact"]))
def test_bounds_let_in_the_version_that_they_were_made_from(version: str, kind: str) -> None:
    written = parse_requirement(bounded("x", version, kind))
    assert SpecifierSet(written.specifier).contains(version, prereleases=True)


@pytest.mark.property
@given(versions(local=False), st.sampled_from(["major", "minor"]), versions(local=False))
def test_upper_bounds_keep_out_the_next_series(version: str, kind: str, other: str) -> None:
    specifier = SpecifierSet(parse_requirement(bounded("x", version, kind)).specifier)
    assume(specifier.contains(other, prereleases=True))
    assert version_key(version) <= version_key(other)
    upper = str(specifier).partition("<")[2].partition(",")[0]
    assert version_key(other) < version_key(upper)


@pytest.mark.parametrize(
    ("line", "written"),
    [
        pytest.param("x[a,b]", "x[a,b]>=1.5", id="extras"),
        pytest.param("X", "X>=1.5", id="name as written"),
        pytest.param("x ; python_version < '4'", "x>=1.5 ; python_version < '4'", id="marker"),
        pytest.param("x; python_version < '4'", "x>=1.5 ; python_version < '4'", id="marker without a space"),
        pytest.param("x[a] ;os_name == 'nt'", "x[a]>=1.5 ;os_name == 'nt'", id="extras and marker"),
        pytest.param("x>1", "x>1", id="bounded already"),
        pytest.param("x (>1)", "x (>1)", id="bounded in brackets"),
        pytest.param("x @ https://index.invalid/x.whl", "x @ https://index.invalid/x.whl", id="an address"),
        pytest.param("y", "y", id="not resolved"),
    ],
)
def test_a_bound_stands_in_its_place(line: str, written: str) -> None:
    found = bounded(line, "" if line == "y" else "1.5", "lower")
    assert parse_requirement(found) == parse_requirement(written)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    directory = tmp_path_factory.mktemp("wheels")
    make_wheel(directory, "alpha", "2.0", ["beta>=1"])
    make_wheel(directory, "beta", "1.0")
    make_wheel(directory, "beta", "1.5")
    make_wheel(directory, "clash", "1.0", ["beta<1"])
    make_wheel(directory, "parted", "1.0", ["alpha ; sys_platform == 'win32'"], extras=["more"])
    make_wheel(directory, "parted", "2.0", ["beta"], requires_python=">=3.12", extras=["more"])
    make_wheel(directory, "early", "3.0rc1", ["beta<1.5"])
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def bench(tmp_path: Path, index: StaticIndex, home: Path) -> Workbench:
    bench = Workbench.make(tmp_path, index.url, home)
    bench.write_manifest("dependencies = []")
    return bench


def add(bench: Workbench, *lines: str, place: Place = DEPENDENCIES, sync: bool = False, lock: bool = True) -> None:
    with bench.session() as session:
        add_requirements(session, bench.project(), lines, place, lock=lock, sync=sync, selection=ALL)


def remove(bench: Workbench, *names: str, place: Place = DEPENDENCIES) -> None:
    with bench.session() as session:
        remove_requirements(session, bench.project(), names, place, sync=False, selection=ALL)


def test_add_writes_manifest_and_both_locks(bench: Workbench) -> None:
    add(bench, "alpha")
    assert bench.project().manifest.dependencies == ("alpha>=2.0",)
    assert set(bench.files()) == {"pyproject.toml", "blast.lock", "pylock.toml"}


def test_the_lock_answers_to_the_manifest_that_add_wrote(bench: Workbench) -> None:
    from blast_project.locking import lock_project

    add(bench, "alpha")
    with bench.session() as session:
        again = lock_project(session, bench.project(), session.find_interpreter(), check=True)
    assert not again.changed


@pytest.mark.parametrize("bounds", ["lower", "major", "minor", "exact", "none"])
@pytest.mark.parametrize(
    ("lines", "resolutions"),
    [
        pytest.param(["alpha"], 1, id="one version"),
        pytest.param(["parted[more]"], 2, id="two versions"),
        pytest.param(["early", "beta ; sys_platform == 'linux'"], 1, id="a pre-release"),
        pytest.param(["alpha", "beta>1"], 1, id="one has a bound"),
    ],
)
def test_a_bound_is_locked_without_resolving_again(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, bounds: str, lines: list[str], resolutions: int
) -> None:
    """What was found without a bound answers with it too, as a second resolution would, unless it is narrower."""

    def run() -> tuple[dict[str, bytes], int]:
        bench.write_manifest('requires-python = ">=3.11"', 'dependencies = ["beta"]')
        for name in ("blast.lock", "pylock.toml"):
            (bench.root / name).unlink(missing_ok=True)
        calls: list[object] = []

        def counted(*given: Any, **more: Any) -> Any:
            calls.append(0)
            return real(*given, **more)

        monkeypatch.setattr(editing, "lock_project", counted)
        with bench.session() as session:
            add_requirements(session, bench.project(), lines, Place(), bounds=bounds, sync=False, selection=ALL)
        return bench.files(), len(calls)

    from blast_project.locking import finish_draft as finish
    from blast_project.locking import lock_project as real

    found, count = run()
    assert count == (resolutions if bounds in {"major", "minor", "exact"} else 1)
    monkeypatch.setattr(editing, "finish_draft", lambda *given: None if given[3:] and given[3] else finish(*given))
    again, count = run()
    assert again == found
    assert count == (1 if bounds == "none" else 2)


@pytest.mark.parametrize(
    ("stands", "line", "bounds", "written"),
    [
        pytest.param("parted[more]>=1", "parted==1.0", "", "parted[more]==1.0", id="an extra stays"),
        pytest.param("parted>=1", "parted[more]", "", "parted[more]>=1", id="an extra comes"),
        pytest.param("alpha >= 1  # old", "alpha", "", "alpha >= 1", id="what holds already stays as it is"),
        pytest.param("alpha>=1", "alpha", "exact", "alpha==2.0", id="a bound that is asked for"),
        pytest.param("alpha", "alpha", "", "alpha>=2.0", id="none gets one"),
        pytest.param(
            "alpha; sys_platform == 'linux'", "alpha>=1", "", 'alpha>=1; sys_platform == "linux"', id="marker"
        ),
        pytest.param(
            "beta>=1", "beta; sys_platform == 'linux'", "", 'beta>=1; sys_platform == "linux"', id="new marker"
        ),
    ],
)
def test_what_is_added_again_keeps_what_it_does_not_speak_of(
    bench: Workbench, stands: str, line: str, bounds: str, written: str
) -> None:
    kept, _, comment = stands.partition("  #")
    bench.write_manifest(f'dependencies = [\n    "{kept}",{comment and f"  #{comment}"}\n]')
    with bench.session() as session:
        add_requirements(session, bench.project(), [line], DEPENDENCIES, bounds=bounds, sync=False, selection=ALL)
    assert bench.project().manifest.dependencies == (written,)


def test_add_without_locking_writes_the_lines_as_they_are(bench: Workbench) -> None:
    add(bench, "alpha", "no-such-project", lock=False)
    assert bench.project().manifest.dependencies == ("alpha", "no-such-project")
    assert "blast.lock" not in bench.files()


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        pytest.param(["alpha", "clash"], NoSolution, id="conflict"),
        pytest.param(["demo"], UsageError, id="itself"),
        pytest.param(["Demo[x]>=1"], UsageError, id="itself, not normalised"),
        pytest.param(["alpha", "=="], BlastError, id="no requirement"),
        pytest.param(["nowhere"], BlastError, id="unknown"),
    ],
)
def test_a_failed_add_changes_nothing(bench: Workbench, lines: list[str], error: type[BlastError]) -> None:
    add(bench, "beta")
    before = bench.files()
    with pytest.raises(error):
        add(bench, *lines)
    assert bench.files() == before


def test_an_edit_by_another_program_meanwhile_is_not_overwritten(bench: Workbench) -> None:
    """The manifest changes while the add resolves: neither it nor the lock may be replaced."""
    add(bench, "beta")
    locks = {name: content for name, content in bench.files().items() if name != "pyproject.toml"}
    path = bench.root / "pyproject.toml"

    class Editor(KeptWords):
        def step(self, text: str) -> None:
            if text == "Resolving":
                path.write_text(path.read_text() + "# mine\n")

    with bench.session(Editor()) as session, pytest.raises(InvalidManifest, match="was changed"):
        add_requirements(session, bench.project(), ["alpha"], Place(), sync=False, selection=ALL)
    after = bench.files()
    assert after.pop("pyproject.toml").endswith(b"# mine\n")
    assert after == locks


def test_two_adds_at_once_both_arrive(bench: Workbench) -> None:
    """Each holds the project's lock, and reads the manifest only then."""
    errors: list[BaseException] = []

    def add_one(name: str) -> None:
        try:
            add(bench, name)
        except BaseException as error:  # noqa: BLE001 - the thread's error is the test's
            errors.append(error)

    threads = [threading.Thread(target=add_one, args=(name,)) for name in ("alpha", "beta")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert set(bench.project().manifest.dependencies) == {"alpha>=2.0", "beta>=1.5"}


def test_add_uses_the_interpreter_of_the_environment(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """As sync does: an add must not move the environment to the first Python on PATH."""
    asked: list[str] = []

    def find(session: Session, project: Project) -> Interpreter:
        asked.append(project.name)
        return session.find_interpreter()

    monkeypatch.setattr(operations, "project_interpreter", find)
    add(bench, "beta")
    assert asked == [], "who only locks needs none"
    add(bench, "alpha", sync=True)
    assert set(asked) == {"demo"}


def test_remove_takes_a_name_in_any_spelling(bench: Workbench) -> None:
    add(bench, "alpha")
    remove(bench, "ALPHA")
    assert bench.project().manifest.dependencies == ()


@pytest.mark.parametrize(
    ("place", "described"),
    [
        pytest.param(Place(), "project.dependencies", id="dependencies"),
        pytest.param(Place(group="dev"), "the dependency group 'dev'", id="group"),
        pytest.param(Place(extra="more"), "the extra 'more'", id="extra"),
    ],
)
def test_removing_what_is_not_there_names_the_list(bench: Workbench, place: Place, described: str) -> None:
    before = bench.files()
    with pytest.raises(UsageError) as caught:
        remove(bench, "beta", place=place)
    assert described in caught.value.message
    assert bench.files() == before


def test_removing_from_the_wrong_list_names_the_right_one(bench: Workbench) -> None:
    add(bench, "beta", place=Place(group="dev"))
    add(bench, "alpha", place=Place(extra="more"))
    with pytest.raises(UsageError) as caught:
        remove(bench, "beta", "alpha")
    assert caught.value.hint == "'blast remove --dev beta' and 'blast remove --optional more alpha' would do"
    with pytest.raises(UsageError) as caught:
        remove(bench, "gamma")
    assert "--group" in caught.value.hint


def test_groups_and_extras_have_their_own_lists(bench: Workbench) -> None:
    add(bench, "beta", place=Place(group="dev"))
    add(bench, "alpha", place=Place(extra="more"))
    manifest = bench.project().manifest
    assert manifest.groups == {"dev": ("beta>=1.5",)}
    assert manifest.optional_dependencies == {"more": ("alpha>=2.0",)}
    remove(bench, "beta", place=Place(group="dev"))
    assert not any(bench.project().manifest.groups.values())
