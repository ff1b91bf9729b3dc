"""The pip interface: install, uninstall and sync, in environments of Blast's and in places of any other tool.

An environment of Blast's gets a new generation for each change, which ``undo`` takes back. Any other place is changed
file by file, as pip would, but whole or not at all.
"""

from __future__ import annotations

from blast_project.pip.changing import Changing, changes_between
from blast_project.pip.inventory import find_distributions
from blast_project.pip.planning import Held, find_arriving, is_satisfied, resolve_beside
from blast_project.pip.requests import Arrival, InstallRequest, PipResult, UninstallRequest
from blast_project.pip.sites import HERE, check_may_change, find_site
from blast_project.pip.transaction import recover

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from blast_pm.resolver.model import Resolution, ResolvedPackage
    from blast_pm.store.cache import StoredDistribution, WantedDistribution
    from blast_project.pip.inventory import InstalledDistribution
    from blast_project.pip.sites import Site, SiteChoice
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


def install(session: Session, request: InstallRequest) -> PipResult:
    """Install requirements, keeping what is there.

    Raises:
        UsageError: there is no place to work on, or it is another tool's and protected (PEP 668).
        NoSolution, IndexAccessError, IntegrityError, InstallError: everything is as it was.
    """
    from blast_project.exclusive import exclusive
    from blast_project.pip.locked import install_lock, lock_of

    lock = lock_of(request)
    if lock:
        return install_lock(session, request, lock)
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
        result = Changing(session, site, rows, command).change(leaving, (), dry_run=request.dry_run)
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
        changing = Changing(session, self._site, self._rows, _command(request))
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
        changes = changes_between(held.rows, {row.key for row in leaving}, after)
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


def _command(request: InstallRequest) -> str:
    """Return what history says."""
    files = (f"-r {name}" for name in request.files)
    editables = (f"-e {name}" for name in request.editables)
    return " ".join(("pip sync" if request.exact else "pip install", *request.requirements, *files, *editables))
