"""``blast memstore status``."""

from __future__ import annotations

from blast_cli.commands._amounts import format_size
from blast_cli.commands._memstore import add_socket_option, open_store, socket_of
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_socket_option(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Say whether a memory store runs, and how full it is."""
    with open_store(arguments, context) as store:
        status = store.status()
    path = socket_of(arguments, context)
    document = {
        "socket": path,
        "pid": status["pid"],
        "version": status["version"],
        "records": status["records"],
        "blobs": status["blobs"],
        "size_bytes": status["size"],
        "pinned_bytes": status["pinned"],
        "max_size_bytes": status["max_size"],
        "connections": status["connections"],
        "transactions": status["transactions"],
        "waiting": status["waiting"],
        "evicted": status["evicted"],
        "refused": status["refused"],
        "fault": status["fault"],
        "redis": status["redis"],
    }
    rows = [
        ("socket", f"{path} (pid {status['pid']})"),
        ("holds", f"{status['records']} records, {status['blobs']} blobs"),
        ("size", f"{format_size(status['size'])} of {format_size(status['max_size'])}"),
        ("in use", format_size(status["pinned"])),
        ("connections", str(status["connections"])),
        ("installs", f"{status['transactions']}, and {status['waiting']} waiting"),
        ("evicted", str(status["evicted"])),
    ]
    redis = status["redis"]
    if redis is not None:
        rows.append(("redis", ", ".join(f"{count} {name}" for name, count in redis.items() if name != "last_error")))
        if redis["last_error"]:
            rows.append(("", f"last error: {redis['last_error']}"))
    if status["fault"]:
        rows.append(("fault", status["fault"]))
    return Outcome(document, data="\n".join(f"{name:<13}{text}" for name, text in rows))
