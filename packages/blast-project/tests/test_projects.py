"""What a manifest makes of a project: its root, its groups, and its requirements with their own extras resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_core.errors import InvalidManifest, UsageError
from blast_core.markers import evaluate_marker
from blast_project.locking import lock_project
from blast_project.project import environment_path, find_root, load_project
from blast_project.testing import Workbench, make_target

if TYPE_CHECKING:
    from pathlib import Path

    from blast_project.project import Project


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    return Workbench.make(tmp_path)


def rows(project: Project, group: str) -> list[str]:
    return [row.requirement.name for row in project.requirements() if row.group == group]


def test_the_nearest_manifest_upwards_counts(bench: Workbench) -> None:
    bench.write_manifest()
    deep = bench.root / "a/b/c"
    deep.mkdir(parents=True)
    assert find_root(str(deep)) == str(bench.root)
    (bench.root / "a/pyproject.toml").write_text("[project]\nname = 'inner'\nversion = '1'\n")
    assert find_root(str(deep)) == str(bench.root / "a")
    # A directory of that name is none.
    (bench.root / "a/b/pyproject.toml").mkdir()
    assert load_project(str(deep)).name == "inner"


def test_outside_of_projects_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no pyproject\.toml"):
        load_project(str(tmp_path))


def test_a_manifest_that_is_not_text_is_refused(bench: Workbench) -> None:
    (bench.root / "pyproject.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidManifest, match="UTF-8"):
        bench.project()


def test_a_manifest_without_a_project_table_has_one_name_everywhere(bench: Workbench) -> None:
    (bench.root / "pyproject.toml").write_text("[tool.blast]\n")
    project = bench.project()
    assert (project.name, project.requirements(), project.is_package) == ("nameless-project", (), False)


def test_a_project_that_only_its_backend_knows_is_named(bench: Workbench) -> None:
    build = '[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n'
    (bench.root / "pyproject.toml").write_text(f'[tool.poetry]\nname = "demo"\nversion = "1"\n\n{build}')
    with pytest.raises(InvalidManifest, match=r"no \[project\] table") as caught, bench.session() as session:
        lock_project(session, bench.project(), session.find_interpreter())
    assert "Poetry" in caught.value.reason
    assert "pip install" in caught.value.hint
    (bench.root / "pyproject.toml").write_text(f"{build}[tool.blast]\npackage = false\n")
    with bench.session() as session:
        lock_project(session, bench.project(), session.find_interpreter())


@pytest.mark.parametrize(
    ("more", "package"),
    [
        pytest.param("", False, id="plain"),
        pytest.param('[build-system]\nrequires = []\nbuild-backend = "x"', True, id="a build system"),
        pytest.param("[build-system]\nrequires = []\n[tool.blast]\npackage = false", False, id="said not to be"),
        pytest.param("[tool.blast]\npackage = true", True, id="said to be"),
    ],
)
def test_what_is_installed_as_a_package(bench: Workbench, more: str, package: bool) -> None:
    assert bench.write_manifest(more=more).is_package is package


def test_groups_stand_in_the_order_of_the_locks_bits(bench: Workbench) -> None:
    project = bench.write_manifest(
        "[project.optional-dependencies]",
        "Zeta = ['a']",
        "b = ['b']",
        more="[dependency-groups]\nTest_One = ['c']\ndev = ['d', {include-group = 'test.one'}]",
    )
    assert project.groups == ("default", "group:dev", "group:test-one", "extra:b", "extra:zeta")
    assert rows(project, "group:dev") == ["d", "c"]
    assert rows(project, "extra:zeta") == ["a"]


def test_own_extras_are_resolved_through_each_other(bench: Workbench) -> None:
    project = bench.write_manifest(
        "dependencies = ['base']",
        "[project.optional-dependencies]",
        "all = ['demo[one,two]', 'Demo[ONE]']",
        "one = ['a', 'demo[two]']",
        "two = ['b', 'demo[all]']",
    )
    assert set(rows(project, "extra:all")) == {"a", "b"}
    assert rows(project, "default") == ["base"]


def test_a_marker_on_an_own_extra_holds_for_what_it_brings(bench: Workbench) -> None:
    project = bench.write_manifest(
        "[project.optional-dependencies]",
        "all = [\"demo[win]; sys_platform == 'win32'\", \"demo[old]; python_version < '3.9'\"]",
        "win = ['a']",
        "old = [\"b; os_name == 'posix'\"]",
    )
    linux = make_target().marker_environment
    found = {row.requirement.name: row.requirement.marker for row in project.requirements() if row.group == "extra:all"}
    assert set(found) == {"a", "b"}
    assert not evaluate_marker(found["a"], linux)
    assert evaluate_marker(found["a"], {**linux, "sys_platform": "win32"})
    assert not evaluate_marker(found["b"], linux)
    assert not evaluate_marker(found["b"], {**linux, "python_version": "3.8", "os_name": "nt"})
    assert evaluate_marker(found["b"], {**linux, "python_version": "3.8"})


def test_an_own_extra_that_does_not_exist_is_named(bench: Workbench) -> None:
    project = bench.write_manifest("dependencies = ['demo[more]']", "[project.optional-dependencies]", "one = ['a']")
    with pytest.raises(InvalidManifest) as caught:
        project.requirements()
    assert "'more'" in caught.value.message
    assert "one" in caught.value.hint


def test_the_origin_is_the_line_as_written(bench: Workbench) -> None:
    project = bench.write_manifest("dependencies = ['Alpha >= 1']")
    assert [row.origin for row in project.requirements()] == ["Alpha >= 1"]


@pytest.mark.parametrize(
    ("said", "path"), [("", "/p/.venv"), ("env", "/p/env"), ("../env", "/env"), ("/else/env", "/else/env")]
)
def test_the_environment_lies_in_the_project_or_where_it_is_said(bench: Workbench, said: str, path: str) -> None:
    assert environment_path("/p", bench.settings(environment=said)) == path
