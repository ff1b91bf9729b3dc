"""``blast python install``."""

from __future__ import annotations

import time

from blast_cli.commands._pythons import (
    add_directory_option,
    add_mirror_option,
    check_downloads,
    installation_document,
    project_settings,
    wanted_versions,
)
from blast_cli.outcome import Context, Outcome
from blast_cli.output import took

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_project.python.catalogue import Catalogue
    from blast_project.python.installing import Installed
    from blast_project.python.programs import Linked
    from blast_project.session import Session

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "versions", nargs="*", metavar="REQUEST", help="such as 3.12, 3.12.1, 3.13t, pypy3.10 or '>=3.11,<3.13'"
    )
    add_directory_option(parser)
    add_mirror_option(parser)
    parser.add_argument("-r", "--reinstall", action="store_true", help="put a fresh one in the place of what is there")
    parser.add_argument("-U", "--upgrade", action="store_true", help="the newest patch level, though an older is there")
    parser.add_argument("-f", "--force", action="store_true", help="replace programs of others by the links")
    parser.add_argument("--default", action="store_true", help="link it as python3 and python, too")
    parser.add_argument("--no-bin", action="store_true", help="link nothing")
    parser.add_argument(
        "--compile-library",
        "--compile-bytecode",
        action="store_true",
        dest="compile_library",
        help="compile the standard library",
    )


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Install interpreters."""
    from blast_core.errors import UsageError
    from blast_project.python.catalogue import open_catalogue
    from blast_project.python.discover import is_path
    from blast_project.python.installations import installations_root
    from blast_project.python.programs import Linked, bin_directory, link_programs
    from blast_project.session import Session

    began = time.monotonic()
    settings = context.settings
    programs = bin_directory(settings.environ)
    done: list[tuple[Installed, Linked]] = []
    with Session(settings, context.reporter) as session:
        tool = project_settings(session)
        root = installations_root(session, arguments.directory)
        requests = wanted_versions(session, arguments.versions)
        if any(map(is_path, requests)):
            raise UsageError("a path can't be installed", hint="name a version such as 3.12")
        if arguments.default and len(requests) > 1:
            raise UsageError("--default is for one interpreter", reason=f"{len(requests)} are asked for")
        catalogue = None
        for request in requests:
            installed = None if arguments.upgrade or arguments.reinstall else _standing(root, request)
            if installed is None:
                check_downloads(session, tool)
                catalogue = catalogue or open_catalogue(session, tool, arguments.mirror)
                installed = _install(session, catalogue, request, root, arguments)
            linked = Linked()
            if not arguments.no_bin:
                linked = link_programs(
                    installed.installation, root, programs, default=arguments.default, force=arguments.force
                )
            done.append((installed, linked))
    milliseconds = round((time.monotonic() - began) * 1000)
    document = {
        "directory": root,
        "installed": [
            {**installation_document(one.installation, linked), "new": one.is_new, "replaced": one.replaced}
            for one, linked in done
        ],
    }
    return Outcome(document, tuple(_lines(done, milliseconds, programs, context)))


def _standing(root: str, request: str) -> Installed | None:
    """Return what is installed and answers to the request, though the catalogue may have something newer."""
    from blast_project.python.installations import find_installations, list_installations
    from blast_project.python.installing import Installed
    from blast_project.python.platform_of import this_platform
    from blast_project.python.request import parse_request

    found = find_installations(list_installations(root), parse_request(request), this_platform())
    return Installed(found[0], is_new=False) if found else None


def _install(
    session: Session, catalogue: Catalogue, request: str, root: str, arguments: argparse.Namespace
) -> Installed:
    from blast_project.python.installing import choose_build, install_build

    build = choose_build(catalogue, request)
    again, bytecode = arguments.reinstall, arguments.compile_library
    return install_build(session, catalogue, build, root, again=again, bytecode=bytecode)


def _lines(done: list[tuple[Installed, Linked]], milliseconds: int, programs: str, context: Context) -> list[str]:
    from blast_project.python.programs import is_on_path

    fresh = [one for one, _ in done if one.is_new]
    lines = []
    if fresh:
        what = f"Python {fresh[0].installation.build.version}" if len(fresh) == 1 else f"{len(fresh)} interpreters"
        lines.append(f"Installed {what} in {took(milliseconds)}")
    for one, linked in done:
        names = ", ".join(path.replace("\\", "/").rpartition("/")[2] for path in linked.made)
        if one.is_new:
            lines.append(f" + {one.installation.key}{f' ({names})' if names else ''}")
        else:
            lines.append(f"{one.installation.key} is installed already")
        lines += [f"{path} was made by something else and stays; --force replaces it" for path in linked.refused]
    made = any(linked.made for _, linked in done)
    if made and not is_on_path(programs, context.settings.environ):
        lines.append(f"{programs} is not on PATH: 'blast python update-shell' puts it there")
    return lines
