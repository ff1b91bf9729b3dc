"""Locks are made once, read back whatever happened to their two files, and written only when they changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_core.errors import FormatError, NoSolution, StaleLock
from blast_pm.testing import StaticIndex, make_wheel
from blast_project.lock_files import LockResult, publish_lock, read_lock
from blast_project.locking import lock_project
from blast_project.operations import SyncOptions, lock_here, sync_here
from blast_project.testing import Workbench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOREIGN = b'lock-version = "1.0"\ncreated-by = "another"\n[[packages]]\nname = "x"\nversion = "1"\n'


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    directory = tmp_path_factory.mktemp("wheels")
    make_wheel(directory, "alpha", "1.0", ["beta"])
    make_wheel(directory, "alpha", "2.0", ["beta>=1", "gamma; extra == 'deep'"], extras=["deep"])
    make_wheel(directory, "beta", "1.0")
    make_wheel(directory, "beta", "1.5")
    make_wheel(directory, "gamma", "0.3")
    make_wheel(directory, "back", "1.0", ["demo>=1", "demo[more]"])
    make_wheel(directory, "tooback", "1.0", ["demo>=2"])
    make_wheel(directory, "demo", "5.0", ["nonsense"])
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def bench(tmp_path: Path, index: StaticIndex, home: Path) -> Workbench:
    bench = Workbench.make(tmp_path, index.url, home)
    bench.write_manifest("dependencies = ['alpha']")
    return bench


def lock(bench: Workbench, *, publish: bool = True, upgrade: bool = False, **options: object) -> LockResult:
    with bench.session() as session:
        result = lock_project(
            session,
            bench.project(),
            session.find_interpreter(),
            upgrade=upgrade,
            check=bool(options.get("check")),
            upgrade_names=list(options.get("names", [])),  # type: ignore[call-overload]
        )
    if publish:
        publish_lock(str(bench.root), result)
    return result


def read(bench: Workbench) -> LockResult | None:
    with bench.session() as session:
        return read_lock(session, str(bench.root))


def pinned(bench: Workbench) -> dict[str, str]:
    found = read(bench)
    assert found is not None
    return found.pins()


def old_pins(bench: Workbench) -> None:
    """Lock the older versions, and then let the newer ones in again."""
    bench.write_manifest("dependencies = ['alpha<2', 'beta<1.5']")
    lock(bench)
    bench.write_manifest("dependencies = ['alpha']")


def test_a_lock_that_is_current_is_not_resolved_again(bench: Workbench) -> None:
    first = lock(bench)
    again = lock(bench)
    assert (first.changed, again.changed, again.visited) == (True, False, 0)
    assert [change.name for change in first.changes] == ["alpha", "beta"]
    assert again.content == first.content


def test_versions_stay_until_an_upgrade(bench: Workbench) -> None:
    old_pins(bench)
    lock(bench)
    assert pinned(bench) == {"alpha": "1.0", "beta": "1.0"}
    result = lock(bench, upgrade=True)
    assert pinned(bench) == {"alpha": "2.0", "beta": "1.5"}
    assert [tuple(change) for change in result.changes] == [("alpha", "1.0", "2.0"), ("beta", "1.0", "1.5")]


@pytest.mark.parametrize("name", ["beta", "BETA", "Beta"])
def test_one_package_is_upgraded_under_any_spelling(bench: Workbench, name: str) -> None:
    old_pins(bench)
    lock(bench, names=[name])
    assert pinned(bench) == {"alpha": "1.0", "beta": "1.5"}


def test_check_never_resolves(bench: Workbench) -> None:
    with pytest.raises(StaleLock, match="missing"):
        lock(bench, check=True)
    lock(bench)
    assert not lock(bench, check=True).changed
    bench.write_manifest("dependencies = ['beta']")
    with pytest.raises(StaleLock, match="does not answer"):
        lock(bench, check=True)


def test_no_solution_leaves_the_lock(bench: Workbench) -> None:
    lock(bench)
    before = bench.files()
    bench.write_manifest("dependencies = ['alpha', 'beta<1']")
    with pytest.raises(NoSolution):
        lock(bench)
    assert {**bench.files(), "pyproject.toml": b""} == {**before, "pyproject.toml": b""}


def test_the_text_alone_is_enough(bench: Workbench) -> None:
    content = lock(bench).content
    (bench.root / "blast.lock").unlink()
    found = read(bench)
    assert found is not None
    assert (found.content, found.changed) == (content, True)


@pytest.mark.parametrize("damage", [b"", b"DPL1", b"<<<<<<< ours\n", b"\0" * 500])
def test_a_damaged_binary_is_made_from_the_text(bench: Workbench, damage: bytes) -> None:
    content = lock(bench).content
    (bench.root / "blast.lock").write_bytes(damage)
    assert lock(bench).changed
    assert bench.files()["blast.lock"] == content


@pytest.mark.parametrize("upgrade", [False, True])
def test_a_damaged_binary_is_written_anew_though_nothing_else_changed(bench: Workbench, upgrade: bool) -> None:
    content = lock(bench).content
    (bench.root / "blast.lock").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    lock(bench, upgrade=upgrade)
    assert bench.files()["blast.lock"] == content


def test_a_damaged_binary_without_a_text_stops(bench: Workbench) -> None:
    lock(bench)
    (bench.root / "pylock.toml").unlink()
    path = bench.root / "blast.lock"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FormatError, match="is damaged"):
        read(bench)


def test_another_tools_text_beside_a_damaged_binary_is_not_believed(bench: Workbench) -> None:
    lock(bench)
    (bench.root / "pylock.toml").write_bytes(FOREIGN)
    (bench.root / "blast.lock").write_bytes(b"")
    with pytest.raises(FormatError, match="is damaged"):
        read(bench)


def test_a_changed_text_counts(bench: Workbench) -> None:
    lock(bench)
    path = bench.root / "pylock.toml"
    path.write_text(path.read_text().replace('version = "1.5"', 'version = "1.0"'))
    found = read(bench)
    assert found is not None
    assert found.changed
    assert found.pins()["beta"] == "1.0"


@pytest.mark.parametrize("binary", [None, b"<<<<<<<"])
def test_conflict_markers_in_the_text_are_named(bench: Workbench, binary: bytes | None) -> None:
    lock(bench)
    path = bench.root / "pylock.toml"
    text = path.read_text()
    path.write_text(text.replace("[[packages]]", "<<<<<<< ours\n[[packages]]\n=======\n>>>>>>> theirs", 1))
    if binary is not None:
        (bench.root / "blast.lock").write_bytes(binary)
    with pytest.raises(FormatError) as caught:
        read(bench)
    assert "pylock.toml" in caught.value.message
    assert "conflict" in caught.value.hint


def test_a_text_that_is_not_utf_8_is_named(bench: Workbench) -> None:
    lock(bench)
    path = bench.root / "pylock.toml"
    path.write_bytes(path.read_bytes() + b"\n# \xff")
    with pytest.raises(FormatError, match=r"pylock\.toml"):
        read(bench)


def test_another_tools_text_is_not_our_lock(bench: Workbench) -> None:
    (bench.root / "pylock.toml").write_bytes(FOREIGN)
    assert read(bench) is None


def test_replacing_another_tools_text_is_said(bench: Workbench) -> None:
    (bench.root / "pylock.toml").write_bytes(FOREIGN)
    lock(bench)
    assert any("pylock.toml" in note for note in bench.words.notes)


def test_a_deleted_text_is_written_again_by_the_next_resolve(bench: Workbench) -> None:
    text = lock(bench).text
    (bench.root / "pylock.toml").unlink()
    lock(bench, upgrade=True)
    assert bench.files()["pylock.toml"] == text


def test_binary_only_projects_have_no_text(bench: Workbench) -> None:
    bench.write_manifest("dependencies = ['alpha']", more="[tool.blast]\nlock = 'dpl'")
    assert lock(bench).text is None
    assert set(bench.files()) == {"pyproject.toml", "blast.lock"}
    assert not lock(bench).changed


def test_a_project_that_wants_the_text_again_gets_it_without_resolving(bench: Workbench) -> None:
    bench.write_manifest("dependencies = ['alpha']", more="[tool.blast]\nlock = 'dpl'")
    lock(bench)
    bench.write_manifest("dependencies = ['alpha']")
    result = lock(bench)
    assert (result.changed, result.visited) == (True, 0)
    assert "pylock.toml" in bench.files()
    assert not lock(bench).changed


def test_a_stale_text_beside_a_binary_only_lock_is_not_believed(bench: Workbench) -> None:
    """The text was left from when the project had both."""
    lock(bench)
    bench.write_manifest("dependencies = ['beta']", more="[tool.blast]\nlock = 'dpl'")
    lock(bench)
    assert pinned(bench) == {"beta": "1.5"}
    assert not lock(bench).changed


def test_a_package_that_requires_the_project_gets_the_project(bench: Workbench) -> None:
    """Never the release of that name on the index: both would be installed into one place."""
    bench.write_manifest("dependencies = ['back']", "[project.optional-dependencies]", "more = ['gamma']")
    result = lock(bench)
    rows = {row.name: row for row in result.reader().packages()}
    assert sorted(rows) == ["back", "demo", "gamma"]
    assert (rows["demo"].source.kind, rows["demo"].version) == ("workspace", "1.0")
    # back asks for demo[more], so gamma belongs to the default group, though only an extra of the project names it.
    assert rows["gamma"].group_mask & 1


def test_a_project_that_is_too_old_for_what_requires_it_is_explained(bench: Workbench) -> None:
    bench.write_manifest("dependencies = ['tooback']")
    with pytest.raises(NoSolution) as caught:
        lock(bench)
    assert "demo" in f"{caught.value.message} {caught.value.reason}"


def test_a_version_that_only_a_build_tells_is_what_others_ask_for(bench: Workbench) -> None:
    """Nothing is built for it, and what asks for the project stays the newest: pytest's pluggy in pluggy itself."""
    bench.write_manifest("dependencies = ['tooback', 'back']")
    path = bench.root / "pyproject.toml"
    path.write_text(path.read_text().replace('version = "1.0"', 'dynamic = ["version"]'))
    lock(bench)
    assert pinned(bench) == {"tooback": "1.0", "back": "1.0"}


