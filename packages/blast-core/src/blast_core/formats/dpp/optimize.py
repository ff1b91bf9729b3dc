"""Rewriting a container: smaller by zstd, or with bytecode added. The content of the files stays what it is."""

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
        The digests; ``sha256`` is still that of the wheel. The bytes depend on the version of zstd.

    Raises:
        FormatError: ``dpp`` is damaged.
        ValueError: a pyc was not made from the file that it is said to be of.
        OSError: reading or writing failed.
    """
    builder = DppBuilder(path)
    try:
        for file in dpp.files:
            if level is None or not _add_compressed(builder, dpp, file, level):
                _add_as_is(builder, dpp, file)
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


def _add_compressed(builder: DppBuilder, dpp: DppPackage, file: DppFile, level: int) -> bool:
    """Add a file by zstd and return True, or add nothing where that would not make it smaller."""
    import zstandard

    if file.codec == layout.ZSTD:
        return False
    compressor = zstandard.ZstdCompressor(level=level, write_checksum=False)
    if file.raw_size <= MEMBER_IN_MEMORY:
        packed = compressor.compress(dpp.read(file))
        if len(packed) >= file.stored_size:
            return False
        builder.add_file(file._replace(codec=layout.ZSTD), packed)
        return True
    # Too large to try, so its beginning decides whether a stored file is worth it; zstd does no worse than DEFLATE.
    if file.codec == layout.STORED:
        sample = next(dpp.iter_content(file))
        if len(compressor.compress(sample)) > _WORTH * len(sample):
            return False
    stream = compressor.compressobj(size=file.raw_size)
    builder.begin_file()
    for chunk in dpp.iter_content(file):
        for start in range(0, len(chunk), CHUNK):
            builder.write(stream.compress(chunk[start : start + CHUNK]))
    builder.write(stream.flush())
    builder.end_file(file._replace(codec=layout.ZSTD))
    return True
