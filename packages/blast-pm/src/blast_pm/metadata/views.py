"""A page with the eyes of some targets: which versions are usable where, and what the metadata of those in use says.

A row in the database ``pages`` keeps all that a warm resolution needs of a project, so that it reads neither the page's
versions nor its files, judges no file name, and looks up no metadata:

    u <index> 0 <project> 0 <digest of the targets> [+]    marshalled, see `_encode`; + where a file policy applies
"""

from __future__ import annotations

import marshal
from _collections_abc import Sequence  # collections.abc imports all of collections
from _thread import allocate_lock

from blast_core.tuples import NamedTuple
from blast_core.version import VersionTable
from blast_core.version.specifiers import known_masks
from blast_pm.metadata.core_metadata import decode_metadata, encode_metadata
from blast_pm.metadata.file_table import ReleaseFiles, ReleaseMemo
from blast_pm.metadata.project_record import ProjectRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from blast_core.interpreter import Target
    from blast_pm.index.model import IndexFile
    from blast_pm.metadata.core_metadata import MetadataRecord
    from blast_pm.metadata.file_table import Kept
    from blast_pm.metadata.page_records import PageRecord
    from blast_pm.metadata.policy import FilePolicy
    from blast_pm.metadata.records import TargetView
    from blast_pm.metadata.write_behind import WriteBehind

__all__ = ["ProjectView", "ViewStore"]

# Raise it also when a mask or a judgement would come out differently from the same page.
_FORMAT = 6
# Of how many versions of one project the metadata is fetched ahead, where the targets' newest ones differ.
_MOST_LIKELY = 4
# Masks alone are written once so many are new: a transaction costs more than a few bisections.
_MASKS_WORTH_A_WRITE = 8
# What one project's row may remember of specifiers; real projects see some ten.
_MOST_MASKS = 1024


class _Row(NamedTuple):
    """What a stored row says; see `ProjectRecord` and `Usability` for all but the last five.

    Attributes:
        digests: by position the sha256 of the file whose metadata stands for a version, b"" where the index gives none.
        known: rows of metadata by position.
        packed: packed files by position.
        kept: what was made of files by position and number, see `blast_pm.metadata.file_table.ReleaseMemo`.
        masks: the versions that satisfy a specifier, by its text.
    """

    table: VersionTable
    yanked: int
    prerelease: int
    usable_by: tuple[tuple[int, int], ...]
    refused: int
    digests: dict[int, bytes]
    known: dict[int, bytes]
    packed: dict[int, bytes]
    kept: dict[tuple[int, int], bytes | Kept]
    masks: dict[str, int]


