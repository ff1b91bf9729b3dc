"""``blast build``."""

from __future__ import annotations

import os

from blast_cli.options import add_index_options, add_policy_options
from blast_cli.outcome import Context, Outcome
from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from blast_project.distributions import BuildRequest, Built, SourceTree
    from blast_project.settings import Settings

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "source", nargs="?", default="", metavar="SOURCE", help="a directory or a source distribution; here by default"
    )
    parser.add_argument("--sdist", action="store_true", help="build a source distribution")
    parser.add_argument(
        "--wheel", action="store_true", help="build a wheel, of the tree itself; by default of the source distribution"
    )
    parser.add_argument(
        "-o", "--out-dir", default="", metavar="DIR", help="where to write; 'dist' in the project by default"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--package", action="append", default=[], metavar="NAME", help="this member of the workspace; may be repeated"
    )
    which.add_argument("--all-packages", "--all", action="store_true", help="every package of the workspace")
    parser.add_argument("--clear", action="store_true", help="remove what earlier builds left in the directory first")
    parser.add_argument(
        "--no-isolation",
        "--no-build-isolation",
        action="store_true",
        help="build in the project's environment, or that of --python, instead of one of its own",
    )
    parser.add_argument(
        "-C",
        "--config-setting",
        "--config-settings",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="for the build backend; a key given twice becomes a list",
    )
    parser.add_argument(
        "-b",
        "--build-constraints",
        "--build-constraint",
        action="append",
        default=[],
        metavar="FILE",
        help="limit what builds are done with to what FILE says",
    )
    parser.add_argument(
        "--require-hashes",
        action="store_true",
        help="build with nothing that a file of --build-constraints has no hash of",
    )
    parser.add_argument("--no-verify-hashes", action="store_true", help="leave the hashes of these files alone")
    parser.add_argument("--no-build-logs", action="store_true", help="hide what the backend prints, also with -v")
    parser.add_argument("--no-create-gitignore", action="store_true", help="put no .gitignore into a new directory")
    add_index_options(parser)
    add_policy_options(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Build distributions."""
    from blast_project.build_plan import build_interpreter, plan_build
    from blast_project.distributions import build_distributions, clear_output
    from blast_project.session import Session

    settings = _with_constraints(context.settings, arguments.build_constraints)
    plan = plan_build(settings.directory, arguments.source, arguments.package, all_packages=arguments.all_packages)
    output = os.path.join(settings.directory, arguments.out_dir) if arguments.out_dir else plan.output
    built: list[Built] = []
    with Session(settings, context.reporter) as session:
        session.build_hashes = _build_hashes(arguments, settings)
        interpreter = build_interpreter(session, plan.project)
        listen = _listener(context, verbose=bool(settings.verbose), silent=arguments.no_build_logs)
        requests = [_request(arguments, tree, os.path.normpath(output)) for tree in plan.trees]
        if arguments.clear:
            clear_output(os.path.normpath(output), [tree.path for tree in plan.trees])
        for tree, request in zip(plan.trees, requests, strict=True):
            built += build_distributions(session, tree, interpreter, request, listen)
    return _outcome(built, settings.directory)


def _with_constraints(settings: Settings, names: list[str]) -> Settings:
    if not names:
        return settings
    from blast_project.requirement_files import read_lines

    lines = read_lines(settings, names)
    policy = settings.policy
    return settings._replace(policy=policy._replace(build_constraints=(*policy.build_constraints, *lines)))


def _build_hashes(arguments: argparse.Namespace, settings: Settings) -> tuple[dict[str, frozenset[str]], bool] | None:
    """Return the digests that what builds are done with must have, and whether all of it must; None for none."""
    from blast_project.requirement_files import read_file

    if arguments.no_verify_hashes and not arguments.require_hashes:
        return None
    hashes: dict[str, frozenset[str]] = {}
    for name in arguments.build_constraints:
        hashes.update(read_file(settings, name).hashes)
    return (hashes, arguments.require_hashes) if hashes or arguments.require_hashes else None


def _request(arguments: argparse.Namespace, tree: SourceTree, output: str) -> BuildRequest:
    from blast_project.distributions import BuildRequest

    both = arguments.sdist == arguments.wheel
    return BuildRequest(
        output=output,
        sdist=arguments.sdist or (both and not tree.is_archive),
        wheel=arguments.wheel or both,
        directly=arguments.wheel,
        isolated=not arguments.no_isolation,
        settings=_config_settings(arguments.config_setting),
        ignore=not arguments.no_create_gitignore,
    )


def _config_settings(words: list[str]) -> dict[str, object]:
    settings: dict[str, object] = {}
    for word in words:
        key, sign, value = word.partition("=")
        if not key or not sign:
            raise UsageError(f"'{word}' is no setting", hint="write KEY=VALUE")
        before = settings.get(key)
        if before is None:
            settings[key] = value
        else:
            settings[key] = [*before, value] if isinstance(before, list) else [before, value]
    return settings


def _listener(context: Context, *, verbose: bool, silent: bool) -> Callable[[str], None]:
    """Return what takes the backend's lines: shown when verbose, else the last one is a sign of life."""
    if silent:
        return lambda _line: None
    if verbose:
        return lambda line: context.output.say(line.rstrip("\n"))
    return lambda line: context.reporter.step(f"Building: {line.strip()}") if line.strip() else None


def _outcome(built: list[Built], directory: str) -> Outcome:
    from blast_cli.commands._amounts import format_size

    lines = tuple(f"Built {os.path.relpath(row.path, directory)} ({format_size(row.size)})" for row in built)
    return Outcome({"built": [row._asdict() for row in built]}, lines)
