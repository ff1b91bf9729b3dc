"""How a plan is made: where each file goes, which directories can be one link, what a script is."""

from __future__ import annotations

from blast_core.archive.entry_points import SCRIPT_GROUPS, script_name_fault
from blast_core.archive.startup import has_code, is_startup_module, pth_lines
from blast_core.errors import FileConflict, PathEscape
from blast_core.formats.dpp.layout import NAMESPACE_INIT
from blast_core.limits import KIB, PTH_FILE
from blast_pm.install.fold import copied_names, is_closed
from blast_pm.install.plan import HEADERS, PREFIX, SITE, Folder, Script
from blast_pm.store.unpack import is_unpacked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_core.formats.dpp.layout import DppFile
    from blast_pm.install.plan import Distribution

    # What `read_listing` returns: scheme, path, source and files of each directory.
    Listing = tuple[tuple[int, str, str, tuple[str, ...]], ...]

__all__ = ["OWN_FILES", "fold_listing", "list_files", "list_scripts", "list_startup"]

# Files of .dist-info that an installer writes; what a wheel brings under these names is not installed (SECURITY W17).
OWN_FILES = frozenset(["RECORD", "INSTALLER", "REQUESTED", "direct_url.json"])

_SCHEMES = {"purelib": SITE, "platlib": SITE, "data": PREFIX, "headers": HEADERS}
_EXECUTABLE = 0o111
# No script in a language with a shebang is larger; programs are, and reading them would mean to inflate them.
_SCRIPT_TEXT = 1024 * KIB


def list_files(dpp: Distribution) -> Listing:
    """Return every directory with its files, parents first, directories without files included.

    Raises:
        PathEscape: a path would leave its scheme.
        FileConflict: two files have one destination.
    """
    found: dict[tuple[int, str, str], list[str]] = {(SITE, "", ""): []}
    seen: set[tuple[int, str]] = set()
    for file in dpp.files:
        if not is_unpacked(file.path):
            continue
        place = _place(file.path, file.scheme)
        if place is None:
            continue
        scheme, path, source = place
        _check_path(dpp, file.path, path)
        if (scheme, path) in seen:
            raise FileConflict(f"{dpp.name} {dpp.version} brings two files for {path}", paths=[path])
        seen.add((scheme, path))
        directory, _, name = path.rpartition("/")
        if scheme == SITE and directory == dpp.dist_info and name in OWN_FILES:
            continue
        _enter(found, scheme, directory, source)
        found[scheme, directory, _source_of(directory, source)].append(name)
    return tuple((*place, tuple(sorted(names))) for place, names in sorted(found.items()))


def _place(path: str, scheme: str) -> tuple[int, str, str] | None:
    """Return (scheme, path there, the scheme's directory in the tree); None for scripts."""
    if scheme == "root":
        return SITE, path, ""
    if scheme not in _SCHEMES:
        return None
    data, name, rest = path.split("/", 2)
    return _SCHEMES[scheme], rest, f"{data}/{name}"


def _source_of(directory: str, source: str) -> str:
    return f"{source}/{directory}" if source and directory else source or directory


def _enter(found: dict[tuple[int, str, str], list[str]], scheme: int, directory: str, source: str) -> None:
    while True:
        key = (scheme, directory, _source_of(directory, source))
        if key in found:
            return
        found[key] = []
        if not directory:
            return
        directory = directory.rpartition("/")[0]


def _check_path(dpp: Distribution, shown: str, path: str) -> None:
    parts = path.split("/")
    if "" in parts or "." in parts or ".." in parts or "\0" in path:
        reason = f"its file {shown!r} would leave the environment"
        raise PathEscape(f"{dpp.name} {dpp.version} was refused", reason=reason, path=shown)


def fold_listing(dpp: Distribution, listing: Listing) -> tuple[Folder, ...]:
    """Return the directories that are real in a folded environment: rules 1, 2 and 6."""
    return tuple(_Folding(dpp, listing).walk())


