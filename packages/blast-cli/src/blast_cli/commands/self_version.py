"""``blast self version``."""

from __future__ import annotations

import os
import sys

from blast_cli import __version__
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--short", action="store_true", help="print the version alone")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Say which Blast this is, what runs it, and where its things are."""
    from blast_cli.bundle import top_directory

    python = ".".join(map(str, sys.version_info[:3]))
    document = {
        "version": __version__,
        "python": python,
        "implementation": sys.implementation.name,
        "executable": sys.executable,
        "platform": sys.platform,
        "location": os.path.join(top_directory(), "blast_cli"),
        "home": context.settings.home,
    }
    if arguments.short:
        return Outcome(document, data=__version__)
    rows = (
        f"blast {__version__}",
        f"Python     {python} ({sys.executable})",
        f"installed  {document['location']}",
        f"store      {context.settings.home}",
    )
    return Outcome(document, data="\n".join(rows))
