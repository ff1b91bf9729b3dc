"""``blast tool list``."""

from __future__ import annotations

import os

from blast_cli.options import add_index_options
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_project.tool_receipts import Receipt

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--outdated", action="store_true", help="only tools of which there is a newer version")
    parser.add_argument("--show-paths", action="store_true", help="with the paths of environments and programs")
    parser.add_argument("--show-version-specifiers", action="store_true", help="with what was asked for")
    parser.add_argument("--show-with", action="store_true", help="with what was installed besides")
    parser.add_argument("--show-python", action="store_true", help="with the version of the interpreter")
    add_index_options(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """List the installed tools."""
    from blast_project.tool_install import outdated_tools
    from blast_project.tool_receipts import list_tools, tool_path

    newer = outdated_tools(context.settings, context.reporter) if arguments.outdated else {}
    rows, text, notes = [], [], []
    for name, receipt in list_tools(context.settings):
        environment = tool_path(context.settings, name)
        if receipt is None:
            notes.append(f"{name} was not finished: 'blast tool install {name}' does it again")
            continue
        if arguments.outdated and name not in newer:
            continue
        python = _python_version(environment)
        rows.append(_document(receipt, environment, python, newer.get(name, "")))
        text += _lines(arguments, receipt, environment, python, newer.get(name, ""))
    if not rows:
        notes.insert(0, "No tool is outdated" if arguments.outdated else "No tool is installed")
    return Outcome({"tools": rows}, tuple(notes), "".join(f"{line}\n" for line in text))


def _document(receipt: Receipt, environment: str, python: str, latest: str) -> dict[str, object]:
    return {
        "name": receipt.name,
        "version": receipt.version,
        "latest": latest,
        "requirement": receipt.requirement,
        "with": list(receipt.extra),
        "python": python,
        "environment": environment,
        "programs": list(receipt.programs),
    }


def _lines(arguments: argparse.Namespace, receipt: Receipt, environment: str, python: str, latest: str) -> list[str]:
    marks = [f"[{receipt.requirement}]"] if arguments.show_version_specifiers else []
    if latest:
        marks.append(f"[latest: {latest}]")
    if arguments.show_with and receipt.extra:
        marks.append(f"[with: {', '.join(receipt.extra)}]")
    if arguments.show_python:
        marks.append(f"[Python {python}]")
    if arguments.show_paths:
        marks.append(f"({environment})")
    shown = receipt.programs if arguments.show_paths else [os.path.basename(path) for path in receipt.programs]
    return [" ".join((receipt.name, receipt.version, *marks)), *(f"- {program}" for program in shown)]


def _python_version(environment: str) -> str:
    """Return what pyvenv.cfg says, so that no interpreter is started."""
    try:
        with open(os.path.join(environment, "pyvenv.cfg"), encoding="utf-8") as file:
            pairs = dict(line.partition("=")[::2] for line in file)
    except OSError:
        return ""
    return next((value.strip() for key, value in pairs.items() if key.strip().startswith("version")), "")
