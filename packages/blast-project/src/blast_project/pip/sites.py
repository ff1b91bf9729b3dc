"""Where the pip interface works: an environment of whatever tool, a system's interpreter, a directory.

Spec: PEP 405 (pyvenv.cfg), PEP 668 (EXTERNALLY-MANAGED), the install schemes of sysconfig.
"""

from __future__ import annotations

import os

from blast_core.errors import UsageError
from blast_core.tuples import NamedTuple
from blast_project.environment.layout import current_link, is_virtual_environment, python_path, view_mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_core.interpreter import Interpreter
    from blast_project.pip.site_probe import SiteAnswer
    from blast_project.session import Session

__all__ = ["HERE", "Site", "SiteChoice", "check_may_change", "find_site", "is_below", "site_of_environment"]

# Prefixes that are not an interpreter's alone.
_SHARED = frozenset(("/", "/usr", "/usr/local"))


class SiteChoice(NamedTuple):
    """Where a command is asked to work; paths are relative to the settings' directory.

    Attributes:
        system: on the interpreter itself, whatever environments there are.
        break_system_packages: also where another tool manages it.
        target: a directory that gets the modules themselves.
        prefix: a directory that gets ``lib``, ``bin`` and the like.
        user: where the user's own modules of an interpreter are.
        paths: directories to look into, for commands that only look.
    """

    system: bool = False
    break_system_packages: bool = False
    target: str = ""
    prefix: str = ""
    user: bool = False
    paths: tuple[str, ...] = ()


#: Nothing is said of the place.
HERE = SiteChoice()


class Site(NamedTuple):
    """A place to install to; all paths are absolute.

    Attributes:
        kind: ``blast`` for an environment of Blast's, ``virtual`` for one of another tool, ``system``, ``directory``.
        root: the environment, the prefix, or the directory.
        python: the interpreter that programs name.
        interpreter: what it can install.
        purelib: for modules of any platform.
        platlib: for modules of one.
        scripts: for programs.
        data: what data files are below.
        headers: what each distribution has a directory for its headers in.
        search: directories in which distributions are found, the place's own first.
        managed: what EXTERNALLY-MANAGED says; "" where there is none.
    """

    kind: str
    root: str
    python: str
    interpreter: Interpreter
    purelib: str
    platlib: str
    scripts: str
    data: str
    headers: str
    search: tuple[str, ...]
    managed: str = ""

    @property
    def own(self) -> tuple[str, ...]:
        """The directories of modules that are changed here."""
        return (self.purelib,) if self.platlib == self.purelib else (self.purelib, self.platlib)

    @property
    def bounds(self) -> tuple[str, ...]:
        """Directories outside of which nothing is ever removed."""
        places = (self.purelib, self.platlib, self.scripts, self.headers)
        if self.data in _SHARED:
            return tuple(dict.fromkeys((*places, *(os.path.join(self.data, name) for name in ("share", "etc", "man")))))
        return tuple(dict.fromkeys((self.root, *places, self.data)))


def find_site(session: Session, choice: SiteChoice = HERE, *, looks: bool = False) -> Site:
    """Return the place that a command works on.

    The order is uv's: what ``--target`` or ``--prefix`` name; ``--python`` where it is a path; the interpreter itself
    with ``--system``; the active environment (``VIRTUAL_ENV``, then ``CONDA_PREFIX``); ``.venv`` here or above.

    Args:
        session: services.
        choice: what options say.
        looks: nothing will be changed, so that without an environment the interpreter itself will do.

    Raises:
        UsageError: there is none, or what is named is none.
        InterpreterError: there is no interpreter, or it can't be asked.
    """
    settings = session.settings
    if choice.target or choice.prefix or choice.user:
        return _beside(session, choice)
    # BLAST_PYTHON chooses what environments are made with; only --python names one to work on.
    named = settings.python if settings.python != settings.environ.get("BLAST_PYTHON") else ""
    if choice.system or _is_on(settings.environ.get("BLAST_SYSTEM_PYTHON", "")):
        return _system_site(session, session.find_interpreter().executable)
    for candidate in _named_environments(session, named):
        if is_virtual_environment(candidate):
            return site_of_environment(session, candidate)
    if os.sep in named:
        return _explicit(session, named)
    for candidate in _environments(session):
        if os.path.exists(python_path(candidate)) and _answers(session, candidate, named):
            return site_of_environment(session, candidate)
    if looks:
        return _system_site(session, session.find_interpreter().executable)
    raise UsageError(
        f"no environment {f'of Python {named} ' if named else ''}in {settings.directory} or above",
        reason=f"neither an active environment nor .venv {'answers to that' if named else 'was found'}",
        hint="'blast venv' makes one, 'blast sync' makes a project's, '--system' takes the interpreter itself",
    )