class ProjectView:
    """One project as the targets see it, with the metadata of its versions as far as it was needed before.

    Args:
        page: what the index says.
        row: what is remembered of it.
        policy: on its files; None where none applies.
        choose: returns the file that stands for a version.

    Attributes:
        page: what the index says.
        record: for the resolver.
        digests: by position, as far as they were asked for.
        known: rows of metadata by position.
        packed: packed files by position, of versions whose metadata is known.
        kept: what was made of them by position and number.
        masks: how many masks of specifiers are stored.
        learned: whether something was added that isn't stored.
    """

    __slots__ = ("_choose", "_chosen", "digests", "kept", "known", "learned", "masks", "packed", "page", "record")

    def __init__(
        self,
        page: PageRecord,
        row: _Row,
        policy: FilePolicy | None,
        choose: Callable[[str, Sequence[IndexFile]], IndexFile | None],
    ) -> None:
        files: Sequence[Sequence[IndexFile]] = _KnownFiles(self)
        if policy is not None:
            files = _FilesInTime(page.name, files, policy)
        usable = 0
        for _, versions in row.usable_by:
            usable |= versions
        self._choose = choose
        self._chosen: dict[int, IndexFile] = {}
        self.page = page
        self.record = ProjectRecord(
            page.name, row.table, usable, row.yanked, row.prerelease, files, row.usable_by, row.refused
        )
        self.digests = row.digests
        self.known = row.known
        self.packed = row.packed
        self.kept = row.kept
        self.masks = len(row.masks)
        self.learned = False

    def digest(self, position: int) -> bytes:
        """Return the sha256 of the file that stands for a version, b"" when the index gives none."""
        found = self.digests.get(position)
        if found is None:
            file = self.chosen(position)
            found = self.digests[position] = bytes.fromhex(file.sha256) if file is not None else b""
        return found

    def chosen(self, position: int, digest: bytes = b"") -> IndexFile | None:
        """Return the file whose metadata stands for a version, None where none can.

        Args:
            position: of the version.
            digest: its sha256 where that is known, which counts.
        """
        found = self._chosen.get(position)
        if found is None or (digest and bytes.fromhex(found.sha256) != digest):
            files = self.page.files[position]
            wanted = digest.hex()
            found = next((file for file in files if file.sha256 == wanted), None) if digest else None
            found = found or self._choose(self.page.name, files)
            if found is not None:
                self._chosen[position] = found
        return found

    def likely(self) -> tuple[int, ...]:
        """Return the versions that resolutions without further wishes take: newest, final, not yanked; of few targets.

        Returns:
            Their positions.
        """
        record = self.record
        found: dict[int, None] = {}
        for _, versions in record.usable_by:
            usable = versions & ~record.yanked
            candidates = usable & ~record.prerelease or usable
            if candidates:
                found[candidates.bit_length() - 1] = None
        return tuple(found)[:_MOST_LIKELY]

    def metadata(self, position: int) -> MetadataRecord | None:
        """Return the metadata of a version; None where it was not needed before."""
        row = self.known.get(position)
        return decode_metadata(row) if row is not None else None

    def learn(self, position: int, metadata: MetadataRecord) -> None:
        """Remember the metadata of a version; not of a file that the index gives no digest for, as it may change."""
        if position not in self.known and self.digest(position):
            self.known[position] = encode_metadata(metadata)
            self.learned = True


class ViewStore:
    """Opens projects for some targets, and remembers what was learned of them.

    Args:
        store: where rows are.
        targets: for which pages are judged.
        builds: whether a version with nothing but a source distribution is usable.
        files: which files may be used; None for all.
    """

    def __init__(
        self, store: WriteBehind, targets: Sequence[Target], *, builds: bool, files: FilePolicy | None
    ) -> None:
        self._store = store
        self._targets = tuple(targets)
        self._builds = builds
        self._policy = files
        self._digest = _digest_of(self._targets, builds=builds)
        self._judge: TargetView | None = None
        self._opened: dict[bytes, tuple[bytes, ProjectView]] = {}
        self._opening = allocate_lock()

    @property
    def judge(self) -> TargetView:
        """What looks at files; a warm resolution needs it not."""
        if self._judge is None:
            from blast_pm.metadata.records import TargetView

            self._judge = TargetView(self._targets, builds=self._builds, files=self._policy)
        return self._judge

    def _choose(self, project: str, files: Sequence[IndexFile]) -> IndexFile | None:
        return self.judge.choose(project, files)

    def open(self, index_url: str, page: PageRecord) -> ProjectView:
        """Return the project of a page.

        Raises:
            IndexAccessError: another process replaced the page since this one read it.

        Cost: one row for a page seen before, else some 2 us a file.
        """
        policy = self._policy.key(page.name) if self._policy is not None else b""
        mark = b"+" if policy else b""
        key = b"u%s\0%s\0%s%s" % (index_url.encode(), page.name.encode(), self._digest, mark)
        # Who waits for a page's answer opens it at the same time as who fetched it: it is judged once.
        with self._opening:
            known = self._opened.get(key)
            if known is None or known[0] != policy or known[1].page.page_id != page.page_id:
                known = self._opened[key] = (policy, self._open(key, page, policy))
        return known[1]

    def _open(self, key: bytes, page: PageRecord, policy: bytes) -> ProjectView:
        row = self._store.read("pages", key, lambda value: _decode(value, page.page_id, policy))
        is_new = row is None
        if row is None:
            judged = self.judge.judge(page)
            row = _Row(*page.versions, *judged, {}, {}, {}, {}, {})
        if row.masks:
            known_masks(row.table).update(row.masks)
        view = ProjectView(page, row, self._policy if policy else None, self._choose)
        view.learned = is_new
        if is_new:
            page.files.release(view.likely())
        return view

    def save(self) -> None:
        """Hand the rows of the projects of which something was learned to the store."""
        for key, (policy, view) in list(self._opened.items()):
            masks = known_masks(view.record.table)
            is_new = any(not isinstance(value, bytes) and value.is_new for value in view.kept.values())
            if is_new or view.learned or _MASKS_WORTH_A_WRITE <= len(masks) - view.masks <= _MOST_MASKS:
                self._store.put("pages", key, _encode(view, policy, masks))
                view.learned, view.masks = False, len(masks)


