"""The scripts by which shells ask Blast what a word may become; see `blast_cli.completing`."""

from __future__ import annotations

__all__ = ["SHELLS", "completion_script"]

#: Shells that there is a script for.
SHELLS = ("bash", "zsh", "fish", "powershell")

_BASH = """\
# Use with: eval "$(blast completions bash)"
_blast_complete() {
    local line tab=$'\\t' unfinished="${COMP_WORDS[COMP_CWORD]}"
    local -a asked=("${COMP_WORDS[@]:1:COMP_CWORD}")
    [ "$unfinished" != "=" ] || unfinished=""
    [ "$1" != "bx" ] || asked=(tool run "${asked[@]}")
    COMPREPLY=()
    while IFS= read -r line; do
        case "$line" in
            :files) while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$unfinished")
                compopt -o filenames 2> /dev/null ;;
            :directories) while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -d -- "$unfinished")
                compopt -o filenames 2> /dev/null ;;
            *) line="${line%%"$tab"*}"
                # bash completes what stands after the sign.
                case "$line" in --*=*) line="${line#*=}" ;; esac
                COMPREPLY+=("$line") ;;
        esac
    done < <(command blast __complete -- "${asked[@]}" 2> /dev/null)
}
complete -F _blast_complete blast bx
"""

_ZSH = """\
#compdef blast bx
# Use with: eval "$(blast completions zsh)"   after compinit
_blast_complete() {
    local line
    local -a described asked
    asked=("${(@)words[2,$CURRENT]}")
    [[ "$words[1]" != bx ]] || asked=(tool run "$asked[@]")
    for line in "${(@f)$(command blast __complete -- "$asked[@]" 2> /dev/null)}"; do
        case "$line" in
            (:files) _files ;;
            (:directories) _files -/ ;;
            (*$'\\t'*) described+=("${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}") ;;
            (?*) described+=("${line//:/\\\\:}") ;;
        esac
    done
    (( $#described )) && _describe -V blast described
}
if [[ "$funcstack[1]" = _blast_complete || "$funcstack[1]" = _blast ]]; then
    _blast_complete "$@"
else
    compdef _blast_complete blast bx
fi
"""

_FISH = """\
# Use with: blast completions fish | source
function __blast_complete
    set -l asked (commandline -opc)[2..] (commandline -ct)
    if test "$argv[1]" = bx
        set asked tool run $asked
    end
    for line in (command blast __complete -- $asked 2> /dev/null)
        switch $line
            case :files
                __fish_complete_path (commandline -ct)
            case :directories
                __fish_complete_directories (commandline -ct)
            case '*'
                echo $line
        end
    end
end
complete -c blast -f -k -a '(__blast_complete blast)'
complete -c bx -f -k -a '(__blast_complete bx)'
"""

_POWERSHELL = """\
# Use with: blast completions powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName blast, bx -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        ForEach-Object { $_.ToString() })
    $asked = @($words | Select-Object -Skip 1) + @($wordToComplete)
    if ($words[0] -eq 'bx') { $asked = @('tool', 'run') + $asked }
    $asked = $asked | ForEach-Object { if ($_ -eq '') { '""' } else { $_ } }
    (& blast __complete -- @asked 2> $null) | ForEach-Object {
        $word, $help = $_ -split "`t", 2
        if ($word -notin ':files', ':directories') {
            $shown = if ($help) { $help } else { $word }
            [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $shown)
        }
    }
}
"""

_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH, "powershell": _POWERSHELL}


def completion_script(shell: str) -> str:
    """Return the script for one of `SHELLS`."""
    return _SCRIPTS[shell]
