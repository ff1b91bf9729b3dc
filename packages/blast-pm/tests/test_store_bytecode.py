"""Bytecode in the store: made once, right, whole, and as if it had never been done when it is interrupted."""

from __future__ import annotations

import importlib.util
import marshal
import os
import signal
import stat
import subprocess
import sys
import types
from pathlib import Path

import pytest

from blast_core import fs
from blast_core.errors import StoreError
from blast_pm.install.testing import WheelStore, running_interpreter
from blast_pm.store.bytecode import CompileReport, compile_trees, iter_modules
from blast_pm.store.compiled import compiler_of, find_uncompiled, lock_tree, read_compiled
from blast_pm.store.testing import check_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_core.interpreter import Interpreter
    from blast_pm.store.cache import StoredDistribution

_HERE = running_interpreter()
_FILES = {
    "pkg/__init__.py": "X = 1\n",
    "pkg/deep/__init__.py": "",
    "pkg/deep/er.py": "def f(a, *, b=2):\n    '''Say.'''\n    return [a + i for i in range(b)]\n",
    "single.py": "import pkg\n",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WheelStore]:
    with WheelStore(tmp_path) as store:
        yield store


def compile_here(store: WheelStore, *stored: StoredDistribution) -> CompileReport:
    cache = store.cache
    return compile_trees(cache.paths, cache.database, [row.tree for row in stored], _HERE)


def pycs(tree: str) -> dict[str, str]:
    """Return the absolute path of each pyc by the path of its module."""
    return {
        str(path.parent.parent / f"{path.name.partition('.')[0]}.py").removeprefix(tree + "/"): str(path)
        for path in Path(tree).rglob("*.pyc")
    }


def modes(tree: str) -> dict[str, int]:
    return {path: stat.S_IMODE(os.lstat(path).st_mode) for path, _, _ in os.walk(tree)}


def test_every_module_gets_the_bytecode_that_python_would_make(store: WheelStore) -> None:
    stored = store.make("pkg", _FILES)
    report = compile_here(store, stored)
    assert (report.trees, report.modules, report.failures) == (1, 4, ())
    found = pycs(stored.tree)
    assert found.keys() == _FILES.keys()
    for path, pyc in found.items():
        assert pyc == importlib.util.cache_from_source(f"{stored.tree}/{path}")
        content = Path(pyc).read_bytes()
        assert content[:4] == importlib.util.MAGIC_NUMBER
        assert int.from_bytes(content[4:8], "little") == 3
        assert content[8:16] == importlib.util.source_hash(_FILES[path].encode())
        code = marshal.loads(content[16:])
        assert isinstance(code, types.CodeType)
        assert code == compile(_FILES[path], "elsewhere", "exec", dont_inherit=True, optimize=0)
        # Not where it lies: bytecode is the same on every machine.
        assert code.co_filename == path


def test_the_tree_is_as_read_only_as_before_and_verifies(store: WheelStore) -> None:
    stored = store.make("pkg", _FILES)
    before = modes(stored.tree)
    compile_here(store, stored)
    after = modes(stored.tree)
    assert {path: mode for path, mode in after.items() if not path.endswith("__pycache__")} == before
    assert {mode for path, mode in after.items() if path.endswith("__pycache__")} == {0o555}
    assert {stat.S_IMODE(os.stat(pyc).st_mode) for pyc in pycs(stored.tree).values()} == {0o444}
    assert store.cache.verify_object(stored.blake3).is_sound
    assert check_store(store.home) == 1
    assert os.listdir(f"{store.home}/tmp") == []
    assert os.listdir(f"{store.home}/locks") == []


def test_nothing_is_compiled_twice(store: WheelStore) -> None:
    stored = store.make("pkg", _FILES)
    compile_here(store, stored)
    written = {path: os.stat(path).st_ino for path in pycs(stored.tree).values()}
    started: list[int] = []
    cache = store.cache
    count = fs.operations()
    again = compile_trees(cache.paths, cache.database, [stored.tree], _HERE, started=started.append)
    assert again == CompileReport(0, 0, 0, (), ())
    assert (started, fs.operations() - count) == ([], 0)
    assert {path: os.stat(path).st_ino for path in pycs(stored.tree).values()} == written


def test_what_stands_is_kept_when_nobody_wrote_down_that_it_is_done(store: WheelStore) -> None:
    stored = store.make("pkg", _FILES)
    compile_here(store, stored)
    lost = pycs(stored.tree)["single.py"]
    os.unlink(lost)
    other = _HERE._replace(version=_HERE.version + "+", executable=_HERE.executable)
    assert compiler_of(other) != compiler_of(_HERE)
    cache = store.cache
    report = compile_trees(cache.paths, cache.database, [stored.tree], other)
    assert (report.modules, report.kept) == (1, 3)
    assert os.path.exists(lost)


