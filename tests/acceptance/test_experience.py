"""What a person meets: progress, quiet, guesses, narrow terminals, pipes, Ctrl-C, and one JSON document always."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

from blast_cli.catalog import COMMANDS, Command
from blast_cli.parsing import make_parser
from blast_pm.testing import StaticIndex, make_wheel
from blast_pm.testing_server import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from blast_cli.testing import Blast

pytestmark = pytest.mark.acceptance
_TERMINAL = pytest.mark.skipif(os.name == "nt", reason="terminals of POSIX")
_EVERY = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name.replace(" ", "-"))
# A colour, a movement of the cursor, a line begun anew: nothing that belongs into a pipe.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7][0-9;]*m")
# A shell and a store in the foreground go on until somebody ends them.
_NOT_ASKED = {"shell", "memstore start"}
_SIZE = 1_500_000


def on_terminal(
    blast: Blast, *words: str, columns: int = 80, interrupt_after: StaticIndex | None = None, **environ: str
) -> tuple[int, str]:
    """Run a command in a terminal of so many columns; return its status and all that it drew.

    Args:
        blast: the command.
        words: its arguments.
        columns: of the terminal.
        interrupt_after: press Ctrl-C a second after this index was asked for the file.
        environ: further variables.
    """
    import fcntl
    import pty
    import struct
    import termios

    variables = {**blast.variables(TERM="xterm-256color", **environ)}
    for name in ("NO_COLOR", "COLUMNS", "LINES"):
        if name not in environ:
            variables.pop(name, None)
    child, terminal = pty.fork()
    if not child:
        os.chdir(blast.directory)
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        os.execve(sys.executable, [sys.executable, "-m", "blast_cli", *words], variables)
    if interrupt_after is not None:
        wait_for_download(interrupt_after)
        os.write(terminal, b"\x03")
    drawn = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        drawn += piece
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), drawn.decode()


def wait_for_download(index: StaticIndex) -> None:
    """Return a second after the file was asked for: then progress is drawn, and the file is not there yet."""
    for _ in range(600):
        if any(path.endswith(".whl") for path in index.paths()):
            break
        time.sleep(0.05)
    time.sleep(1)


def lines_left(drawn: str, columns: int) -> list[str]:
    """Return what a terminal shows in the end: lines, after all that was drawn over."""
    lines, row, column = [""], 0, 0
    for token in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]", drawn):
        if token == "\r":
            column = 0
        elif token == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif token.startswith("\x1b["):
            count = int(token[2:-1]) if token[2:-1].isdecimal() else 1
            if token.endswith("A"):
                row = max(row - count, 0)
            elif token.endswith("K"):
                lines[row] = ""
        else:
            assert column < columns, f"wider than the terminal: {lines[row]!r}"
            lines[row] = lines[row][:column].ljust(column) + token + lines[row][column + 1 :]
            column += 1
    return [line.rstrip() for line in lines if line.strip()]


@pytest.fixture
def slow(tmp_path: Path, blast: Blast) -> Iterator[StaticIndex]:
    """An index whose file takes two seconds and more to come; ``blast`` uses it."""
    (tmp_path / "slow").mkdir()
    path = make_wheel(tmp_path / "slow", "heavy", "1.0", files={"heavy.py": os.urandom(_SIZE // 2).hex().encode()})
    with StaticIndex(tmp_path / "slow") as index:
        name = os.path.basename(path)
        body = (tmp_path / "slow" / name).read_bytes()
        index.script(index.file_path(name), *[Reply(body=body, chunk=len(body) // 20 + 1, pause_s=0.12)] * 9)
        blast.environ["BLAST_INDEX_URL"] = index.url
        yield index


# --- waiting


@pytest.mark.usefixtures("slow")
@_TERMINAL
@pytest.mark.parametrize("columns", [80, 40, 20])
def test_a_download_is_shown_and_taken_away(blast: Blast, columns: int) -> None:
    blast("init", "--name", "demo")
    status, drawn = on_terminal(blast, "add", "heavy", columns=columns)
    assert status == 0
    assert "\x1b[?25l" in drawn
    assert drawn.rindex("\x1b[?25h") > drawn.rindex("\x1b[?25l"), "the cursor comes back"
    assert "heavy" in drawn
    assert re.search(r"[0-9]%|[0-9] [KM]iB", drawn)
    if columns == 80:
        assert re.search(r"[0-9.]+ [KM]iB/s", drawn)
    left = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(lines_left(re.sub(r"\x1b\[[0-9;]*m", "", drawn), 200)))
    assert "%" not in left
    assert [line[:8] for line in left.splitlines()] == ["Locked 1", "Made .ve", "Synced 1", " + heavy"]


@pytest.mark.usefixtures("slow")
@_TERMINAL
def test_no_colour_and_no_progress_are_heeded(blast: Blast) -> None:
    blast("init", "--name", "demo")
    status, drawn = on_terminal(blast, "add", "heavy", NO_COLOR="1")
    assert status == 0
    assert "heavy 1.0" in drawn
    assert not _COLOUR.search(drawn)
    blast("remove", "heavy")
    blast("cache", "clear", "--all", "--force")
    status, drawn = on_terminal(blast, "add", "heavy", "--no-progress")
    assert status == 0
    assert "\x1b[?25l" not in drawn
    assert _COLOUR.search(drawn)


@pytest.mark.usefixtures("slow")
def test_a_pipe_gets_no_control_characters(blast: Blast) -> None:
    blast("init", "--name", "demo")
    done = blast("add", "heavy", NO_COLOR="")
    assert not _CONTROL.search(done.stdout + done.stderr)


def test_verbose_says_what_is_done_when(project: Blast) -> None:
    done = project("add", "alpha", "-v")
    traced = [line for line in done.stderr.splitlines() if re.match(r" *[0-9.]+ s  ", line)]
    assert any(str(project.home) in line for line in traced)
    assert any(line.endswith("Resolving") for line in traced)
    assert any("Done: alpha 2.0" in line for line in traced)
    assert [float(line.split()[0]) for line in traced] == sorted(float(line.split()[0]) for line in traced)
    assert "Resolving" not in project("remove", "alpha").stderr


# --- quiet, and one document


def test_quiet_is_quiet(blast: Blast) -> None:
    steps = (
        "init --name demo",
        "add alpha",
        "add --dev gamma",
        "lock --upgrade",
        "sync",
        "remove alpha",
        "undo",
        "redo",
        "rollback 2",
        "venv other",
        "pip install beta",
        "pip uninstall beta",
        "tool install alpha",
        "tool upgrade --all",
        "tool uninstall alpha",
        "python pin 3",
        "cache gc",
        "cache prune",
        "cache verify",
        "init --script hello.py",
        "add --script hello.py beta",
        "run hello.py",
    )
    for step in steps:
        done = blast(*step.split(), "-q")
        expected = "Hello from hello!\n" if step == "run hello.py" else ""
        assert (done.stdout, done.stderr) == (expected, ""), step
    # Data stay.
    assert "beta" in blast("tree", "-q").stdout + blast("tree", "-q", "--script", "hello.py").stdout
    assert blast.run("sync", "--frobnicate", "-q").stderr.startswith("error: ")


@_EVERY
def test_json_is_one_document_whatever_happens(command: Command, blast: Blast, tmp_path: Path) -> None:
    """In an empty directory and without words most commands can't do what is asked; none must stumble."""
    if command.name in _NOT_ASKED:
        return
    (tmp_path / "mirror").mkdir()
    alone = {"HOME": str(tmp_path), "BLAST_PYTHON_MIRROR": str(tmp_path / "mirror"), "NO_COLOR": ""}
    done = blast.run(*command.name.split(), "--json", **alone)
    document = json.loads(done.stdout)
    assert done.returncode in {0, 1, 2, 3, 4, 5}
    if done.returncode and "error" in document:
        error = document["error"]
        assert error["message"]
        assert set(error) >= {"code", "message", "reason", "hint"}
        assert done.stderr.splitlines()[0] == f"error: {error['message']}"
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
    assert not _CONTROL.search(done.stdout + done.stderr)


