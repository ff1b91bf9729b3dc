"""``blast run --from-git``: a program from a repository, with what its own lock says.

The commit is written once to ``BLAST_HOME/checkouts/NAME-COMMIT-KEY``. What decides there is, in this order: its
``blast.lock``, the lock of another tool, its ``pyproject.toml``, its ``requirements.txt``, its ``setup.py``.

Nothing of the repository runs before its program does but the build of the project itself: no hooks, no filters, no
commands of submodules (`blast_pm.sources.git_export`).
"""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.errors import InvalidRequirement, UsageError
from blast_core.tuples import NamedTuple
from blast_project.no_env.foreign_places import OURS, REQUIREMENTS, lock_in
from blast_project.project import LOCK_NAME, MANIFEST_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from blast_core.interpreter import Interpreter
    from blast_project.session import Session
    from blast_project.starting import RunOptions, Start

__all__ = ["Checkout", "open_checkout", "prepare_git_run", "words_in"]

_TREE, _NOTHING = "tree", ""
_KEPT_S = 60 * 86400.0


class Checkout(NamedTuple):
    """A commit on this machine.

    Attributes:
        root: of the repository.
        directory: of the project in it.
        commit: in full.
        kind: `OURS`, the name of another tool's file, ``tree`` for what only its build knows, "" for nothing at all.
        path: of that file.
        environment: where its environment belongs.
    """

    root: str
    directory: str
    commit: str
    kind: str
    path: str
    environment: str

    @property
    def is_ours(self) -> bool:
        """Whether it is a project as any other."""
        return self.kind == OURS

    @property
    def has_own_lock(self) -> bool:
        """Whether Blast's lock is in it, which is taken as it is."""
        return self.is_ours and os.path.isfile(os.path.join(self.directory, LOCK_NAME))


def open_checkout(session: Session, url: str) -> Checkout:
    """Return the commit that an address names, written to this machine if it is not there.

    Args:
        session: services.
        url: of a repository, with ``@REV`` and ``#subdirectory=DIR`` as in requirements, ``git+`` or not; or its path.

    Raises:
        UsageError: it has no such subdirectory.
        InvalidRequirement: it is no address.
        OfflineError, IndexAccessError: it can't be had.
        ArchiveRejected: a link in it leads out of it.
    """
    from blast_pm.sources.address import parse_address
    from blast_pm.sources.git import repository_key
    from blast_pm.sources.git_export import export_commit

    address = parse_address(_address(url, session.settings.directory))
    repositories = session.repositories
    commit = repositories.resolve(address)
    name = address.location.rstrip("/").rpartition("/")[2].removesuffix(".git")
    plain = "".join(sign if sign.isalnum() or sign in "-_." else "_" for sign in name).lstrip(".") or "repository"
    key = f"{repository_key(address.location)[:12]}{'-lfs' if address.lfs else ''}"
    home = session.settings.home
    root = os.path.join(home, "checkouts", f"{plain}-{commit[:12]}-{key}")
    if not os.path.isdir(root):
        staged = os.path.join(home, "tmp", f"checkout-{os.getpid()}-{os.urandom(6).hex()}")
        fs.make_directories(os.path.dirname(staged))
        fs.make_directories(os.path.dirname(root))
        try:
            export_commit(repositories, address, commit, staged, history=True)
            _publish(staged, root)
        finally:
            if os.path.isdir(staged):
                fs.remove_tree(staged)
        from blast_project.aging import forget_older

        forget_older(os.path.dirname(root), _KEPT_S)
    os.utime(root)
    directory = os.path.normpath(os.path.join(root, address.subdirectory))
    if not os.path.isdir(directory):
        raise UsageError(f"{url} has no directory {address.subdirectory}")
    kind, path = _decide(root, directory)
    environment = os.path.join(home, "environments", f"git-{os.path.basename(root)}")
    if directory != root:
        environment += "-" + address.subdirectory.replace("/", "-")
    return Checkout(root, directory, commit, kind, path, environment)


def _address(url: str, directory: str) -> str:
    """Return the address of a requirement: of a path, of what git calls an address, or of one that is one."""
    from blast_pm.index.file_urls import url_of_path
    from blast_pm.sources.address import format_git_address

    if url.startswith("git+"):
        return url
    if "://" in url:
        return f"git+{url}"
    path, at, revision = url.partition("@")
    if os.path.isdir(os.path.join(directory, path)):
        return f"git+{url_of_path(os.path.abspath(os.path.join(directory, path)))}{at}{revision}"
    host, colon, rest = url.partition(":")
    if not colon or rest.startswith(":") or not host or not rest or " " in url:
        raise InvalidRequirement(
            f"'{url}' is no repository",
            reason="there is no such directory, and it is no address",
            hint="such as https://host/repository@v1.0 or git@host:repository",
        )
    return format_git_address(url)


def _publish(staged: str, root: str) -> None:
    try:
        fs.rename(staged, root)
    except OSError:
        # Another command was quicker with the same commit.
        if not os.path.isdir(root):
            raise


def _decide(root: str, directory: str) -> tuple[str, str]:
    """Return what decides in a directory, and its path: the nearest up to the root of the repository."""
    here = directory
    while True:
        found = _decide_here(here)
        if found[0] or here == root:
            return found
        here = os.path.dirname(here)