def test_bytecode_of_others_and_older_sources_is_replaced(store: WheelStore) -> None:
    """Root's Python writes where it likes, and by the times of files."""
    stored = store.make("pkg", {"one.py": "X = 1\n", "two.py": "X = 2\n"})
    os.chmod(stored.tree, 0o755)
    os.mkdir(f"{stored.tree}/__pycache__")
    for name, content in (("one", b"lie"), ("two", importlib.util.MAGIC_NUMBER + bytes(12) + b"old")):
        Path(importlib.util.cache_from_source(f"{stored.tree}/{name}.py")).write_bytes(content)
    assert compile_here(store, stored).modules == 2
    for name in ("one", "two"):
        content = Path(importlib.util.cache_from_source(f"{stored.tree}/{name}.py")).read_bytes()
        assert content[8:16] == importlib.util.source_hash(Path(f"{stored.tree}/{name}.py").read_bytes())


def test_what_is_no_python_is_noted_and_not_tried_again(store: WheelStore) -> None:
    files: dict[str, str | bytes]
    files = {"pkg/__init__.py": "", "pkg/old.py": "print 'hello'\n", "pkg/binary.py": b"\0\1", "pkg/good.py": "x = 1\n"}
    stored = store.make("pkg", files)
    report = compile_here(store, stored)
    assert report.modules == 2
    assert sorted(path for _, path, _ in report.failures) == ["pkg/binary.py", "pkg/old.py"]
    row = read_compiled(store.cache.database, stored.tree, compiler_of(_HERE))
    assert row is not None
    assert sorted(path for path, _ in row.failures) == ["pkg/binary.py", "pkg/old.py"]
    assert row.magic == importlib.util.MAGIC_NUMBER
    assert "SyntaxError" in dict(row.failures)["pkg/old.py"]
    assert compile_here(store, stored).trees == 0


def test_modules_are_what_can_be_imported(store: WheelStore) -> None:
    files = {
        "pkg/__init__.py": "",
        "pkg/data.txt": "",
        "pkg/templates/{{name}}/setup.py": "{{",
        "pkg/my-template/x.py": "",
        "pkg/1.py": "",
        "{data}/purelib/more.py": "",
        "{data}/scripts/program.py": "",
        "{data}/data/share/x.py": "",
    }
    tree = store.make("pkg", files).tree
    found = {f"{directory}/{name}".lstrip("/") for directory, names in iter_modules(tree) for name in names}
    assert found == {"pkg/__init__.py", "pkg-1.0.data/purelib/more.py"}


def test_a_tree_that_was_unpacked_again_is_compiled_again(store: WheelStore) -> None:
    stored = store.make("pkg", _FILES)
    compile_here(store, stored)
    os.chmod(f"{stored.tree}/single.py", 0o644)
    Path(stored.tree, "single.py").write_text("import evil\n")
    assert not store.cache.repair_object(stored.blake3).is_sound
    assert pycs(stored.tree) == {}
    assert find_uncompiled(store.cache.database, [stored.tree], compiler_of(_HERE)) == [stored.tree]
    assert compile_here(store, stored).modules == 4


def test_trees_of_another_store_are_left_alone(store: WheelStore, tmp_path: Path) -> None:
    with WheelStore(tmp_path / "site") as site:
        stored = site.make("pkg", _FILES)
        assert compile_here(store, stored).trees == 0
        assert pycs(stored.tree) == {}


@pytest.mark.parametrize("number", range(1, 32, 2))
def test_a_disk_that_refuses_leaves_nothing_behind(store: WheelStore, number: int) -> None:
    stored = store.make("pkg", _FILES)
    before = modes(stored.tree)
    fs.set_fault(f"fail:{number}+:ENOSPC")
    try:
        with pytest.raises(StoreError, match="compile bytecode"):
            compile_here(store, stored)
    finally:
        fs.set_fault(None)
    # Every pyc that is there is whole, and the tree is no more open than a second try leaves it.
    for path, pyc in pycs(stored.tree).items():
        assert Path(pyc).read_bytes()[8:16] == importlib.util.source_hash(_FILES[path].encode())
    assert store.cache.verify_object(stored.blake3).is_sound
    report = compile_here(store, stored)
    assert report.modules + report.kept == 4
    after = modes(stored.tree)
    assert {path: mode for path, mode in after.items() if not path.endswith("__pycache__")} == before


_KILLED = """
import os, sys
from blast_core import fs
from blast_pm.install.testing import running_interpreter
from blast_pm.metadata.store import Database
from blast_pm.store.cache import GlobalCache
from blast_pm.store.bytecode import compile_trees
home, *trees = sys.argv[1:]
database = Database(os.path.join(home, "store", "meta.lmdb"))
print(compile_trees(GlobalCache(home, database).paths, database, trees, running_interpreter()).modules)
"""


