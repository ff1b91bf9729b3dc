"""``blast pip list``."""

from __future__ import annotations

from blast_cli.commands._pip import add_look_options, add_without_effect, place_choice
from blast_cli.options import add_index_options
from blast_cli.outcome import Context, Outcome
from blast_core.names import normalize_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from blast_project.pip.inventory import InstalledDistribution
    from blast_project.pip.latest import Latest
    from blast_project.session import Session

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--format", choices=("columns", "freeze", "json"), default="columns", help="how to print")
    parser.add_argument("-o", "--outdated", action="store_true", help="only what there are newer versions of")
    parser.add_argument("-u", "--uptodate", action="store_true", help="only what there are no newer versions of")
    parser.add_argument("-e", "--editable", action="store_true", help="only editable projects")
    parser.add_argument("--exclude-editable", action="store_true", help="no editable projects")
    parser.add_argument("--include-editable", action="store_true", help="editable projects, too, as is the default")
    parser.add_argument("--not-required", action="store_true", help="only what nothing else needs")
    parser.add_argument("-l", "--local", action="store_true", help="nothing of the system's own")
    parser.add_argument("--exclude", action="append", default=[], metavar="NAME", help="not NAME")
    parser.add_argument("--pre", action="store_true", help="pre-releases are newer versions, too")
    parser.add_argument("--strict", action="store_true", help="tell of what does not fit together")
    add_look_options(parser)
    add_index_options(parser)
    add_without_effect(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """List what an environment holds."""
    from blast_project.pip.inventory import find_distributions
    from blast_project.pip.reports import find_problems, not_required
    from blast_project.pip_interface import open_site
    from blast_project.session import Session

    with Session(context.settings, context.reporter) as session:
        site = open_site(session, place_choice(arguments))
        everything = find_distributions(site.own if arguments.local else site.search)
        rows = not_required(everything, site) if arguments.not_required else everything
        rows = _chosen(rows, arguments)
        latest = _latest(session, site.interpreter, rows, arguments)
    if arguments.outdated or arguments.uptodate:
        rows = [row for row in rows if row.key in latest and latest[row.key].is_newer == arguments.outdated]
    shown = latest if arguments.outdated else {}
    lines = [problem.words for problem in find_problems(everything, site)] if arguments.strict else []
    document = [_document(row, shown.get(row.key), verbose=arguments.verbose) for row in rows]
    return Outcome({"packages": document}, tuple(lines), _text(rows, shown, document, arguments))


def _chosen(rows: Sequence[InstalledDistribution], arguments: argparse.Namespace) -> list[InstalledDistribution]:
    excluded = {normalize_name(name) for name in arguments.exclude}
    rows = [row for row in rows if row.key not in excluded]
    if arguments.editable:
        rows = [row for row in rows if row.editable_location]
    if arguments.exclude_editable:
        rows = [row for row in rows if not row.editable_location]
    return list(rows)


def _latest(
    session: Session, interpreter: object, rows: Sequence[InstalledDistribution], arguments: argparse.Namespace
) -> Mapping[str, Latest]:
    if not (arguments.outdated or arguments.uptodate):
        return {}
    from blast_project.pip.latest import find_latest

    return find_latest(session, interpreter, rows, pre=arguments.pre)  # type: ignore[arg-type]  # of the place


def _document(row: InstalledDistribution, latest: Latest | None, *, verbose: int) -> dict[str, str]:
    """Return a row as pip's JSON has it."""
    document = {"name": row.name, "version": row.version}
    if verbose:
        document |= {"location": row.directory, "installer": row.installer}
    if latest is not None:
        document |= {"latest_version": latest.version, "latest_filetype": latest.kind}
    if row.editable_location:
        document["editable_project_location"] = row.editable_location
    return document


def _text(
    rows: Sequence[InstalledDistribution],
    latest: Mapping[str, Latest],
    document: Sequence[Mapping[str, str]],
    arguments: argparse.Namespace,
) -> str:
    if arguments.format == "json":
        import json

        return json.dumps(document)
    if arguments.format == "freeze":
        return "\n".join(f"{row.name}=={row.version}" for row in rows)
    from blast_project.pip.reports import tabulate

    editable = any(row.editable_location for row in rows)
    head = ["Package", "Version", *(["Latest", "Type"] if latest else [])]
    head += ["Editable project location"] if editable else []
    head += ["Location", "Installer"] if arguments.verbose else []
    table = [head]
    for row in rows:
        cells = [row.name, row.version]
        if latest:
            cells += [latest[row.key].version, latest[row.key].kind]
        cells += [row.editable_location] if editable else []
        cells += [row.directory, row.installer] if arguments.verbose else []
        table.append(cells)
    return tabulate(table)
