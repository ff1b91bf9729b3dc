"""``blast tool run`` and ``bx``."""

from __future__ import annotations

import argparse

from blast_cli.hot_tool import question_that_was_asked
from blast_cli.options import add_env_options, add_index_options, add_policy_options
from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_cli.outcome import Context, Outcome
    from blast_project.settings import Settings

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--from", "--package", dest="from_", default="", metavar="REQ", help="the requirement that brings the command"
    )
    parser.add_argument(
        "--extras", "--extra", action="append", default=[], metavar="NAMES", help="extras of it, separated by commas"
    )
    parser.add_argument("--with", dest="with_", action="append", default=[], metavar="REQ", help="also with REQ")
    parser.add_argument(
        "--with-requirements", action="append", default=[], metavar="FILE", help="also with the requirements of FILE"
    )
    parser.add_argument("--with-editable", action="append", default=[], metavar="DIR", help="also with DIR as editable")
    parser.add_argument("-c", "--constraints", action="append", default=[], metavar="FILE", help="limits from FILE")
    parser.add_argument("--isolated", action="store_true", help="pass by the installed tool of that name")
    add_env_options(parser)
    add_index_options(parser)
    add_policy_options(parser)
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="CMD", help="the command, or name@version")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Become the tool."""
    from blast_project.running import replace_process
    from blast_project.session import Session
    from blast_project.starting import env_files_of
    from blast_project.tool_answer_keeping import ToolFind, Watch, keep_tool_answer
    from blast_project.tools import ToolRun, prepare_tool

    words = arguments.words[1:] if arguments.words[:1] == ["--"] else list(arguments.words)
    if not words:
        raise UsageError("nothing to run", hint="name a tool, such as 'bx ruff --version'")
    request = ToolRun(
        tuple(words),
        arguments.from_,
        tuple(arguments.with_),
        tuple(arguments.with_requirements),
        tuple(arguments.with_editable),
        arguments.isolated,
        tuple(name.strip() for names in arguments.extras for name in names.split(",") if name.strip()),
        env_files_of(arguments.env_file, context.settings, enabled=not arguments.no_env_file),
        not arguments.no_env_file,
    )
    settings = _limited(context.settings, arguments.constraints)
    if words[0].endswith("@latest"):
        settings = settings._replace(refresh=True)
    find, watch = ToolFind(), Watch(context.reporter)
    with Session(settings, watch) as session:
        line, variables = prepare_tool(session, request, find)
        question = question_that_was_asked()
        if question and line[1:] == words[1:]:
            keep_tool_answer(session, question, find, watch, line[0])
    context.reporter.close()
    replace_process(line, variables)


def _limited(settings: Settings, names: list[str]) -> Settings:
    if not names:
        return settings
    from blast_project.requirement_files import read_lines

    policy = settings.policy
    return settings._replace(policy=policy._replace(constraints=(*policy.constraints, *read_lines(settings, names))))
