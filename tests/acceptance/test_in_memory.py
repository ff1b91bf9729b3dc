"""``blast run --in-memory``: no process of the tree makes a file, and programs see what they would see installed."""

from __future__ import annotations

import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import venv
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast
from blast_pm.testing import StaticIndex, make_sdist, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(sys.platform != "linux", reason="NO MEMORY FILES: only Linux has them"),
]

_CHILD = "import tree, sys; print('child', tree.NAME, sys.flags.isolated)"
_TREE = b'''"""A package with all that looks at files."""
import os
NAME = "tree"
with open(os.path.join(os.path.dirname(__file__), "data", "words.txt")) as file:
    WORDS = file.read().split()

def main():
    import sys
    print("program", sys.argv[0].rpartition("/")[2], *sys.argv[1:])

def fail():
    raise ValueError("on purpose")  # the line of the fault

class Thing:
    def __eq__(self, other):
        return isinstance(other, Thing)
'''
_PROGRAM = f"""
import importlib.metadata, importlib.resources, inspect, linecache, multiprocessing, os, pathlib, pickle, pkgutil, runpy
import shutil, subprocess, sys, traceback
import helper, space.one, space.two, tree, tree.below, from_path, PATH_FILE_RAN

def work(number):
    import tree.below
    return tree.below.twice(number)

class Text(str):
    "As libraries have for paths."

def main():
    assert tree.__file__.startswith("/proc/blast-memory/"), tree.__file__
    assert tree.WORDS == ["one", "two"] and from_path.HERE and helper.HERE
    assert importlib.metadata.version("tree") == "1.0"
    assert {{row.name for row in importlib.metadata.distribution("tree").entry_points}} >= {{"tree-tool"}}
    assert any(str(row) == "tree/data/words.txt" for row in importlib.metadata.files("tree"))
    assert importlib.metadata.requires("tree") == ["space-one", "space-two"]
    assert importlib.resources.files("tree").joinpath("data/words.txt").read_text() == "one two\\n"
    with importlib.resources.as_file(importlib.resources.files("tree").joinpath("data/words.txt")) as path:
        assert subprocess.run(["cat", str(path)], capture_output=True, text=True).stdout == "one two\\n", path
    assert pkgutil.get_data("tree", "data/words.txt") == b"one two\\n"
    assert [row.name for row in pkgutil.iter_modules(tree.__path__)] == ["below", "module"]
    assert "def fail" in inspect.getsource(tree.fail) and inspect.getsourcefile(tree) == tree.__file__
    try:
        tree.fail()
    except ValueError:
        assert "# the line of the fault" in traceback.format_exc()
    assert pickle.loads(pickle.dumps(tree.Thing())) == tree.Thing()
    assert runpy.run_module("tree.module")["RESULT"] == 42
    place = pathlib.Path(tree.__file__).resolve().parent
    assert sorted(row.name for row in place.iterdir()) == ["__init__.py", "below.py", "data", "module.py"]
    assert [row.name for row in place.rglob("*.txt")] == ["words.txt"] and (place / "data").is_dir()
    assert not os.access(place, os.W_OK) and os.stat(place / "below.py").st_size > 10
    assert not os.path.exists(place / "nothing")
    assert os.path.isfile(Text(place / "below.py")) and os.path.isfile(os.fsencode(place / "below.py"))
    assert open(Text(place / "below.py"), "r", -1, "utf-8").readline() == "def twice(number):\\n"
    try:
        open(place / "new", "w")
    except OSError as error:
        assert error.errno == 30, error
    else:
        raise AssertionError("written")
    assert shutil.which("tree-tool") == "/proc/blast-memory/bin/tree-tool"
    say = lambda *line, **more: subprocess.run(line, capture_output=True, text=True, check=True, **more).stdout.strip()
    assert say("tree-tool", "a", "b") == "program tree-tool a b"
    assert say(sys.executable, shutil.which("tree-tool")) == "program tree-tool"
    for flags, isolated in ((), 0), (("-I",), 1), (("-E", "-s"), 0):
        assert say(sys.executable, *flags, "-c", {_CHILD!r}) == f"child tree {{isolated}}", flags
    assert say(sys.executable, "-c", {_CHILD!r}, env={{}}) == "child tree 0"
    assert say(sys.executable, "-m", "tree.module") == "42" == say(sys.executable, "-Im", "tree.module")
    assert say("python", "-Im", "tree.module") == "42" == say("python3", "-m", "tree.module")
    assert say("sh", "-c", f"{{sys.executable}} -m tree.module") == "42"
    assert os.popen(f"{{sys.executable}} -m tree.module").read().strip() == "42"
    for method in ("spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        with context.Pool(1) as pool:
            assert pool.map(work, [2]) == [4]
    print("all right")

if __name__ == "__main__":
    main()
"""


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    directory = tmp_path_factory.mktemp("trees")
    files = {
        "tree/__init__.py": _TREE,
        "tree/below.py": b"def twice(number):\n    return 2 * number\n",
        "tree/module.py": b"RESULT = 42\nif __name__ == '__main__':\n    print(RESULT)\n",
        "tree/data/words.txt": b"one two\n",
        "tree_paths/from_path.py": b"HERE = True\n",
        "tree.pth": b"tree_paths\nimport sys; sys.modules['PATH_FILE_RAN'] = sys\n",
    }
    scripts = "[console_scripts]\ntree-tool = tree:main\n"
    make_wheel(directory, "tree", "1.0", ["space-one", "space-two"], files=files, entry_points=scripts)
    for name in ("one", "two"):
        make_wheel(directory, f"space-{name}", "1.0", files={f"space/{name}/__init__.py": b""})
    with StaticIndex(directory) as server:
        yield server


