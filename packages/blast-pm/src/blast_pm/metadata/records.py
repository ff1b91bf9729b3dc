"""What exists of a project for one target: the resolver's view of a page.

A row in the database ``pages`` keeps, per page and target, which versions are usable and which file stands for each, so
that a warm command looks at no file name at all:

    u <index> 0 <project> 0 <digest of target>    page id, u16 length of the mask, mask, 32 bytes of sha256 per version
"""

from __future__ import annotations

from typing import NamedTuple

from blast_core.errors import BlastError
from blast_core.version import make_version_table, specifier_mask
from blast_pm.metadata.core_metadata import mend_specifier
from blast_pm.metadata.file_table import PAGE_ID_SIZE
from blast_pm.metadata.wheels import best_filename, best_wheel, ranker_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_core.interpreter import Target
    from blast_core.version import VersionTable
    from blast_pm.index.model import IndexFile
    from blast_pm.metadata.page_records import PageRecord
    from blast_pm.metadata.write_behind import WriteBehind

__all__ = ["ProjectRecord", "TargetView", "Usability", "best_filename", "best_wheel", "representative"]

_FORMAT = b"u1"
_SHA256 = 32


class ProjectRecord(NamedTuple):
    """What exists of a project for one target; bit i of a mask stands for ``table.texts[i]``.

    Attributes:
        name: normalised name.
        table: all versions on the index, ascending.
        usable: versions with a file that the target can install, by tags and by the file's Requires-Python.
        yanked: versions of which all files are yanked (PEP 592).
        prerelease: versions that are pre-releases.
        files: per version, decoded when asked for.
    """

    name: str
    table: VersionTable
    usable: int
    yanked: int
    prerelease: int
    files: Sequence[tuple[IndexFile, ...]]


class Usability(NamedTuple):
    """Which versions of a page a target can use.

    Attributes:
        usable: as in `ProjectRecord`.
        digests: 32 bytes per version: sha256 of the file whose metadata stands for it, zeros where none is given.
    """

    usable: int
    digests: bytes

    def digest(self, position: int) -> bytes:
        """Return the sha256 of the file that stands for a version, b"" when the index gives none."""
        found = self.digests[position * _SHA256 : (position + 1) * _SHA256]
        return found if any(found) else b""


def representative(files: Sequence[IndexFile], target: Target) -> IndexFile | None:
    """Return the file whose metadata stands for a version: the best wheel, else any, else a source distribution.

    Of wheels that the target can't install the first by name is taken, of source distributions ``.tar.gz`` first.
    """
    best = best_wheel(files, target)
    if best is not None:
        return best
    wheels = sorted(file.filename for file in files if file.filename.endswith(".whl"))
    names = wheels or sorted((file.filename for file in files), key=lambda name: (not name.endswith(".tar.gz"), name))
    return next((file for file in files if file.filename == names[0]), None) if names else None


