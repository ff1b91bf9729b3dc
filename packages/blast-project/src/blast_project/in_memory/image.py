"""The container of a run in memory: what `blast_runtime.memory.container` reads, written into memory files.

Distributions that the store holds are linked, as in a folded environment: one entry for each directory that a
distribution has for itself. Others are unpacked from their wheels, each shared object into a memory file of its own.
"""

from __future__ import annotations

import marshal
import os
from typing import TYPE_CHECKING

from blast_core.elf import ELF_MAGIC, needed_places, read_elf
from blast_core.errors import InstallError
from blast_core.formats.dpp.layout import NativeObject
from blast_core.tuples import NamedTuple
from blast_pm.install.origins import find_unfolded
from blast_pm.install.plan import PREFIX, SITE, read_listing, read_plan
from blast_pm.install.scripts import entry_point_module
from blast_pm.store.unpack import is_unpacked
from blast_project.in_memory.archive import RuntimeCompiler, write_archive
from blast_project.in_memory.libraries import Library, order_libraries
from blast_project.in_memory.obstacles import find_obstacle
from blast_runtime.memory.container import DESCRIPTOR, FILE, LINK, descriptor_path
from blast_runtime.memory.container import PREFIX as TOP
from blast_runtime.memory.container import SITE as SITE_PACKAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from blast_core.archive.wheel import Wheel
    from blast_core.formats.dpp.layout import DppFile
    from blast_core.interpreter import Interpreter
    from blast_pm.install.plan import TreePlan
    from blast_pm.store.rows import StoredDistribution

    Entry = tuple[Any, ...]

__all__ = ["Image", "ImageBuilder", "Unpacked", "memory_file", "seal"]

# Descriptors of a run begin here: below are those that programs count on, such as the first few free ones.
_FIRST_DESCRIPTOR = 100
_WRITE_BYTES = 1 << 20
_TOPS = {SITE: SITE_PACKAGES, PREFIX: TOP}


class Image(NamedTuple):
    """What an interpreter is started with.

    Attributes:
        descriptor: of the container.
        descriptors: all that the program inherits.
        distributions: how many are in it.
        bytes: how much memory they take; what is linked from the store counts nothing.
    """

    descriptor: int
    descriptors: tuple[int, ...]
    distributions: int
    bytes: int

    @property
    def path(self) -> str:
        """What stands in PYTHONPATH."""
        return descriptor_path(self.descriptor)


class Unpacked:
    """The files of one wheel on their way into the container: a ``Sink`` of `blast_core.archive.contents`."""

    def __init__(self, builder: ImageBuilder) -> None:
        self._builder = builder
        self.entries: dict[str, Entry] = {}

    def begin(self, wheel: Wheel) -> None:
        """Take note of nothing: what is written counts only when the whole wheel was read and found right."""

    def file(self, file: DppFile, chunks: Iterable[bytes | memoryview]) -> None:
        """Take one file."""
        if is_unpacked(file.path):
            self.entries[file.path] = self._builder.write_file(file.path, chunks)


