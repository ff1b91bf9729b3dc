"""``blast pip install``."""

from __future__ import annotations

import time

from blast_cli.commands._pip import (
    add_change_options,
    add_place_options,
    add_without_effect,
    install_request,
    report_document,
    result_document,
    result_lines,
)
from blast_cli.options import add_index_options, add_install_options, add_pip_policy_options
from blast_cli.outcome import Context, Outcome
from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_project.pip_interface import PipResult

__all__ = ["configure", "execute", "show_result"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("requirements", nargs="*", metavar="REQ", help="requirements")
    parser.add_argument(
        "-r",
        "--requirement",
        "--requirements",
        action="append",
        default=[],
        metavar="FILE",
        help="take them from FILE, a pyproject.toml or the lock of any tool; - is standard input",
    )
    parser.add_argument("-e", "--editable", action="append", default=[], metavar="DIR", help="install DIR as editable")
    parser.add_argument("-U", "--upgrade", action="store_true", help="take the newest versions")
    parser.add_argument(
        "-P", "--upgrade-package", action="append", default=[], metavar="REQ", help="take the newest version of one"
    )
    parser.add_argument(
        "--upgrade-strategy",
        choices=("eager", "only-if-needed"),
        default="eager",
        help="whether --upgrade is for all that is needed, or for what is named alone",
    )
    parser.add_argument("--no-deps", action="store_true", help="install nothing that the requirements need")
    parser.add_argument("--exact", action="store_true", help="remove what is not needed")
    add_change_options(parser)
    add_place_options(parser)
    add_install_options(parser)
    add_index_options(parser)
    add_pip_policy_options(parser)
    add_without_effect(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Install into an environment, keeping what is there."""
    from blast_project.pip_interface import install
    from blast_project.session import Session

    if not (arguments.requirements or arguments.requirement or arguments.editable or arguments.group):
        raise UsageError("nothing to install", hint="name requirements, or a file of them with -r")
    began = time.monotonic()
    request = install_request(
        arguments,
        requirements=tuple(arguments.requirements),
        files=tuple(arguments.requirement),
        editables=tuple(arguments.editable),
        upgrade=arguments.upgrade,
        upgrade_packages=tuple(arguments.upgrade_package),
        lazy=arguments.upgrade_strategy == "only-if-needed",
        needs=not arguments.no_deps,
        exact=arguments.exact,
    )
    with Session(context.settings, context.reporter) as session:
        result = install(session, request)
    return show_result(result, arguments, context, round((time.monotonic() - began) * 1000))


def show_result(result: PipResult, arguments: argparse.Namespace, context: Context, milliseconds: int) -> Outcome:
    """Return what a command that installs shows, after the report was written that was asked for."""
    document = result_document(result, dry_run=arguments.dry_run)
    lines = result_lines(result, milliseconds, dry_run=arguments.dry_run)
    if not arguments.report:
        return Outcome(document, lines)
    import json
    import os

    report = json.dumps(report_document(result), indent=2)
    if arguments.report == "-":
        return Outcome(document, lines, report)
    from blast_core import fs

    fs.replace_file(os.path.join(context.settings.directory, arguments.report), f"{report}\n".encode())
    return Outcome(document, lines)
