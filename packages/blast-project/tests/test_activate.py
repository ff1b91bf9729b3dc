"""Activating and leaving an environment, in every shell that this machine has."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from blast_core.reporter import SilentReporter
from blast_pm.install.testing import running_interpreter
from blast_project.environment.manager import VenvManager

if TYPE_CHECKING:
    from pathlib import Path

_PROMPT = 'it\'s "$me" & `you`'
_SH = """
before=$PATH
. 'ACTIVATE'
echo "$VIRTUAL_ENV"; command -v python; echo "$VIRTUAL_ENV_PROMPT"; python -c 'import sys; print(sys.prefix)'
deactivate
echo "${VIRTUAL_ENV-none}"; test "$PATH" = "$before" && echo same
"""
_FISH = """
set before $PATH
source 'ACTIVATE.fish'
echo $VIRTUAL_ENV; command -s python; echo $VIRTUAL_ENV_PROMPT; python -c 'import sys; print(sys.prefix)'
deactivate
set -q VIRTUAL_ENV; or echo none
test (string join : $PATH) = (string join : $before); and echo same
"""
_CSH = """
set before="$PATH"
source 'ACTIVATE.csh'
echo "$VIRTUAL_ENV"; which python; echo $VIRTUAL_ENV_PROMPT:q; python -c 'import sys; print(sys.prefix)'
deactivate
if (! $?VIRTUAL_ENV) echo none
if ("$PATH" == "$before") echo same
"""
_NU = """
overlay use 'ACTIVATE.nu'
print $env.VIRTUAL_ENV; print (which python | get 0.path); print $env.VIRTUAL_ENV_PROMPT
print (python -c 'import sys; print(sys.prefix)')
deactivate
print ($env.VIRTUAL_ENV? | default none); print (if 'VIRTUAL_ENV' in $env { 'other' } else { 'same' })
"""
_POWERSHELL = """
$before = $env:PATH
. 'FOLDER/Activate.ps1'
$env:VIRTUAL_ENV; (Get-Command python).Source; $env:VIRTUAL_ENV_PROMPT; python -c 'import sys; print(sys.prefix)'
deactivate
if ($env:VIRTUAL_ENV) { $env:VIRTUAL_ENV } else { 'none' }
if ($env:PATH -eq $before) { 'same' }
"""
_SHELLS = {
    "dash": (_SH, ()),
    "bash": (_SH, ("--norc",)),
    "zsh": (_SH, ("-f",)),
    "fish": (_FISH, ("--no-config",)),
    "tcsh": (_CSH, ("-f",)),
    "ksh": (_SH, ()),
    "nu": (_NU, ("--no-config-file",)),
    "pwsh": (_POWERSHELL, ("-NoProfile", "-File")),
}


@pytest.fixture(params=["plain", "with blank"])
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    environment: Path = tmp_path / request.param / ".venv"
    VenvManager(str(environment)).create(running_interpreter(), reporter=SilentReporter(), prompt=_PROMPT)
    return environment


@pytest.mark.parametrize("shell", _SHELLS)
def test_activate_and_leave(environment: Path, tmp_path: Path, shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"NO SHELL: {shell} is not installed")
    template, options = _SHELLS[shell]
    script = tmp_path / f"script{'.ps1' if shell == 'pwsh' else ''}"
    text = template.replace("ACTIVATE", f"{environment}/bin/activate").replace("FOLDER", f"{environment}/bin")
    script.write_text(text)
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    done = subprocess.run(
        [program, *options, script], capture_output=True, text=True, check=False, env={**os.environ, **home}
    )
    expected = [str(environment), f"{environment}/bin/python", _PROMPT, str(environment), "none", "same"]
    # The Korn shell quotes what it finds.
    assert [line.strip("'") if shell == "ksh" else line for line in done.stdout.splitlines()] == expected, done.stderr


def test_the_prompt_is_shown_and_given_back(environment: Path) -> None:
    script = f"PS1='> '; . '{environment}/bin/activate'; echo \"$PS1\"; deactivate; echo \"$PS1\""
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"({_PROMPT}) > ", "> "]


def test_activating_twice_and_leaving_once_is_enough(environment: Path) -> None:
    activate = f". '{environment}/bin/activate'"
    script = f'before=$PATH; {activate}; {activate}; deactivate; test "$PATH" = "$before" && echo same'
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "same\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_an_environment_that_was_moved_is_activated_where_it_is(environment: Path, tmp_path: Path, shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"NO SHELL: {shell} is not installed")
    moved = environment.rename(tmp_path / "moved")
    ending = ".fish" if shell == "fish" else ""
    options = _SHELLS[shell][1]
    for place in (str(moved), "moved", "./moved"):
        line = f"source {place}/bin/activate{ending}; command -v python"
        done = subprocess.run([program, *options, "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert os.path.normpath(done.stdout.strip()) == f"{moved}/bin/python"


def test_a_program_that_embeds_python_sees_the_environment(environment: Path) -> None:
    this = f"{environment}/bin/activate_this.py"
    (next((environment / "lib").glob("python3*")) / "site-packages" / "only_here.py").write_text("NAME = 'here'\n")
    program = f"this = {this!r}; exec(open(this).read(), {{'__file__': this}}); import only_here, os, sys; "
    program += (
        "print(only_here.NAME, os.environ['VIRTUAL_ENV'], sys.prefix, os.environ['VIRTUAL_ENV_PROMPT'], sep='\\n')"
    )
    done = subprocess.run([running_interpreter().executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["here", str(environment), str(environment), _PROMPT]


def test_batch_files_have_the_ends_of_lines_of_their_shell(environment: Path) -> None:
    """They can't be run here: that they are what the shell reads is all that is shown."""
    text = (environment / "bin" / "activate.bat").read_bytes()
    assert text.count(b"\r\n") == text.count(b"\n")
    prompt = _PROMPT.replace('"', "'")
    assert f'set "VIRTUAL_ENV_PROMPT={prompt}"'.encode() in text
