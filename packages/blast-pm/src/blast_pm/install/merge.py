"""One tree out of the plans of many distributions: what is shared becomes real, claims that clash are judged.

The work is in proportion to the entries of directories that several distributions share; a directory with one owner is
passed on as it is, whatever it holds.
"""

from __future__ import annotations

from blast_core.errors import FileConflict, InstallError
from blast_core.tuples import NamedTuple
from blast_pm.install.origins import find_unfolded
from blast_pm.install.plan import HEADERS, PREFIX, SITE, read_listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from blast_core.interpreter import Interpreter
    from blast_pm.install.plan import TreePlan

__all__ = ["Member", "MergedTree", "Part", "Places", "merge_plans"]


class Places(NamedTuple):
    """Where the schemes are below an environment, with ``/``.

    Attributes:
        site: site-packages.
        scripts: ``bin``.
        include: where distributions put their headers.
        launcher: kind of launcher that programs need, "" for plain scripts; see ``blast_pm.install.launchers``.
    """

    site: str
    scripts: str
    include: str
    launcher: str = ""

    @classmethod
    def of(cls, interpreter: Interpreter) -> Places:
        """Return those of an interpreter."""
        site, scripts, include = (text.replace("\\", "/").strip("/") for text in interpreter[5:8])
        if scripts == "bin":
            return cls(site, scripts, include)
        from blast_pm.install.launchers import launcher_kind

        return cls(site, scripts, include, launcher_kind(scripts, interpreter.target.marker_environment))

    def base(self, scheme: int, name: str) -> str:
        """Return the directory of a scheme for the distribution called ``name``."""
        if scheme == SITE:
            return self.site
        return f"{self.include}/{name}" if scheme == HEADERS else ""


class Member(NamedTuple):
    """A distribution that goes into an environment.

    Attributes:
        name: normalised.
        tree: absolute path of its tree.
        plan: what is known of it.
        store: where its prepared files are kept; empty for the store that its tree is in.
    """

    name: str
    tree: str
    plan: TreePlan
    store: str = ""

    @property
    def home(self) -> str:
        """The store that has its prepared files."""
        return self.store or self.tree.rpartition("/")[0].rpartition("/")[0]


class Part:
    """What one distribution puts into one real directory.

    Attributes:
        owner: index of the distribution.
        source: the directory, below its tree.
        links: names of directories there that become one link each.
        files: names of files there.
        copies: names of files there that are copied in every mode.
    """

    __slots__ = ("copies", "files", "links", "owner", "source")

    def __init__(
        self, owner: int, source: str, links: Sequence[str], files: Sequence[str], copies: Sequence[str] = ()
    ) -> None:
        self.owner = owner
        self.source = source
        self.links = links
        self.files = files
        self.copies = copies


class MergedTree(NamedTuple):
    """What an environment will hold.

    Attributes:
        directories: the parts of every real directory, by its path below the environment; parents are there too.
        children: names of real directories in each directory that has some.
        scripts: index of the owner and of the script in its plan, by file name.
        unfolded: indices of distributions that lie otherwise than their plan alone says.
        notes: what was decided that the user should know, a line each.
    """

    directories: dict[str, list[Part]]
    children: dict[str, set[str]]
    scripts: dict[str, tuple[int, int]]
    unfolded: set[int]
    notes: list[str]

    def enter(self, path: str) -> list[Part]:
        """Make ``path`` a real directory, and those above it, and return its parts."""
        parts = self.directories.get(path)
        if parts is not None:
            return parts
        parts = self.directories[path] = []
        if path:
            parent, _, name = path.rpartition("/")
            self.enter(parent)
            self.children.setdefault(parent, set()).add(name)
        return parts


def merge_plans(
    members: Sequence[Member], places: Places, *, fold: bool, allow_overwrite: bool, real: Container[int] = ()
) -> MergedTree:
    """Bring distributions together.

    Args:
        members: sorted by name; where two claims are harmless, the first one's wins.
        places: of the environment.
        fold: directories may be links; else every directory is real.
        allow_overwrite: clashes are notes instead of errors.
        real: indices of members whose directories are real all the same.

    Raises:
        FileConflict: distributions bring different files for one path; the details list all of them.
        InstallError: one distribution stands twice.
    """
    merging = _Merging(members, places, allow_overwrite=allow_overwrite)
    for index in range(len(members)):
        merging.add(index, fold=fold and index not in real)
    if fold:
        merging.unfold_origins()
    merging.settle()
    merging.add_scripts()
    merging.report()
    return merging.result


