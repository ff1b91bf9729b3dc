"""``blast memstore restore``."""

from __future__ import annotations

from blast_cli.commands._memstore import add_socket_option, open_store
from blast_cli.commands._paths import existing_file
from blast_cli.commands._shared import plural
from blast_cli.outcome import Context, Outcome
from blast_core.errors import StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", help="what 'blast memstore dump' wrote")
    add_socket_option(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Put what a file holds back into the memory store, once every digest was found right."""
    from blast_live.memstore.dump import restore

    path = existing_file(context, arguments.file)
    with open_store(arguments, context) as store:
        try:
            put, there = restore(store, path)
        except OSError as error:
            raise StoreError(f"can't read {path}", reason=error.strerror or str(error)) from error
    line = f"Restored {plural(put, 'record')}" + (f"; {there} were there already" if there else "")
    return Outcome({"path": path, "restored": put, "present": there}, (line,))