def _decide_here(here: str) -> tuple[str, str]:
    manifest = os.path.join(here, MANIFEST_NAME)
    found, is_tree = lock_in(here), os.path.isfile(manifest)
    if found is not None and not (found.kind == REQUIREMENTS and is_tree):
        return found.kind, manifest if found.kind == OURS else found.path
    if is_tree or os.path.isfile(os.path.join(here, "setup.py")):
        return _TREE, here
    return _NOTHING, here


def words_in(checkout: Checkout, words: Sequence[str]) -> list[str]:
    """Return a command with its first word, where that is a file of the project, by its absolute path."""
    if not words:
        return []
    there = os.path.normpath(os.path.join(checkout.directory, words[0]))
    is_inside = there.startswith(checkout.root + os.sep)
    if is_inside and os.path.isfile(there) and (words[0].endswith((".py", ".pyw", ".ipynb")) or os.sep in words[0]):
        return [there, *words[1:]]
    return list(words)


def prepare_git_run(session: Session, checkout: Checkout, options: RunOptions) -> Start:
    """Return what to execute for a commit that is no project of Blast's; see `blast_project.starting.prepare_run`.

    Args:
        session: whose directory is the checkout's.
        checkout: the commit.
        options: of the run.

    Raises:
        FormatError: its lock is wrong.
        InstallError: its lock is not for the interpreter.
        NoSolution, IndexAccessError, IntegrityError, BuildFailed: as installing does.
        UsageError: there is no such command.
    """
    from blast_project.env_files import program_variables
    from blast_project.environment.generations import current_number
    from blast_project.environment.leases import hold_generation
    from blast_project.running import command_line, environment_variables
    from blast_project.starting import Start

    interpreter = _interpreter(session, checkout)
    environment = _environment(session, checkout, options, interpreter)
    number = current_number(environment)
    if number:
        hold_generation(environment, number)
    variables = environment_variables(environment, session.settings.program_environ)
    # What the project itself holds is imported from its directory, where it isn't installed.
    paths = [path for path in (checkout.directory, variables.get("PYTHONPATH", "")) if path]
    variables["PYTHONPATH"] = os.pathsep.join(paths)
    variables = program_variables(variables, checkout.directory, {}, options.env_files)
    line = command_line(environment, options.words, variables.get("PATH", ""))
    return Start(tuple(line), variables, environment)


def _interpreter(session: Session, checkout: Checkout) -> Interpreter:
    from blast_compat.pyproject import parse_toml
    from blast_project.python.version_files import read_versions

    request = next(iter(read_versions(os.path.join(checkout.directory, ".python-version"))), "")
    manifest = os.path.join(os.path.dirname(checkout.path), MANIFEST_NAME)
    requires = ""
    if os.path.isfile(manifest):
        with open(manifest, encoding="utf-8", errors="replace") as file:
            project = parse_toml(file.read(), manifest).get("project")
        requires = str(project.get("requires-python", "")) if isinstance(project, dict) else ""
    return session.find_interpreter(request, requires)


def _environment(session: Session, checkout: Checkout, options: RunOptions, interpreter: Interpreter) -> str:
    """Return the path of an environment, or of a view, with what the commit needs and what is asked for besides."""
    from blast_project.ephemeral import environment_with, ephemeral_environment

    make: Callable[..., str] = ephemeral_environment
    if options.no_env:
        from blast_project.no_env.starting import requirements_view

        make = requirements_view
    if checkout.kind in (_TREE, _NOTHING) or (checkout.kind == REQUIREMENTS and not _is_pinned(session, checkout)):
        return make(session, interpreter, (*_lines(session, checkout, options), *options.requirements))
    from blast_project.no_env.foreign import foreign_stored

    locked = foreign_stored(session, checkout.path, interpreter, options.selection, checkout.directory)
    if options.no_env:
        from blast_project.no_env.starting import stored_view

        if options.requirements:
            raise UsageError("--with and --no-env don't go together for a lock of another tool")
        return stored_view(session, interpreter, locked.stored, direct_urls=locked.direct_urls).path
    environment = environment_with(session, interpreter, locked.stored, f"from {checkout.root}")
    if not options.requirements:
        return environment
    below = os.path.join(environment, interpreter.site_packages)
    return ephemeral_environment(session, interpreter, options.requirements, origin="--with", below=below)


def _is_pinned(session: Session, checkout: Checkout) -> bool:
    from blast_project.requirement_files import read_file

    rows = read_file(session.settings, checkout.path).requirements
    return all(row.url or (row.specifier.startswith("==") and "*" not in row.specifier) for row in rows)


def _lines(session: Session, checkout: Checkout, options: RunOptions) -> tuple[str, ...]:
    if checkout.kind == _TREE:
        extras = options.selection.extras
        return (f"-e {checkout.path}[{','.join(extras)}]" if extras else f"-e {checkout.path}",)
    if checkout.kind == _NOTHING:
        return ()
    from blast_project.requirement_files import read_lines

    return tuple(read_lines(session.settings, (checkout.path,)))
