"""``blast init``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from blast_cli.outcome import Context, Outcome

if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("path", nargs="?", default="", help="the directory; made if missing; here by default")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--app", dest="kind", action="store_const", const="app", default="app", help="a program (the default)"
    )
    kind.add_argument(
        "--lib", dest="kind", action="store_const", const="lib", default="app", help="a package to build and publish"
    )
    parser.add_argument("--name", default="", help="the project's name; the directory's by default")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Make a project."""
    from blast_project.creating import create_project
    from blast_project.session import Session

    root = os.path.normpath(os.path.join(context.settings.directory, arguments.path))
    with Session(context.settings, context.reporter) as session:
        interpreter = session.find_interpreter()
    requires_python = ">=" + ".".join(interpreter.version.split(".")[:2])
    created = create_project(root, arguments.name, kind=arguments.kind, requires_python=requires_python)
    shown = os.path.relpath(root, context.settings.directory)
    document = {"root": root, "name": created.name, "files": list(created.files), "requires_python": requires_python}
    where = f" in {shown}" if shown != "." else ""
    return Outcome(document, (f"Made project {created.name}{where} (Python {requires_python})",))
