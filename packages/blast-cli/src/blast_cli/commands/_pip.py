"""What the commands of the pip interface have in common: options in pip's and uv's words, and what they show."""

from __future__ import annotations

from blast_cli.commands._shared import change_lines, changes_document, plural
from blast_cli.output import took

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_project.pip.sites import SiteChoice
    from blast_project.pip_interface import InstallRequest, PipResult

__all__ = [
    "add_change_options",
    "add_look_options",
    "add_place_options",
    "add_without_effect",
    "install_request",
    "place_choice",
    "report_document",
    "result_document",
    "result_lines",
]

# What scripts that were written for pip say, and what makes no difference here.
_SWITCHES = (
    "--disable-pip-version-check",
    "--no-input",
    "--no-cache-dir",
    "--prefer-binary",
    "--no-warn-script-location",
    "--no-compile",
)
_VALUES = ("--root-user-action", "--progress-bar")


def add_place_options(parser: argparse.ArgumentParser, *, directories: bool = True) -> None:
    """Add the options that say where to work."""
    place = parser.add_argument_group("where")
    place.add_argument("--system", action="store_true", help="the interpreter itself, not an environment")
    place.add_argument(
        "--break-system-packages",
        action="store_true",
        help="also where the interpreter is managed by another tool (PEP 668)",
    )
    place.add_argument("--user", action="store_true", help="the user's own modules of an interpreter")
    if directories:
        place.add_argument("-t", "--target", default="", metavar="DIR", help="a directory for the modules themselves")
        place.add_argument("--prefix", default="", metavar="DIR", help="a directory for lib, bin and the like")


def add_look_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of commands that look at a place."""
    add_place_options(parser)
    parser.add_argument("--path", action="append", default=[], metavar="DIR", help="look into this directory instead")


def add_without_effect(parser: argparse.ArgumentParser) -> None:
    """Add options of pip's that make no difference."""
    group = parser.add_argument_group("accepted for scripts that were written for pip")
    for name in _SWITCHES:
        group.add_argument(name, action="store_true", help="no effect")
    for name in _VALUES:
        group.add_argument(name, default="", metavar="WORD", help="no effect")


def place_choice(arguments: argparse.Namespace) -> SiteChoice:
    """Return where the options say to work."""
    from blast_project.pip.sites import SiteChoice

    return SiteChoice(
        arguments.system,
        arguments.break_system_packages,
        getattr(arguments, "target", ""),
        getattr(arguments, "prefix", ""),
        arguments.user,
        tuple(getattr(arguments, "path", ())),
    )


def add_change_options(parser: argparse.ArgumentParser) -> None:
    """Add what ``pip install`` and ``pip sync`` have in common."""
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
    parser.add_argument(
        "--reinstall", "--force-reinstall", action="store_true", help="install again what is there already"
    )
    parser.add_argument("--reinstall-package", action="append", default=[], metavar="NAME", help="install NAME again")
    parser.add_argument("--extra", action="append", default=[], metavar="NAME", help="an extra of a pyproject.toml")
    parser.add_argument("--all-extras", action="store_true", help="every extra of a pyproject.toml")
    parser.add_argument(
        "--group",
        action="append",
        default=[],
        metavar="[FILE:]NAME",
        help="a dependency group of FILE, or of pyproject.toml",
    )
    parser.add_argument("--require-hashes", action="store_true", help="refuse what the files hold no hash of")
    parser.add_argument("--no-verify-hashes", action="store_true", help="don't look at the hashes of the files")
    parser.add_argument(
        "--no-build-isolation", action="store_true", help="build with what the environment holds, not in one of its own"
    )
    parser.add_argument(
        "-C",
        "--config-settings",
        "--config-setting",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="for build backends",
    )
    parser.add_argument(
        "--python-version", default="", metavar="VERSION", help="install what this Python needs, with --target"
    )
    parser.add_argument(
        "--python-platform", default="", metavar="PLATFORM", help="install what this platform needs, with --target"
    )
    parser.add_argument("--strict", action="store_true", help="tell of what does not fit together afterwards")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument(
        "--report",
        default="",
        metavar="FILE",
        help="write what is installed to FILE as JSON, in pip's form; - prints it",
    )


def install_request(arguments: argparse.Namespace, **more: object) -> InstallRequest:
    """Return what the options of `add_change_options` say, and ``more``."""
    from blast_project.pip_interface import InstallRequest

    request = InstallRequest(
        constraints=tuple(arguments.constraint),
        overrides=tuple(arguments.override),
        reinstall=arguments.reinstall,
        reinstall_packages=tuple(arguments.reinstall_package),
        extras=(":all:",) if arguments.all_extras else tuple(arguments.extra),
        groups=tuple(arguments.group),
        require_hashes=arguments.require_hashes,
        verify_hashes=not arguments.no_verify_hashes,
        isolate=not arguments.no_build_isolation,
        config_settings=tuple(arguments.config_settings),
        python_version=arguments.python_version,
        python_platform=arguments.python_platform,
        strict=arguments.strict,
        dry_run=arguments.dry_run,
        choice=place_choice(arguments),
    )
    return request._replace(**more)  # type: ignore[arg-type]  # names of fields


def result_document(result: PipResult, *, dry_run: bool = False) -> dict[str, object]:
    """Return a change as JSON."""
    return {
        "environment": result.environment,
        "kind": result.kind,
        "generation": result.generation,
        "changed": result.changed,
        "dry_run": dry_run,
        "python": result.python,
        "packages": result.packages,
        "changes": changes_document(result.changes),
        "problems": list(result.problems),
        "missing": list(result.missing),
    }


def result_lines(result: PipResult, milliseconds: int, *, dry_run: bool = False) -> tuple[str, ...]:
    """Return the lines that say what was done."""
    count = plural(result.packages, "package")
    if not result.changed:
        return (f"The environment is up to date ({count})",)
    changed = plural(len(result.changes), "package")
    if dry_run:
        head = f"Would change {changed}"
    elif result.generation:
        head = f"Synced {count} in {took(milliseconds)} (generation {result.generation})"
    else:
        head = f"Changed {changed} of {result.environment} in {took(milliseconds)}"
    return (head, *change_lines(result.changes))


def report_document(result: PipResult) -> dict[str, object]:
    """Return what was installed in the form of pip's installation report, version 1."""
    from blast_cli import __version__

    rows = []
    for row in result.arrivals:
        archive = {"hash": f"sha256={row.sha256}", "hashes": {"sha256": row.sha256}} if row.sha256 else {}
        kind = "archive_info" if row.sha256 or not row.is_direct else "dir_info"
        rows.append(
            {
                "download_info": {"url": row.url, kind: archive},
                "is_direct": row.is_direct,
                "is_yanked": False,
                "requested": row.requested,
                "metadata": {"name": row.name, "version": row.version, "requires_dist": list(row.requires)},
            }
        )
    return {
        "version": "1",
        "pip_version": "",
        "blast_version": __version__,
        "install": rows,
        "environment": dict(result.markers),
    }
