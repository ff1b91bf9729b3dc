"""Options about how a project is installed: again, without some of it, for elsewhere, and how its builds are done."""

from __future__ import annotations

from blast_core.names import normalize_name
from blast_project.install_wishes import InstallWishes

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["add_build_wishes", "add_install_wishes", "add_left_out_options", "install_wishes"]


def add_install_wishes(parser: argparse.ArgumentParser) -> None:
    """Add ``--reinstall``, ``--no-editable``, ``--python-platform`` and what `add_build_wishes` adds."""
    group = parser.add_argument_group("how it is installed")
    group.add_argument(
        "--reinstall", action="store_true", help="check everything byte by byte, build again what was built, link anew"
    )
    group.add_argument(
        "--reinstall-package", action="append", default=[], metavar="NAME", help="the same with NAME alone"
    )
    group.add_argument(
        "--no-editable", action="store_true", help="the project and other trees as copies that don't change with them"
    )
    group.add_argument(
        "--no-editable-package", action="append", default=[], metavar="NAME", help="the same with NAME alone"
    )
    group.add_argument(
        "--python-platform",
        default="",
        metavar="PLATFORM",
        help="the files of another platform, such as linux-aarch64; programs are still made for this one",
    )
    add_build_wishes(parser)


def add_build_wishes(parser: argparse.ArgumentParser) -> None:
    """Add the options about builds of source trees."""
    group = parser.add_argument_group("how it is built")
    group.add_argument(
        "-C",
        "--config-setting",
        "--config-settings",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting for the backends of builds",
    )
    group.add_argument(
        "--config-settings-package",
        action="append",
        default=[],
        metavar="NAME:KEY=VALUE",
        help="a setting for the backend of NAME",
    )
    group.add_argument("--no-build-isolation", action="store_true", help="build in the project's environment")
    group.add_argument(
        "--no-build-isolation-package",
        action="append",
        default=[],
        metavar="NAME",
        help="build NAME in the project's environment",
    )


def add_left_out_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that leave out a part of what is installed, as images of containers are made in layers."""
    group = parser.add_argument_group("what is left out")
    group.add_argument("--no-install-project", action="store_true", help="not the project itself, but what it needs")
    group.add_argument(
        "--no-install-workspace", action="store_true", help="no package of the workspace, but what they need"
    )
    group.add_argument("--no-install-local", action="store_true", help="nothing from directories or files of here")
    group.add_argument("--no-install-package", action="append", default=[], metavar="NAME", help="not NAME")


def install_wishes(arguments: argparse.Namespace) -> InstallWishes:
    """Return what the options say, for commands that have them."""
    if not hasattr(arguments, "config_settings_package"):
        return InstallWishes()

    def names(name: str) -> tuple[str, ...]:
        return tuple(normalize_name(word) for word in getattr(arguments, name, ()))

    return InstallWishes(
        reinstall=getattr(arguments, "reinstall", False),
        reinstall_packages=names("reinstall_package"),
        platform=getattr(arguments, "python_platform", ""),
        editable=not getattr(arguments, "no_editable", False),
        copied=names("no_editable_package"),
        config_settings=tuple(arguments.config_setting),
        config_settings_package=tuple(arguments.config_settings_package),
        no_build_isolation=arguments.no_build_isolation,
        no_build_isolation_package=names("no_build_isolation_package"),
    )
