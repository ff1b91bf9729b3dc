"""``blast memstore evict``."""

from __future__ import annotations

from blast_cli.commands._amounts import parse_size
from blast_cli.commands._memstore import add_socket_option, open_store
from blast_cli.commands._shared import plural
from blast_cli.outcome import Context, Outcome
from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("key", nargs="*", help="what 'blast memstore list' names")
    parser.add_argument("--all", action="store_true", help="everything that nobody borrows")
    parser.add_argument(
        "--to", default="", metavar="SIZE", help="what was used longest ago, until no more than SIZE is left"
    )
    add_socket_option(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Remove records from the memory store; what a runner borrows stays."""
    if bool(arguments.key) + arguments.all + bool(arguments.to) != 1:
        raise UsageError("name keys, or --all, or --to SIZE")
    kept: list[str] = []
    with open_store(arguments, context) as store:
        if arguments.key:
            gone, kept = store.evict(arguments.key)
        else:
            gone = store.shrink(parse_size(arguments.to) if arguments.to else 0)
        left = store.status()
    lines = [f"Removed {plural(gone, 'record')}; {left['records']} left"]
    lines += [f"{key} stays: it is borrowed" for key in kept]
    document = {"gone": gone, "kept": kept, "records": left["records"], "size_bytes": left["size"]}
    return Outcome(document, tuple(lines))
