"""``blast dpp pack``."""

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
    parser.add_argument("wheel", help="the wheel")
    parser.add_argument("output", nargs="?", default="", help="a file or directory; here by default")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Turn a wheel into a DPP."""
    from blast_core.formats.dpp.convert import convert_wheel

    wheel = existing_file(context, arguments.wheel)
    stem = os.path.basename(wheel).removesuffix(".whl")
    path = output_path(context, arguments.output, f"{stem}.dpp")
    converted = convert_wheel(wheel, path)
    document = {
        "path": path,
        "blake3": converted.blake3.hex(),
        "sha256": converted.sha256,
        "size_bytes": converted.size,
    }
    return Outcome(document, (f"Wrote {path} ({converted.size} bytes, BLAKE3 {converted.blake3.hex()[:16]}…)",))
