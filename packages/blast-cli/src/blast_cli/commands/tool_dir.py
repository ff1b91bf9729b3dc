"""``blast tool dir``."""

from __future__ import annotations

from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--bin", action="store_true", help="where the programs are linked instead")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Print where tools are."""
    from blast_project.tool_programs import programs_directory
    from blast_project.tool_receipts import tools_directory

    settings = context.settings
    directory = programs_directory(settings.environ) if arguments.bin else tools_directory(settings)
    return Outcome({"directory": directory}, data=f"{directory}\n")
