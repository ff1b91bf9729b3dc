"""``blast dpp inspect``."""

from __future__ import annotations

from blast_cli.commands._paths import existing_file
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("dpp", help="the DPP")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Show what a DPP holds."""
    from blast_core.formats.dpp.reader import DppPackage
    from blast_core.formats.dpp.text import inspect_json, inspect_text

    package = DppPackage.open(existing_file(context, arguments.dpp))
    try:
        return Outcome(inspect_json(package), data=inspect_text(package))
    finally:
        package.close()
