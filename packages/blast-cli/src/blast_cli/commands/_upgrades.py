"""What commands share that lock and may take newer versions on the way."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_project.project import Project
    from blast_project.settings import Settings

__all__ = ["add_upgrade_options", "upgrade_names", "upgrade_settings", "wants_upgrades"]


def add_upgrade_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--upgrade``, ``--upgrade-package`` and ``--upgrade-group``."""
    parser.add_argument("-U", "--upgrade", action="store_true", help="take the newest versions")
    parser.add_argument(
        "-P", "--upgrade-package", action="append", default=[], metavar="REQ", help="the newest of a package, or 'a==2'"
    )
    parser.add_argument(
        "--upgrade-group", action="append", default=[], metavar="GROUP", help="the newest of what a group asks for"
    )


def wants_upgrades(arguments: argparse.Namespace) -> bool:
    """Tell whether one of the options is given."""
    return bool(arguments.upgrade or arguments.upgrade_package or arguments.upgrade_group)


def upgrade_names(arguments: argparse.Namespace, project: Project) -> list[str]:
    """Return the names of the packages that may leave their locked version.

    Raises:
        UsageError: a group is named that the project doesn't have.
    """
    if not arguments.upgrade_package and not arguments.upgrade_group:
        return []
    from blast_core.errors import UsageError
    from blast_core.names import normalize_name
    from blast_core.requirements import parse_requirement

    names = [parse_requirement(line).name for line in arguments.upgrade_package]
    for group in arguments.upgrade_group:
        wanted = f"group:{normalize_name(group)}"
        if wanted not in project.groups:
            known = ", ".join(name.removeprefix("group:") for name in project.groups if name.startswith("group:"))
            raise UsageError(
                f"the project has no dependency group '{group}'", reason=f"it has {known}" if known else "it has none"
            )
        names += [row.requirement.name for row in project.requirements() if row.group == wanted]
    return names


def upgrade_settings(arguments: argparse.Namespace, settings: Settings) -> Settings:
    """Return the settings for this lock: what is upgraded is asked for again, and may be asked for in a version."""
    names = arguments.upgrade_package
    if not wants_upgrades(arguments):
        return settings
    from blast_core.requirements import parse_requirement

    wanted = [parse_requirement(line) for line in names]
    moves = tuple(line for line, row in zip(names, wanted, strict=True) if row.specifier)
    settings = settings._replace(policy=settings.policy._replace(moves=(*settings.policy.moves, *moves)))
    if arguments.upgrade or arguments.upgrade_group:
        return settings._replace(refresh=not settings.offline)
    return settings._replace(refresh_packages=(*settings.refresh_packages, *(row.name for row in wanted)))
