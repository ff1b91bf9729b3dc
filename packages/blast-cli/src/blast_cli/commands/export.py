"""``blast export``."""

from __future__ import annotations

import os

from blast_cli.commands._said import said_words
from blast_cli.commands._shared import group_selection, plural
from blast_cli.options import (
    add_index_options,
    add_lock_options,
    add_member_options,
    add_script_option,
    add_selection_options,
)
from blast_cli.outcome import Context, Outcome
from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_project.exporting import ExportRequest
    from blast_project.lock_files import LockResult
    from blast_project.project import Project
    from blast_project.session import Session

__all__ = ["configure", "execute"]

_FORMATS = ("requirements", "pylock", "dpl")
# uv's and pip's words for the same.
_ALIASES = {"requirements.txt": "requirements", "requirements-txt": "requirements", "pylock.toml": "pylock"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--format",
        dest="form",
        choices=(*_FORMATS, *_ALIASES),
        default="",
        help="by default what the name of the output says, else requirements",
    )
    parser.add_argument("-o", "--output-file", default="", metavar="FILE", help="write to FILE")
    parser.add_argument(
        "--target", action="append", default=[], metavar="NAME", help="only for this target of the lock"
    )
    add_member_options(parser)
    parser.add_argument("--no-hashes", action="store_true", help="without digests")
    parser.add_argument("--no-annotate", action="store_true", help="without saying who asks for what")
    parser.add_argument("--no-header", action="store_true", help="without saying how the file was made")
    parser.add_argument("--no-editable", action="store_true", help="nothing is editable")
    parser.add_argument("--no-emit-project", action="store_true", help="without the project itself")
    parser.add_argument("--no-emit-workspace", action="store_true", help="without any package of the workspace")
    parser.add_argument("--no-emit-local", action="store_true", help="without what comes from directories")
    parser.add_argument("--no-emit-package", action="append", default=[], metavar="NAME", help="without NAME")
    parser.add_argument(
        "--prune", action="append", default=[], metavar="NAME", help="without NAME and what only NAME needs"
    )
    parser.add_argument(
        "--emit-index-url", action="store_true", help="with the addresses of the indexes, without names"
    )
    parser.add_argument("--emit-find-links", action="store_true", help="with the places of --find-links")
    add_script_option(parser)
    add_selection_options(parser)
    add_lock_options(parser)
    add_index_options(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Write the lock for other tools."""
    from blast_cli.commands._output_file import write_output
    from blast_project.exporting import export
    from blast_project.project import load_project
    from blast_project.session import Session

    directory = context.settings.directory
    if arguments.script:
        from blast_cli.commands._scripts import context_of

        context, _ = context_of(arguments, context)
    with Session(context.settings, context.reporter) as session:
        project = load_project(context.settings.directory, context.settings.home)
        session.use_project(project.manifest)
        locked = _locked(arguments, session, project)
        request = _request(arguments)
        content = export(session, project, locked, request)
    count = len(locked.pins())
    if arguments.output_file in ("", "-"):
        if request.form == "dpl":
            raise UsageError("a binary lock is nothing for a terminal", hint="'-o FILE' names a file")
        return Outcome({"format": request.form, "content": content.decode()}, data=content.decode())
    path = os.path.join(directory, arguments.output_file)
    write_output(path, content)
    line = f"Wrote {arguments.output_file} from a lock of {plural(count, 'package')}"
    return Outcome({"format": request.form, "path": path}, (line,))


def _locked(arguments: argparse.Namespace, session: Session, project: Project) -> LockResult:
    from blast_core.errors import StaleLock
    from blast_project.lock_files import read_lock
    from blast_project.operations import lock_here

    if not arguments.frozen:
        return lock_here(session, project, check=arguments.locked)
    found = read_lock(session, project.root)
    if found is None:
        raise StaleLock("there is no blast.lock", reason="--frozen forbids to make one", hint="'blast lock' makes it")
    return found


def _request(arguments: argparse.Namespace) -> ExportRequest:
    from blast_core.names import normalize_name
    from blast_project.exporting import ExportRequest

    form = _ALIASES.get(arguments.form, arguments.form) or _form_of(arguments.output_file)
    return ExportRequest(
        form,
        group_selection(arguments),
        targets=tuple(arguments.target),
        hashes=not arguments.no_hashes,
        annotate=not arguments.no_annotate,
        header=not arguments.no_header,
        editable=not arguments.no_editable,
        project=not arguments.no_emit_workspace,
        itself=not arguments.no_emit_project,
        pruned=frozenset(normalize_name(name) for name in arguments.prune),
        emit_indexes=arguments.emit_index_url,
        emit_links=arguments.emit_find_links,
        title=os.path.basename(arguments.script),
        local=not arguments.no_emit_local,
        left_out=frozenset(normalize_name(name) for name in arguments.no_emit_package),
        words=said_words("export"),
    )


def _form_of(name: str) -> str:
    base = os.path.basename(name)
    if base.endswith(".toml"):
        return "pylock"
    return "dpl" if base.endswith((".lock", ".dpl")) else "requirements"
