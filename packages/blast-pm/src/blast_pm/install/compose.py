"""A complete environment tree from distributions in the store: in as few system calls as there can be.

Everything is decided first, from the plans alone; then directories are made from the top down, and filled by two
threads: system calls release the GIL, and a file system serves two directories at once. The work is one call per
top-level entry of a folded environment, one per file of another.
"""

from __future__ import annotations

import errno
import os

from blast_core import fs
from blast_core.errors import InstallError
from blast_core.tuples import NamedTuple
from blast_pm.install.link import Counts, DirectoryLinksRefused, Placer, parse_modes
from blast_pm.install.merge import Member, MergedTree, Part, Places, merge_plans
from blast_pm.install.plan import read_plan
from blast_pm.install.prepared import DIRECTORY, is_standard, made_files, make_scripts, prepare, prepared_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from blast_core.interpreter import Interpreter
    from blast_pm.store.cache import StoredDistribution

    # A small file: its name, its owner, its source or its content.
    Small = tuple[str, int, str | bytes]
    # A directory, what goes into it, whether it has to be made first, and its small files.
    Job = tuple[str, Sequence[Part], bool, Sequence[Small]]

__all__ = ["ComposeReport", "Composed", "compose"]

_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
# Windows opens no directories: there, everything goes by absolute paths.
_OPENS_DIRECTORIES = os.mkdir in os.supports_dir_fd
# Parts of site-packages that one thread takes at a time, so that both have work to the end.
_CHUNK = 16
# Below so many jobs a second thread costs more than it brings.
_MANY_JOBS = 24


class Composed(NamedTuple):
    """A distribution as it lies in an environment.

    Attributes:
        name: normalised.
        version: as in its metadata.
        tree: absolute path of its tree in the store.
        dist_info: name of its .dist-info directory.
        links: names in site-packages that are links to directories of the tree.
        files: names of its files directly in site-packages.
        unfolded: it lies otherwise than a plain folded one would.
    """

    name: str
    version: str
    tree: str
    dist_info: str
    links: tuple[str, ...]
    files: tuple[str, ...]
    unfolded: bool


class ComposeReport(NamedTuple):
    """What was made.

    Attributes:
        mode: the link mode, as it was asked for.
        directories: made.
        symlinks: made, and junctions.
        hardlinks: made.
        clones: of files.
        copies: of files.
        written: small files written for this environment alone.
        distributions: as they lie, by name.
        tops: names directly below the environment.
        startup: (name, file) for each file that runs whenever the environment's Python starts.
        unflushed: files whose content is still to be flushed to the disk, below the environment.
        notes: what the user should know, a line each.
    """

    mode: str
    directories: int
    symlinks: int
    hardlinks: int
    clones: int
    copies: int
    written: int
    distributions: tuple[Composed, ...]
    tops: tuple[str, ...]
    startup: tuple[tuple[str, str], ...]
    unflushed: tuple[str, ...]
    notes: tuple[str, ...]


