"""``blast completions``, ``hook`` and ``shell`` in the shells themselves."""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blast_cli.testing import Blast

if TYPE_CHECKING:
    from blast_pm.testing import StaticIndex

pytestmark = pytest.mark.acceptance

_SHELLS = ("bash", "zsh", "fish")
_MANIFEST = """\
[project]
name = "demo"
version = "1"
dependencies = ["beta", "gamma"]
[dependency-groups]
docs = ["alpha"]
[tool.blast.tasks]
greet = { cmd = "python -c 'print(1)'", help = "say hello" }
[tool.blast.env]
MODE = "testing"
[tool.blast.tools]
checker = "alpha"
"""


@pytest.fixture(params=_SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    found = shutil.which(request.param)
    if found is None:
        pytest.skip(f"NOT TRIED: there is no {request.param}")
    return str(request.param)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, index: StaticIndex) -> Blast:
    top = tmp_path_factory.mktemp("shells")
    directory = top / "demo"
    (directory / "src" / "deep").mkdir(parents=True)
    (directory / "pyproject.toml").write_text(_MANIFEST)
    (directory / "notes.txt").touch()
    programs = top / "programs"
    programs.mkdir()
    program = programs / "blast"
    program.write_text(f'#!/bin/sh\necho x >> {top}/started\nexec {sys.executable} -m blast_cli "$@"\n')
    program.chmod(0o755)
    blast = Blast(
        directory,
        top / "home",
        {"BLAST_INDEX_URL": index.url, "HOME": str(top), "PATH": f"{programs}:{os.environ['PATH']}"},
    )
    blast("sync")
    return blast


def run(blast: Blast, shell: str, script: str, **more: str) -> str:
    options = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    done = subprocess.run(
        [shell, *options, "-c", script],
        cwd=blast.directory,
        env=blast.variables(**more),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def complete(blast: Blast, *words: str) -> dict[str, str]:
    rows = blast("__complete", "--", *words).stdout.splitlines()
    return dict(row.partition("\t")[::2] for row in rows)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sy"], {"sync"}),
        (["tool", "up"], {"upgrade"}),
        (["pyth"], {"python"}),
        (["--project", ".", "hist"], {"history"}),
        (["sync", "--all-"], {"--all-groups", "--all-extras", "--all-packages", "--all-envs"}),
        (["sync", "--all-groups", "--all-"], {"--all-extras", "--all-packages", "--all-envs"}),
        (["sync", "--group", ""], {"docs"}),
        (["sync", "--group=d"], {"--group=docs"}),
        (["sync", "--group", "=", "d"], {"--group=docs"}),
        (["lock", "--resolution", "lowest"], {"lowest", "lowest-direct"}),
        (["remove", ""], {"alpha", "beta", "gamma"}),
        (["why", "a"], {"alpha"}),
        (["lock", "-P", "be"], {"beta"}),
        (["sync", "--reinstall-package", "ga"], {"gamma"}),
        (["sync", "--upgrade-group", ""], {"docs"}),
        (["export", "--prune", "al"], {"alpha"}),
        (["tool", "run", "chec"], {"checker"}),
        (["task", "g"], {"greet"}),
        (["run", "gr"], {"greet", ":files"}),
        (["run", "python", ""], {":files"}),
        (["version", "--package", ""], {"demo"}),
        (["undo", ""], set()),
        (["nonsense", ""], set()),
        (["completions", ""], {"bash", "zsh", "fish", "powershell", "pwsh"}),
        (["dpp", "verify", ""], {":files"}),
        (["cache", "gc", "--max-size", ""], set()),
    ],
)
def test_candidates(demo: Blast, words: list[str], expected: set[str]) -> None:
    assert set(complete(demo, *words)) == expected


