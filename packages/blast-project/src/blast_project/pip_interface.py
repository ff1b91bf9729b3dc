"""The pip interface: install, uninstall and sync, in environments of Blast's and in places of any other tool.

An environment of Blast's gets a new generation for each change, which ``undo`` takes back. Any other place is changed
file by file, as pip would, but whole or not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from blast_core.errors import UsageError
from blast_core.names import normalize_name
from blast_project.changes import VersionChange, compare_installed
from blast_project.pip.inventory import find_distributions
from blast_project.pip.planning import Held, find_arriving, is_satisfied, resolve_beside
from blast_project.pip.sites import HERE, SiteChoice, check_may_change, find_site
from blast_project.pip.transaction import recover

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from blast_pm.resolver.model import Resolution, ResolvedPackage
    from blast_pm.store.cache import StoredDistribution, WantedDistribution
    from blast_project.environment.generations import Generation
    from blast_project.pip.inventory import InstalledDistribution
    from blast_project.pip.sites import Site
    from blast_project.session import Session
    from blast_project.source_install import WantedSource

__all__ = [
    "Arrival",
    "InstallRequest",
    "PipResult",
    "UninstallRequest",
    "install",
    "list_installed",
    "open_site",
    "sync",
    "uninstall",
]


class InstallRequest(NamedTuple):
    """The options of ``blast pip install``; paths are relative to the settings' directory.

    Attributes:
        requirements: words of the command line.
        files: of requirements, or ``pyproject.toml``.
        constraints: files with limits.
        upgrade: take the newest versions of everything.
        editables: directories or repositories.
        choice: where to work.
        upgrade_packages: take the newest versions of these, or those that a specifier allows.
        lazy: ``upgrade`` is for what is named alone, not for what that needs.
        reinstall: install again what is there.
        reinstall_packages: only these.
        needs: install what the requirements need, too.
        require_hashes: everything must have one.
        verify_hashes: look at those that there are.
        overrides: files with requirements that replace all others.
        extras: of a ``pyproject.toml`` among the files; ``:all:`` for all.
        groups: dependency groups of it, or of ``FILE:GROUP``.
        isolate: build in environments of their own.
        config_settings: for build backends, ``KEY=VALUE``.
        python_version: install what this Python needs.
        python_platform: install what this platform needs.
        exact: remove what is not needed.
        strict: tell of what does not fit afterwards.
        dry_run: change nothing.
    """

    requirements: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    upgrade: bool = False
    editables: tuple[str, ...] = ()
    choice: SiteChoice = HERE
    upgrade_packages: tuple[str, ...] = ()
    lazy: bool = False
    reinstall: bool = False
    reinstall_packages: tuple[str, ...] = ()
    needs: bool = True
    require_hashes: bool = False
    verify_hashes: bool = True
    overrides: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    isolate: bool = True
    config_settings: tuple[str, ...] = ()
    python_version: str = ""
    python_platform: str = ""
    exact: bool = False
    strict: bool = False
    dry_run: bool = False


class UninstallRequest(NamedTuple):
    """The options of ``blast pip uninstall``."""

    names: tuple[str, ...]
    files: tuple[str, ...] = ()
    choice: SiteChoice = HERE
    dry_run: bool = False


class Arrival(NamedTuple):
    """Something that is installed, for pip's installation report.

    Attributes:
        name: normalised.
        version: as its metadata says.
        url: where it came from.
        sha256: of the file; "" where it was built from a directory.
        requested: somebody asked for it by name.
        is_direct: it was asked for by address.
        requires: its requirements, as PEP 508 has them.
    """

    name: str
    version: str
    url: str
    sha256: str
    requested: bool
    is_direct: bool
    requires: tuple[str, ...] = ()


class PipResult(NamedTuple):
    """What a command did, or would do.

    Attributes:
        environment: absolute path of the environment, prefix or directory.
        kind: see `Site.kind`.
        generation: number of the current one; 0 outside of Blast's environments.
        changed: something is different, or would be.
        python: version of the interpreter.
        packages: how many distributions there are afterwards.
        changes: by name; one that is installed again has the same version before and after.
        arrivals: what is installed.
        problems: what does not fit afterwards, where that was asked for.
        missing: names that were to be uninstalled and are not installed.
        markers: variables of the interpreter's markers.
    """

    environment: str
    kind: str
    generation: int
    changed: bool
    python: str
    packages: int
    changes: tuple[VersionChange, ...]
    arrivals: tuple[Arrival, ...] = ()
    problems: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    markers: Mapping[str, str] = {}


def install(session: Session, request: InstallRequest) -> PipResult:
    """Install requirements, keeping what is there.

    Raises:
        UsageError: there is no place to work on, or it is another tool's and protected (PEP 668).
        NoSolution, IndexAccessError, IntegrityError, InstallError: everything is as it was.
    """
    from blast_project.exclusive import exclusive

    site = find_site(session, request.choice)
    if request.python_version or request.python_platform:
        from blast_project.foreign_target import for_other_target

        other = for_other_target(site.interpreter, request.python_version, request.python_platform)
        site = site._replace(interpreter=other)
    if not request.dry_run:
        check_may_change(site, request.choice)
    with exclusive(session, site.root):
        recover(site, session.reporter.note)
        session.use_project_around()
        return _Installing(session, site, request).run()


def sync(session: Session, request: InstallRequest) -> PipResult:
    """Make a place hold what files of pinned requirements say, and nothing else.

    Raises:
        UsageError, NoSolution, IndexAccessError, IntegrityError, InstallError: as `install`.
    """
    return install(session, request._replace(needs=False, exact=True))


def uninstall(session: Session, request: UninstallRequest) -> PipResult:
    """Remove distributions.

    Raises:
        UsageError: there is no place to work on, or it is another tool's and protected (PEP 668).
        InstallError: nothing says which files are a distribution's own; everything is as it was.
    """
    from blast_project.exclusive import exclusive

    site = find_site(session, request.choice)
    if not request.dry_run:
        check_may_change(site, request.choice)
    with exclusive(session, site.root):
        recover(site, session.reporter.note)
        rows = find_distributions(site.search)
        known = {row.key: row for row in rows if row.directory in site.own}
        names = dict.fromkeys((*map(_plain_name, request.names), *_names_in(session, request.files)))
        missing = tuple(name for name in names if name not in known)
        leaving = [known[name] for name in names if name in known]
        outside = {row.key for row in rows} - known.keys()
        for name in missing:
            why = f"is outside of {site.root} and is left alone" if name in outside else "is not installed"
            session.reporter.note(f"{name} {why}")
        command = " ".join(("pip uninstall", *request.names, *(f"-r {name}" for name in request.files)))
        result = _Changing(session, site, rows, command).change(leaving, (), dry_run=request.dry_run)
    return result._replace(missing=missing)


def _plain_name(text: str) -> str:
    from blast_project.asking import parse_name

    return parse_name(text).name


def _names_in(session: Session, files: Sequence[str]) -> list[str]:
    from blast_project.requirement_files import read_file

    return [
        row.requirement.name
        for name in files
        for row in read_file(session.settings, name, indexes=True).asked
        if row.is_named
    ]


def open_site(session: Session, choice: SiteChoice = HERE) -> Site:
    """Return the place that a command looks at, after what a killed command left there was taken back.

    Where there is no environment it is the interpreter itself, as with uv.

    Raises:
        UsageError: what is named is none.
    """
    from blast_project.exclusive import exclusive
    from blast_project.pip.transaction import is_interrupted

    site = find_site(session, choice, looks=True)
    if choice.paths:
        import os

        paths = (os.path.normpath(os.path.join(session.settings.directory, path)) for path in choice.paths)
        return site._replace(search=tuple(paths))
    if is_interrupted(site):
        with exclusive(session, site.root):
            recover(site, session.reporter.note)
    return site


def list_installed(session: Session, choice: SiteChoice = HERE) -> list[InstalledDistribution]:
    """Return the distributions of a place, by name, whoever installed them.

    Raises:
        UsageError: there is none.
    """
    return find_distributions(open_site(session, choice).search)


class _Installing:
    """One call of `install`; the place is locked."""

    def __init__(self, session: Session, site: Site, request: InstallRequest) -> None:
        self._session = session
        self._site = site
        self._request = request
        self._rows = find_distributions(site.search)

    def run(self) -> PipResult:
        from blast_project.pip.asking import check_hashes, read_wishes
        from blast_project.resolving import sources_of, wanted_of

        session, request = self._session, self._request
        changing = _Changing(session, self._site, self._rows, _command(request))
        held = Held(changing.counting, self._site)
        asked = read_wishes(session, self._site, request)
        wishes = asked.wishes
        requested = frozenset(row.name for row in wishes.requirements)
        if not request.exact and not asked.overridden and is_satisfied(held, wishes):
            result = changing.change((), (), requested=requested, dry_run=request.dry_run)
            return self._checked(result, held)
        session.reporter.step("Resolving")
        resolution = resolve_beside(session, self._site, held, wishes)
        for warning in resolution.warnings:
            session.reporter.note(warning)
        arriving = find_arriving(held, wishes, resolution)
        leaving = self._extraneous(held, resolution) if request.exact else []
        part = resolution._replace(packages=tuple(arriving))
        wanted, sources = wanted_of(session, self._site.interpreter, part), sources_of(part)
        if asked.hashes is not None:
            check_hashes(wanted, sources, asked.hashes)
        arrivals = self._arrivals(arriving, wanted, sources, requested)
        if request.dry_run:
            result = self._foreseen(held, arriving, leaving)
        else:
            stored, direct_urls = self._fetch(wanted, sources)
            changing.renews = bool(stored) and (wishes.all_reinstalled or bool(wishes.reinstalled))
            result = changing.change(leaving, stored, requested=requested, direct_urls=direct_urls, dry_run=False)
        markers = self._site.interpreter.target.marker_environment
        return self._checked(result._replace(arrivals=arrivals, markers=markers), held)

    def _extraneous(self, held: Held, resolution: Resolution) -> list[InstalledDistribution]:
        """Return what is not needed; what an environment of pip's comes with stays, as with uv."""
        from blast_project.pip.reports import seed_names

        needed = {package.name for package in resolution.packages}
        kept = frozenset() if self._site.kind == "blast" else seed_names(self._site.interpreter.version)
        rows = (row for row in held.rows.values() if row.directory in self._site.own)
        return [row for row in rows if row.key not in needed and row.key not in kept]

    def _fetch(
        self, wanted: Sequence[WantedDistribution], sources: Sequence[WantedSource]
    ) -> tuple[tuple[StoredDistribution, ...], Mapping[str, bytes]]:
        """Return what arrives as it stands in the store, fetched and built where it must be."""
        from blast_project.fetching import ensure_stored
        from blast_project.source_install import ensure_sources

        session, interpreter = self._session, self._site.interpreter
        direct = ensure_sources(session, session.settings.directory, sources, interpreter)
        return (*ensure_stored(session, wanted, interpreter), *direct.stored), direct.direct_urls

    def _arrivals(
        self,
        arriving: Sequence[ResolvedPackage],
        wanted: Sequence[WantedDistribution],
        sources: Sequence[WantedSource],
        requested: Collection[str],
    ) -> tuple[Arrival, ...]:
        from blast_core.requirements import format_requirement

        client = self._session.client
        places = {row.name: (client.url_of(row.index, row.path), row.sha256) for row in wanted}
        places.update({row.name: (row.source.location, row.source.digest) for row in sources})
        return tuple(
            Arrival(
                package.name,
                package.version,
                *places.get(package.name, ("", "")),
                requested=package.name in requested,
                is_direct=package.direct is not None,
                requires=tuple(format_requirement(row) for row in package.requirements),
            )
            for package in arriving
        )

    def _foreseen(
        self, held: Held, arriving: Sequence[ResolvedPackage], leaving: Sequence[InstalledDistribution]
    ) -> PipResult:
        after = {package.name: package.version for package in arriving}
        changes = _changes(held.rows, {row.key for row in leaving}, after)
        packages = len(held.rows) + sum(not row.before for row in changes) - len(leaving)
        site = self._site
        return PipResult(site.root, site.kind, 0, bool(changes), site.interpreter.version, packages, changes)

    def _checked(self, result: PipResult, held: Held) -> PipResult:
        if not self._request.strict:
            return result
        from blast_project.pip.reports import find_problems

        rows = find_distributions(self._site.search) if result.changed else list(held.rows.values())
        problems = tuple(problem.words for problem in find_problems(rows, self._site))
        for words in problems:
            self._session.reporter.note(words)
        return result._replace(problems=problems)


class _Changing:
    """Carries out what was decided, in the way of the place.

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
        changes = _changes(held, gone, after)
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


def _changes(
    held: Mapping[str, InstalledDistribution], gone: Collection[str], after: Mapping[str, str]
) -> tuple[VersionChange, ...]:
    """Return what is different, by name."""
    names = sorted({*gone, *after})
    return tuple(VersionChange(name, held[name].version if name in held else "", after.get(name, "")) for name in names)


def _command(request: InstallRequest) -> str:
    """Return what history says."""
    files = (f"-r {name}" for name in request.files)
    editables = (f"-e {name}" for name in request.editables)
    return " ".join(("pip sync" if request.exact else "pip install", *request.requirements, *files, *editables))
