"""``blast python update-shell``."""

from __future__ import annotations

from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: there are none."""


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:  # noqa: ARG001 - every command has them
    """Put the directory of programs on PATH."""
    from blast_project.python.programs import bin_directory, is_on_path
    from blast_project.shell_files import put_on_path

    environ = context.settings.environ
    directory = bin_directory(environ)
    if is_on_path(directory, environ):
        return Outcome({"directory": directory, "changed": []}, (f"{directory} is on PATH already",))
    changed = put_on_path(directory, environ)
    if not changed:
        return Outcome(
            {"directory": directory, "changed": []},
            (f"The files of the shell name {directory} already; start it anew",),
        )
    lines = (*(f"Changed {path}" for path in changed), "Start the shell anew for it to count")
    return Outcome({"directory": directory, "changed": list(changed)}, lines)
