"""``blast pip compile``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from blast_cli.options import add_index_options, add_pip_policy_options
from blast_cli.outcome import Context, Outcome

if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="requirements.in files or a pyproject.toml")
    parser.add_argument(
        "-o", "--output-file", default="", metavar="FILE", help="write there, preferring the pins it holds"
    )
    parser.add_argument("-c", "--constraint", action="append", default=[], metavar="FILE", help="constraints from FILE")
    parser.add_argument("-U", "--upgrade", action="store_true", help="ignore the pins of the output file")
    parser.add_argument("--generate-hashes", action="store_true", help="write the hashes of every file")
    parser.add_argument("--no-annotate", action="store_true", help="do not say who asked for what")
    parser.add_argument(
        "--python-version", default="", metavar="VERSION", help="resolve for this Python, which need not be installed"
    )
    parser.add_argument("--python-platform", default="", metavar="PLATFORM", help="resolve for this platform")
    parser.add_argument("--no-header", action="store_true", help="do not say how the file was made")
    add_index_options(parser)
    add_pip_policy_options(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Resolve requirement files into pins."""
    from blast_project.compiling import CompileRequest, compile_requirements
    from blast_project.session import Session

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
    )
    with Session(context.settings, context.reporter) as session:
        compiled = compile_requirements(session, request)
    document = {"packages": [{"name": name, "version": version} for name, version in compiled.pins]}
    if not arguments.output_file:
        return Outcome(document, data=compiled.text)
    from blast_core import fs

    fs.replace_file(os.path.join(context.settings.directory, arguments.output_file), compiled.text.encode())
    return Outcome(document, (f"Wrote {len(compiled.pins)} pins to {arguments.output_file}",))