def site_of_environment(session: Session, environment: str) -> Site:
    """Return the place that an environment is, whichever tool made it.

    Raises:
        ProbeFailed: its interpreter can't be asked.
        UsageError: it is the interpreter of another place.
    """
    root = os.path.abspath(environment)
    python = python_path(root)
    if not is_virtual_environment(root):
        # An environment of conda's has a Python of its own.
        return _own_site(session, python, root)._replace(kind="virtual", root=root)
    interpreter = session.interpreters.get(python)
    site = os.path.join(root, *interpreter.site_packages.split("/"))
    search: tuple[str, ...] = (site,)
    if _includes_system(root):
        search = (site, *_probe(interpreter.executable)["search"])
    if os.path.lexists(view_mark(root)):
        from blast_project.environment.reserving import read_objects

        # Its distributions lie where they are imported from.
        listed = read_objects(root, 1) or {}
        search += tuple(f"{store}/t/{name}" for store, names in listed.items() for name in names.split())
    kind = "blast" if os.path.lexists(current_link(root)) else "virtual"
    return Site(
        kind,
        root,
        python,
        interpreter,
        site,
        site,
        os.path.join(root, interpreter.scripts),
        root,
        os.path.join(root, *interpreter.include.split("/")),
        tuple(dict.fromkeys(search)),
    )


def check_may_change(site: Site, choice: SiteChoice) -> None:
    """Refuse to change an interpreter that the system's own tools manage.

    Raises:
        UsageError: it is one, and ``--break-system-packages`` was not said.

    Spec: PEP 668.
    """
    if not site.managed or choice.break_system_packages:
        return
    raise UsageError(
        f"{site.root} is managed by another tool",
        reason=site.managed.strip(),
        hint="'blast venv' makes an environment; '--break-system-packages' is for those who know what they do",
    )


def is_below(path: str, directories: tuple[str, ...]) -> bool:
    """Tell whether a path, with links above it followed, is below one of the directories, or is one."""
    real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    for directory in directories:
        base = os.path.realpath(directory)
        if real == base or real.startswith(base.rstrip(os.sep) + os.sep):
            return True
    return False


def _is_on(value: str) -> bool:
    return value.lower() not in {"", "0", "false", "no", "off"}


def _named_environments(session: Session, named: str) -> Iterator[str]:
    """Yield what ``--python`` may name: an environment's directory or its interpreter."""
    if named:
        asked = os.path.normpath(os.path.join(session.settings.directory, os.path.expanduser(named)))
        yield asked
        yield os.path.dirname(os.path.dirname(asked))


def _answers(session: Session, environment: str, named: str) -> bool:
    """Tell whether an environment's interpreter is of the version that ``--python`` names; "" names none."""
    if not named:
        return True
    from blast_core.version.specifiers import SpecifierSet
    from blast_project.python.request import parse_request

    wanted = parse_request(named)
    interpreter = session.interpreters.get(python_path(environment))
    if wanted.name or wanted.implementation not in ("", interpreter.implementation):
        return False
    return not wanted.specifier or SpecifierSet(wanted.specifier).contains(interpreter.version, prereleases=True)


def _environments(session: Session) -> Iterator[str]:
    """Yield where environments may be, best first."""
    settings = session.settings
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if settings.environ.get(variable):
            yield settings.environ[variable]
    here = settings.directory
    while True:
        yield os.path.join(here, settings.environment or ".venv")
        parent = os.path.dirname(here)
        if parent == here:
            return
        here = parent