class _Folding:
    """Walks down from the top of each scheme as long as directories are open."""

    def __init__(self, dpp: Distribution, listing: Listing) -> None:
        self._dpp = dpp
        self._files = {file.path: file for file in dpp.files}
        self._at: dict[tuple[int, str], list[tuple[str, tuple[str, ...]]]] = {}
        self._children: dict[tuple[int, str], set[str]] = {}
        for scheme, path, source, names in listing:
            self._at.setdefault((scheme, path), []).append((source, names))
            if path:
                directory, _, name = path.rpartition("/")
                self._children.setdefault((scheme, directory), set()).add(name)
        paths = [path + "/" + name if path else name for _, path, _, names in listing for name in names]
        self._copied = copied_names(paths)
        self._copied_parents = {parent for path in self._copied for parent in _parents(path)}

    def walk(self) -> Iterator[Folder]:
        # With each: whether it is, or lies in, a regular package, which only rule 6 has opened.
        waiting = [(scheme, "", False) for scheme in (SITE, PREFIX, HEADERS) if (scheme, "") in self._at]
        for scheme, path, in_package in waiting:
            below = sorted(self._children.get((scheme, path), ()))
            closed = []
            for name in below:
                child = f"{path}/{name}" if path else name
                is_own = in_package or self._is_own(scheme, child)
                if is_own and child not in self._copied_parents and len(self._at[scheme, child]) == 1:
                    closed.append(name)
                else:
                    waiting.append((scheme, child, is_own))
            for source, names in self._at[scheme, path]:
                yield self._folder(scheme, path, source, names, closed)

    def _folder(self, scheme: int, path: str, source: str, names: tuple[str, ...], closed: list[str]) -> Folder:
        copies = tuple(name for name in names if self._is_copied(scheme, f"{path}/{name}" if path else name))
        # A closed directory has one source; it is linked from that one.
        links = tuple(name for name in closed if self._sources(scheme, path, name) == [_source_of(name, source)])
        return Folder(scheme, path, source, links, tuple(name for name in names if name not in copies), copies)

    def _sources(self, scheme: int, path: str, name: str) -> list[str]:
        return [source for source, _ in self._at[scheme, f"{path}/{name}" if path else name]]

    def _is_copied(self, scheme: int, path: str) -> bool:
        # Configuration is there to be edited.
        return (scheme == SITE and path in self._copied) or (scheme == PREFIX and path.startswith("etc/"))

    def _is_own(self, scheme: int, path: str) -> bool:
        """Tell whether no other distribution will put anything into a directory."""
        if scheme != SITE or path == self._dpp.dist_info:
            return False
        if path.startswith(self._dpp.dist_info + "/"):
            return True
        sources = self._at[scheme, path]
        return any(is_closed(path, row[1]) and not self._declares_namespace(*row) for row in sources)

    def _declares_namespace(self, source: str, names: tuple[str, ...]) -> bool:
        file = self._files.get(f"{source}/__init__.py") if "__init__.py" in names else None
        return file is not None and bool(file.flags & NAMESPACE_INIT)


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def list_scripts(dpp: Distribution) -> tuple[Script, ...]:
    """Return the programs for ``bin``, by name; an entry point wins over a file of the same name, as with pip.

    Raises:
        PathEscape: a name is no plain file name, or the interpreter's own.
    """
    found: dict[str, Script] = {}
    for file in dpp.files:
        if file.scheme == "scripts" and is_unpacked(file.path):
            name = file.path.split("/", 2)[2]
            _check_script(dpp, name)
            is_text = file.raw_size <= _SCRIPT_TEXT and bytes(dpp.read(file)[:8]) == b"#!python"
            found[name] = Script(name, file.path, "", not is_text and bool(file.mode & _EXECUTABLE))
    for entry in dpp.entry_points:
        if entry.group in SCRIPT_GROUPS:
            _check_script(dpp, entry.name)
            found[entry.name] = Script(entry.name, "", entry.value.partition("[")[0].strip(), as_it_is=False)
    return tuple(found[name] for name in sorted(found))


def _check_script(dpp: Distribution, name: str) -> None:
    fault = script_name_fault(name)
    if fault:
        raise PathEscape(f"{dpp.name} {dpp.version} was refused", reason=f"script {name!r}: {fault}", path=name)


def list_startup(dpp: Distribution) -> tuple[str, ...]:
    """Return what runs whenever the environment's Python starts: ``.pth`` files with code, ``sitecustomize``."""
    found = []
    for file in dpp.files:
        place = _place(file.path, file.scheme)
        if place is None or place[0] != SITE or not is_unpacked(file.path):
            continue
        path = place[1]
        is_pth = path.endswith(".pth") and "/" not in path
        if is_startup_module(path) or (is_pth and _runs_code(dpp, file)):
            found.append(path)
    return tuple(sorted(found))


def _runs_code(dpp: Distribution, file: DppFile) -> bool:
    return file.raw_size > PTH_FILE or has_code(pth_lines(bytes(dpp.read(file))))
