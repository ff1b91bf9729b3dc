"""``blast self doctor``."""

from __future__ import annotations

from blast_cli.commands._shared import plural
from blast_cli.exit_codes import DONE, FAILED
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_project.doctor.model import Check

__all__ = ["configure", "execute"]

_WORDS = {"ok": "ok", "note": "note", "problem": "PROBLEM", "mended": "mended"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--fix", action="store_true", help="mend what can be mended")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Check the store, the project and its environment."""
    from blast_project.doctor.examine import examine
    from blast_project.session import Session

    with Session(context.settings, context.reporter) as session:
        found = examine(session, fix=arguments.fix)
    document = {
        "home": found.home,
        "environment": found.environment,
        "problems": found.problems,
        "mended": found.mended,
        "checks": [{**check._asdict(), "paths": list(check.paths)} for check in found.checks],
    }
    lines = [_line(check) for check in found.checks]
    if found.problems:
        end = "" if arguments.fix else "; 'blast self doctor --fix' mends what can be mended"
        lines.append(f"{plural(found.problems, 'problem')}{end}")
    elif found.mended:
        lines.append(f"All is well; {plural(found.mended, 'thing')} mended")
    else:
        lines.append("All is well")
    return Outcome(document, tuple(lines), code=FAILED if found.problems else DONE)


def _line(check: Check) -> str:
    why = f" ({check.why})" if check.why else ""
    hint = f"; {check.hint}" if check.hint and check.state != "ok" else ""
    return f"{_WORDS[check.state]:7} {check.name}: {check.what}{why}{hint}"
