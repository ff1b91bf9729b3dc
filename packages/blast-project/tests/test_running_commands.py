"""Which program a command line starts, with which variables, and the exec itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import InvalidRequirement, NoSolution, UsageError
from blast_pm.testing import StaticIndex, make_wheel
from blast_project.running import command_line, environment_variables, replace_process
from blast_project.testing import Workbench
from blast_project.tools import ToolRun, prepare_tool

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(os.name == "nt", reason="programs as on POSIX")


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment with programs, and a current directory with files of like names."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    bin_ = tmp_path / "env/bin"
    bin_.mkdir(parents=True)
    for name in ("python", "tool", "rst2html.py"):
        program(bin_ / name)
    (bin_ / "data").write_text("no program")
    (bin_ / "folder").mkdir()
    return tmp_path / "env"


def program(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def line(environment: Path, *words: str, path: str = "") -> list[str]:
    return command_line(str(environment), words, path)


def test_scripts_of_the_environment_come_before_the_path(environment: Path, tmp_path: Path) -> None:
    program(tmp_path / "other/tool")
    other = program(tmp_path / "other/more")
    path = str(other.parent)
    assert line(environment, "tool", "-x", path=path) == [str(environment / "bin/tool"), "-x"]
    assert line(environment, "more", path=path) == [str(other)]


@pytest.mark.parametrize("option", ["-m", "-c"])
def test_modules_and_programs_go_to_the_environments_python(environment: Path, option: str) -> None:
    assert line(environment, option, "x", "-q") == [str(environment / "bin/python"), option, "x", "-q"]


def test_files_and_directories_of_python_are_run_by_it(environment: Path) -> None:
    Path("main.py").write_text("")
    Path("app").mkdir()
    Path("app/__main__.py").write_text("")
    python = str(environment / "bin/python")
    assert line(environment, "main.py", "a") == [python, "main.py", "a"]
    assert line(environment, "./app", "a") == [python, "./app", "a"]


def test_a_script_whose_name_ends_in_py_is_found(environment: Path) -> None:
    assert line(environment, "rst2html.py") == [str(environment / "bin/rst2html.py")]


def test_a_path_is_taken_as_it_is(environment: Path) -> None:
    assert line(environment, "/bin/sh", "-c", "x") == ["/bin/sh", "-c", "x"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "there is no command 'nothing'"),
        ("data", "'data' can't be run"),
        ("folder", "there is no command 'folder'"),
        ("", "there is no command ''"),
    ],
)
def test_what_is_no_program_is_named(environment: Path, name: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"^{said}"):
        line(environment, name, path="/no/such/directory")


@pytest.mark.parametrize("path", ["", ":", "/nowhere:", ":/nowhere"])
def test_the_current_directory_is_no_place_for_programs(environment: Path, path: str) -> None:
    """An empty part of PATH means it to a shell; here it would run what a stranger's checkout holds."""
    program(Path("evil"))
    with pytest.raises(UsageError):
        line(environment, "evil", path=path)


def test_variables_are_those_of_an_activated_environment() -> None:
    before = {"PATH": "/usr/bin", "PYTHONHOME": "/x", "LANG": "C"}
    assert environment_variables("/env", before) == {"PATH": "/env/bin:/usr/bin", "VIRTUAL_ENV": "/env", "LANG": "C"}
    assert environment_variables("/env", {})["PATH"] == "/env/bin"
    assert before["PYTHONHOME"] == "/x"


@pytest.mark.parametrize(
    ("text", "status", "out"),
    [
        pytest.param('#!/bin/sh\necho "$0 $1 $VARIABLE"; exit 7\n', 7, "one two", id="runs"),
        pytest.param("#!/no/such/program\n", 3, "can't be started", id="lost interpreter"),
        pytest.param("\0", 3, "can't be started", id="no program at all"),
    ],
)
def test_the_process_becomes_the_program(tmp_path: Path, text: str, status: int, out: str) -> None:
    path = tmp_path / "program"
    path.write_text(text)
    path.chmod(0o755)
    code = (
        "import sys; from blast_project.running import replace_process; from blast_core.errors import UsageError\n"
        "print('before')\n"
        f"try: replace_process([{str(path)!r}, 'one'], {{'VARIABLE': 'two'}})\n"
        "except UsageError as error: print(error.message); raise SystemExit(3)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.startswith("before\n")) == (status, True), done.stderr
    assert out in done.stdout


def test_replacing_a_process_by_nothing_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="can't be started"):
        replace_process(["/no/such/program"], {})


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    directory = tmp_path_factory.mktemp("tools")
    wheels = directory / "wheels"
    wheels.mkdir()
    entry = "[console_scripts]\n{0} = {1}:main\n"
    for version in ("1.0", "2.0"):
        body = f"def main():\n    print({version!r})\n".encode()
        make_wheel(
            wheels,
            "snake-tool",
            version,
            files={"snake_tool.py": body},
            entry_points=entry.format("snake-tool", "snake_tool"),
            extras=["x"],
        )
    make_wheel(wheels, "library", "1.0")
    make_wheel(
        wheels, "odd", "1.0", files={"odd.py": b"def main(): print('odd')\n"}, entry_points=entry.format("other", "odd")
    )
    with StaticIndex(wheels) as index:
        yield Workbench.make(directory, index.url)


def run_tool(bench: Workbench, *words: str, from_: str = "", with_: tuple[str, ...] = ()) -> str:
    with bench.session() as session:
        command, variables = prepare_tool(session, ToolRun(tuple(words), from_, tuple(with_)))
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(
    ("words", "from_", "out"),
    [
        pytest.param(["snake-tool"], "", "2.0", id="plain"),
        pytest.param(["snake-tool@1.0"], "", "1.0", id="a version"),
        pytest.param(["snake-tool@latest"], "", "2.0", id="the latest"),
        pytest.param(["snake-tool[x]@1.0"], "", "1.0", id="an extra and a version"),
        pytest.param(["snake-tool<2"], "", "1.0", id="a specifier"),
        pytest.param(["other"], "odd", "odd", id="from another distribution"),
        pytest.param(["snake-tool"], "snake_tool<2", "1.0", id="from a requirement"),
    ],
)
def test_tools_run_from_an_environment_of_their_own(tools: Workbench, words: list[str], from_: str, out: str) -> None:
    assert run_tool(tools, *words, from_=from_) == out


def test_a_tool_sees_what_it_is_run_with(tools: Workbench) -> None:
    assert (
        run_tool(tools, "python", "-c", "import library; print(library.VERSION)", from_="odd", with_=("library",))
        == "1.0"
    )


def test_equal_requests_share_one_view(tools: Workbench) -> None:
    def places() -> int:
        return len(list((tools.home / "views").iterdir()))

    run_tool(tools, "snake-tool@2.0")
    count = places()
    run_tool(tools, "snake-tool")
    run_tool(tools, "snake-tool", from_="snake.tool>1")
    assert places() == count


@pytest.mark.parametrize("name", ["library", "odd"])
def test_a_distribution_without_that_command_says_which_it_has(
    tools: Workbench, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    program(Path(name))
    with pytest.raises(UsageError) as caught, tools.session() as session:
        prepare_tool(session, ToolRun((name,)))
    assert caught.value.reason == f"its environment has {'other' if name == 'odd' else 'no command'}"


def test_what_is_no_tool_is_refused(tools: Workbench) -> None:
    for word, error in (("no-such-tool", NoSolution), ("./x", InvalidRequirement), ("@1", InvalidRequirement)):
        with pytest.raises(error), tools.session() as session:
            prepare_tool(session, ToolRun((word,)))