def test_groups_and_extras_become_masks(bench: Workbench) -> None:
    bench.write_manifest(
        "dependencies = ['beta']",
        "[project.optional-dependencies]",
        "more = ['gamma']",
        more="[dependency-groups]\ndev = ['alpha[deep]']",
    )
    reader = lock(bench).reader()
    assert tuple(reader.groups) == ("default", "group:dev", "extra:more")
    masks = {row.name: row.group_mask for row in reader.packages()}
    assert masks == {"alpha": 0b010, "beta": 0b011, "gamma": 0b110, "demo": 0b001}


def test_the_lock_names_no_host_and_no_path_of_this_machine(bench: Workbench, index: StaticIndex) -> None:
    content = lock(bench).content
    assert index.origin.encode() not in content
    assert str(bench.root).encode() not in content


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(SyncOptions(locked=True), id="locked"),
        pytest.param(SyncOptions(frozen=True), id="frozen"),
        pytest.param(SyncOptions(dry_run=True), id="dry run"),
    ],
)
@pytest.mark.parametrize("name", ["blast.lock", "pylock.toml"])
def test_a_sync_that_may_not_lock_rewrites_no_lock(bench: Workbench, name: str, options: SyncOptions) -> None:
    """A lock that was merged as text, or whose binary is missing, still says what to install."""
    lock(bench)
    path = bench.root / name
    if name == "blast.lock":
        path.unlink()
    else:
        path.write_text(path.read_text() + "\n# merged\n")
    before = bench.files()
    with bench.session() as session:
        result = sync_here(session, options)
    assert (result.packages, bench.files()) == (2, before)


def test_checking_rewrites_no_lock(bench: Workbench) -> None:
    lock(bench)
    (bench.root / "blast.lock").unlink()
    before = bench.files()
    with bench.session() as session:
        assert lock_here(session, bench.project(), check=True).changed
    assert bench.files() == before
