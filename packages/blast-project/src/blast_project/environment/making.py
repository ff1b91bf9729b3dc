"""Bare environments: what ``blast venv`` makes, for anyone to install into."""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.errors import InstallError
from blast_core.names import normalize_name
from blast_core.tuples import NamedTuple
from blast_project.environment.layout import current_link, is_virtual_environment
from blast_project.environment.manager import Composition, VenvManager
from blast_project.environment.skeleton import Traits
from blast_project.exclusive import exclusive
from blast_project.settings import settle_mode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.interpreter import Interpreter
    from blast_project.environment.generations import Generation
    from blast_project.session import Session

__all__ = ["BareOptions", "bare_path", "make_environment", "seed_environment"]

_SEEDS = ("pip",)
# Before 3.12, source distributions that name no build system expect both to be there.
_SEEDS_BEFORE_3_12 = ("pip", "setuptools", "wheel")


class BareOptions(NamedTuple):
    """How a bare environment is made.

    Attributes:
        prompt: what an activated shell shows; "" for the directory's name, "." for that of the current directory.
        clear: replace an environment that stands there.
        force: with ``clear``, whatever stands there.
        keep: leave in place what stands there.
        system_site_packages: what is installed in the interpreter is seen, too.
        relocatable: nothing in it, whatever is installed later, leads into the store.
        project: let a project around say which interpreter.
    """

    prompt: str = ""
    clear: bool = False
    force: bool = False
    keep: bool = False
    system_site_packages: bool = False
    relocatable: bool = False
    project: bool = True


def bare_path(session: Session, word: str, *, project: bool) -> str:
    """Return where an environment is made: ``word``, or where the project here has its own, or ``.venv``."""
    from blast_project.project import environment_path, find_root

    settings = session.settings
    if word:
        return os.path.normpath(os.path.join(settings.directory, os.path.expanduser(word)))
    root = find_root(settings.directory) if project else None
    return environment_path(root if root == settings.directory else settings.directory, settings)


def make_environment(session: Session, path: str, options: BareOptions) -> Interpreter:
    """Make a bare environment at ``path`` and return its interpreter.

    Raises:
        InterpreterNotFound: no interpreter answers to the request.
        InstallError: something stands there that the options do not give up.
    """
    from blast_project.python.finding import request_here

    request, requires = request_here(session, project=options.project)
    # Of the settings and the files here the first that says anything counts, and was taken in.
    interpreter = session.find_interpreter(request, requires)
    traits = Traits(_shown_prompt(session, options.prompt), options.system_site_packages)
    with exclusive(session, path):
        if options.clear and options.force and os.path.lexists(path) and not is_virtual_environment(path):
            _remove(path)
        before = VenvManager(path).current() if os.path.lexists(current_link(path)) else None
        VenvManager(path).create(
            interpreter,
            reporter=session.reporter,
            clear=options.clear,
            composition=_composition(session, options, traits, before),
            keep=options.keep,
        )
        if options.clear and not options.keep:
            _clear(path)
    settings = session.settings
    if options == BareOptions(prompt=options.prompt) and not (settings.link_mode or settings.python_preference):
        from blast_project.environment.quick import remember

        remember(session, interpreter, settings.python)
    return interpreter


def _clear(path: str) -> None:
    """Remove what others put into an environment; its generations stay, so that this can be taken back, too."""
    own = (".blast", ".gitignore", "CACHEDIR.TAG")
    for name in os.listdir(path):
        entry = os.path.join(path, name)
        if name not in own and not os.path.islink(entry):
            _remove(entry)


def _shown_prompt(session: Session, prompt: str) -> str:
    return os.path.basename(session.settings.directory) if prompt == "." else prompt


def _composition(session: Session, options: BareOptions, traits: Traits, before: Generation | None) -> Composition:
    link_mode = "copy" if options.relocatable else settle_mode(session.settings.link_mode)
    if before is None or not options.keep:
        return Composition((), "venv", link_mode, traits=traits)
    stored = session.cache.find([row.sha256 for row in before.installed])
    missing = [row.name for row in before.installed if row.sha256 not in stored]
    if missing:
        raise InstallError(
            f"the store no longer has {', '.join(missing)}", hint="'--clear' makes the environment without them"
        )
    return Composition(
        tuple(stored.values()),
        "venv",
        link_mode if options.relocatable or session.settings.link_mode else before.link_mode,
        requested=frozenset(row.name for row in before.installed if row.requested),
        direct_urls={normalize_name(row.name): row.direct_url for row in before.installed if row.direct_url},
        home=session.settings.home,
        traits=traits,
    )


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        fs.remove_tree(path)
    else:
        fs.unlink(path)


def seed_environment(session: Session, path: str, interpreter: Interpreter) -> tuple[str, ...]:
    """Install what other tools expect in a bare environment, and return the names.

    Raises:
        NoSolution, IndexAccessError, IntegrityError: it can't be had; the environment is there without.
    """
    from blast_project.pip_interface import InstallRequest, install

    old = tuple(int(part) for part in interpreter.version.split(".")[:2]) < (3, 12)
    names = _SEEDS_BEFORE_3_12 if old else _SEEDS
    session.settings = session.settings._replace(python=path)
    install(session, InstallRequest(names))
    return names
