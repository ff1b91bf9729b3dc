"""Activation scripts for the shells that people use.

Each works out the environment from its own place where its shell can tell it, so that an environment may be moved.
"""

from __future__ import annotations

import os

from blast_core import fs

__all__ = ["ACTIVATION_NAMES", "write_activation"]

_BASH = """\
# Use with: source {scripts}/activate   (bash, zsh, ksh)
deactivate () {
    if [ -n "${_OLD_VIRTUAL_PATH:-}" ] ; then PATH="${_OLD_VIRTUAL_PATH}"; export PATH; unset _OLD_VIRTUAL_PATH; fi
    if [ -n "${_OLD_VIRTUAL_PYTHONHOME:-}" ] ; then
        PYTHONHOME="${_OLD_VIRTUAL_PYTHONHOME}"; export PYTHONHOME; unset _OLD_VIRTUAL_PYTHONHOME
    fi
    if [ -n "${_OLD_VIRTUAL_PS1+x}" ] ; then PS1="${_OLD_VIRTUAL_PS1}"; export PS1; unset _OLD_VIRTUAL_PS1; fi
    hash -r 2> /dev/null
    unset VIRTUAL_ENV VIRTUAL_ENV_PROMPT
    if [ ! "${1:-}" = "nondestructive" ] ; then unset -f deactivate; fi
}
deactivate nondestructive
if [ -n "${BASH_SOURCE:-}" ] ; then
    _blast_here="${BASH_SOURCE[0]}"
elif [ -n "${ZSH_VERSION:-}" ] ; then
    eval '_blast_here="${(%):-%x}"'
else
    _blast_here={quoted_environment}/{scripts}/activate
fi
VIRTUAL_ENV="$(cd "$(dirname "$_blast_here")/.." > /dev/null && pwd -L)"
unset _blast_here
if [ ! -f "$VIRTUAL_ENV/pyvenv.cfg" ] ; then VIRTUAL_ENV={quoted_environment}; fi
export VIRTUAL_ENV
_OLD_VIRTUAL_PATH="$PATH"
PATH="$VIRTUAL_ENV/{scripts}:$PATH"
export PATH
VIRTUAL_ENV_PROMPT={quoted_prompt}
export VIRTUAL_ENV_PROMPT
if [ -n "${PYTHONHOME:-}" ] ; then _OLD_VIRTUAL_PYTHONHOME="${PYTHONHOME}"; unset PYTHONHOME; fi
if [ -z "${VIRTUAL_ENV_DISABLE_PROMPT:-}" ] ; then
    _OLD_VIRTUAL_PS1="${PS1:-}"
    PS1="($VIRTUAL_ENV_PROMPT) ${PS1:-}"
    export PS1
fi
hash -r 2> /dev/null
"""

_FISH = """\
# Use with: source {scripts}/activate.fish
function deactivate -d "Leave the virtual environment"
    if set -q _OLD_VIRTUAL_PATH; set -gx PATH $_OLD_VIRTUAL_PATH; set -e _OLD_VIRTUAL_PATH; end
    if set -q _OLD_VIRTUAL_PYTHONHOME; set -gx PYTHONHOME $_OLD_VIRTUAL_PYTHONHOME; set -e _OLD_VIRTUAL_PYTHONHOME; end
    if functions -q _old_fish_prompt
        functions -e fish_prompt
        functions -c _old_fish_prompt fish_prompt
        functions -e _old_fish_prompt
    end
    set -e VIRTUAL_ENV
    set -e VIRTUAL_ENV_PROMPT
    if test "$argv[1]" != "nondestructive"; functions -e deactivate; end
end
deactivate nondestructive
set -l _blast_here (status filename)
string match -q '/*' -- "$_blast_here"; or set _blast_here "$PWD/$_blast_here"
set -gx VIRTUAL_ENV (string replace -r '/[^/]+/[^/]+$' '' -- "$_blast_here")
if not test -f "$VIRTUAL_ENV/pyvenv.cfg"; set -gx VIRTUAL_ENV {quoted_environment}; end
set -gx _OLD_VIRTUAL_PATH $PATH
set -gx PATH "$VIRTUAL_ENV/{scripts}" $PATH
set -gx VIRTUAL_ENV_PROMPT {quoted_prompt}
if set -q PYTHONHOME; set -gx _OLD_VIRTUAL_PYTHONHOME $PYTHONHOME; set -e PYTHONHOME; end
if test -z "$VIRTUAL_ENV_DISABLE_PROMPT"; and functions -q fish_prompt
    functions -c fish_prompt _old_fish_prompt
    function fish_prompt
        printf "(%s) " $VIRTUAL_ENV_PROMPT
        _old_fish_prompt
    end
end
"""

