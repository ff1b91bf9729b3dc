"""``blast version``."""

from __future__ import annotations

import time

from blast_cli.commands.add import edit_outcome
from blast_cli.options import add_group_options, add_index_options, add_policy_options
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_project.project import Project

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("value", nargs="?", default="", metavar="VERSION", help="the version to write")
    parser.add_argument(
        "--bump",
        action="append",
        default=[],
        metavar="PART[=N]",
        help="raise major, minor, patch, stable, alpha, beta, rc, post or dev; several may be combined",
    )
    parser.add_argument("--package", default="", metavar="NAME", help="of this member of the workspace")
    parser.add_argument("--short", action="store_true", help="print the version alone")
    parser.add_argument("--dry-run", action="store_true", help="say what it would become, and write nothing")
    parser.add_argument("--no-sync", action="store_true", help="lock, but leave the environment alone")
    parser.add_argument("--locked", action="store_true", help="fail if the lock does not answer to the manifest before")
    parser.add_argument("--no-lock", "--frozen", action="store_true", help="only edit pyproject.toml")
    add_index_options(parser)
    add_policy_options(parser)
    add_group_options(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Show or change the version of the project."""
    from blast_cli.commands._shared import member_project
    from blast_project.project import edited_manifest, load_project
    from blast_project.session import Session
    from blast_project.versioning import project_version

    project = load_project(context.settings.directory, context.settings.home)
    if arguments.package:
        project = member_project(project, arguments.package)
    name = edited_manifest(project).name
    if arguments.locked:
        from blast_project.operations import lock_here

        with Session(context.settings, context.reporter) as session:
            lock_here(session, project, check=True)
    if arguments.value or arguments.bump:
        return _change(arguments, context, project, name)
    with Session(context.settings, context.reporter) as session:
        version = project_version(session, project)
    text = version if arguments.short else f"{name} {version}"
    return Outcome({"name": name, "version": version}, data=f"{text}\n")


def _change(arguments: argparse.Namespace, context: Context, project: Project, name: str) -> Outcome:
    from blast_cli.commands._shared import group_selection, with_hooks
    from blast_project.session import Session
    from blast_project.versioning import set_version

    began = time.monotonic()
    with Session(context.settings, context.reporter) as session:
        changed = set_version(
            session,
            project,
            arguments.value,
            arguments.bump,
            dry_run=arguments.dry_run,
            lock=not arguments.no_lock,
            sync=not arguments.no_sync,
            selection=group_selection(arguments),
        )
        text = changed.after if arguments.short else f"{name} {changed.before} => {changed.after}"
        document: dict[str, object] = {"name": name, "before": changed.before, "version": changed.after}
        if changed.edit is None or changed.edit.locked is None:
            return Outcome(document, data=f"{text}\n")
        edited = edit_outcome("changed", changed.edit, began)
        document.update((key, edited.document[key]) for key in ("lock", "sync") if key in edited.document)
        outcome = Outcome(document, edited.lines, data=f"{text}\n")
        if changed.edit.synced is None:
            return outcome
        return with_hooks(outcome, session, changed.edit.synced, group_selection(arguments), context)
