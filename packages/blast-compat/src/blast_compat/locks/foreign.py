"""What the locks of other tools say, in one form, and what of it one interpreter installs.

Some tools write for each package the groups that need it and a marker: then that decides. Others write who needs whom:
then it is found by walking from what the project asks for. A lock has either ``memberships`` or ``roots``.
"""

from __future__ import annotations

from blast_core.errors import BlastError, InstallError, InvalidField, InvalidManifest
from blast_core.formats.dpl.model import LockedSource
from blast_core.markers import evaluate_marker
from blast_core.requirements import parse_requirement
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

__all__ = [
    "ANY_GROUP",
    "REGISTRY",
    "ForeignFile",
    "ForeignLock",
    "ForeignNeed",
    "ForeignPackage",
    "holds_any",
    "need_of_line",
    "select_packages",
]

#: A group that is always chosen: the package's marker alone decides.
ANY_GROUP = "*"
#: The source of what is on an index.
REGISTRY = LockedSource("registry", "", "", "", "")


class ForeignFile(NamedTuple):
    """A file of a package on an index.

    Attributes:
        filename: "" where the lock has only its digest.
        sha256: 64 lower-case hexadecimal digits; "" where the lock has none.
        url: where the lock says that it is; "" where it doesn't.
        path: where it lies on this machine, relative to the lock's directory; "" for nowhere.
        size: in bytes, 0 if unknown.
    """

    filename: str
    sha256: str
    url: str = ""
    path: str = ""
    size: int = 0


class ForeignNeed(NamedTuple):
    """Who is needed.

    Attributes:
        name: normalised.
        extras: of it, normalised.
        marker: PEP 508; "" always holds.
        version: this one of several; "" for any.
        specifiers: one of them holds for the version; () for any.
        source: this one of several, as the lock writes it; None for any.
    """

    name: str
    extras: tuple[str, ...] = ()
    marker: str = ""
    version: str = ""
    specifiers: tuple[str, ...] = ()
    source: object = None


class ForeignPackage(NamedTuple):
    """One version of one project.

    Attributes:
        name: normalised; "" for a directory that the lock doesn't name.
        version: "" where only a build tells.
        source: where it comes from; a path is relative to the lock's directory.
        where: the field of the lock, for messages.
        files: if it is on an index.
        memberships: groups that need it, with the marker under which they do.
        needs: whom it needs.
        extras: whom it needs by extra.
        markers: where any of them holds it is the one of several versions.
        pythons: specifiers, one of which holds for Pythons that it runs on; () for any.
        index: address of the index that the lock names; "" for none.
        source_key: its source as the lock writes it.
    """

    name: str
    version: str
    source: LockedSource = REGISTRY
    where: str = ""
    files: tuple[ForeignFile, ...] = ()
    memberships: tuple[tuple[str, str], ...] = ()
    needs: tuple[ForeignNeed, ...] = ()
    extras: tuple[tuple[str, tuple[ForeignNeed, ...]], ...] = ()
    markers: tuple[str, ...] = ()
    pythons: tuple[str, ...] = ()
    index: str = ""  # type: ignore[assignment]  # shadows tuple.index, which nobody wants of a record
    source_key: object = None


class ForeignLock(NamedTuple):
    """A lock of another tool.

    Attributes:
        tool: who writes such locks, such as ``uv``.
        file: its path, for messages.
        packages: all that it holds.
        groups: what can be chosen: ``default``, ``group:NAME``, ``extra:NAME``.
        defaults: names of the dependency groups that are installed unasked.
        pythons: specifiers, one of which holds for Pythons that it is for; () for any.
        roots: by group whom it needs; () for a lock whose packages have memberships.
        told: by group more names that hold as ``extra`` in markers when it is chosen.
        environments: markers of which one holds where the lock may be used; () for anywhere.
    """

    tool: str
    file: str
    packages: tuple[ForeignPackage, ...]
    groups: tuple[str, ...] = ("default",)
    defaults: tuple[str, ...] = ()
    pythons: tuple[str, ...] = ()
    roots: tuple[tuple[str, ForeignNeed], ...] = ()
    told: tuple[tuple[str, str], ...] = ()
    environments: tuple[str, ...] = ()


