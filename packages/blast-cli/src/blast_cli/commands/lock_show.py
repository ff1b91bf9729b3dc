"""``blast lock show``."""

from __future__ import annotations

import os

from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", nargs="?", default="", help="only this package")
    parser.add_argument("--file", default="", metavar="FILE", help="another file than the project's blast.lock")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Show a lock as text or JSON."""
    from blast_core.errors import UsageError
    from blast_core.formats.dpl.reader import DplLockFile
    from blast_core.formats.dpl.text import show_json, show_text
    from blast_core.names import normalize_name
    from blast_project.project import LOCK_NAME, find_root

    root = find_root(context.settings.directory, context.settings.home) or context.settings.directory
    path = os.path.join(context.settings.directory, arguments.file) if arguments.file else os.path.join(root, LOCK_NAME)
    if not os.path.exists(path):
        raise UsageError(f"{path} does not exist", hint="'blast lock' makes the project's lock")
    lock = DplLockFile.open(path)
    try:
        lock.verify()
        name = normalize_name(arguments.name)
        if name and not any(True for _ in lock.find(name)):
            raise UsageError(f"{name} is not in {path}", hint="'blast lock show' lists what is")
        return Outcome(show_json(lock, name or None), data=show_text(lock, name or None))
    finally:
        lock.close()
