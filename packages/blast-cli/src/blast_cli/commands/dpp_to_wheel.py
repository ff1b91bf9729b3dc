"""``blast dpp to wheel``."""

from __future__ import annotations

from blast_cli.commands._paths import existing_file, output_path
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("dpp", help="the DPP")
    parser.add_argument("output", nargs="?", default="", help="a file or directory; here by default")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Turn a DPP back into a wheel."""
    from blast_core.formats.dpp.convert import dpp_to_wheel
    from blast_core.formats.dpp.reader import DppPackage

    package = DppPackage.open(existing_file(context, arguments.dpp))
    try:
        path = output_path(context, arguments.output, package.wheel_filename)
        dpp_to_wheel(package, path)
    finally:
        package.close()
    return Outcome({"path": path}, (f"Wrote {path}",))