@pytest.fixture
def memory(blast: Blast, trees: StaticIndex) -> Blast:
    """The command in a directory with a program, and without a store."""
    (blast.directory / "program.py").write_text(_PROGRAM)
    (blast.directory / "helper.py").write_text("HERE = True\n")
    return blast.at(blast.directory, BLAST_INDEX_URL=trees.url, PYTHONDONTWRITEBYTECODE="1")


def test_programs_see_what_they_would_see_installed(memory: Blast) -> None:
    done = memory("run", "--in-memory", "--with", "tree", "program.py")
    assert done.stdout.splitlines()[-1] == "all right"
    assert not memory.home.exists()
    assert sorted(os.listdir(memory.directory)) == ["helper.py", "program.py"]


@pytest.mark.slow
@pytest.mark.parametrize("minor", ["3.9", "3.10", "3.12", "3.13"])
def test_so_do_programs_of_other_interpreters(memory: Blast, minor: str) -> None:
    if not os.environ.get("BLAST_TESTS_PACKAGES"):
        pytest.skip(f"LONG: BLAST_TESTS_PACKAGES names no file, so CPython {minor} is NOT tried")
    done = memory("run", "--in-memory", "-p", minor, "--with", "tree", "program.py", BLAST_PYTHON="")
    assert done.stdout.splitlines()[-1] == "all right"


def test_what_the_store_has_is_read_from_there(memory: Blast) -> None:
    memory("run", "--with", "tree", "python", "-c", "import tree")
    before = sorted(path for path in memory.home.rglob("*"))
    program = "import tree, space.one, from_path, importlib.metadata as m; print(tree.__file__, m.version('tree'))"
    out = memory("run", "--in-memory", "--offline", "--with", "tree", "python", "-c", program).stdout
    assert out.startswith(str(memory.home / "t")), out
    assert out.endswith(" 1.0\n")
    assert sorted(path for path in memory.home.rglob("*")) == before


