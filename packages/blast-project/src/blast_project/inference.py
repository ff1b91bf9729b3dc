"""From what a program imports to the distributions that bring it.

Who brings a module is asked, in this order, of
    the store: what its distributions hold, where exactly one brings the module, or one that is named like it;
    a short list of our own (`blast_project.module_names`), of what is well known and missing or wrong elsewhere;
    a list that pipreqs keeps and ships: its wheel is fetched as any other when it is first needed;
    the index: a project of the module's own name, whose newest wheel has that module. In namespaces that many projects
    share the dotted name counts.

Whoever registers the name of a module may have nothing to do with it: the wheel is looked into before it counts, and
what would have to be built, and so run, is no answer.
"""

from __future__ import annotations

import os
import sys

from blast_core.errors import BlastError, ProjectNotFound, UsageError
from blast_core.names import is_valid_name, normalize_name
from blast_project.module_names import KNOWN_NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeVar
    from zipfile import ZipFile

    from blast_core.interpreter import Interpreter
    from blast_pm.index.model import IndexFile
    from blast_project.session import Session

    _T = TypeVar("_T")

__all__ = ["infer_requirements", "provided_modules"]

_LIST_PROJECT, _LIST_FILE = "pipreqs", "pipreqs/mapping"
_LARGEST_LIST = 4 << 20
# Of newer Pythons than the one that may run this.
_NEW_STANDARD = frozenset(("annotationlib", "compression"))
# The name of one of these says nothing of the distribution.
_SHARED = frozenset(
    ("airflow.providers", "azure", "backports", "coherent", "collective", "google.cloud", "jaraco", "opentelemetry",
     "plone", "repoze", "ruamel", "sphinxcontrib", "zc", "zope")
)  # fmt: skip
_DEEPEST_NAMESPACE = 3
_NATIVE = (".so", ".pyd")


