"""Which interpreter answers: real ones, found on made-up PATHs and in made-up pyenv and uv directories."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import InterpreterError, InterpreterNotFound, ProbeFailed
from blast_project.python.discover import find_interpreter, iter_interpreters
from blast_project.python.probe import InterpreterCache
from blast_project.python.version_files import read_python_version_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blast_core.interpreter import Interpreter

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links and scripts as on POSIX")

HERE = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
VERSION = ".".join(map(str, sys.version_info[:3]))
MINOR = ".".join(map(str, sys.version_info[:2]))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> InterpreterCache:
    return InterpreterCache(str(tmp_path_factory.mktemp("home")))


class Machine:
    """A home directory, a PATH and what is installed below them."""

    def __init__(self, directory: Path, cache: InterpreterCache) -> None:
        self.directory = directory
        self.cache = cache
        self.path: list[Path] = []

    @property
    def environ(self) -> Mapping[str, str]:
        return {"PATH": os.pathsep.join(map(str, self.path)), "HOME": str(self.directory)}

    def link(self, relative: str, target: str = HERE) -> Path:
        path = self.directory / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
        return path

    def script(self, relative: str, text: str) -> Path:
        path = self.directory / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def find(self, request: str = "", requires: str = "") -> Interpreter:
        return find_interpreter(request, requires, self.environ, str(self.directory / "blast"), self.cache)

    def iter(self, name: str = "") -> list[str]:
        return list(iter_interpreters(self.environ, str(self.directory / "blast"), name))


@pytest.fixture
def machine(tmp_path: Path, cache: InterpreterCache) -> Machine:
    return Machine(tmp_path, cache)


@pytest.mark.parametrize(
    "request_",
    [
        "",
        MINOR,
        VERSION,
        MINOR.replace(".", ""),
        str(sys.version_info[0]),
        f">={MINOR}",
        f">=3.8,<={VERSION}",
        "cpython",
        "CPython",
        f"cpython@{MINOR}",
        f"cpython{MINOR}",
        f"CPython-{VERSION}",
        f"python{MINOR}",
        "python3",
        "python",
        f"python@{MINOR}",
        f" {MINOR} ",
    ],
)
def test_every_way_to_ask_for_this_python(machine: Machine, request_: str) -> None:
    machine.link("bin/python3")
    machine.path = [machine.directory / "bin"]
    found = machine.find(request_)
    assert (found.executable, found.version) == (HERE, VERSION)


@pytest.mark.parametrize(
    "request_",
    ["2.7", "3.99", "3.99.1", "pypy", "pypy@3.10", "pypy3.10", "python2.7", ">=4", "system", "no-such-python", "3.8.0"],
)
def test_what_is_not_there_is_not_found(machine: Machine, request_: str) -> None:
    machine.link("bin/python3")
    machine.path = [machine.directory / "bin"]
    with pytest.raises(InterpreterNotFound) as caught:
        machine.find(request_)
    assert request_ in caught.value.message


@pytest.mark.parametrize("request_", ["3.", "3..1", "3.x", "3.12-dev", "3.13t", ">=", "~3", "=", "3 12", "pypy@3.x"])
def test_nonsense_is_refused_in_words(machine: Machine, request_: str) -> None:
    """Such as pyenv's version files hold."""
    with pytest.raises(InterpreterError) as caught:
        machine.find(request_)
    assert request_ in caught.value.message


def test_requires_python_counts_with_and_without_a_request(machine: Machine) -> None:
    link = machine.link("bin/python3")
    machine.path = [machine.directory / "bin"]
    assert machine.find("", f">={MINOR}").version == VERSION
    for request in ("", MINOR, str(link)):
        with pytest.raises(InterpreterNotFound, match="Python"):
            machine.find(request, "<3")


def test_the_reason_names_what_was_seen(machine: Machine) -> None:
    machine.link("bin/python3")
    machine.path = [machine.directory / "bin"]
    with pytest.raises(InterpreterNotFound) as caught:
        machine.find("3.99")
    assert VERSION in caught.value.reason


def test_the_first_directory_of_the_path_counts(machine: Machine) -> None:
    first, second = machine.link("one/python"), machine.link("two/python3")
    machine.path = [second.parent, first.parent]
    # One real file behind two names is asked once, under the name that stands first.
    assert machine.iter()[0] == str(second)
    assert str(first) not in machine.iter()