def select_packages(
    lock: ForeignLock, chosen: Collection[str], environment: Mapping[str, str]
) -> tuple[ForeignPackage, ...]:
    """Return what an interpreter installs of a lock, by name.

    Args:
        lock: what is locked.
        chosen: some of ``lock.groups``.
        environment: the interpreter's values of PEP 508 markers.

    Raises:
        InstallError: the lock, or a package that is chosen, is not for this Python or machine.
        InvalidField: it holds two versions of a package for the interpreter, none, or an unpinned one.
    """
    python = environment["python_full_version"].rstrip("+")
    if not holds_any(lock.pythons, python):
        raise InstallError(
            f"{lock.file} is not for Python {python}",
            reason=f"it was made for {' or '.join(lock.pythons)}",
            hint="'-p VERSION' names another interpreter",
        )
    if lock.environments and not any(evaluate_marker(marker, environment) for marker in lock.environments):
        raise InstallError(
            f"{lock.file} is not for this machine and Python {python}",
            reason=f"it was made for environments where {' or '.join(lock.environments)}",
            hint="make it anew for this one",
        )
    walks = bool(lock.roots)
    found = _Walk(lock, chosen, environment).run() if walks else list(_members(lock, chosen, environment))
    by_name: dict[str, ForeignPackage] = {}
    for package in found:
        other = by_name.setdefault(package.name or package.source.location, package)
        if other is not package:
            raise InvalidField(
                f"two versions of {package.name} are for this interpreter",
                file=lock.file,
                field=package.where,
                value=f"{other.version} and {package.version}",
                hint="groups or extras that exclude each other may have been chosen together",
            )
        if package.source == REGISTRY and not package.version:
            raise InvalidField(
                f"{package.name} is not pinned",
                file=lock.file,
                field=package.where,
                value="",
                reason="the lock was made where it isn't needed",
                hint=f"make the lock anew with {lock.tool} and this Python",
            )
    return tuple(by_name[name] for name in sorted(by_name))


def need_of_line(line: str) -> ForeignNeed:
    """Return what a line of a pyproject.toml asks for (PEP 508).

    Raises:
        InvalidManifest: it is no requirement.
    """
    try:
        asked = parse_requirement(line)
    except BlastError as error:
        raise InvalidManifest(f"pyproject.toml: '{line}' is no requirement", reason=error.reason) from error
    return ForeignNeed(asked.name, asked.extras, asked.marker, specifiers=(asked.specifier,) if asked.specifier else ())


def holds_any(specifiers: Collection[str], version: str) -> bool:
    """Tell whether one of some specifiers holds for a version; () and "" hold for every one."""
    from blast_core.version.specifiers import SpecifierSet

    return not specifiers or any(not text or SpecifierSet(text).contains(version, True) for text in specifiers)  # noqa: FBT003


def _members(lock: ForeignLock, chosen: Collection[str], environment: Mapping[str, str]) -> Iterable[ForeignPackage]:
    extras = [name[6:] for name in chosen if name.startswith("extra:")]
    groups = [name[6:] for name in chosen if name.startswith("group:")]
    python = environment["python_full_version"].rstrip("+")
    for package in lock.packages:
        if any(
            (group == ANY_GROUP or group in chosen) and evaluate_marker(marker, environment, extras, groups=groups)
            for group, marker in package.memberships
        ):
            if not holds_any(package.pythons, python):
                raise InstallError(
                    f"{package.name} {package.version} does not run on Python {python}",
                    reason=f"it requires Python {' or '.join(package.pythons)}",
                    hint=f"make {lock.file} anew for this Python",
                )
            yield package


class _Walk:
    """Finds what is reached from the roots of a lock."""

    def __init__(self, lock: ForeignLock, chosen: Collection[str], environment: Mapping[str, str]) -> None:
        self._lock = lock
        self._chosen = chosen
        self._environment = environment
        self._python = environment["python_full_version"].rstrip("+")
        self._told = tuple(name for group, name in lock.told if group in chosen)
        self._by_name: dict[str, list[int]] = {}
        for number, package in enumerate(lock.packages):
            self._by_name.setdefault(package.name, []).append(number)

    def run(self) -> list[ForeignPackage]:
        waiting = [(need, "") for group, need in self._lock.roots if group in self._chosen]
        seen: set[tuple[int, str]] = set()
        while waiting:
            need, asking = waiting.pop()
            names = (asking, *self._told) if asking else self._told
            if need.marker and not evaluate_marker(need.marker, self._environment, names):
                continue
            number = self._find(need)
            package = self._lock.packages[number]
            extras = dict(package.extras)
            for extra in ("", *need.extras):
                if (number, extra) not in seen:
                    seen.add((number, extra))
                    # An extra that it doesn't have is passed over, as everybody does.
                    waiting += [(one, extra) for one in (extras.get(extra, ()) if extra else package.needs)]
        return [package for number, package in enumerate(self._lock.packages) if (number, "") in seen]

    def _find(self, need: ForeignNeed) -> int:
        numbers = self._by_name.get(need.name, [])
        fitting = [number for number in numbers if self._fits(self._lock.packages[number], need)]
        if len(fitting) > 1:
            fitting = [number for number in fitting if self._is_here(self._lock.packages[number])] or fitting
        if not fitting:
            raise InvalidField(
                f"no {need.name} for this interpreter, though it is needed",
                file=self._lock.file,
                field="package",
                value=", ".join(self._lock.packages[number].version for number in numbers) or "none",
                hint=f"make the lock anew with {self._lock.tool}",
            )
        return fitting[0]

    def _fits(self, package: ForeignPackage, need: ForeignNeed) -> bool:
        return (
            need.version in ("", package.version)
            and (need.source is None or need.source == package.source_key)
            and (not package.version or holds_any(need.specifiers, package.version))
        )

    def _is_here(self, package: ForeignPackage) -> bool:
        holds = any(evaluate_marker(marker, self._environment, self._told) for marker in package.markers)
        return (holds or not package.markers) and holds_any(package.pythons, self._python)
