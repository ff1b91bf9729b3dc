"""``blast map show``."""

from __future__ import annotations

import os

from blast_cli.commands._paths import existing_file
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", help="the map, or the view that it lies in")
    parser.add_argument("names", nargs="*", metavar="IMPORT", help="only these import names")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Show where imports lie for programs that run without an environment."""
    from blast_project.no_env.map_text import map_json, map_text, open_map
    from blast_project.no_env.views import MAP

    given = os.path.join(context.settings.directory, arguments.file)
    name = os.path.join(arguments.file, MAP) if os.path.isdir(given) else arguments.file
    read = open_map(existing_file(context, name))
    return Outcome(map_json(read, arguments.names), data=map_text(read, arguments.names))