def test_what_is_no_interpreter_is_passed_over(machine: Machine) -> None:
    machine.script("broken/python3", "#!/bin/sh\nexit 3\n")
    machine.script("liar/python3", "#!/bin/sh\necho '{}'\n")
    machine.script("chatty/python3", "#!/bin/sh\necho hello\n")
    machine.script("empty/python3", "")
    machine.script("lost/python3", "#!/no/such/program\n")
    (machine.directory / "folder/python3").mkdir(parents=True)
    plain = machine.script("plain/python3", "#!/bin/sh\n")
    plain.chmod(0o644)
    machine.link("dangling/python3", "/no/such/file")
    machine.link("right/python3")
    names = ("broken", "liar", "chatty", "empty", "lost", "folder", "plain", "dangling", "missing", "right")
    machine.path = [machine.directory / name for name in names]
    assert machine.find().executable == HERE


@pytest.mark.parametrize("text", ["#!/bin/sh\necho '{}'\n", "#!/bin/sh\necho '[1]'\n", "#!/bin/sh\nexit 3\n", "\0\0\0"])
def test_a_path_that_is_no_interpreter_is_refused_in_words(machine: Machine, text: str) -> None:
    path = machine.script("bin/thing", text)
    with pytest.raises(ProbeFailed) as caught:
        machine.find(str(path))
    assert str(path) in caught.value.message
    with pytest.raises(ProbeFailed):
        machine.find(str(path))


def test_a_path_may_be_an_environment_or_an_installation(machine: Machine) -> None:
    machine.link("env/bin/python")
    assert machine.find(str(machine.directory / "env")).executable == HERE
    with pytest.raises(ProbeFailed):
        machine.find(str(machine.directory / "nothing"))


def test_an_environment_answers_with_the_interpreter_behind_it(machine: Machine) -> None:
    """What is made with it shall not depend on it."""
    machine.link("env/bin/python")
    (machine.directory / "env/pyvenv.cfg").write_text(f"home = {os.path.dirname(HERE)}\n")
    assert machine.find(str(machine.directory / "env/bin/python")).executable == HERE


def test_pyenv_shims_lead_to_the_chosen_version(machine: Machine) -> None:
    machine.script(".pyenv/shims/python3", "#!/bin/sh\nexit 1\n")
    machine.link(".pyenv/versions/3.9.9/bin/python3", str(machine.script("old", "#!/bin/sh\nexit 1\n")))
    chosen = machine.link(f".pyenv/versions/{VERSION}/bin/python3")
    (machine.directory / ".pyenv/version").write_text(f"{VERSION}\n3.9.9\n")
    machine.path = [machine.directory / ".pyenv/shims"]
    assert machine.iter()[0] == str(chosen)
    assert machine.find().executable == HERE


def test_a_name_is_not_answered_by_whatever_pyenv_chose(machine: Machine) -> None:
    """A shim stands for a program of the chosen version, if that has it; not for its python3."""
    machine.link(f".pyenv/versions/{VERSION}/bin/python3")
    (machine.directory / ".pyenv/version").write_text(VERSION)
    machine.path = [machine.directory / ".pyenv/shims"]
    with pytest.raises(InterpreterNotFound):
        machine.find("mypython")
    machine.link(f".pyenv/versions/{VERSION}/bin/mypython")
    assert machine.find("mypython").executable == HERE


def test_installations_are_found_newest_first(machine: Machine) -> None:
    for version in ("3.9.2", "3.10.11", "3.10.2"):
        machine.script(f".pyenv/versions/{version}/bin/python3", f"#!/bin/sh\nexit 1 # {version}\n")
    machine.script("blast/pythons/cpython-3.8.1/bin/python3", "#!/bin/sh\nexit 1\n")
    found = [Path(path).relative_to(machine.directory).parts[2] for path in machine.iter()[:4]]
    assert found == ["cpython-3.8.1", "3.10.11", "3.10.2", "3.9.2"]


def test_the_home_directory_is_that_of_the_variables(machine: Machine) -> None:
    path = machine.link(".local/share/uv/python/cpython-3.12/bin/python3", str(machine.script("uv", "#!/bin/sh\n")))
    assert str(path) in machine.iter()


@pytest.mark.parametrize(
    ("content", "request_"),
    [
        pytest.param(b"3.12\n", "3.12", id="plain"),
        pytest.param(b"\n# why\n\n 3.11.4 \n3.9\n", "3.11.4", id="comments and more lines"),
        pytest.param(b"\xef\xbb\xbf3.12\r\n", "3.12", id="byte order mark"),
        pytest.param(b"", "", id="empty"),
    ],
)
def test_version_files(tmp_path: Path, content: bytes, request_: str) -> None:
    (tmp_path / ".python-version").write_bytes(content)
    assert read_python_version_file(str(tmp_path)) == request_


