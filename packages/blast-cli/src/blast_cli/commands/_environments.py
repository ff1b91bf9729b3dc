"""What commands share that have ``--env``: a named environment is the one that they work on."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_cli.outcome import Context
    from blast_project.named_environments import NamedEnvironment

__all__ = ["add_environment_option", "chosen_environments", "context_in", "with_environment"]


def add_environment_option(parser: argparse.ArgumentParser, *, every: bool = False) -> None:
    """Add ``--env``, and ``--all-envs`` where a command can work on several at once."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--env", "--environment", default="", metavar="NAME", help="in the environment of this name")
    if every:
        which.add_argument("--all-envs", action="store_true", help="in every environment that the project names")


def chosen_environments(arguments: argparse.Namespace, context: Context) -> tuple[NamedEnvironment, ...]:
    """Return the environments that are asked for, those of a matrix each by itself; none for the project's own.

    Raises:
        UsageError: there is none of that name, or none at all.
    """
    if getattr(arguments, "all_envs", False):
        return _declared(context)
    if not arguments.env:
        return ()
    from blast_project.named_environments import find_named

    return find_named(context.settings, arguments.env)


def _declared(context: Context) -> tuple[NamedEnvironment, ...]:
    from blast_core.errors import UsageError
    from blast_project.named_environments import project_environments
    from blast_project.project import load_project

    found = project_environments(load_project(context.settings.directory, context.settings.home))
    if not found:
        raise UsageError("the project names no environments", hint="[tool.blast.envs.NAME] declares one")
    return tuple(row for row in found if row.is_for_here)


def context_in(arguments: argparse.Namespace, context: Context) -> Context:
    """Return the context in which a command works on the one environment that is asked for; the same without one.

    Raises:
        UsageError: there is none of that name, or several.
    """
    if not arguments.env:
        return context
    from blast_core.errors import UsageError

    found = chosen_environments(arguments, context)
    if len(found) > 1:
        raise UsageError(
            f"'{arguments.env}' is {len(found)} environments",
            reason="a matrix made them",
            hint=f"name one of {', '.join(row.name for row in found)}",
        )
    return with_environment(context, found[0])


def with_environment(context: Context, environment: NamedEnvironment) -> Context:
    """Return the context in which a command works on an environment, whose directory is made.

    Raises:
        UsageError: it is not for this platform.
    """
    from blast_core.errors import UsageError
    from blast_project.named_environments import prepare_place, settings_for

    if not environment.is_for_here:
        raise UsageError(f"the environment {environment.name} is not made on this platform", reason="its table says so")
    prepare_place(environment)
    return context._replace(settings=settings_for(context.settings, environment))