def _encode(view: ProjectView, policy: bytes, masks: dict[str, int]) -> bytes:
    record = view.record
    return marshal.dumps(
        (
            _FORMAT,
            view.page.page_id,
            policy,
            *record.table,
            record.yanked,
            record.prerelease,
            record.usable_by,
            record.refused,
            dict(view.digests),
            dict(view.known),  # background threads may add to it
            dict(view.packed),
            {place: value if isinstance(value, bytes) else value.dump() for place, value in view.kept.items()},
            dict(masks) if len(masks) <= _MOST_MASKS else {},
        )
    )


def _decode(value: memoryview | bytes, page_id: bytes, policy: bytes) -> _Row | None:
    try:
        fields = marshal.loads(value)  # noqa: S302 - this user's own database
    except (ValueError, EOFError, TypeError, MemoryError):
        return None
    if not isinstance(fields, tuple) or len(fields) != 14 or fields[:3] != (_FORMAT, page_id, policy):
        return None
    return _Row(VersionTable(fields[3], fields[4]), *fields[5:])


class _KnownFiles(Sequence[Sequence["IndexFile"]]):
    """The files of each version, from what is remembered of the project, else from the page."""

    def __init__(self, view: ProjectView) -> None:
        self._view = view
        self._read: dict[int, ReleaseFiles] = {}

    def __len__(self) -> int:
        return len(self._view.page.files)

    def __getitem__(self, position: int) -> Sequence[IndexFile]:  # type: ignore[override]  # no slices
        found = self._read.get(position)
        if found is not None:
            return found
        view = self._view
        table = view.page.files
        packed = view.packed.get(position)
        files: tuple[IndexFile, ...] | None = None
        if packed is None:
            # An explanation asks for the files of all versions, and none of those that it may tell about is looked at.
            if position not in view.known:
                return table[position]
            packed, files = table.opened(position)
            view.packed[position] = packed
            view.learned = True
        memo = ReleaseMemo(view.kept, position)
        found = self._read[position] = ReleaseFiles(packed, table.base, table.index, memo, files)
        return found


class _FilesInTime(Sequence[Sequence["IndexFile"]]):
    """The files of each version that were there before a policy's cut-off."""

    def __init__(self, name: str, files: Sequence[Sequence[IndexFile]], policy: FilePolicy) -> None:
        self._name = name
        self._files = files
        self._policy = policy

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, position: int) -> Sequence[IndexFile]:  # type: ignore[override]  # no slices
        is_in_time = self._policy.is_old_enough
        return tuple([file for file in self._files[position] if is_in_time(self._name, file)])


def _digest_of(targets: Sequence[Target], *, builds: bool) -> bytes:
    from _blake2 import blake2b  # hashlib would load OpenSSL

    texts = ["builds" if builds else ""]
    for target in targets:
        # A TagTable is as good as its key, and need not be written out.
        texts += [target.python_version, getattr(target.tags, "key", None) or " ".join(target.tags)]
    return blake2b("\n".join(texts).encode(), digest_size=8).hexdigest().encode()
