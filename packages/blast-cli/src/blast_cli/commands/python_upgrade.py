"""``blast python upgrade``."""

from __future__ import annotations

import time

from blast_cli.commands._pythons import (
    add_directory_option,
    add_mirror_option,
    check_downloads,
    installation_document,
    project_settings,
)
from blast_cli.outcome import Context, Outcome
from blast_cli.output import took

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("versions", nargs="*", metavar="REQUEST", help="minor versions such as 3.12; all by default")
    add_directory_option(parser)
    add_mirror_option(parser)
    parser.add_argument(
        "-r", "--reinstall", action="store_true", help="put a fresh one in the place of the newest patch level, too"
    )
    parser.add_argument(
        "--compile-library",
        "--compile-bytecode",
        action="store_true",
        dest="compile_library",
        help="compile the standard library",
    )


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Install newer patch levels; environments of the minor version use them at once."""
    from blast_project.python.catalogue import open_catalogue
    from blast_project.python.installations import installations_root, list_installations
    from blast_project.python.installing import install_build, upgrade_targets
    from blast_project.session import Session

    began = time.monotonic()
    rows = []
    with Session(context.settings, context.reporter) as session:
        tool = project_settings(session)
        root = installations_root(session, arguments.directory)
        standing = list_installations(root)
        if not standing and not arguments.versions:
            return Outcome({"directory": root, "upgraded": []}, ("Blast has installed no interpreters",))
        check_downloads(session, tool)
        catalogue = open_catalogue(session, tool, arguments.mirror)
        pairs = upgrade_targets(standing, catalogue, arguments.versions, again=arguments.reinstall)
        for before, build in pairs:
            again = before.build.version == build.version
            bytecode = arguments.compile_library
            installed = install_build(session, catalogue, build, root, again=again, bytecode=bytecode)
            rows.append((before, installed.installation))
    milliseconds = round((time.monotonic() - began) * 1000)
    document = {
        "directory": root,
        "upgraded": [{**installation_document(after), "before": before.key} for before, after in rows],
    }
    if not rows:
        return Outcome(document, ("All interpreters are of the newest patch level",))
    what = "1 interpreter" if len(rows) == 1 else f"{len(rows)} interpreters"
    lines = [f" ~ {before.key} -> {after.build.version}" for before, after in rows]
    return Outcome(document, (f"Upgraded {what} in {took(milliseconds)}", *lines))