def test_candidates_say_what_they_are(demo: Blast) -> None:
    assert complete(demo, "task", "")["greet"] == "say hello"
    assert complete(demo, "remove", "b")["beta"] == "beta"
    assert "lock" in complete(demo, "sy")["sync"]
    assert complete(demo, "run", "pyth")["python"] == "program"
    assert complete(demo, "rollback", "")["1"] == "sync"


def test_a_broken_manifest_completes_nothing_and_says_nothing(demo: Blast, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[[[")
    done = demo.at(tmp_path)("__complete", "--", "remove", "")
    assert (done.stdout, done.stderr) == ("", "")


def test_completes_in_the_shell(demo: Blast, shell: str) -> None:
    if shell == "zsh":
        said = typed(
            demo, shell, 'autoload -U compinit; compinit -u -D; eval "$(blast completions zsh)"', "blast hist\t"
        )
        assert "blast history" in said
        return
    scripts = {
        "bash": 'eval "$(blast completions bash)"; COMP_WORDS=(blast sync --group ""); COMP_CWORD=3; '
        '_blast_complete blast; printf "%s\\n" "${COMPREPLY[@]}"',
        "fish": 'blast completions fish | source; complete -C "blast sync --group "',
    }
    assert [line.partition("\t")[0] for line in run(demo, shell, scripts[shell]).splitlines()] == ["docs"]


def test_completes_files_in_the_shell(demo: Blast, shell: str) -> None:
    if shell == "zsh":
        said = typed(
            demo,
            shell,
            'autoload -U compinit; compinit -u -D; eval "$(blast completions zsh)"',
            "blast dpp verify no\t",
        )
        assert "notes.txt" in said
        return
    scripts = {
        "bash": 'eval "$(blast completions bash)"; COMP_WORDS=(blast dpp verify no); COMP_CWORD=3; '
        '_blast_complete blast; printf "%s\\n" "${COMPREPLY[@]}"',
        "fish": 'blast completions fish | source; complete -C "blast dpp verify no"',
    }
    assert "notes.txt" in run(demo, shell, scripts[shell])


def typed(blast: Blast, shell: str, before: str, keys: str, seconds: float = 20.0) -> str:
    """Return what a shell on a terminal shows after some keys were typed at its prompt."""
    child, master = pty.fork()
    if child == 0:
        os.chdir(blast.directory)
        os.execvpe(shell, [shell, "-f", "-i"], blast.variables(TERM="dumb", PS1="READY> "))
    try:
        os.write(master, f"{before}; PS1='REA''DY> '; print DO''NE\n".encode())
        shown = read_until(master, "DONE", seconds)
        if "READY> " not in shown.partition("DONE")[2]:
            read_until(master, "READY> ", seconds)
        os.write(master, keys.encode())
        return read_until(master, None, 4.0).replace("\x07", "")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(master)


def read_until(master: int, mark: str | None, seconds: float) -> str:
    text, end = "", time.monotonic() + seconds
    while (mark is None or mark not in text) and time.monotonic() < end:
        if select.select([master], [], [], 0.2)[0]:
            text += os.read(master, 65536).decode(errors="replace")
    assert mark is None or mark in text, text
    return text


_PRINT = {
    "bash": 'printf "%s|%s|%s\\n" "${VIRTUAL_ENV-}" "$(command -v python)" "$PATH"',
    "zsh": 'printf "%s|%s|%s\\n" "${VIRTUAL_ENV-}" "$(command -v python)" "$PATH"',
    "fish": 'printf "%s|%s|%s\\n" "$VIRTUAL_ENV" (command -v python) (string join : $PATH)',
}
_STEP = {"bash": "_blast_hook", "zsh": "_blast_hook", "fish": "emit fish_prompt"}
_LOAD = {
    "bash": 'eval "$(blast hook bash)"',
    "zsh": 'eval "$(blast hook zsh)"',
    "fish": "blast hook fish | source",
}


def walk(blast: Blast, shell: str, *places: Path | str, before: str = "true") -> list[list[str]]:
    """Return the environment, python and PATH that a shell has after going to each place."""
    steps = [_LOAD[shell], before]
    for place in places:
        steps += [f"cd {shlex.quote(str(place))}", _STEP[shell], _PRINT[shell]]
    return [line.split("|") for line in run(blast, shell, "; ".join(steps)).splitlines()]


def test_enters_and_leaves(demo: Blast, shell: str, tmp_path: Path) -> None:
    environment = demo.directory / ".venv"
    outside, inside, deep, left = walk(demo, shell, tmp_path, demo.directory, demo.directory / "src" / "deep", tmp_path)
    assert outside[0] == ""
    assert inside[:2] == [str(environment), str(environment / "bin" / "python")]
    assert deep == inside
    assert left == outside
    assert inside[2] == f"{environment}/bin:{outside[2]}"


def test_goes_from_one_project_to_another(demo: Blast, shell: str, tmp_path: Path) -> None:
    other = tmp_path / "other project"
    other.mkdir()
    (other / "pyproject.toml").write_text('[project]\nname = "other"\nversion = "1"\n')
    demo.at(other)("sync")
    one, two, outside = walk(demo, shell, demo.directory, other, tmp_path)
    assert one[0] == str(demo.directory / ".venv")
    assert two[0] == str(other / ".venv")
    assert str(demo.directory) not in two[2]
    assert outside[0] == ""


def test_a_strangers_environment_is_not_entered(demo: Blast, shell: str, tmp_path: Path) -> None:
    strange = tmp_path / "checkout"
    shutil.copytree(demo.directory, strange, symlinks=True)
    row = walk(demo, shell, strange)[0]
    assert row[0] == ""
    assert str(strange) not in row[2]


def test_what_is_active_stays(demo: Blast, shell: str, tmp_path: Path) -> None:
    activate = {"fish": "activate.fish"}.get(shell, "activate")
    other = tmp_path / "env"
    demo.at(tmp_path)("venv", "env")
    row = walk(demo, shell, demo.directory, before=f"source {other / 'bin' / activate}")[0]
    assert row[0] == str(other)


def test_starts_one_process_for_an_environment_and_none_for_a_prompt(demo: Blast, shell: str, tmp_path: Path) -> None:
    log = demo.home.parent / "started"
    log.unlink(missing_ok=True)
    walk(demo, shell, *[demo.directory, tmp_path] * 20)
    # One prints the script, one is asked about the environment.
    assert len(log.read_text().splitlines()) == 2


_SHOW = {
    "bash": 'printf "%s|%s|%s\\n" "${MODE-none}" "${WORDS-none}" "${_BLAST_UNDO-none}"',
    "zsh": 'printf "%s|%s|%s\\n" "${MODE-none}" "${WORDS-none}" "${_BLAST_UNDO-none}"',
    "fish": "set -q MODE; or set -l MODE none; set -q WORDS; or set -l WORDS none; "
    'set -l undone none; test -z "$_BLAST_UNDO"; or set undone undo; printf "%s|%s|%s\\n" "$MODE" "$WORDS" $undone',
}


def test_variables_of_the_project_come_and_go(demo: Blast, shell: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    manifest = other / "pyproject.toml"
    head = '[project]\nname = "other"\nversion = "1"\n'
    manifest.write_text(head + '[tool.blast.env]\nWORDS = {value = "it\'s \\\\ \\"two\\" $HOME", force = true}\n')
    demo.at(other)("sync")
    steps = [_LOAD[shell]]
    for place in (demo.directory, tmp_path, other, tmp_path, other):
        steps += [f"cd {shlex.quote(str(place))}", _STEP[shell], _SHOW[shell]]
    change = 'WORDS = {value = "new", force = true}'
    steps += [f"cd {shlex.quote(str(tmp_path))}", _STEP[shell]]
    steps += [f"printf '%s' {shlex.quote(head + '[tool.blast.env]' + chr(10) + change)} > {shlex.quote(str(manifest))}"]
    steps += [f"cd {shlex.quote(str(other))}", _STEP[shell], _SHOW[shell]]
    rows = [line.split("|")[:2] for line in run(demo, shell, "; ".join(steps), WORDS="before").splitlines()]
    words = 'it\'s \\ "two" $HOME'
    assert rows == [
        ["testing", "before"],
        ["none", "before"],
        ["none", words],
        ["none", "before"],
        ["none", words],
        ["none", "new"],
    ]


def test_the_hook_keeps_the_status(demo: Blast) -> None:
    said = run(demo, "bash", f'{_LOAD["bash"]}; cd {demo.directory}; (exit 7); _blast_hook; echo "status $?"')
    assert said == "status 7\n"
    twice = run(demo, "bash", f'{_LOAD["bash"]}; {_LOAD["bash"]}; echo "$PROMPT_COMMAND"')
    assert twice == "_blast_hook\n"


def test_a_shell_in_the_environment(demo: Blast, shell: str) -> None:
    start = {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".config/fish/config.fish"}[shell]
    path = demo.home.parent / start
    path.parent.mkdir(parents=True, exist_ok=True)
    # Start-up files set PATH anew, as many do.
    path.write_text(
        "set -gx PATH /usr/bin /bin $PATH\necho OWN\n" if shell == "fish" else 'PATH="/usr/bin:/bin:$PATH"\necho OWN\n'
    )
    before = set(Path("/tmp").glob("blast-shell-*"))
    done = subprocess.run(
        [sys.executable, "-m", "blast_cli", "shell", "--shell", shell],
        cwd=demo.directory / "src",
        env=demo.variables(TERM="dumb", TMPDIR="/tmp"),
        input="command -v python\necho $VIRTUAL_ENV $MODE\nexit 3\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    path.unlink()
    assert "OWN" in done.stdout
    assert str(demo.directory / ".venv" / "bin" / "python") in done.stdout
    assert f"{demo.directory / '.venv'} testing" in done.stdout
    assert done.returncode == 3
    assert set(Path("/tmp").glob("blast-shell-*")) == before


def test_no_shell_in_a_shell_and_none_that_is_not_there(demo: Blast) -> None:
    inner = demo.run("shell", BLAST_SHELL="x", VIRTUAL_ENV="/x")
    assert inner.returncode == 2
    assert "'exit' leaves it" in inner.stderr
    missing = demo.run("shell", "--shell", "no-such-shell")
    assert missing.returncode == 2
    assert "there is no shell" in missing.stderr


@pytest.mark.parametrize("command", ["completions", "hook"])
def test_scripts_for_all_shells(demo: Blast, command: str) -> None:
    for shell in ("bash", "zsh", "fish", "powershell", "pwsh"):
        script = demo(command, shell).stdout
        assert re.search(r"blast (hook|__complete|completions)", script)
    assert demo.run(command, "tclsh").returncode == 2


_HOSTILE = "$(touch made) `touch made` %n $made'\\';touch made;'"


@pytest.fixture
def hostile(demo: Blast, tmp_path: Path) -> Blast:
    directory = tmp_path / _HOSTILE
    directory.mkdir()
    (directory / "pyproject.toml").write_text('[project]\nname = "hostile"\nversion = "1"\n')
    blast = demo.at(directory)
    blast("sync")
    return blast


def test_a_prompt_expands_no_directory(hostile: Blast, shell: str) -> None:
    if shell == "fish":
        pytest.skip("the hook leaves fish's prompt alone")
    shows = {"bash": 'echo "${PS1@P}"', "zsh": 'setopt prompt_subst; print -P -- "$PS1"'}[shell]
    said = run(hostile, shell, f"PS1='> '; {_LOAD[shell]}; _blast_hook; {shows}; cd /; _blast_hook; echo \"$PS1\"")
    shown, left = said.splitlines()
    assert shown.startswith("(__touch made_ _touch made_ _n _made")
    assert left == "> "
    assert not (hostile.directory / "made").exists()


def test_a_shell_in_a_directory_with_a_hostile_name(hostile: Blast, shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "blast_cli", "shell", "--shell", shell],
        cwd=hostile.directory,
        env=hostile.variables(TERM="dumb"),
        input="command -v python\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert str(hostile.directory / ".venv" / "bin" / "python") in done.stdout
    assert not (hostile.directory / "made").exists()


def test_what_is_completed_means_only_itself(hostile: Blast) -> None:
    programs = hostile.directory / ".venv" / "bin"
    for name in ("$(touch made)", "a;b", "c\x1b[31md", "new\nline", "plain-1.2"):
        (programs / name).touch()
    (hostile.directory / "pyproject.toml").write_text(
        '[tool.blast.tasks]\ntold = { cmd = "true", help = "up\\u001b[2J\\tand\\ndown" }\n'
    )
    said = hostile("__complete", "--", "run", "").stdout
    assert "\x1b" not in said
    assert "told\tup [2J and down\n" in said
    words = {row.partition("\t")[0] for row in said.splitlines()}
    assert "plain-1.2" in words
    assert not [word for word in words if re.search(r"[$;()\s]", word) or word in ("new", "line")]


def test_a_shell_in_a_shell_goes_on(demo: Blast, shell: str, tmp_path: Path) -> None:
    inner = f"{_LOAD[shell]}; {_STEP[shell]}; {_PRINT[shell]}; cd {tmp_path}; {_STEP[shell]}; {_PRINT[shell]}"
    options = {"bash": "--norc --noprofile", "zsh": "-f", "fish": "--no-config"}[shell]
    script = f"{_LOAD[shell]}; {_STEP[shell]}; {shell} {options} -c {shlex.quote(inner)}"
    inside, left = (line.split("|") for line in run(demo, shell, script).splitlines())
    assert inside[0] == str(demo.directory / ".venv")
    assert inside[2].count(f"{demo.directory}/.venv/bin") == 1
    assert left[0] == ""
    assert str(demo.directory) not in left[2]


def test_a_directory_with_a_line_end_or_a_colon(demo: Blast, shell: str, tmp_path: Path) -> None:
    (tmp_path / "two\nlines").mkdir()
    colon = tmp_path / "a:b"
    colon.mkdir()
    (colon / "pyproject.toml").write_text('[project]\nname = "colon"\nversion = "1"\n')
    demo.at(colon)("sync")
    place = "two\\nlines" if shell == "fish" else "$'two\\nlines'"
    script = f"{_LOAD[shell]}; cd {tmp_path}; cd {place}; {_STEP[shell]}; cd ../a:b; {_STEP[shell]}; {_PRINT[shell]}"
    row = run(demo, shell, script).splitlines()[-1].split("|")
    assert row[0] == ""
    assert str(colon) not in row[2]


def test_a_zshenv_that_says_where_the_others_are(demo: Blast, tmp_path: Path) -> None:
    if shutil.which("zsh") is None:
        pytest.skip("NOT TRIED: there is no zsh")
    (tmp_path / "files").mkdir()
    (tmp_path / ".zshenv").write_text(f"export ZDOTDIR={tmp_path}/files\n")
    (tmp_path / "files" / ".zshrc").write_text("echo OWN\n")
    done = subprocess.run(
        [sys.executable, "-m", "blast_cli", "shell", "--shell", "zsh"],
        cwd=demo.directory,
        env=demo.variables(TERM="dumb", HOME=str(tmp_path)),
        input="command -v python; echo $ZDOTDIR\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "OWN" in done.stdout
    assert str(demo.directory / ".venv" / "bin" / "python") in done.stdout
    assert f"{tmp_path}/files" in done.stdout
