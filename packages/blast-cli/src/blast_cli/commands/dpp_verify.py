"""``blast dpp verify``."""

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
    """Check every digest of a DPP."""
    from blast_core.formats.dpp.reader import DppPackage

    path = existing_file(context, arguments.dpp)
    package = DppPackage.open(path)
    try:
        package.verify()
        document = {
            "path": path,
            "name": package.name,
            "version": package.version,
            "files": len(package.files),
            "valid": True,
        }
    finally:
        package.close()
    return Outcome(
        document,
        (f"{arguments.dpp}: {document['name']} {document['version']}, {document['files']} files, all digests right",),
    )
