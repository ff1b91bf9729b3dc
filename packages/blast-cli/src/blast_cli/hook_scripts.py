"""What makes a shell enter the environment of the project that it stands in, and leave it again.

Nothing is started at a prompt: the shell itself looks for ``pyproject.toml`` with an environment of Blast's beside it,
in the directory and those above. Only an environment that it sees for the first time is asked about, once, because a
stranger's checkout may bring one: what this machine's store does not know is not entered.

An environment that somebody activated by hand is left alone. A shell that is started in one that was entered leaves it
first, since its start-up files may have set PATH anew, and enters what is right where it stands.

Variables that the project's settings name are set on entering and put back on leaving; PATH alone is not. They are
asked about where the environment is seen for the first time, and again when the text of the manifest has changed.

Shells expand what stands in a prompt: of a directory's name only signs that mean nothing are shown there.
"""

from __future__ import annotations

__all__ = ["SHELLS", "hook_script"]

#: Shells that there is a hook for.
SHELLS = ("bash", "zsh", "fish", "powershell")

# For bash and zsh alike.
_POSIX = """\
_blast_hook() {
    local _blast_status=$? _blast_at="$PWD" _blast_found="" _blast_name="${BLAST_PROJECT_ENVIRONMENT:-.venv}"
    while [ -n "$_blast_at" ]; do
        if [ -e "$_blast_at/pyproject.toml" ]; then
            case "$_blast_name" in
                /*) _blast_found="$_blast_name" ;;
                *) _blast_found="$_blast_at/$_blast_name" ;;
            esac
            [ ! -e "$_blast_found/.blast/current" ] || break
            _blast_found=""
        fi
        _blast_at="${_blast_at%/*}"
    done
    if [ "$_blast_found" != "${_BLAST_ENTERED-}" ]; then
        [ -z "${_BLAST_ENTERED-}" ] || _blast_leave
        [ -z "$_blast_found" ] || [ -n "${VIRTUAL_ENV-}" ] || _blast_enter "$_blast_found"
    fi
    return $_blast_status
}
_blast_enter() {
    local _blast_text="" _blast_asks=""
    case "${_BLAST_STRANGE-}" in *":$1:"*) return ;; esac
    case "${_BLAST_KNOWN-}" in *":$1:"*) ;; *) _blast_asks=1 ;; esac
    [ ! -r "$_blast_at/pyproject.toml" ] || _blast_text="$(< "$_blast_at/pyproject.toml")"
    [ ! -r "$_blast_at/blast.toml" ] || _blast_text="$_blast_text$(< "$_blast_at/blast.toml")"
    case "$_blast_text" in
        *env*) _blast_text="$1:$_blast_text"; [ "$_blast_text" = "${_BLAST_ASKED-}" ] || _blast_asks=1 ;;
        *) _blast_text="" ;;
    esac
    if [ -n "$_blast_asks" ]; then
        if _BLAST_SAID="$(command blast hook --check "$1" --variables posix)"; then
            _BLAST_KNOWN="${_BLAST_KNOWN-}:$1:" _BLAST_ASKED="$_blast_text"
        else
            _BLAST_STRANGE="${_BLAST_STRANGE-}:$1:"; return
        fi
    fi
    [ -z "$_blast_text" ] || eval "${_BLAST_SAID-}"
    export _BLAST_ENTERED="$1" VIRTUAL_ENV="$1"
    PATH="$1/bin:$PATH"
    VIRTUAL_ENV_PROMPT="${1%/*}"; export VIRTUAL_ENV_PROMPT="${VIRTUAL_ENV_PROMPT##*/}"
    [ -n "${VIRTUAL_ENV_DISABLE_PROMPT-}" ] || {
        _BLAST_SHOWN="(${VIRTUAL_ENV_PROMPT//[^[:alnum:]._ +@-]/_}) "
        PS1="$_BLAST_SHOWN${PS1-}"
    }
    hash -r 2> /dev/null
}
_blast_leave() {
    local _blast_rest=":$PATH:" _blast_entry=":$_BLAST_ENTERED/bin:"
    _blast_rest="${_blast_rest/"$_blast_entry"/:}"
    _blast_rest="${_blast_rest#:}"
    PATH="${_blast_rest%:}"
    [ -z "${_BLAST_SHOWN-}" ] || PS1="${PS1#"$_BLAST_SHOWN"}"
    [ "${VIRTUAL_ENV-}" != "$_BLAST_ENTERED" ] || unset VIRTUAL_ENV VIRTUAL_ENV_PROMPT
    [ -z "${_BLAST_UNDO-}" ] || eval "$_BLAST_UNDO"
    unset _BLAST_ENTERED _BLAST_SHOWN _BLAST_UNDO
    hash -r 2> /dev/null
}
[ -z "${_BLAST_ENTERED-}" ] || _blast_leave
"""

