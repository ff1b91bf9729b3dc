"""``blast self doctor --fix`` where links are right and what they lead to is not, and where something is in the way."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_core.reporter import SilentReporter
from blast_pm.testing import StaticIndex, make_wheel
from blast_project.exclusive import exclusive
from blast_project.session import Session
from blast_project.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    directory = tmp_path_factory.mktemp("wheels")
    files = {"alpha/__init__.py": b"def main():\n    print('alpha runs')\n", "alpha.pth": b"import sys\n"}
    files["space/one/__init__.py"] = b""
    make_wheel(directory, "alpha", "1.0", files=files, entry_points="[console_scripts]\nalpha = alpha:main\n")
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture
def blast(tmp_path: Path, index: StaticIndex) -> Blast:
    directory = tmp_path / "project"
    directory.mkdir()
    return Blast(directory, tmp_path / "home", {"BLAST_INDEX_URL": index.url})


@pytest.fixture
def synced(blast: Blast) -> Blast:
    blast("init", "--name", "demo")
    blast("add", "alpha")
    return blast


@pytest.fixture
def equipped(blast: Blast) -> Blast:
    blast("tool", "install", "alpha")
    return blast


def state_of(blast: Blast, name: str, *words: str) -> str:
    done = blast.run("self", "doctor", *words, "--json")
    return next((check["state"] for check in json.loads(done.stdout)["checks"] if check["name"] == name), "")


def write(path: Path, content: bytes) -> None:
    """Write into a read-only file of the store, as a broken disk would."""
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(0o444)


def prepared(blast: Blast, name: str) -> Path:
    return next((blast.home / "i1").glob(f"*/{name}"))


@pytest.mark.parametrize("name", ["INSTALLER", "s-alpha"])
def test_a_prepared_file_that_changed_is_made_again(synced: Blast, name: str) -> None:
    """All environments link to it, so none was ever right again."""
    write(prepared(synced, name), b"")
    assert state_of(synced, "environment.contents") == "problem"
    assert state_of(synced, "environment.contents", "--fix") == "mended"
    assert state_of(synced, "environment.contents") == "ok"
    assert synced("run", "alpha").stdout == "alpha runs\n"
    assert prepared(synced, "INSTALLER").read_bytes() == b"blast"


def test_a_file_of_a_tree_that_changed_is_unpacked_again(synced: Blast) -> None:
    write(next((synced.home / "t").glob("*/alpha.pth")), b"import os\n")
    assert state_of(synced, "environment.contents") == "problem"
    assert state_of(synced, "environment.contents", "--fix") == "mended"
    assert synced("cache", "verify").returncode == 0


def _rename_lib(tool: Path) -> None:
    (tool / "lib").rename(tool / "bil")


def _garble_generation(tool: Path) -> None:
    path = (tool / ".blast" / "current").resolve() / ".meta" / "generation"
    path.unlink()
    path.symlink_to("/nowhere")


def _lose_configuration(tool: Path) -> None:
    (tool / "pyvenv.cfg").unlink()


@pytest.mark.parametrize("spoil", [_rename_lib, _garble_generation, _lose_configuration])
def test_a_tool_is_installed_again(equipped: Blast, spoil: Callable[[Path], None]) -> None:
    assert state_of(equipped, "tools.contents") == "ok"
    spoil(equipped.home / "tools" / "alpha")
    assert state_of(equipped, "tools.contents") == "problem"
    assert state_of(equipped, "tools.contents", "--fix") == "mended"
    assert state_of(equipped, "tools.contents") == "ok"
    assert equipped("tool", "run", "alpha").stdout == "alpha runs\n"
    assert not (Path(sys.base_prefix) / "bin" / "alpha").exists(), "what was meant for the tool came to all programs"


def test_a_tool_that_the_store_has_lost_is_fetched_again(equipped: Blast) -> None:
    for path in (equipped.home / "store" / "whl").rglob("*.whl"):
        path.unlink()
    assert equipped.run("cache", "verify", "--repair").returncode == 4
    assert state_of(equipped, "tools.contents") == "problem"
    assert state_of(equipped, "tools.contents", "--fix") == "mended"
    assert equipped("cache", "verify").returncode == 0


def test_a_tool_whose_installation_was_killed_is_told_of(equipped: Blast) -> None:
    (equipped.home / "tools" / "alpha" / "blast-tool.json").unlink()
    assert state_of(equipped, "tools.contents", "--fix") == "note"


@pytest.mark.parametrize("name", ["pyproject.toml", "pylock.toml"])
def test_a_generation_without_its_copy_of_the_manifest_holds_nobody_up(synced: Blast, name: str) -> None:
    """Every sync failed where a copy in the current generation was gone, and nothing mended it."""
    path = (synced.directory / ".venv" / ".blast" / "current").resolve() / ".meta" / name
    path.unlink()
    path.mkdir()
    (synced.directory / ".venv" / ".blast" / "state").unlink()
    undone = synced.run("undo")
    assert undone.returncode in (0, 1, 2)
    assert "internal" not in undone.stderr
    assert synced("sync").returncode == 0
    assert state_of(synced, "environment.contents") == "ok"
    assert synced("run", "alpha").stdout == "alpha runs\n"


@pytest.mark.parametrize("place", [".blast", ".blast/generations"])
def test_a_file_in_the_place_of_the_generations(synced: Blast, place: str) -> None:
    path = synced.directory / ".venv" / place
    shutil.rmtree(path)
    path.write_text("x")
    assert state_of(synced, "environment.place") == "problem"
    assert state_of(synced, "environment.place", "--fix") == "mended"
    assert synced("run", "alpha").stdout == "alpha runs\n"


def test_a_configuration_with_which_python_does_not_start(synced: Blast) -> None:
    path = (synced.directory / ".venv" / ".blast" / "current").resolve() / "pyvenv.cfg"
    path.write_bytes(path.read_bytes().replace(b"home = /", b"home = /\xf2"))
    assert state_of(synced, "environment.contents") == "problem"
    assert state_of(synced, "environment.contents", "--fix") == "mended"
    assert synced("run", "alpha").stdout == "alpha runs\n"


def test_a_generation_that_is_being_built_is_nobodys_to_remove(equipped: Blast) -> None:
    """The doctor said that the disk refused, and that it be removed by hand."""
    tool = equipped.home / "tools" / "alpha"
    half = tool / ".blast" / "generations" / ".9"
    half.mkdir()
    settings = Settings(str(equipped.directory), str(equipped.home), {})
    with Session(settings, SilentReporter()) as session, exclusive(session, str(tool)):
        assert state_of(equipped, "store.leftovers", "--fix") == "mended"
        assert half.is_dir()
    assert state_of(equipped, "store.leftovers", "--fix") == "mended"
    assert not half.exists()


def test_the_current_directory_is_gone(synced: Blast) -> None:
    gone = synced.directory / "gone"
    command = f"mkdir {gone} && cd {gone} && rmdir {gone} && exec {sys.executable} -m blast_cli sync"
    done = subprocess.run(["sh", "-c", command], env=synced.variables(), capture_output=True, text=True, check=False)
    assert "error: the current directory is gone" in done.stderr


def test_a_link_in_a_namespace_that_is_gone(synced: Blast) -> None:
    site = next((synced.directory / ".venv" / "lib").glob("python*/site-packages"))
    (site / "space" / "one").unlink()
    assert state_of(synced, "environment.contents") == "problem"
    assert state_of(synced, "environment.contents", "--fix") == "mended"
    assert synced.python("import space.one") == ""


@pytest.mark.skipif(not shutil.which("setpriv"), reason="NO SETPRIV: root reads what nobody may read")
def test_a_file_of_the_generation_that_can_not_be_read(synced: Blast) -> None:
    path = (synced.directory / ".venv" / ".blast" / "current").resolve() / ".meta" / "blast.lock"
    path.chmod(0)
    powers = "-dac_override,-dac_read_search"
    limits = ["setpriv", f"--bounding-set={powers}", f"--inh-caps={powers}"] if os.geteuid() == 0 else []
    command = [*limits, sys.executable, "-m", "blast_cli", "self", "doctor", "--fix"]
    done = subprocess.run(command, cwd=synced.directory, env=synced.variables(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert synced("sync").returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="no pipes in directories there")
def test_what_stands_in_the_way_in_the_store_is_moved(synced: Blast) -> None:
    """Commands waited for somebody to write into a pipe, or asked that it be removed by hand."""
    for place in ("leases", "locks", "i1", "roots", "interpreters"):
        shutil.move(synced.home / place, synced.home.parent / place)
    os.mkfifo(synced.home / "leases")
    os.mkfifo(synced.home / "interpreters")
    (synced.home / "locks").mkdir()
    for name in os.listdir(synced.home.parent / "locks"):
        (synced.home / "locks" / name).symlink_to("/nowhere/at/all")
    shutil.move(synced.home / "projects", synced.home.parent / "projects")
    (synced.home / "projects").write_text("mine")
    (synced.home / "roots").symlink_to("/nowhere/at/all")
    (synced.home / "i1").write_text("")
    assert state_of(synced, "store.places") == "problem"
    assert state_of(synced, "store.places", "--fix") == "mended"
    assert state_of(synced, "store.places") == "ok"
    assert [path.read_text() for path in synced.home.glob("*.aside-*")] == ["mine"]
    assert synced("sync").returncode == 0
    assert synced("run", "alpha").stdout == "alpha runs\n"
