"""``blast memstore put``."""

from __future__ import annotations

import os

from blast_cli.commands._amounts import format_size
from blast_cli.commands._memstore import add_socket_option, key_of, open_store
from blast_cli.commands._paths import existing_file
from blast_cli.outcome import Context, Outcome
from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", nargs="+", help="wheels, DPPs or any other files")
    parser.add_argument(
        "--key",
        default="",
        metavar="KEY",
        help="put them as the parts of one record under KEY; a wheel's or DPP's own is NAME/VERSION/TAG by default, "
        "another file's is its name",
    )
    add_socket_option(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Put files into the memory store, all of them or none."""
    rows = [_row(context, name, arguments.key) for name in arguments.file]
    keys = list(dict.fromkeys(key for key, _, _ in rows))
    if not arguments.key and len(keys) < len(rows):
        raise UsageError("two files have one key", reason=", ".join(sorted(key for key, _, _ in rows)))
    opened: list[int] = []
    try:
        with open_store(arguments, context) as store, store.begin(keys) as claimed:
            for key in keys:
                parts = [(name, os.open(path, os.O_RDONLY)) for each, name, path in rows if each == key]
                opened += [fd for _, fd in parts]
                claimed.add(key, parts)
            records = claimed.commit()
    finally:
        for fd in opened:
            os.close(fd)
    document = [
        {
            "key": record.key,
            "parts": [
                {"name": part.name, "blake3": part.digest.hex(), "size_bytes": part.size} for part in record.parts
            ],
        }
        for record in records
    ]
    lines = [f" + {record.key} ({format_size(sum(part.size for part in record.parts))})" for record in records]
    return Outcome({"records": document}, tuple(lines))


def _row(context: Context, name: str, key: str) -> tuple[str, str, str]:
    path = existing_file(context, name)
    base = os.path.basename(path)
    return key or key_of(path, base), base, path
