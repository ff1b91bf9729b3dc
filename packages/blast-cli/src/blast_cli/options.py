"""Options that every command takes, and how they become ``Settings``."""

from __future__ import annotations

import os

from blast_cli.options_install import install_wishes
from blast_core.errors import UsageError
from blast_core.home import find_home
from blast_core.names import normalize_name
from blast_project.settings import LINK_MODES, PolicyOptions, Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

__all__ = [
    "BYTECODE_VARIABLE",
    "add_common_options",
    "add_env_options",
    "add_group_options",
    "add_index_options",
    "add_install_options",
    "add_lock_options",
    "add_member_options",
    "add_pip_policy_options",
    "add_policy_options",
    "add_script_option",
    "add_selection_options",
    "bytecode_word",
    "settings_from",
]

#: The only variable of a switch that may hold a word.
BYTECODE_VARIABLE = "BLAST_COMPILE_BYTECODE"
# The choices stand here a second time: where they belong, importing them costs a command with nothing to do too much.
_RESOLUTIONS = ("highest", "lowest", "lowest-direct")
_PRERELEASES = ("disallow", "allow", "if-necessary", "explicit", "if-necessary-or-explicit")
_DOWNLOADS = ("automatic", "manual", "never")
_PREFERENCES = ("managed", "system", "only-managed", "only-system")
_RESOLVERS = ("pubgrub", "resolvelib")
# What a variable that other commands take as a switch says for all projects, and for none.
_SWITCHED = {"1": ":all:", "true": ":all:", "yes": ":all:", "on": ":all:", "0": "", "false": "", "no": "", "off": ""}


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
    common.add_argument("--directory", dest="start_directory", metavar="DIR", default="", help="do all of it in DIR")
    common.add_argument("--project", metavar="DIR", default="", help="the project in or above DIR instead of here")
    common.add_argument(
        "-p", "--python", metavar="REQUEST", default="", help="a version, a name or a path of an interpreter"
    )
    _add_python_options(common)
    common.add_argument(
        "--config-file", metavar="FILE", default="", help="the only file of settings beside the project's"
    )
    common.add_argument("--no-config", action="store_true", help="read no config.toml")


def _add_python_options(common: argparse._ArgumentGroup) -> None:
    common.add_argument(
        "--managed-python",
        action="store_const",
        const="only-managed",
        default="",
        dest="python_preference",
        help="only interpreters that Blast installed",
    )
    common.add_argument(
        "--no-managed-python",
        action="store_const",
        const="only-system",
        default="",
        dest="python_preference",
        help="none of them",
    )
    common.add_argument(
        "--no-python-downloads",
        action="store_const",
        const="never",
        default="",
        dest="python_downloads",
        help="download no interpreter that is missing",
    )


def add_index_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of commands that may ask an index."""
    parser.add_argument(
        "-i",
        "--index-url",
        "--default-index",
        metavar="URL",
        default="",
        help="the index to use instead of the configured ones",
    )
    parser.add_argument(
        "--index", action="append", default=[], metavar="[NAME=]URL", help="a further index, asked before the others"
    )
    parser.add_argument(
        "--extra-index-url", action="append", default=[], metavar="URL", help="as --index, in pip's words"
    )
    parser.add_argument(
        "-f",
        "--find-links",
        action="append",
        default=[],
        metavar="PLACE",
        help="a directory or page of files that count beside those of the index",
    )
    parser.add_argument("--no-index", action="store_true", help="ask no index, only --find-links")
    parser.add_argument(
        "--index-strategy",
        choices=("first-index", "unsafe-first-match", "unsafe-best-match"),
        default="",
        help="which indexes count for a project that several have; the first one by default",
    )
    parser.add_argument(
        "--keyring-provider",
        choices=("auto", "import", "subprocess", "disabled"),
        default="",
        help="how to ask the keyring when an index wants a password",
    )
    parser.add_argument(
        "--refresh-package", action="append", default=[], metavar="NAME", help="ask the index again for NAME"
    )


def add_group_options(parser: argparse.ArgumentParser, *, dev: bool = True) -> None:
    """Add the options that choose what of a project is installed, and how; ``--dev`` has another sense for some."""
    add_selection_options(parser, dev=dev)
    add_install_options(parser)
    parser.add_argument("--inexact", action="store_true", help="keep distributions that the lock does not name")
    parser.add_argument(
        "--active",
        action="store_true",
        help="the active environment instead of .venv; one that another tool made is replaced",
    )
    parser.add_argument("--no-hooks", action="store_true", help="run nothing of what the project wants after a sync")


def add_selection_options(parser: argparse.ArgumentParser, *, dev: bool = True) -> None:
    """Add the options that choose groups and extras of a project."""
    group = "also this dependency group" if dev else "in this dependency group, which is installed, too"
    parser.add_argument("--group", action="append", default=[], metavar="NAME", help=group)
    parser.add_argument("--no-group", action="append", default=[], metavar="NAME", help="not this dependency group")
    parser.add_argument("--all-groups", action="store_true", help="every dependency group")
    if dev:
        parser.add_argument("--dev", action="store_true", help="the group 'dev', where there is one")
    parser.add_argument("--no-dev", action="store_true", help="not the group 'dev'")
    parser.add_argument(
        "--no-default-groups",
        action="store_true",
        help="not the groups that are included unasked: those of 'default-groups', or 'dev'",
    )
    parser.add_argument("--only-group", action="append", default=[], metavar="NAME", help="only this dependency group")
    parser.add_argument("--only-dev", action="store_true", help="only the group 'dev'")
    parser.add_argument("--extra", action="append", default=[], metavar="NAME", help="also this extra")
    parser.add_argument("--no-extra", action="append", default=[], metavar="NAME", help="not this extra")
    parser.add_argument("--all-extras", action="store_true", help="every extra")


def add_member_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose packages of a workspace."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--package", dest="members", action="append", default=[], metavar="NAME", help="this package of the workspace"
    )
    which.add_argument("--all-packages", action="store_true", help="every package of the workspace")


def add_install_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of commands that change an environment."""
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--link-mode", choices=LINK_MODES, default="", help="how files reach the environment")
    ways.add_argument(
        "--copies",
        action="store_const",
        const="copy",
        dest="link_mode",
        help="an environment without links into the store, to be taken elsewhere",
    )
    parser.add_argument(
        "--allow-overwrite",
        action="store_true",
        help="of two distributions that bring different files for one path, take one and say so",
    )
    parser.add_argument(
        "--compile-bytecode",
        action="store_const",
        const="wait",
        default="",
        help="wait until the store has bytecode; by default it is compiled in the background",
    )
    parser.add_argument(
        "--no-compile-bytecode",
        action="store_const",
        const="never",
        default="",
        dest="compile_bytecode",
        help="leave bytecode to Python",
    )


