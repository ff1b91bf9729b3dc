"""``blast run --from-git``: the project of a run is a commit of a repository."""

from __future__ import annotations

import os

from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import NoReturn

    from blast_cli.outcome import Context
    from blast_project.git_runs import Checkout
    from blast_project.session import Session
    from blast_project.starting import RunOptions

__all__ = ["enter_checkout", "run_checkout"]


def enter_checkout(
    arguments: argparse.Namespace, context: Context, words: list[str]
) -> tuple[Context, list[str], Checkout]:
    """Return the context in which a command sees a commit as its project, the words for it, and the commit.

    Raises:
        UsageError: other options name another project.
        OfflineError, IndexAccessError: it can't be had.
    """
    from blast_project.git_runs import open_checkout, words_in
    from blast_project.session import Session

    if arguments.no_project or arguments.project or getattr(arguments, "environment", None):
        raise UsageError("--from-git names the project", hint="leave --project, --no-project and --env out")
    if arguments.in_memory:
        raise UsageError("--from-git and --in-memory don't go together", reason="a commit is a directory of files")
    with Session(context.settings, context.reporter) as session:
        checkout = open_checkout(session, arguments.from_git)
    if not checkout.is_ours:
        _check_options(arguments, checkout)
    # What the commit has locked is taken as it is.
    arguments.frozen = arguments.frozen or (checkout.has_own_lock and not arguments.locked)
    # The requirements of options are relative to where the user is.
    for name in ("with_editable", "with_requirements"):
        setattr(arguments, name, [os.path.abspath(path) for path in getattr(arguments, name)])
    arguments.with_ = [os.path.abspath(line) if line.startswith(("./", "../")) else line for line in arguments.with_]
    settings = context.settings._replace(directory=checkout.directory, environment=checkout.environment)
    return context._replace(settings=settings), words_in(checkout, words), checkout


def _check_options(arguments: argparse.Namespace, checkout: Checkout) -> None:
    """Refuse what needs a project of Blast's.

    Raises:
        UsageError: an option does.
    """
    for name, is_asked in (
        ("matrix", bool(arguments.matrix)),
        ("watch", arguments.watch),
        ("keep", arguments.keep == "never"),
        ("locked", arguments.locked),
    ):
        if is_asked:
            raise UsageError(
                f"--{name} doesn't go with this repository",
                reason=f"what counts there is {os.path.basename(checkout.path) if checkout.kind else 'no lock at all'}",
                hint="leave it out",
            )


def run_checkout(context: Context, checkout: Checkout, options: Callable[[Session], RunOptions]) -> NoReturn:
    """Become a program of a commit that another tool has locked, or nobody."""
    from blast_project.git_runs import prepare_git_run
    from blast_project.running import replace_process
    from blast_project.session import Session

    with Session(context.settings, context.reporter) as session:
        start = prepare_git_run(session, checkout, options(session))
    context.reporter.close()
    replace_process(start.line, start.variables)
