"""``blast python find``."""

from __future__ import annotations

import os

from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "request", nargs="?", default="", metavar="REQUEST", help="what version files and the project say by default"
    )
    parser.add_argument("--system", action="store_true", help="no environment's interpreter")
    parser.add_argument("--no-project", action="store_true", help="ignore a project that may be here")
    parser.add_argument("--script", metavar="FILE", default="", help="for a script with metadata (PEP 723)")
    parser.add_argument("--show-version", action="store_true", help="print its version instead of its path")
    parser.add_argument("--resolve-links", action="store_true", help="print the path behind all links")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Print which interpreter would be used."""
    from blast_project.python.finding import find_here
    from blast_project.session import Session

    settings = context.settings
    if arguments.script:
        from blast_project.scripts import open_script

        settings = open_script(settings, os.path.join(settings.directory, arguments.script)).settings
    with Session(settings, context.reporter) as session:
        found = find_here(session, arguments.request, system=arguments.system, project=not arguments.no_project)
    path = os.path.realpath(found.path) if arguments.resolve_links else found.path
    document = {"path": path, "version": found.version, "environment": found.environment or None}
    return Outcome(document, data=found.version if arguments.show_version else path)
