"""``blast sync``."""

from __future__ import annotations

import time

from blast_cli.commands._environments import add_environment_option, chosen_environments, with_environment
from blast_cli.commands._shared import group_selection, sync_document, sync_lines, with_hooks
from blast_cli.commands._upgrades import add_upgrade_options, upgrade_names, upgrade_settings, wants_upgrades
from blast_cli.options import (
    add_group_options,
    add_index_options,
    add_lock_options,
    add_member_options,
    add_policy_options,
    add_script_option,
)
from blast_cli.options_install import add_install_wishes, add_left_out_options
from blast_cli.outcome import Context, Outcome
from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from blast_project.named_environments import NamedEnvironment
    from blast_project.selection import GroupSelection

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--dry-run", action="store_true", help="say what would change and change nothing")
    parser.add_argument("--check", action="store_true", help="the same, and fail if something would")
    add_upgrade_options(parser)
    add_script_option(parser)
    add_lock_options(parser)
    add_group_options(parser)
    add_left_out_options(parser)
    add_install_wishes(parser)
    add_member_options(parser)
    add_environment_option(parser, every=True)
    add_index_options(parser)
    add_policy_options(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Sync."""
    arguments.dry_run |= arguments.check
    if (arguments.frozen or arguments.locked) and wants_upgrades(arguments):
        raise UsageError("a lock that stays as it is can't have newer versions", hint="leave one of the two out")
    context = context._replace(settings=upgrade_settings(arguments, context.settings))
    script = None
    if arguments.script:
        from blast_cli.commands._scripts import context_of

        context, script = context_of(arguments, context)
    selection = group_selection(arguments)
    environments = chosen_environments(arguments, context)
    if environments:
        return _sync_named(arguments, context, environments, selection)
    outcome = _sync(arguments, context, selection)
    if script is not None and not arguments.dry_run:
        script.settle()
    return outcome


def _sync_named(
    arguments: argparse.Namespace,
    context: Context,
    environments: Sequence[NamedEnvironment],
    selection: GroupSelection,
) -> Outcome:
    outcomes = [_sync_one(arguments, context, row, selection, alone=len(environments) == 1) for row in environments]
    lines = tuple(
        line
        for row, outcome in zip(environments, outcomes, strict=True)
        for line in ((f"{row.name}:",) if len(outcomes) > 1 else ()) + outcome.lines
    )
    documents = [{"name": row.name, **outcome.document} for row, outcome in zip(environments, outcomes, strict=True)]
    code = next((outcome.code for outcome in outcomes if outcome.code), 0)
    return Outcome(documents[0] if len(documents) == 1 else {"environments": documents}, lines, code=code)


def _sync_one(
    arguments: argparse.Namespace,
    context: Context,
    row: NamedEnvironment,
    selection: GroupSelection,
    *,
    alone: bool,
) -> Outcome:
    """Sync one of several environments: where that fails, the others are synced all the same."""
    from blast_cli.exit_codes import exit_code
    from blast_core.errors import BlastError

    try:
        return _sync(arguments, with_environment(context, row), row.selection.with_more(selection))
    except BlastError as error:
        if alone:
            raise
        why = (f"  why: {error.reason.splitlines()[0]}",) if error.reason else ()
        line = f"error: {error.message}"
        return Outcome({"error": error.to_dict()}, (line, *why), code=exit_code(error))


def _sync(arguments: argparse.Namespace, context: Context, selection: GroupSelection) -> Outcome:
    from blast_project.operations import SyncOptions, sync_here
    from blast_project.session import Session

    began = time.monotonic()
    options = SyncOptions(
        selection=selection,
        frozen=arguments.frozen,
        locked=arguments.locked,
        inexact=arguments.inexact,
        dry_run=arguments.dry_run,
        command=context.command,
        upgrade=arguments.upgrade,
        upgrade_names=_upgraded(arguments, context),
    )
    with Session(context.settings, context.reporter) as session:
        result = sync_here(session, options)
        lines = sync_lines(result, round((time.monotonic() - began) * 1000), dry_run=arguments.dry_run)
        outcome = Outcome({**sync_document(result), "dry_run": arguments.dry_run}, lines)
        if arguments.dry_run or arguments.script:
            return outcome._replace(code=int(arguments.check and result.changed))
        return with_hooks(outcome, session, result, selection, context)


def _upgraded(arguments: argparse.Namespace, context: Context) -> tuple[str, ...]:
    if not arguments.upgrade_package and not arguments.upgrade_group:
        return ()
    from blast_project.project import load_project

    return tuple(upgrade_names(arguments, load_project(context.settings.directory, context.settings.home)))
