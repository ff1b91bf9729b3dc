"""What a command of the pip interface is asked for: its words, and the files that they name."""

from __future__ import annotations

from blast_core.errors import DigestMismatch, UsageError
from blast_core.requirements import parse_requirement
from blast_core.tuples import NamedTuple
from blast_project.asking import name_requirements, open_loader, parse_asked
from blast_project.pip.planning import Wishes
from blast_project.requirement_files import ManifestParts, read_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from blast_core.requirements import Requirement
    from blast_pm.store.cache import WantedDistribution
    from blast_project.pip.requests import InstallRequest
    from blast_project.pip.sites import Site
    from blast_project.requirement_files import RequirementLines
    from blast_project.session import Session
    from blast_project.source_install import WantedSource

__all__ = ["ReadWishes", "check_hashes", "group_files", "read_wishes", "take_options"]


class ReadWishes(NamedTuple):
    """What was read.

    Attributes:
        wishes: for planning.
        hashes: by normalised name the sha256 digests that files may have; None where hashes don't count.
        overridden: some requirements replace others, so that installed metadata doesn't tell what is needed.
    """

    wishes: Wishes
    hashes: Mapping[str, frozenset[str]] | None
    overridden: bool


def read_wishes(session: Session, site: Site, request: InstallRequest) -> ReadWishes:
    """Read what is asked for; what the files say of indexes and versions counts for the session from then on.

    Raises:
        UsageError: a file does not exist, or asks for what can't be.
        InvalidRequirement, InvalidManifest: a line is wrong.
    """
    _set_build_options(session, site, request)
    directory = session.settings.directory
    asked = [parse_asked(line, directory) for line in request.requirements]
    asked += [parse_asked(line, directory, editable=True) for line in request.editables]
    typed = len(asked)
    limits, places = _read_limits(session, request.constraints)
    hashes: dict[str, frozenset[str]] = {}
    required = request.require_hashes
    parts = ManifestParts(request.extras)
    rows = [(name, parts) for name in request.files] + [
        (name, ManifestParts(groups=groups, dependencies=False)) for name, groups in group_files(request.groups)
    ]
    if request.extras and not any(name.endswith(".toml") for name, _ in rows):
        raise UsageError("--extra is for a pyproject.toml", hint="name it with -r, or write 'name[extra]'")
    for name, wanted in rows:
        file = read_file(session.settings, name, wanted, indexes=True)
        asked += file.asked
        limits += file.constraints
        take_options(session, file)
        hashes.update(file.hashes)
        required |= file.require_hashes
        places.update(file.origins)
    for row in asked[:typed]:
        places.pop(row.text, None)
    overrides = _read_overrides(session, request.overrides)
    loader = open_loader(session, site.interpreter, asked)
    named = name_requirements(loader, asked)
    upgraded = _upgraded(request)
    origins = {parse_requirement(text): place for text, place in places.items()}
    origins.update({row: places.get(one.text, "the command line") for row, one in zip(named, asked, strict=True)})
    wishes = Wishes(
        named,
        (*limits, *(row for row in upgraded if row.specifier)),
        origins,
        loader,
        frozenset((*(row.name for row in upgraded), *((row.name for row in named) if request.lazy else ()))),
        request.upgrade and not request.lazy,
        frozenset(parse_requirement(name).name for name in request.reinstall_packages),
        request.reinstall,
        request.needs,
        not request.dry_run,
    )
    counting = (hashes or None) if not required else hashes
    return ReadWishes(wishes, counting if request.verify_hashes or required else None, bool(overrides))


def _upgraded(request: InstallRequest) -> list[Requirement]:
    return [parse_requirement(text) for text in request.upgrade_packages]


def group_files(groups: Iterable[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Return by manifest the dependency groups that ``--group [FILE:]NAME`` names."""
    found: dict[str, list[str]] = {}
    for text in groups:
        path, colon, name = text.rpartition(":")
        found.setdefault(path if colon else "pyproject.toml", []).append(name)
    return [(path, tuple(names)) for path, names in found.items()]


def take_options(session: Session, file: RequirementLines) -> None:
    """Let what a file says of indexes, versions and kinds of files count; options go before it."""
    session.add_wishes(file.wishes)
    if file.index_url and not session.settings.index_url:
        session.settings = session.settings._replace(index_url=file.index_url)


def _read_limits(session: Session, names: Iterable[str]) -> tuple[list[Requirement], dict[str, str]]:
    limits: list[Requirement] = []
    places: dict[str, str] = {}
    for name in names:
        file = read_file(session.settings, name, indexes=True)
        limits += [row for row in (*file.requirements, *file.constraints) if row.specifier or row.url]
        take_options(session, file)
        places.update(file.origins)
    return limits, places


def _read_overrides(session: Session, names: Iterable[str]) -> list[str]:
    """Let the requirements of some files replace all others of the same projects."""
    lines = [line for name in names for line in read_file(session.settings, name, indexes=True).lines]
    if lines:
        policy = session.settings.policy
        session.settings = session.settings._replace(policy=policy._replace(overrides=(*policy.overrides, *lines)))
        session.forget_policy()
    return lines


def _set_build_options(session: Session, site: Site, request: InstallRequest) -> None:
    if request.isolate and not request.config_settings:
        return
    options = session.build_options
    settings: dict[str, list[str]] = {}
    for text in request.config_settings:
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--config-settings {text}: write KEY=VALUE")
        settings.setdefault(key, []).append(value)
    rows = tuple(sorted((key, values[0] if len(values) == 1 else tuple(values)) for key, values in settings.items()))
    session.set_build_options(
        options._replace(
            settings=(*options.settings, *rows), all_unisolated=options.all_unisolated or not request.isolate
        ),
        "" if request.isolate else site.python,
    )


def check_hashes(
    wanted: Sequence[WantedDistribution], sources: Sequence[WantedSource], hashes: Mapping[str, frozenset[str]]
) -> None:
    """One hash turns them on for all that is installed, as in pip's hash-checking mode.

    Raises:
        UsageError: something has none.
        DigestMismatch: a file is not one of those that are allowed.
    """
    rows = [(row.name, row.filename, row.sha256) for row in wanted]
    rows += [(row.name, row.source.location, row.source.digest if row.source.kind != "git" else "") for row in sources]
    for name, filename, sha256 in rows:
        if name not in hashes:
            raise UsageError(
                f"the requirements hold no hash for {name}",
                reason="where one requirement has hashes, all must have, dependencies too",
                hint="'blast pip compile --generate-hashes' writes them all",
            )
        if sha256 not in hashes[name]:
            raise DigestMismatch(
                f"{filename} is not one of the files that the requirements allow",
                reason=f"its sha256 is {sha256}" if sha256 else "a source tree has no sha256",
                hint="add its hash to the file, if you trust it" if sha256 else "require an archive of it",
            )
