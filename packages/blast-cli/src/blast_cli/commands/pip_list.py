"""``blast pip list``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blast_cli.outcome import Context, Outcome

if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--format", choices=("columns", "freeze", "json"), default="columns", help="how to print")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """List what an environment holds."""
    from blast_project.pip_interface import list_installed
    from blast_project.session import Session

    with Session(context.settings, context.reporter) as session:
        rows = list_installed(session)
    document = [{"name": row.name, "version": row.version} for row in rows]
    if arguments.format == "json":
        import json

        data = json.dumps(document)
    elif arguments.format == "freeze":
        data = "\n".join(f"{row.name}=={row.version}" for row in rows)
    else:
        width = max([len("Package"), *(len(row.name) for row in rows)])
        head = [f"{'Package':<{width}} Version", f"{'-' * width} -------"]
        data = "\n".join([*head, *(f"{row.name:<{width}} {row.version}" for row in rows)])
    return Outcome({"packages": document}, data=data)
