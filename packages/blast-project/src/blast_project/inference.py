"""From what a program imports to the distributions that bring it.

Who brings a module is asked, in this order, of
    the store: what its distributions hold, where exactly one brings the module, or one that is named like it;
    a list that pipreqs keeps and ships: its wheel is fetched as any other when it is first needed;
    the index: a project of the module's own name. In namespaces that many projects share the dotted name counts.
"""

from __future__ import annotations

import os
import sys

from blast_core.errors import BlastError, ProjectNotFound, UsageError
from blast_core.names import is_valid_name, normalize_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from blast_pm.index.model import IndexFile
    from blast_project.session import Session

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
            return name if self._session.client.page(name).files else ""
        except ProjectNotFound:
            return ""


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
        content = _stored_list(session, wheel) if session.keeps else _passing_list(session, wheel)
        lines = content[:_LARGEST_LIST].decode("utf-8").splitlines()
    except (BlastError, OSError, UnicodeDecodeError) as error:
        session.reporter.note(f"The list of modules of {_LIST_PROJECT} can't be had: {error}")
        return {}
    pairs = [line.strip().split(":") for line in lines]
    return {pair[0]: normalize_name(pair[1]) for pair in pairs if len(pair) == 2 and is_valid_name(pair[1])}


def _stored_list(session: Session, wheel: IndexFile) -> bytes:
    from blast_pm.store.wanted import WantedDistribution
    from blast_project.fetching import ensure_stored

    row = WantedDistribution(
        _LIST_PROJECT, _version_of(wheel), wheel.filename, wheel.sha256, wheel.size, wheel.index, wheel.url
    )
    (stored,) = ensure_stored(session, [row], session.find_interpreter())
    with open(os.path.join(stored.tree, _LIST_FILE), "rb") as file:
        return file.read(_LARGEST_LIST)


def _passing_list(session: Session, wheel: IndexFile) -> bytes:
    """Return the list without a file's being made.

    Raises:
        IntegrityError: the wheel is not what the index promised, or is none.
    """
    from io import BytesIO
    from zipfile import BadZipFile, ZipFile

    from blast_core.errors import DigestMismatch

    descriptor = os.memfd_create(_LIST_PROJECT, os.MFD_CLOEXEC)
    try:
        if session.client.download(wheel, descriptor) != wheel.sha256:
            raise DigestMismatch(f"{wheel.filename} is not the file that the index promised")
        content = os.pread(descriptor, _LARGEST_LIST, 0)
    finally:
        os.close(descriptor)
    try:
        with ZipFile(BytesIO(content)) as archive, archive.open(_LIST_FILE) as file:
            return file.read(_LARGEST_LIST)
    except (BadZipFile, KeyError) as error:
        raise DigestMismatch(f"{wheel.filename} has no {_LIST_FILE}", reason=str(error)) from error


def _newest_wheel(files: Sequence[IndexFile]) -> IndexFile | None:
    from blast_core.version import parse_version

    wheels = [file for file in files if file.filename.endswith("-py3-none-any.whl") and file.sha256]
    sound = [file for file in wheels if file.yanked is None]
    return max(sound, key=lambda file: parse_version(_version_of(file)), default=None)


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
