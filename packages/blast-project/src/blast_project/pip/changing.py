"""Carrying out a change: a new generation of an environment of Blast's, or files of any other place."""

from __future__ import annotations

from blast_core.errors import UsageError
from blast_core.names import normalize_name
from blast_project.changes import VersionChange, compare_installed
from blast_project.pip.requests import PipResult

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from blast_pm.store.cache import StoredDistribution
    from blast_project.environment.generations import Generation
    from blast_project.pip.inventory import InstalledDistribution
    from blast_project.pip.sites import Site
    from blast_project.session import Session

__all__ = ["Changing", "changes_between"]


class Changing:
    """Carries out what was decided, in the way of the place.

    Args:
        session: services.
        site: the place, which is locked.
        rows: what it holds.
        command: what history says.

    Attributes:
        counting: the distributions that count as installed: in an environment of Blast's those of its generation.
        renews: what is installed again is written again, even if it is the same.
    """

    def __init__(self, session: Session, site: Site, rows: Sequence[InstalledDistribution], command: str) -> None:
        self._session = session
        self._site = site
        self._rows = rows
        self._command = command
        self._before: Generation | None = None
        self.renews = False
        self.counting = list(rows)
        if site.kind == "blast":
            self._before = self._read_generation()
            known = {(row.name, row.version) for row in self._before.installed}
            self.counting = [row for row in rows if (row.key, row.version) in known or row.directory not in site.own]

    def _read_generation(self) -> Generation:
        from blast_project.environment.manager import VenvManager

        before = VenvManager(self._site.root).current()
        if before is None:
            raise UsageError(
                f"{self._site.root} has no generation",
                reason="the command that made it was interrupted",
                hint="'blast venv --clear' makes it anew",
            )
        return before

    def change(
        self,
        leaving: Sequence[InstalledDistribution],
        stored: Sequence[StoredDistribution],
        *,
        requested: frozenset[str] = frozenset(),
        direct_urls: Mapping[str, bytes] | None = None,
        dry_run: bool,
    ) -> PipResult:
        """Remove, install, and return what is different."""
        site = self._site
        after = {normalize_name(row.name): row.version for row in stored}
        gone = {row.key for row in leaving}
        if self._before is not None and not dry_run:
            strangers = [row for row in leaving if row not in self.counting]
            if strangers:
                # Another tool put them into the current generation: they go from there, and no other one had them.
                self._change_files(strangers, (), (), {})
            result = self._change_generation(gone, stored, requested, direct_urls or {})
            went = tuple(VersionChange(row.key, row.version, "") for row in strangers)
            return result._replace(
                changed=result.changed or bool(went), changes=tuple(sorted((*result.changes, *went)))
            )
        held = {row.key: row for row in self.counting}
        changes = changes_between(held, gone, after)
        if changes and not dry_run:
            self._change_files(leaving, stored, requested, direct_urls or {})
        packages = len(held) + sum(not row.before for row in changes) - len(gone)
        return PipResult(site.root, site.kind, 0, bool(changes), site.interpreter.version, packages, changes)

    def _change_files(
        self,
        leaving: Sequence[InstalledDistribution],
        stored: Sequence[StoredDistribution],
        requested: Collection[str],
        direct_urls: Mapping[str, bytes],
    ) -> None:
        from blast_project.bytecode import WAIT, compile_now, when_to_compile
        from blast_project.pip.foreign import Transition, change_place

        session, site = self._session, self._site
        if stored and when_to_compile(session.settings) == WAIT:
            compile_now(session, stored, site.interpreter)
        arriving = {normalize_name(row.name) for row in stored}
        # What is found elsewhere, such as in the system's own directories, stays and is hidden.
        replaced = [row for row in self.counting if row.key in arriving and row.directory in site.own]
        transition = Transition((*leaving, *replaced), stored, requested, direct_urls)
        change_place(session, site, self._rows, transition, overwrite=session.settings.allow_overwrite)

    def _change_generation(
        self,
        gone: Collection[str],
        stored: Sequence[StoredDistribution],
        asked: frozenset[str],
        direct_urls: Mapping[str, bytes],
    ) -> PipResult:
        from blast_project.applying import Change, apply_change
        from blast_project.environment.drift import find_drift
        from blast_project.environment.generations import Installed

        session, site, before = self._session, self._site, self._before
        assert before is not None, "only for environments of Blast's"
        names = {normalize_name(row.name) for row in stored} | set(gone)
        kept = [row for row in before.installed if row.name not in names]
        held = [
            Installed(normalize_name(row.name), row.version, row.sha256, requested=False, direct_url=b"")
            for row in stored
        ]
        was_requested = {row.name for row in before.installed if row.requested}
        requested = (was_requested | asked) - set(gone)
        same = not compare_installed(before.installed, [*kept, *held]) and requested == was_requested
        if same and not self.renews and (gone or not find_drift(site.root, before.number, before.site_packages)):
            return self._result(before, before)
        if same and not stored and not asked:
            return self._result(before, before)
        self._note_strangers(names)
        found = session.cache.find([row.sha256 for row in kept])
        change = Change(
            (*stored, *found.values()),
            command=self._command,
            link_mode=before.link_mode,
            requested=frozenset(requested),
            direct_urls={**{row.name: row.direct_url for row in kept if row.direct_url}, **direct_urls},
        )
        return self._result(before, apply_change(session, site.root, site.interpreter, change))

    def _note_strangers(self, replaced: Collection[str]) -> None:
        """Say what of other tools a new generation doesn't have."""
        known = {row.key for row in self.counting}
        rows = [row for row in self._rows if row.directory in self._site.own]
        strangers = [row.key for row in rows if row.key not in known and row.key not in replaced]
        if strangers:
            self._session.reporter.note(
                f"{', '.join(strangers)} came by another tool and does not stay; 'blast undo' brings it back"
            )

    def _result(self, before: Generation, after: Generation) -> PipResult:
        site = self._site
        return PipResult(
            site.root,
            site.kind,
            after.number,
            after.number != before.number,
            after.python,
            len(after.installed),
            compare_installed(before.installed, after.installed),
        )


def changes_between(
    held: Mapping[str, InstalledDistribution], gone: Collection[str], after: Mapping[str, str]
) -> tuple[VersionChange, ...]:
    """Return what is different, by name."""
    names = sorted({*gone, *after})
    return tuple(VersionChange(name, held[name].version if name in held else "", after.get(name, "")) for name in names)
