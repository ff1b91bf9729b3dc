"""``blast tool install``."""

from __future__ import annotations

from blast_cli.options import add_index_options, add_policy_options
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "tool", metavar="REQ", help="such as ruff, ruff@0.5, 'black[d]>=24', ./directory or git+https://…"
    )
    parser.add_argument("-e", "--editable", action="store_true", help="the tool is a directory, installed as editable")
    parser.add_argument(
        "-w", "--with", dest="with_", action="append", default=[], metavar="REQ", help="with REQ as well"
    )
    parser.add_argument(
        "--with-requirements", action="append", default=[], metavar="FILE", help="with the requirements of FILE as well"
    )
    parser.add_argument(
        "--with-editable", action="append", default=[], metavar="DIR", help="with DIR as editable as well"
    )
    parser.add_argument(
        "--with-executables-from",
        "--with-programs-of",
        dest="sources",
        action="append",
        default=[],
        metavar="NAME",
        help="with the distribution NAME and its programs",
    )
    parser.add_argument("-c", "--constraints", action="append", default=[], metavar="FILE", help="limits from FILE")
    parser.add_argument(
        "--overrides",
        action="append",
        default=[],
        metavar="FILE",
        help="replace what anything asks for by FILE's lines",
    )
    parser.add_argument("-U", "--upgrade", action="store_true", help="take the newest versions")
    parser.add_argument("--reinstall", action="store_true", help="install again what is there")
    parser.add_argument("--force", action="store_true", help="replace programs of others, and install again")
    add_index_options(parser)
    add_policy_options(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Install a tool."""
    from blast_cli.commands._tools import path_advice, tool_document, tool_lines
    from blast_project.tool_asking import ToolWords, read_request, split_version
    from blast_project.tool_install import InstallOptions, install_tool

    settings = context.settings
    words = ToolWords(
        arguments.tool,
        editable=arguments.editable,
        extra=tuple(arguments.with_),
        extra_files=tuple(arguments.with_requirements),
        extra_editables=tuple(arguments.with_editable),
        constraints=tuple(arguments.constraints),
        overrides=tuple(arguments.overrides),
        sources=tuple(name for names in arguments.sources for name in names.split(",") if name),
    )
    asked = read_request(settings, context.reporter, words)
    upgrade = arguments.upgrade or split_version(arguments.tool)[1] == "latest"
    options = InstallOptions(upgrade, arguments.reinstall, arguments.force)
    change = install_tool(settings, context.reporter, asked, options)
    return Outcome(tool_document(change), (*tool_lines(change), *path_advice(settings.environ)))
