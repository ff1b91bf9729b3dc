"""``blast cache prune``."""

from __future__ import annotations

from blast_cli.commands._cache import add_collect_options, gc_outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_cli.outcome import Context, Outcome

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_collect_options(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Remove what no environment reaches, however young it is."""
    from blast_project.cache_operations import GcOptions, collect
    from blast_project.session import Session

    options = GcOptions(keep=arguments.keep, any_age=True, dry_run=arguments.dry_run)
    with Session(context.settings, context.reporter) as session:
        return gc_outcome(collect(session, options), dry_run=options.dry_run)
