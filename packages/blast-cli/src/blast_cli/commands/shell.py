"""``blast shell``."""

from __future__ import annotations

from blast_cli.commands._environments import add_environment_option, chosen_environments, context_in
from blast_cli.commands._shared import group_selection
from blast_cli.options import (
    add_group_options,
    add_index_options,
    add_lock_options,
    add_member_options,
    add_policy_options,
)
from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_cli.outcome import Context, Outcome

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--shell", default="", metavar="NAME", help="another shell than your own")
    parser.add_argument("--no-sync", action="store_true", help="use the environment as it is")
    add_lock_options(parser)
    add_group_options(parser)
    add_member_options(parser)
    add_environment_option(parser)
    add_index_options(parser)
    add_policy_options(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Sync where needed, then become a shell with the environment active."""
    from blast_project.running import replace_process
    from blast_project.session import Session
    from blast_project.shells import find_shell, shell_line
    from blast_project.starting import RunOptions, prepare_run

    environ = context.settings.environ
    if environ.get("BLAST_SHELL") and environ.get("VIRTUAL_ENV"):
        raise UsageError(
            f"the environment {environ['VIRTUAL_ENV']} is active already",
            reason="this is a shell of 'blast shell'",
            hint="'exit' leaves it",
        )
    shell = find_shell(environ, arguments.shell)
    named = chosen_environments(arguments, context)
    context = context_in(arguments, context)
    selection = group_selection(arguments)
    options = RunOptions(
        words=("-c",),
        selection=named[0].selection.with_more(selection) if named else selection,
        frozen=arguments.frozen,
        locked=arguments.locked,
        sync=not arguments.no_sync,
        inexact=arguments.inexact,
    )
    with Session(context.settings, context.reporter) as session:
        start = prepare_run(session, options)
    context.reporter.close()
    line, more = shell_line(shell, start.environment, environ)
    replace_process(line, {**start.variables, "BLAST_SHELL": start.environment, **more})
