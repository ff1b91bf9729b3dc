"""pip's verbs on environments: what is there stays, what is asked for arrives, and nothing lands where nobody asked."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import BlastError, DigestMismatch, NoSolution, UsageError
from blast_pm.testing import StaticIndex, make_wheel
from blast_project.compile_request import CompileRequest
from blast_project.compiling import compile_requirements
from blast_project.environment.making import BareOptions, make_environment
from blast_project.pip_interface import InstallRequest, install, list_installed
from blast_project.testing import Workbench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from blast_project.pip_interface import PipResult


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    directory = tmp_path_factory.mktemp("wheels")
    make_wheel(directory, "alpha", "1.0", ["beta"])
    make_wheel(directory, "alpha", "2.0", ["beta", "gamma; extra == 'deep'"], extras=["deep"])
    make_wheel(directory, "beta", "1.0")
    make_wheel(directory, "beta", "1.5")
    make_wheel(directory, "gamma", "1.0", ["beta"])
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def bare(tmp_path: Path, index: StaticIndex, home: Path) -> Workbench:
    return Workbench.make(tmp_path, index.url, home)


@pytest.fixture
def bench(bare: Workbench) -> Workbench:
    environment(bare, ".venv")
    return bare


def environment(bench: Workbench, name: str) -> Path:
    with bench.session() as session:
        make_environment(session, str(bench.root / name), BareOptions())
    return bench.root / name


def pip(bench: Workbench, *lines: str, python: str = "", **options: object) -> PipResult:
    with bench.session(python=python) as session:
        return install(session, InstallRequest(lines)._replace(**options))  # type: ignore[arg-type]


def listed(bench: Workbench, python: str = "", directory: str = "") -> dict[str, str]:
    with bench.session(python=python, directory=directory or str(bench.root)) as session:
        return {row.name: row.version for row in list_installed(session)}


def digest(index: StaticIndex, filename: str) -> str:
    import hashlib
    from pathlib import Path

    return hashlib.sha256((Path(index.directory) / filename).read_bytes()).hexdigest()


def test_what_is_there_stays_and_is_preferred(bench: Workbench) -> None:
    pip(bench, "beta==1.0")
    result = pip(bench, "alpha")
    assert [tuple(change) for change in result.changes] == [("alpha", "", "2.0")]
    assert listed(bench) == {"alpha": "2.0", "beta": "1.0"}


def test_an_upgrade_takes_the_newest(bench: Workbench) -> None:
    pip(bench, "alpha<2", "beta==1.0")
    pip(bench, "alpha", upgrade=True)
    assert listed(bench) == {"alpha": "2.0", "beta": "1.5"}


def test_a_failed_install_leaves_the_environment(bench: Workbench) -> None:
    pip(bench, "beta")
    with pytest.raises(NoSolution):
        pip(bench, "alpha", "beta>2")
    assert listed(bench) == {"beta": "1.5"}


def test_constraints_limit_but_do_not_install(bench: Workbench) -> None:
    (bench.root / "c.txt").write_text("beta<1.5\ngamma==1.0\n")
    pip(bench, "alpha", constraints=("c.txt",))
    assert listed(bench) == {"alpha": "2.0", "beta": "1.0"}


def test_requested_distributions_are_marked(bench: Workbench) -> None:
    pip(bench, "alpha")
    pip(bench, "gamma")
    site = next((bench.root / ".venv/lib").glob("*/site-packages"))
    assert {path.parent.name.partition("-")[0] for path in site.glob("*.dist-info/REQUESTED")} == {"alpha", "gamma"}


def test_hashes_hold_for_all_or_for_nothing(bench: Workbench, index: StaticIndex) -> None:
    """One hash in a file turns them on, for dependencies too (pip's hash-checking mode)."""
    alpha, beta = digest(index, "alpha-2.0-py3-none-any.whl"), digest(index, "beta-1.5-py3-none-any.whl")
    file = bench.root / "r.txt"
    file.write_text(f"alpha==2.0 --hash=sha256:{alpha}\n")
    with pytest.raises(BlastError, match="beta"):
        pip(bench, files=("r.txt",))
    file.write_text(f"alpha==2.0 --hash=sha256:{alpha}\nbeta==1.5 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(DigestMismatch, match="beta"):
        pip(bench, files=("r.txt",))
    assert listed(bench) == {}
    file.write_text(f"alpha==2.0 --hash=sha256:{alpha}\nbeta==1.5 --hash=sha256:{'0' * 64} --hash=sha256:{beta}\n")
    pip(bench, files=("r.txt",))
    assert listed(bench) == {"alpha": "2.0", "beta": "1.5"}


def test_a_compiled_file_with_hashes_installs(bench: Workbench) -> None:
    (bench.root / "r.in").write_text("alpha[deep]\n")
    with bench.session() as session:
        compiled = compile_requirements(session, CompileRequest(("r.in",), hashes=True))
    (bench.root / "r.txt").write_text(compiled.text)
    pip(bench, files=("r.txt",))
    assert listed(bench) == {"alpha": "2.0", "beta": "1.5", "gamma": "1.0"}


def test_an_environment_is_named_by_its_directory_or_interpreter(bench: Workbench) -> None:
    other = environment(bench, "other")
    pip(bench, "beta", python=str(other))
    pip(bench, "gamma", python=str(other / "bin/python"))
    assert listed(bench) == {}
    assert set(listed(bench, python="other")) == {"beta", "gamma"}


@pytest.mark.parametrize("name", ["nowhere/env", "./nowhere", "/usr/bin/env", "folder/"])
def test_a_place_that_is_no_environment_is_not_replaced_by_another(bench: Workbench, name: str) -> None:
    (bench.root / "folder").mkdir()
    with pytest.raises(UsageError, match="is no environment"):
        pip(bench, "beta", python=name)
    assert listed(bench) == {}


def test_a_version_is_no_place(bench: Workbench) -> None:
    pip(bench, "beta", python=".".join(map(str, sys.version_info[:2])))
    assert listed(bench) == {"beta": "1.5"}


def test_an_environment_above_or_an_active_one_is_found(bare: Workbench) -> None:
    with pytest.raises(UsageError, match="no environment"):
        pip(bare, "beta")
    active = environment(bare, "active")
    inside = Workbench(bare.root, bare.home, bare.index_url, {"VIRTUAL_ENV": str(active)})
    pip(inside, "beta")
    assert listed(inside) == {"beta": "1.5"}
    environment(bare, ".venv")
    deep = bare.root / "a/b"
    deep.mkdir(parents=True)
    assert listed(bare, directory=str(deep)) == {}
    assert listed(inside, directory=str(deep)) == {"beta": "1.5"}


def test_another_tools_environment_is_changed_in_place(bare: Workbench) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare.root / ".venv"], check=True)
    site = next((bare.root / ".venv/lib").glob("python*/site-packages"))
    (site / "alien-1.0.dist-info").mkdir()
    (site / "alien-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: Alien\nVersion: 1.0\n\nName: x\n")
    (site / "broken-1.0.dist-info").mkdir()
    assert listed(bare) == {"Alien": "1.0"}
    result = pip(bare, "alpha")
    assert (result.kind, result.generation) == ("virtual", 0)
    assert listed(bare) == {"Alien": "1.0", "alpha": "2.0", "beta": "1.5"}


