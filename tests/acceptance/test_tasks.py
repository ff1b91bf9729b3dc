"""Tasks: what they run, in which order, with which words, variables and status, and what has nothing to do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from blast_cli.testing import Blast

pytestmark = pytest.mark.acceptance

SHOW = 'python -c "import sys; print(*sys.argv[1:], sep=chr(124))"'


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Blast:
    """A project with an environment, for all tests that only change its tasks."""
    from blast_cli.testing import Blast

    root = tmp_path_factory.mktemp("tasks")
    blast = Blast(root / "project", root / "home", {"BLAST_INDEX_URL": "http://127.0.0.1:9/simple/"})
    blast.directory.mkdir()
    blast("init", "--name", "demo")
    blast("sync")
    (blast.directory / "helpers.py").write_text(
        "import sys\n"
        "def show(*words, **named):\n    print(words, named)\n"
        "def status(number):\n    return number\n"
        "class Tool:\n    @staticmethod\n    def words():\n        print(sys.argv)\n"
    )
    return blast


def _tasks(blast: Blast, text: str) -> Blast:
    (blast.directory / "blast.toml").write_text(text)
    return blast


def _out(blast: Blast, *words: str, **environ: str) -> str:
    return blast("task", "--no-sync", *words, **environ).stdout


COMMANDS = [
    pytest.param("'''" + SHOW + " a \"b c\" 'd e' f\\ g'''", [], "a|b c|d e|f g\n", id="quotes"),
    pytest.param(
        ["python", "-c", "import sys; print(sys.argv[1:])", "a b", "$X", "*"], [], "['a b', '$X', '*']\n", id="list"
    ),
    pytest.param(
        f"'''{SHOW} $X ${{X}} ${{NONE:-no}} '$X' \"$X\" $NONE \\$X'''", [], "1 2|1 2|no|$X|1 2||$X\n", id="variables"
    ),
    pytest.param(f"'''{SHOW} *.py ~ a=b {{}} {{x}} @'''", [], "*.py|~|a=b|{}|{x}|@\n", id="what a shell would change"),
    pytest.param(f"'''{SHOW} a'''", ["b c", "--x", "{args}", "$X", ""], "a|b c|--x|{args}|$X|\n", id="further words"),
    pytest.param(f"'''{SHOW} {{args}} end'''", ["b c", "d"], "b c|d|end\n", id="words in the middle"),
    pytest.param(f"'''{SHOW} {{args:x 'y z'}} end'''", [], "x|y z|end\n", id="default words"),
    pytest.param(f"'''{SHOW} {{args:x}} end'''", ["q"], "q|end\n", id="no default"),
    pytest.param(f"'''{SHOW} {{args}} end'''", [], "end\n", id="no words"),
    pytest.param(f"'''{SHOW} -k={{args}}'''", ["a b", "c"], "-k='a b' c\n", id="words within a word"),
    pytest.param(f"'''A=1 {SHOW} $A && B=2 python -c \"import os; print(os.environ['B'])\"'''", [], "\n2\n", id="two"),
]


@pytest.mark.parametrize(("command", "words", "out"), COMMANDS)
def test_words_of_commands(ready: Blast, command: object, words: list[str], out: str) -> None:
    written = command if isinstance(command, str) else json.dumps(command)
    _tasks(ready, f"[tasks]\nit = {written}\n")
    assert _out(ready, "it", *words, X="1 2") == out


@pytest.mark.parametrize("sign", ["|", ">", "<", ";", "&", "`", "$(x)", "||"])
def test_what_only_a_shell_understands_is_refused(ready: Blast, sign: str) -> None:
    _tasks(
        ready, f"[tasks]\nit = 'python {sign} x'\nquoted = '''{SHOW} \"{sign.replace('$', '').replace('`', '')}\"'''\n"
    )
    done = ready.run("task", "it")
    assert done.returncode == 2
    assert "needs a shell" in done.stderr
    assert ready.run("task", "quoted").returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="sh")
def test_shell(ready: Blast) -> None:
    _tasks(ready, "[tasks]\nit = {shell = 'echo $X | tr a-z A-Z; exit 3'}\nmore = {shell = 'printf \"%s|\"'}\n")
    done = ready.run("task", "it", X="abc")
    assert (done.returncode, done.stdout) == (3, "ABC\n")
    assert _out(ready, "more", "a b", "$X", "'") == "a b|$X|'|"


CALLS = [
    pytest.param("helpers:show", [], "() {}\n", id="bare"),
    pytest.param(
        "helpers:show(1, 'a', [2, None], -1, x={'k': True})", [], "(1, 'a', [2, None], -1) {'x': {'k': True}}\n", id="x"
    ),
    pytest.param(
        "helpers:show(name, count, many=args, on=flag)",
        ["a'b", "7", "--flag", "--", "r"],
        "(\"a'b\", 7) {'many': ['r'], 'on': True}\n",
        id="names",
    ),
    pytest.param("helpers:Tool.words", ["n", "1", "--", "x y"], "['it', 'x y']\n", id="attribute"),
]


@pytest.mark.parametrize(("call", "words", "out"), CALLS)
def test_calls(ready: Blast, call: str, words: list[str], out: str) -> None:
    arguments = (
        '[{name = "name", default = ""}, {name = "count", type = "integer", default = 1}, '
        '{name = "flag", type = "boolean"}]'
    )
    _tasks(ready, f'[tasks]\nit = {{call = """{call}""", args = {arguments}}}\n')
    assert _out(ready, "it", *words) == out


@pytest.mark.parametrize(
    "call", ["helpers:show(nothing)", "helpers:show(print(1))", "helpers:show(**x)", "helpers:1()", "a b:c()"]
)
def test_calls_are_names_and_literals(ready: Blast, call: str) -> None:
    _tasks(ready, f'[tasks]\nit = {{call = "{call}"}}\n')
    done = ready.run("task", "it")
    assert done.returncode == 2
    assert "can't be called" in done.stderr


def test_status_of_a_call(ready: Blast) -> None:
    _tasks(ready, '[tasks]\nit = {call = "helpers:status(5)"}\n')
    assert ready.run("task", "it").returncode == 5


ARGUMENTS = """
[tasks.it]
cmd = '''python -c "import sys; print(*sys.argv[1:], sep=chr(124))" {where} {count} {dry-run} {files}'''
args = [
  {name = "where", choices = ["dev", "live"], help = "Where to"},
  {name = "count", type = "integer", default = 3},
  {name = "dry-run", type = "boolean"},
  {name = "files", many = true, default = ""},
]
"""


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (["dev"], "dev|3|false\n"),
        (["live", "5", "a", "b c"], "live|5|false|a|b c\n"),
        (["--count", "9", "dev", "--dry-run"], "dev|9|true\n"),
        (["--where=dev", "--count=1", "--no-dry-run"], "dev|1|false\n"),
        (["--dry-run=yes", "dev", "2", "--", "-x", "--y"], "dev|2|true|-x|--y\n"),
    ],
)
def test_arguments(ready: Blast, words: list[str], out: str) -> None:
    assert _out(_tasks(ready, ARGUMENTS), "it", *words) == out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "needs 'where'"),
        (["test"], "it may be dev, live"),
        (["dev", "many"], "a whole number"),
        (["dev", "--dry-run=perhaps"], "true or false"),
        (["dev", "--count"], "needs a value"),
        (["dev", "1", "--other"], "takes no '--other'"),
    ],
)
def test_wrong_arguments_are_named_with_the_usage(ready: Blast, words: list[str], complaint: str) -> None:
    done = _tasks(ready, ARGUMENTS).run("task", "it", *words)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert "blast task it dev|live [COUNT] [--dry-run] [FILES…]" in done.stderr


ORDER = f"""
[tasks]
a = '''{SHOW} a {{args}}'''
b = {{cmd = '''{SHOW} b''', depends = ["a one"]}}
c = {{cmd = '''{SHOW} c''', depends = ["a one", {{task = "a", args = ["two"]}}], pre = "pre", post = ["post"]}}
pre = '''{SHOW} pre'''
post = '''{SHOW} post'''
all = {{composite = ["b", "c", '''{SHOW} plain''', "a {{args:three}}"]}}
"""


def test_order_and_each_once(ready: Blast) -> None:
    _tasks(ready, ORDER)
    assert _out(ready, "c") == "a|one\na|two\npre\nc\npost\n"
    assert _out(ready, "all") == "a|one\nb\na|two\npre\nc\npost\nplain\na|three\n"
    assert _out(ready, "all", "x", "y").endswith("plain\na|x|y\n")
    assert "b takes no 'x'" not in ready.run("task", "b", "x").stderr


def test_circles_are_refused_with_their_path(ready: Blast) -> None:
    _tasks(ready, '[tasks]\na = {depends = ["b"]}\nb = {composite = ["c"]}\nc = {cmd = "x", post = "a"}\n')
    done = ready.run("task", "a")
    assert done.returncode == 2
    assert "a -> b -> c -> a" in done.stderr


FAIL = f"""
[tasks]
ok = '''{SHOW} ok'''
bad = '''python -c "import sys; sys.exit(7)"'''
stop = {{composite = ["ok", "bad", "ok again"]}}
on = {{composite = ["bad", "ok", "needs", "bad"], keep-going = true}}
needs = {{cmd = '''{SHOW} needs''', depends = ["bad"]}}
"""


def test_the_first_failure_ends_it_unless_told_otherwise(ready: Blast) -> None:
    _tasks(ready, FAIL)
    done = ready.run("task", "stop")
    assert (done.returncode, done.stdout) == (7, "ok\n")
    done = ready.run("task", "on")
    assert (done.returncode, done.stdout) == (7, "ok\n")
    done = ready.run("task", "--keep-going", "stop")
    assert (done.returncode, done.stdout) == (7, "ok\nok|again\n")
    rows = json.loads(ready.run("task", "--json", "on").stdout)
    assert [(row["task"], row["state"]) for row in rows["tasks"]] == [
        ("bad", "failed"),
        ("ok", "done"),
        ("needs", "skipped"),
    ]
    assert rows["status"] == 7


def test_variables(ready: Blast) -> None:
    program = "import os; print(*(os.environ.get(x, '-') for x in ('A', 'B', 'C', 'D', 'E')))"
    _tasks(
        ready,
        f"""
