"""Activation scripts for the shells that people use.

Each works out the environment from its own place where its shell can tell it, so that an environment may be moved.
"""

from __future__ import annotations

import os

from blast_core import fs

__all__ = ["write_activation"]

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
set -gx VIRTUAL_ENV {quoted_environment}
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

_POWERSHELL = """\
# Use with: {scripts}/Activate.ps1
function global:deactivate ([switch]$NonDestructive) {
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
$global:_OLD_VIRTUAL_PATH = $env:PATH
$env:PATH = (Join-Path $env:VIRTUAL_ENV "{scripts}") + [IO.Path]::PathSeparator + $env:PATH
"""

_SCRIPTS = {"activate": _BASH, "activate.fish": _FISH, "activate.csh": _CSH, "Activate.ps1": _POWERSHELL}


def write_activation(scripts: str, environment: str, prompt: str) -> None:
    """Write the activation scripts into the directory ``scripts`` of an environment.

    Args:
        scripts: the directory to write into.
        environment: where the environment will be found.
        prompt: what an activated shell shows.
    """
    values = {
        "{scripts}": os.path.basename(scripts),
        "{quoted_environment}": _quote(environment),
        "{quoted_prompt}": _quote(prompt),
    }
    for name, template in _SCRIPTS.items():
        text = template
        for key, value in values.items():
            # PowerShell doubles a quote inside single quotes.
            text = text.replace(key, value.replace("'\\''", "''") if name.endswith(".ps1") else value)
        fs.write_file(os.path.join(scripts, name), text.encode("utf-8", "surrogateescape"))


def _quote(text: str) -> str:
    """Quote for a shell: single quotes, each quote inside closed, escaped and opened again."""
    return "'" + text.replace("'", "'\\''") + "'"
