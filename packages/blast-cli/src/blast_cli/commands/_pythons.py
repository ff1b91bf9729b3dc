"""What the commands about interpreters have in common."""

from __future__ import annotations

from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from typing import Any

    from blast_project.python.installations import Installation
    from blast_project.python.programs import Linked
    from blast_project.session import Session

__all__ = [
    "add_directory_option",
    "add_mirror_option",
    "check_downloads",
    "installation_document",
    "project_settings",
    "wanted_versions",
]


def add_directory_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that names where interpreters are installed."""
    parser.add_argument(
        "-i",
        "--python-install-dir",
        "--install-dir",
        metavar="DIR",
        default="",
        dest="directory",
        help="where interpreters are installed",
    )


def add_mirror_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that names where builds come from."""
    parser.add_argument(
        "--python-mirror",
        "--mirror",
        metavar="PLACE",
        default="",
        dest="mirror",
        help="an address or a directory with builds of interpreters and their SHA256SUMS",
    )


def project_settings(session: Session) -> Mapping[str, Any]:
    """Return ``[tool.blast]`` of the project around the directory; nothing without a project."""
    from blast_project.project import find_root, load_project

    root = find_root(session.settings.directory, session.settings.home)
    return load_project(root, session.settings.home).manifest.tool if root is not None else {}


def check_downloads(session: Session, tool: Mapping[str, Any]) -> None:
    """Refuse to download where that is forbidden.

    Raises:
        UsageError: it is.
    """
    from blast_project.python.policy import read_downloads

    # A variable that keeps commands from downloading by themselves is no word against one that is asked to.
    if read_downloads(session.settings, tool) == "never":
        raise UsageError(
            "downloads of interpreters are forbidden",
            reason="python-downloads is never",
            hint="'manual' allows 'blast python install' alone",
        )


def wanted_versions(session: Session, words: list[str], *, fallback: str = "") -> list[str]:
    """Return the requests of a command line, else those of the nearest version files, else ``fallback``."""
    from blast_project.python.discover import is_path
    from blast_project.python.version_files import VERSION_NAME, VERSIONS_NAME, find_version_file, read_versions

    said = session.settings.python
    if words or (said and not is_path(said)):
        return words or [said]
    for name in (VERSIONS_NAME, VERSION_NAME):
        found = read_versions(find_version_file(session.settings.directory, name))
        if found:
            return list(found)
    return [fallback]


def installation_document(one: Installation, linked: Linked | None = None) -> dict[str, object]:
    """Return an installation as JSON."""
    build = one.build
    document: dict[str, object] = {
        "key": one.key,
        "implementation": build.implementation,
        "version": build.version,
        "variant": build.variant,
        "path": one.path,
        "executable": one.executable,
        "release": build.release,
    }
    if linked is not None:
        document["linked"] = list(linked.made)
    return document
