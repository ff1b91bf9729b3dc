"""``blast cache size``."""

from __future__ import annotations

import os

from blast_cli.commands._amounts import format_size, format_when
from blast_cli.commands._cache import UNSEEN
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_project.store_reports import SizeReport

__all__ = ["configure", "execute"]

_COUNTS = ("archives", "archive_bytes", "trees", "tree_files", "tree_bytes", "staging_bytes")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--exact", action="store_true", help="count files on the disk, environments' own too; takes longer"
    )
    parser.add_argument("--objects", action="store_true", help="list every distribution, the largest first")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Print how large the store is, and what of it is whose."""
    from blast_project.session import Session
    from blast_project.store_reports import measure

    with Session(context.settings, context.reporter) as session:
        report = measure(session, exact=arguments.exact)
    fields = report._asdict()
    document: dict[str, object] = {
        **{key: fields[key] for key in _COUNTS},
        "total_bytes": report.total_bytes,
        "database_bytes": report.database_bytes,
        "unreachable_bytes": report.unreachable_bytes,
        "environments": [dict(row._asdict()) for row in report.environments],
    }
    if arguments.objects:
        document["objects"] = [dict(row._asdict()) for row in report.objects]
    # Environments of runs and builds come and go by the dozen; what they share is counted with whom they share it.
    below = "" if arguments.verbose else f"{context.settings.home}{os.sep}"
    lines = [*_totals(report), *_environments(report, below), *_objects(report, arguments)]
    return Outcome(document, data="\n".join(lines))


def _totals(report: SizeReport) -> list[str]:
    rows = [
        ("archives", f"{report.archives}", report.archive_bytes),
        ("unpacked", f"{report.trees}", report.tree_bytes),
        ("database", "", report.database_bytes),
        ("no environment needs", "", report.unreachable_bytes),
    ]
    if report.staging_bytes:
        rows.insert(2, ("staging", "", report.staging_bytes))
    return [f"{name:<22}{count:>6}  {format_size(size):>10}" for name, count, size in rows]


def _environments(report: SizeReport, below: str) -> list[str]:
    """Return a line for each environment; those below a directory that have nothing alone are only counted."""
    if not report.environments:
        return []
    hidden = {row.environment for row in report.environments if below and row.environment.startswith(below)}
    hidden -= {row.environment for row in report.environments if row.unique_bytes}
    exact = report.environments[0].own_bytes >= 0
    own = "  OWN FILES" if exact else ""
    lines = ["", f"{'ITS ALONE':>10}  {'SHARED':>10}{own}  GEN  DISTS  LAST USED         ENVIRONMENT"]
    for row in sorted(report.environments, key=lambda row: -row.unique_bytes):
        if row.environment in hidden:
            continue
        own = f"  {format_size(row.own_bytes):>9}" if exact else ""
        away = UNSEEN.get(row.state, "")
        lines.append(
            f"{format_size(row.unique_bytes):>10}  {format_size(row.shared_bytes):>10}{own}  {row.generations:>3}  "
            f"{row.objects:>5}  {format_when(row.used)}  {row.environment}{f'  ({away})' if away else ''}"
        )
    if hidden:
        lines.append(f"and {len(hidden)} of tools, runs and builds that have nothing alone; -v lists them")
    return lines


def _objects(report: SizeReport, arguments: argparse.Namespace) -> list[str]:
    if not arguments.objects:
        return []
    lines = ["", f"{'SIZE':>10}  ENVS  LAST USED         DISTRIBUTION"]
    for row in sorted(report.objects, key=lambda row: -row.bytes):
        label = f"{row.name} {row.version}".strip() or row.tree
        lines.append(f"{format_size(row.bytes):>10}  {row.environments:>4}  {format_when(row.used)}  {label}")
    return lines
