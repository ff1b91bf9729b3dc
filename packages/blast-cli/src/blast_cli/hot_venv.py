"""``blast venv`` where one like it was made before: a copy of its files, without a question.

Whatever is not plain goes the long way: ``answer_venv`` returns None. A test holds what is imported.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["activation_line", "answer_venv"]

_OFF = ("", "0", "false", "no", "off")
_QUIET = ("-q", "--quiet")
_VALUES = {"-p": "python", "--python": "python", "--prompt": "prompt"}
_ENDINGS = {"fish": ".fish", "csh": ".csh", "tcsh": ".csh", "nu": ".nu"}


def answer_venv(words: list[str]) -> int | None:
    """Return 0 when the environment was made; None when the command must go the long way."""
    environ = os.environ
    given = {"python": environ.get("BLAST_PYTHON", ""), "prompt": ""}
    place, quiet = "", environ.get("BLAST_QUIET", "").lower() not in _OFF
    rest = iter(words)
    for word in rest:
        if word in _VALUES:
            given[_VALUES[word]] = next(rest, "")
        elif word in _QUIET:
            quiet = True
        elif word.startswith("-") or place:
            return None
        else:
            place = word
    from blast_project.hot_key import config_paths, has_unknown_options

    if os.name == "nt" or has_unknown_options(environ) or any(map(os.path.exists, config_paths(environ))):
        return None
    if place[:1] == "~" or given["prompt"][:1] == "." or environ.get("BLAST_LINK_MODE"):
        return None
    if not place and environ.get("BLAST_PROJECT_ENVIRONMENT"):
        return None
    from blast_core.home import find_home
    from blast_project.environment.quick import make_again

    path = os.path.normpath(os.path.join(os.getcwd(), place or ".venv"))
    found = make_again(environ, find_home(environ), given["python"], path, given["prompt"])
    if found is None:
        return None
    if not quiet:
        shown = place or ".venv"
        line = activation_line(f"{shown}/{found[2]}/activate", environ)
        sys.stderr.write(f"Made {shown} with Python {found[0]}\n{line}\n")
    return 0


def activation_line(path: str, environ: "Mapping[str, str]") -> str:
    """Return the line that says how an environment is activated in the user's shell.

    Args:
        path: of the script for a POSIX shell.
        environ: variables; SHELL names the shell.
    """
    shell = os.path.basename(environ.get("SHELL", ""))
    folder = os.path.dirname(path)
    quote = "" if all(character.isalnum() or character in "/._-" for character in path) else "'"
    if os.name == "nt":
        words = os.path.join(folder, "activate")
    elif shell == "pwsh":
        words = f"{quote}{folder}/Activate.ps1{quote}"
    else:
        words = f"{'overlay use' if shell == 'nu' else 'source'} {quote}{path}{_ENDINGS.get(shell, '')}{quote}"
    return f"Activate it with: {words}"
