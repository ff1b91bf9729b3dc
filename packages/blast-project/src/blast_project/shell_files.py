"""Putting a directory on PATH in the start-up files of the user's shell."""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["put_on_path"]

_NOTE = "# added by blast"
# Of the first list the files that exist are changed, of the second all: what the shell reads when it starts.
_FILES = {
    "bash": ((".bash_profile", ".bash_login", ".profile"), (".bashrc",)),
    "zsh": ((), (".zshenv",)),
    "ksh": ((), (".profile",)),
    "dash": ((), (".profile",)),
    "sh": ((), (".profile",)),
    "fish": ((), (".config/fish/conf.d/blast.fish",)),
    "tcsh": ((), (".tcshrc",)),
    "csh": ((), (".cshrc",)),
    "nu": ((), (".config/nushell/env.nu",)),
}


def put_on_path(directory: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Add a line to the files that the user's shell reads, and return those that were changed.

    Raises:
        UsageError: SHELL names none that is known.
    """
    shell = os.path.basename(environ.get("SHELL", ""))
    home = environ.get("HOME") or os.path.expanduser("~")
    if shell not in _FILES:
        raise UsageError(
            f"the shell {shell!r} is not known" if shell else "SHELL does not say which shell this is",
            hint=f"put {directory} on PATH in its start-up file",
        )
    existing, always = _FILES[shell]
    if shell == "zsh" and environ.get("ZDOTDIR"):
        home = environ["ZDOTDIR"]
    paths = [os.path.join(home, name) for name in existing if os.path.exists(os.path.join(home, name))]
    if existing and not paths:
        paths = [os.path.join(home, existing[0])]
    paths += [os.path.join(home, *name.split("/")) for name in always]
    line = f"{_line(shell, directory)}  {_NOTE}\n"
    return tuple(path for path in paths if _append(path, line))


def _line(shell: str, directory: str) -> str:
    if shell == "nu":
        return f"$env.PATH = ($env.PATH | prepend {_double_quoted(directory)})"
    quoted = "'" + directory.replace("'", "'\\''") + "'"
    if shell == "fish":
        escaped = directory.replace("\\", "\\\\").replace("'", "\\'")
        return f"contains -- '{escaped}' $PATH; or set -gx PATH '{escaped}' $PATH"
    if shell in {"tcsh", "csh"}:
        return f"set path = ({quoted} $path)"
    return f'export PATH={quoted}:"$PATH"'


def _double_quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _append(path: str, line: str) -> bool:
    """Add a line to a file, unless it is there; what a link leads to is changed, not the link."""
    path = os.path.realpath(path)
    try:
        with open(path, "rb") as file:
            before = file.read()
    except FileNotFoundError:
        before = b""
    added = line.encode("utf-8", "surrogateescape")
    if added in before:
        return False
    separator = b"\n" if before and not before.endswith(b"\n") else b""
    fs.make_directories(os.path.dirname(path))
    fs.replace_file(path, before + separator + added)
    return True
