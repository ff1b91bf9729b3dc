"""Workspaces: one lock and one environment for several projects, whichever of them a command is called in."""

from __future__ import annotations

from shutil import copytree
from typing import TYPE_CHECKING, Any

import pytest

from blast_compat import pyproject
from blast_core.errors import BlastError, InvalidManifest
from blast_pm.testing import StaticIndex, make_wheel
from blast_project import workspace
from blast_project.editing import Place, add_requirements, remove_requirements
from blast_project.lock_files import read_lock
from blast_project.operations import SyncOptions, lock_here, sync_here
from blast_project.project import find_root, load_project
from blast_project.selection import GroupSelection
from blast_project.testing import Workbench
from blast_project.testing_builds import source_tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEMBERS = '[tool.blast.workspace]\nmembers = ["packages/*"]\nexclude = ["packages/old"]\n'


@pytest.fixture
def index(tmp_path: Path) -> Iterator[StaticIndex]:
    directory = tmp_path / "index"
    directory.mkdir()
    for name in ("leaf", "tester", "plotter", "alpha", "shadowed"):
        make_wheel(directory, name, "1.0")
    # Whoever owns these names on an index must never be asked for them.
    make_wheel(directory, "one", "9.9")
    make_wheel(directory, "two", "9.9")
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.touch()
    return path


@pytest.fixture
def bench(tmp_path: Path, index: StaticIndex, log: Path) -> Workbench:
    bench = Workbench.make(tmp_path, index.url)
    more = '[project.optional-dependencies]\nplot = ["plotter"]\n[dependency-groups]\ndev = ["tester"]\n'
    member(bench, log, "one", requires=("two",), more="[tool.blast.sources]\ntwo = { workspace = true }\n")
    member(bench, log, "two", more=more)
    member(bench, log, "old")
    bench.write_manifest('dependencies = ["alpha"]', more=MEMBERS)
    return bench


def member(bench: Workbench, log: Path, name: str, requires: tuple[str, ...] = ("leaf",), more: str = "") -> Path:
    directory = bench.root / "packages" / name
    for path, content in source_tree(log, name, requires=requires, more=more).items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(content)
    return directory


def inside(bench: Workbench, name: str, **settings: Any) -> dict[str, Any]:
    return {"directory": str(bench.root / "packages" / name), **settings}


PLAIN = GroupSelection()


def sync(bench: Workbench, selection: GroupSelection = PLAIN, **settings: Any) -> set[str]:
    with bench.session(**settings) as session:
        sync_here(session, SyncOptions(selection))
    return {name.removesuffix(".dist-info") for name in bench.installed()}


def groups(bench: Workbench) -> dict[str, set[str]]:
    """Return which packages each of the lock's groups holds."""
    with bench.session() as session:
        found = read_lock(session, str(bench.root))
        assert found is not None
        reader = found.reader()
        return {
            group: {entry.name for entry in reader.entries() if entry.group_mask >> bit & 1 and entry.name != "demo"}
            for bit, group in enumerate(reader.groups)
        }


def test_the_root_is_found_from_a_member(bench: Workbench) -> None:
    assert find_root(str(bench.root / "packages/one/src")) == str(bench.root)
    assert load_project(str(bench.root / "packages/one/src")).member == "packages/one"
    assert load_project(str(bench.root)).member == ""
    # What is excluded, or merely lies below, is a project of its own.
    assert find_root(str(bench.root / "packages/old")) == str(bench.root / "packages/old")


def test_members_are_locked_with_all_their_groups(bench: Workbench) -> None:
    with bench.session() as session:
        lock_here(session, bench.project())
    assert groups(bench) == {
        "default": {"alpha"},
        "package:one": {"one", "two", "leaf"},
        "package:two": {"two", "leaf"},
        "package:two:group:dev": {"tester"},
        "package:two:extra:plot": {"two", "leaf", "plotter"},
    }


