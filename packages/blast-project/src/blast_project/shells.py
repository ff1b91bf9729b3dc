"""A shell with the environment active: the user's own, with its own start-up files, and the environment after them.

Start-up files often set PATH anew. So the environment is activated after they were read, in the way of each shell.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from blast_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["find_shell", "shell_line"]

_NAMES = {"pwsh": "powershell", "powershell": "powershell", "nu": "nushell"}
_FILES = {"fish": "activate.fish", "powershell": "Activate.ps1", "tcsh": "activate.csh", "csh": "activate.csh"}


def find_shell(environ: Mapping[str, str], name: str = "") -> str:
    """Return the path of the user's shell, or of the one of a name.

    Raises:
        UsageError: there is none.
    """
    import shutil

    wanted = name or environ.get("SHELL") or ("powershell" if os.name == "nt" else "sh")
    found = shutil.which(wanted, path=environ.get("PATH"))
    if found is None and not name:
        found = shutil.which("cmd" if os.name == "nt" else "sh", path=environ.get("PATH", os.defpath))
    if found is None:
        raise UsageError(f"there is no shell '{wanted}'", hint="name one of PATH with '--shell', such as bash")
    return found


def shell_line(shell: str, environment: str, environ: Mapping[str, str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return what to execute for an interactive shell in an environment, and variables that it needs.

    A shell that takes no command besides gets a start-up file in a temporary directory, which that file removes.

    Args:
        shell: path of the shell.
        environment: absolute path.
        environ: the user's variables.
    """
    name = os.path.basename(shell).removesuffix(".exe").lower()
    kind = _NAMES.get(name, name)
    scripts = os.path.join(environment, "Scripts" if os.name == "nt" else "bin")
    activate = os.path.join(scripts, _FILES.get(kind, "activate"))
    plain: dict[str, tuple[str, ...]] = {
        "fish": ("--interactive", "--init-command", f"source {_fish_quoted(activate)}"),
        "powershell": ("-NoExit", "-Command", "& '" + activate.replace("'", "''") + "'"),
        "nushell": ("--execute", f"overlay use {_nu_quoted(os.path.join(scripts, 'activate.nu'))}"),
        "cmd": ("/k", os.path.join(scripts, "activate.bat")),
        # Neither takes a file nor a command and stays interactive; the variables alone have to do.
        "tcsh": ("-i",),
        "csh": ("-i",),
    }
    if kind in plain:
        return (shell, *plain[kind]), {}
    if kind == "zsh":
        return (shell, "-i"), {"ZDOTDIR": _zsh_directory(activate, environ)}
    if kind == "bash":
        own = "[ ! -f ~/.bashrc ] || . ~/.bashrc\n"
    else:
        before = environ.get("ENV", "")
        own = f"ENV={_quoted(before)}\n[ ! -f {_quoted(before)} ] || . {_quoted(before)}\n" if before else "unset ENV\n"
    start = _write(_directory(), "start", f"{own}. {_quoted(activate)}\n", is_last=True)
    return ((shell, "--rcfile", start, "-i"), {}) if kind == "bash" else ((shell, "-i"), {"ENV": start})


def _zsh_directory(activate: str, environ: Mapping[str, str]) -> str:
    """Return a directory in which zsh finds start-up files that read the user's own, then activate."""
    directory = _directory()
    own = _quoted(environ.get("ZDOTDIR") or environ.get("HOME") or os.path.expanduser("~"))
    here = _quoted(directory)
    # Many a .zshenv says where the other files are.
    text = f"ZDOTDIR={own}\n[ ! -f {own}/.zshenv ] || . {own}/.zshenv\n_BLAST_ZDOTDIR=$ZDOTDIR\nZDOTDIR={here}\n"
    _write(directory, ".zshenv", text)
    text = 'ZDOTDIR=$_BLAST_ZDOTDIR\nunset _BLAST_ZDOTDIR\n[ ! -f "$ZDOTDIR/.zshrc" ] || . "$ZDOTDIR/.zshrc"\n'
    _write(directory, ".zshrc", f"{text}. {_quoted(activate)}\n", is_last=True)
    return directory


def _directory() -> str:
    import tempfile

    return tempfile.mkdtemp(prefix="blast-shell-")


def _write(directory: str, name: str, text: str, *, is_last: bool = False) -> str:
    path = os.path.join(directory, name)
    end = f"command rm -rf {_quoted(directory)}\n" if is_last else ""
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text + end)
    return path


def _fish_quoted(text: str) -> str:
    # Unlike other shells it knows two escapes between single quotes.
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _nu_quoted(text: str) -> str:
    # Between single quotes it knows none.
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)
