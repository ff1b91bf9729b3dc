"""A complete environment tree from distributions in the store: in as few system calls as there can be.

Everything is decided first, from the plans alone, or was decided before and kept; then it is made
(`blast_pm.install.making`).
"""

from __future__ import annotations

import errno

from blast_core import fs
from blast_core.errors import InstallError
from blast_core.tuples import NamedTuple
from blast_pm.install.decisions import Decision, Job, decision_key, load_decision
from blast_pm.install.link import DirectoryLinksRefused, parse_modes
from blast_pm.install.making import Building
from blast_pm.install.merge import Member, MergedTree, Places, merge_plans
from blast_pm.install.plan import read_plan
from blast_pm.install.prepared import DIRECTORY, is_standard, made_files, make_scripts, prepare, prepared_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from blast_core.interpreter import Interpreter
    from blast_pm.install.decisions import Memos, Placed, Small
    from blast_pm.install.merge import Part
    from blast_pm.store.cache import StoredDistribution

__all__ = ["ComposeReport", "Composed", "compose"]

# Parts of site-packages that one thread takes at a time, so that both have work to the end.
_CHUNK = 16


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
    memos: Memos | None = None,
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
        memos: keeps what was decided; None decides anew.

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
    modes = [packages.get(row.name, mode) for row in rows]
    trees = [row.tree for row in rows]
    notes: tuple[str, ...] = ()
    key = b""
    if memos is not None:
        wishes = (sorted((direct_urls or {}).items()), sorted(requested), allow_overwrite, home)
        alike = (Places.of(interpreter), interpreter.cache_tag, modes, *wishes)
        key = decision_key([(row.name, row.tree) for row in rows], *alike)
        value = memos.get(key)
        known = load_decision(value) if value is not None else None
        if known is not None:
            _check_startup(known.startup, allowed=allow_startup)
            building = Building(destination, trees, interpreter, modes, known, bytecode=bytecode, home=home)
            try:
                building.build()
                return _report(building, known, trees, link_mode)
            except (DirectoryLinksRefused, FileNotFoundError):
                # What was prepared is gone from the store, or links are refused here: decided anew, it is seen to.
                fs.remove_tree(destination)
    members = [Member(row.name, row.tree, read_plan(row.plan), home) for row in rows]
    _check_startup([(member.name, path) for member in members for path in member.plan.startup], allowed=allow_startup)
    while True:
        composition = _Composition(members, Places.of(interpreter), modes)
        decision = composition.decide(direct_urls or {}, frozenset(requested), allow_overwrite=allow_overwrite)
        building = Building(destination, trees, interpreter, modes, decision, bytecode=bytecode, home=home)
        try:
            building.build()
        except DirectoryLinksRefused as error:
            # It shows with the first one, and changes what every RECORD says.
            fs.remove_tree(destination)
            modes = ["hardlink" if one == "fold" else one for one in modes]
            notes = (f"directories are real instead of links into the store: {error}",)
            key = b""
            continue
        if memos is not None and key:
            memos.put(key, decision.dump())
        report = _report(building, decision, trees, link_mode)
        return report._replace(notes=(*notes, *report.notes))


def _check_startup(startup: Sequence[tuple[str, str]], *, allowed: bool) -> None:
    for name, path in () if allowed else startup:
        raise InstallError(
            f"{name} was refused",
            reason=f"its file {path} would run whenever the environment's Python starts",
            hint="allow it if you trust the project",
        )


class _Composition:
    """Decides what goes where."""

    def __init__(self, members: Sequence[Member], places: Places, modes: Sequence[str]) -> None:
        self._members = members
        self._places = places
        self._folded = [mode == "fold" for mode in modes]
        self._tree = MergedTree({}, {}, {}, set(), [])
        self._own: dict[str, list[Small]] = {}
        self._programs: list[Small] = []

    def decide(self, direct_urls: Mapping[str, bytes], requested: frozenset[str], *, allow_overwrite: bool) -> Decision:
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
        for path in (places.scripts, places.site):
            self._tree.enter(path)
        return self._decision()

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

    def _decision(self) -> Decision:
        tree, places = self._tree, self._places
        # What is there whatever is installed. Python would make the last when it first imports a module from there, and
        # so touch site-packages, by whose times changes of other tools are noticed.
        lasting = [path for path in (places.scripts, places.site) if path not in tree.children]
        placed: list[tuple[list[str], list[str]]] = [([], []) for _ in self._members]
        for part in tree.directories.get(places.site, ()):
            placed[part.owner][0].extend(part.links)
            placed[part.owner][1].extend((*part.files, *part.copies))
        root = tree.directories.get("", ())
        tops = {*tree.children.get("", ()), *(name for part in root for name in (*part.files, *part.copies))}
        return Decision(
            makes=(*sorted(path for path in tree.children if path), *lasting, f"{places.site}/__pycache__"),
            jobs=tuple(self._iter_jobs()),
            directories=len(tree.directories),
            distributions=tuple(
                (
                    member.name,
                    member.plan.version,
                    member.plan.dist_info,
                    tuple(links),
                    tuple(files),
                    owner in tree.unfolded,
                )
                for owner, (member, (links, files)) in enumerate(zip(self._members, placed, strict=True))
            ),
            tops=tuple(sorted(tops)),
            startup=tuple((member.name, path) for member in self._members for path in member.plan.startup),
            notes=tuple(tree.notes),
        )

    def _iter_jobs(self) -> Iterator[Job]:
        for path, parts in self._tree.directories.items():
            own: Sequence[Small] = self._own.get(path, ())
            is_own = path in self._own
            is_lasting = path in {"", self._places.scripts, self._places.site}
            is_leaf = path not in self._tree.children and not is_lasting
            if path == self._places.scripts:
                own = self._programs
            placed = [_placed(part) for part in parts]
            if is_leaf or len(parts) + len(own) <= _CHUNK:
                if is_leaf or parts or own:
                    yield Job(path, tuple(placed), is_leaf, tuple(own), is_own)
                continue
            for start in range(0, len(parts), _CHUNK):
                yield Job(path, tuple(placed[start : start + _CHUNK]), False, (), is_own)  # noqa: FBT003 - a record
            yield Job(path, (), False, tuple(own), is_own)  # noqa: FBT003 - a record


def _placed(part: Part) -> Placed:
    return part.owner, part.source, tuple(part.links), tuple(part.files), tuple(part.copies)


def _report(building: Building, decision: Decision, trees: Sequence[str], mode: str) -> ComposeReport:
    """Return what was made; ``mode`` is what was asked for."""
    counts = building.counts
    return ComposeReport(
        mode=mode,
        directories=counts.directories,
        symlinks=counts.symlinks,
        hardlinks=counts.hardlinks,
        clones=counts.clones,
        copies=counts.copies,
        written=counts.written,
        distributions=tuple(
            Composed(name, version, tree, dist_info, links, files, unfolded)
            for (name, version, dist_info, links, files, unfolded), tree in zip(
                decision.distributions, trees, strict=True
            )
        ),
        tops=decision.tops,
        startup=decision.startup,
        unflushed=counts.take_unflushed(building.destination),
        notes=(*decision.notes, *building.notes),
    )
