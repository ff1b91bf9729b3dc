"""The files of a locked package as the binary form has them, so that a lock made before need not be made again.

Most of a lock is files, and of most packages they are those of the lock before. What they come to in the binary form is
the same in every lock but for two things: where in the pool their strings lie, and which number their index has. Both
are added to all rows at once, by arithmetic on one big number.
"""

from __future__ import annotations

import marshal
from _collections_abc import Sequence  # collections.abc imports all of collections

from blast_core.formats.dpl.layout import FILE, PATH_IS_FOLDER
from blast_core.formats.dpl.model import LockedFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["PackedFiles", "pack_files"]

# Where in a row the three offsets into the pool and the number of the index lie, in bits.
_STRINGS_AT = tuple(8 * at for at in (40, 48, 56))
_INDEX_AT = 8 * 64
_ROW = 8 * FILE.size


class PackedFiles(Sequence[LockedFile]):
    """Files of one package, all from one index, sorted by name; decoded when one of them is looked at.

    Args:
        index: name of the index; "" for files reached by direct URLs.
        strings: the distinct strings, UTF-8, in the order in which rows need them; not the empty one.
        rows: as in the file, with offsets from the first of ``strings``, and 0 for the index.
        steps: a number of the same size with a 1 at each offset that is to be moved, little-endian.

    Attributes:
        told: what a writer of the text form made of the files, for it to find again; None for nothing yet.
        is_new: whether it holds something that ``dump`` didn't return before.
    """

    __slots__ = ("_files", "index", "is_new", "rows", "steps", "strings", "told")

    def __init__(self, index: str, strings: tuple[bytes, ...], rows: bytes, steps: bytes) -> None:
        self.index: str = index  # type: ignore[assignment]  # shadows Sequence.index, which nobody wants of files
        self.strings = strings
        self.rows = rows
        self.steps = steps
        self.told: tuple[Any, ...] | None = None
        self.is_new = True
        self._files: tuple[LockedFile, ...] | None = None

    @classmethod
    def load(cls, value: bytes) -> PackedFiles:
        """Return what ``dump`` wrote; only for bytes of this user's own."""
        index, strings, rows, steps, told = marshal.loads(value)  # noqa: S302 - as said
        made = cls(index, strings, rows, steps)
        made.told = told
        made.is_new = False
        return made

    def dump(self) -> bytes:
        """Return it as bytes, ``told`` included."""
        self.is_new = False
        fields: tuple[Any, ...] = (self.index, self.strings, self.rows, self.steps, self.told)
        return marshal.dumps(fields)

    def tell(self, told: tuple[object, ...]) -> None:
        """Keep what a writer of the text form made of the files: plain values alone."""
        self.told = told
        self.is_new = True

    def keep(self, files: Sequence[LockedFile]) -> None:
        """Keep the files that it was made of, which then need not be decoded."""
        self._files = tuple(files)

    def placed(self, pool: int, number: int) -> bytes:
        """Return the rows of a lock.

        Args:
            pool: where the strings begin in its pool.
            number: of the index among its indexes, from 1; 0 for none.
        """
        rows = int.from_bytes(self.rows, "little") + pool * int.from_bytes(self.steps, "little")
        if number:
            rows += number * _everywhere(len(self), _INDEX_AT)
        return rows.to_bytes(len(self.rows), "little")

    def moved(self, places: Sequence[int], number: int) -> bytes:
        """Return the rows of a lock in whose pool the strings lie apart, as where all files are in one folder.

        Args:
            places: where each of the strings lies.
            number: as for ``placed``.
        """
        where: dict[int, int] = {}
        start = 0
        for key, place in zip(self.strings, places, strict=True):
            where[start] = place
            start += len(key)
        return b"".join(
            [
                FILE.pack(
                    *row[:2],
                    where[row[2]] if row[3] else 0,
                    row[3],
                    where[row[4]] if row[5] else 0,
                    row[5],
                    where[row[6]] if row[7] else 0,
                    row[7],
                    number,
                    row[9],
                )
                for row in FILE.iter_unpack(self.rows)
            ]
        )

    def __len__(self) -> int:
        return len(self.rows) // FILE.size

    def __iter__(self) -> Iterator[LockedFile]:
        return iter(self._decoded())

    def __getitem__(self, place: int) -> LockedFile:  # type: ignore[override]  # no slices: nobody asks
        return self._decoded()[place]

    def __eq__(self, other: object) -> bool:
        return self._decoded() == (tuple(other) if isinstance(other, Sequence) else other)

    def __hash__(self) -> int:
        return hash(self._decoded())

    def __repr__(self) -> str:
        return repr(self._decoded())

    def _decoded(self) -> tuple[LockedFile, ...]:
        files = self._files
        if files is None:
            pool = b"".join(self.strings)
            files = self._files = tuple([self._decode(row, pool) for row in FILE.iter_unpack(self.rows)])
        return files

    def _decode(self, row: tuple[Any, ...], pool: bytes) -> LockedFile:
        sha256, size, name_at, name_length, path_at, path_length, time_at, time_length, _, flags = row
        name, path, time = (
            pool[at : at + length].decode()
            for at, length in ((name_at, name_length), (path_at, path_length), (time_at, time_length))
        )
        return LockedFile(name, self.index, path + name if flags else path, sha256.hex(), size, time)


def pack_files(files: Sequence[LockedFile]) -> PackedFiles:
    """Return files of one index packed, in their order.

    Args:
        files: as ``check_lock`` allows them, at least one, all of one index.
    """
    places: dict[bytes, int] = {}
    size = 0
    steps = []
    rows = []
    for file in files:
        folder = file.path.removesuffix(file.filename)
        references = []
        step = 0
        for text, at in zip((file.filename, folder, file.upload_time), _STRINGS_AT, strict=True):
            key = text.encode()
            if not key:
                references += [0, 0]
                continue
            if key not in places:
                places[key] = size
                size += len(key)
            references += [places[key], len(key)]
            step |= 1 << at
        flags = PATH_IS_FOLDER if folder != file.path else 0
        rows.append(FILE.pack(bytes.fromhex(file.sha256), file.size, *references, 0, flags))
        # One number for all rows would be written anew by each.
        steps.append(step.to_bytes(FILE.size, "little"))
    made = PackedFiles(files[0].index, tuple(places), b"".join(rows), b"".join(steps))
    made.keep(files)
    return made


def _everywhere(rows: int, at: int) -> int:
    """Return a number with a 1 at the bit ``at`` of each row."""
    return ((1 << rows * _ROW) - 1) // ((1 << _ROW) - 1) << at
