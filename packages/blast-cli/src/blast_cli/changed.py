"""What commands say of what changed.

Annotations stand in quotes: the module is on the way of commands that have little to do.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_project.changes import VersionChange

__all__ = ["change_lines", "move_line"]


def change_lines(changes: "Sequence[VersionChange | tuple[str, str, str]]") -> tuple[str, ...]:
    """Return a line per changed package: ``+`` new, ``-`` gone, ``~`` another version, or built anew."""
    lines = []
    for name, before, after in changes:
        if not before:
            lines.append(f" + {name} {after}")
        elif not after:
            lines.append(f" - {name} {before}")
        elif before == after:
            # Built again from what has changed in its tree.
            lines.append(f" ~ {name} {after}")
        else:
            lines.append(f" ~ {name} {before} -> {after}")
    return tuple(lines)


def move_line(before: int, after: int, restored: "Sequence[str]") -> str:
    """Return the line that says that another generation is current, and which files were restored with it."""
    files = f"; restored {', '.join(restored)}" if restored else ""
    return f"Went from generation {before} to {after}{files}"
