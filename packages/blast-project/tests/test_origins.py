"""Messages name the file and the line of what was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from blast_core.errors import NoSolution
from blast_pm.testing import StaticIndex, make_wheel
from blast_project.compile_request import CompileRequest
from blast_project.compiling import compile_requirements
from blast_project.environment.making import BareOptions, make_environment
from blast_project.origins import file_origins, place_in_file, project_origins
from blast_project.pip_interface import InstallRequest, install
from blast_project.project import parse_project
from blast_project.testing import Workbench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANIFEST = """\
[project]
name = "demo"
version = "1.0"
dependencies = [
    "alpha>=1",
    'beta; python_version < "3.12"',
]

[project.optional-dependencies]
fast = ["gamma", "alpha>=1"]

[dependency-groups]
dev = [
    "delta",
    {include-group = "lint"},
]
lint = ["epsilon"]

[tool.blast]
constraint-dependencies = ["gamma<2"]
override-dependencies = ["epsilon==3"]
"""


def origins_of(text: str, root: Path) -> dict[str, str]:
    project = parse_project(str(root), text.encode())
    rows = project.requirements()
    found = project_origins(project, rows)
    return {f"{row.name}{row.specifier}": words for row, words in found.items()}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("alpha>=1", "your project and extra fast (pyproject.toml, lines 5 and 10)"),
        ("beta", "your project (pyproject.toml, line 6)"),
        ("gamma", "extra fast (pyproject.toml, line 10)"),
        ("delta", "group dev (pyproject.toml, line 14)"),
        ("epsilon", "group dev and group lint (pyproject.toml, line 17)"),
        ("gamma<2", "your constraint (pyproject.toml, line 20)"),
        ("epsilon==3", "your override (pyproject.toml, line 21)"),
    ],
)
def test_names_who_asks_and_the_line(name: str, expected: str, tmp_path: Path) -> None:
    assert origins_of(MANIFEST, tmp_path)[name] == expected


def test_a_line_that_is_not_found_is_not_named(tmp_path: Path) -> None:
    text = '[project]\nname = "demo"\nversion = "1"\ndependencies = ["al\\u0070ha"]\n'
    assert origins_of(text, tmp_path)["alpha"].startswith("your project (pyproject.toml, line ")


def test_files_of_requirements_are_named_with_the_line() -> None:
    assert file_origins("pyproject.toml", MANIFEST, ["alpha>=1"]) == {"alpha>=1": "pyproject.toml (line 5)"}
    assert place_in_file("requirements.in", 3) == "requirements.in (line 3)"
    assert place_in_file("requirements.in", 0) == "requirements.in"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    directory = tmp_path_factory.mktemp("wheels")
    make_wheel(directory, "alpha", "1.0", ["beta<2"])
    make_wheel(directory, "beta", "1.0")
    make_wheel(directory, "beta", "2.0")
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture
def bench(tmp_path: Path, index: StaticIndex, tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    return Workbench.make(tmp_path, index.url, tmp_path_factory.mktemp("home"))


def test_compiling_names_files_and_lines(bench: Workbench) -> None:
    (bench.root / "a.in").write_text("# what we need\n-r more/b.in\nalpha\n")
    (bench.root / "more").mkdir()
    (bench.root / "more" / "b.in").write_text("-c c.txt\n")
    (bench.root / "more" / "c.txt").write_text("\nbeta>=2\n")
    with pytest.raises(NoSolution) as caught, bench.session() as session:
        compile_requirements(session, CompileRequest(("a.in",)))
    assert caught.value.reason.splitlines() == [
        "a.in (line 3) asks for alpha, which needs beta<2.",
        "But more/c.txt (line 2) allows only beta>=2.",
        "So no version of beta is left.",
    ]
    assert caught.value.hint.splitlines()[0] == "remove 'beta>=2' (more/c.txt, line 2): then beta 1.0 fits"


def test_installing_names_the_command_line_and_files(bench: Workbench) -> None:
    (bench.root / "a.txt").write_text("alpha\n")
    environment = str(bench.root / ".venv")
    with bench.session() as session:
        make_environment(session, environment, BareOptions())
    with pytest.raises(NoSolution) as caught, bench.session(python=environment) as session:
        install(session, InstallRequest(("beta>=2",), files=("a.txt",)))
    assert "The command line asks for beta>=2." in caught.value.reason
    assert "a.txt (line 1) asks for alpha, which needs beta<2." in caught.value.reason