def test_a_version_file_may_be_missing_a_directory_or_noise(tmp_path: Path) -> None:
    assert read_python_version_file(str(tmp_path)) == ""
    (tmp_path / ".python-version").mkdir()
    assert read_python_version_file(str(tmp_path)) == ""
    (tmp_path / "x").mkdir()
    (tmp_path / "x/.python-version").write_bytes(b"\xff\xfe3\x00.\x001\x002\x00")
    assert read_python_version_file(str(tmp_path / "x"))


def test_a_build_without_the_global_lock_is_found_only_by_its_name(machine: Machine) -> None:
    """A real interpreter that says of itself what such a build says."""
    lie = "import sys, sysconfig; sysconfig.get_config_vars()['Py_GIL_DISABLED'] = 1; exec(sys.argv.pop(1))"
    free = machine.script(f"free/python{MINOR}", f'#!/bin/sh\nexec "{HERE}" -I -S -c "{lie}" "$5" "$6"\n')
    plain = machine.link(f"plain/python{MINOR}")
    machine.path = [free.parent, plain.parent]
    assert machine.find(f"{MINOR}t").variant == "t"
    assert machine.find(f"cpython-{MINOR}+freethreaded").variant == "t"
    for request in ("", MINOR, f">={MINOR}", "cpython"):
        assert machine.find(request).variant == ""
    assert machine.find(f"python{MINOR}").variant == ""
    machine.path = [free.parent]
    assert machine.find(f"{free}").variant == "t"
    with pytest.raises(InterpreterNotFound) as caught:
        machine.find("3.99t")
    assert f"{VERSION}t" in caught.value.reason


@pytest.mark.skipif(not os.path.exists("/bin/false"), reason="there is no /bin/false: memory of faults is NOT tested")
def test_what_was_no_interpreter_is_not_asked_again_by_those_who_search(machine: Machine) -> None:
    """Such as Python 2.7, which is no script: only the probe's own program ends with an error in it."""
    old = machine.directory / "old" / "python3"
    old.parent.mkdir()
    # A program that is no script, and no Python: it is told apart by its first two bytes.
    shutil.copy("/bin/false", old)
    old.chmod(0o755)
    machine.link("right/python3")
    machine.path = [old.parent, machine.directory / "right"]
    assert machine.find().executable == HERE
    cache = machine.cache
    with pytest.raises(ProbeFailed) as first:
        cache.get(str(old), searching=True)
    assert not first.value.details["lasting"]
    with pytest.raises(ProbeFailed) as again:
        cache.get(str(old))
    assert again.value.details["lasting"]


def test_preferences(machine: Machine) -> None:
    own = machine.link(f"blast/pythons/cpython-{VERSION}-x/bin/python3")
    on_path = machine.link("bin/python3")
    machine.path = [on_path.parent]
    home = str(machine.directory / "blast")

    def first(preference: str) -> str:
        return next(iter(iter_interpreters(machine.environ, home, preference=preference)), "")

    assert first("") == first("managed") == first("only-managed") == str(own)
    assert first("system") == first("only-system") == str(on_path)
    machine.path = []
    assert str(own) not in list(iter_interpreters(machine.environ, home, preference="only-system"))
    moved = {**machine.environ, "BLAST_PYTHON_INSTALL_DIR": str(machine.directory / "none")}
    assert str(own) not in list(iter_interpreters(moved, home))


def test_places_of_other_tools(machine: Machine) -> None:
    """Asdf's and rye's are found by findpython, which is imported where one of them is there."""
    asdf = machine.link(f".asdf/installs/python/{VERSION}/bin/python3")
    assert str(asdf) in machine.iter()
    mise = machine.link(".local/share/mise/installs/python/3.0/bin/python3", str(machine.script("m", "#!/bin/sh\n")))
    assert str(mise) in machine.iter()


@pytest.mark.skipif(shutil.which("pypy3") is None, reason="PyPy is not installed")
def test_a_version_means_cpython_as_long_as_there_is_one(tmp_path: Path, cache: InterpreterCache) -> None:
    machine = Machine(tmp_path, cache)
    pypy = os.path.realpath(shutil.which("pypy3") or "")
    machine.path = [machine.link("first/pypy3", pypy).parent, tmp_path / "second"]
    only = machine.find()
    assert only.implementation == "pypy" or only.executable == HERE
    machine.link("second/python3")
    assert machine.find().implementation == "cpython"
    assert machine.find("pypy").implementation == "pypy"
