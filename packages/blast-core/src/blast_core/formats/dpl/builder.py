"""Write a lock in its binary form. The same lock gives the same bytes, in whatever order its parts were given."""

from __future__ import annotations

from itertools import accumulate

from blast_core.errors import InvalidField
from blast_core.fnv import build_table, fnv1a64, table_slots
from blast_core.formats.dpl import layout
from blast_core.formats.dpl.assembly import assemble
from blast_core.formats.dpl.check import check_lock
from blast_core.formats.dpl.layout import Section
from blast_core.formats.dpl.model import NO_HASH, SOURCE_KINDS, Lock, LockTarget, canonical_lock
from blast_core.formats.dpl.packed_files import PackedFiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from blast_core.formats.dpl.model import LockedDependency, LockedFile, LockedPackage, LockedSource

__all__ = ["DplBuilder", "RowEncoder", "build_lock"]


def build_lock(lock: Lock, *, is_canonical: bool = False) -> bytes:
    """Return the bytes of ``blast.lock``.

    Args:
        lock: in any order; it is written in canonical order.
        is_canonical: it is in canonical order, and ``check_lock`` had nothing against it.

    Raises:
        InvalidField: the lock breaks a law of ``check_lock``, or holds text that is not Unicode.
        InvalidVersion: a version that PEP 440 does not allow.

    Spec: docs/spec/dpl.md.
    """
    if not is_canonical:
        check_lock(lock)
        lock = canonical_lock(lock)
    return RowEncoder(lock).encode()


class DplBuilder:
    """Collect packages one by one, then build the file."""

    def __init__(
        self,
        targets: Iterable[LockTarget],
        groups: Iterable[str] = ("default",),
        *,
        requires_python: str = "",
        indexes: Iterable[str] = (),
        input_hash: bytes = NO_HASH,
        text_hash: bytes = NO_HASH,
    ) -> None:
        self._head = Lock((), tuple(targets), tuple(groups), requires_python, input_hash, text_hash, tuple(indexes))
        self._packages: list[LockedPackage] = []

    def add(self, package: LockedPackage) -> None:
        """Take one more package."""
        self._packages.append(package)

    def to_lock(self) -> Lock:
        """Return what was collected, in canonical order."""
        return canonical_lock(self._head._replace(packages=tuple(self._packages)))

    def build(self) -> bytes:
        """Return the file's bytes; raises as ``build_lock`` does."""
        return build_lock(self.to_lock())


