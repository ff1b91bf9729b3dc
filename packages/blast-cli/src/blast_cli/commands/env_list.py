"""``blast env list``."""

from __future__ import annotations

import os

from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_project.named_environments import NamedEnvironment

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--show-paths", action="store_true", help="with their paths")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """List the named environments of the project, and those of none."""
    from blast_project.named_environments import list_named

    rows = [_document(row) for row in list_named(context.settings)]
    if not rows:
        return Outcome({"environments": []}, ("No environment has a name",))
    width = max(len(str(row["name"])) for row in rows)
    lines = []
    for row in rows:
        state = f"{row['packages']} packages, Python {row['python']}" if row["exists"] else "not made yet"
        where = f"  {row['path']}" if arguments.show_paths else ""
        lines.append(f"{row['name']:<{width}}  {'project' if row['project'] else 'no project':<10}  {state}{where}")
    return Outcome({"environments": rows}, data="".join(f"{line}\n" for line in lines))


def _document(row: NamedEnvironment) -> dict[str, object]:
    from blast_project.environment.manager import VenvManager

    current = VenvManager(row.path).current() if os.path.isdir(row.path) else None
    return {
        "name": row.name,
        "path": row.path,
        "project": row.root,
        "exists": current is not None,
        "python": current.python if current is not None else row.python,
        "packages": len(current.installed) if current is not None else 0,
    }
