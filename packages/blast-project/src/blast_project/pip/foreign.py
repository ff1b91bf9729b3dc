"""Changing a place that another tool made: whose files are in the way, and the order of things.

Everything that can be refused is refused before anything is changed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from blast_core.errors import FileConflict, PathEscape
from blast_core.names import normalize_name
from blast_project.pip.placement import place
from blast_project.pip.removal import Removal, bytecode_of, plan_removal
from blast_project.pip.sites import is_below
from blast_project.pip.transaction import Step, carry_out

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from blast_pm.store.cache import StoredDistribution
    from blast_project.pip.inventory import InstalledDistribution
    from blast_project.pip.placement import Placement
    from blast_project.pip.sites import Site
    from blast_project.session import Session

__all__ = ["Transition", "change_place"]


class Transition(NamedTuple):
    """A change of a place.

    Attributes:
        removes: installed distributions that go.
        arrivals: from the store.
        requested: normalised names that somebody asked for.
        direct_urls: content of direct_url.json by normalised name.
    """

    removes: Sequence[InstalledDistribution]
    arrivals: Sequence[StoredDistribution] = ()
    requested: Collection[str] = ()
    direct_urls: Mapping[str, bytes] = {}


def change_place(
    session: Session, site: Site, held: Iterable[InstalledDistribution], transition: Transition, *, overwrite: bool
) -> None:
    """Remove and install distributions: all of it, or nothing.

    Args:
        session: services.
        site: the place.
        held: what it holds, for whose files are in the way.
        transition: what shall be different.
        overwrite: replace files of other distributions, with a word about it.

    Raises:
        FileConflict: a file of another distribution is in the way.
        PathEscape: a directory is a link that leads out of the place.
        InstallError: something can't be uninstalled, or the place can't be written.
    """
    removals = {row.key: plan_removal(row, site) for row in transition.removes}
    placements = [
        place(
            stored,
            normalize_name(stored.name),
            site,
            requested=normalize_name(stored.name) in transition.requested,
            direct_url=bytes(transition.direct_urls.get(normalize_name(stored.name), b"")),
        )
        for stored in sorted(transition.arrivals, key=lambda row: normalize_name(row.name))
    ]
    for key, removal in removals.items():
        for path in removal.outside:
            session.reporter.note(f"{key}: {path} is outside of {site.root} and is left alone")
    others = [row for row in held if row.key not in removals]
    placements, displaced = _Judging(session, site, others, removals, overwrite=overwrite).judge(placements)
    nothing = Removal((), {}, ())
    steps = [_replacing(removals.pop(one.name, nothing), displaced[one.name], one) for one in placements]
    leaving = [_replacing(removal, (), None) for removal in removals.values()]
    for one in placements:
        for path in one.startup:
            session.reporter.note(f"{one.name} brings {path}, which runs whenever the environment's Python starts")
    for note in carry_out(site, [*leaving, *steps], _link_mode(session)):
        session.reporter.note(note)


def _replacing(removal: Removal, displaced: Sequence[str], placement: Placement | None) -> Step:
    paths = [path for path in removal.paths if path not in removal.edits]
    return Step((*paths, *displaced), removal.edits, placement)


def _link_mode(session: Session) -> str:
    from blast_project.settings import settle_mode

    mode = settle_mode(session.settings.link_mode)
    # Nothing is folded here: other tools work on the place, too.
    return "hardlink" if mode == "fold" else mode


class _Judging:
    """Looks at what is in the way of new files."""

    def __init__(
        self,
        session: Session,
        site: Site,
        others: Sequence[InstalledDistribution],
        removals: Mapping[str, Removal],
        *,
        overwrite: bool,
    ) -> None:
        self._session = session
        self._site = site
        self._others = others
        self._leaving = frozenset(path for removal in removals.values() for path in (*removal.paths, *removal.edits))
        self._overwrite = overwrite
        self._owners: dict[str, str] | None = None
        self._checked: dict[str, None] = {}
        self._conflicts: list[tuple[str, str, str]] = []

    def judge(self, placements: Sequence[Placement]) -> tuple[list[Placement], dict[str, list[str]]]:
        """Return the placements without files that two bring alike, and by name what has to be moved out of the way."""
        displaced: dict[str, list[str]] = {}
        claimed: dict[str, tuple[str, str | bytes]] = {}
        caches: dict[str, frozenset[str]] = {}
        result = []
        for placement in placements:
            dropped: set[str] = set()
            moved: dict[str, None] = {}
            for path, source in placement.paths():
                self._check_directory(os.path.dirname(path), placement.name)
                if path in claimed:
                    self._judge_twins(path, placement.name, source, claimed[path])
                    dropped.add(path)
                    continue
                claimed[path] = placement.name, source
                if path not in self._leaving and os.path.lexists(path):
                    self._judge_standing(path, placement.name, source)
                    moved[path] = None
                for stale in bytecode_of(path, caches):
                    if stale not in self._leaving:
                        moved[stale] = None
            displaced[placement.name] = list(moved)
            result.append(_without(placement, dropped) if dropped else placement)
        self._report()
        return result, displaced

    def _check_directory(self, directory: str, name: str) -> None:
        if directory in self._checked:
            return
        self._checked[directory] = None
        here = directory
        while not os.path.lexists(here):
            here = os.path.dirname(here)
        if not os.path.isdir(here) and here not in self._leaving:
            raise FileConflict(f"{name} needs the directory {here}, which is a file", paths=[here])
        # What is in a prefix that several share is not removed everywhere, but may be put anywhere.
        bounds = (*self._site.bounds, self._site.data)
        if not is_below(os.path.join(here, "x"), bounds) and not any(one.startswith(here) for one in bounds):
            raise PathEscape(
                f"{name} would be written to {os.path.realpath(here)}",
                reason=f"{here} is a link that leads out of {self._site.root}",
                path=here,
            )

    def _judge_twins(self, path: str, name: str, source: str | bytes, first: tuple[str, str | bytes]) -> None:
        if not self._is_harmless(path, source, first[1]):
            self._conflicts.append((path, first[0], name))

    def _judge_standing(self, path: str, name: str, source: str | bytes) -> None:
        if os.path.isdir(path) and not os.path.islink(path):
            raise FileConflict(f"{name} brings the file {path}, which is a directory", paths=[path])
        owner = self._owner(path)
        # What nobody owns is replaced, as pip replaces it.
        if owner and not self._is_harmless(path, source, path):
            self._conflicts.append((path, owner, name))

    def _owner(self, path: str) -> str:
        if self._owners is None:
            self._owners = {}
            for row in self._others:
                for line in (row.read("RECORD") or "").splitlines():
                    listed = line.partition(",")[0].strip('"')
                    if listed:
                        self._owners[os.path.normpath(os.path.join(row.directory, listed))] = row.key
        return self._owners.get(os.path.normpath(path), "")

    def _is_harmless(self, path: str, one: str | bytes, other: str | bytes) -> bool:
        from blast_pm.install.clashes import is_harmless
        from blast_pm.install.fold import is_namespace_init

        first, second = _content(one), _content(other)
        if first == second:
            return True
        if os.path.basename(path) == "__init__.py" and is_namespace_init(first) and is_namespace_init(second):
            return True
        return is_harmless(os.path.relpath(path, self._site.purelib).replace(os.sep, "/"))

    def _report(self) -> None:
        if not self._conflicts:
            return
        path, one, other = self._conflicts[0]
        more = f" and {len(self._conflicts) - 1} more" if len(self._conflicts) > 1 else ""
        if self._overwrite:
            self._session.reporter.note(f"{path}{more} of {one} is replaced by that of {other}")
            return
        raise FileConflict(
            f"{one} and {other} both bring {path}{more}",
            reason="one would overwrite the other, and uninstalling either would break both",
            hint="leave one of them out, or use '--allow-overwrite'",
            paths=[row[0] for row in self._conflicts],
        )


def _content(source: str | bytes) -> bytes:
    if isinstance(source, bytes):
        return source
    with open(source, "rb") as file:
        return file.read()


def _without(placement: Placement, dropped: set[str]) -> Placement:
    linked = {
        directory: [
            (source, tuple(name for name in names if f"{directory}/{name}" not in dropped)) for source, names in groups
        ]
        for directory, groups in placement.linked.items()
    }
    return placement._replace(
        linked=linked,
        programs=tuple(row for row in placement.programs if row[0] not in dropped),
        written=tuple(row for row in placement.written if row[0] not in dropped),
    )
