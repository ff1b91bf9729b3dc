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
_SHELLS = {
    "dash": (_SH, ()),
    "bash": (_SH, ("--norc",)),
    "zsh": (_SH, ("-f",)),
    "fish": (_FISH, ("--no-config",)),
    "tcsh": (_CSH, ("-f",)),
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
    script = tmp_path / "script"
    script.write_text(template.replace("ACTIVATE", f"{environment}/bin/activate"))
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    done = subprocess.run(
        [program, *options, script], capture_output=True, text=True, check=False, env={**os.environ, **home}
    )
    expected = [str(environment), f"{environment}/bin/python", _PROMPT, str(environment), "none", "same"]
    assert done.stdout.splitlines() == expected, done.stderr


def test_the_prompt_is_shown_and_given_back(environment: Path) -> None:
    script = f"PS1='> '; . '{environment}/bin/activate'; echo \"$PS1\"; deactivate; echo \"$PS1\""
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"({_PROMPT}) > ", "> "]


def test_activating_twice_and_leaving_once_is_enough(environment: Path) -> None:
    activate = f". '{environment}/bin/activate'"
    script = f'before=$PATH; {activate}; {activate}; deactivate; test "$PATH" = "$before" && echo same'
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "same\n"
