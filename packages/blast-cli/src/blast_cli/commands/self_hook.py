"""``blast self hook``."""

from __future__ import annotations

import os

from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_project.no_env.hooking import HookPlace
    from blast_project.session import Session

__all__ = ["configure", "execute"]

_STATES = {
    "missing": "is not installed",
    "installed": "is installed",
    "outdated": "is of another Blast or home; 'blast self hook install' renews it",
    "foreign": "is a file that Blast did not write",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "action",
        choices=("install", "uninstall", "status", "view"),
        help="what to do; 'view' is what the hook asks, and answers with the packages for a program",
    )
    parser.add_argument("--user", action="store_true", help="in the user's own site-packages of the interpreter")
    parser.add_argument(
        "--break-system-packages", action="store_true", help="also where another tool manages the interpreter"
    )
    parser.add_argument("--start", action="append", default=[], metavar="DIR", help="view: where the program starts")
    parser.add_argument("--memo", action="append", default=[], metavar="FILE", help="view: where to remember it")
    parser.add_argument("--extra", action="append", default=[], metavar="NAME", help="view: with this extra")
    parser.add_argument("--group", action="append", default=[], metavar="NAME", help="view: with this group")
    parser.add_argument(
        "--with", action="append", default=[], dest="with_", metavar="REQ", help="view: of REQ, no lock"
    )
    parser.add_argument(
        "--spec", action="append", default=[], metavar="NAME=VERSION", help="view: of a version of NAME"
    )
    parser.add_argument(
        "--keep", action="append", default=[], metavar="NAME==VERSION", help="view: rather this version"
    )
    parser.add_argument("--git", default="", metavar="URL", help="view: of what a repository's lock says")
    parser.add_argument("--required", action="store_true", help="view: fail if there is no lock")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Put the hook beside an interpreter, remove it, or answer it."""
    from blast_project.pip.sites import SiteChoice
    from blast_project.session import Session

    choice = SiteChoice(user=arguments.user, break_system_packages=arguments.break_system_packages)
    with Session(context.settings, context.reporter) as session:
        if arguments.action == "view":
            return _view(session, arguments)
        from blast_project.no_env.hooking import find_hook, install_hook, uninstall_hook

        if arguments.action == "status":
            found = find_hook(session, choice)
            line = f"Python {found.version} ({found.python}): {found.path} {_STATES[found.state]}"
            return Outcome(_document(found), (line,))
        if arguments.action == "install":
            found = install_hook(session, choice)
            word = {"missing": "Installed", "outdated": "Renewed"}.get(found.state, "There is already")
            line = f"{word} the hook of Python {found.version}: 'BLAST=1 {os.path.basename(found.python)} …' uses it"
            return Outcome({**_document(found), "state": "installed", "before": found.state}, (line,))
        found = uninstall_hook(session, choice)
    word = "There is no hook" if found.state == "missing" else "Removed the hook"
    line = f"{word} of Python {found.version} ({found.path})"
    return Outcome({**_document(found), "state": "missing", "before": found.state}, (line,))


def _view(session: Session, arguments: argparse.Namespace) -> Outcome:
    from blast_core.errors import UsageError
    from blast_project.no_env.hooking import answer_hook
    from blast_project.selection import GroupSelection

    if arguments.git or arguments.with_ or arguments.spec:
        from blast_project.no_env.asking import view_of_repository, view_of_requirements

        if arguments.git:
            asked = view_of_repository(session, arguments.git, arguments.extra)
        else:
            asked = view_of_requirements(session, arguments.with_, arguments.spec, arguments.keep)
        return Outcome({**asked._asdict(), "asked": list(asked.asked)}, (asked.view,))
    starts = [os.path.abspath(path) for path in arguments.start] or [session.settings.directory]
    memos = arguments.memo or [""] * len(starts)
    if len(memos) != len(starts):
        raise UsageError("as many --memo as --start are needed", hint="or none")
    selection = GroupSelection(groups=tuple(arguments.group), extras=tuple(arguments.extra))
    found = answer_hook(session, starts, memos, selection, required=arguments.required)
    document = {"view": found.view, "site": found.site, "root": found.root}
    return Outcome(document, (found.view or "there is no lock",))


def _document(found: HookPlace) -> dict[str, object]:
    return {"path": found.path, "python": found.python, "version": found.version, "state": found.state}
