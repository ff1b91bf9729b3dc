"""``blast self view``: what the hook and ``blast_runtime.interactive`` ask."""

from __future__ import annotations

import os

from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_project.session import Session

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--start", action="append", default=[], metavar="DIR", help="of the first lock above a DIR")
    parser.add_argument(
        "--memo", action="append", default=[], metavar="FILE", help="where to remember it, for each DIR"
    )
    parser.add_argument("--required", action="store_true", help="fail if there is no lock")
    parser.add_argument("--extra", action="append", default=[], metavar="NAME", help="with this extra")
    parser.add_argument("--group", action="append", default=[], metavar="NAME", help="with this dependency group")
    parser.add_argument(
        "--with", action="append", default=[], dest="with_", metavar="REQ", help="of REQ, without a lock"
    )
    parser.add_argument("--spec", action="append", default=[], metavar="NAME=VERSION", help="of a version of NAME")
    parser.add_argument("--keep", action="append", default=[], metavar="NAME==VERSION", help="rather this version")
    parser.add_argument("--git", default="", metavar="URL", help="of what a repository's lock says")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Make what an interpreter imports from, without running anything in it, and say where it is."""
    from blast_project.session import Session

    with Session(context.settings, context.reporter) as session:
        document = _answer(session, arguments)
    return Outcome(document, (str(document["view"]) or "There is no lock",))


def _answer(session: Session, arguments: argparse.Namespace) -> dict[str, object]:
    if arguments.git or arguments.with_ or arguments.spec:
        from blast_project.no_env.asking import view_of_repository, view_of_requirements

        if arguments.git:
            asked = view_of_repository(session, arguments.git, arguments.extra)
        else:
            asked = view_of_requirements(session, arguments.with_, arguments.spec, arguments.keep)
        return {**asked._asdict(), "asked": list(asked.asked)}
    from blast_core.errors import UsageError
    from blast_project.no_env.hooking import answer_hook
    from blast_project.selection import GroupSelection

    starts = [os.path.abspath(path) for path in arguments.start] or [session.settings.directory]
    memos = arguments.memo or [""] * len(starts)
    if len(memos) != len(starts):
        raise UsageError("as many --memo as --start are needed", hint="or none")
    selection = GroupSelection(groups=tuple(arguments.group), extras=tuple(arguments.extra))
    found = answer_hook(session, starts, memos, selection, required=arguments.required)
    return {"view": found.view, "site": found.site, "root": found.root, "asked": []}
