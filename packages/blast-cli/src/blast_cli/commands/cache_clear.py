"""``blast cache clear``."""

from __future__ import annotations

from blast_cli.commands._amounts import format_size
from blast_cli.commands._cache import object_documents, object_lines, stayed_lines
from blast_cli.commands._shared import plural
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help="such as 'numpy' or 'numpy==2.1.0', or a digest")
    parser.add_argument("--all", action="store_true", help="everything, what is remembered of indexes too")
    parser.add_argument("--force", action="store_true", help="also what environments need; 'blast sync' mends them")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Remove the distributions of some projects from the store, or everything."""
    from blast_project.cache_operations import clear
    from blast_project.session import Session

    with Session(context.settings, context.reporter) as session:
        report = clear(session, arguments.packages, everything=arguments.all, force=arguments.force)
    document = {
        "objects": object_documents(report.objects),
        "freed_bytes": report.freed_bytes,
        "broken_environments": list(report.broken),
        "held": report.held,
        "leased": report.leased,
        "busy": report.busy,
    }
    lines = [f"Removed {plural(len(report.objects), 'distribution')}, {format_size(report.freed_bytes)}"]
    lines += object_lines(report.objects)
    lines += [f"{path} needs 'blast sync'" for path in report.broken]
    lines += stayed_lines(report.held, report.leased, report.busy)
    return Outcome(document, tuple(lines))