# After the standard library's activate.csh (PSF licence): one line, because csh takes a line break for a command's end.
_CSH = (
    """\
# Use with: source {scripts}/activate.csh
alias deactivate '"""
    + "; ".join(
        [
            'test $?_OLD_VIRTUAL_PATH != 0 && setenv PATH "$_OLD_VIRTUAL_PATH" && unset _OLD_VIRTUAL_PATH',
            "rehash",
            'test $?_OLD_VIRTUAL_PROMPT != 0 && set prompt="$_OLD_VIRTUAL_PROMPT" && unset _OLD_VIRTUAL_PROMPT',
            "unsetenv VIRTUAL_ENV",
            "unsetenv VIRTUAL_ENV_PROMPT",
            'test "\\!:*" != "nondestructive" && unalias deactivate',
        ]
    )
    + """'
deactivate nondestructive
setenv VIRTUAL_ENV {quoted_environment}
set _OLD_VIRTUAL_PATH="$PATH"
setenv PATH "${VIRTUAL_ENV}/{scripts}:$PATH"
setenv VIRTUAL_ENV_PROMPT {quoted_prompt}
if (! "$?VIRTUAL_ENV_DISABLE_PROMPT" && $?prompt) then
    set _OLD_VIRTUAL_PROMPT="$prompt"
    set prompt = "($VIRTUAL_ENV_PROMPT) $prompt:q"
endif
rehash
"""
)

# After the standard library's Activate.ps1 (PSF licence).
_POWERSHELL = """\
# Use with: {scripts}/Activate.ps1
function global:deactivate ([switch]$NonDestructive) {
    if (Test-Path -Path Function:_OLD_VIRTUAL_PROMPT) {
        Copy-Item -Path Function:_OLD_VIRTUAL_PROMPT -Destination Function:prompt
        Remove-Item -Path Function:_OLD_VIRTUAL_PROMPT
    }
    if (Test-Path -Path Env:_OLD_VIRTUAL_PYTHONHOME) {
        Copy-Item -Path Env:_OLD_VIRTUAL_PYTHONHOME -Destination Env:PYTHONHOME
        Remove-Item -Path Env:_OLD_VIRTUAL_PYTHONHOME
    }
    if (Test-Path variable:_OLD_VIRTUAL_PATH) {
        $env:PATH = $global:_OLD_VIRTUAL_PATH
        Remove-Variable _OLD_VIRTUAL_PATH -Scope global
    }
    if (Test-Path env:VIRTUAL_ENV) { Remove-Item env:VIRTUAL_ENV }
    if (Test-Path env:VIRTUAL_ENV_PROMPT) { Remove-Item env:VIRTUAL_ENV_PROMPT }
    if (-not $NonDestructive) { Remove-Item function:deactivate }
}
deactivate -NonDestructive
$env:VIRTUAL_ENV = Split-Path -Parent $PSScriptRoot
$env:VIRTUAL_ENV_PROMPT = {quoted_prompt}
if (-not $env:VIRTUAL_ENV_DISABLE_PROMPT) {
    function global:_OLD_VIRTUAL_PROMPT { "" }
    Copy-Item -Path Function:prompt -Destination Function:_OLD_VIRTUAL_PROMPT
    function global:prompt { "($env:VIRTUAL_ENV_PROMPT) " + (_OLD_VIRTUAL_PROMPT) }
}
if (Test-Path -Path Env:PYTHONHOME) {
    Copy-Item -Path Env:PYTHONHOME -Destination Env:_OLD_VIRTUAL_PYTHONHOME
    Remove-Item -Path Env:PYTHONHOME
}
$global:_OLD_VIRTUAL_PATH = $env:PATH
$env:PATH = (Join-Path $env:VIRTUAL_ENV "{scripts}") + [IO.Path]::PathSeparator + $env:PATH
"""

# After virtualenv's activate.nu (MIT licence). Variables of an overlay go when it is hidden.
_NUSHELL = """\
# Use with: overlay use {scripts}/activate.nu
export-env {
    let virtual_env = {quoted_environment}
    let name = {quoted_prompt}
    let path_name = (if 'Path' in $env { 'Path' } else { 'PATH' })
    let path = ($env | get $path_name | prepend ([$virtual_env '{scripts}'] | path join))
    load-env {$path_name: $path, VIRTUAL_ENV: $virtual_env, VIRTUAL_ENV_PROMPT: $name}
    if ($env.VIRTUAL_ENV_DISABLE_PROMPT? | is-empty) {
        let before = $env.PROMPT_COMMAND?
        let begin = ('(' + $name + ') ')
        load-env {PROMPT_COMMAND: {||
            if ($before | is-empty) { $begin } else if ('closure' in ($before | describe)) {
                $begin + (do $before)
            } else {
                $begin + ($before | into string)
            }
        }}
    }
}
export alias pydoc = python -m pydoc
export alias deactivate = overlay hide activate
"""