_BASH = f"""\
# Use with: eval "$(blast hook bash)"
{_POSIX}case ";${{PROMPT_COMMAND[*]-}};" in
    *";_blast_hook;"*) ;;
    *) PROMPT_COMMAND="_blast_hook${{PROMPT_COMMAND:+;$PROMPT_COMMAND}}" ;;
esac
"""

_ZSH = f"""\
# Use with: eval "$(blast hook zsh)"
{_POSIX}typeset -ag precmd_functions
if (( ! ${{precmd_functions[(I)_blast_hook]}} )); then precmd_functions=(_blast_hook $precmd_functions); fi
"""

_FISH = """\
# Use with: blast hook fish | source
function _blast_hook --on-event fish_prompt
    set -l at $PWD
    set -l found ""
    set -l name .venv
    if set -q BLAST_PROJECT_ENVIRONMENT; and test -n "$BLAST_PROJECT_ENVIRONMENT"
        set name $BLAST_PROJECT_ENVIRONMENT
    end
    while test -n "$at"
        if test -e "$at/pyproject.toml"
            set found "$at/$name"
            string match -q '/*' -- $name; and set found $name
            test -e "$found/.blast/current"; and break
            set found ""
        end
        set at (string replace -r '/[^/]*$' '' -- $at | string collect)
    end
    if test "$found" != "$_BLAST_ENTERED"
        test -z "$_BLAST_ENTERED"; or _blast_leave
        test -z "$found"; or set -q VIRTUAL_ENV; or _blast_enter $found $at
    end
end
function _blast_enter
    contains -- $argv[1] $_BLAST_STRANGE; and return
    set -l text ""
    for file in $argv[2]/pyproject.toml $argv[2]/blast.toml
        test -r $file; and set text $text(string collect <$file)
    end
    string match -q '*env*' -- $text; and set text $argv[1]:$text; or set text ""
    if not contains -- $argv[1] $_BLAST_KNOWN; or test -n "$text" -a "$text" != "$_BLAST_ASKED"
        if set -g _BLAST_SAID (command blast hook --check $argv[1] --variables fish)
            contains -- $argv[1] $_BLAST_KNOWN; or set -ga _BLAST_KNOWN $argv[1]
            set -g _BLAST_ASKED $text
        else
            set -ga _BLAST_STRANGE $argv[1]
            return
        end
    end
    test -n "$text"; and string join \\n -- $_BLAST_SAID | source
    set -gx _BLAST_ENTERED $argv[1]
    set -gx VIRTUAL_ENV $argv[1]
    set -gx VIRTUAL_ENV_PROMPT (string replace -r '^.*/' '' -- (string replace -r '/[^/]*$' '' -- $argv[1]))
    set -gx PATH $argv[1]/bin $PATH
end
function _blast_leave
    set -l rest
    for entry in $PATH
        test "$entry" = "$_BLAST_ENTERED/bin"; or set -a rest $entry
    end
    set -gx PATH $rest
    if test "$VIRTUAL_ENV" = "$_BLAST_ENTERED"
        set -e VIRTUAL_ENV
        set -e VIRTUAL_ENV_PROMPT
    end
    test -n "$_BLAST_UNDO"; and string join \\n -- $_BLAST_UNDO | source
    set -e _BLAST_ENTERED
    set -e _BLAST_UNDO
end
test -z "$_BLAST_ENTERED"; or _blast_leave
"""

