"""``blast memstore dump``."""

from __future__ import annotations

from blast_cli.commands._amounts import format_size
from blast_cli.commands._memstore import add_socket_option, open_store
from blast_cli.commands._paths import output_path
from blast_cli.commands._shared import plural
from blast_cli.outcome import Context, Outcome
from blast_core.errors import StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("output", help="the new file or its directory")
    add_socket_option(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Write everything that the memory store holds into one file."""
    from blast_live.memstore.dump import dump

    path = output_path(context, arguments.output, "memstore.bmd")
    with open_store(arguments, context) as store:
        try:
            count, size = dump(store, path)
        except OSError as error:
            raise StoreError(f"can't write {path}", reason=error.strerror or str(error)) from error
    line = f"Wrote {path} ({plural(count, 'record')}, {format_size(size)})"
    return Outcome({"path": path, "records": count, "size_bytes": size}, (line,))