@pytest.mark.parametrize("form", ["script", "module", "program", "project", "input", "address", "flat"])
def test_every_form_of_a_program(memory: Blast, form: str) -> None:
    line = ["run", "--in-memory"]
    if form == "script":
        text = "# /// script\n# dependencies = ['tree']\n# ///\nimport tree; tree.main()\n"
        (memory.directory / "own.py").write_text(text)
        done = memory(*line, "own.py", "x")
        assert done.stdout == "program own.py x\n"
    elif form == "module":
        assert memory(*line, "--with", "tree", "-m", "tree.module").stdout == "42\n"
    elif form == "program":
        assert memory(*line, "--with", "tree", "tree-tool", "x").stdout == "program tree-tool x\n"
    elif form == "address":
        text = "# /// script\n# dependencies = ['tree']\n# ///\nimport tree; tree.main()\n"
        (memory.directory / "far.py").write_text(text)
        handler = functools.partial(SimpleHTTPRequestHandler, directory=str(memory.directory))
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            address = f"http://127.0.0.1:{server.server_port}/far.py"
            done = memory(*line, "--allow-insecure-host", "127.0.0.1", address, "x")
            server.shutdown()
        assert done.stdout.endswith(" x\n")
    elif form == "flat":
        text = "[project]\nname = 'own'\nversion = '1'\ndependencies = ['tree']\n"
        (memory.directory / "pyproject.toml").write_text(text)
        (memory.directory / "src").mkdir()
        (memory.directory / "src" / "__init__.py").write_text("HERE = True\n")
        (memory.directory / "src" / "part.py").write_text("import tree\n")
        assert memory(*line, "--", "python", "-c", "import project.part; print(project.HERE)").stdout == "True\n"
    elif form == "input":
        done = subprocess.run(
            [sys.executable, "-m", "blast_cli", *line, "--with", "tree", "-"],
            input="import tree; tree.main()",
            cwd=memory.directory,
            env=memory.variables(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout == "program -\n", done.stderr
    else:
        _make_project(memory)
        before = {path: path.read_bytes() for path in memory.directory.rglob("*") if path.is_file()}
        done = memory(*line, "own-tool")
        assert done.stdout == "own 1.0 3.1 ['own', 'space-one', 'space-two', 'tree']\n"
        assert {path: path.read_bytes() for path in memory.directory.rglob("*") if path.is_file()} == before


def _make_project(memory: Blast) -> None:
    (memory.directory / "pyproject.toml").write_text(
        "[project]\nname = 'own'\nversion = '3.1'\ndependencies = ['tree']\nscripts = {own-tool = 'own:main'}\n"
        "[build-system]\nrequires = []\nbuild-backend = 'nothing'\n"
    )
    (memory.directory / "src" / "own").mkdir(parents=True)
    (memory.directory / "src" / "own" / "__init__.py").write_text(
        "def main():\n    import importlib.metadata as m\n"
        "    names = sorted(row.metadata['Name'] for row in m.distributions())\n"
        "    print('own', m.version('tree'), m.version('own'), names)\n"
    )


def test_a_module_is_compiled_once_for_all_processes(memory: Blast) -> None:
    program = (
        "import builtins, subprocess, sys\n"
        "compiled = []\n"
        "def watch(event, arguments):\n"
        "    if event == 'compile' and 'blast-memory' in str(arguments[1]): compiled.append(arguments[1])\n"
        "sys.addaudithook(watch)\n"
        "import tree, tree.below\n"
        "print(len(compiled))\n"
        "if len(sys.argv) < 2: print(subprocess.check_output([sys.executable, __file__, 'x'], text=True), end='')\n"
    )
    (memory.directory / "count.py").write_text(program)
    assert memory("run", "--in-memory", "--with", "tree", "count.py").stdout.split() == ["2", "0"]


def test_programs_of_other_places_keep_their_own_packages(memory: Blast, tmp_path: Path) -> None:
    """A virtual environment of the same interpreter, and what is installed for the interpreter itself."""
    venv.create(tmp_path / "venv", symlinks=True)
    program = (
        "import os, subprocess, sys, tree\n"
        "say = 'import sys, importlib.util as util; print(sys.prefix != sys.base_prefix, util.find_spec(\"tree\"))'\n"
        "print(subprocess.check_output([sys.argv[1], '-c', say], text=True), end='')\n"
        "from blast_runtime.memory import starting\n"
        "print(starting._is_program_of_its_own())\n"
    )
    (memory.directory / "other.py").write_text(program)
    done = memory("run", "--in-memory", "--with", "tree", "other.py", str(tmp_path / "venv" / "bin" / "python"))
    assert done.stdout.split() == ["True", "None", "False"]


def test_wheels_are_checked_on_their_way(memory: Blast, tmp_path: Path) -> None:
    directory = tmp_path / "wheels"
    directory.mkdir()
    path = make_wheel(directory, "evil", "1.0", files={"evil/__init__.py": b"HARMLESS = 1\n"})
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content.replace(b"HARMLESS", b"HARMFUL!"))
    with StaticIndex(directory) as server:
        other = memory.at(memory.directory, BLAST_INDEX_URL=server.url)
        done = other.run("run", "--in-memory", "--with", "evil", "python", "-c", "import evil")
    assert done.returncode != 0
    assert "RECORD" in done.stderr, done.stderr


# What makes or renames files; opening for reading is not among it.
_CALLS = (
    "openat,open,openat2,creat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,mkdir,mkdirat,mknod,mknodat,unlink,"
    "unlinkat,rmdir,truncate,chmod,fchmodat"
)
_MAKES = re.compile(r"^\d+ +(?:open(?:at2?)?\(.*O_(?:CREAT|TMPFILE|TRUNC)|(?!open)\w+\()")
_HARMLESS = re.compile(r'"/dev/(null|tty|shm/sem\.[^"]*|pts/\d+)"|resumed>|^\d+ +(\+\+\+|---)')


def made_files(log: str) -> list[str]:
    """Return the calls in a log of strace that make, rename or remove a file."""
    return [line for line in log.splitlines() if _MAKES.match(line) and not _HARMLESS.search(line)]


def _has_strace() -> bool:
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-f", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode == 0


needs_strace = pytest.mark.skipif(not _has_strace(), reason="NO STRACE: apt-get install strace; it has to trace")


def _traced(memory: Blast, log: Path, *words: str, **variables: str) -> subprocess.Popen[str]:
    options = ["strace", "-f", "--seccomp-bpf", "-o", str(log), "-e", f"trace={_CALLS}"]
    return subprocess.Popen(
        [*options, sys.executable, "-m", "blast_cli", "run", "--in-memory", *words],
        cwd=memory.directory,
        env=memory.variables(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@needs_strace
@pytest.mark.parametrize("home", ["missing", "empty", "filled"])
def test_no_process_makes_a_file(memory: Blast, tmp_path: Path, home: str) -> None:
    if home == "empty":
        memory.home.mkdir()
    elif home == "filled":
        memory("run", "--with", "space-one", "python", "-c", "import space.one")
    program = memory.directory / "small.py"
    program.write_text(
        "import helper, subprocess, sys, tree, tree.below\n"
        "print(subprocess.run([sys.executable, '-m', 'tree.module'], capture_output=True, text=True).stdout.strip())\n"
    )
    log = tmp_path / "log"
    out, err = _traced(memory, log, "--with", "tree", "small.py").communicate(timeout=120)
    assert out == "42\n", err
    assert made_files(log.read_text()) == []
    # A run that makes an environment would be seen.
    if home == "missing":
        assert not memory.home.exists()


@needs_strace
def test_a_trace_shows_what_makes_files(memory: Blast, tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = (
        "import tempfile; tempfile.TemporaryFile(); open('made', 'w'); import os; os.mkdir('d'); os.rename('d', 'e')"
    )
    out, err = _traced(memory, log, "python", "-c", program).communicate(timeout=120)
    assert not out, err
    assert len(made_files(log.read_text())) >= 4


@needs_strace
def test_nothing_is_left_after_an_interruption(memory: Blast, tmp_path: Path) -> None:
    (memory.directory / "long.py").write_text("import tree, time; print('up', flush=True); time.sleep(60)\n")
    log = tmp_path / "log"
    with _traced(memory, log, "--with", "tree", "long.py") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode in (-signal.SIGINT, 130, 1)
    assert made_files(log.read_text()) == []
    assert not memory.home.exists()


def test_interrupted_while_it_fetches_it_leaves_nothing(memory: Blast) -> None:
    process = memory.start("run", "--in-memory", "--with", "tree", "program.py")
    time.sleep(0.4)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert not memory.home.exists()
    assert sorted(os.listdir(memory.directory)) == ["helper.py", "program.py"]


@pytest.mark.skipif(os.name != "posix", reason="NO ROOT HERE")
def test_nothing_has_to_be_writable(memory: Blast) -> None:
    """Where the store and the directory can't be written it is all the same."""
    memory.home.mkdir()
    for path in (memory.home, memory.directory):
        path.chmod(0o555)
    try:
        assert memory("run", "--in-memory", "--with", "tree", "-m", "tree.module").stdout == "42\n"
    finally:
        for path in (memory.home, memory.directory):
            path.chmod(0o755)
    assert not list(memory.home.iterdir())


def _may_mount() -> bool:
    program = "from blast_project.in_memory.spilling import enter_private; print(enter_private())"
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=variables, capture_output=True, check=False)
    return done.returncode == 0


@pytest.fixture
def spilling(memory: Blast, tmp_path: Path) -> Iterator[Blast]:
    """The command with an index that has a wheel which opens its data by path, from C."""
    directory = tmp_path / "spilling"
    directory.mkdir()
    files = {"mapped/__init__.py": b"", "mapped/proj.db": b"data"}
    make_wheel(directory, "mapped", "1.0", files=files)
    with StaticIndex(directory) as server:
        yield memory.at(memory.directory, BLAST_INDEX_URL=server.url)


_WHERE = "import mapped, os; p = os.path.dirname(mapped.__file__); print(os.path.realpath(p)); open(p + '/proj.db')"


@pytest.mark.skipif(sys.platform != "linux" or not _may_mount(), reason="NO NAMESPACES: they are not allowed here")
def test_what_needs_a_path_has_a_private_file_system(spilling: Blast) -> None:
    done = spilling("run", "--in-memory", "--with", "mapped", "python", "-c", _WHERE)
    assert "PROJ opens its database by path" in done.stderr
    place = done.stdout.strip()
    assert place.startswith("/")
    assert not os.path.exists(place)
    assert not spilling.home.exists()


def test_a_directory_is_used_where_the_user_says_so(spilling: Blast, tmp_path: Path) -> None:
    place = tmp_path / "allowed"
    place.mkdir()
    done = spilling.run(
        "run", "--in-memory", "--spill", str(place), "--with", "mapped", "python", "-c", _WHERE + "; 1/0"
    )
    assert done.stdout.startswith(str(place / "blast-memory-"))
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert not list(place.iterdir())
    assert not spilling.home.exists()


def test_nothing_is_spilled_where_the_user_says_so(spilling: Blast) -> None:
    done = spilling.run("run", "--in-memory", "--spill=never", "--with", "mapped", "python", "-c", "")
    assert done.returncode != 0
    assert "mapped can't be run from memory files" in done.stderr
    assert "PROJ opens its database by path" in done.stderr


def test_what_has_to_be_built_is_said(memory: Blast, tmp_path: Path) -> None:
    directory = tmp_path / "sources"
    directory.mkdir()
    make_sdist(directory, "built", "1.0")
    with StaticIndex(directory) as server:
        other = memory.at(memory.directory, BLAST_INDEX_URL=server.url)
        done = other.run("run", "--in-memory", "--spill", "never", "--with", "built", "python", "-c", "")
    assert done.returncode != 0
    assert "a build needs files" in done.stderr
    assert not other.home.exists()


def test_options_that_need_an_environment_are_refused(memory: Blast) -> None:
    done = memory.run("run", "--in-memory", "--isolated", "python", "-c", "")
    assert done.returncode == 2
    assert "--isolated" in done.stderr


_NATIVE = """
import io, subprocess, sys
import lxml.etree, numpy, orjson, pandas, pydantic
from cryptography.fernet import Fernet
from PIL import Image, ImageDraw, ImageFont
assert numpy.linalg.inv(numpy.eye(3) * 2)[0][0] == 0.5
assert pandas.DataFrame({"a": [1, 2]}).sum()["a"] == 3
assert lxml.etree.fromstring("<a/>").tag == "a" and orjson.dumps({}) == b"{}"
assert len(Fernet(Fernet.generate_key()).encrypt(b"x")) > 50
image = Image.new("RGB", (9, 9))
ImageDraw.Draw(image).text((0, 0), "x", font=ImageFont.load_default())
for kind in ("PNG", "JPEG", "WEBP", "TIFF"):
    image.save(io.BytesIO(), kind)
if len(sys.argv) < 2:
    print(subprocess.check_output([sys.executable, __file__, "child"], text=True), "parent")
else:
    print("child", end="")
"""


@needs_strace
@pytest.mark.network
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("minor", ["3.9", "3.11", "3.12", "3.13"])
def test_native_wheels_make_no_file(tmp_path: Path, minor: str) -> None:
    is_own = tuple(map(int, minor.split("."))) == sys.version_info[:2]
    if not is_own and not os.environ.get("BLAST_TESTS_PACKAGES"):
        pytest.skip(f"LONG: BLAST_TESTS_PACKAGES names no file, so CPython {minor} is NOT tried")
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / "native.py").write_text(_NATIVE)
    settings = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    blast = Blast(directory, tmp_path / "home", {**settings, "BLAST_PYTHON": minor, "PYTHONDONTWRITEBYTECODE": "1"})
    names = ("numpy", "pandas", "lxml", "pydantic", "orjson", "cryptography", "pillow")
    asked = [word for name in names for word in ("--with", name)]
    with _traced(blast, tmp_path / "log", *asked, "native.py") as process:
        out, err = process.communicate(timeout=500)
    if "InterpreterNotFound" in err or "there is no Python" in err:
        pytest.skip(f"NO INTERPRETER: there is no Python {minor}")
    assert out == "child parent\n", err
    assert made_files((tmp_path / "log").read_text()) == []
    assert not blast.home.exists()