class TargetView:
    """Looks at pages with the eyes of one target.

    Args:
        target: for which wheels and Requires-Python are judged.
        builds: whether a version with nothing but a source distribution is usable.
    """

    def __init__(self, target: Target, *, builds: bool) -> None:
        self._target = target
        self._builds = builds
        self._ranker = ranker_for(target)
        self._pythons: dict[str, bool] = {"": True}
        self._python_table = make_version_table([_release_of(target.python_version)])
        self._digest = _digest_of(target, builds=builds)

    def usability(self, store: WriteBehind, index_url: str, page: PageRecord) -> Usability:
        """Return which versions are usable; remembered until the page changes.

        Cost: one row for a page seen before, else some 2 us a file.
        """
        key = b"u%s\0%s\0%s" % (index_url.encode(), page.name.encode(), self._digest)
        found = store.read("pages", key, lambda value: _decode(value, page.page_id))
        if found is None:
            found = self._judge(page)
            store.put("pages", key, _encode(found, page.page_id))
        return found

    def record(self, page: PageRecord, usability: Usability) -> ProjectRecord:
        """Return the resolver's view of a page."""
        return ProjectRecord(page.name, page.table, usability.usable, page.yanked, page.prerelease, page.files)

    def _judge(self, page: PageRecord) -> Usability:
        usable = 0
        digests: list[bytes] = []
        nothing = bytes(_SHA256)
        for position, files in enumerate(page.files):
            installable, chosen = self._judge_version(files)
            if installable:
                usable |= 1 << position
            digests.append(bytes.fromhex(chosen.sha256) if chosen is not None and chosen.sha256 else nothing)
        return Usability(usable, b"".join(digests))

    def _judge_version(self, files: Sequence[IndexFile]) -> tuple[bool, IndexFile | None]:
        """Return whether a version is usable, and the file that stands for it.

        What `is_usable` and `representative` say, in one pass, because a page has up to 15,000 files.
        """
        pythons, rank_of = self._pythons, self._ranker.rank
        best_rank = len(self._target.tags)
        best: list[IndexFile] = []
        others: list[IndexFile] = []
        has_sdist = False
        for file in files:
            python = file.requires_python
            if not (pythons[python] if python in pythons else self.runs_on_python(python)):
                continue
            filename = file.filename
            if filename.endswith(".whl"):
                rank = rank_of(filename[_tag_start(filename) : -4])
                if 0 <= rank <= best_rank:
                    if rank < best_rank:
                        best_rank, best = rank, []
                    best.append(file)
                    continue
            else:
                has_sdist = True
            others.append(file)
        if best:
            return True, best[0] if len(best) == 1 else representative(best, self._target)
        return has_sdist and self._builds, representative(others or files, self._target)

    def is_usable(self, file: IndexFile) -> bool:
        """Tell whether the target can install the file, be it by building it where that is allowed."""
        if not self.runs_on_python(file.requires_python):
            return False
        filename = file.filename
        if not filename.endswith(".whl"):
            return self._builds
        return self._ranker.rank(filename[_tag_start(filename) : -4]) >= 0

    def runs_on_python(self, requires_python: str) -> bool:
        """Tell whether the target's Python satisfies the specifier; one that is none excludes nothing, as in pip."""
        known = self._pythons.get(requires_python)
        if known is None:
            known = self._pythons[requires_python] = _satisfies(self._python_table, requires_python)
        return known


def _tag_start(filename: str) -> int:
    """Return where ``python-abi-platform`` begins in a wheel's name, which was checked when the page was read."""
    platform = filename.rindex("-")
    return filename.rindex("-", 0, filename.rindex("-", 0, platform)) + 1


def _satisfies(table: VersionTable, specifier: str) -> bool:
    for text in (specifier, mend_specifier(specifier)):
        try:
            return bool(specifier_mask(text, table))
        except BlastError:
            continue
    return True


def _release_of(version: str) -> str:
    """Return the numbers of a Python version: ``3.15.0rc1`` counts as 3.15.0 for Requires-Python, as in pip."""
    kept = []
    for part in version.partition("+")[0].split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        kept.append(digits or "0")
        if digits != part:
            break
    return ".".join(kept)


def _digest_of(target: Target, *, builds: bool) -> bytes:
    from zlib import crc32

    text = "\n".join((target.python_version, "builds" if builds else "", *target.tags)).encode()
    return b"%08x%08x" % (crc32(text), crc32(text[::-1]))


def _encode(usability: Usability, page_id: bytes) -> bytes:
    mask = usability.usable.to_bytes((usability.usable.bit_length() + 7) // 8, "little")
    return b"".join((_FORMAT, page_id, len(mask).to_bytes(2, "little"), mask, usability.digests))


def _decode(value: memoryview | bytes, page_id: bytes) -> Usability | None:
    start = len(_FORMAT) + PAGE_ID_SIZE
    if value[:start] != _FORMAT + page_id:
        return None
    stop = start + 2 + int.from_bytes(value[start : start + 2], "little")
    return Usability(int.from_bytes(value[start + 2 : stop], "little"), bytes(value[stop:]))