class _Merging:
    def __init__(self, members: Sequence[Member], places: Places, *, allow_overwrite: bool) -> None:
        self._members = members
        self._places = places
        self._allow_overwrite = allow_overwrite
        self._conflicts: list[tuple[str, int, int]] = []
        self._overlaps: dict[tuple[int, int], list[str]] = {}
        self._listings: dict[int, dict[str, list[tuple[str, tuple[str, ...]]]]] = {}
        self.result = MergedTree({}, {}, {}, set(), [])
        names = {member.name for member in members}
        if len(names) != len(members):
            twice = sorted({member.name for member in members if sum(member.name == m.name for m in members) > 1})
            raise InstallError(f"{twice[0]} was asked for twice in one environment")

    def add(self, owner: int, *, fold: bool) -> None:
        """Enter what a plan says."""
        plan = self._members[owner].plan
        if fold:
            for scheme, path, source, links, files, copies in plan.folders:
                self._enter(owner, self._path(owner, scheme, path), source, links, files, copies)
            return
        copied = {(folder[0], folder[1], name) for folder in plan.folders for name in folder[5]}
        for scheme, path, source, files in read_listing(plan):
            here = self._path(owner, scheme, path)
            apart = tuple(name for name in files if (scheme, path, name) in copied) if copied else ()
            linked = tuple(name for name in files if name not in apart) if apart else files
            self._enter(owner, here, source, (), linked, apart)

    def _path(self, owner: int, scheme: int, path: str) -> str:
        if scheme == SITE:
            return f"{self._places.site}/{path}" if path else self._places.site
        if scheme == PREFIX:
            if self._places.launcher:
                return self._spelled(path)
            # In every virtual environment lib64 is a link to lib.
            return "lib" + path[5:] if path == "lib64" or path.startswith("lib64/") else path
        base = self._places.base(scheme, self._members[owner].plan.name)
        return f"{base}/{path}" if path else base

    def _spelled(self, path: str) -> str:
        """Return a path as Windows sees it, where ``lib`` and ``Lib`` are one directory."""
        top, slash, rest = path.partition("/")
        for known in (self._places.site.partition("/")[0], self._places.scripts, self._places.include):
            if top.lower() == known.lower():
                return f"{known}{slash}{rest}"
        return path

    def _enter(
        self, owner: int, path: str, source: str, links: Sequence[str], files: Sequence[str], copies: Sequence[str] = ()
    ) -> None:
        self.result.enter(path).append(Part(owner, source, links, files, copies))

    def unfold_origins(self) -> None:
        """Apply rule 4."""
        plans = [member.plan for member in self._members]
        for owner, paths in find_unfolded(plans, (self._places.site, "")).items():
            for path in paths:
                self._open_way(owner, path)

    def _open_way(self, owner: int, path: str) -> None:
        """Make every directory from the top down to ``path`` real."""
        parent = ""
        for name in path.split("/"):
            here = f"{parent}/{name}" if parent else name
            for part in list(self.result.directories.get(parent, ())):
                if part.owner == owner and name in part.links:
                    self._unfold(parent, part, name)
            parent = here

    def _unfold(self, parent: str, part: Part, name: str) -> None:
        """Make the directory that ``part`` would link real."""
        path = f"{parent}/{name}" if parent else name
        source = f"{part.source}/{name}" if part.source else name
        part.links = tuple(link for link in part.links if link != name)
        listing = self._listings.get(part.owner)
        if listing is None:
            listing = self._listings[part.owner] = _index_listing(self._members[part.owner].plan)
        rows = listing[source]
        files = next(files for kind, files in rows if kind == "")
        links = tuple(kind for kind, _ in rows if kind)
        self._enter(part.owner, path, source, links, files)
        self.result.unfolded.add(part.owner)

    def settle(self) -> None:
        """Judge every directory with several parts, from the top down: unfolding adds parts one level below."""
        levels: dict[int, set[str]] = {}
        for path in self.result.directories:
            levels.setdefault(_depth(path), set()).add(path)
        depth = 0
        while depth <= max(levels, default=0):
            for path in sorted(levels.get(depth, ())):
                parts = self.result.directories[path]
                if len(parts) > 1 or (parts and self.result.children.get(path)):
                    opened = self._settle_directory(path, parts)
                    levels.setdefault(depth + 1, set()).update(opened)
            depth += 1

    def _settle_directory(self, path: str, parts: list[Part]) -> set[str]:
        real = self.result.children.get(path, set())
        linked: dict[str, Part] = {}
        opened: set[str] = set()
        for part in parts:
            for name in part.links:
                other = linked.setdefault(name, part)
                if other is not part:
                    opened.add(name)
        opened |= real.intersection(linked)
        for name in opened:
            for part in parts:
                if name in part.links:
                    self._unfold(path, part, name)
        if len(parts) > 1 or real:
            self._settle_files(path, parts, linked, real | opened)
        return {f"{path}/{name}" if path else name for name in opened}

    def _settle_files(self, path: str, parts: list[Part], linked: dict[str, Part], real: set[str]) -> None:
        owners: dict[str, Part] = {}
        for part in parts:
            for name in (*part.files, *part.copies):
                other = owners.setdefault(name, part)
                where = f"{path}/{name}" if path else name
                if other is not part:
                    self._settle_file(where, name, other, part)
                if name in linked or name in real:
                    self._conflicts.append((where, part.owner, self._owner_of(where, linked.get(name))))

    def _owner_of(self, path: str, part: Part | None) -> int:
        return part.owner if part is not None else next(iter(self._owners_below(path)), 0)

    def _owners_below(self, path: str) -> list[int]:
        return [part.owner for part in self.result.directories.get(path, ())]

    def _settle_file(self, path: str, name: str, first: Part, second: Part) -> None:
        from blast_pm.install.clashes import is_harmless, is_same, is_shared_namespace

        one, other = (f"{self._members[part.owner].tree}/{part.source}/{name}" for part in (first, second))
        second.files = tuple(file for file in second.files if file != name)
        second.copies = tuple(file for file in second.copies if file != name)
        if is_same(one, other):
            return
        self.result.unfolded.add(second.owner)
        if name == "__init__.py" and is_shared_namespace(one, other):
            return
        harmless = is_harmless(path.removeprefix(self._places.site + "/"))
        if not (harmless or self._allow_overwrite):
            self._conflicts.append((path, first.owner, second.owner))
            return
        self._overlaps.setdefault((first.owner, second.owner), []).append(path)

    def add_scripts(self) -> None:
        """Give each program's name one owner: the distribution that is called so, else the first."""
        scripts = self.result.scripts
        for owner, member in enumerate(self._members):
            for number, (called, source, _, _) in enumerate(member.plan.scripts):
                name = self._program_name(member, called, source) if self._places.launcher else called
                if name not in scripts:
                    scripts[name] = owner, number
                elif not self._is_same_script(scripts[name], owner, number):
                    self._judge_script(name, owner, number)

    def _program_name(self, member: Member, called: str, source: str) -> str:
        from blast_pm.install.launchers import is_launched, program_name

        return program_name(called) if not source or is_launched(f"{member.tree}/{source}") else called

    def _is_same_script(self, known: tuple[int, int], owner: int, number: int) -> bool:
        reference = self._members[known[0]].plan.scripts[known[1]][2]
        return bool(reference) and reference == self._members[owner].plan.scripts[number][2]

    def _judge_script(self, name: str, owner: int, number: int) -> None:
        scripts = self.result.scripts
        first = scripts[name][0]
        is_namesake = self._members[owner].name == name.removesuffix(".exe")
        winner, loser = (owner, first) if is_namesake else (first, owner)
        if winner == owner:
            scripts[name] = owner, number
        self.result.unfolded.add(loser)
        names = self._members[winner].name, self._members[loser].name
        self.result.notes.append(f"{names[0]} and {names[1]} both bring the command {name}; {names[0]}'s is used")

    def report(self) -> None:
        """Raise if there are conflicts; make notes of overlaps.

        Raises:
            FileConflict: see `merge_plans`.
        """
        for (first, second), paths in self._overlaps.items():
            one, other = self._members[first].name, self._members[second].name
            more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
            self.result.notes.append(f"{one} and {other} bring different files: {paths[0]}{more}; {one}'s are used")
        if not self._conflicts:
            return
        named = [(path, self._members[one].name, self._members[other].name) for path, one, other in self._conflicts]
        path, one, other = named[0]
        more = f" and {len(named) - 1} more paths" if len(named) > 1 else ""
        raise FileConflict(
            f"{one} and {other} both bring {path}{more}",
            reason="their files differ, and one of the two would not work",
            hint="remove one of them, or accept whichever comes first with --allow-overwrite",
            paths=[row[0] for row in named[:100]],
            distributions=sorted({name for row in named for name in row[1:]}),
        )


def _depth(path: str) -> int:
    return path.count("/") + 1 if path else 0


def _index_listing(plan: TreePlan) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """Return, by source: ("", its files), then (name, ()) for each directory in it."""
    found: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for _, _, source, files in read_listing(plan):
        found[source] = [("", files)]
        parent, _, name = source.rpartition("/")
        if parent in found and source:
            found[parent].append((name, ()))
    return found
