"""What commands share that have ``--script``: a script is a project of its own for them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_cli.outcome import Context
    from blast_project.scripts import Script

__all__ = ["context_of"]


def context_of(arguments: argparse.Namespace, context: Context) -> tuple[Context, Script]:
    """Return the context in which a command sees the script that is named as its project, and the script.

    Raises:
        UsageError: there is no such script, or it has no metadata.
        InvalidManifest: its metadata is wrong.
    """
    from blast_project.scripts import find_script, open_script

    script = open_script(context.settings, find_script(arguments.script))
    return context._replace(settings=script.settings), script
