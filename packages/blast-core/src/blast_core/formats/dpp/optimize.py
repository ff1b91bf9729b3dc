"""Rewriting a container: smaller by zstd, or with bytecode added. The content of the files stays what it is.

Small files say the same things again and again, each of them anew. So where there are many, what they have in common is
kept once, in a dictionary of the container's that is trained on them.
"""

from __future__ import annotations

from blast_core.formats.dpp import layout
from blast_core.formats.dpp.builder import DppBuilder, PackageFacts
from blast_core.formats.dpp.convert import Converted
from blast_core.limits import CHUNK, MEMBER_IN_MEMORY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from blast_core.formats.dpp.layout import DppFile
    from blast_core.formats.dpp.reader import DppPackage

__all__ = ["get_facts", "optimize"]

# Above this level zstd takes many times longer for a percent or two.
_LEVEL = 19

# Files up to this size are compressed with a dictionary; beyond it the window finds repetitions by itself.
_SMALL = 64 << 10
# What a dictionary may take: one of so many bytes of the small files, this at the most, and no less than a KiB.
_DICTIONARY_SHARE = 100
_DICTIONARY_MOST = 64 << 10
_DICTIONARY_LEAST = 1 << 10
# Bytes of samples to train on: more take long and teach nothing new.
_SAMPLES = 16 << 20
# Of zstd's COVER: with both given, nothing is tried out.
_SEGMENT, _WORD = 1024, 8
# How many files tell whether a dictionary pays.
_TRIED = 200

# Of its size, at the most, that a sample must shrink to for a large stored file to be compressed.
_WORTH = 0.95


def optimize(
    dpp: DppPackage, path: str, *, level: int | None = _LEVEL, bytecode: Iterable[tuple[str, str, bytes]] = ()
) -> Converted:
    """Write a container with the same files and facts.

    Args:
        dpp: the container to start from, verified by the caller.
        path: the new file, which must not exist.
        level: of zstd, 1 to 22; None leaves every stream as it is. A file of up to 32 MiB is only recompressed where
            that makes it smaller.
        bytecode: path, cache tag and pyc (PEP 552, hash-based, unchecked) to add to what there is; a pair that is
            already there is replaced.

    Returns:
        The digests; ``sha256`` is still that of the wheel. The bytes depend on the version of zstd. A
        container that has a dictionary keeps it.

    Raises:
        FormatError: ``dpp`` is damaged.
        ValueError: a pyc was not made from the file that it is said to be of.
        OSError: reading or writing failed.
    """
    builder = DppBuilder(path)
    try:
        packer = None if level is None else _Packer(dpp, level)
        for file in dpp.files:
            if packer is None or not packer.add(builder, file):
                _add_as_is(builder, dpp, file)
        if any(file.codec == layout.ZSTD_DICTIONARY for file in builder.files):
            builder.set_dictionary(dpp.dictionary if packer is None else packer.dictionary)
        for native in dpp.native:
            builder.add_native(native)
        _add_bytecode(builder, dpp, bytecode)
        digest = builder.finish(get_facts(dpp))
    except BaseException:
        builder.abandon()
        raise
    return Converted(digest, dpp.wheel_sha256, builder.size, dpp.warnings)


def get_facts(dpp: DppPackage) -> PackageFacts:
    """Return what a builder needs to write the same facts again."""
    return PackageFacts(
        name=dpp.name,
        version=dpp.version,
        requires_python=dpp.requires_python,
        summary=dpp.summary,
        wheel_filename=dpp.wheel_filename,
        wheel_sha256=bytes.fromhex(dpp.wheel_sha256),
        wheel_size=dpp.wheel_size,
        dist_info=dpp.dist_info,
        tags=dpp.tags,
        import_names=dpp.import_names,
        provides_extras=dpp.provides_extras,
        startup=dpp.startup,
        entry_points=dpp.entry_points,
        warnings=dpp.warnings,
        requirements=dpp.requirements,
        root_is_purelib=dpp.root_is_purelib,
        foldable=dpp.foldable,
        from_sdist=bool(dpp.flags & layout.FROM_SDIST),
    )


