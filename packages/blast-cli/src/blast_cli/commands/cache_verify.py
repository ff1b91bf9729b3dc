"""``blast cache verify``."""

from __future__ import annotations

from blast_cli.commands._amounts import format_size
from blast_cli.commands._shared import plural
from blast_cli.exit_codes import DONE, INTEGRITY
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_project.store_verifying import Finding

__all__ = ["configure", "execute"]

_SHOWN = 5


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help="only these projects, or a digest")
    parser.add_argument("--repair", action="store_true", help="unpack again what differs")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Compare every file of the store with its wheel."""
    from blast_project.session import Session
    from blast_project.store_verifying import verify

    with Session(context.settings, context.reporter) as session:
        report = verify(session, arguments.packages, repair=arguments.repair)
    document = {
        "checked": report.checked,
        "checked_bytes": report.checked_bytes,
        "sound": report.is_sound,
        "findings": [dict(finding._asdict()) for finding in report.findings],
    }
    looked = f"Verified {plural(report.checked, 'distribution')}, {format_size(report.checked_bytes)}"
    if not report.findings:
        return Outcome(document, (f"{looked}: all as they were stored",))
    lines = [f"{looked}: {plural(len(report.findings), 'distribution')} not as stored"]
    lines += [line for finding in report.findings for line in _lines(finding)]
    if not arguments.repair:
        lines.append("'blast cache verify --repair' unpacks again what can be, and lets 'blast sync' fetch the rest")
    return Outcome(document, tuple(lines), code=DONE if report.is_sound else INTEGRITY)


def _lines(finding: Finding) -> list[str]:
    label = f"{finding.name} {finding.version}".strip()
    end = {"repaired": "; unpacked again", "lost": "; 'blast sync' fetches it again"}.get(finding.state, "")
    lines = [f"{label}: {finding.reason}{end}"]
    for word, paths in (("changed", finding.changed), ("missing", finding.missing), ("extra", finding.extra)):
        lines += [f"  {word} {path}" for path in paths[:_SHOWN]]
        if len(paths) > _SHOWN:
            lines.append(f"  and {len(paths) - _SHOWN} more {word}")
    if finding.state != "repaired":
        lines += [f"  {environment} links to it" for environment in finding.environments[:_SHOWN]]
    return lines
