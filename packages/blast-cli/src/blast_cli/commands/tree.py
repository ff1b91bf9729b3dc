"""``blast tree``."""

from __future__ import annotations

import os

from blast_cli.options import add_index_options, add_script_option
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_project.lock_graph import Node

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--invert", action="store_true", help="show who needs a package rather than what it needs")
    parser.add_argument("--package", action="append", default=[], metavar="NAME", help="begin at NAME")
    parser.add_argument("-d", "--depth", type=int, default=255, metavar="N", help="show so many levels below the top")
    parser.add_argument("--prune", action="append", default=[], metavar="NAME", help="leave out NAME and what is below")
    parser.add_argument("--no-dedupe", action="store_true", help="show again what was shown; circles still end")
    parser.add_argument("--outdated", action="store_true", help="say where there is a newer version")
    parser.add_argument("--group", action="append", default=[], metavar="NAME", help="also this dependency group")
    parser.add_argument("--no-group", action="append", default=[], metavar="NAME", help="not this dependency group")
    parser.add_argument("--all-groups", action="store_true", help="every dependency group")
    parser.add_argument("--dev", action="store_true", help="the group 'dev', where there is one")
    parser.add_argument("--no-dev", action="store_true", help="not the group 'dev'")
    parser.add_argument("--no-default-groups", action="store_true", help="not the groups that are included unasked")
    parser.add_argument("--only-group", action="append", default=[], metavar="NAME", help="only this dependency group")
    parser.add_argument("--only-dev", action="store_true", help="only the group 'dev'")
    parser.add_argument("--no-extra", action="append", default=[], metavar="NAME", help="not this extra")
    parser.add_argument("--extra", action="append", default=[], metavar="NAME", help="only this extra, rather than all")
    parser.add_argument("--all-extras", action="store_true", help="every extra, as without --extra")
    parser.add_argument("--target", action="append", default=[], metavar="NAME", help="for this target of the lock")
    parser.add_argument("--universal", action="store_true", help="for all targets of the lock")
    parser.add_argument("--frozen", action="store_true", help="use the lock as it is, which is what happens anyway")
    parser.add_argument("--locked", action="store_true", help="fail if the lock does not answer to the manifest")
    add_script_option(parser)
    parser.add_argument("--html", default="", metavar="FILE", help="write a page that needs nothing else")
    add_index_options(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Show the lock as a tree."""
    from blast_cli.commands._shared import group_selection
    from blast_core.names import normalize_name
    from blast_project.operations import lock_here
    from blast_project.project import load_project
    from blast_project.questions import find_locked, open_question
    from blast_project.selection import chosen_members, default_groups
    from blast_project.session import Session
    from blast_project.tree import TreeOptions, choose_groups, grow, leaves, text_of, tree_document

    directory = context.settings.directory
    script = None
    if arguments.script:
        from blast_cli.commands._scripts import context_of

        context, script = context_of(arguments, context)
    with Session(context.settings, context.reporter) as session:
        if script is not None or arguments.locked:
            # A script that has no lock beside it has one in the store.
            project = load_project(context.settings.directory, context.settings.home)
            lock_here(session, project, check=arguments.locked)
        question = open_question(session, arguments.target, universal=arguments.universal)
        graph = question.graph
        prune = frozenset(normalize_name(name) for name in arguments.prune)
        options = TreeOptions(max(arguments.depth, 0), prune, not arguments.no_dedupe, arguments.invert)
        if arguments.package:
            roots = tuple(node for name in arguments.package for node in find_locked(graph, name))
        else:
            roots = tuple(leaves(graph, prune)) if arguments.invert else graph.roots()
        defaults = default_groups(question.project)
        keep = choose_groups(graph, group_selection(arguments), chosen_members(question.project), defaults)
        rows = list(grow(graph, roots, options, keep))
        newest: dict[Node, str] = {}
        if arguments.outdated:
            from blast_project.prospects import newest_versions

            newest = newest_versions(session, question, sorted({row.node for row in rows}))
        document = tree_document(graph, rows, newest)
        if not arguments.html:
            return Outcome(document, data=text_of(rows, newest, invert=arguments.invert))
        from blast_core import fs
        from blast_project.tree_page import page_of

        path = os.path.join(directory, arguments.html)
        fs.replace_file(path, page_of(question.project.name, document).encode())
        return Outcome(document, (f"Wrote {arguments.html}",))