def compiled(bench: Workbench, *files: str, **options: object) -> str:
    with bench.session() as session:
        return compile_requirements(session, CompileRequest(files, header=False)._replace(**options)).text  # type: ignore[arg-type]


def test_compiled_pins_say_who_asked(bare: Workbench) -> None:
    (bare.root / "a.in").write_text("alpha[deep]\nbeta; python_version < '3'\n")
    (bare.root / "b.in").write_text("gamma\n")
    assert compiled(bare, "a.in", "b.in") == (
        "alpha==2.0\n    # via -r a.in\n"
        "beta==1.5\n    # via\n    #   alpha\n    #   gamma\n"
        "gamma==1.0\n    # via\n    #   -r b.in\n    #   alpha\n"
    )
    assert compiled(bare, "b.in", annotate=False) == "beta==1.5\ngamma==1.0\n"


def test_the_output_files_pins_are_kept_until_an_upgrade(bare: Workbench) -> None:
    (bare.root / "a.in").write_text("gamma\n")
    (bare.root / "out.txt").write_text("beta==1.0 \\\n    --hash=sha256:" + "0" * 64 + "\ngamma==1.*\n")
    assert "beta==1.0" in compiled(bare, "a.in", output="out.txt")
    assert "beta==1.5" in compiled(bare, "a.in", output="out.txt", upgrade=True)
    assert "beta==1.5" in compiled(bare, "a.in", output="missing.txt")


def test_a_manifest_is_compiled(bare: Workbench) -> None:
    bare.write_manifest("dependencies = ['beta<1.5']")
    assert compiled(bare, "pyproject.toml") == "beta==1.0\n    # via demo (pyproject.toml)\n"


def test_hashes_of_every_file_are_written(bare: Workbench, index: StaticIndex) -> None:
    (bare.root / "a.in").write_text("beta==1.0\n")
    sha256 = digest(index, "beta-1.0-py3-none-any.whl")
    assert compiled(bare, "a.in", hashes=True, annotate=False) == f"beta==1.0 \\\n    --hash=sha256:{sha256}\n"


def test_nothing_compiles_to_nothing(bare: Workbench) -> None:
    (bare.root / "a.in").write_text("# nothing\n")
    assert compiled(bare, "a.in").strip() == ""
