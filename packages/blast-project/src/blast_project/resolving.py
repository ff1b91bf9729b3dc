"""Resolving loose requirements, outside of a project's lock, and choosing the files to install."""

from __future__ import annotations

from blast_core.errors import InstallError, NoSolution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from blast_core.interpreter import Interpreter, Target
    from blast_core.requirements import Requirement
    from blast_pm.index.client import PyPiClient
    from blast_pm.index.model import IndexFile
    from blast_pm.metadata.policy import FilePolicy
    from blast_pm.metadata.source import RegistryMetadata
    from blast_pm.resolver.model import DirectCandidate, Resolution, UniversalPackage
    from blast_pm.store.cache import WantedDistribution
    from blast_project.policy import Policy
    from blast_project.session import Session
    from blast_project.source_install import WantedSource
    from blast_project.sources import SourceLoader

__all__ = [
    "as_wanted",
    "files_that_count",
    "note_undated",
    "open_metadata",
    "resolve_requirements",
    "sources_of",
    "wanted_of",
    "without_late_files",
]


def resolve_requirements(  # noqa: PLR0913 - what a caller may know beforehand
    session: Session,
    interpreter: Interpreter,
    requirements: Sequence[Requirement],
    *,
    constraints: Sequence[Requirement] = (),
    preferences: Mapping[str, str] | None = None,
    origins: Mapping[Requirement, str] | None = None,
    builds: bool = True,
    loader: SourceLoader | None = None,
    standing: Mapping[str, DirectCandidate] | None = None,
    needs: bool = True,
    there: Mapping[str, str] | None = None,
) -> Resolution:
    """Return versions for ``requirements`` on the interpreter's target.

    Args:
        session: services.
        interpreter: the target.
        requirements: what is asked for.
        constraints: limits on what something else asks for.
        preferences: versions by name, tried first.
        origins: for messages, where a requirement stands.
        builds: let in versions that have only a source distribution.
        loader: reads what is required by address; one for the session's directory if None.
        standing: by name what is installed and not to be had from an index; it is taken as it is.
        needs: count what the requirements need themselves.
        there: what is found will be installed where these versions are already, by name: wheels of all others may come
            while it is searched. None where nothing will be.

    Raises:
        NoSolution: there are none.
    """
    from blast_pm.resolver.select import find_resolver

    def load(requirement: Requirement) -> DirectCandidate:
        nonlocal loader
        if loader is None:
            from blast_project.sources import SourceLoader

            loader = SourceLoader(session, session.settings.directory, interpreter)
        found = loader.load(requirement)
        return found if needs else found._replace(requirements=())

    direct = {row.url: load(row) for row in requirements if row.url}
    direct.update({candidate.name: candidate for candidate in tuple(direct.values())})
    direct = {**(standing or {}), **direct}
    # Without builds, it is for a build: what builds are done with is not built, too.
    policy = session.policy if builds else session.policy.for_builds()
    policy = policy._replace(files=files_that_count(session, policy))
    source = open_metadata(session, interpreter, builds=builds, files=policy.files, load_direct=load)
    session.answered_from = source if builds else session.answered_from
    if there is not None and needs:
        from blast_project.foresight import foresee

        foresee(session, interpreter, requirements, source, preferences or {}, there)
    try:
        found = find_resolver(policy.resolver)(
            tuple(requirements),
            interpreter.target,
            source if needs else _WithoutNeeds(source),
            preferences=preferences or {},
            policy=policy.resolution._replace(constraints=(*policy.resolution.constraints, *constraints)),
            direct=direct,
            origins=origins or {},
        )
    except NoSolution:
        note_undated(session, source, policy.files)
        raise
    return _with_files_that_count(found, policy.files)


class _WithoutNeeds:
    """The metadata of the indexes as if nothing needed anything."""

    def __init__(self, source: RegistryMetadata) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def dependencies(self, name: str, version: str) -> tuple[Requirement, ...]:
        self._source.dependencies(name, version)
        return ()


