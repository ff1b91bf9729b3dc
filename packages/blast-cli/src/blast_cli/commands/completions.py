"""``blast completions``."""

from __future__ import annotations

from blast_cli.completion_scripts import SHELLS, completion_script
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("shell", choices=(*SHELLS, "pwsh"), help="the shell that it is for")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:  # noqa: ARG001 - all commands look alike
    """Print the script by which a shell completes Blast's commands, options and names."""
    script = completion_script("powershell" if arguments.shell == "pwsh" else arguments.shell)
    return Outcome({"shell": arguments.shell, "script": script}, data=script)