# --- words


@_EVERY
@pytest.mark.parametrize("columns", [80, 60])
def test_help_fits(command: Command, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    text = make_parser(command, import_module(f"blast_cli.commands.{command.module}").configure).format_help()
    assert [line for line in text.splitlines() if len(line) > columns] == []


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_the_overview_fits(blast: Blast, columns: str) -> None:
    text = blast("-h", COLUMNS=columns).stdout
    assert [line for line in text.splitlines() if len(line) > int(columns)] == []
    assert text.endswith("\n")


@_EVERY
def test_an_option_that_is_misspelt_is_guessed(command: Command) -> None:
    from blast_cli.guessing import usage_error

    parser = make_parser(command, import_module(f"blast_cli.commands.{command.module}").configure)
    for action in parser._actions:
        name = next((name for name in action.option_strings if name.startswith("--")), "")
        if len(name) < 6:
            continue
        typed = name[:3] + name[4] + name[3] + name[5:]
        error = usage_error(parser, f"unrecognized arguments: {typed}")
        if typed != name:
            assert error.message == f"'blast {command.name}' has no option '{typed}'"
            assert error.hint.startswith("did you mean '--")


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("sync --fronzen", "'blast sync' has no option '--fronzen'", "did you mean '--frozen'?"),
        ("sync --colour never", "'blast sync' has no option '--colour'", "did you mean '--color'?"),
        ("sync extra", "'extra' is a word more than 'blast sync' takes", "'blast sync -h' explains the command"),
        ("add a --bounds majr", "--bounds can't be 'majr'", "did you mean 'major'?"),
        ("sync --group", "--group wants a value", "'blast sync -h' explains the command"),
        ("why", "name is missing", "'blast why -h' explains the command"),
        ("build --package a --all-packages", "exclude each other", "give one of them"),
        ("isntall", "there is no command 'isntall'", "did you mean 'blast install'?"),
        ("update", "there is no command 'update'", "did you mean 'blast lock --upgrade'?"),
        ("python ls", "there is no command 'python ls'", "did you mean 'blast python list'?"),
    ],
)
def test_what_was_meant_is_said(blast: Blast, line: str, message: str, hint: str) -> None:
    done = blast.run(*line.split())
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[0]
    assert done.stderr.splitlines()[-1] == f"  try: {hint}"


