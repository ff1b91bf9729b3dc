"""``blast dpp unpack``."""

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
    parser.add_argument("dpp", help="the DPP")
    parser.add_argument("directory", help="where to; made if missing")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Unpack the files of a DPP, as they lie in the wheel."""
    from blast_core import fs
    from blast_core.formats.dpp.reader import DppPackage

    target = os.path.join(context.settings.directory, arguments.directory)
    package = DppPackage.open(existing_file(context, arguments.dpp))
    try:
        package.verify()
        for file in package.files:
            path = os.path.join(target, *file.path.split("/"))
            fs.make_directories(os.path.dirname(path))
            fs.write_file(path, package.read(file), file.mode & 0o777)
        count = len(package.files)
    finally:
        package.close()
    return Outcome({"directory": target, "files": count}, (f"Unpacked {count} files into {target}",))
