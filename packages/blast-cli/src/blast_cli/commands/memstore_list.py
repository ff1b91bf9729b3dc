"""``blast memstore list``."""

from __future__ import annotations

from blast_cli.commands._amounts import format_size
from blast_cli.commands._memstore import add_socket_option, open_store
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_socket_option(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """List what the memory store holds, what was used last at the end."""
    with open_store(arguments, context) as store:
        rows = store.listing()
    document = [
        {
            "key": row["key"],
            "parts": [{"name": name, "blake3": digest, "size_bytes": size} for name, digest, size in row["parts"]],
            "size_bytes": sum(size for _, _, size in row["parts"]),
            "borrowers": row["borrowers"],
            "origin": row["origin"],
        }
        for row in rows
    ]
    width = max((len(row["key"]) for row in rows), default=0)
    lines = [
        f"{row['key']:<{width}}  {format_size(sum(size for _, _, size in row['parts'])):>10}"
        + (f"  lent to {row['borrowers']}" if row["borrowers"] else "")
        + (f"  from {row['origin']}" if row["origin"] else "")
        for row in rows
    ]
    said = () if rows else ("The memory store is empty",)
    return Outcome({"records": document}, said, data="\n".join(lines))
