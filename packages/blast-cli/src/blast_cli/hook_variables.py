"""What a shell executes to set a project's variables on entering its environment, and to put them back on leaving."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["KINDS", "variables_script"]

#: The kinds of shells: bash and zsh are one.
KINDS = ("posix", "fish", "powershell")
_UNDO = "_BLAST_UNDO"


def variables_script(kind: str, variables: Mapping[str, str], before: Mapping[str, str | None]) -> str:
    """Return commands that set variables, and ``_BLAST_UNDO`` to commands that put them back.

    Args:
        kind: one of `KINDS`.
        variables: new values.
        before: the values now; None for what is not set.
    """
    # A shell knows no other names as variables.
    named = {name: value for name, value in variables.items() if name.isidentifier() and name.isascii()}
    if not named:
        return ""
    sets, unset = _WORDS[kind]
    undo = "; ".join(
        unset(name) if (value := before.get(name)) is None else sets(name, value, is_global=True) for name in named
    )
    does = "; ".join(sets(name, value, is_global=True) for name, value in named.items())
    return f"{does}; {sets(_UNDO, undo, is_global=False)}"


def _posix(name: str, value: str, *, is_global: bool) -> str:  # noqa: ARG001 - a shell in the shell undoes it, too
    return f"export {name}={shlex.quote(value)}"


def _fish(name: str, value: str, *, is_global: bool) -> str:  # noqa: ARG001 - as above
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"set -gx {name} '{quoted}'"


def _powershell(name: str, value: str, *, is_global: bool) -> str:
    quoted = value.replace("'", "''")
    return f"$env:{name} = '{quoted}'" if is_global else f"$global:{name} = '{quoted}'"


_WORDS: dict[str, tuple[Callable[..., str], Callable[[str], str]]] = {
    "posix": (_posix, lambda name: f"unset {name}"),
    "fish": (_fish, lambda name: f"set -e {name}"),
    "powershell": (_powershell, lambda name: f"Remove-Item Env:{name} -ErrorAction Ignore"),
}
