"""``blast dx decode``."""

from __future__ import annotations

from blast_cli.commands._paths import existing_file
from blast_cli.outcome import Context, Outcome
from blast_core.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("source", nargs="?", default="pyproject.dx", help="the compiled manifest")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Turn a pyproject.dx back into TOML."""
    from blast_compat.dpx_text import to_toml
    from blast_core.formats.dpx import decode

    path = existing_file(context, arguments.source)
    with open(path, "rb") as file:
        content = file.read()
    try:
        document = decode(content)
    except FormatError as error:
        raise FormatError(f"{path} can't be read", reason=error.message) from error
    return Outcome(document, data=to_toml(document))