def _explicit(session: Session, named: str) -> Site:
    """Return the place of an interpreter that is named by its path."""
    from blast_core.errors import ProbeFailed

    settings = session.settings
    path = os.path.normpath(os.path.join(settings.directory, os.path.expanduser(named)))
    executable = path
    if os.path.isdir(path):
        executable = next((one for one in (python_path(path), f"{path}/bin/python3") if os.path.exists(one)), "")
    if executable and os.path.isfile(executable):
        above = os.path.dirname(os.path.dirname(path))
        try:
            if executable != path:
                return _own_site(session, executable, path)
            return (
                _own_site(session, path, above) if os.path.lexists(current_link(above)) else _system_site(session, path)
            )
        except ProbeFailed as error:
            raise _no_environment(named) from error
    raise _no_environment(named)


def _no_environment(named: str) -> UsageError:
    return UsageError(
        f"{named} is no environment",
        reason="it is neither a virtual environment nor an interpreter",
        hint=f"'blast venv {named}' makes one there",
    )


def _includes_system(environment: str) -> bool:
    """Tell whether an environment shows what its base interpreter has (PEP 405)."""
    with open(os.path.join(environment, "pyvenv.cfg"), encoding="utf-8", errors="replace") as file:
        for line in file:
            key, _, value = line.partition("=")
            if key.strip().lower() == "include-system-site-packages":
                return value.strip().lower() == "true"
    return False


def _system_site(session: Session, executable: str) -> Site:
    interpreter = session.interpreters.get(executable)
    answer = _probe(executable)
    paths = answer["paths"]
    return Site(
        "system",
        answer["prefix"],
        answer["executable"],
        interpreter,
        paths["purelib"],
        paths["platlib"],
        paths["scripts"],
        paths["data"],
        answer["headers"],
        tuple(dict.fromkeys((paths["purelib"], paths["platlib"], *answer["search"]))),
        answer["managed"],
    )


def _own_site(session: Session, executable: str, root: str) -> Site:
    """Return the place of an interpreter that has to be at home in ``root``.

    Without its pyvenv.cfg an environment's interpreter takes itself for the one that it was made with, and would have
    everything installed there.
    """
    site = _system_site(session, executable)
    if os.path.realpath(site.root) == os.path.realpath(root):
        return site
    raise UsageError(
        f"{root} is no environment",
        reason=f"it has no pyvenv.cfg, so that its interpreter works on {site.root}",
        hint=f"'blast self doctor --fix' mends one of Blast's; 'blast venv --clear {root}' makes it anew",
    )


def _beside(session: Session, choice: SiteChoice) -> Site:
    """Return the place that ``--target``, ``--prefix`` or ``--user`` name, for the interpreter that is used here."""
    settings = session.settings
    try:
        base = find_site(session, choice._replace(target="", prefix="", user=False))
        interpreter, python = base.interpreter, base.python
    except UsageError:
        interpreter = session.find_interpreter()
        python = interpreter.executable
    if choice.user:
        if is_virtual_environment(os.path.dirname(os.path.dirname(python))):
            raise UsageError("--user means nothing in a virtual environment", hint="leave it out")
        answer = _probe(python)
        paths = answer["user"]
        return Site(
            "system",
            answer["user_base"],
            python,
            interpreter,
            paths["purelib"],
            paths["platlib"],
            paths["scripts"],
            paths["data"],
            os.path.join(answer["user_base"], "include", f"python{interpreter.version.rpartition('.')[0]}"),
            (paths["purelib"],),
            answer["managed"],
        )
    root = os.path.abspath(os.path.join(settings.directory, os.path.expanduser(choice.target or choice.prefix)))
    if choice.target:
        scripts = os.path.join(root, "Scripts" if os.name == "nt" else "bin")
        headers = os.path.join(root, "include")
        return Site("directory", root, python, interpreter, root, root, scripts, root, headers, (root,))
    library = os.path.join(root, *interpreter.site_packages.split("/"))
    scripts = os.path.join(root, interpreter.scripts)
    headers = os.path.join(root, "include", f"python{interpreter.version.rpartition('.')[0]}")
    return Site("directory", root, python, interpreter, library, library, scripts, root, headers, (library,))


def _probe(executable: str) -> SiteAnswer:
    from blast_project.pip.site_probe import probe_site

    return probe_site(executable)
