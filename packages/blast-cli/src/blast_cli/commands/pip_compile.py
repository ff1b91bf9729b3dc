"""``blast pip compile``."""

from __future__ import annotations

import os

from blast_cli.commands._pip import add_without_effect
from blast_cli.commands._said import said_words
from blast_cli.options import add_index_options, add_pip_policy_options
from blast_cli.outcome import Context, Outcome
from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("files", nargs="*", metavar="FILE", help="requirements.in files, a pyproject.toml, or -")
    parser.add_argument(
        "-o", "--output-file", default="", metavar="FILE", help="write there, preferring the pins it holds"
    )
    parser.add_argument(
        "--format",
        choices=("requirements.txt", "pylock.toml"),
        default="",
        help="what to write; pylock.toml where the output file is called so",
    )
    parser.add_argument(
        "-c", "--constraint", "--constraints", action="append", default=[], metavar="FILE", help="constraints from FILE"
    )
    parser.add_argument(
        "--override",
        "--overrides",
        action="append",
        default=[],
        metavar="FILE",
        help="requirements that replace all others, from FILE",
    )
    parser.add_argument("-U", "--upgrade", action="store_true", help="ignore the pins of the output file")
    parser.add_argument(
        "-P", "--upgrade-package", action="append", default=[], metavar="REQ", help="ignore the pin of one package"
    )
    parser.add_argument("--no-deps", action="store_true", help="pin the requirements alone, not what they need")
    parser.add_argument("--extra", action="append", default=[], metavar="NAME", help="an extra of a pyproject.toml")
    parser.add_argument("--all-extras", action="store_true", help="every extra of a pyproject.toml")
    parser.add_argument(
        "--group",
        action="append",
        default=[],
        metavar="[FILE:]NAME",
        help="a dependency group of FILE, or of pyproject.toml",
    )
    parser.add_argument("--universal", action="store_true", help="for every platform and newer Pythons, with markers")
    parser.add_argument(
        "--python-version", default="", metavar="VERSION", help="resolve for this Python, which need not be installed"
    )
    parser.add_argument("--python-platform", default="", metavar="PLATFORM", help="resolve for this platform")
    _add_text_options(parser)
    add_index_options(parser)
    add_pip_policy_options(parser)
    add_without_effect(parser)


def _add_text_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is written")
    group.add_argument("--generate-hashes", action="store_true", help="write the hashes of every file")
    group.add_argument("--annotation-style", choices=("split", "line"), default="split", help="where it says who asked")
    group.add_argument("--no-annotate", action="store_true", help="do not say who asked for what")
    group.add_argument("--no-header", action="store_true", help="do not say how the file was made")
    group.add_argument(
        "--custom-compile-command", default="", metavar="TEXT", help="what the header says the command was"
    )
    group.add_argument("--strip-extras", action="store_true", help="write names without extras, as is the default")
    group.add_argument("--no-strip-extras", action="store_true", help="write names with their extras")
    group.add_argument("--emit-index-url", action="store_true", help="write which indexes are asked")
    group.add_argument("--no-emit-index-url", action="store_true", help="do not, as is the default")
    group.add_argument("--emit-find-links", action="store_true", help="write the --find-links")
    group.add_argument("--no-emit-find-links", action="store_true", help="do not, as is the default")
    group.add_argument("--emit-index-annotation", action="store_true", help="say which index has each package")
    group.add_argument(
        "--no-emit-package",
        "--unsafe-package",
        action="append",
        default=[],
        metavar="NAME",
        help="leave NAME out, and say so",
    )


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Resolve requirement files into pins."""
    from blast_project.compile_request import CompileRequest
    from blast_project.compiling import compile_requirements
    from blast_project.session import Session

    if not (arguments.files or arguments.group):
        raise UsageError("nothing to compile", hint="name files of requirements, or a pyproject.toml")
    name = os.path.basename(arguments.output_file)
    is_lock = arguments.format == "pylock.toml" or (
        not arguments.format and (name == "pylock.toml" or (name.startswith("pylock.") and name.endswith(".toml")))
    )
    request = CompileRequest(
        files=tuple(arguments.files),
        constraints=tuple(arguments.constraint),
        output=arguments.output_file,
        upgrade=arguments.upgrade,
        hashes=arguments.generate_hashes,
        annotate=not arguments.no_annotate,
        header=not arguments.no_header,
        python_version=arguments.python_version,
        python_platform=arguments.python_platform,
        upgrade_packages=tuple(arguments.upgrade_package),
        overrides=tuple(arguments.override),
        style=arguments.annotation_style,
        strip_extras=not arguments.no_strip_extras,
        emit_index_url=arguments.emit_index_url and not arguments.no_emit_index_url,
        emit_find_links=arguments.emit_find_links and not arguments.no_emit_find_links,
        emit_index=arguments.emit_index_annotation,
        no_emit=tuple(arguments.no_emit_package),
        universal=arguments.universal,
        needs=not arguments.no_deps,
        extras=(":all:",) if arguments.all_extras else tuple(arguments.extra),
        groups=tuple(arguments.group),
        command=arguments.custom_compile_command or context.settings.environ.get("CUSTOM_COMPILE_COMMAND", ""),
        words=said_words("compile") or tuple(arguments.files),
        lock=is_lock,
    )
    with Session(context.settings, context.reporter) as session:
        compiled = compile_requirements(session, request)
    document = {"packages": [{"name": name, "version": version} for name, version in compiled.pins]}
    if not arguments.output_file or arguments.output_file == "-":
        return Outcome(document, data=compiled.text)
    from blast_cli.commands._output_file import write_output

    write_output(os.path.join(context.settings.directory, arguments.output_file), compiled.text.encode())
    return Outcome(document, (f"Wrote {len(compiled.pins)} pins to {arguments.output_file}",))
