"""``blast cache size``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blast_cli.outcome import Context, Outcome

if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    del parser


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Print how large the store is."""
    from blast_project.session import Session

    del arguments
    with Session(context.settings, context.reporter) as session:
        size = session.cache.size()
    document = dict(size._asdict())
    width = max(len(key) for key in document)
    return Outcome(
        document, data="\n".join(f"{key.replace('_', ' '):<{width}}  {value}" for key, value in document.items())
    )
