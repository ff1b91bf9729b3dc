"""Which files of a version a lock holds, and remembering them beside the version for the next lock."""

from __future__ import annotations

import marshal

from blast_core.errors import BlastError, IntegrityError
from blast_core.formats.dpl.check import check_files
from blast_core.formats.dpl.model import LockedFile
from blast_core.formats.dpl.packed_files import PackedFiles, pack_files
from blast_core.platform_tags import TagReach, TagTable
from blast_project.standing_files import LockedFiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from blast_core.interpreter import Target
    from blast_pm.index.client import PyPiClient
    from blast_pm.index.model import IndexFile
    from blast_pm.metadata.file_table import ReleaseMemo
    from blast_pm.resolver.model import UniversalPackage

__all__ = ["FileChoice", "indexes_of"]


def indexes_of(files: Sequence[LockedFile]) -> Iterable[str]:
    """Return the names of the indexes that files are from."""
    if isinstance(files, PackedFiles):
        return (files.index,) if files.index else ()
    return {file.index for file in files if file.index}


class _Chosen:
    """Files of a lock that are kept beside those of the index.

    Args:
        base: of the index, as it was when the files were chosen: their paths are below it.
        requires_python: of the version, by its files.
        files: packed.
    """

    __slots__ = ("base", "files", "requires_python")

    def __init__(self, base: str, requires_python: str, files: PackedFiles) -> None:
        self.base = base
        self.requires_python = requires_python
        self.files = files

    @property
    def is_new(self) -> bool:
        """Whether there is something to keep."""
        return self.files.is_new

    def dump(self) -> bytes:
        """Return all as bytes."""
        return marshal.dumps((self.base, self.requires_python, self.files.dump()))


class FileChoice:
    """Chooses which files of a version a lock holds: those that one of the targets could install.

    Wheels for builds of CPython without a global lock and for musl stay, because the machines that want them have a
    target's marker values; source distributions stay, because everybody can try to build them.

    Args:
        client: knows the file base of each index.
        targets: what masks are for.
    """

    def __init__(self, client: PyPiClient, targets: Sequence[Target]) -> None:
        self._client = client
        tables = [target.tags for target in targets]
        assert all(isinstance(table, TagTable) for table in tables), "targets of a lock come from the tables"
        self._reach = TagReach([table for table in tables if isinstance(table, TagTable)], free_threaded=True)
        self._pythons: dict[str, int] = {}
        for bit, target in enumerate(targets):
            self._pythons[target.python_version] = self._pythons.get(target.python_version, 0) | 1 << bit
        self._requires: dict[str, int] = {"": (1 << len(targets)) - 1}

    def choose(self, package: UniversalPackage, mask: int) -> tuple[Sequence[LockedFile], str]:
        """Return the files for the targets in ``mask``, sorted, and the version's Requires-Python.

        Raises:
            IntegrityError: the index gives no sha256 for any of them.
        """
        direct = package.direct
        if direct is not None:
            files = list(package.files)
            return self._locked(files), direct.requires_python or _requires(files)
        if isinstance(package.files, LockedFiles):
            stands = package.files.locked(mask)
            if stands is not None:
                return stands
        memo: ReleaseMemo | None = getattr(package.files, "memo", None)
        known = self._recall(memo, mask) if memo is not None else None
        if known is not None:
            return known.files, known.requires_python
        chosen = self._choose(package, mask)
        locked, requires = self._locked(chosen), _requires(chosen)
        if memo is None or len(set(indexes_of(locked))) != 1:
            return locked, requires
        check_files(locked, (chosen[0].index,), f"packages[{package.name} {package.version}].files")
        packed = pack_files(locked)
        memo.keep(mask, _Chosen(self._client.file_base(packed.index), requires, packed))
        return packed, requires

    def _recall(self, memo: ReleaseMemo, mask: int) -> _Chosen | None:
        """Return what was chosen before; None for nothing, and where the index's files have moved since."""
        found = memo.recall(mask)
        if isinstance(found, bytes):
            base, requires, files = marshal.loads(found)  # noqa: S302 - this user's own database
            chosen = _Chosen(base, requires, PackedFiles.load(files))
            memo.keep(mask, chosen)
        elif isinstance(found, _Chosen):
            chosen = found
        else:
            return None
        return chosen if chosen.base == self._client.file_base(chosen.files.index) else None

    def _choose(self, package: UniversalPackage, mask: int) -> list[IndexFile]:
        files = [file for file in package.files if self._usable(file) & mask] or list(package.files)
        # Nobody could tell whether a file without a digest changed.
        verifiable = [file for file in files if file.sha256]
        if not verifiable:
            raise IntegrityError(
                f"{package.name} {package.version} can't be locked",
                reason="the index gives no sha256 for any of its files",
                hint="ask the index's operator for hashes, or take the project from another index",
            )
        return verifiable

    def _locked(self, files: Iterable[IndexFile]) -> tuple[LockedFile, ...]:
        return tuple(sorted(_locked_file(self._client, file) for file in files))

    def _usable(self, file: IndexFile) -> int:
        """Return the targets that could install a file."""
        requires = file.requires_python
        mask = self._requires[requires] if requires in self._requires else self._runs_on(requires)
        if file.filename.endswith(".whl"):
            mask &= self._reach.of("-".join(file.filename[:-4].split("-")[-3:]))
        return mask

    def _runs_on(self, requires: str) -> int:
        from blast_core.version import make_version_table, specifier_mask

        mask = 0
        try:
            for version, targets in self._pythons.items():
                if specifier_mask(requires, make_version_table((version,))):
                    mask |= targets
        except BlastError:
            # What can't be read excludes nothing, as in the resolver.
            mask = self._requires[""]
        self._requires[requires] = mask
        return mask


def _requires(files: Iterable[IndexFile]) -> str:
    return next((file.requires_python for file in files if file.requires_python), "")


def _locked_file(client: PyPiClient, file: IndexFile) -> LockedFile:
    base = client.file_base(file.index) if file.index else ""
    path = file.url[len(base) :] if base and file.url.startswith(base) else file.url
    return LockedFile(file.filename, file.index, path, file.sha256, file.size, file.upload_time)