def compose(  # noqa: PLR0913 - one call decides everything about an environment
    destination: str,
    interpreter: Interpreter,
    distributions: Sequence[StoredDistribution],
    *,
    link_mode: str = "fold",
    direct_urls: Mapping[str, bytes] | None = None,
    requested: Collection[str] = (),
    allow_overwrite: bool = False,
    allow_startup: bool = True,
    home: str = "",
    bytecode: bool = True,
) -> ComposeReport:
    """Build the tree of an environment: ``bin``, site-packages, and what data files need.

    Args:
        destination: absolute path of the tree, which must not exist; its parent must.
        interpreter: for which it is.
        distributions: in any order, no name twice.
        link_mode: one of `blast_pm.install.link.MODES`; distributions with another follow: ``fold,numpy=copy``.
        direct_urls: content of direct_url.json by normalised name (PEP 610).
        requested: normalised names that get REQUESTED: what the user asked for.
        allow_overwrite: of two different files for one path, take the first by the distributions' names.
        allow_startup: let in files that run whenever Python starts.
        home: the store to keep small files in that environments share; empty for that of each tree. A tree may be in
            another store, which is only read.
        bytecode: bring over bytecode for each module of distributions that are not folded, as far as the store has it;
            for folded ones, whose few modules in real directories need it, that is always done.

    Returns:
        What was made; ``tops`` tells which names the environment itself needs. ``unflushed`` is left to the caller, who
        flushes it together with files of its own: each flush apart waits for the journal anew.

    Raises:
        FileConflict: two distributions bring different files for one path. Nothing was made.
        InstallError: an argument or a distribution is refused. Nothing was made.
        OSError: the disk refuses; what was made stays for the caller to remove.
    """
    mode, packages = parse_modes(link_mode)
    rows = sorted(distributions)
    members = [Member(row.name, row.tree, read_plan(row.plan), home) for row in rows]
    _check_startup(members, allowed=allow_startup)
    modes = [packages.get(member.name, mode) for member in members]
    notes: tuple[str, ...] = ()
    while True:
        composition = _Composition(destination, members, Places.of(interpreter), interpreter.cache_tag, modes)
        composition.links_bytecode = bytecode
        composition.decide(direct_urls or {}, frozenset(requested), allow_overwrite=allow_overwrite)
        try:
            composition.build()
        except DirectoryLinksRefused as error:
            # It shows with the first one, and changes what every RECORD says.
            fs.remove_tree(destination)
            modes = ["hardlink" if one == "fold" else one for one in modes]
            notes = (f"directories are real instead of links into the store: {error}",)
            continue
        report = composition.report(link_mode)
        return report._replace(notes=(*notes, *report.notes))


def _check_startup(members: Sequence[Member], *, allowed: bool) -> None:
    if allowed:
        return
    for member in members:
        for path in member.plan.startup:
            raise InstallError(
                f"{member.name} was refused",
                reason=f"its file {path} would run whenever the environment's Python starts",
                hint="allow it if you trust the project",
            )


