"""``blast venv``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from blast_cli.outcome import Context, Outcome

if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("path", nargs="?", default=".venv", help="where to make it; .venv by default")
    parser.add_argument("--prompt", default="", help="the name shown by an activated shell")
    parser.add_argument("--clear", action="store_true", help="replace an environment that stands there")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Make a bare environment."""
    from blast_project.operations import make_environment
    from blast_project.session import Session

    path = os.path.normpath(os.path.join(context.settings.directory, arguments.path))
    with Session(context.settings, context.reporter) as session:
        interpreter = make_environment(session, path, prompt=arguments.prompt, clear=arguments.clear)
    activate = os.path.join(arguments.path, interpreter.scripts, "activate")
    return Outcome(
        {"environment": path, "python": interpreter.version, "interpreter": interpreter.executable},
        (f"Made {arguments.path} with Python {interpreter.version}", f"Activate it with: source {activate}"),
    )
