"""Environments are virtual environments to every tool, switch in one step, and replace nothing that they should not."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import FileConflict, InstallError
from blast_core.reporter import SilentReporter
from blast_pm.install.testing import WheelStore, running_interpreter
from blast_project.environment.generations import read_snapshots
from blast_project.environment.layout import environment_interpreter
from blast_project.environment.manager import Composition, VenvManager

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from blast_pm.store.cache import StoredDistribution

_HERE = running_interpreter()
_MAIN = "[console_scripts]\n{name} = {name}:main\n"


class Notes(SilentReporter):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WheelStore]:
    with WheelStore(tmp_path) as store:
        yield store


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    return tmp_path / "my project" / ".venv"


def make(store: WheelStore, name: str, version: str = "1.0") -> StoredDistribution:
    code = f"import sys\nVERSION = '{version}'\ndef main():\n    print('{name}', VERSION, sys.prefix)\n"
    return store.make(name, {f"{name}/__init__.py": code}, version=version, entry_points=_MAIN.format(name=name))


def apply(environment: Path, *distributions: StoredDistribution, mode: str = "fold", notes: Notes | None = None) -> int:
    composition = Composition(distributions, "test", mode)
    return VenvManager(str(environment)).apply(_HERE, composition, notes or Notes()).number


def run(*line: str | Path, **variables: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(line, capture_output=True, text=True, check=True, env={**clean, **variables})
    return done.stdout.strip()


@pytest.mark.parametrize("mode", ["fold", "hardlink", "copy"])
def test_interpreter_and_programs_run_in_the_environment(store: WheelStore, environment: Path, mode: str) -> None:
    apply(environment, make(store, "alpha"), mode=mode)
    assert run(environment / "bin/alpha") == f"alpha 1.0 {environment}"
    code = "import sys, sysconfig; print(sys.prefix, sys.base_prefix, sysconfig.get_path('purelib'), sep='|')"
    answer = run(environment / "bin/python", "-c", code)
    assert answer == f"{environment}|{sys.base_prefix}|{environment / _HERE.site_packages}"
    assert environment_interpreter(str(environment)) == _HERE.executable


def test_a_generation_is_an_environment_of_its_own(store: WheelStore, environment: Path) -> None:
    apply(environment, make(store, "alpha"))
    generation = environment.resolve() / ".blast/generations/1"
    assert run(generation / "bin/alpha") == f"alpha 1.0 {generation}"


def test_an_environment_can_be_moved(store: WheelStore, environment: Path) -> None:
    apply(environment, make(store, "alpha"))
    moved = environment.parent.rename(environment.parent.with_name("else where")) / ".venv"
    assert run(moved / "bin/alpha") == f"alpha 1.0 {moved}"
    script = f'. "{moved}/bin/activate" && alpha && command -v python && echo "$VIRTUAL_ENV"'
    assert run("bash", "-c", script).splitlines() == [f"alpha 1.0 {moved}", f"{moved}/bin/python", str(moved)]


def test_switching_goes_back_and_forth(store: WheelStore, environment: Path) -> None:
    one = apply(environment, make(store, "alpha"))
    share = store.make("beta", {"beta.py": "", "{data}/data/share/b.txt": "b", "{data}/data/man/m.1": "m"})
    two = apply(environment, make(store, "alpha", "2.0"), share)
    manager = VenvManager(str(environment))
    assert (one, two) == (1, 2)
    assert run(environment / "bin/alpha").startswith("alpha 2.0")
    assert (environment / "share/b.txt").read_text() == "b"
    manager.switch(one)
    assert run(environment / "bin/alpha").startswith("alpha 1.0")
    assert not os.path.lexists(environment / "share")
    manager.switch(two)
    assert (environment / "man/m.1").exists()
    current = manager.current()
    assert current is not None
    assert [(row.name, row.version) for row in current.installed] == [("alpha", "2.0"), ("beta", "1.0")]
    assert (current.number, current.parent) == (2, 1)
    with pytest.raises(InstallError, match="no generation 9"):
        manager.switch(9)


def test_a_generation_keeps_the_projects_files(store: WheelStore, environment: Path) -> None:
    manager = VenvManager(str(environment))
    files = {"pyproject.toml": b"[project]\n", "blast.lock": bytes(range(256))}
    composition = Composition((make(store, "alpha"),), "add alpha", snapshots=files, requested=frozenset(["alpha"]))
    generation = manager.apply(_HERE, composition, Notes())
    assert read_snapshots(str(environment), generation) == files
    assert generation.command == "add alpha"
    assert [row.requested for row in generation.installed] == [True]


def test_ten_generations_are_kept_and_the_current_one_always(store: WheelStore, environment: Path) -> None:
    manager = VenvManager(str(environment))
    alpha = make(store, "alpha")
    for _ in range(12):
        apply(environment, alpha)
    assert [row.number for row in manager.history()] == list(range(3, 13))
    manager.switch(3)
    assert manager.prune(2) == [*range(4, 11)]
    assert [row.number for row in manager.history()] == [3, 11, 12]
    assert run(environment / "bin/alpha").startswith("alpha")


def test_a_refused_set_leaves_everything_as_it_was(store: WheelStore, environment: Path) -> None:
    apply(environment, make(store, "alpha"))
    clash = [store.make(name, {"same/__init__.py": name}) for name in ("x", "y")]
    with pytest.raises(FileConflict):
        apply(environment, *clash)
    assert run(environment / "bin/alpha").startswith("alpha 1.0")
    assert os.listdir(environment / ".blast/generations") == ["1"]


def test_an_environment_of_another_tool_is_replaced_whole(store: WheelStore, environment: Path) -> None:
    environment.parent.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (environment / "mine.txt").write_text("x")
    notes = Notes()
    number = VenvManager(str(environment)).compose(_HERE, Composition((make(store, "alpha"),), "test"), notes)
    assert run(environment / "bin/python", "-c", "print(1)") == "1"
    VenvManager(str(environment)).switch(number, notes.note)
    assert run(environment / "bin/alpha") == f"alpha 1.0 {environment}"
    assert notes.notes == [f"{environment} was made by another tool and is replaced"]
    assert os.listdir(environment.parent) == [".venv"]


def test_what_is_no_environment_is_left_alone(store: WheelStore, environment: Path) -> None:
    environment.mkdir(parents=True)
    (environment / "thesis.txt").write_text("years of work")
    with pytest.raises(InstallError, match="no virtual environment"):
        apply(environment, make(store, "alpha"))
    link = environment.with_name("link")
    link.symlink_to("/")
    with pytest.raises(InstallError, match="symbolic link"):
        apply(link)
    assert (environment / "thesis.txt").read_text() == "years of work"
    assert os.listdir(environment) == ["thesis.txt"]


def test_an_empty_directory_becomes_an_environment(environment: Path) -> None:
    environment.mkdir(parents=True)
    assert apply(environment) == 1


def test_what_pip_put_beside_is_moved_aside_and_said(store: WheelStore, environment: Path) -> None:
    apply(environment, make(store, "alpha"))
    (environment / "share/theirs").mkdir(parents=True)
    notes = Notes()
    apply(environment, store.make("beta", {"beta.py": "", "{data}/data/share/b.txt": "b"}), notes=notes)
    assert (environment / "share/b.txt").exists()
    assert len(notes.notes) == 1
    (aside,) = (environment / ".blast/aside").iterdir()
    assert (aside / "theirs").is_dir()


def test_bare_environments(environment: Path) -> None:
    manager = VenvManager(str(environment))
    assert manager.create(_HERE, reporter=Notes(), prompt="a 'quoted' $prompt") == 1
    script = (
        f'. "{environment}/bin/activate" && echo "$VIRTUAL_ENV_PROMPT" && deactivate && echo "${{VIRTUAL_ENV-none}}"'
    )
    assert run("bash", "-c", script).splitlines() == ["a 'quoted' $prompt", "none"]
    assert "prompt = a 'quoted' $prompt" in (environment / "pyvenv.cfg").read_text()
    with pytest.raises(InstallError, match="is an environment already"):
        manager.create(_HERE, reporter=Notes())
    assert manager.create(_HERE, reporter=Notes(), clear=True) == 2
    assert (environment / ".gitignore").read_text() == "*\n"


def test_the_lines_of_pyvenv_cfg_cannot_be_forged(tmp_path: Path) -> None:
    environment = tmp_path / "evil\nhome = elsewhere" / ".venv"
    environment.parent.mkdir()
    VenvManager(str(environment)).create(_HERE, reporter=Notes())
    lines = (environment / "pyvenv.cfg").read_text().splitlines()
    assert [line for line in lines if line.startswith("home")] == [f"home = {os.path.dirname(_HERE.executable)}"]


def test_an_unreadable_generation_does_not_hide_the_others(store: WheelStore, environment: Path) -> None:
    for _ in range(2):
        apply(environment, make(store, "alpha"))
    (environment / ".blast/generations/1/.meta/generation").write_bytes(b"")
    assert [row.number for row in VenvManager(str(environment)).history()] == [2]


def test_what_runs_at_start_up_is_said_once(store: WheelStore, environment: Path) -> None:
    stored = store.make("alpha", {"alpha.pth": "import os\n"})
    notes = Notes()
    for _ in range(2):
        apply(environment, stored, notes=notes)
    assert notes.notes == ["alpha brings alpha.pth, which runs whenever the environment's Python starts"]


# What the standard library's small modules need, and `typing.NamedTuple` with them.
_ALLOWED = {
    "blast_core",
    "blast_pm",
    "blast_project",
    "__future__",
    "errno",
    "marshal",
    "_thread",
    "_collections",
    "_struct",
    "struct",
}

_WARM = """
import sys
from blast_core.interpreter import Interpreter
from blast_core.reporter import SilentReporter
from blast_pm.store.rows import StoredDistribution
before = set(sys.modules)
import marshal
from blast_project.environment.manager import Composition, VenvManager
here, rows = marshal.loads(bytes.fromhex(sys.argv[2]))
stored = tuple(StoredDistribution(*row) for row in rows)
VenvManager(sys.argv[1]).apply(Interpreter(*here, None), Composition(stored, "test"), SilentReporter())
print(*sorted(set(sys.modules) - before))
"""


def test_composing_what_was_composed_before_imports_almost_nothing(store: WheelStore, environment: Path) -> None:
    """ARCHITECTURE, rule 4: the hot path imports almost nothing."""
    import marshal

    stored = (make(store, "alpha"), store.make("beta", {"ns/b.py": "", "{data}/data/etc/b": ""}))
    apply(environment, *stored)
    given = marshal.dumps((tuple(_HERE[:8]), tuple(tuple(row) for row in stored))).hex()
    program = f"import sys; sys.path[:0] = {[path for path in sys.path if 'src' in path]!r}\n{_WARM}"
    imported = run(sys.executable, "-I", "-S", "-c", program, environment.with_name("other"), given).split()
    assert {name.partition(".")[0] for name in imported} <= _ALLOWED
    assert {"blast_pm.install.prepared", "blast_pm.install.compose"} <= set(imported)
    for name in (
        "blast_pm.install.record",
        "blast_pm.install.scripts",
        "blast_pm.install.planning",
        "blast_core.archive",
    ):
        assert name not in imported
