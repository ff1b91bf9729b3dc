"""``blast cache gc``."""

from __future__ import annotations

from blast_cli.commands._amounts import format_size, parse_age, parse_size
from blast_cli.commands._cache import add_collect_options, gc_outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_cli.outcome import Context, Outcome

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--max-size", default="", metavar="SIZE", help="then the least recently used, until no more than SIZE is left"
    )
    parser.add_argument(
        "--older-than", default="30d", metavar="AGE", help="what was not used for AGE, such as 12h or 30d, the default"
    )
    add_collect_options(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Remove what no environment reaches and nobody used for a while."""
    from blast_project.cache_operations import GcOptions, collect
    from blast_project.session import Session

    options = GcOptions(
        older_than_s=parse_age(arguments.older_than),
        max_bytes=parse_size(arguments.max_size) if arguments.max_size else None,
        keep=arguments.keep,
        dry_run=arguments.dry_run,
    )
    with Session(context.settings, context.reporter) as session:
        report = collect(session, options)
    outcome = gc_outcome(report, dry_run=options.dry_run)
    if report.recent:
        verb, stay = ("was", "stays") if report.recent == 1 else ("were", "stay")
        more = f"{report.recent} that nothing needs {verb} used less than {arguments.older_than} ago and {stay}"
        outcome = outcome._replace(lines=(*outcome.lines, more))
    if report.over_bytes:
        over = f"The store is {format_size(report.over_bytes)} larger than {arguments.max_size}"
        line = f"{over}: environments need the rest; 'blast cache size' shows which"
        outcome = outcome._replace(lines=(*outcome.lines, line))
    return outcome
