"""``blast dx encode``."""

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
    parser.add_argument("source", nargs="?", default="pyproject.toml", help="the TOML file")
    parser.add_argument("output", nargs="?", default="", help="pyproject.dx beside it by default")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Compile a pyproject.toml."""
    import tomllib

    from blast_core import fs
    from blast_core.errors import InvalidManifest
    from blast_core.formats.dpx import encode

    source = existing_file(context, arguments.source)
    with open(source, "rb") as file:
        content = file.read()
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidManifest(f"{arguments.source} is no TOML", reason=str(error)) from error
    path = output_path(context, arguments.output or os.path.dirname(source), "pyproject.dx")
    fs.replace_file(path, encode(document, content, os.stat(source).st_mtime_ns))
    return Outcome({"path": path, "size_bytes": os.path.getsize(path)}, (f"Wrote {path}",))
