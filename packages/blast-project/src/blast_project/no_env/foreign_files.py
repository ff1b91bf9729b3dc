"""Which file of a locked package an interpreter installs, and where it is.

A lock names addresses of the index that its maker asked. Whoever installs may have another: a mirror. So where the
lock's index is none of the configured ones, the file is looked for on these first, by its name and digest, and only
what they don't have is fetched from the lock's own address. The digest is the lock's in any case.
"""

from __future__ import annotations

import os

from blast_core.errors import BlastError, DigestMismatch, InstallError, ProjectNotFound
from blast_pm.store.cache import WantedDistribution
from blast_project.wanted import is_sdist

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_compat.locks.foreign import ForeignFile, ForeignPackage
    from blast_core.interpreter import Interpreter
    from blast_pm.index.model import IndexFile
    from blast_pm.metadata.policy import FilePolicy
    from blast_project.session import Session

__all__ = ["FileFinder"]


class FileFinder:
    """Finds the file of each package.

    Args:
        session: services.
        root: directory that paths are relative to.
        interpreter: that installs it.
        kinds: of which projects wheels or source distributions don't count; None for none.
    """

    def __init__(self, session: Session, root: str, interpreter: Interpreter, kinds: FilePolicy | None = None) -> None:
        self._session = session
        self._root = root
        self._target = interpreter.target
        self._kinds = kinds

    def find(self, packages: Sequence[ForeignPackage]) -> tuple[WantedDistribution, ...]:
        """Return the files to install of packages that are on an index, in their order.

        Pages of the index are fetched side by side, and only for what is neither in the store nor at an address of our
        own index.

        Raises:
            InstallError: one has none for the interpreter, or none that can be had.
            DigestMismatch: the index has a file of that name with another digest.
            ProjectNotFound, OfflineError, IndexAccessError: the index has to be asked, and can't.
        """
        chosen = [self._choose(package) for package in packages]
        stored = self._session.cache.find(file.sha256 for file in chosen if file is not None and _is_wheel(file))
        found = [
            self._at_hand(package, file, is_stored=file.sha256 in stored) if file is not None else None
            for package, file in zip(packages, chosen, strict=True)
        ]
        unknown = [package.name for package, wanted in zip(packages, found, strict=True) if wanted is None]
        if unknown:
            self._session.client.prefetch(unknown)
        return tuple(
            wanted or self._on_index(package, file)
            for package, file, wanted in zip(packages, chosen, found, strict=True)
        )

    def _choose(self, package: ForeignPackage) -> ForeignFile | None:
        """Return the file to install; None where only the index tells the names of files."""
        names = [file.filename for file in package.files]
        if not names or not all(names):
            return None
        return package.files[names.index(self._best(package, names))]

    def _best(self, package: ForeignPackage, names: Sequence[str]) -> str:
        from blast_pm.metadata.wheels import best_filename

        usable = [name for name in names if not name.endswith(".whl") or _is_of(name, package)]
        if self._kinds is not None:
            wheels = not self._kinds.no_binary.holds(package.name)
            sources = not self._kinds.no_build.holds(package.name)
            usable = [name for name in usable if (wheels if name.endswith(".whl") else sources)]
        chosen = best_filename(usable, self._target) or next((name for name in usable if is_sdist(name)), None)
        if chosen is None:
            shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
            raise InstallError(
                f"{package.name} {package.version} has no file for {self._target.name}",
                reason=f"the lock holds {shown or 'none'}",
                hint="make the lock anew for this Python and platform",
            )
        return chosen

    def _at_hand(self, package: ForeignPackage, file: ForeignFile, *, is_stored: bool) -> WantedDistribution | None:
        """Return the file where no page is needed to find it; None where one is."""
        if file.path:
            from blast_pm.index.file_urls import url_of_path

            return _wanted(package, file, url_of_path(os.path.join(self._root, file.path)))
        if is_stored or (file.url and file.sha256 and self._is_configured(package.index)):
            return _wanted(package, file, file.url)
        return None

    def _on_index(self, package: ForeignPackage, file: ForeignFile | None) -> WantedDistribution:
        if file is None:
            return self._of_page(package, {one.sha256 for one in package.files})
        try:
            return self._from_page(package, file)
        except ProjectNotFound:
            if not (file.url and file.sha256):
                raise
        return _wanted(package, file, file.url)

    def _is_configured(self, index: str) -> bool:
        wanted = index.rstrip("/")
        return any(location.url.rstrip("/") == wanted for location in self._session.client.locations)

    def _from_page(self, package: ForeignPackage, file: ForeignFile) -> WantedDistribution:
        for offered in self._session.client.page(package.name).files:
            if offered.filename != file.filename:
                continue
            if offered.sha256 and file.sha256 and offered.sha256 != file.sha256:
                raise DigestMismatch(
                    f"{file.filename} is not what was locked",
                    reason=f"the index has it with sha256 {offered.sha256}, the lock {file.sha256}",
                    hint="find out why it was changed before making the lock anew",
                    file=file.filename,
                    expected=file.sha256,
                    found=offered.sha256,
                )
            return self._offered(package, offered, file.sha256)
        raise _missing(package, f"no file {file.filename}")

    def _of_page(self, package: ForeignPackage, digests: set[str]) -> WantedDistribution:
        """Choose among the files of the index: those of the version, or those with one of some digests."""
        digests.discard("")
        offered = self._session.client.page(package.name).files
        if digests:
            fitting = {
                file.filename: file for file in offered if file.sha256 in digests and _is_of(file.filename, package)
            }
            if not fitting:
                raise _missing(package, "no file with one of the digests that the lock names")
        else:
            fitting = {file.filename: file for file in offered if _is_of(file.filename, package)}
            if not fitting:
                raise _missing(package, "no such version")
        chosen = fitting[self._best(package, list(fitting))]
        return self._offered(package, chosen, "")

    def _offered(self, package: ForeignPackage, file: IndexFile, sha256: str) -> WantedDistribution:
        digest = sha256 or file.sha256
        if not digest:
            raise InstallError(
                f"{file.filename} can't be verified",
                reason="neither the lock nor the index has its sha256",
                hint="make the lock anew with hashes",
            )
        base = self._session.client.file_base(file.index)
        path = file.url[len(base) :] if base and file.url.startswith(base) else file.url
        if is_sdist(file.filename):
            # Asked for again whenever it was built already: it shall not need an index of that name.
            return WantedDistribution(package.name, package.version, file.filename, digest, file.size, "", file.url)
        return WantedDistribution(package.name, package.version, file.filename, digest, file.size, file.index, path)


def _is_wheel(file: ForeignFile) -> bool:
    return bool(file.sha256) and file.filename.endswith(".whl")


def _wanted(package: ForeignPackage, file: ForeignFile, url: str) -> WantedDistribution:
    return WantedDistribution(package.name, package.version, file.filename, file.sha256, file.size, "", url)


def _is_of(filename: str, package: ForeignPackage) -> bool:
    """Tell whether a file is of the package's version."""
    from blast_core.names import normalize_name
    from blast_core.version import version_key
    from blast_pm.metadata.wheels import parse_wheel_name

    wheel = parse_wheel_name(filename)
    if wheel is not None:
        name, version = wheel.name, wheel.version
    elif is_sdist(filename):
        name, _, version = filename.removesuffix(".zip").removesuffix(".tar.gz").rpartition("-")
    else:
        return False
    try:
        return normalize_name(name) == package.name and version_key(version) == version_key(package.version)
    except BlastError:
        return False


def _missing(package: ForeignPackage, what: str) -> ProjectNotFound:
    return ProjectNotFound(
        f"{package.name} {package.version} can't be had",
        reason=f"the index has {what}",
        hint="configure the index that the lock was made with",
        project=package.name,
    )