def compile_elsewhere(home: str, *trees: str, fault: str = "") -> subprocess.Popen[str]:
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **({"BLAST_FAULT": fault} if fault else {})}
    line = [sys.executable, "-c", _KILLED, home, *trees]
    return subprocess.Popen(line, env=variables, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [1, 4, 8, 11, 13, 14, 15, 16, 17, 19, 21, 24, 27])
def test_killed_at_any_point_it_is_done_the_next_time(store: WheelStore, number: int) -> None:
    stored = store.make("pkg", _FILES)
    before = modes(stored.tree)
    with compile_elsewhere(store.home, stored.tree, fault=f"kill:{number}") as process:
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert store.cache.verify_object(stored.blake3).is_sound
    for path, pyc in pycs(stored.tree).items():
        assert Path(pyc).read_bytes()[8:16] == importlib.util.source_hash(_FILES[path].encode())
    report = compile_here(store, stored)
    assert report.modules + report.kept == 4
    after = modes(stored.tree)
    assert {path: mode for path, mode in after.items() if not path.endswith("__pycache__")} == before


def test_two_processes_share_the_work(store: WheelStore) -> None:
    trees = [
        store.make(f"p{number}", {f"p{number}/m{at}.py": f"x = {at}\n" * 50 for at in range(20)}).tree
        for number in range(6)
    ]
    processes = [compile_elsewhere(store.home, *trees) for _ in range(2)]
    made = [int(process.communicate()[0]) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum(made) == 120
    assert find_uncompiled(store.cache.database, trees, compiler_of(_HERE)) == []


def test_a_tree_that_another_process_is_at_is_reported_when_patience_ends(store: WheelStore) -> None:
    one, two = store.make("one", {"one.py": ""}), store.make("two", {"two.py": ""})
    cache = store.cache
    with lock_tree(store.home, one.tree, compiler_of(_HERE), 1.0):
        report = compile_trees(cache.paths, cache.database, [one.tree, two.tree], _HERE, patience_s=0.05)
    assert (report.trees, report.busy) == (1, (one.tree,))
    assert compile_here(store, one).trees == 1


def test_an_interpreter_that_dies_on_one_module_compiles_the_others(store: WheelStore, tmp_path: Path) -> None:
    stored = store.make("pkg", {f"m{number}.py": "x = 1\n" for number in range(30)})
    report = compile_with(store, stored, tmp_path)
    assert report.modules == 30
    another = store.make("other", {f"n{number}.py": "x = 1\n" for number in range(30)})
    (tmp_path / "die").write_text("n7.py")
    report = compile_with(store, another, tmp_path)
    assert report.modules == 29
    assert [(path, why) for _, path, why in report.failures] == [("n7.py", "the interpreter died")]


def compile_with(store: WheelStore, stored: StoredDistribution, directory: Path) -> CompileReport:
    """Compile with an interpreter that dies on the module that a file names."""
    hook = directory / "hook.py"
    hook.write_text(
        "import os, sys, runpy\n"
        f"path = {str(directory / 'die')!r}\n"
        "doomed = open(path).read() if os.path.exists(path) else None\n"
        "def hook(event, arguments):\n"
        "    if event == 'compile' and doomed and str(arguments[1]).endswith(doomed): os._exit(9)\n"
        "sys.addaudithook(hook)\n"
        "runpy.run_path(sys.argv[-1], run_name='__main__')\n"
    )
    program = directory / "python"
    program.write_text(f'#!/bin/sh\nfor last; do :; done\nexec "{_HERE.executable}" -I "{hook}" "$last"\n')
    program.chmod(0o755)
    interpreter: Interpreter = _HERE._replace(executable=str(program))
    cache = store.cache
    return compile_trees(cache.paths, cache.database, [stored.tree], interpreter, processes=2)


def test_no_interpreter_is_an_error_and_no_endless_loop(store: WheelStore) -> None:
    stored = store.make("pkg", _FILES)
    cache = store.cache
    for program in ("/bin/false", "/nowhere/python"):
        with pytest.raises(StoreError):
            compile_trees(cache.paths, cache.database, [stored.tree], _HERE._replace(executable=program))
    assert os.listdir(f"{store.home}/tmp") == []
    assert os.listdir(f"{store.home}/locks") == []


def test_a_released_cpython_is_known_by_its_cache_tag() -> None:
    assert compiler_of(_HERE._replace(version="3.13.2", cache_tag="cpython-313")) == "cpython-313"
    assert compiler_of(_HERE._replace(version="3.14.0a3", cache_tag="cpython-314")) == "cpython-314 3.14.0a3"
    assert (
        compiler_of(_HERE._replace(implementation="pypy", version="3.10.13", cache_tag="pypy310")) == "pypy310 3.10.13"
    )
