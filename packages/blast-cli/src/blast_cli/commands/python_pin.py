"""``blast python pin``."""

from __future__ import annotations

from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "request", nargs="?", default="", metavar="REQUEST", help="what to write; without it, print what stands there"
    )
    parser.add_argument("--resolved", action="store_true", help="write the path of the interpreter that answers")
    parser.add_argument(
        "--global", action="store_true", dest="everywhere", help="for all that says nothing else on this machine"
    )
    parser.add_argument("--rm", action="store_true", help="remove what stands there")
    parser.add_argument("--no-project", action="store_true", help="do not compare it with requires-python")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Write, show or remove a pin."""
    from blast_cli.commands._shared import nearby
    from blast_core.errors import UsageError
    from blast_project.python.pinning import pin, pinned, unpin
    from blast_project.session import Session

    everywhere, project = arguments.everywhere, not arguments.no_project
    with Session(context.settings, context.reporter) as session:
        if arguments.rm:
            if arguments.request:
                raise UsageError("--rm takes no request")
            gone = unpin(session, everywhere=everywhere, project=project)
            document = {"path": gone.path, "request": None, "before": gone.before}
            return Outcome(document, (f"Removed {nearby(gone.path)}",))
        if not arguments.request:
            rows = pinned(session, everywhere=everywhere, project=project)
            return Outcome(
                {"path": rows[0].path, "request": rows[0].request, "requests": [row.request for row in rows]},
                data="\n".join(row.request for row in rows),
            )
        made = pin(session, arguments.request, everywhere=everywhere, resolved=arguments.resolved, project=project)
    before = f" (it was {made.before})" if made.before and made.before != made.request else ""
    document = {"path": made.path, "request": made.request, "before": made.before or None}
    return Outcome(document, (f"Pinned {nearby(made.path)} to {made.request}{before}",))