def add_env_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which variables a program sees."""
    parser.add_argument(
        "--env-file", action="append", default=[], metavar="FILE", help="variables of the program; a later file wins"
    )
    parser.add_argument("--no-env-file", action="store_true", help="no files of variables")


def add_script_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--script``."""
    parser.add_argument(
        "--script", default="", metavar="FILE", help="of the script FILE with metadata (PEP 723), not of the project"
    )


def add_lock_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of commands that lock before they act."""
    parser.add_argument("--frozen", action="store_true", help="use the lock as it is, without looking at the manifest")
    parser.add_argument("--locked", action="store_true", help="fail if the lock does not answer to the manifest")


def add_policy_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of commands that lock: which versions and files count, before what the manifest says."""
    group = parser.add_argument_group("which versions and files count")
    _add_version_options(group)
    group.add_argument(
        "--constraint-dependency", action="append", default=[], metavar="REQ", help="limit what something else needs"
    )
    group.add_argument(
        "--override-dependency", action="append", default=[], metavar="REQ", help="replace what anything needs of it"
    )
    group.add_argument(
        "--build-constraint-dependency",
        action="append",
        default=[],
        metavar="REQ",
        help="limit what builds are done with",
    )
    group.add_argument("--no-build", action="store_true", help="use no source distributions")
    group.add_argument(
        "--no-build-package", action="append", default=[], metavar="NAME", help="no source distributions of NAME"
    )
    group.add_argument("--no-binary", action="store_true", help="use no wheels")
    group.add_argument("--no-binary-package", action="append", default=[], metavar="NAME", help="no wheels of NAME")
    group.add_argument(
        "--only-binary", action="append", default=[], metavar="NAME", help="as --no-build-package; ':all:' for all"
    )


def add_pip_policy_options(parser: argparse.ArgumentParser) -> None:
    """Add the same in pip's words: wheels and source distributions are chosen by name or by ``:all:``."""
    group = parser.add_argument_group("which versions and files count")
    _add_version_options(group)
    group.add_argument("--pre", action="store_true", help="as '--prerelease allow'")
    group.add_argument("--no-build", action="store_true", help="as '--only-binary :all:'")
    group.add_argument(
        "--no-binary",
        dest="no_binary_package",
        action="append",
        default=[],
        metavar="NAME",
        help="no wheels of NAME, or ':all:'",
    )
    group.add_argument(
        "--only-binary", action="append", default=[], metavar="NAME", help="only wheels of NAME, or ':all:'"
    )


def _add_version_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--exclude-newer", default="", metavar="DATE", help="only files uploaded before DATE, or '7 days' ago"
    )
    group.add_argument(
        "--exclude-newer-package",
        action="append",
        default=[],
        metavar="NAME=DATE",
        help="another DATE, or 'false', for NAME",
    )
    group.add_argument("--resolution", choices=_RESOLUTIONS, default="", help="which of the versions that fit")
    group.add_argument("--prerelease", choices=_PRERELEASES, default="", help="when pre-releases count")
    group.add_argument(
        "--prerelease-package", action="append", default=[], metavar="NAME=MODE", help="another mode for NAME"
    )
    group.add_argument(
        "--resolver", choices=_RESOLVERS, default="", help="what searches: pubgrub unless said otherwise"
    )


