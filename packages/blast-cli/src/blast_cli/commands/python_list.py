"""``blast python list``."""

from __future__ import annotations

from blast_cli.commands._pythons import add_mirror_option, project_settings
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_project.python.listing import Row

__all__ = ["configure", "execute"]

_MISSING = "<can be installed>"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("request", nargs="?", default="", metavar="REQUEST", help="only what answers to it")
    parser.add_argument("--all-versions", action="store_true", help="every patch level that can be installed")
    parser.add_argument("--all-platforms", action="store_true", help="builds for other platforms, too")
    parser.add_argument("--all-arches", action="store_true", help="builds for other machines of this system, too")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--only-installed", action="store_true", help="only what is on this machine")
    only.add_argument("--only-downloads", action="store_true", help="only what can be installed")
    parser.add_argument("--show-urls", action="store_true", help="where builds come from")
    parser.add_argument("--output-format", choices=("text", "json"), default="text", help="json is the same as --json")
    add_mirror_option(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """List interpreters."""
    from blast_project.python.listing import ListOptions, list_interpreters
    from blast_project.python.policy import read_downloads
    from blast_project.session import Session

    with Session(context.settings, context.reporter) as session:
        tool = project_settings(session)
        may_download = read_downloads(context.settings, tool) != "never"
        options = ListOptions(
            request=arguments.request,
            all_versions=arguments.all_versions,
            all_platforms=arguments.all_platforms,
            all_machines=arguments.all_arches,
            installed=not arguments.only_downloads,
            downloads=arguments.only_downloads or (may_download and not arguments.only_installed),
            mirror=arguments.mirror,
        )
        rows = list_interpreters(session, options, tool)
    if arguments.output_format == "json":
        context.output.json = True
    return Outcome({"pythons": [_document(row) for row in rows]}, data="\n".join(_lines(rows, arguments.show_urls)))


def _document(row: Row) -> dict[str, object]:
    system, machine, library = row.platform
    return {
        "key": row.key,
        "implementation": row.implementation,
        "version": row.version,
        "variant": row.variant,
        "os": system,
        "arch": machine,
        "libc": library,
        "path": row.path or None,
        "symlink": row.target or None,
        "url": row.url or None,
        "managed": row.managed,
    }


def _lines(rows: list[Row], show_urls: bool) -> list[str]:  # noqa: FBT001 - one column of one table
    width = max((len(row.key) for row in rows), default=0)
    lines = []
    for row in rows:
        place = row.path or (row.url if show_urls else _MISSING)
        lines.append(f"{row.key:<{width}}  {place}{f' -> {row.target}' if row.target else ''}")
    return lines
