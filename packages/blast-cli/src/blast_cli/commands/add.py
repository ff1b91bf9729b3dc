"""``blast add``."""

from __future__ import annotations

import time

from blast_cli.commands._shared import (
    change_lines,
    changes_document,
    group_selection,
    lock_line,
    sync_document,
    sync_lines,
    with_hooks,
)
from blast_cli.options import add_group_options, add_index_options, add_policy_options, add_script_option
from blast_cli.options_install import add_install_wishes, add_left_out_options
from blast_cli.outcome import Context, Outcome
from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from blast_project.added_indexes import AddedIndex
    from blast_project.editing import EditResult, Place
    from blast_project.project import Project
    from blast_project.selection import GroupSelection
    from blast_project.settings import Settings

__all__ = [
    "add_place_options",
    "configure",
    "edit_outcome",
    "edit_script_outcome",
    "edited_project",
    "execute",
    "place_of",
]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "requirements", nargs="*", metavar="REQ", help="such as 'flask>=3', ./directory or git+https://…"
    )
    parser.add_argument(
        "-r",
        "--requirements-file",
        "--requirements",
        action="append",
        default=[],
        metavar="FILE",
        help="take them from FILE",
    )
    parser.add_argument(
        "--bounds",
        choices=("lower", "major", "minor", "exact", "none"),
        default="",
        help="the version written for a requirement that has none",
    )
    parser.add_argument("-m", "--marker", default="", metavar="MARKER", help="only where MARKER holds")
    parser.add_argument(
        "-c", "--constraints", action="append", default=[], metavar="FILE", help="limits from FILE, for this time"
    )
    parser.add_argument("--editable", action="store_true", help="directories are installed as editable")
    commit = parser.add_mutually_exclusive_group()
    commit.add_argument("--branch", metavar="NAME", default="", help="the branch of a repository")
    commit.add_argument("--tag", metavar="NAME", default="", help="the tag of a repository")
    commit.add_argument("--rev", metavar="COMMIT", default="", help="the commit of a repository")
    parser.add_argument("--lfs", action="store_true", help="fetch large files (git LFS) of a repository too")
    add_place_options(parser)
    add_script_option(parser)
    add_index_options(parser)
    add_policy_options(parser)
    add_group_options(parser, dev=False)
    add_left_out_options(parser)
    add_install_wishes(parser)


def add_place_options(parser: argparse.ArgumentParser) -> None:
    """Declare where in the manifest the command edits, and how far it goes."""
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--dev", action="store_true", help="in the dependency group 'dev'")
    place.add_argument("--optional", metavar="EXTRA", default="", help="in the extra EXTRA")
    place.add_argument("--to-group", metavar="NAME", default="", help="the same as --group")
    parser.add_argument("--package", default="", metavar="NAME", help="of this package of the workspace")
    parser.add_argument("--no-sync", action="store_true", help="lock, but leave the environment alone")
    parser.add_argument("--no-lock", "--frozen", action="store_true", help="only edit pyproject.toml")