class ImageBuilder:
    """Collects distributions; `finish` makes the container.

    Args:
        interpreter: that will read it.
    """

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._descriptor = memory_file("blast-memory")
        self._runtime = RuntimeCompiler(interpreter, self._descriptor)
        self._size = 0
        self._tables: dict[str, dict[str, Entry | None]] = {TOP: {}, SITE_PACKAGES: {}, TOP + "/bin": {}}
        self._tables[TOP].update({"site-packages": None, "bin": None})
        for name in ("python", "python3", f"python{'.'.join(interpreter.version.split('.')[:2])}"):
            self._tables[TOP + "/bin"][name] = LINK, interpreter.executable
        self._scripts: dict[str, str] = {}
        self._path_files: list[str] = []
        self._libraries: list[Library] = []
        self._descriptors: dict[int, int] = {}
        self._distributions = 0
        self._plans: list[TreePlan] = []

    def write_file(self, name: str, chunks: Iterable[bytes | memoryview]) -> Entry:
        """Write a file, and return its entry: in the container, or by itself where it is a shared object."""
        pieces = iter(chunks)
        first = next(pieces, b"")
        own = bytes(first[:4]) == ELF_MAGIC
        descriptor = memory_file(os.path.basename(name)) if own else self._descriptor
        begin = 0 if own else self._size
        size = _write(descriptor, first)
        for piece in pieces:
            size += _write(descriptor, piece)
        if own:
            self._descriptors[descriptor] = size
            return DESCRIPTOR, size, descriptor, (), os.fstat(descriptor).st_ino
        self._size += size
        return FILE, size, begin

    def add_linked(self, stored: StoredDistribution) -> None:
        """Add a distribution of the store: everything is read from there."""
        plan = read_plan(stored.plan)
        for scheme, path, source, links, files, copies in plan.folders:
            top = _TOPS.get(scheme)
            if top is None:
                continue
            directory = f"{top}/{path}" if path else top
            self._make_directory(directory)
            below = f"{stored.tree}/{source}" if source else stored.tree
            for name in (*links, *files, *copies):
                self._put(directory, name, (LINK, f"{below}/{name}"))
        for name, source, reference, _ in plan.scripts:
            self._add_script(name, reference, (LINK, f"{stored.tree}/{source}"))
        self._end(plan, (LINK, f"{stored.tree}/{plan.dist_info}/RECORD"))

    def add_all_stored(self, stored: Sequence[StoredDistribution]) -> None:
        """Add distributions of the store, after all others.

        Those whose libraries look for libraries of other distributions, by ``$ORIGIN``, would look in their own tree
        only; they are copied, so that what they need is loaded before.
        """
        plans = [read_plan(row.plan) for row in stored]
        outside = find_unfolded([*plans, *self._plans], ("site-packages", ""))
        for number, row in enumerate(stored):
            if outside.get(number):
                self.add_copied(row)
            else:
                self.add_linked(row)

    def add_copied(self, stored: StoredDistribution) -> None:
        """Add a distribution of the store as if it came from its wheel."""
        plan = read_plan(stored.plan)
        unpacked = Unpacked(self)
        natives: list[NativeObject] = []
        paths = [f"{source}/{name}" if source else name for _, _, source, names in read_listing(plan) for name in names]
        paths += [source for _, source, _, _ in plan.scripts if source]
        for path in (*paths, f"{plan.dist_info}/RECORD"):
            try:
                with open(f"{stored.tree}/{path}", "rb") as file:
                    content = file.read()
            except FileNotFoundError:
                continue
            unpacked.entries[path] = self.write_file(path, (content,))
            facts = read_elf(content) if content[:4] == ELF_MAGIC else None
            if facts is not None:
                natives.append(NativeObject(path, facts.soname, facts.needed, facts.rpaths, inside=False))
        self.add_unpacked(plan, unpacked, natives)

    def add_unpacked(self, plan: TreePlan, unpacked: Unpacked, natives: Iterable[NativeObject]) -> None:
        """Add a distribution whose files were written by `write_file`.

        Raises:
            InstallError: it is known that it can't be used from there; ``spill`` is among the details.
        """
        obstacle = find_obstacle(unpacked.entries)
        if obstacle:
            raise InstallError(
                f"{plan.name} can't be run from memory files",
                reason=obstacle,
                hint="without '--spill never' it gets a private file system in memory",
                spill=True,
            )
        self._plans.append(plan)
        facts = {native.path: native for native in natives}
        for scheme, path, source, names in read_listing(plan):
            top = _TOPS.get(scheme)
            if top is None:
                continue
            directory = f"{top}/{path}" if path else top
            self._make_directory(directory)
            for name in names:
                inside = f"{source}/{name}" if source else name
                entry = unpacked.entries[inside]
                self._put(directory, name, entry)
                native = facts.get(inside)
                if entry[0] == DESCRIPTOR and native is not None:
                    self._libraries.append(
                        Library(f"{directory}/{name}", entry[2], entry[1], native.soname, native.needed, native.rpaths)
                    )
        for name, source, reference, _ in plan.scripts:
            self._add_script(name, reference, unpacked.entries.get(source, ()))
        self._end(plan, unpacked.entries.get(f"{plan.dist_info}/RECORD"))

    def add_program(self, name: str, reference: str) -> None:
        """Add a console script that no distribution brings."""
        self._add_script(name, reference, ())

    def add_file(self, path: str, content: bytes) -> None:
        """Add a file below site-packages."""
        directory, _, name = f"{SITE_PACKAGES}/{path}".rpartition("/")
        self._make_directory(directory)
        self._put(directory, name, self.write_file(name, (content,)))

    def add_path(self, name: str, directory: str) -> None:
        """Let a directory of a disk be one that is imported from, by a path file of this name."""
        self.add_file(name, f"{directory}\n".encode("utf-8", "surrogateescape"))

    def programs(self) -> dict[str, tuple[str, str]]:
        """Return what `find_program` says of every program there is."""
        return {name: self.find_program(name) for name in {*self._scripts, *self._tables[TOP + "/bin"]}}

    def add_link(self, name: str, directory: str) -> None:
        """Let a directory of a disk be a package of this name."""
        self._put(SITE_PACKAGES, name, (LINK, directory))

    def find_program(self, name: str) -> tuple[str, str]:
        """Return how a program is started: its entry point ("module:object"), or its path; "" for what it is not."""
        reference = self._scripts.get(name, "")
        entry = self._tables[TOP + "/bin"].get(name)
        if reference or not entry:
            return reference, ""
        if entry[0] == LINK:
            return "", entry[1]
        return "", descriptor_path(entry[2]) if entry[0] == DESCRIPTOR else f"{TOP}/bin/{name}"

    def finish(self) -> Image:
        """Write the index and seal everything.

        Raises:
            InstallError: two distributions have one file, or a library can't be changed as it has to be.
        """
        self._order_libraries()
        size = self._size
        bytes_before = size + sum(self._descriptors.values())
        places: dict[str, tuple[int, int]] = {}
        for path, table in self._tables.items():
            content = marshal.dumps(table, 2)
            places[path] = self._size, len(content)
            self._size += _write(self._descriptor, content)
        index = {
            "directories": places,
            "scripts": self._scripts,
            "path_files": tuple(sorted(self._path_files)),
            "descriptors": tuple(self._descriptors),
            "begin": descriptor_path(self._descriptor),
        }
        content = marshal.dumps(index, 2)
        offset = self._size
        self._size += _write(self._descriptor, content)
        archive = write_archive(self._descriptor, offset, len(content), self._interpreter, self._runtime)
        _write(self._descriptor, archive)
        for descriptor in (self._descriptor, *self._descriptors):
            seal(descriptor)
        return Image(self._descriptor, (self._descriptor, *self._descriptors), self._distributions, bytes_before)

    def _end(self, plan: TreePlan, record: Entry | None) -> None:
        """Add what an installer writes into the .dist-info, and take note of path files."""
        self._distributions += 1
        directory = f"{SITE_PACKAGES}/{plan.dist_info}"
        self._make_directory(directory)
        made = {"INSTALLER": b"blast\n"}
        if plan.import_names:
            made["top_level.txt"] = "".join(f"{name}\n" for name in plan.import_names).encode()
        for name, content in made.items():
            self._tables[directory][name] = self.write_file(name, (content,))
        if record is not None:
            self._tables[directory]["RECORD"] = record

    def _make_directory(self, path: str) -> None:
        """Make a directory; one that is linked becomes one with a link for each of what lies in it."""
        if path in self._tables:
            return
        parent, _, name = path.rpartition("/")
        self._make_directory(parent)
        entry = self._tables[parent].get(name)
        if entry is not None and not _is_linked_directory(entry):
            raise _clash(path)
        self._tables[parent][name] = None
        self._tables[path] = {} if entry is None else {child: (LINK, there) for child, there in _children(entry[1])}

    def _put(self, directory: str, name: str, entry: Entry) -> None:
        table = self._tables[directory]
        if name not in table:
            table[name] = entry
            if directory == SITE_PACKAGES and name.endswith(".pth"):
                self._path_files.append(name)
        elif _is_linked_directory(entry):
            self._make_directory(f"{directory}/{name}")
            for child, there in _children(entry[1]):
                self._put(f"{directory}/{name}", child, (LINK, there))
        elif directory.startswith(SITE_PACKAGES):
            raise _clash(f"{directory}/{name}")

    def _add_script(self, name: str, reference: str, entry: Entry) -> None:
        if reference:
            self._scripts[name] = reference
            entry = self.write_file(name, (b"#!python" + entry_point_module(reference),))
        if entry:
            self._tables[TOP + "/bin"][name] = entry

    def _order_libraries(self) -> None:
        """Write into the entries of shared objects what is loaded before them."""
        if not self._libraries:
            return
        is_musl = any("musllinux" in tag for tag in self._interpreter.target.tags)
        order = order_libraries(self._libraries, self._is_linked, by_path=is_musl)
        known = {row.path: row for row in self._libraries}
        for library in self._libraries:
            directory, _, name = library.path.rpartition("/")
            kind, size, descriptor, _, inode = self._tables[directory][name] or ()
            self._tables[directory][name] = kind, size, descriptor, order.before.get(library.path, ()), inode
        for path, name, other in order.replaced:
            _replace_needed(known[path], name, descriptor_path(known[other].descriptor))

    def _is_linked(self, path: str) -> bool:
        directory, _, name = path.rpartition("/")
        rest = name
        while directory not in self._tables:
            directory, _, name = directory.rpartition("/")
            rest = f"{name}/{rest}"
            if len(directory) <= len(TOP):
                return False
        first, _, below = rest.partition("/")
        entry = self._tables[directory].get(first)
        if not entry or entry[0] != LINK:
            return False
        return os.path.isfile(f"{entry[1]}/{below}" if below else entry[1])