def infer_requirements(
    session: Session, source: str, path: str, index_url: str = "", besides: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return requirements for what a program imports and neither Python nor its own directory has.

    Args:
        session: services.
        source: of the program.
        path: of the program; modules beside it are its own.
        index_url: the index to ask; "" for the usual ones.
        besides: requirements that it names itself: their projects are not named again.

    Raises:
        InvalidManifest: the program can't be parsed.
        UsageError: nobody knows what brings a module.
        IndexAccessError: an index can't be asked.
    """
    from blast_compat.imports import find_imports
    from blast_core.requirements import parse_requirement
    from blast_project.asking import parse_asked

    rows = find_imports(source, path)
    directory = os.path.dirname(path)
    wanted = [row for row in rows if not any(_is_at_hand(name, directory) for name in row)]
    if not wanted:
        return ()
    known = {parse_asked(line, directory).requirement.name for line in besides}
    if index_url and not session.settings.index_url:
        with type(session)(session.settings._replace(index_url=index_url), session.reporter) as other:
            return _infer(other, wanted, known)
    return _infer(session, wanted, {parse_requirement(name).name for name in known if name})


def _infer(session: Session, wanted: Sequence[Sequence[str]], known: set[str]) -> tuple[str, ...]:
    sources = _Sources(session)
    found: dict[str, str] = {}
    for row in wanted:
        # What is named by hand may stand for the module, too.
        answers = [(name, answer) for name in row if (answer := sources.find(name))]
        if not answers:
            raise _unknown(row)
        name, answer = answers[0]
        if not known & {answer for _, answer in answers}:
            found.setdefault(answer, name)
    if found:
        session.reporter.note(
            "Inferred from imports: " + ", ".join(f"{answer} ({name})" for answer, name in sorted(found.items()))
        )
    return tuple(sorted(found))


class _Sources:
    """Those who know which distribution brings a module; each is read when it is first asked."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._stored: dict[str, set[str]] | None = None
        self._listed: dict[str, str] | None = None
        self._answers: dict[str, str] = {}

    def find(self, dotted: str) -> str:
        """Return the name of a distribution; "" where nobody knows one."""
        prefixes = list(_prefixes(dotted))
        for prefix in prefixes:
            found = self._in_store(prefix)
            if found:
                return found
        known = next((KNOWN_NAMES[name] for name in prefixes if name in KNOWN_NAMES), "")
        if known:
            return known
        shared = next((name for name in prefixes if name in _SHARED), "")
        top = prefixes[-1]
        if top not in self._answers or shared:
            names = [name for name in prefixes if len(name) > len(shared)] if shared else [top]
            answer = next(filter(None, (self._in_list(name) for name in names)), "")
            self._answers[dotted if shared else top] = answer or next(filter(None, map(self._on_index, names)), "")
        return self._answers[dotted if shared else top]

    def _in_store(self, module: str) -> str:
        if self._stored is None:
            self._stored = provided_modules(self._session)
        names = self._stored.get(module, set())
        if len(names) == 1:
            return next(iter(names))
        own = normalize_name(module) if module.isascii() else ""
        if own in names:
            return own
        listed = self._in_list(module) if names else ""
        return listed if listed in names else ""

    def _in_list(self, module: str) -> str:
        if self._listed is None:
            self._listed = _read_list(self._session)
        return self._listed.get(module, "")

    def _on_index(self, module: str) -> str:
        if not is_valid_name(module):
            return ""
        name = normalize_name(module)
        try:
            files = self._session.client.page(name).files
        except ProjectNotFound:
            return ""
        wheel = _newest_wheel(files, self._session.find_interpreter())
        return name if wheel is not None and module in _modules_of(self._session, name, wheel) else ""


def provided_modules(session: Session) -> dict[str, set[str]]:
    """Return which distributions of the store bring a module, by its dotted name, normalised names.

    Of a package only its own name is there, of a namespace that several may share those of the packages in it.

    Cost: a directory listing for each distribution, and one for each of its namespaces.
    """
    found: dict[str, set[str]] = {}
    if not session.keeps:
        # Opening a store makes files.
        return found
    for row in session.cache.rows:
        for module in _modules_in(row.tree, "", 0):
            found.setdefault(module, set()).add(row.name)
    return found


def _modules_of(session: Session, name: str, wheel: IndexFile) -> set[str]:
    """Return the modules that a wheel brings, and the namespaces that they are in; it is fetched for that."""
    if session.keeps:
        found = set(_modules_in(_stored_tree(session, name, wheel), "", 0))
    else:
        paths = [
            path
            for path in _read_passing(session, wheel, lambda archive: archive.namelist())
            if path.endswith((".py", *_NATIVE))
        ]
        found = {".".join([*path.split("/")[:-1], path.rpartition("/")[2].partition(".")[0]]) for path in paths}
        found |= {name.removesuffix(".__init__") for name in found}
    return found | {prefix for module in found for prefix in _prefixes(module)}


def _modules_in(directory: str, parent: str, depth: int) -> Iterator[str]:
    try:
        entries = list(os.scandir(directory))
    except OSError:
        return
    for entry in entries:
        stem, _, ending = entry.name.partition(".")
        if not stem.isidentifier():
            continue
        name = f"{parent}{stem}"
        if entry.is_dir():
            if ending:
                continue
            if depth + 1 < _DEEPEST_NAMESPACE and not _is_package(entry.path):
                yield from _modules_in(entry.path, f"{name}.", depth + 1)
            else:
                yield name
        elif ending == "py" or entry.name.endswith(_NATIVE):
            yield name


def _is_package(directory: str) -> bool:
    return any(name.partition(".")[0] == "__init__" for name in os.listdir(directory))


def _read_list(session: Session) -> dict[str, str]:
    """Return the list that is kept for everybody: top-level module -> distribution.

    Without the network, or where the index doesn't have it, there is none.
    """
    try:
        wheel = _newest_wheel(session.client.page(_LIST_PROJECT).files)
        if wheel is None:
            return {}
        lines = _read_list_of(session, wheel).decode("utf-8").splitlines()
    except (BlastError, OSError, UnicodeDecodeError) as error:
        session.reporter.note(f"The list of modules of {_LIST_PROJECT} can't be had: {error}")
        return {}
    pairs = [line.strip().split(":") for line in lines]
    return {pair[0]: normalize_name(pair[1]) for pair in pairs if len(pair) == 2 and is_valid_name(pair[1])}


def _read_list_of(session: Session, wheel: IndexFile) -> bytes:
    if not session.keeps:
        return _read_passing(session, wheel, lambda archive: archive.open(_LIST_FILE).read(_LARGEST_LIST))
    with open(os.path.join(_stored_tree(session, _LIST_PROJECT, wheel), _LIST_FILE), "rb") as file:
        return file.read(_LARGEST_LIST)


def _stored_tree(session: Session, name: str, wheel: IndexFile) -> str:
    """Return where a wheel is unpacked, after it was fetched if it was not there."""
    from blast_pm.store.wanted import WantedDistribution
    from blast_project.fetching import ensure_stored

    row = WantedDistribution(name, _version_of(wheel), wheel.filename, wheel.sha256, wheel.size, wheel.index, wheel.url)
    (stored,) = ensure_stored(session, [row], session.find_interpreter())
    return stored.tree


def _read_passing(session: Session, wheel: IndexFile, read: Callable[[ZipFile], _T]) -> _T:
    """Return what a wheel holds without a file's being made.

    Raises:
        DigestMismatch: it is not what the index promised, or no wheel.
    """
    from zipfile import BadZipFile, ZipFile

    from blast_core.errors import DigestMismatch

    with open(os.memfd_create(wheel.filename[:200], os.MFD_CLOEXEC), "r+b") as file:
        if session.client.download(wheel, file.fileno()) != wheel.sha256:
            raise DigestMismatch(f"{wheel.filename} is not the file that the index promised")
        try:
            with ZipFile(file) as archive:
                return read(archive)
        except (BadZipFile, KeyError) as error:
            raise DigestMismatch(f"{wheel.filename} can't be read", reason=str(error)) from error


def _newest_wheel(files: Sequence[IndexFile], interpreter: Interpreter | None = None) -> IndexFile | None:
    """Return a wheel of the newest release that has one for an interpreter, or for any; none that was yanked."""
    from blast_core.version import is_prerelease, version_key
    from blast_pm.metadata.wheels import best_wheel

    releases: dict[str, list[IndexFile]] = {}
    for file in files:
        if file.sha256 and file.yanked is None and _is_for(file, interpreter):
            releases.setdefault(_version_of(file), []).append(file)
    for version in sorted(releases, key=lambda text: (not is_prerelease(text), version_key(text)), reverse=True):
        found = releases[version][0] if interpreter is None else best_wheel(releases[version], interpreter.target)
        if found is not None:
            return found
    return None


def _is_for(file: IndexFile, interpreter: Interpreter | None) -> bool:
    """Tell whether a file is a wheel that an interpreter may take; without one, whether it is for all."""
    from blast_core.released_requirements import released_python_fits
    from blast_core.version import make_version_table
    from blast_pm.metadata.wheels import parse_wheel_name

    if parse_wheel_name(file.filename) is None:
        return False
    if interpreter is None:
        return file.filename.endswith("-none-any.whl")
    requires = file.requires_python
    return not requires or released_python_fits(requires, make_version_table((interpreter.version,)))


def _version_of(file: IndexFile) -> str:
    return file.filename.split("-")[1]


def _prefixes(dotted: str) -> Iterator[str]:
    """Yield ``a.b.c``, ``a.b`` and ``a``."""
    while dotted:
        yield dotted
        dotted = dotted.rpartition(".")[0]


def _is_at_hand(dotted: str, directory: str) -> bool:
    """Tell whether Python itself has a module, or the program's own directory."""
    top = dotted.partition(".")[0]
    if top in sys.stdlib_module_names or top in _NEW_STANDARD:
        return True
    beside = os.path.join(directory, top)
    return os.path.isfile(f"{beside}.py") or os.path.isdir(beside)


def _unknown(row: Sequence[str]) -> UsageError:
    name = row[0].partition(".")[0]
    return UsageError(
        f"nobody knows which distribution brings the module '{name}'",
        reason="neither the store, nor the list of module names, nor the index has one",
        hint=f"name it, such as __requires__ = ['DISTRIBUTION', ...], or run with '--with DISTRIBUTION' for {name}",
    )
