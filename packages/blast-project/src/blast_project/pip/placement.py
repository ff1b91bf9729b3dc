"""Where the files of a wheel go in a place of any tool: each file by itself, and a RECORD as pip's and uv's.

Nothing is linked by name into the store and no directory is folded: pip and others work on such a place too.

Spec: binary distribution format, "Installing a wheel"; RECORD (PEP 376, PEP 627); REQUESTED, direct_url.json (PEP 610).
"""

from __future__ import annotations

import os

from blast_core.errors import InstallError
from blast_core.tuples import NamedTuple
from blast_pm.install.plan import HEADERS, PREFIX, read_listing, read_plan
from blast_pm.install.record import describe, encode_path, hash_file, read_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_pm.install.plan import TreePlan
    from blast_pm.store.cache import StoredDistribution
    from blast_project.pip.sites import Site

__all__ = ["Placement", "place", "program_text"]

_INSTALLER = b"blast"
# What the kernel reads of a first line; macOS reads more.
_LONGEST_SHEBANG = 127
_CACHE = "__pycache__"
_PROGRAM = 0o777
_PLAIN = 0o666
_ENTRY_POINT = """\
import sys
from {module} import {first}
if __name__ == '__main__':
    sys.argv[0] = sys.argv[0].removesuffix('.exe')
    sys.exit({attribute}())
"""


class Placement(NamedTuple):
    """What installing one distribution puts where; all paths are absolute.

    Attributes:
        name: normalised.
        version: as in its metadata.
        linked: by directory, the directory of the store, and the names of files that come from there.
        copied: paths of files among them that are never linked, because programs change them in place.
        programs: single files from the store under other names: path and source.
        written: files of its own: path, content, mode; RECORD comes last.
        startup: files that run whenever Python starts, below site-packages.
    """

    name: str
    version: str
    linked: dict[str, list[tuple[str, tuple[str, ...]]]]
    copied: frozenset[str]
    programs: tuple[tuple[str, str], ...]
    written: tuple[tuple[str, bytes, int], ...]
    startup: tuple[str, ...]

    def paths(self) -> Iterator[tuple[str, str | bytes]]:
        """Yield each file with its source in the store, or its content."""
        for directory, groups in self.linked.items():
            for source, names in groups:
                for name in names:
                    yield f"{directory}/{name}", f"{source}/{name}"
        yield from self.programs
        for path, content, _ in self.written:
            yield path, content


def place(stored: StoredDistribution, name: str, site: Site, *, requested: bool, direct_url: bytes) -> Placement:
    """Say where everything of a distribution goes.

    Args:
        stored: it.
        name: normalised.
        site: where to.
        requested: somebody asked for it by name.
        direct_url: content of direct_url.json; empty for one from an index.

    Raises:
        InstallError: an entry point is none.
    """
    return _Placing(stored, name, site).place(requested=requested, direct_url=direct_url)


