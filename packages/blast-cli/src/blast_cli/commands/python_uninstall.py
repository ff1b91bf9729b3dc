"""``blast python uninstall``."""

from __future__ import annotations

import time

from blast_cli.commands._pythons import add_directory_option, installation_document
from blast_cli.outcome import Context, Outcome
from blast_cli.output import took

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("versions", nargs="*", metavar="REQUEST", help="such as 3.12 or cpython-3.12.1")
    add_directory_option(parser)
    parser.add_argument("--all", action="store_true", dest="everything", help="all that Blast installed")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Remove interpreters."""
    from blast_core.errors import UsageError
    from blast_project.python.installations import chosen_installations, installations_root, list_installations
    from blast_project.python.installing import uninstall
    from blast_project.python.programs import bin_directory, unlink_stale_programs
    from blast_project.session import Session

    if bool(arguments.versions) == arguments.everything:
        raise UsageError("nothing says which interpreters", hint="name a version such as 3.12, or give --all")
    began = time.monotonic()
    with Session(context.settings, context.reporter) as session:
        root = installations_root(session, arguments.directory)
        installed = list_installations(root)
        chosen = installed if arguments.everything else chosen_installations(installed, arguments.versions)
        uninstall(session, root, chosen)
        unlinked = unlink_stale_programs(root, bin_directory(context.settings.environ))
    milliseconds = round((time.monotonic() - began) * 1000)
    document = {
        "directory": root,
        "uninstalled": [installation_document(one) for one in chosen],
        "unlinked": list(unlinked),
    }
    if not chosen:
        return Outcome(document, ("Blast has installed no interpreters",))
    what = f"Python {chosen[0].build.version}" if len(chosen) == 1 else f"{len(chosen)} interpreters"
    return Outcome(document, (f"Uninstalled {what} in {took(milliseconds)}", *(f" - {one.key}" for one in chosen)))
