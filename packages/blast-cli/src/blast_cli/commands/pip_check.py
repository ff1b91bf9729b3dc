"""``blast pip check``."""

from __future__ import annotations

from blast_cli.commands._amounts import format_size
from blast_cli.commands._pip import add_look_options, add_without_effect, place_choice
from blast_cli.commands._shared import plural
from blast_cli.exit_codes import DONE, FAILED, INTEGRITY
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from blast_project.pip.record_check import FileReport

__all__ = ["configure", "execute"]

_SHOWN = 10


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--files", action="store_true", help="also compare every installed file with its distribution's RECORD"
    )
    add_look_options(parser)
    add_without_effect(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Say whether what is installed fits together, and is what was installed."""
    from blast_project.pip.inventory import find_distributions
    from blast_project.pip.reports import find_problems
    from blast_project.pip_interface import open_site
    from blast_project.session import Session

    with Session(context.settings, context.reporter) as session:
        site = open_site(session, place_choice(arguments))
        rows = find_distributions(site.search)
        problems = find_problems(rows, site)
    document: dict[str, object] = {
        "checked": len(rows),
        "problems": [
            {"kind": row.kind, "name": row.name, "version": row.version, "message": row.words} for row in problems
        ],
    }
    text = "\n".join(row.words for row in problems) or "No broken requirements found."
    code = FAILED if problems else DONE
    if not arguments.files:
        return Outcome(document, data=text, code=code)
    from blast_project.pip.record_check import check_files

    report = check_files(rows)
    document["files"] = {
        "checked": report.files,
        "checked_bytes": report.bytes,
        "unrecorded": list(report.unrecorded),
        "faults": [dict(fault._asdict()) for fault in report.faults],
    }
    lines = "\n".join(_file_lines(report, every=context.settings.verbose > 0))
    return Outcome(document, data=f"{text}\n{lines}", code=INTEGRITY if report.faults else code)


def _file_lines(report: FileReport, *, every: bool) -> Iterator[str]:
    looked = f"{plural(report.files, 'file')} of {plural(report.distributions, 'distribution')}"
    shown = report.faults if every else report.faults[:_SHOWN]
    if not report.faults:
        yield f"Verified {looked}, {format_size(report.bytes)}: all as recorded."
    else:
        yield f"Verified {looked}: {plural(len(report.faults), 'file')} not as recorded."
    for fault in shown:
        yield f"{fault.name} {fault.version}: {fault.kind} {fault.path}: {fault.reason}"
    if len(report.faults) > len(shown):
        yield f"and {len(report.faults) - len(shown)} more, which -v shows"
    for label in report.unrecorded:
        yield f"{label} has no RECORD to compare with."
