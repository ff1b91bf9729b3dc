"""``blast run`` with packages: how words are split, what a prompt is, and that the program's end is the command's."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from blast_pm.testing import StaticIndex, make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from blast_cli.testing import Blast

pytestmark = pytest.mark.acceptance

SHOW = "import alpha, gamma; print(alpha.VERSION)"


@pytest.fixture(scope="module")
def ipython(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticIndex]:
    """An index with something that is started as IPython is."""
    directory = tmp_path_factory.mktemp("ipython")
    make_wheel(directory, "ipython", "1.0", files={"IPython/__init__.py": b"", "IPython/__main__.py": b"print('In')\n"})
    with StaticIndex(directory) as server:
        yield server


# Words


def test_with_twice_and_a_module(blast: Blast) -> None:
    (blast.directory / "mod.py").write_text(f"import sys\n{SHOW}\nprint(sys.argv[1:])\n")
    done = blast("run", "--with", "alpha<2", "--with", "gamma", "--", "-m", "mod", "--with", "x")
    assert done.stdout == "1.1\n['--with', 'x']\n"
    # Quiet where nothing is wrong.
    assert done.stderr == ""


def test_with_and_python_options(blast: Blast) -> None:
    assert blast("run", "--with", "alpha<2", "--with", "gamma", "--", "-c", SHOW).stdout == "1.1\n"


def test_with_and_a_script(blast: Blast) -> None:
    (blast.directory / "s.py").write_text(f"import sys\n{SHOW}\nprint(sys.argv[1:])\n")
    assert blast("run", "--with", "alpha<2", "--with", "gamma", "s.py", "--", "-x").stdout == "1.1\n['--', '-x']\n"


def test_an_executable(blast: Blast) -> None:
    assert blast("run", "--with", "alpha<2", "--", "!alpha").stdout == "alpha 1.1\n"
    assert blast("run", "--", "!echo", "x y").stdout == "x y\n"
    assert blast.run("run", "--", "!no-such-program").returncode == 2
    # Never a task, and never a file for Python.
    (blast.directory / "echo.py").write_text("print('file')\n")
    assert blast.run("run", "--", "!echo.py").returncode == 2


def test_files_of_requirements(blast: Blast) -> None:
    (blast.directory / "reqs.txt").write_text("alpha==1.0\n-r more.txt\n")
    (blast.directory / "more.txt").write_text("gamma\n")
    assert blast("run", "-r", "reqs.txt", "--", "-c", SHOW).stdout == "1.0\n"


def test_a_module_of_blast_itself(blast: Blast) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "blast_cli", "run", "--with", "alpha<2", "alpha"],
        cwd=blast.directory,
        env=blast.variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "alpha 1.1\n", done.stderr


# Prompts


def _prompt(blast: Blast, *words: str, text: bytes, **more: str) -> str:
    """Run a command on a terminal, type a text and return what appears."""
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(blast.directory)
        os.execve(sys.executable, [sys.executable, "-m", "blast_cli", *words], blast.variables(TERM="dumb", **more))
    seen = b""
    typed = False
    while True:
        try:
            read = os.read(terminal, 4096)
        except OSError:
            break
        if not read:
            break
        seen += read
        if not typed and b">>> " in seen:
            os.write(terminal, text)
            typed = True
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, seen
    return seen.decode()


@pytest.mark.parametrize("words", [("python",), ("--",), ()])
def test_a_prompt_with_packages(blast: Blast, words: tuple[str, ...]) -> None:
    typed = b"import alpha\nprint('version', alpha.VERSION)\nexit()\n"
    assert "version 1.1" in _prompt(blast, "run", "--with", "alpha<2", *words, text=typed, PYTHON_BASIC_REPL="1")


def test_ipython_is_the_prompt_where_it_is_asked_for(blast: Blast, ipython: StaticIndex) -> None:
    here = blast.at(blast.directory, BLAST_INDEX_URL=ipython.url)
    assert here("run", "--with", "IPython>=1", "--").stdout == "In\n"
    assert here("run", "--with", "ipython").stdout == "In\n"
    # Only in place of a prompt.
    assert here("run", "--with", "ipython", "--", "-c", "print(1)").stdout == "1\n"
    # Python reads the program from standard input, which is empty.
    assert here("run", "--with", "ipython", BLAST_IPYTHON_MODE="ignore").stdout == ""


def test_nothing_to_run(blast: Blast) -> None:
    done = blast.run("run")
    assert done.returncode == 2
    assert "nothing to run" in done.stderr


# The end


@pytest.mark.parametrize(("program", "status"), [("raise SystemExit(7)", 7), ("1/0", 1), ("import os; os.abort()", -6)])
def test_the_status_is_the_programs(blast: Blast, program: str, status: int) -> None:
    assert blast.run("run", "--with", "gamma", "--", "-c", program).returncode == status


def test_an_interrupt_is_the_programs(blast: Blast, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    program = f"import time\ntry:\n    open({str(ready)!r}, 'w').close()\n    time.sleep(60)\n"
    program += "except KeyboardInterrupt:\n    print('interrupted')\n    raise SystemExit(9)\n"
    with blast.start("run", "--with", "gamma", "--", "-c", program) as process:
        deadline = time.monotonic() + 60
        while not ready.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (9, "interrupted\n")


# On top of each other


def _nested(outer: str, *rest: str) -> list[str]:
    return ["run", "--with", outer, "--", "python", "-m", "blast_cli", "run", *rest]


VERSIONS = """\
import importlib.metadata as metadata
import alpha
found = [each.version for each in metadata.distributions() if each.metadata['name'] == 'alpha']
print(alpha.VERSION, found, metadata.version('alpha'))
"""


def test_runs_are_stacked_the_inner_one_first(blast: Blast) -> None:
    # The inner one is this checkout's Blast, on the outer one's Python: what it imports it finds by PYTHONPATH.
    packages = os.pathsep.join(path for path in sys.path if path and "pytest" not in os.path.basename(path))
    here = blast.at(blast.directory, PYTHONPATH=packages)
    done = here(*_nested("alpha==1.0", "--with", "alpha==2.0", "--", "-c", VERSIONS))
    assert done.stdout == "2.0 ['2.0', '1.0'] 2.0\n"
    # What only the outer one asked for stays visible, and its programs are found.
    done = here(*_nested("alpha==1.0", "--with", "gamma", "--", "-c", SHOW))
    assert done.stdout == "1.0\n"
    assert here(*_nested("alpha==1.0", "--with", "gamma", "alpha")).stdout == "alpha 1.0\n"
    refused = here.run(*_nested("alpha==1.0", "--isolated", "--with", "gamma", "--", "-c", SHOW))
    assert "No module named 'alpha'" in refused.stderr


def test_packages_on_top_of_the_environment_beside(blast: Blast) -> None:
    blast("venv")
    blast("pip", "install", "alpha==1.0", "beta==1.0")
    line = "import alpha, importlib.metadata as m; print(alpha.VERSION, m.version('beta'))"
    assert blast("run", "python", "-c", line).stdout == "1.0 1.0\n"
    assert blast("run", "--with", "alpha==2.0", "python", "-c", line).stdout == "2.0 1.5\n"
    assert blast("run", "--with", "gamma", "python", "-c", line).stdout == "1.0 1.0\n"
    # As it was.
    assert blast("run", "python", "-c", line).stdout == "1.0 1.0\n"


def test_a_project_that_is_left_out_is_not_below(blast: Blast) -> None:
    blast("init", "--name", "demo")
    blast("add", "alpha")
    line = ("python", "-c", "import importlib.util as u; print(u.find_spec('alpha') is not None)")
    environment = str(blast.directory / ".venv")
    for more in ({}, {"VIRTUAL_ENV": environment}):
        assert blast("run", "--with", "gamma", *line, **more).stdout == "True\n"
        assert blast("run", "--no-project", "--with", "gamma", *line, **more).stdout == "False\n"


# How long what was made is kept


def _environments(blast: Blast) -> list[str]:
    return sorted(os.listdir(blast.home / "environments"))


def test_what_was_made_is_kept_by_what_it_holds(blast: Blast, index: StaticIndex) -> None:
    line = ("python", "-c", "import sys, alpha; print(alpha.VERSION, sys.prefix)")
    first = blast("run", "--with", "alpha<2", *line).stdout
    index.forget_requests()
    assert blast("run", "--with", "alpha<=1.5", *line).stdout == first
    assert not [path for path in index.paths() if path.endswith(".whl")]
    # Another version, and so another environment.
    assert blast("run", "--with", "alpha<1.1", *line).stdout.startswith("1.0 ")
    assert len(_environments(blast)) == 2


def test_nothing_is_kept_where_that_is_asked_for(blast: Blast) -> None:
    line = ("--", "-c", "import sys, alpha; print(alpha.VERSION); sys.exit(5)")
    done = blast.run("run", "--keep", "never", "--with", "alpha<2", *line)
    assert (done.returncode, done.stdout) == (5, "1.1\n")
    assert _environments(blast) == []
    # What others made stays.
    blast.run("run", "--with", "alpha<2", *line)
    assert blast.run("run", "--with", "alpha<2", *line, BLAST_KEEP="never").returncode == 5
    assert len(_environments(blast)) == 1


def test_an_interrupt_reaches_the_program_that_is_waited_for(blast: Blast, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    program = f"import time, alpha\ntry:\n    open({str(ready)!r}, 'w').close()\n    time.sleep(60)\n"
    program += "except KeyboardInterrupt:\n    print('interrupted')\n    raise SystemExit(9)\n"
    with blast.start("run", "--keep", "never", "--with", "alpha", "--", "-c", program) as process:
        deadline = time.monotonic() + 60
        while not ready.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (9, "interrupted\n")
    assert _environments(blast) == []