def _is_linked_directory(entry: Entry) -> bool:
    return bool(entry) and entry[0] == LINK and os.path.isdir(entry[1])


def _children(directory: str) -> list[tuple[str, str]]:
    return [(name, f"{directory}/{name}") for name in sorted(os.listdir(directory)) if name != "__pycache__"]


def memory_file(name: str) -> int:
    """Return the descriptor of a new memory file, beyond those that programs count on."""
    import fcntl

    made = os.memfd_create(name[:200], os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        return fcntl.fcntl(made, fcntl.F_DUPFD_CLOEXEC, _FIRST_DESCRIPTOR)
    finally:
        os.close(made)


def seal(descriptor: int) -> None:
    """Seal a memory file: nobody can change it any more."""
    import fcntl

    seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)


def _write(descriptor: int, content: bytes | memoryview) -> int:
    view = memoryview(content)
    size = len(view)
    while view:
        view = view[os.write(descriptor, view[:_WRITE_BYTES]) :]
    return size


def _replace_needed(library: Library, name: str, path: str) -> None:
    """Write another name into a shared object, in the place of one that it needs.

    Raises:
        InstallError: there is no room for it.
    """
    content = os.pread(library.descriptor, library.size, 0)
    new = path.encode() + b"\0"
    for found, offset in needed_places(content):
        if found == name:
            if len(new) > len(name.encode()) + 1:
                break
            os.pwrite(library.descriptor, new, offset)
            return
    raise InstallError(
        f"{os.path.basename(library.path)} can't be loaded from memory",
        reason=f"it and {name} need each other, and there is no room in it for the other's place",
        hint="without '--spill never' it gets a private file system in memory",
        spill=True,
    )


def _clash(path: str) -> InstallError:
    return InstallError(f"two distributions bring {path[len(SITE_PACKAGES) + 1 :]}", hint="ask for one of them only")
