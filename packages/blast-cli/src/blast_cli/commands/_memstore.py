"""What the commands of the memory store ask and say alike."""

from __future__ import annotations

from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_cli.outcome import Context
    from blast_live.memstore.client import MemoryStore

__all__ = ["add_socket_option", "key_of", "open_store", "seconds", "socket_of"]


def add_socket_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the store."""
    parser.add_argument(
        "--socket",
        metavar="PATH",
        default="",
        help="the store's socket; BLAST_MEMSTORE, or memstore/socket in BLAST_HOME by default",
    )


def socket_of(arguments: argparse.Namespace, context: Context) -> str:
    """Return the absolute path of the socket.

    Raises:
        UsageError: the environment says that there is to be none.
    """
    import os

    from blast_live.memstore.place import find_socket

    if arguments.socket:
        return os.path.normpath(os.path.join(context.settings.directory, arguments.socket))
    path = find_socket(context.settings.environ, context.settings.home)
    if not path:
        raise UsageError("BLAST_MEMSTORE turns the memory store off", hint="unset it, or name a --socket")
    return path


def open_store(arguments: argparse.Namespace, context: Context, wait_s: float = 120.0) -> MemoryStore:
    """Return a connection to the store.

    Raises:
        DaemonError: none answers, or it does not let us in.
    """
    from blast_live.memstore.access import find_token
    from blast_live.memstore.client import MemoryStore

    return MemoryStore(socket_of(arguments, context), token=find_token(context.settings.environ), wait_s=wait_s)


def seconds(text: str) -> float:
    """Return the seconds that such as ``30``, ``30s``, ``5m`` or ``1h`` stand for; a bare number is of seconds.

    Raises:
        UsageError: it is no time.
    """
    from blast_cli.commands._amounts import parse_age

    return parse_age(f"{text}s" if text.replace(".", "", 1).isdecimal() else text)


def key_of(path: str, name: str) -> str:
    """Return the key of a wheel's or DPP's distribution, its project's name, version and tag; else ``name``."""
    from blast_core.names import normalize_name

    wheel = name
    if name.endswith(".dpp"):
        from blast_core.formats.dpp.reader import DppPackage

        package = DppPackage.open(path)
        try:
            wheel = package.wheel_filename
        finally:
            package.close()
    parts = wheel.removesuffix(".whl").split("-")
    if not wheel.endswith(".whl") or len(parts) not in {5, 6}:
        return name
    return "/".join((normalize_name(parts[0]), *parts[1:-3], "-".join(parts[-3:])))
