"""``blast self hook``."""

from __future__ import annotations

import os

from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_project.no_env.hooking import HookPlace

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
        choices=("install", "uninstall", "status"),
        help="put the hook beside an interpreter, remove it, or say whether it is there",
    )
    parser.add_argument("--user", action="store_true", help="in the user's own site-packages of the interpreter")
    parser.add_argument(
        "--break-system-packages", action="store_true", help="also where another tool manages the interpreter"
    )


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Put the hook beside an interpreter, remove it, or say whether it is there."""
    from blast_project.pip.sites import SiteChoice
    from blast_project.session import Session

    choice = SiteChoice(user=arguments.user, break_system_packages=arguments.break_system_packages)
    with Session(context.settings, context.reporter) as session:
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


def _document(found: HookPlace) -> dict[str, object]:
    return {"path": found.path, "python": found.python, "version": found.version, "state": found.state}