def open_metadata(
    session: Session,
    interpreter: Interpreter,
    *,
    targets: Sequence[Target] = (),
    builds: bool = True,
    files: FilePolicy | None = None,
    load_direct: Callable[[Requirement], DirectCandidate] | None = None,
) -> RegistryMetadata:
    """Return the metadata of the indexes for some targets.

    Args:
        session: services.
        interpreter: builds what only a build tells.
        targets: for which files are judged; the interpreter's own if there are none.
        builds: source distributions count.
        files: which files count; those of the session's policy if None.
        load_direct: reads what a dependency requires by address; None forbids that.
    """
    from blast_pm.metadata.source import RegistryMetadata

    def build(file: IndexFile) -> bytes:
        from blast_project.building import build_metadata

        return build_metadata(session, file, interpreter)

    return RegistryMetadata(
        session.client,
        session.database,
        tuple(targets) or (interpreter.target,),
        files=files if files is not None else files_that_count(session, session.policy),
        build_metadata=build if builds else None,
        load_direct=load_direct,
    )


def files_that_count(session: Session, policy: Policy) -> FilePolicy:
    """Return which files count for a policy and the session's indexes: directories have no times of upload."""
    files = policy.files
    if not (files.cutoff or files.package_cutoffs):
        return files
    return files._replace(undated_indexes=frozenset(row.name for row in session.client.locations if row.flat))


def note_undated(session: Session, source: RegistryMetadata, files: FilePolicy) -> None:
    """Say which indexes give no times of upload where a cut-off asks for them: nothing of theirs counts.

    Cost: a page for each project that was looked at; for when nothing fits.
    """
    if not (files.cutoff or any(files.package_cutoffs.values())):
        return
    found: dict[str, list[str]] = {}
    for name, index, _ in source.pages() or ():
        page = session.client.record(name) if index else None
        newest = page.files[-1] if page is not None and len(page.files) else ()
        if newest and all(files.is_undated(name, file) for file in newest):
            found.setdefault(index, []).append(name)
    for index, names in found.items():
        session.reporter.note(
            f"the index '{index}' gives no times of upload, so exclude-newer leaves nothing of {', '.join(names[:3])}"
        )


def without_late_files(session: Session, packages: tuple[UniversalPackage, ...]) -> tuple[UniversalPackage, ...]:
    """Return packages without the files that came after the cut-off, such as wheels added to a version later.

    Kinds of files that don't count stay: a lock has them for who lets them in.
    """
    files = files_that_count(session, session.policy)
    if not (files.cutoff or files.package_cutoffs):
        return packages
    return tuple(
        package._replace(files=tuple(file for file in package.files if files.is_old_enough(package.name, file)))
        if package.direct is None
        else package
        for package in packages
    )


def _with_files_that_count(resolution: Resolution, files: FilePolicy) -> Resolution:
    """Return a resolution without the files that don't count, such as wheels added to a version after the cut-off."""
    if files.is_empty:
        return resolution
    packages = [
        package._replace(files=tuple(file for file in package.files if files.allows(package.name, file)))
        if package.direct is None and files.key(package.name)
        else package
        for package in resolution.packages
    ]
    return resolution._replace(packages=tuple(packages))


def sources_of(resolution: Resolution) -> tuple[WantedSource, ...]:
    """Return what of a resolution is installed from an address, by name."""
    from blast_project.source_install import wanted_sources

    rows = [(row.name, row.version, row.direct.source) for row in resolution.packages if row.direct is not None]
    return wanted_sources((name, version, source) for name, version, source in rows if source is not None)


def wanted_of(session: Session, interpreter: Interpreter, resolution: Resolution) -> tuple[WantedDistribution, ...]:
    """Return the files to install for a resolution, by name; what is required by address is not among them.

    Raises:
        InstallError: a version has no wheel for the interpreter.
    """
    from blast_pm.metadata.records import best_wheel
    from blast_project.wanted import best_sdist

    client = session.client
    wanted = []
    for package in resolution.packages:
        if package.direct is not None:
            continue
        file = best_wheel(package.files, interpreter.target) or best_sdist(package.files)
        if file is None:
            raise InstallError(
                f"{package.name} {package.version} has no file for {interpreter.target.name}",
                reason="the index holds other files of it only",
                hint="ask for another version of it",
            )
        wanted.append(as_wanted(client, package.name, package.version, file))
    return tuple(wanted)


def as_wanted(client: PyPiClient, name: str, version: str, file: IndexFile) -> WantedDistribution:
    """Return a file of an index as what the store is asked for."""
    base = client.file_base(file.index)
    path = file.url[len(base) :] if base and file.url.startswith(base) else file.url
    from blast_pm.store.cache import WantedDistribution

    return WantedDistribution(name, version, file.filename, file.sha256, file.size, file.index, path)
