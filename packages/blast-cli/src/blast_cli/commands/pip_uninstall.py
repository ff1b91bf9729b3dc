"""``blast pip uninstall``."""

from __future__ import annotations

import time

from blast_cli.commands._pip import (
    add_place_options,
    add_without_effect,
    place_choice,
    result_document,
    result_lines,
)
from blast_cli.outcome import Context, Outcome
from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="distributions to remove")
    parser.add_argument(
        "-r",
        "--requirement",
        "--requirements",
        action="append",
        default=[],
        metavar="FILE",
        help="remove what FILE asks for",
    )
    parser.add_argument("-y", "--yes", action="store_true", help="nothing is asked anyway")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    add_place_options(parser)
    add_without_effect(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Remove distributions from an environment."""
    from blast_project.pip_interface import UninstallRequest, uninstall
    from blast_project.session import Session

    if not (arguments.names or arguments.requirement):
        raise UsageError("nothing to uninstall", hint="name distributions, or a file of them with -r")
    began = time.monotonic()
    request = UninstallRequest(
        tuple(arguments.names), tuple(arguments.requirement), place_choice(arguments), arguments.dry_run
    )
    with Session(context.settings, context.reporter) as session:
        result = uninstall(session, request)
    milliseconds = round((time.monotonic() - began) * 1000)
    lines = result_lines(result, milliseconds, dry_run=arguments.dry_run)
    return Outcome(result_document(result, dry_run=arguments.dry_run), lines)
