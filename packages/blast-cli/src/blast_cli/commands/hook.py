"""``blast hook``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from blast_cli.hook_scripts import SHELLS, hook_script
from blast_cli.outcome import Context, Outcome
from blast_core.errors import UsageError

if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("shell", nargs="?", choices=(*SHELLS, "pwsh"), help="the shell that it is for")
    parser.add_argument(
        "--check",
        default="",
        metavar="DIR",
        help="say by the exit status whether DIR is an environment of this machine",
    )


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Print the script by which a shell enters environments, or answer what that script asks."""
    if arguments.check:
        return _check(os.path.join(context.settings.directory, arguments.check), context)
    if not arguments.shell:
        raise UsageError("which shell?", hint=f"one of {', '.join(SHELLS)}")
    script = hook_script("powershell" if arguments.shell == "pwsh" else arguments.shell)
    return Outcome({"shell": arguments.shell, "script": script}, data=script)


def _check(environment: str, context: Context) -> Outcome:
    from blast_pm.store.roots import is_registered

    known = is_registered(context.settings.home, environment)
    # Behind the separator PATH would go on with another directory.
    if known and os.pathsep not in environment:
        return Outcome({"environment": environment, "known": True})
    why = (
        f"no path in PATH can hold '{os.pathsep}'" if known else "it was not made here; 'blast sync' makes one that is"
    )
    line = f"{environment} is not entered: {why}"
    return Outcome({"environment": environment, "known": False}, (line,), code=1)
