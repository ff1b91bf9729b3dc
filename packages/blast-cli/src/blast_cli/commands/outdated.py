"""``blast outdated``."""

from __future__ import annotations

import time

from blast_cli.commands._shared import plural
from blast_cli.options import add_index_options, add_policy_options
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_project.outdated import Survey

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these packages")
    parser.add_argument("--all", action="store_true", dest="transitive", help="also what only other packages ask for")
    parser.add_argument("--exit-code", action="store_true", help="end with status 1 if something is outdated")
    parser.add_argument("--target", action="append", default=[], metavar="NAME", help="for this target of the lock")
    parser.add_argument("--universal", action="store_true", help="for all targets of the lock")
    add_index_options(parser)
    add_policy_options(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Compare what is locked with what there is."""
    from blast_project.outdated import survey, survey_document, survey_lines
    from blast_project.questions import open_question
    from blast_project.session import Session

    with Session(context.settings, context.reporter) as session:
        question = open_question(session, arguments.target, universal=arguments.universal)
        found = survey(session, question, transitive=arguments.transitive, names=arguments.names)
        document = {**survey_document(question, found), "offline": context.settings.offline}
        lines = survey_lines(question, found)
    code = 1 if arguments.exit_code and found.outdated else 0
    return Outcome(document, _words(found, offline=context.settings.offline), "\n".join(lines), code)


def _words(found: Survey, *, offline: bool) -> tuple[str, ...]:
    words = []
    if found.outdated:
        words.append(f"{plural(len(found.outdated), 'package')} outdated, {found.current} in the newest version")
    elif found.current:
        words.append(f"Nothing is outdated ({plural(found.current, 'package')})")
    if found.unknown:
        words.append(f"Not known: {', '.join(found.unknown)}; no index that could be asked has them")
    if offline and found.asked:
        words.append(f"Offline: as the index said on {time.strftime('%Y-%m-%d at %H:%M', time.localtime(found.asked))}")
    return tuple(words)
