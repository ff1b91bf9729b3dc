"""The archive of an object: the wheel as it came, named by its BLAKE3; what a tree is compared with and mended from.

Nothing of it is converted when a distribution is stored: a container (`blast_core.formats.dpp`) is made when one is
asked for. That a wheel may enter was decided then, so it is opened with every allowance.
"""

from __future__ import annotations

from blast_core.archive.contents import read_contents
from blast_core.archive.wheel import Policy, read_wheel
from blast_core.archive.wheel_name import infer_wheel_name
from blast_core.archive.zip import read_archive
from blast_core.digests import sha256_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from blast_core.archive.contents import WheelContents
    from blast_core.archive.entry_points import EntryPoint
    from blast_core.archive.wheel import Wheel
    from blast_core.formats.dpp.layout import DppFile, NativeObject

__all__ = ["ANY", "StoredWheel"]

ANY = Policy(strict_record=False, startup_code=True, editable=True)


class StoredWheel:
    """A wheel of the store, opened when it is first looked at; a context manager.

    Every member raises IntegrityError where the wheel is damaged, and OSError where it can't be read.

    Args:
        path: where it lies.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._wheel: Wheel | None = None
        self._read: WheelContents | None = None
        self._sha256 = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, if it was opened."""
        opened, self._wheel = self._wheel, None
        if opened is not None:
            opened.close()

    @property
    def wheel(self) -> Wheel:
        """The wheel itself, its content not checked yet."""
        if self._wheel is None:
            from blast_core.archive.source import open_source

            archive = read_archive(open_source(self.path))
            try:
                filename = infer_wheel_name(archive)
            finally:
                archive.close()
            self._wheel = read_wheel(self.path, filename, policy=ANY)
        return self._wheel

    @property
    def _contents(self) -> WheelContents:
        if self._read is None:
            self._read = read_contents(self.wheel, digests=True)
        return self._read

    @property
    def files(self) -> tuple[DppFile, ...]:
        """All files with their digests. Cost: inflates everything, once."""
        return self._contents.files

    @property
    def native(self) -> tuple[NativeObject, ...]:
        """ELF files, in the order of ``files``. Cost: as ``files``."""
        return self._contents.native

    @property
    def name(self) -> str:
        """Project name as METADATA spells it."""
        return self.wheel.name

    @property
    def version(self) -> str:
        """Version as METADATA spells it."""
        return self.wheel.version

    @property
    def dist_info(self) -> str:
        """Name of the .dist-info directory."""
        return self.wheel.dist_info

    @property
    def import_names(self) -> tuple[str, ...]:
        """Top-level names that can be imported, sorted."""
        return self.wheel.import_names

    @property
    def entry_points(self) -> tuple[EntryPoint, ...]:
        """Entry points, in file order."""
        return self.wheel.entry_points

    @property
    def unpacked_size(self) -> int:
        """Bytes of all files' content together. Cost: reads no content."""
        return sum(file.member.raw_size for file in self.wheel.files)

    @property
    def sha256(self) -> str:
        """SHA-256 of the wheel, in hex. Cost: reads all of it, once."""
        if not self._sha256:
            self._sha256 = sha256_file(self.path).hex()
        return self._sha256

    def read(self, file: DppFile) -> bytes | memoryview:
        """Return a file's content."""
        member = self.wheel.archive.find(file.path)
        assert member is not None
        return self.wheel.archive.read(member)

    def iter_content(self, file: DppFile) -> Iterator[bytes | memoryview]:
        """Yield a file's content in pieces of 1 MiB at the most."""
        archive = self.wheel.archive
        member = archive.find(file.path)
        assert member is not None
        return archive.iter_unpacked(member, archive.iter_stored(member))
