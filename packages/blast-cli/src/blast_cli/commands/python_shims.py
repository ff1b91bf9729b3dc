"""``blast python shims``."""

from __future__ import annotations

import os

from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("versions", nargs="*", metavar="VERSION", help="such as 3.12; those of this machine by default")
    parser.add_argument("--dir", dest="place", default="", metavar="DIR", help="where they are made")
    parser.add_argument("--remove", action="store_true", help="remove them")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Make programs called python that run with the packages of the project they are called in."""
    from blast_project.no_env.shims import make_shims, remove_shims, shims_directory
    from blast_project.python.programs import is_on_path
    from blast_project.session import Session

    settings = context.settings
    directory = os.path.join(settings.directory, arguments.place or shims_directory(settings.home))
    if arguments.remove:
        gone = remove_shims(directory)
        return Outcome({"directory": directory, "removed": list(gone.names)}, (f"Removed {len(gone.names)} programs",))
    with Session(settings, context.reporter) as session:
        made = make_shims(session, directory, arguments.versions)
    on_path = is_on_path(directory, settings.environ)
    lines = [f"Made {', '.join(made.names)} in {directory}"]
    if not on_path:
        lines.append(f'They count with export PATH="{directory}:$PATH" in the shell\'s files')
    return Outcome({"directory": directory, "names": list(made.names), "on_path": on_path}, tuple(lines))