env-file = "base.env"
[env]
A = "settings"
B = "settings"
[tasks.it]
cmd = '''python -c "{program}"'''
env = {{C = "task {{name}} $A ${{A}}", E = {{value = "weak", force = false}}}}
env-file = ["task.env"]
args = [{{name = "name", default = "n"}}]
[tasks.outer]
composite = ["it", {{task = "it", env = {{D = "reference"}}}}]
env = {{D = "outer"}}
[tasks.clean]
cmd = '''python -c "{program}"'''
clean-env = true
env = {{B = "own"}}
""",
    )
    (ready.directory / "base.env").write_text("B=file\nC=file\nD=file\n")
    (ready.directory / "task.env").write_text("D=task file\nE=task file\n")
    assert _out(ready, "it") == "settings file task n $A settings file task file\n"
    assert _out(ready, "it", "m", A="mine", C="mine", E="mine") == "mine file task m $A mine file mine\n"
    assert _out(ready, "outer").splitlines() == [
        "settings file task n $A settings outer task file",
        "settings file task n $A settings reference task file",
    ]
    assert _out(ready, "clean", A="mine", E="mine") == "- own - - -\n"
    assert _out(ready, "--no-env-file", "it") == "settings settings task n $A settings - weak\n"
    (ready.directory / "more.env").write_text("B=more\n")
    assert _out(ready, "--env-file", "more.env", "it").startswith("settings more ")


def test_directory(ready: Blast) -> None:
    (ready.directory / "sub").mkdir(exist_ok=True)
    show = "python -c \"import os; print(os.path.relpath('.', '{root}'), os.environ['INIT_CWD'])\""
    _tasks(
        ready,
        f"[tasks]\nhere = '''{show}'''\nthere = {{cmd = '''{show}''', cwd = 'sub'}}\n"
        "gone = {cmd = 'x', cwd = 'no'}\n",
    )
    sub = ready.at(ready.directory / "sub")
    assert _out(sub, "here") == f". {sub.directory}\n"
    assert _out(sub, "there") == f"sub {sub.directory}\n"
    assert "is no directory" in ready.run("task", "gone").stderr


PARALLEL = """
[tasks]
say = '''python -c "import sys, time
print(sys.argv[1]); time.sleep(float(sys.argv[2])); print('end', sys.argv[1]); sys.exit(int(sys.argv[3]))" {args}'''
all = {depends = ["say a 1 0", "say b 1 0"], parallel = true}
fails = {depends = ["say a 30 0", "say b 0 4"], parallel = true}
on = {depends = ["say a 0.5 0", "say b 0 4"], parallel = true, keep-going = true}
"""


def test_parallel_runs_overlap_and_say_whose_line_it_is(ready: Blast) -> None:
    _tasks(ready, PARALLEL)
    lines = _out(ready, "all").splitlines()
    assert sorted(lines[:2]) == ["say a 1 0 | a", "say b 1 0 | b"]
    assert sorted(lines[2:]) == ["say a 1 0 | end a", "say b 1 0 | end b"]
    one_by_one = _out(ready, "-j", "1", "all").splitlines()
    assert one_by_one == ["a", "end a", "b", "end b"]


def test_a_failure_ends_what_runs_beside_it(ready: Blast) -> None:
    _tasks(ready, PARALLEL)
    began = time.monotonic()
    done = ready.run("task", "fails")
    assert done.returncode == 4
    assert "end a" not in done.stdout
    assert time.monotonic() - began < 25
    done = ready.run("task", "on")
    assert done.returncode == 4
    assert "end a" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("name", ["all", "say x 30 0", "two"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_reach_what_runs_and_nothing_is_left(ready: Blast, name: str, number: signal.Signals) -> None:
    mark = f"mark-{os.getpid()}-{name.replace(' ', '-')}-{number}"
    loop = f"import time; print('up', flush=True); time.sleep(60)  # {mark}"
    _tasks(
        ready,
        f"[tasks]\nloop = ['python', '-c', \"{loop}\"]\nsay = ['python', '-c', \"{loop}\"]\n"
        "all = {depends = ['loop', 'loop 2'], parallel = true}\ntwo = {composite = ['loop', 'say']}\n",
    )
    with ready.start("task", "--no-sync", *name.split()) as process:
        assert process.stdout is not None
        for _ in range(2 if name == "all" else 1):
            assert "up" in process.stdout.readline()
        process.send_signal(number)
        assert process.wait(timeout=30) in {128 + number, -number}
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert mark not in left


@pytest.mark.skipif(os.name == "nt", reason="terminals of POSIX")
@pytest.mark.parametrize("name", ["count", "both", "two"])
def test_ctrl_c_in_a_terminal_reaches_each_program_once(ready: Blast, name: str, tmp_path: Path) -> None:
    """The terminal tells all programs in the foreground itself: telling them again would cut their cleaning short."""
    import pty

    log = tmp_path / "log"
    program = (
        "import signal, sys, time\n"
        "def told(*_):\n    open(sys.argv[1], 'a').write('told ')\n    time.sleep(0.5)\n    sys.exit(3)\n"
        "signal.signal(signal.SIGINT, told)\nprint('up', flush=True)\ntime.sleep(30)\n"
    )
    (ready.directory / "told.py").write_text(program)
    _tasks(
        ready,
        f"[tasks]\ncount = 'python told.py {log}'\nagain = 'python told.py {log}'\n"
        "two = {composite = ['count', 'again']}\nboth = {depends = ['count', 'again'], parallel = true}\n",
    )
    child, terminal = pty.fork()
    if not child:
        os.chdir(ready.directory)
        words = [sys.executable, "-m", "blast_cli", "task", "--no-sync", name]
        os.execve(sys.executable, words, ready.variables())
    seen = b""
    while seen.count(b"up") < (2 if name == "both" else 1):
        seen += os.read(terminal, 1024)
    os.write(terminal, b"\x03")
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert log.read_text().split() == ["told"] * (2 if name == "both" else 1)
    assert os.waitstatus_to_exitcode(status) == (130 if name == "both" else 3)


FRESH = """
[tasks.build]
cmd = '''python -c "import os, sys
print('built'); open('out.txt', 'w').write(os.environ.get('MODE', '') + ' '.join(sys.argv))" {args}'''
inputs = ["src/**/*.txt", "!src/skip.txt"]
outputs = ["out.txt"]
env = {MODE = "a"}
[tasks.use]
cmd = '''python -c "print('used')"'''
depends = ["build"]
[tasks.bad]
cmd = '''python -c "import sys; print('ran'); sys.exit(1)"'''
inputs = ["src/one.txt"]
"""


def test_what_is_fresh_is_not_done_again(project: Blast) -> None:
    blast = _tasks(project, FRESH)
    source = blast.directory / "src"
    source.mkdir()
    (source / "one.txt").write_text("1")
    (source / "skip.txt").write_text("1")

    def runs(*words: str, **environ: str) -> bool:
        return "built" in blast("task", "build", *words, **environ).stdout

    assert runs()
    assert not runs()
    assert "build: nothing to do" in blast("task", "build").stderr
    assert blast("task", "use").stdout == "used\n"
    (source / "skip.txt").write_text("2")
    assert not runs()
    (source / "one.txt").write_text("2")
    assert runs()
    # The same content at another time is the same.
    (source / "one.txt").write_text("2")
    os.utime(source / "one.txt", (1, 1))
    assert not runs()
    (source / "more").mkdir()
    (source / "more" / "two.txt").write_text("2")
    assert runs()
    (source / "more" / "two.txt").unlink()
    assert runs()
    (blast.directory / "out.txt").write_text("by hand")
    assert runs()
    (blast.directory / "out.txt").unlink()
    assert runs()
    assert not runs()
    assert runs("--other")
    _tasks(blast, FRESH.replace('"a"', '"b"'))
    assert runs()
    assert not runs()
    assert "built" in blast("task", "--force", "build").stdout
    assert not runs()
    # Other distributions, another environment.
    blast("add", "alpha")
    assert runs()
    assert not runs()
    blast("undo")
    for _ in range(2):
        assert blast.run("task", "bad").stdout == "ran\n"


def test_platforms(ready: Blast) -> None:
    names = {"linux": "linux", "darwin": "macos", "win32": "windows"}
    mine = names[sys.platform]
    other = "windows" if mine != "windows" else "linux"
    _tasks(
        ready,
        f"[tasks.it]\ncmd = '''{SHOW} any'''\nenv = {{A = '1'}}\n"
        f"[tasks.it.platform]\n{mine} = '''{SHOW} mine'''\n{other} = {{shell = 'echo other'}}\n"
        f"[tasks.elsewhere.platform]\n{other} = 'x'\n",
    )
    assert _out(ready, "it") == "mine\n"
    assert "does nothing" in ready.run("task", "elsewhere").stderr


LISTED = f"""
[tasks]
_secret = '''{SHOW} secret'''
hidden = {{cmd = '''{SHOW}''', hidden = true}}
test = {{cmd = '''{SHOW} test''', help = "Run the tests", aliases = ["t"], args = [{{name = "path", default = "."}}]}}
"""


def test_list_aliases_and_hidden(ready: Blast) -> None:
    _tasks(ready, LISTED)
    assert _out(ready) == _out(ready, "--list") == "test [PATH]  Run the tests\n"
    assert "_secret" in _out(ready, "--list", "--all")
    (row,) = ready.json("task", "--list")["tasks"]
    assert (row["name"], row["help"], row["aliases"]) == ("test", "Run the tests", ["t"])
    assert _out(ready, "t") == "test\n"
    assert _out(ready, "_secret") == "secret\n"
    done = ready.run("task", "tset")
    assert done.returncode == 2
    assert "did you mean 'test'?" in done.stderr


def test_names_are_listed_cheaply(ready: Blast) -> None:
    from blast_project.tasks.finding import task_names

    _tasks(ready, LISTED)
    assert task_names(str(ready.directory), str(ready.home)) == [("test", "Run the tests")]
    assert task_names(str(ready.home), str(ready.home)) == []


def test_dry_run_says_and_does_nothing(blast: Blast) -> None:
    blast("init", "--name", "demo")
    _tasks(blast, "[tasks]\na = 'no-such-program $SECRET {args}'\nb = {cmd = 'x', depends = ['a 1']}\n")
    assert blast("task", "--dry-run", "b", SECRET="hush").stdout == "a 1: no-such-program $SECRET 1\nb: x\n"
    steps = json.loads(blast("task", "--json", "--dry-run", "b").stdout)["steps"]
    assert [row["task"] for row in steps] == ["a 1", "b"]
    assert not (blast.directory / ".venv").exists()


def test_run_knows_tasks_after_programs_of_the_environment_and_before_those_of_the_machine(project: Blast) -> None:
    project("add", "alpha")
    _tasks(project, f"[tasks]\nalpha = '''{SHOW} task'''\nls = '''{SHOW} task'''\nown = '''{SHOW} task'''\n")
    for _ in range(2):
        assert project("run", "alpha").stdout == "alpha 2.0\n"
        assert project("run", "ls", "x").stdout == "task|x\n"
        assert project("run", "own").stdout == "task\n"
    assert project("run", "--no-project", "true").returncode == 0
    done = project.run("run", "nothing")
    assert done.returncode == 2
    assert project("task", "alpha").stdout == "task\n"


def test_the_environment_is_made_first(project: Blast) -> None:
    _tasks(project, "[tasks]\nit = 'alpha'\n")
    project("add", "alpha", "--no-sync")
    assert project("task", "it").stdout == "alpha 2.0\n"
    assert project.run("task", "--locked", "it").returncode == 0


def test_missing_program(ready: Blast) -> None:
    _tasks(ready, "[tasks]\nit = 'no-such-program'\n")
    done = ready.run("task", "it")
    assert done.returncode == 2
    assert "it: there is no command 'no-such-program'" in done.stderr


def test_workspace(blast: Blast) -> None:
    root = blast.directory
    show = SHOW.replace('"', '\\"')
    (root / "pyproject.toml").write_text(
        '[project]\nname = "top"\nversion = "1"\nrequires-python = ">=3.9"\n'
        '[tool.blast.workspace]\nmembers = ["packages/*"]\n'
        f'[tool.blast.tasks]\ntest = "{show} top"\nshared = "{show} shared"\n'
        'both = {depends = ["one:test", "test"]}\n'
    )
    for name in ("one", "two", "three"):
        member = root / "packages" / name
        member.mkdir(parents=True)
        own = f'[tool.blast.tasks]\ntest = {{cmd = "{show} {name}", depends = ["shared"]}}\n' if name != "three" else ""
        (member / "pyproject.toml").write_text(
            f'[project]\nname = "{name}"\nversion = "1"\nrequires-python = ">=3.9"\n{own}'
        )
    blast("sync")
    assert _out(blast, "test") == "top\n"
    assert _out(blast.at(root / "packages" / "one"), "test") == "shared\none\n"
    assert _out(blast.at(root / "packages" / "three"), "test") == "top\n"
    assert _out(blast, "--all-packages", "test") == "top\nshared\none\ntwo\n"
    assert _out(blast, "--package", "two", "test") == "shared\ntwo\n"
    assert _out(blast, "both") == "shared\none\ntop\n"
    lines = _out(blast, "--all-packages", "--parallel", "test").splitlines()
    assert sorted(line.split("|")[1].strip() for line in lines) == ["one", "shared", "top", "two"]
    assert blast.run("task", "--package", "none", "test").returncode == 2
    assert [row["name"] for row in blast.json("task")["tasks"]] == ["test", "shared", "both", "one:test", "two:test"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('it = {comand = "x"}', "did you mean 'cmd'"),
        ('it = {cmd = "x", shell = "y"}', "has cmd and shell"),
        ("it = {}", "does nothing"),
        ("it = 3", "must be a command or a table"),
        ('"a b" = "x"', "can't be the name of a task"),
        ('it = {cmd = "x", aliases = ["it"]}', "two tasks are called 'it'"),
        ('it = {cmd = "x", args = [{name = "a", default = 1}, "b"]}', "has to be given"),
        ('it = {cmd = "x", args = [{name = "a", type = "int"}]}', "of the type 'int'"),
        ('it = {cmd = "x", args = ["a", "a"]}', "two arguments"),
        ('it = {cmd = "x", args = ["args"]}', "can't be the name of an argument"),
        ('it = {cmd = "x", env = {A = [1]}}', "must be a text"),
        ('it = {cmd = "x", parallel = "yes"}', "true or false"),
        ('it = {cmd = "x", inputs = "a"}', "an array of texts"),
        ('it = {cmd = "x", platform = {win = "y"}}', "unknown 'win'"),
        ('it = {cmd = "x", depends = [{tsk = "y"}]}', "did you mean 'task'"),
        ('it = {call = "nothing"}', "names no function"),
    ],
)
def test_mistakes_are_named_with_file_and_line(ready: Blast, text: str, complaint: str) -> None:
    _tasks(ready, f"[tasks]\n\n{text}\n")
    done = ready.run("task", "--list")
    assert done.returncode == 1
    assert "blast.toml:" in done.stderr
    assert complaint in done.stderr, done.stderr


def test_references_to_nothing_are_named(ready: Blast) -> None:
    _tasks(ready, '[tasks]\nit = {cmd = "x", depends = ["buidl"]}\nbuild = "x"\nquote = "a \'b"\n')
    assert "did you mean 'build'?" in ready.run("task", "it").stderr
    assert "quote that is not closed" in ready.run("task", "quote").stderr
