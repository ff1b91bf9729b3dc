"""``blast pip sync``."""

from __future__ import annotations

import time

from blast_cli.commands._pip import add_change_options, add_place_options, add_without_effect, install_request
from blast_cli.commands.pip_install import show_result
from blast_cli.options import add_index_options, add_install_options, add_pip_policy_options
from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_cli.outcome import Context, Outcome

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="pinned requirements, as 'pip compile' writes, or the lock of any tool",
    )
    parser.add_argument(
        "--allow-empty-requirements", action="store_true", help="remove everything where the files ask for nothing"
    )
    add_change_options(parser)
    add_place_options(parser)
    add_install_options(parser)
    add_index_options(parser)
    add_pip_policy_options(parser)
    add_without_effect(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Make an environment hold what files say, and nothing else."""
    from blast_project.pip_interface import sync
    from blast_project.requirement_files import read_file
    from blast_project.session import Session

    began = time.monotonic()
    if not arguments.allow_empty_requirements and "-" not in arguments.files:
        from blast_project.pip.locked import is_lock

        asked = [
            row
            for name in arguments.files
            if not is_lock(name)
            for row in read_file(context.settings, name, indexes=True).asked
        ]
        if not asked and not any(map(is_lock, arguments.files)) and not arguments.group:
            raise UsageError(
                f"{', '.join(arguments.files)} asks for nothing",
                reason="everything would be removed",
                hint="'--allow-empty-requirements' says that this is meant",
            )
    request = install_request(arguments, files=tuple(arguments.files))
    with Session(context.settings, context.reporter) as session:
        result = sync(session, request)
    return show_result(result, arguments, context, round((time.monotonic() - began) * 1000))
