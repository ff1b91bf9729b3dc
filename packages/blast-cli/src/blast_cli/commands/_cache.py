"""What the commands that clean the store show and ask alike."""

from __future__ import annotations

from blast_cli.commands._amounts import format_size
from blast_cli.commands._shared import plural
from blast_cli.outcome import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from blast_project.cache_operations import GcReport, RemovedObject

__all__ = ["UNSEEN", "add_collect_options", "gc_outcome", "object_documents", "object_lines", "stayed_lines"]

_SHOWN = 20
#: What is said of environments that can't be looked at, by their state.
UNSEEN = {"away": "its disk is away", "moved": "it was moved since"}


def add_collect_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of gc and prune."""
    parser.add_argument(
        "--keep", type=_count, default=None, metavar="N", help="N generations of each environment instead of ten"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would go and remove nothing")


def _count(text: str) -> int:
    import argparse

    if not text.isdecimal() or int(text) < 1:
        message = f"'{text}' is no number of generations"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def object_documents(objects: Sequence[RemovedObject]) -> list[dict[str, object]]:
    """Return removed objects as JSON."""
    return [dict(row._asdict()) for row in objects]


def object_lines(objects: Sequence[RemovedObject]) -> list[str]:
    """Return a line for each of the largest that went."""
    shown = sorted(objects, key=lambda row: -row.bytes)[:_SHOWN]
    lines = [f" - {row.name or row.tree} {row.version} ({format_size(row.bytes)})" for row in shown]
    return [*lines, f"   and {len(objects) - _SHOWN} more"] if len(objects) > _SHOWN else lines


def stayed_lines(held: int, leased: int, busy: int) -> list[str]:
    """Return a line for each reason why something stays that could have gone."""
    lines = []
    if held:
        lines.append(f"{held} stay: links to them are held by environments that moved since; 'blast sync' there tells")
    if leased:
        lines.append(f"{leased} stay: a running command is about to use them")
    if busy:
        lines.append(f"{busy} stay: the store was locked; run again when other commands are done")
    return lines


def gc_outcome(report: GcReport, *, dry_run: bool) -> Outcome:
    """Return what gc and prune show."""
    document = {
        "dry_run": dry_run,
        "objects": object_documents(report.objects),
        "freed_bytes": report.freed_bytes,
        "generations": {path: list(numbers) for path, numbers in report.generations.items()},
        "environments": list(report.environments),
        "leftovers": list(report.leftovers),
        "rows": report.rows,
        "store_bytes": report.store_bytes,
        "over_bytes": report.over_bytes,
        "reached": report.reached,
        "recent": report.recent,
        "held": report.held,
        "leased": report.leased,
        "busy": report.busy,
    }
    word = "Would remove" if dry_run else "Removed"
    freed = format_size(report.freed_bytes)
    lines = [f"{word} {plural(len(report.objects), 'distribution')}, {freed}; {format_size(report.store_bytes)} stay"]
    lines += object_lines(report.objects)
    counts = (
        (sum(map(len, report.generations.values())), "generation"),
        (
            len(report.environments),
            "environment of a tool" if len(report.environments) == 1 else "environments of tools",
        ),
        (len(report.leftovers), "leftover"),
        (report.rows, "old row"),
    )
    others = [f"{count} {text}" if " of " in text else plural(count, text) for count, text in counts if count]
    if others:
        lines.append(f"{word} {', '.join(others)}")
    return Outcome(document, (*lines, *stayed_lines(report.held, report.leased, report.busy)))
