"""Going back and forth restores manifest, lock and environment together, and never an edit of the user's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_core.errors import InstallError, UsageError
from blast_pm.testing import StaticIndex, make_wheel
from blast_project.editing import Place, add_requirements
from blast_project.environment.making import BareOptions, make_environment
from blast_project.environment.state import is_current
from blast_project.operations import SyncOptions, sync_here
from blast_project.pip_interface import InstallRequest, install
from blast_project.selection import GroupSelection
from blast_project.testing import Workbench
from blast_project.undoing import diff, history, redo, rollback, undo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from blast_project.pip_interface import PipResult
    from blast_project.session import Session
    from blast_project.undoing import Move


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    directory = tmp_path_factory.mktemp("wheels")
    for name in ("alpha", "beta", "gamma"):
        make_wheel(directory, name, "1.0")
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def bench(tmp_path: Path, index: StaticIndex, home: Path) -> Workbench:
    """A project with two generations: alpha, then alpha and beta."""
    bench = Workbench.make(tmp_path, index.url, home)
    bench.write_manifest('dependencies = ["alpha>=1.0"]')
    with bench.session() as session:
        sync_here(session, SyncOptions(command="add alpha"))
    add(bench, "beta")
    return bench


def add(bench: Workbench, name: str) -> None:
    with bench.session() as session:
        add_requirements(session, bench.project(), [name], Place(), command=f"add {name}", selection=GroupSelection())


def pip_install(bench: Workbench, name: str) -> PipResult:
    with bench.session(python="") as session:
        return install(session, InstallRequest((name,)))


def names(bench: Workbench) -> set[str]:
    return {name.partition("-")[0] for name in bench.installed()}


def to_the_first(session: Session, *, force: bool) -> Move:
    return rollback(session, 1, force=force)


def test_undo_and_redo_restore_all_three(bench: Workbench) -> None:
    after = bench.files()
    with bench.session() as session:
        move = undo(session, force=False)
        assert (move.before, move.generation) == (2, 1)
        assert move.restored == ("blast.lock", "pylock.toml", "pyproject.toml")
        assert [tuple(change) for change in move.changes] == [("beta", "1.0", "")]
        assert names(bench) == {"alpha"}
        assert bench.project().manifest.dependencies == ("alpha>=1.0",)
        move = redo(session, force=False)
    assert (move.before, move.generation) == (1, 2)
    assert names(bench) == {"alpha", "beta"}
    assert bench.files() == after


def test_the_next_sync_has_nothing_to_do(bench: Workbench) -> None:
    with bench.session() as session:
        undo(session, force=False)
    with bench.session() as session:
        assert not sync_here(session, SyncOptions()).changed


@pytest.mark.parametrize("name", ["pyproject.toml", "blast.lock", "pylock.toml"])
@pytest.mark.parametrize("way", [undo, to_the_first], ids=["undo", "rollback"])
def test_an_edited_file_is_not_overwritten_without_force(bench: Workbench, name: str, way: Callable[..., Move]) -> None:
    path = bench.root / name
    path.write_bytes(path.read_bytes() + b"\n# mine\n")
    before = bench.files()
    with bench.session() as session:
        with pytest.raises(InstallError, match=name):
            way(session, force=False)
        assert bench.files() == before
        assert names(bench) == {"alpha", "beta"}
        way(session, force=True)
    assert names(bench) == {"alpha"}
    assert bench.files()[name] != before[name]


def test_a_change_of_the_manifest_alone_is_taken_back_too(bench: Workbench) -> None:
    before = bench.files()
    with bench.session() as session:
        add_requirements(session, bench.project(), ["beta>=0.5"], Place(), command="add", selection=GroupSelection())
    assert bench.project().manifest.dependencies == ("alpha>=1.0", "beta>=0.5")
    with bench.session() as session:
        assert undo(session, force=False).generation == 2
    assert bench.files() == before


def test_a_sync_of_an_edited_manifest_lets_undo_go_on(bench: Workbench) -> None:
    """As the refusal says: what was edited belongs to a generation of its own then."""
    path = bench.root / "pyproject.toml"
    path.write_text(path.read_text() + "# mine\n")
    with bench.session() as session:
        assert not sync_here(session, SyncOptions(dry_run=True)).changed
        assert sync_here(session, SyncOptions()).generation == 3
    with bench.session() as session:
        assert undo(session, force=False).generation == 2
        assert not path.read_text().endswith("# mine\n")
        assert redo(session, force=False).generation == 3
    assert path.read_text().endswith("# mine\n")


def test_an_edit_after_a_pip_install_is_not_overwritten_either(bench: Workbench) -> None:
    """The generation that pip install made keeps no files of the project to compare with."""
    pip_install(bench, "gamma")
    path = bench.root / "pyproject.toml"
    path.write_text(path.read_text() + "# mine\n")
    with bench.session() as session, pytest.raises(InstallError, match=r"pyproject\.toml"):
        undo(session, force=False)
    assert path.read_text().endswith("# mine\n")


def test_a_pip_install_is_taken_back(bench: Workbench) -> None:
    before = bench.files()
    pip_install(bench, "gamma")
    assert names(bench) == {"alpha", "beta", "gamma"}
    with bench.session() as session:
        assert undo(session, force=False).restored == ()
    assert names(bench) == {"alpha", "beta"}
    assert bench.files() == before


def test_a_deleted_lock_comes_back(bench: Workbench) -> None:
    (bench.root / "blast.lock").unlink()
    with bench.session() as session:
        undo(session, force=False)
    assert "blast.lock" in bench.files()


def test_the_first_generation_has_nothing_before_it(bench: Workbench) -> None:
    with bench.session() as session:
        undo(session, force=False)
        with pytest.raises(UsageError, match="nothing to undo"):
            undo(session, force=False)
        redo(session, force=False)
        with pytest.raises(UsageError, match="nothing to redo"):
            redo(session, force=False)


def test_the_first_change_of_a_project_can_be_taken_back(tmp_path: Path, index: StaticIndex, home: Path) -> None:
    bench = Workbench.make(tmp_path, index.url, home)
    bench.write_manifest("dependencies = []")
    before = bench.files()
    add(bench, "alpha")
    after = bench.files()
    with bench.session() as session:
        assert undo(session, force=False).restored == ("blast.lock", "pylock.toml", "pyproject.toml")
        assert bench.files() == before
        assert names(bench) == set()
        assert redo(session, force=False).generation == 2
        assert bench.files() == after
        # A rollback is taken back like any other change.
        assert rollback(session, 1, force=False).generation == 1
        assert undo(session, force=False).generation == 2


def test_a_lock_that_was_edited_is_not_removed_by_going_to_before_there_was_one(
    tmp_path: Path, index: StaticIndex, home: Path
) -> None:
    bench = Workbench.make(tmp_path, index.url, home)
    bench.write_manifest("dependencies = []")
    add(bench, "alpha")
    (bench.root / "pylock.toml").write_text("# mine")
    with bench.session() as session:
        undo(session, force=True)
    assert (bench.root / "pylock.toml").read_text() == "# mine"


def test_after_an_undo_another_change_makes_a_branch(bench: Workbench) -> None:
    with bench.session() as session:
        undo(session, force=False)
    add(bench, "gamma")
    with bench.session() as session:
        assert [(row.number, row.current, row.command) for row in history(session)] == [
            (1, False, "add alpha"),
            (2, False, "add beta"),
            (3, True, "add gamma"),
        ]
        assert undo(session, force=False).generation == 1
        # The newest child counts, the other one is still kept.
        assert redo(session, force=False).generation == 3
        assert rollback(session, 2, force=False).generation == 2
    assert names(bench) == {"alpha", "beta"}


def test_a_number_that_is_not_kept_is_refused_with_those_that_are(bench: Workbench) -> None:
    with bench.session() as session:
        for number in (0, -1, 3):
            with pytest.raises(UsageError) as caught:
                rollback(session, number, force=True)
            assert "1, 2" in caught.value.reason
            with pytest.raises(UsageError):
                diff(session, 1, number)


def test_differences_between_generations(bench: Workbench) -> None:
    with bench.session() as session:
        for before, after in ((None, None), (1, None), (1, 2)):
            first, second, changes = diff(session, before, after)
            assert (first, second, [tuple(row) for row in changes]) == (1, 2, [("beta", "", "1.0")])
        assert diff(session, 2, 1)[2][0] == ("beta", "1.0", "")
        assert diff(session, 2, 2)[2] == ()


def test_without_an_environment_there_is_no_history(tmp_path: Path) -> None:
    bench = Workbench.make(tmp_path)
    bench.write_manifest()
    with bench.session() as session:
        for ask in (history, lambda session: undo(session, force=True), lambda session: diff(session, None, None)):
            with pytest.raises(UsageError, match="no generations"):
                ask(session)


def test_a_bare_environment_has_a_history_too(tmp_path: Path, index: StaticIndex, home: Path) -> None:
    bench = Workbench.make(tmp_path, index.url, home)
    with bench.session() as session:
        make_environment(session, str(bench.root / ".venv"), BareOptions())
    pip_install(bench, "alpha")
    with bench.session() as session:
        assert undo(session, force=False).restored == ()
    assert names(bench) == set()
    assert is_current(str(bench.root), str(bench.root / ".venv"), b"\0" * 8) is None