class RowEncoder:
    """One pass over a canonical lock.

    Strings are laid into the pool in the order in which a reader wants them together: first what every lookup touches
    (names, versions), then the dependencies, then the bulk, which is the files. Each distinct string is stored once.

    Args:
        lock: that is written.
        pool: what lies in front of all strings.
        known: where in it strings lie, as places and lengths.
    """

    def __init__(self, lock: Lock, pool: bytes = b"", known: Mapping[bytes, tuple[int, int]] = {}) -> None:
        self._lock = lock
        self._pool = bytearray(pool)
        self._strings: dict[str, tuple[int, int]] = {"": (0, 0)}
        self._keys: dict[bytes, tuple[int, int]] = {**known, b"": (0, 0)}
        self._index_numbers = {name: number for number, name in enumerate(lock.indexes, 1)}

    @property
    def pool(self) -> bytes:
        """All strings that were laid into it."""
        return bytes(self._pool)

    @property
    def texts(self) -> Collection[bytes]:
        """The strings that were asked for, encoded."""
        return self._keys

    def encode(self) -> bytes:
        """Return the file."""
        lock = self._lock
        requires_python = self._text(lock.requires_python)
        heads = [self._head(package) for package in lock.packages]
        groups = [layout.STRING.pack(*self._text(name)) for name in lock.groups]
        indexes = [layout.STRING.pack(*self._text(name)) for name in lock.indexes]
        targets, markers = self._targets()
        entries, files, dependencies, extras, sources = self._rows(heads)
        table = build_table([head[0] for head in heads])
        bodies = (entries, [table], targets, markers, groups, indexes, sources, files, dependencies, extras)
        counts = [len(body) for body in bodies] + [len(self._pool)]
        counts[Section.TABLE] = table_slots(len(heads))
        counts[Section.FILES] = sum(len(package.files) for package in lock.packages)
        sections = [*map(b"".join, bodies), bytes(self._pool)]
        return assemble(sections, counts, requires_python, lock.input_hash, lock.text_hash)

    def rows(self) -> tuple[bytes, ...]:
        """Return the rows of the packages alone: entries, files, dependencies, extras, sources."""
        return tuple(map(b"".join, self._rows([self._head(package) for package in self._lock.packages])))

    def _rows(self, heads: Sequence[tuple[int, ...]]) -> tuple[list[bytes], ...]:
        dependencies, extras, dependency_ranges = self._dependencies()
        sources, source_numbers = self._sources()
        files, file_ranges = self._files()
        entries = [
            layout.ENTRY.pack(*head, *file_range, *dependency_range, *_tail(package, source_numbers))
            for package, head, file_range, dependency_range in zip(
                self._lock.packages, heads, file_ranges, dependency_ranges, strict=True
            )
        ]
        return entries, files, dependencies, extras, sources

    def _text(self, text: str) -> tuple[int, int]:
        found = self._strings.get(text)
        if found is None:
            try:
                found = self._bytes(text.encode())
            except UnicodeEncodeError as error:
                raise InvalidField("not Unicode text", field="string", value=ascii(text)) from error
            self._strings[text] = found
        return found

    def _bytes(self, key: bytes) -> tuple[int, int]:
        found = self._keys.get(key)
        if found is None:
            found = self._keys[key] = (len(self._pool), len(key))
            self._pool += key
        return found

    def _head(self, package: LockedPackage) -> tuple[int, ...]:
        from blast_core.version import version_key

        name = package.name.encode()
        key = version_key(package.version) if package.version else b""
        return (
            fnv1a64(name),
            *self._text(package.name),
            *self._text(package.version),
            *self._bytes(key),
            *self._text(package.requires_python),
        )

    def _targets(self) -> tuple[list[bytes], list[bytes]]:
        targets = []
        markers: list[bytes] = []
        for target in self._lock.targets:
            texts = (*self._text(target.name), *self._text(target.python_version), *self._text(target.platform))
            targets.append(layout.TARGET.pack(*texts, len(markers), len(target.markers)))
            for variable, value in target.markers:
                markers.append(layout.MARKER.pack(*self._text(variable), *self._text(value)))
        return targets, markers

    def _dependencies(self) -> tuple[list[bytes], list[bytes], list[tuple[int, int, int, int]]]:
        dependencies: list[bytes] = []
        extras: list[bytes] = []
        ranges = []
        for package in self._lock.packages:
            ranges.append((len(dependencies), len(package.dependencies), len(extras), len(package.extras)))
            dependencies += map(self._dependency, package.dependencies)
            for extra, needs in package.extras:
                extras.append(layout.EXTRA.pack(*self._text(extra), len(dependencies), len(needs)))
                dependencies += map(self._dependency, needs)
        return dependencies, extras, ranges

    def _dependency(self, dependency: LockedDependency) -> bytes:
        return layout.DEPENDENCY.pack(
            *self._text(dependency.name),
            *self._text(dependency.specifier),
            *self._text(",".join(dependency.extras)),
            *self._text(dependency.marker),
        )

    def _sources(self) -> tuple[list[bytes], dict[tuple[str, str, str], int]]:
        numbers: dict[tuple[str, str, str], int] = {}
        for package in self._lock.packages:
            numbers.setdefault(_place_of(package.source), len(numbers))
        rows = [layout.SOURCE.pack(*(part for text in place for part in self._text(text))) for place in numbers]
        return rows, numbers

    def _files(self) -> tuple[list[bytes], list[tuple[int, int]]]:
        files: list[bytes] = []
        count = 0
        ranges = []
        for package in self._lock.packages:
            ranges.append((count, len(package.files)))
            count += len(package.files)
            packed = package.files
            if not isinstance(packed, PackedFiles):
                files += map(self._file, packed)
                continue
            number = self._index_numbers.get(packed.index, 0)
            if self._is_new(packed.strings):
                files.append(packed.placed(len(self._pool), number))
                self._pool += b"".join(packed.strings)
            else:
                files.append(packed.moved([self._bytes(key)[0] for key in packed.strings], number))
        return files, ranges

    def _is_new(self, strings: tuple[bytes, ...]) -> bool:
        """Note strings that will be laid into the pool one after the other; False where one is there already."""
        if not self._keys.keys().isdisjoint(strings):
            return False
        sizes = [len(key) for key in strings]
        starts = accumulate(sizes, initial=len(self._pool))
        self._keys.update(zip(strings, zip(starts, sizes, strict=False), strict=True))
        return True

    def _file(self, file: LockedFile) -> bytes:
        folder = file.path.removesuffix(file.filename)
        flags = layout.PATH_IS_FOLDER if folder != file.path else 0
        return layout.FILE.pack(
            bytes.fromhex(file.sha256),
            file.size,
            *self._text(file.filename),
            *self._text(folder),
            *self._text(file.upload_time),
            self._index_numbers[file.index] if file.index else 0,
            flags,
        )


def _place_of(source: LockedSource) -> tuple[str, str, str]:
    return (source.location, source.revision, source.subdirectory)


def _tail(package: LockedPackage, source_numbers: dict[tuple[str, str, str], int]) -> tuple[int | bytes, ...]:
    source = package.source
    digest = bytes.fromhex(source.digest) if source.digest else NO_HASH
    number = source_numbers[_place_of(source)]
    return (package.target_mask, package.group_mask, SOURCE_KINDS.index(source.kind), 0, number, digest, 0)
