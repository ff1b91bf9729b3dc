"""``blast init``."""

from __future__ import annotations

import os

from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
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
    kind.add_argument(
        "--package",
        dest="kind",
        action="store_const",
        const="package",
        default="app",
        help="a program that is installed, with a command of its name",
    )
    kind.add_argument(
        "--script", dest="kind", action="store_const", const="script", default="app", help="a script with metadata"
    )
    kind.add_argument(
        "--workspace",
        dest="kind",
        action="store_const",
        const="workspace",
        default="app",
        help="a directory whose packages have one lock and one environment",
    )
    parser.add_argument(
        "--from", dest="take_over", metavar="FILE", default="", help="a file of requirements that it takes over"
    )
    parser.add_argument("--description", default="", metavar="TEXT", help="a line about it")
    parser.add_argument("--bare", action="store_true", help="write pyproject.toml alone")
    parser.add_argument("--no-readme", action="store_true", help="write no README.md")
    parser.add_argument("--name", default="", help="the project's name; the directory's by default")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Make a project."""
    from blast_project.creating import create_project
    from blast_project.session import Session

    if arguments.kind == "script":
        return _script(arguments, context)
    root = os.path.normpath(os.path.join(context.settings.directory, arguments.path))
    with Session(context.settings, context.reporter) as session:
        interpreter = session.find_interpreter()
    requires_python = ">=" + ".".join(interpreter.version.split(".")[:2])
    created = create_project(
        root,
        arguments.name,
        kind=arguments.kind,
        requires_python=requires_python,
        requirements=_taken_over(arguments, context),
        description=arguments.description,
        bare=arguments.bare,
        readme=not arguments.no_readme,
    )
    shown = os.path.relpath(root, context.settings.directory)
    document = {"root": root, "name": created.name, "files": list(created.files), "requires_python": requires_python}
    where = f" in {shown}" if shown != "." else ""
    if arguments.kind == "workspace":
        return Outcome(document, (f"Made workspace {created.name}{where}; its packages go below packages/",))
    return Outcome(document, (f"Made project {created.name}{where} (Python {requires_python})",))


def _taken_over(arguments: argparse.Namespace, context: Context) -> tuple[str, ...]:
    """Return the lines of the file that is taken over, and say what of it is not.

    Raises:
        UsageError: it asks for something that has no name, or there is nothing to take it over into.
    """
    if not arguments.take_over:
        return ()
    from blast_core.errors import UsageError
    from blast_project.requirement_files import read_file

    if arguments.kind == "workspace":
        raise UsageError("a workspace has no requirements of its own", hint="take it over into one of its packages")
    found = read_file(context.settings, arguments.take_over)
    nameless = [line for line in found.lines if line not in {str(row) for row in found.requirements}]
    if len(found.requirements) < len(found.asked):
        raise UsageError(
            f"{arguments.take_over} asks for what has no name: {', '.join(nameless)}",
            reason="only requirements by name are taken over",
            hint=f"take them out of the file, and then 'blast add {' '.join(nameless)}'",
        )
    for what, there in (("hashes", found.hashes), ("constraints", found.constraints), ("index", found.index_url)):
        if there:
            context.reporter.note(f"{arguments.take_over}: its {what} are not taken over; the lock has its own")
    return found.lines


def _script(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Make a script, or give one that is there its metadata."""
    from blast_compat.script_metadata import read_block, write_block
    from blast_core import fs
    from blast_core.errors import UsageError
    from blast_project.scripts import read_script
    from blast_project.session import Session

    if not arguments.path:
        raise UsageError("a script needs a name", hint="such as 'blast init --script hello.py'")
    path = os.path.normpath(os.path.join(context.settings.directory, arguments.path))
    text = read_script(path) if os.path.exists(path) else None
    if text is not None and read_block(text, path) is not None:
        raise UsageError(
            f"{arguments.path} has metadata already", hint=f"'blast add --script {arguments.path} REQ' adds to it"
        )
    with Session(context.settings, context.reporter) as session:
        version = session.find_interpreter().version
    requires_python = ">=" + ".".join(version.split(".")[:2])
    metadata = f'requires-python = "{requires_python}"\ndependencies = []\n'
    name = os.path.splitext(os.path.basename(path))[0]
    body = f'def main() -> None:\n    print("Hello from {name}!")\n\n\nif __name__ == "__main__":\n    main()\n'
    fs.make_directories(os.path.dirname(path))
    fs.replace_file(path, write_block(body if text is None else text, metadata).encode())
    document = {"script": path, "requires_python": requires_python}
    return Outcome(document, (f"Made script {arguments.path} (Python {requires_python})",))
