"""``blast cache why``."""

from __future__ import annotations

import time

from blast_cli.commands._amounts import format_age, format_size, format_when
from blast_cli.commands._cache import UNSEEN
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_project.store_reports import Use, Why

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "names", nargs="+", metavar="NAME", help="a project, NAME==VERSION, or eight digits of a digest"
    )


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Say why distributions are in the store."""
    from blast_project.session import Session
    from blast_project.store_reports import explain_objects

    with Session(context.settings, context.reporter) as session:
        found = explain_objects(session, arguments.names)
    document = {"objects": [{**why._asdict(), "uses": [dict(use._asdict()) for use in why.uses]} for why in found]}
    return Outcome(document, data="\n".join(line for why in found for line in _lines(why)))


def _lines(why: Why) -> list[str]:
    label = f"{why.name} {why.version}".strip() or why.tree
    lines = [f"{label}  {why.blake3[:16]}  {format_size(why.bytes)}"]
    lines += [f"  {_use(use)}" for use in why.uses]
    if why.unknown_links:
        lines.append(f"  an environment that was moved since: {why.unknown_links} generation(s) hold links to it")
    if not why.uses and not why.unknown_links:
        lines.append(f"  nothing: last used {format_age(max(0.0, time.time() - why.used))} ago")
    return lines


def _use(use: Use) -> str:
    numbers = ", ".join(map(str, use.generations))
    current = ", the current one" if use.is_current and len(use.generations) > 1 else ""
    word = "generation" if len(use.generations) == 1 else "generations"
    by = f" by '{use.command}'" if use.command else ""
    how = "asked for" if use.requested else "needed by another"
    away = f"; {UNSEEN[use.state]}" if use.state in UNSEEN else ""
    old = "" if use.is_current or away else ", not current"
    return f"{use.environment}: {word} {numbers}{current or old}, since {format_when(use.since)}{by} ({how}{away})"