def _policy_options(arguments: argparse.Namespace) -> PolicyOptions:
    def words(name: str) -> tuple[str, ...]:
        return tuple(getattr(arguments, name, ()))

    no_binary = getattr(arguments, "no_binary", False)
    return PolicyOptions(
        exclude_newer=getattr(arguments, "exclude_newer", ""),
        exclude_newer_package=words("exclude_newer_package"),
        prerelease=getattr(arguments, "prerelease", "") or ("allow" if getattr(arguments, "pre", False) else ""),
        prerelease_package=words("prerelease_package"),
        resolution=getattr(arguments, "resolution", ""),
        resolver=getattr(arguments, "resolver", ""),
        constraints=words("constraint_dependency"),
        overrides=words("override_dependency"),
        build_constraints=words("build_constraint_dependency"),
        no_build=getattr(arguments, "no_build", False),
        no_build_package=words("no_build_package"),
        no_binary=no_binary,
        no_binary_package=_projects(words("no_binary_package")),
        only_binary=_projects(words("only_binary")),
    )


def _projects(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return names of projects; one variable is a switch for some commands and a list for others."""
    return tuple(name for word in words for name in (_SWITCHED.get(word.lower(), word),) if name)


def bytecode_word(value: str) -> str:
    """Return when bytecode is compiled, as ``BLAST_COMPILE_BYTECODE`` says it: a word, or a switch; "" for nothing."""
    word = value.lower()
    if word in {"", "wait", "background", "never"}:
        return word
    return "never" if word in {"0", "false", "no", "off"} else "wait"


def _enter(directory: str) -> None:
    try:
        os.chdir(directory)
    except OSError as error:
        raise UsageError(f"--directory {directory}: {error.strerror}") from error


def _environment(arguments: argparse.Namespace, environ: Mapping[str, str]) -> str:
    """Return which environment is the project's, if another than .venv."""
    if not getattr(arguments, "active", False):
        return environ.get("BLAST_PROJECT_ENVIRONMENT", "")
    active = environ.get("VIRTUAL_ENV", "")
    if not active:
        raise UsageError("no environment is active", reason="VIRTUAL_ENV is not set", hint="leave out --active")
    return active


def _when_to_compile(arguments: argparse.Namespace, environ: Mapping[str, str]) -> str:
    said = getattr(arguments, "compile_bytecode", None)
    if said is None:
        # A command without the options, such as a tool's.
        said = bytecode_word(environ.get(BYTECODE_VARIABLE, ""))
    return str(said)


def _checked(environ: Mapping[str, str], variable: str, allowed: tuple[str, ...]) -> str:
    said = environ.get(variable, "")
    if said and said not in allowed:
        raise UsageError(f"{variable} is '{said}'", reason=f"it may be {', '.join(allowed)}", hint="unset it")
    return said


def settings_from(
    arguments: argparse.Namespace, environ: Mapping[str, str], configured: Mapping[str, str] | None = None
) -> Settings:
    """Return the settings that options and environment variables make together.

    Args:
        arguments: of the command.
        environ: the variables, with those that configuration files stand for.
        configured: those that configuration files stand for.

    Raises:
        UsageError: ``--project`` is no directory, or a variable holds no value of its option.
    """
    if arguments.start_directory:
        _enter(arguments.start_directory)
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
        python_downloads=arguments.python_downloads or _checked(environ, "BLAST_PYTHON_DOWNLOADS", _DOWNLOADS),
        python_preference=arguments.python_preference or _checked(environ, "BLAST_PYTHON_PREFERENCE", _PREFERENCES),
        python_mirror=environ.get("BLAST_PYTHON_MIRROR", ""),
        link_mode=link_mode,
        environment=_environment(arguments, environ),
        allow_overwrite=getattr(arguments, "allow_overwrite", False),
        refresh_packages=tuple(normalize_name(name) for name in getattr(arguments, "refresh_package", ())),
        index_strategy=getattr(arguments, "index_strategy", "") or environ.get("BLAST_INDEX_STRATEGY", ""),
        keyring_provider=getattr(arguments, "keyring_provider", "") or environ.get("BLAST_KEYRING_PROVIDER", ""),
        verbose=arguments.verbose,
        compile_bytecode=_when_to_compile(arguments, environ),
        policy=_policy_options(arguments)._replace(
            indexes=(*getattr(arguments, "index", ()), *getattr(arguments, "extra_index_url", ())),
            find_links=tuple(getattr(arguments, "find_links", ())),
            no_index=getattr(arguments, "no_index", False),
        ),
        configured=configured or {},
        wishes=install_wishes(arguments),
        hooks=not getattr(arguments, "no_hooks", False),
    )