class _Placing:
    def __init__(self, stored: StoredDistribution, name: str, site: Site) -> None:
        self._plan: TreePlan = read_plan(stored.plan)
        self._tree = stored.tree
        self._name = name
        self._site = site
        self._root = self._find_root()
        self._known = self._read_known()
        self._rows: dict[str, str] = {}

    def _find_root(self) -> str:
        """Return where modules at the top of the wheel go: Root-Is-Purelib of WHEEL says it."""
        if self._site.purelib == self._site.platlib:
            return self._site.purelib
        try:
            with open(f"{self._tree}/{self._plan.dist_info}/WHEEL", encoding="utf-8", errors="replace") as file:
                lines = file.read().lower().splitlines()
        except FileNotFoundError:
            lines = []
        is_pure = any(line.replace(" ", "") == "root-is-purelib:true" for line in lines)
        return self._site.purelib if is_pure else self._site.platlib

    def _read_known(self) -> dict[str, str]:
        try:
            with open(f"{self._tree}/{self._plan.dist_info}/RECORD", "rb") as file:
                return read_record(file.read())
        except FileNotFoundError:
            return {}

    def place(self, *, requested: bool, direct_url: bytes) -> Placement:
        plan, info = self._plan, f"{self._root}/{self._plan.dist_info}"
        copied = frozenset(
            f"{self._base(folder[0], folder[2], folder[1])}/{name}" for folder in plan.folders for name in folder[5]
        )
        linked: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        for scheme, path, source, files in read_listing(plan):
            if files:
                directory = self._base(scheme, source, path)
                inside = f"{self._tree}/{source}" if source else self._tree
                linked.setdefault(directory, []).append((inside, files))
                self._link_bytecode(linked, directory, inside, files)
                for name in files:
                    self._record(f"{directory}/{name}", f"{source}/{name}" if source else name)
        programs, written = self._programs()
        own = [(f"{info}/INSTALLER", _INSTALLER)]
        if requested:
            own.append((f"{info}/REQUESTED", b""))
        if direct_url:
            own.append((f"{info}/direct_url.json", direct_url))
        written += [(path, content, _PLAIN) for path, content in own]
        for path, content, _ in written:
            self._rows[self._relative(path)] = describe(content)
        written.append((f"{info}/RECORD", self._text(f"{info}/RECORD"), _PLAIN))
        return Placement(self._name, plan.version, linked, copied, tuple(programs), tuple(written), tuple(plan.startup))

    def _link_bytecode(
        self, linked: dict[str, list[tuple[str, tuple[str, ...]]]], directory: str, inside: str, files: tuple[str, ...]
    ) -> None:
        """Take what the store has compiled; RECORD doesn't list it, as pip and uv find it by its module."""
        wanted = {f"{name[:-3]}.{self._site.interpreter.cache_tag}.pyc" for name in files if name.endswith(".py")}
        if not wanted:
            return
        try:
            names = tuple(sorted(wanted.intersection(os.listdir(f"{inside}/{_CACHE}"))))
        except OSError:
            return
        if names:
            linked.setdefault(f"{directory}/{_CACHE}", []).append((f"{inside}/{_CACHE}", names))

    def _base(self, scheme: int, source: str, path: str) -> str:
        """Return the directory of a folder of the plan."""
        site = self._site
        if scheme == PREFIX:
            base = site.data
        elif scheme == HEADERS:
            base = f"{site.headers}/{self._plan.name}"
        elif ".data/" in source and source.partition(".data/")[2].split("/", 1)[0] in ("purelib", "platlib"):
            is_pure = source.partition(".data/")[2].startswith("purelib")
            base = site.purelib if is_pure else site.platlib
        else:
            base = self._root
        return f"{base}/{path}" if path else base

    def _record(self, path: str, inside: str) -> None:
        self._rows[self._relative(path)] = self._known.get(inside) or hash_file(f"{self._tree}/{inside}")

    def _relative(self, path: str) -> str:
        """Return a path as RECORD has it."""
        if path.startswith(self._root + "/"):
            return path[len(self._root) + 1 :]
        return os.path.relpath(path, self._root).replace(os.sep, "/")

    def _text(self, own: str) -> bytes:
        rows = [f"{encode_path(path)},{cells}" for path, cells in self._rows.items()]
        rows.append(f"{encode_path(self._relative(own))},,")
        return "".join(f"{row}\n" for row in sorted(rows)).encode("utf-8", "surrogateescape")

    def _programs(self) -> tuple[list[tuple[str, str]], list[tuple[str, bytes, int]]]:
        from blast_pm.install.launchers import launcher_kind

        site = self._site
        kind = launcher_kind(os.path.basename(site.scripts), site.interpreter.target.marker_environment)
        if kind:
            return [], self._launchers(kind)
        linked: list[tuple[str, str]] = []
        made: list[tuple[str, bytes, int]] = []
        for name, source, reference, as_it_is in self._plan.scripts:
            path = f"{site.scripts}/{name}"
            if as_it_is:
                linked.append((path, f"{self._tree}/{source}"))
                self._record(path, source)
            elif source:
                with open(f"{self._tree}/{source}", "rb") as file:
                    made.append((path, _with_interpreter(file.read(), site.python), _PROGRAM))
            else:
                made.append((path, program_text(reference, site.python), _PROGRAM))
        return linked, made

    def _launchers(self, kind: str) -> list[tuple[str, bytes, int]]:
        from blast_pm.install.merge import Member
        from blast_pm.install.prepared import make_scripts

        member = Member(self._name, self._tree, self._plan)
        return [(f"{self._site.scripts}/{name}", content, _PROGRAM) for name, content in make_scripts(member, kind)]


def program_text(reference: str, python: str) -> bytes:
    """Return the program of an entry point, as pip writes it.

    Args:
        reference: ``module:object``, dotted names both.
        python: path of the interpreter.

    Raises:
        InstallError: the reference is anything else.
    """
    module, colon, attribute = (part.strip() for part in reference.partition(":"))
    if not colon or not all(part.isidentifier() for part in f"{module}.{attribute}".split(".")):
        raise InstallError(f"the entry point {reference[:80]!r} is not module:object")
    text = _ENTRY_POINT.format(module=module, first=attribute.partition(".")[0], attribute=attribute)
    return _shebang(python) + text.encode()


def _with_interpreter(content: bytes, python: str) -> bytes:
    """Return a script of a wheel, whose first line is ``#!python``, for an interpreter; any other as it is."""
    first, _, rest = content.partition(b"\n")
    if not first.startswith(b"#!python"):
        return content
    options = first.partition(b" ")[2].strip()
    return _shebang(python, options) + rest


def _shebang(python: str, options: bytes = b"") -> bytes:
    """Return the first line; where the kernel would not understand it, the shell reads on and finds the interpreter."""
    path = os.fsencode(python)
    after = b" " + options if options else b""
    if b" " not in path and len(path) + len(after) + 3 <= _LONGEST_SHEBANG:
        return b"#!" + path + after + b"\n"
    quoted = (
        b'"' + path.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"$", b"\\$").replace(b"`", b"\\`") + b'"'
    )
    return b"#!/bin/sh\n'''exec' " + quoted + after + b' "$0" "$@"\n' + b"' '''\n"
