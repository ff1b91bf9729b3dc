"""``blast remove``."""

from __future__ import annotations

import time

from blast_cli.commands._shared import group_selection, with_hooks
from blast_cli.commands.add import add_place_options, edit_outcome, edit_script_outcome, edited_project, place_of
from blast_cli.options import add_group_options, add_index_options, add_policy_options, add_script_option
from blast_cli.options_install import add_install_wishes

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_cli.outcome import Context, Outcome

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("names", nargs="+", metavar="NAME", help="the projects to remove")
    add_place_options(parser)
    add_script_option(parser)
    add_index_options(parser)
    add_policy_options(parser)
    add_group_options(parser, dev=False)
    add_install_wishes(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Remove requirements."""
    from blast_project.editing import remove_requirements
    from blast_project.session import Session

    began = time.monotonic()
    if arguments.script:
        return edit_script_outcome(arguments, context, remove=arguments.names)
    with Session(context.settings, context.reporter) as session:
        result = remove_requirements(
            session,
            edited_project(arguments, context),
            arguments.names,
            place_of(arguments),
            lock=not arguments.no_lock,
            sync=not (arguments.no_sync or arguments.no_lock),
            command=f"remove {' '.join(arguments.names)}",
            selection=group_selection(arguments),
        )
        outcome = edit_outcome("removed", result, began)
        if result.synced is None:
            return outcome
        return with_hooks(outcome, session, result.synced, group_selection(arguments), context)
