"""Options that every command takes, and how they become ``Settings``."""

from __future__ import annotations

import os

from blast_core.errors import UsageError
from blast_core.home import find_home
from blast_project.settings import LINK_MODES, Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

__all__ = [
    "add_common_options",
    "add_group_options",
    "add_index_options",
    "add_install_options",
    "add_lock_options",
    "settings_from",
]


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command."""
    common = parser.add_argument_group("options of every command")
    common.add_argument("-q", "--quiet", action="store_true", help="print nothing but errors and data")
    common.add_argument("-v", "--verbose", action="count", default=0, help="print more; -vv shows tracebacks")
    common.add_argument("--json", action="store_true", help="print one JSON document on standard output")
    common.add_argument("--offline", action="store_true", help="never use the network")
    common.add_argument(
        "--refresh", action="store_true", help="ask the index again even where its answer is remembered"
    )
    common.add_argument("--no-progress", action="store_true", help="show no progress")
    common.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="when to use colours")
    common.add_argument("--project", metavar="DIR", default="", help="the project in or above DIR instead of here")
    common.add_argument(
        "-p", "--python", metavar="REQUEST", default="", help="a version, a name or a path of an interpreter"
    )


def add_index_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of commands that may ask an index."""
    parser.add_argument(
        "--index-url", metavar="URL", default="", help="the index to use instead of the configured ones"
    )


def add_group_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose what of a project is installed."""
    parser.add_argument("--group", action="append", default=[], metavar="NAME", help="also this dependency group")
    parser.add_argument("--no-group", action="append", default=[], metavar="NAME", help="not this dependency group")
    parser.add_argument("--all-groups", action="store_true", help="every dependency group")
    parser.add_argument("--no-dev", action="store_true", help="not the group 'dev', which is included otherwise")
    parser.add_argument("--only-group", action="append", default=[], metavar="NAME", help="only this dependency group")
    parser.add_argument("--extra", action="append", default=[], metavar="NAME", help="also this extra")
    parser.add_argument("--all-extras", action="store_true", help="every extra")
    add_install_options(parser)
    parser.add_argument("--inexact", action="store_true", help="keep distributions that the lock does not name")


def add_install_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of commands that change an environment."""
    parser.add_argument("--link-mode", choices=LINK_MODES, default="", help="how files reach the environment")
    parser.add_argument(
        "--allow-overwrite",
        action="store_true",
        help="of two distributions that bring different files for one path, take one and say so",
    )


def add_lock_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of commands that lock before they act."""
    parser.add_argument("--frozen", action="store_true", help="use the lock as it is, without looking at the manifest")
    parser.add_argument("--locked", action="store_true", help="fail if the lock does not answer to the manifest")


def settings_from(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Settings:
    """Return the settings that options and environment variables make together.

    Raises:
        UsageError: ``--project`` is no directory, or a variable holds no value of its option.
    """
    directory = os.path.abspath(arguments.project or os.getcwd())
    if not os.path.isdir(directory):
        raise UsageError(f"--project {arguments.project}: there is no such directory")
    link_mode = getattr(arguments, "link_mode", "") or environ.get("BLAST_LINK_MODE", "")
    if link_mode and link_mode not in LINK_MODES:
        raise UsageError(
            f"BLAST_LINK_MODE is '{link_mode}'", reason=f"it may be {', '.join(LINK_MODES)}", hint="unset it"
        )
    return Settings(
        directory=directory,
        home=find_home(environ),
        environ=environ,
        offline=arguments.offline,
        refresh=arguments.refresh,
        index_url=getattr(arguments, "index_url", "") or environ.get("BLAST_INDEX_URL", ""),
        python=arguments.python,
        link_mode=link_mode,
        environment=environ.get("BLAST_PROJECT_ENVIRONMENT", ""),
        allow_overwrite=getattr(arguments, "allow_overwrite", False),
    )
