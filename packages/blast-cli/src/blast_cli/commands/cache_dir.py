"""``blast cache dir``."""

from __future__ import annotations

from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare no arguments."""
    del parser


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Print where the store lies."""
    del arguments
    return Outcome({"directory": context.settings.home}, data=context.settings.home)
