"""What the commands for tools show in the same way."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from blast_core.errors import BlastError
    from blast_project.tool_install import ToolChange

__all__ = ["failures_of", "path_advice", "tool_document", "tool_lines"]


def tool_document(change: ToolChange) -> dict[str, object]:
    """Return what became of a tool as JSON."""
    from blast_cli.commands._shared import changes_document

    return {
        "name": change.name,
        "before": change.before,
        "version": change.after,
        "programs": list(change.programs),
        "environment": change.environment,
        "changes": changes_document(change.changes),
    }


def tool_lines(change: ToolChange) -> Iterator[str]:
    """Yield the lines that say what became of a tool."""
    from blast_cli.commands._shared import change_lines

    names = ", ".join(os.path.splitext(os.path.basename(path))[0] for path in change.programs)
    if not change.after:
        yield f"Uninstalled {change.name} {change.before}".rstrip() + (f": {names}" if names else "")
    elif not change.is_changed:
        yield f"{change.name} {change.after} is installed: {names}"
    elif change.before in ("", change.after):
        yield f"Installed {change.name} {change.after}: {names}"
    else:
        yield f"Upgraded {change.name} {change.before} -> {change.after}: {names}"
    if change.after:
        yield from change_lines(change.changes)


def failures_of(failed: Mapping[str, BlastError], document: dict[str, object]) -> tuple[tuple[str, ...], int]:
    """Return the lines about what failed while something else went well, and the exit status; tell the document, too.

    Args:
        failed: by name why.
        document: gets the same as ``failed``.
    """
    from blast_cli.exit_codes import exit_code

    document["failed"] = [{"name": name, "error": error.to_dict()} for name, error in failed.items()]
    lines = tuple(
        line
        for name, error in failed.items()
        for line in (f"{name} is as it was: {error.message}", *(f"  {row}" for row in error.reason.splitlines()))
    )
    return lines, next((exit_code(error) for error in failed.values()), 0)


def path_advice(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return a line of advice where the directory of programs is not on PATH."""
    from blast_project.python.programs import is_on_path
    from blast_project.tool_programs import programs_directory

    directory = programs_directory(environ)
    if is_on_path(directory, environ):
        return ()
    return (f"{directory} is not on PATH: add it in your shell's start-up file to run these by name",)
