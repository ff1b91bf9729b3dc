"""``blast memstore stop``."""

from __future__ import annotations

from blast_cli.commands._memstore import add_socket_option, open_store, socket_of
from blast_cli.outcome import Context, Outcome
from blast_core.errors import DaemonError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]

_STOP_S = 20.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_socket_option(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Have the memory store end; what runners have borrowed stays readable to them."""
    from blast_live.memstore.place import wait_until_free

    path = socket_of(arguments, context)
    with open_store(arguments, context) as store:
        pid = store.server_pid
        store.stop()
    if not wait_until_free(path, _STOP_S):
        raise DaemonError(f"the memory store (pid {pid}) has not ended within {_STOP_S:g} s")
    return Outcome({"socket": path, "pid": pid}, (f"Stopped the memory store at {path}",))