def _add_bytecode(builder: DppBuilder, dpp: DppPackage, bytecode: Iterable[tuple[str, str, bytes]]) -> None:
    codes = {(path, tag): bytes(pyc) for path, tag, pyc in dpp.iter_bytecode()}
    codes |= {(path, tag): pyc for path, tag, pyc in bytecode}
    for (path, tag), pyc in codes.items():
        source = dpp.find(path)
        if source is None:
            raise ValueError(f"there is no file {path!r} that bytecode could be of")
        builder.add_bytecode(path, tag, pyc, dpp.read(source))


def _add_as_is(builder: DppBuilder, dpp: DppPackage, file: DppFile) -> None:
    builder.begin_file()
    for piece in dpp.iter_raw(file):
        builder.write(piece)
    builder.end_file(file)


class _Packer:
    """Compresses files of a container.

    Attributes:
        dictionary: what it compresses small files with; b"" if that would not pay.
    """

    def __init__(self, dpp: DppPackage, level: int) -> None:
        import zstandard

        self._dpp = dpp
        self._plain = zstandard.ZstdCompressor(level=level, write_checksum=False)
        self.dictionary = dpp.dictionary or self._train(level)
        self._helped = self._plain
        if self.dictionary:
            words = zstandard.ZstdCompressionDict(self.dictionary)
            words.precompute_compress(level)
            self._helped = zstandard.ZstdCompressor(level=level, write_checksum=False, dict_data=words)
            if not dpp.dictionary and not self._pays():
                self.dictionary = b""

    def _train(self, level: int) -> bytes:
        """Return a dictionary made of the small files; b"" where these are too few or have nothing in common."""
        import zstandard

        samples: list[bytes | bytearray | memoryview] = []
        size = 0
        for file in self._dpp.files:
            if _is_small(file) and size < _SAMPLES:
                samples.append(self._dpp.read(file))
                size += file.raw_size
        wanted = min(_DICTIONARY_MOST, size // _DICTIONARY_SHARE)
        if wanted < _DICTIONARY_LEAST:
            return b""
        try:
            # A number of its own would be a random one.
            made = zstandard.train_dictionary(wanted, samples, k=_SEGMENT, d=_WORD, dict_id=1, level=level)
        except zstandard.ZstdError:
            return b""
        return bytes(made.as_bytes())

    def _pays(self) -> bool:
        small = [file for file in self._dpp.files if _is_small(file)]
        step = -(-len(small) // _TRIED)
        gain = 0
        for file in small[::step]:
            content = self._dpp.read(file)
            best = min(file.stored_size, len(self._plain.compress(content)))
            gain += best - min(best, len(self._helped.compress(content)))
        return gain * step > len(self.dictionary)

    def add(self, builder: DppBuilder, file: DppFile) -> bool:
        """Add a file by zstd and return True, or add nothing where that would not make it smaller."""
        if file.codec in (layout.ZSTD, layout.ZSTD_DICTIONARY) and not (self.dictionary and _is_small(file)):
            return False
        if file.raw_size <= MEMBER_IN_MEMORY:
            return self._add_small(builder, file)
        return self._add_large(builder, file)

    def _add_small(self, builder: DppBuilder, file: DppFile) -> bool:
        content = self._dpp.read(file)
        codec, packed = layout.ZSTD, self._plain.compress(content)
        if self.dictionary and _is_small(file):
            helped = self._helped.compress(content)
            if len(helped) < len(packed):
                codec, packed = layout.ZSTD_DICTIONARY, helped
        if len(packed) >= file.stored_size:
            return False
        builder.add_file(file._replace(codec=codec), packed)
        return True

    def _add_large(self, builder: DppBuilder, file: DppFile) -> bool:
        # Too large to try, so its beginning decides whether a stored file is worth it; zstd does no worse than DEFLATE.
        if file.codec == layout.STORED:
            sample = next(self._dpp.iter_content(file))
            if len(self._plain.compress(sample)) > _WORTH * len(sample):
                return False
        stream = self._plain.compressobj(size=file.raw_size)
        builder.begin_file()
        for chunk in self._dpp.iter_content(file):
            for start in range(0, len(chunk), CHUNK):
                builder.write(stream.compress(chunk[start : start + CHUNK]))
        builder.write(stream.flush())
        builder.end_file(file._replace(codec=layout.ZSTD))
        return True


def _is_small(file: DppFile) -> bool:
    return 0 < file.raw_size <= _SMALL and file.codec in (layout.DEFLATE, layout.ZSTD)
