"""``blast venv``."""

from __future__ import annotations

import os

from blast_cli.hot_venv import activation_line
from blast_cli.options import add_index_options, add_install_options
from blast_cli.outcome import Context, Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

__all__ = ["configure", "execute"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("path", nargs="?", default="", help="where to make it; .venv by default")
    parser.add_argument("--prompt", default="", help="the name shown by an activated shell; '.' for this directory's")
    parser.add_argument("-c", "--clear", action="store_true", help="replace an environment that stands there")
    parser.add_argument("--force", action="store_true", help="with --clear, whatever stands there")
    parser.add_argument("--allow-existing", action="store_true", help="keep what stands there")
    parser.add_argument("--seed", action="store_true", help="install pip, before Python 3.12 setuptools and wheel, too")
    parser.add_argument(
        "--system-site-packages", action="store_true", help="let it see what is installed in the interpreter"
    )
    parser.add_argument(
        "--relocatable", action="store_true", help="nothing that is installed into it leads into the store"
    )
    parser.add_argument(
        "--name", default="", metavar="NAME", help="an environment of no project, to be used by '--env NAME' everywhere"
    )
    parser.add_argument("--no-project", action="store_true", help="ignore a project that may be here")
    add_install_options(parser)
    add_index_options(parser)


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Make a bare environment."""
    from blast_project.environment.making import BareOptions, bare_path, make_environment, seed_environment
    from blast_project.session import Session

    options = BareOptions(
        prompt=arguments.prompt,
        clear=arguments.clear,
        force=arguments.force,
        keep=arguments.allow_existing,
        system_site_packages=arguments.system_site_packages,
        relocatable=arguments.relocatable,
        project=not (arguments.no_project or arguments.name),
    )
    with Session(context.settings, context.reporter) as session:
        named = _named_path(arguments, context)
        path = named or bare_path(session, arguments.path, project=options.project)
        interpreter = make_environment(session, path, options)
        seeds = seed_environment(session, path, interpreter) if arguments.seed else ()
    shown = arguments.path or os.path.relpath(path, context.settings.directory)
    activate = os.path.join(shown, interpreter.scripts, "activate")
    document = {
        "environment": path,
        "python": interpreter.version,
        "interpreter": interpreter.executable,
        "seeds": list(seeds),
    }
    seeded = f" and {', '.join(seeds)}" if seeds else ""
    made = f"Made {shown} with Python {interpreter.version}{seeded}"
    return Outcome(document, (made, activation_line(activate, context.settings.environ)))


def _named_path(arguments: argparse.Namespace, context: Context) -> str:
    if not arguments.name:
        return ""
    from blast_core import fs
    from blast_core.errors import UsageError
    from blast_project.named_environments import scratch_path

    if arguments.path:
        raise UsageError("an environment has either a name or a path", hint="leave out one of them")
    path = scratch_path(context.settings, arguments.name)
    fs.make_directories(os.path.dirname(path))
    return path