class _Composition:
    """One call of `compose`."""

    def __init__(
        self, destination: str, members: Sequence[Member], places: Places, cache_tag: str, modes: Sequence[str]
    ) -> None:
        self._destination = destination
        self._members = members
        self._places = places
        self._bytecode_suffix = f".{cache_tag}.pyc"
        self._folded = [mode == "fold" for mode in modes]
        self._counts = Counts()
        self._placers = {mode: Placer(destination, mode, self._counts) for mode in sorted({*modes})}
        self._placer_of = [self._placers[mode] for mode in modes]
        self._tree = MergedTree({}, {}, {}, set(), [])
        self._own: dict[str, list[Small]] = {}
        self._programs: list[Small] = []
        self._compiled: dict[int, bool] = {}
        self._root: int | None = None
        self.links_bytecode = True

    def decide(self, direct_urls: Mapping[str, bytes], requested: frozenset[str], *, allow_overwrite: bool) -> None:
        """Say what goes where, without a look at the environment."""
        members, places = self._members, self._places
        real = [owner for owner, is_folded in enumerate(self._folded) if not is_folded]
        self._tree = merge_plans(
            members, places, fold=len(real) < len(members), allow_overwrite=allow_overwrite, real=frozenset(real)
        )
        special = self._find_special(direct_urls)
        for owner, member in enumerate(members):
            if owner not in special:
                prepared = self._prepared(owner)
                names = ["INSTALLER"]
                if self._folded[owner] and member.plan.import_names:
                    names.append("top_level.txt")
                own: list[Small] = [(name, owner, prepared + name) for name in names]
                is_requested = member.name in requested
                own.append(("RECORD", owner, prepared + ("RECORD.requested" if is_requested else "RECORD")))
                if is_requested:
                    own.append(("REQUESTED", owner, prepared + "REQUESTED"))
                self._own[f"{places.site}/{member.plan.dist_info}"] = own
        made = self._write_special(special, direct_urls, requested) if special else {}
        for name, (owner, number) in self._tree.scripts.items():
            self._programs.append((name, owner, self._program(name, owner, number, made.get(owner))))

    def _prepared(self, owner: int) -> str:
        member = self._members[owner]
        return f"{member.home}/{DIRECTORY}/{prepared_name(member.tree, fold=self._folded[owner])}/"

    def _find_special(self, direct_urls: Mapping[str, bytes]) -> set[int]:
        """Return who can't use prepared files: it is not installed as its plan says, or the store can't be written."""
        everyone = set(range(len(self._members)))
        if not is_standard(self._places.site, self._places.scripts):
            return everyone
        special = set(self._tree.unfolded)
        special.update(
            owner for owner, member in enumerate(self._members) if member.plan.has_headers or member.name in direct_urls
        )
        try:
            for fold in {*self._folded}:
                alike = [owner for owner, folded in enumerate(self._folded) if folded == fold and owner not in special]
                prepare([self._members[owner] for owner in alike], fold=fold)
        except OSError as error:
            if error.errno not in {errno.EROFS, errno.EACCES, errno.EPERM}:
                raise
            return everyone
        return special

    def _write_special(
        self, special: set[int], direct_urls: Mapping[str, bytes], requested: frozenset[str]
    ) -> dict[int, dict[str, bytes]]:
        from blast_pm.install.record import owned_rows, sort_rows

        made: dict[int, dict[str, bytes]] = {}
        scripts: dict[int, dict[str, bytes]] = {}
        for owner in special:
            member = self._members[owner]
            made[owner] = made_files(member.plan, fold=self._folded[owner])
            if member.name in requested:
                made[owner]["REQUESTED"] = b""
            if member.name in direct_urls:
                made[owner]["direct_url.json"] = direct_urls[member.name]
            scripts[owner] = dict(make_scripts(member, self._places.launcher))
        rows = owned_rows(self._members, self._tree, self._places, made, scripts)
        for owner, files in made.items():
            info = self._members[owner].plan.dist_info
            record = sort_rows(rows[owner], f"{info}/RECORD")
            own: list[Small] = [(name, owner, content) for name, content in files.items()]
            self._own[f"{self._places.site}/{info}"] = [*own, ("RECORD", owner, record)]
        return scripts

    def _program(self, name: str, owner: int, number: int, made: Mapping[str, bytes] | None) -> str | bytes:
        member = self._members[owner]
        _, source, _, as_it_is = member.plan.scripts[number]
        if as_it_is:
            return f"{member.tree}/{source}"
        if made is not None:
            return made[name]
        return f"{self._prepared(owner)}s-{name}"

    def build(self) -> None:
        """Make it."""
        directories, children = self._tree.directories, self._tree.children
        for path in (self._places.scripts, self._places.site):
            self._tree.enter(path)
        fs.make_directory(self._destination)
        self._root = os.open(self._destination, _DIRECTORY) if _OPENS_DIRECTORIES else None
        try:
            for path in sorted(path for path in children if path):
                self._make(path)
            self._make_lasting()
            _run(list(self._iter_jobs()), self._do)
        finally:
            if self._root is not None:
                os.close(self._root)
        self._counts.directories += len(directories)

    def _make(self, path: str) -> None:
        fs.make_directory(path if self._root is not None else f"{self._destination}/{path}", dir_fd=self._root)

    def _open(self, path: str) -> int | None:
        return None if self._root is None else os.open(path or ".", _DIRECTORY, dir_fd=self._root)

    def _make_lasting(self) -> None:
        """Make the directories that are there whatever is installed."""
        for path in (self._places.scripts, self._places.site):
            if path not in self._tree.children:
                self._make(path)
        # Python would make it when it first imports a module from there, and so touch site-packages, by whose times
        # changes of other tools are noticed.
        self._make(f"{self._places.site}/__pycache__")

    def _iter_jobs(self) -> Iterator[Job]:
        for path, parts in self._tree.directories.items():
            own: Sequence[Small] = self._own.get(path, ())
            is_lasting = path in {"", self._places.scripts, self._places.site}
            is_leaf = path not in self._tree.children and not is_lasting
            if path == self._places.scripts:
                own = self._programs
            if is_leaf or len(parts) + len(own) <= _CHUNK:
                if is_leaf or parts or own:
                    yield path, parts, is_leaf, own
                continue
            for start in range(0, len(parts), _CHUNK):
                yield path, parts[start : start + _CHUNK], False, ()
            yield path, (), False, own

    def _do(self, job: Job) -> None:
        path, parts, make, own = job
        if make:
            self._make(path)
        fd = self._open(path)
        try:
            prefix = path + "/" if path else ""
            for part in parts:
                self._place(part, fd, prefix, own=path in self._own)
            mode = 0o755 if path == self._places.scripts else 0o644
            for name, owner, source in own:
                placer = self._placer_of[owner]
                if isinstance(source, str):
                    placer.program(source, name, fd, prefix)
                else:
                    placer.write(name, source, fd, prefix, mode)
        finally:
            if fd is not None:
                os.close(fd)

    def _place(self, part: Part, fd: int | None, prefix: str, *, own: bool) -> None:
        tree, placer = self._members[part.owner].tree, self._placer_of[part.owner]
        source = f"{tree}/{part.source}/" if part.source else f"{tree}/"
        if part.links:
            placer.directories(part.links, source, fd, prefix)
        if part.files:
            placer.files(part.files, source, fd, prefix, own=own)
            is_wanted = self.links_bytecode or self._folded[part.owner]
            if is_wanted and self._compiled.get(part.owner) is not False:
                self._place_bytecode(part, source, prefix)
        for name in part.copies:
            placer.copy(source + name, prefix + name)

    def _place_bytecode(self, part: Part, source: str, prefix: str) -> None:
        """Bring over what the store has compiled of modules that lie in a real directory: rule 3.

        A store is compiled whole or not at all, so the first directory with modules answers for the distribution.
        """
        wanted = {name[:-3] + self._bytecode_suffix for name in part.files if name.endswith(".py")}
        if not wanted:
            return
        try:
            found = [name for name in os.listdir(f"{source}__pycache__") if name in wanted]
        except FileNotFoundError:
            self._compiled.setdefault(part.owner, False)
            return
        self._compiled[part.owner] = True
        if not found:
            return
        try:
            self._make(f"{prefix}__pycache__")
        except FileExistsError:
            # Another distribution has modules in the same directory.
            pass
        inside = self._open(f"{prefix}__pycache__")
        try:
            self._placer_of[part.owner].files(
                found, f"{source}__pycache__/", inside, f"{prefix}__pycache__/", own=False
            )
        finally:
            if inside is not None:
                os.close(inside)

    def report(self, mode: str) -> ComposeReport:
        """Return what was made; ``mode`` is what was asked for."""
        counts = self._counts
        placed: list[tuple[list[str], list[str]]] = [([], []) for _ in self._members]
        for part in self._tree.directories.get(self._places.site, ()):
            placed[part.owner][0].extend(part.links)
            placed[part.owner][1].extend((*part.files, *part.copies))
        rows = []
        for owner, member in enumerate(self._members):
            links, files = placed[owner]
            plan, is_unfolded = member.plan, owner in self._tree.unfolded
            rows.append(
                Composed(
                    member.name, plan.version, member.tree, plan.dist_info, tuple(links), tuple(files), is_unfolded
                )
            )
        root = self._tree.directories.get("", ())
        tops = {*self._tree.children.get("", ()), *(name for part in root for name in (*part.files, *part.copies))}
        return ComposeReport(
            mode=mode,
            directories=counts.directories,
            symlinks=counts.symlinks,
            hardlinks=counts.hardlinks,
            clones=counts.clones,
            copies=counts.copies,
            written=counts.written,
            distributions=tuple(rows),
            tops=tuple(sorted(tops)),
            startup=tuple((member.name, path) for member in self._members for path in member.plan.startup),
            unflushed=counts.take_unflushed(self._destination),
            notes=(*self._tree.notes, *(note for placer in self._placers.values() for note in placer.notes)),
        )


def _run(jobs: list[Job], work: Callable[[Job], None]) -> None:
    """Do all jobs, with the help of a second thread where there are many."""
    waiting = iter(jobs)
    failures: list[BaseException] = []

    def run() -> None:
        try:
            for job in waiting:
                if failures:
                    return
                work(job)
        except BaseException as error:  # noqa: BLE001 - raised again by the first thread
            failures.append(error)

    if len(jobs) < _MANY_JOBS or (os.cpu_count() or 1) < 2:
        run()
    else:
        # `threading` would be one more import.
        import _thread

        done = _thread.allocate_lock()
        done.acquire()

        def help_out() -> None:
            try:
                run()
            finally:
                done.release()

        _thread.start_new_thread(help_out, ())
        run()
        done.acquire()
    if failures:
        raise failures[0]
