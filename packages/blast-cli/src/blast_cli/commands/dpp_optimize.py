"""``blast dpp optimize``."""

from __future__ import annotations

import os

from blast_cli.commands._paths import existing_file, output_path
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("dpp", help="the DPP")
    parser.add_argument("output", help="the new file or its directory")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Recompress a DPP with Zstandard."""
    from blast_core.formats.dpp.optimize import optimize
    from blast_core.formats.dpp.reader import DppPackage

    path = existing_file(context, arguments.dpp)
    output = output_path(context, arguments.output, os.path.basename(path))
    package = DppPackage.open(path)
    try:
        package.verify()
        optimize(package, output)
    finally:
        package.close()
    before, after = os.path.getsize(path), os.path.getsize(output)
    document = {"path": output, "before_bytes": before, "after_bytes": after}
    return Outcome(document, (f"Wrote {output}: {before} -> {after} bytes",))