def test_members_come_from_the_workspace_and_never_from_an_index(bench: Workbench, index: StaticIndex) -> None:
    with bench.session() as session:
        lock_here(session, bench.project())
    assert not {path for path in index.paths() if "/one/" in path or "/two/" in path}
    with bench.session() as session:
        found = read_lock(session, str(bench.root))
        assert found is not None
        entries = {entry.name: entry.source for entry in found.reader().entries()}
    assert entries["one"] == ("workspace", "packages/one", "", "", "")
    assert entries["two"] == ("workspace", "packages/two", "", "", "")


def test_each_directory_installs_its_own_project(bench: Workbench) -> None:
    assert sync(bench) == {"alpha-1.0"}
    assert sync(bench, **inside(bench, "one")) == {"one-1.0", "two-1.0", "leaf-1.0"}
    assert sync(bench, **inside(bench, "two")) == {"two-1.0", "leaf-1.0", "tester-1.0"}
    assert sync(bench, GroupSelection(extras=("plot",), no_dev=True), **inside(bench, "two")) == {
        "two-1.0",
        "leaf-1.0",
        "plotter-1.0",
    }
    assert sync(bench) == {"alpha-1.0"}


def test_a_root_that_is_no_project_stands_for_all(bench: Workbench) -> None:
    (bench.root / "pyproject.toml").write_text(MEMBERS)
    assert sync(bench) == {"one-1.0", "two-1.0", "leaf-1.0", "tester-1.0"}


def test_a_member_may_require_the_root_and_each_other(bench: Workbench, log: Path) -> None:
    member(bench, log, "two", requires=("demo", "one"), more="[tool.uv.sources]\ndemo = { workspace = true }\n")
    with bench.session() as session:
        lock_here(session, bench.project())
    assert groups(bench)["package:two"] == {"one", "two", "alpha"}


def test_the_roots_sources_count_for_members(bench: Workbench, log: Path, tmp_path: Path) -> None:
    for path, content in source_tree(log, "shadowed", "3.0", requires=()).items():
        (tmp_path / "near" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "near" / path).write_text(content)
    member(bench, log, "one", requires=("shadowed",))
    bench.write_manifest(
        "dependencies = []", more=f'{MEMBERS}[tool.blast.sources]\nshadowed = {{ path = "../near" }}\n'
    )
    assert sync(bench, **inside(bench, "one")) == {"one-1.0", "shadowed-3.0"}


def test_a_change_of_a_members_requirements_makes_the_lock_stale(bench: Workbench, log: Path) -> None:
    with bench.session() as session:
        assert lock_here(session, bench.project()).changed
        assert not lock_here(session, bench.project()).changed
    member(bench, log, "two", requires=("leaf", "alpha"))
    with bench.session() as session, pytest.raises(BlastError, match="does not answer"):
        lock_here(session, bench.project(), check=True)
    (bench.root / "packages/two/src/x.py").write_text("CHANGED = 1\n")
    with bench.session() as session:
        assert lock_here(session, bench.project()).changed
        assert not lock_here(session, bench.project()).changed


def test_add_and_remove_in_a_member_edit_the_member(bench: Workbench) -> None:
    root_before = (bench.root / "pyproject.toml").read_bytes()
    path = bench.root / "packages/two/pyproject.toml"
    with bench.session(**inside(bench, "two")) as session:
        project = load_project(session.settings.directory)
        add_requirements(session, project, ["alpha", "one"], Place(), selection=GroupSelection())
    assert 'dependencies = [\n    "alpha>=1.0",' in path.read_text()
    assert "one = {workspace = true}" in path.read_text()
    assert (bench.root / "pyproject.toml").read_bytes() == root_before
    assert {"alpha-1.0.dist-info", "one-1.0.dist-info"} < set(bench.installed())
    with bench.session(**inside(bench, "two")) as session:
        project = load_project(session.settings.directory)
        remove_requirements(session, project, ["one"], Place(), selection=GroupSelection())
    assert "workspace" not in path.read_text()
    assert not (bench.root / "packages/two/blast.lock").exists()


