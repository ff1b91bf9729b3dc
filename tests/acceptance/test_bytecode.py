"""Bytecode is made once for a machine: what the second environment imports is neither compiled nor written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_pm.testing import StaticIndex, make_wheel
from blast_project.bytecode_process import LOG
from blast_project.python.discover import iter_interpreters
from blast_project.python.probe import InterpreterCache

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_cli.testing import Blast

pytestmark = pytest.mark.acceptance

_MODES = ("fold", "hardlink", "copy")
# Root may write anywhere unless it gives these up.
_POWERS = "-dac_override,-dac_read_search,-fowner"
_IMPORT = """
import sys
compiled = []
def hook(event, arguments):
    if event == "compile" and "site-packages" in str(arguments[1]):
        compiled.append(arguments[1])
sys.addaudithook(hook)
import regular, regular.deep.module, open_one.part, single
print(sorted(compiled), regular.X, single.X)
"""
_FILES = {
    "regular/__init__.py": b"X = 1\n",
    "regular/deep/__init__.py": b"",
    "regular/deep/module.py": b"Y = 2\n",
    "open_one/part.py": b"Z = 3\n",
    "single.py": b"X = 4\n",
    "regular/never.py": b"print 'two'\n",
}


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    """An index with one project: a regular package, a namespace package, a single module, and what is no Python."""
    wheels = tmp_path_factory.mktemp("wheels")
    make_wheel(wheels, "kinds", "1.0", files=_FILES)
    with StaticIndex(wheels) as server:
        yield server


@pytest.fixture
def first(blast: Blast, kinds: StaticIndex) -> Blast:
    """The command in a project that needs it, and is not synced."""
    return new_project(blast, "first", kinds)


def new_project(blast: Blast, name: str, kinds: StaticIndex) -> Blast:
    directory = blast.directory.parent / name
    directory.mkdir()
    here = blast.at(directory, BLAST_INDEX_URL=kinds.url)
    here("init", "--name", name)
    here("add", "kinds", "--no-sync")
    return here


def find_pythons(home: Path) -> dict[str, str]:
    cache = InterpreterCache(str(home))
    found: dict[str, str] = {}
    for executable in iter_interpreters(os.environ, str(home)):
        try:
            interpreter = cache.get(executable)
        except Exception:  # noqa: BLE001 - what is no interpreter is not the subject here
            continue
        if interpreter.implementation == "cpython":
            found.setdefault(".".join(interpreter.version.split(".")[:2]), interpreter.executable)
    return found


def pycs(directory: Path) -> dict[str, int]:
    """Return the inode of each pyc below a directory, links to files followed."""
    return {str(path.relative_to(directory)): path.stat().st_ino for path in directory.rglob("*.pyc")}


def wait_until_compiled(blast: Blast, count: int) -> None:
    for _ in range(300):
        if len(pycs(blast.home / "t")) >= count and not any((blast.home / "tmp").iterdir()):
            return
        time.sleep(0.1)
    message = f"after 30 s there are {len(pycs(blast.home / 't'))} pycs"
    raise AssertionError(message)


@pytest.mark.parametrize("mode", _MODES)
@pytest.mark.parametrize("minor", ["3.11", "3.12", "3.13"])
def test_the_second_environment_compiles_and_writes_nothing(
    minor: str, mode: str, first: Blast, kinds: StaticIndex
) -> None:
    python = find_pythons(first.home).get(minor)
    if python is None:
        pytest.skip(f"no CPython {minor} on this machine: its bytecode is NOT tried")
    options = ("--compile-bytecode", "--link-mode", mode)
    first("sync", *options, BLAST_PYTHON=python)
    assert first.python(_IMPORT) == "[] 1 4"
    in_store = pycs(first.home / "t")
    assert len(in_store) == 5
    second = new_project(first, "second", kinds)
    second("sync", *options, BLAST_PYTHON=python)
    site = next((second.directory / ".venv" / "lib").glob("python*/site-packages"))
    before = pycs(site)
    # What a source's time is does not matter.
    for tree in (first.home / "t").iterdir():
        for source in tree.rglob("*.py"):
            os.utime(source, (1, 1))
    assert second.python(_IMPORT) == "[] 1 4"
    assert pycs(site) == before
    assert pycs(first.home / "t") == in_store


def test_another_interpreter_gets_bytecode_of_its_own(first: Blast) -> None:
    pythons = find_pythons(first.home)
    if not {"3.12", "3.13"} <= pythons.keys():
        pytest.skip("no two CPythons on this machine: two interpreters on one store are NOT tried")
    for minor in ("3.12", "3.13"):
        first("sync", "--compile-bytecode", BLAST_PYTHON=pythons[minor])
        assert first.python(_IMPORT) == "[] 1 4"
    tags = [path.rsplit(".", 2)[1] for path in pycs(first.home / "t")]
    assert (tags.count("cpython-312"), tags.count("cpython-313")) == (5, 5)


@pytest.mark.parametrize("mode", _MODES)
def test_in_the_background_nobody_waits_and_all_is_there_in_the_end(mode: str, first: Blast) -> None:
    first("sync", "--link-mode", mode, BLAST_COMPILE_BYTECODE="background")
    wait_until_compiled(first, 5)
    for _ in range(100):
        if first.python(_IMPORT) == "[] 1 4":
            break
        # Python writes beside what is not folded what it had to compile: then the next start finds that.
        time.sleep(0.1)
    assert first.python(_IMPORT) == "[] 1 4"
    assert not (first.home / LOG).exists()
    assert os.listdir(first.home / "tmp") == []
    assert [name for name in os.listdir(first.home / "locks") if name.startswith("code-")] == []
    assert first("cache", "verify").returncode == 0


def test_no_command_leaves_a_child_to_the_program_that_it_becomes(first: Blast) -> None:
    program = "import os\ntry: os.waitpid(-1, os.WNOHANG)\nexcept ChildProcessError: print('none')"
    done = first("run", "python", "-c", program, BLAST_COMPILE_BYTECODE="background")
    assert done.stdout == "none\n"
    wait_until_compiled(first, 5)


def test_waiting_completes_an_environment_that_stands(first: Blast) -> None:
    first("sync", "--link-mode", "hardlink")
    site = next((first.directory / ".venv" / "lib").glob("python*/site-packages"))
    assert pycs(site) == {}
    first("sync", "--link-mode", "hardlink", "--compile-bytecode")
    assert len(pycs(site)) == 5
    assert set(pycs(site).values()) == set(pycs(first.home / "t").values())


def test_the_variable_and_the_manifest_choose(first: Blast) -> None:
    first("sync")
    assert pycs(first.home / "t") == {}
    manifest = first.directory / "pyproject.toml"
    manifest.write_text(manifest.read_text() + '\n[tool.blast]\ncompile-bytecode = "wait"\n')
    first("sync", BLAST_COMPILE_BYTECODE="")
    assert len(pycs(first.home / "t")) == 5
    manifest.write_text(manifest.read_text().replace('"wait"', '"sometimes"'))
    done = first.run("sync", BLAST_COMPILE_BYTECODE="")
    assert (done.returncode, "sometimes" in done.stderr) == (1, True)


@pytest.mark.parametrize("mode", _MODES)
def test_a_module_that_another_tool_replaced_is_compiled_anew(mode: str, first: Blast) -> None:
    """Installers leave bytecode behind: it says that it is of another source."""
    first("sync", "--compile-bytecode", "--link-mode", mode)
    before = {path: Path(first.home, "t", path).read_bytes() for path in pycs(first.home / "t")}
    site = next((first.directory / ".venv" / "lib").glob("python*/site-packages"))
    (site / "single.py").unlink()
    (site / "single.py").write_bytes(b"X = 5\n")
    assert first.python("import single; print(single.X)") == "5"
    assert {path: Path(first.home, "t", path).read_bytes() for path in pycs(first.home / "t")} == before


def powerless(blast: Blast, *line: str) -> subprocess.CompletedProcess[str]:
    """Run a program without root's power to write what is not writable."""
    if os.geteuid() == 0:
        line = ("setpriv", f"--bounding-set={_POWERS}", f"--inh-caps={_POWERS}", *line)
    variables = blast.variables()
    return subprocess.run(line, cwd=blast.directory, env=variables, capture_output=True, text=True, check=False)


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root without setpriv is no user")
def test_who_is_not_root_compiles_into_read_only_directories(first: Blast) -> None:
    done = powerless(first, sys.executable, "-m", "blast_cli", "sync", "--compile-bytecode")
    assert done.returncode == 0, done.stderr
    assert len(pycs(first.home / "t")) == 5
    for directory, _, _ in os.walk(first.home / "t"):
        assert directory == str(first.home / "t") or os.stat(directory).st_mode & 0o222 == 0
    done = powerless(first, str(first.directory / ".venv" / "bin" / "python"), "-c", _IMPORT)
    assert done.stdout == "[] 1 4\n", done.stderr


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root without setpriv is no user")
def test_a_store_that_can_not_be_written_is_told_and_no_error(first: Blast) -> None:
    first("sync")
    places = [first.home, *(Path(directory) for directory, _, _ in os.walk(first.home))]
    kept = {path: path.stat().st_mode & 0o7777 for path in places}
    for path in places:
        path.chmod(0o555)
    try:
        done = powerless(first, sys.executable, "-m", "blast_cli", "sync", "--compile-bytecode")
    finally:
        for path, mode in kept.items():
            path.chmod(mode)
    assert done.returncode == 0, done.stderr
    assert "bytecode is not compiled" in done.stderr
    assert pycs(first.home / "t") == {}
