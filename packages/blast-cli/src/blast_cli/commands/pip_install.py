"""``blast pip install``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from blast_cli.commands._shared import sync_document, sync_lines
from blast_cli.options import add_index_options, add_install_options, add_pip_policy_options
from blast_cli.outcome import Context, Outcome
from blast_core.errors import UsageError

if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("requirements", nargs="*", metavar="REQ", help="requirements")
    parser.add_argument("-r", "--requirement", action="append", default=[], metavar="FILE", help="take them from FILE")
    parser.add_argument("-e", "--editable", action="append", default=[], metavar="DIR", help="install DIR as editable")
    parser.add_argument("-c", "--constraint", action="append", default=[], metavar="FILE", help="constraints from FILE")
    parser.add_argument("-U", "--upgrade", action="store_true", help="take the newest versions")
    add_install_options(parser)
    add_index_options(parser)
    add_pip_policy_options(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Install into an environment, keeping what is there."""
    from blast_project.pip_interface import InstallRequest, install
    from blast_project.session import Session

    if not (arguments.requirements or arguments.requirement or arguments.editable):
        raise UsageError("nothing to install", hint="name requirements, or a file of them with -r")
    began = time.monotonic()
    request = InstallRequest(
        tuple(arguments.requirements),
        tuple(arguments.requirement),
        tuple(arguments.constraint),
        arguments.upgrade,
        tuple(arguments.editable),
    )
    with Session(context.settings, context.reporter) as session:
        result = install(session, request)
    return Outcome(sync_document(result), sync_lines(result, round((time.monotonic() - began) * 1000)))