def test_requires_python_is_what_all_allow(bench: Workbench) -> None:
    for name, specifier in (("one", ">=3.11"), ("two", "<3.14")):
        path = bench.root / "packages" / name / "pyproject.toml"
        path.write_text(
            path.read_text().replace('version = "1.0"', f'version = "1.0"\nrequires-python = "{specifier}"')
        )
    assert bench.project().manifest.requires_python == ">=3.11,<3.14"
    with bench.session() as session:
        reader = lock_here(session, bench.project()).reader()
    assert {target.python_version for target in reader.targets} == {"3.11", "3.12", "3.13"}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('members = ["packages/missing"]', "is no directory"),
        ('members = ["../outside"]', "leads out of it"),
        ('members = ["/srv"]', "leads out of it"),
        ("members = 3", "must be an array"),
        ('members = ["packages/empty"]', "has no pyproject.toml"),
        ('members = ["packages/nameless"]', "needs \\[project\\]"),
        ('members = ["packages/one", "packages/twin"]', "are called one"),
    ],
)
def test_impossible_workspaces_are_told(bench: Workbench, log: Path, table: str, words: str) -> None:
    (bench.root / "packages/empty").mkdir()
    (bench.root / "packages/nameless").mkdir()
    (bench.root / "packages/nameless/pyproject.toml").write_text("[tool.x]\n")
    twin = member(bench, log, "twin") / "pyproject.toml"
    twin.write_text(twin.read_text().replace('"twin"', '"One"'))
    with pytest.raises(InvalidManifest, match=words):
        bench.write_manifest("dependencies = []", more=f"[tool.blast.workspace]\n{table}\n")


def test_who_is_no_member_is_told(bench: Workbench, log: Path) -> None:
    member(bench, log, "one", more="[tool.blast.sources]\nleaf = { workspace = true }\n")
    with bench.session() as session, pytest.raises(InvalidManifest, match="'leaf' is no member"):
        lock_here(session, bench.project())


def test_a_root_without_a_name_has_one_lock_whatever_its_directory_is_called(tmp_path: Path, bench: Workbench) -> None:
    manifest = f'{MEMBERS}[dependency-groups]\ndev = ["alpha"]\n'
    # "alpha" is what it requires: a directory of that name is not the requirement.
    places = [bench.root.rename(tmp_path / "checkout"), tmp_path / "alpha"]
    (places[0] / "pyproject.toml").write_text(manifest)
    copytree(places[0], places[1])
    locks, installed = [], []
    for place in places:
        with bench.session(directory=str(place)) as session:
            project = load_project(str(place))
            lock_here(session, project)
            locks.append((place / "blast.lock").read_bytes())
            sync_here(session, SyncOptions(PLAIN))
            installed.append(
                {name for name in Workbench(place, bench.home, bench.index_url).installed() if "alpha" in name}
            )
            assert project.title == place.name
    assert locks[0] == locks[1]
    assert installed == [{"alpha-1.0.dist-info"}] * 2


def test_a_manifest_above_is_parsed_once(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its bytes: in one process for all who ask, and where there is a store for all processes."""
    parsed = []
    real = pyproject.parse_manifest

    def parse(text: str, path: str, *rest: Any) -> Any:
        parsed.append(path)
        return real(text, path, *rest)

    monkeypatch.setattr(pyproject, "parse_manifest", parse)
    beside = bench.root / "elsewhere/deep"
    beside.mkdir(parents=True)
    (beside / "pyproject.toml").write_text('[project]\nname = "beside"\nversion = "1"\n')
    home = str(bench.root / "a-home")
    for _ in range(2):
        workspace._above.clear()
        for _ in range(3):
            assert find_root(str(beside), home) == str(beside)
            assert find_root(str(bench.root / "packages/one"), home) == str(bench.root)
    assert parsed == [str(bench.root / "pyproject.toml")]


@pytest.mark.parametrize(
    ("glob", "path", "answer"),
    [
        ("packages/*", "packages/one", True),
        ("packages/*", ".dev/one", False),
        ("packages/one", "packages/two", False),
        ("packages/one/deep", "packages/one", False),
        ("packages/one", "packages/one/", True),
        ("./packages/*", "packages/one", True),
        ("*", "packages", True),
        ("**/one", "packages/one", True),
        ("packages\\*", "packages/one", True),
    ],
)
def test_a_glob_says_no_only_where_it_can_not_lead_there(glob: str, path: str, answer: bool) -> None:
    assert workspace._may_lead_to(glob, path) is answer