# After the standard library's activate.bat (PSF licence).
_CMD = """\
@echo off
rem Use with: {scripts}\\activate.bat
for %%i in ("%~dp0..") do set "VIRTUAL_ENV=%%~fi"
set "VIRTUAL_ENV_PROMPT={quoted_prompt}"
if not defined PROMPT set PROMPT=$P$G
if defined _OLD_VIRTUAL_PROMPT set "PROMPT=%_OLD_VIRTUAL_PROMPT%"
if defined _OLD_VIRTUAL_PYTHONHOME set "PYTHONHOME=%_OLD_VIRTUAL_PYTHONHOME%"
set "_OLD_VIRTUAL_PROMPT=%PROMPT%"
if not defined VIRTUAL_ENV_DISABLE_PROMPT set "PROMPT=(%VIRTUAL_ENV_PROMPT%) %PROMPT%"
if defined PYTHONHOME set "_OLD_VIRTUAL_PYTHONHOME=%PYTHONHOME%"
set PYTHONHOME=
if defined _OLD_VIRTUAL_PATH set "PATH=%_OLD_VIRTUAL_PATH%"
if not defined _OLD_VIRTUAL_PATH set "_OLD_VIRTUAL_PATH=%PATH%"
set "PATH=%VIRTUAL_ENV%\\{scripts};%PATH%"
"""
_CMD_LEAVE = """\
@echo off
if defined _OLD_VIRTUAL_PROMPT set "PROMPT=%_OLD_VIRTUAL_PROMPT%"
set _OLD_VIRTUAL_PROMPT=
if defined _OLD_VIRTUAL_PYTHONHOME set "PYTHONHOME=%_OLD_VIRTUAL_PYTHONHOME%"
set _OLD_VIRTUAL_PYTHONHOME=
if defined _OLD_VIRTUAL_PATH set "PATH=%_OLD_VIRTUAL_PATH%"
set _OLD_VIRTUAL_PATH=
set VIRTUAL_ENV=
set VIRTUAL_ENV_PROMPT=
"""

# For programs that embed Python and are started outside of the environment.
_PYTHON = """\
\"\"\"Use with: exec(open(this_file).read(), {'__file__': this_file})\"\"\"

import os
import site
import sys

_scripts = os.path.dirname(os.path.abspath(__file__))
_base = os.path.dirname(_scripts)
os.environ["PATH"] = os.pathsep.join([_scripts, *os.environ.get("PATH", "").split(os.pathsep)])
os.environ["VIRTUAL_ENV"] = _base
os.environ["VIRTUAL_ENV_PROMPT"] = {quoted_prompt}
_known = len(sys.path)
_version = "python%d.%d" % sys.version_info[:2] + ("t" if "t" in getattr(sys, "abiflags", "") else "")
_library = ("Lib",) if os.name == "nt" else ("lib", _version)
site.addsitedir(os.path.join(_base, *_library, "site-packages"))
sys.path[:] = sys.path[_known:] + sys.path[:_known]
sys.real_prefix = sys.prefix
sys.prefix = _base
"""

_SCRIPTS = {
    "activate": _BASH,
    "activate.fish": _FISH,
    "activate.csh": _CSH,
    "activate.nu": _NUSHELL,
    "activate.bat": _CMD,
    "deactivate.bat": _CMD_LEAVE,
    "activate_this.py": _PYTHON,
    "Activate.ps1": _POWERSHELL,
}
#: Their file names.
ACTIVATION_NAMES = tuple(_SCRIPTS)


def write_activation(scripts: str, environment: str, prompt: str) -> None:
    """Write the activation scripts into the directory ``scripts`` of an environment.

    Args:
        scripts: the directory to write into.
        environment: where the environment will be found.
        prompt: what an activated shell shows.
    """
    for name, template in _SCRIPTS.items():
        quote = _QUOTES.get(os.path.splitext(name)[1], _quote)
        text = template.replace("{scripts}", os.path.basename(scripts))
        text = text.replace("{quoted_environment}", quote(environment)).replace("{quoted_prompt}", quote(prompt))
        if name.endswith(".bat"):
            text = text.replace("\n", "\r\n")
        fs.write_file(os.path.join(scripts, name), text.encode("utf-8", "surrogateescape"))


def _quote(text: str) -> str:
    """Quote for a shell: single quotes, each quote inside closed, escaped and opened again."""
    return "'" + text.replace("'", "'\\''") + "'"


def _quote_twice(text: str) -> str:
    """Quote for PowerShell: single quotes, each quote inside doubled."""
    return "'" + text.replace("'", "''") + "'"


def _quote_escaped(text: str) -> str:
    """Quote for Nushell: double quotes, with escapes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _quote_percent(text: str) -> str:
    """Return a text for the inside of double quotes in a batch file, which knows no escape for one."""
    return text.replace("%", "%%").replace('"', "'")


_QUOTES = {".ps1": _quote_twice, ".nu": _quote_escaped, ".bat": _quote_percent, ".py": ascii}