_POWERSHELL = """\
# Use with: blast hook powershell | Out-String | Invoke-Expression
if (-not (Test-Path function:global:_blast_prompt)) { Copy-Item function:prompt function:global:_blast_prompt }
function global:_blast_leave {
    $programs = $global:_BLAST_PROGRAMS
    $rest = $env:PATH -split [IO.Path]::PathSeparator | Where-Object { $_ -ne $programs }
    $env:PATH = $rest -join [IO.Path]::PathSeparator
    if ($env:VIRTUAL_ENV -eq $global:_BLAST_ENTERED) { Remove-Item Env:VIRTUAL_ENV, Env:VIRTUAL_ENV_PROMPT }
    if ($global:_BLAST_UNDO) { Invoke-Expression $global:_BLAST_UNDO }
    $global:_BLAST_ENTERED = $null
    $global:_BLAST_UNDO = $null
}
function global:_blast_enter($found, $root) {
    if ($found -in $global:_BLAST_STRANGE) { return }
    $text = ''
    foreach ($name in 'pyproject.toml', 'blast.toml') {
        $file = Join-Path $root $name
        if (Test-Path -LiteralPath $file) { $text += [IO.File]::ReadAllText($file) }
    }
    $text = if ($text.Contains('env')) { "${found}:$text" } else { '' }
    if ($found -notin $global:_BLAST_KNOWN -or ($text -and $text -cne $global:_BLAST_ASKED)) {
        $said = (blast hook --check $found --variables powershell) -join "`n"
        if ($LASTEXITCODE -ne 0) { $global:_BLAST_STRANGE = @($global:_BLAST_STRANGE) + $found; return }
        $global:_BLAST_KNOWN = @($global:_BLAST_KNOWN) + $found
        $global:_BLAST_ASKED = $text
        $global:_BLAST_SAID = $said
    }
    if ($text -and $global:_BLAST_SAID) { Invoke-Expression $global:_BLAST_SAID }
    $global:_BLAST_ENTERED = $found
    $scripts = if (Test-Path -LiteralPath (Join-Path $found 'Scripts')) { 'Scripts' } else { 'bin' }
    $global:_BLAST_PROGRAMS = Join-Path $found $scripts
    $env:VIRTUAL_ENV = $found
    $env:VIRTUAL_ENV_PROMPT = Split-Path (Split-Path $found) -Leaf
    $env:PATH = $global:_BLAST_PROGRAMS + [IO.Path]::PathSeparator + $env:PATH
}
function global:prompt {
    $status = $global:LASTEXITCODE
    $name = if ($env:BLAST_PROJECT_ENVIRONMENT) { $env:BLAST_PROJECT_ENVIRONMENT } else { '.venv' }
    $at = $PWD.ProviderPath
    $found = $null
    while ($at -and -not $found) {
        if (Test-Path -LiteralPath (Join-Path $at 'pyproject.toml')) {
            $there = if ([IO.Path]::IsPathRooted($name)) { $name } else { Join-Path $at $name }
            if (Test-Path -LiteralPath (Join-Path $there '.blast')) { $found = $there; $root = $at }
        }
        $at = Split-Path $at
    }
    if ($found -ne $global:_BLAST_ENTERED) {
        if ($global:_BLAST_ENTERED) { _blast_leave }
        if ($found -and -not $env:VIRTUAL_ENV) { _blast_enter $found $root }
    }
    $global:LASTEXITCODE = $status
    _blast_prompt
}
"""

_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH, "powershell": _POWERSHELL}


def hook_script(shell: str) -> str:
    """Return the script for one of `SHELLS`."""
    return _SCRIPTS[shell]
