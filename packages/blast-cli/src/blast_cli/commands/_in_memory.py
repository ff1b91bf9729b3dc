"""``blast run --in-memory``."""

from __future__ import annotations

import sys

from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import NoReturn

    from blast_cli.outcome import Context
    from blast_core.blobs import BlobSource
    from blast_project.in_memory.session import MemorySession
    from blast_project.in_memory.sharing import Sharing
    from blast_project.runnables import Runnable
    from blast_project.session import Session
    from blast_project.starting import RunOptions

__all__ = ["add_memory_options", "open_session", "run_in_memory"]


def add_memory_options(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--in-memory", action="store_true", help="fetch into memory and import from there; no file is made"
    )
    parser.add_argument(
        "--spill",
        default="private",
        metavar="WHERE",
        help="where what needs files has them: private (a file system in memory), never, or a directory",
    )


def open_session(context: Context) -> MemorySession:
    """Return services that make no file; nor does this process from now on."""
    from blast_project.in_memory.session import MemorySession

    sys.dont_write_bytecode = True
    return MemorySession(context.settings, context.reporter)


def _sharing(context: Context) -> Sharing:
    """Return what is shared with other runs: through the memory store, where one is named or its socket stands."""
    import os

    from blast_live.memstore.place import VARIABLE, find_socket
    from blast_project.in_memory.sharing import Sharing

    environ = context.settings.environ
    path = find_socket(environ, context.settings.home)
    if not path or (VARIABLE not in environ and not os.path.exists(path)):
        return Sharing(None, context.reporter)

    def connect() -> BlobSource:
        from blast_live.memstore.access import find_token
        from blast_live.memstore.client import MemoryStore

        return MemoryStore(path, token=find_token(environ))

    return Sharing(connect, context.reporter)


def run_in_memory(
    arguments: argparse.Namespace, context: Context, session: Session, what: Runnable, options: RunOptions
) -> NoReturn:
    """Become a program whose distributions lie in memory.

    Raises:
        UsageError: an option needs an environment.
        InstallError: something can't be run from memory, and ``--spill never`` leaves it at that.
    """
    import os

    from blast_core.errors import InstallError
    from blast_project.in_memory.launching import become, prepare_launch
    from blast_project.in_memory.spilling import NEVER, respawn

    for name in ("watch", "no_env", "isolated", "with_editable"):
        if getattr(arguments, name, None):
            raise UsageError(f"--in-memory and --{name.replace('_', '-')} don't go together")
    try:
        launch = prepare_launch(session, options, what.script, what.text, sharing=_sharing(context))
    except InstallError as error:
        if not error.details.get("spill") or arguments.spill == NEVER:
            raise
        context.reporter.note(f"{error.message}: {error.reason}; it gets a file system in memory ({arguments.spill})")
        context.reporter.close()
        _give_input(what)
        respawn(arguments.spill, sys.argv[1:], dict(os.environ))
    context.reporter.close()
    _give_input(what)
    become(launch)


def _give_input(what: Runnable) -> None:
    if what.is_input:
        from blast_project.script_inputs import give_standard_input

        give_standard_input(what.source)