def place_of(arguments: argparse.Namespace) -> Place:
    """Return the place that the options name; ``--group`` names one too, as users of uv expect."""
    from blast_project.editing import Place

    if arguments.dev:
        return Place(group="dev")
    groups = [arguments.to_group] if arguments.to_group else list(arguments.group)
    if len(groups) > 1:
        raise UsageError(
            f"requirements can't be in {' and '.join(groups)} at once",
            reason="one command edits one dependency group",
            hint="run it once for each group",
        )
    return Place(group="".join(groups), extra=arguments.optional)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Add requirements."""
    from blast_project.added_sources import GitReference
    from blast_project.editing import add_requirements
    from blast_project.session import Session

    lines = [*arguments.requirements, *_from_files(context, arguments.requirements_file)]
    if not lines:
        raise UsageError("nothing to add", hint="name requirements, such as 'blast add flask'")
    if arguments.marker:
        lines = [_with_marker(line, arguments.marker) for line in lines]
    if arguments.script:
        return edit_script_outcome(arguments, context, add=lines)
    context = context._replace(settings=_limited(context.settings, arguments.constraints))
    began = time.monotonic()
    project = edited_project(arguments, context)
    indexes, settings = _indexes(arguments, context, project)
    with Session(settings, context.reporter) as session:
        result = add_requirements(
            session,
            project,
            lines,
            place_of(arguments),
            bounds=arguments.bounds,
            lock=not arguments.no_lock,
            sync=not (arguments.no_sync or arguments.no_lock),
            command=f"add {' '.join(lines)}",
            selection=_selection(arguments),
            editable=arguments.editable,
            reference=GitReference(arguments.branch, arguments.tag, arguments.rev, arguments.lfs),
            indexes=indexes,
        )
        outcome = edit_outcome("added", result, began)
        if result.synced is None:
            return outcome
        return with_hooks(outcome, session, result.synced, _selection(arguments), context)


def _indexes(
    arguments: argparse.Namespace, context: Context, project: Project
) -> tuple[tuple[AddedIndex, ...], Settings]:
    """Return the indexes that go into the manifest, and the settings without them."""
    if not arguments.index:
        return (), context.settings
    from blast_project.added_indexes import added_indexes, with_indexes_of_manifest

    if project.workspace is not None and project.member:
        context.reporter.note("the index is for this command alone: the workspace's root names what stays")
        return (), context.settings
    tables = project.manifest.tool.get("index", ())
    found = added_indexes(arguments.index, tables, project.root, context.settings.directory)
    if any(index.option for index in found):
        context.reporter.note("the password is not written into pyproject.toml; netrc or the keyring may have it")
    return found, with_indexes_of_manifest(context.settings, found, arguments.extra_index_url)


def _with_marker(line: str, marker: str) -> str:
    """Return a requirement that holds only where a marker does, too.

    Raises:
        InvalidRequirement: it is an address or a path, or the marker is none.
    """
    from blast_core.markers import and_markers
    from blast_core.requirements import format_requirement, parse_requirement

    asked, limit = parse_requirement(line), parse_requirement(f"x; {marker}").marker
    return format_requirement(asked._replace(marker=and_markers(asked.marker, limit) if asked.marker else limit))


def _limited(settings: Settings, names: list[str]) -> Settings:
    """Return the settings with limits that count for this resolution alone."""
    if not names:
        return settings
    from blast_project.requirement_files import read_lines

    policy = settings.policy
    return settings._replace(policy=policy._replace(moves=(*policy.moves, *read_lines(settings, names))))


def edited_project(arguments: argparse.Namespace, context: Context) -> Project:
    """Return the project whose manifest is edited: the one here, or the package of the workspace that is named."""
    from blast_cli.commands._shared import member_project
    from blast_project.project import load_project

    project = load_project(context.settings.directory, context.settings.home)
    return member_project(project, arguments.package) if arguments.package else project


def edit_outcome(key: str, result: EditResult, began: float) -> Outcome:
    """Return the outcome of an edit of the manifest."""
    locked_at = result.locked_at or began
    milliseconds = round((time.monotonic() - locked_at) * 1000)
    document: dict[str, object] = {key: list(result.requirements)}
    lines: list[str] = []
    if result.locked is not None:
        document["lock"] = {"changed": result.locked.changed, "changes": changes_document(result.locked.changes)}
        lines.append(lock_line(result.locked, round((locked_at - began) * 1000)))
    if result.synced is not None:
        document["sync"] = sync_document(result.synced)
        lines += sync_lines(result.synced, milliseconds)
    elif result.locked is not None:
        lines += change_lines(result.locked.changes)
    else:
        lines += [f" {'+' if key == 'added' else '-'} {line}" for line in result.requirements]
    return Outcome(document, tuple(lines))


def edit_script_outcome(
    arguments: argparse.Namespace, context: Context, *, add: Sequence[str] = (), remove: Sequence[str] = ()
) -> Outcome:
    """Edit the metadata of a script, and return what came of it.

    Raises:
        UsageError: an option is about something that a script has not.
    """
    from blast_project.scripts import edit_script, find_script
    from blast_project.session import Session

    if arguments.dev or arguments.optional or arguments.to_group or arguments.group:
        raise UsageError("a script has no groups and no extras", hint="it has requirements alone")
    path = find_script(arguments.script)
    bounds = getattr(arguments, "bounds", "")
    with Session(context.settings, context.reporter) as session:
        lines = edit_script(
            session, path, add=add, remove=remove, bounds=bounds, lock=not arguments.no_lock
        ).requirements
    sign = "-" if remove else "+"
    document = {"removed" if remove else "added": list(lines), "script": path}
    return Outcome(document, tuple(f" {sign} {line}" for line in lines))


def _selection(arguments: argparse.Namespace) -> GroupSelection:
    """Return what is installed: what the group options say, and what was just added."""
    selection = group_selection(arguments)
    extras = (*selection.extras, *filter(None, [arguments.optional]))
    return selection._replace(groups=(*selection.groups, *filter(None, [arguments.to_group])), extras=extras)


def _from_files(context: Context, names: list[str]) -> list[str]:
    if not names:
        return []
    from blast_project.requirement_files import read_file

    return [line for name in names for line in read_file(context.settings, name).lines]
