"""``blast python dir``."""

from __future__ import annotations

from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--bin", action="store_true", help="where the links python3.12 and the like are made")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Print where interpreters are installed, or linked."""
    from blast_project.python.discover import install_directory
    from blast_project.python.programs import bin_directory

    environ, home = context.settings.environ, context.settings.home
    directory, programs = install_directory(environ, home), bin_directory(environ)
    shown = programs if arguments.bin else directory
    return Outcome({"directory": directory, "bin": programs}, data=shown)
