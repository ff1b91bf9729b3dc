"""``blast hook``."""

from __future__ import annotations

import os

from blast_cli.hook_scripts import SHELLS, hook_script
from blast_cli.hook_variables import KINDS, variables_script
from blast_cli.outcome import Context, Outcome
from blast_core.errors import UsageError

TYPE_CHECKING = False
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
    parser.add_argument(
        "--variables",
        choices=KINDS,
        default="",
        help="with --check, print what sets the variables of the project here, and what puts them back",
    )


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Print the script by which a shell enters environments, or answer what that script asks."""
    if arguments.check:
        return _check(os.path.join(context.settings.directory, arguments.check), context, arguments.variables)
    if not arguments.shell:
        raise UsageError("which shell?", hint=f"one of {', '.join(SHELLS)}")
    script = hook_script("powershell" if arguments.shell == "pwsh" else arguments.shell)
    return Outcome({"shell": arguments.shell, "script": script}, data=script)


def _check(environment: str, context: Context, kind: str) -> Outcome:
    from blast_pm.store.roots import is_registered

    known = is_registered(context.settings.home, environment)
    # Behind the separator PATH would go on with another directory.
    if known and os.pathsep not in environment:
        script = _variables(environment, context, kind) if kind else ""
        return Outcome({"environment": environment, "known": True, "variables": script}, data=script)
    why = (
        f"no path in PATH can hold '{os.pathsep}'" if known else "it was not made here; 'blast sync' makes one that is"
    )
    line = f"{environment} is not entered: {why}"
    return Outcome({"environment": environment, "known": False}, (line,), code=1)


def _variables(environment: str, context: Context, kind: str) -> str:
    """Return what a shell does for the variables of the project here; what is wrong with them is only told."""
    from blast_core.errors import BlastError
    from blast_project.env_files import program_variables
    from blast_project.project import find_root, load_project
    from blast_project.running import environment_variables

    settings = context.settings
    root = find_root(settings.directory)
    if root is None:
        return ""
    environ = environment_variables(environment, settings.program_environ)
    try:
        tool = load_project(settings.directory, settings.home).manifest.tool
        found = program_variables(environ, root, tool, ())
    except BlastError as error:
        context.output.say(f"the project's variables are not set: {error.message}")
        return ""
    own = {name: value for name, value in found.items() if environ.get(name) != value and name != "PATH"}
    before = {name: environ.get(name) for name in own}
    return variables_script(kind, own, before)