# --- going away


@_TERMINAL
def test_ctrl_c_while_waiting_leaves_nothing(blast: Blast, slow: StaticIndex) -> None:
    blast("init", "--name", "demo")
    before = {path.name: path.read_bytes() for path in blast.directory.iterdir()}
    status, drawn = on_terminal(blast, "add", "heavy", interrupt_after=slow)
    assert status == 130
    assert "Traceback" not in drawn
    assert drawn.count("\x1b[?25h") == drawn.count("\x1b[?25l")
    left = lines_left(re.sub(r"\x1b\[[0-9;]*m", "", drawn), 200)
    assert [line.removeprefix("^C") for line in left if line != "^C"] == [
        "interrupted; nothing was changed that is not complete"
    ]
    assert {path.name: path.read_bytes() for path in blast.directory.iterdir()} == before
    blast("add", "heavy")


def test_ctrl_c_with_json_is_one_document(blast: Blast, slow: StaticIndex) -> None:
    blast("init", "--name", "demo")
    with blast.start("add", "heavy", "--json") as process:
        wait_for_download(slow)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert json.loads(out)["error"]["code"] == "interrupted"
    assert "Traceback" not in err


@_TERMINAL
@pytest.mark.parametrize("after", [0.12, 0.18, 0.24, 0.3, 0.36, 0.42, 0.5, 0.6])
def test_ctrl_c_at_any_moment_is_before_or_after(project: Blast, after: float) -> None:
    before = (project.directory / "pyproject.toml").read_bytes()
    with project.start("add", "alpha") as process:
        time.sleep(after)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    if process.returncode == -signal.SIGINT or "<frozen site>" in err:
        pytest.skip("Python itself was starting")
    assert process.returncode in {0, 130}
    assert "Traceback" not in err
    if process.returncode == 130:
        assert not list(project.directory.glob("*.blast-tmp*"))
    is_done = (project.directory / "pyproject.toml").read_bytes() != before
    assert is_done or process.returncode != 0
    project("sync")
    installed = {row["name"] for row in project.json("pip", "list")["packages"]}
    assert installed == ({"alpha", "beta"} if is_done else set())
    assert project.json("self", "doctor")["problems"] == 0


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
@pytest.mark.parametrize("words", [("tree",), ("-h",), ("help", "sync"), ("cache", "size"), ("export",), ("history",)])
def test_a_reader_that_goes_away_is_no_error(project: Blast, words: tuple[str, ...]) -> None:
    project("add", "alpha")
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "blast_cli", *words],
        cwd=project.directory,
        env=project.variables(),
        stdin=subprocess.DEVNULL,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)
    assert "Traceback" not in done.stderr
    assert "error" not in done.stderr
    assert done.returncode in {0, 1}
