"""Wheel to container in one pass over its content (`blast_core.archive.contents`): each stream is copied as it is."""

from __future__ import annotations

import hashlib

from blast_core.archive.contents import read_contents
from blast_core.archive.wheel import STANDARD, Policy, Wheel, read_wheel
from blast_core.formats.dpp.builder import DppBuilder, PackageFacts
from blast_core.formats.dpp.foldable import is_foldable
from blast_core.formats.dpp.to_wheel import dpp_to_wheel
from blast_core.limits import CHUNK
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.archive.contents import Sink

__all__ = ["Converted", "convert_wheel", "dpp_to_wheel"]


class Converted(NamedTuple):
    """A container that was written.

    Attributes:
        blake3: of the container, 32 bytes.
        sha256: of the wheel, hex.
        size: of the container, bytes.
        warnings: what was healed or is odd about the wheel, a line each.
    """

    blake3: bytes
    sha256: str
    size: int
    warnings: tuple[str, ...] = ()


def convert_wheel(
    wheel: str,
    dpp: str,
    *,
    filename: str | None = None,
    sink: Sink | None = None,
    policy: Policy = STANDARD,
    from_sdist: bool = False,
) -> Converted:
    """Check a wheel and write it as a container.

    Args:
        wheel: the wheel's path.
        dpp: the new file, which must not exist; the caller publishes it by a rename.
        filename: the wheel's name on the index, if the file has another one.
        sink: receives every file's content.
        policy: how strict the front door is.
        from_sdist: say in the container that the wheel was built here.

    Returns:
        The digests; the same wheel and file name give the same container.

    Raises:
        ArchiveRejected: the wheel is malformed, ambiguous, hostile or breaks a limit; ``dpp`` does not exist then.
        RecordMismatch: RECORD does not describe it.
        OSError: reading or writing failed.

    Cost: one pass; memory is bounded by 3 times 32 MiB whatever the wheel's size.
    """
    opened = read_wheel(wheel, filename, policy=policy)
    try:
        builder = DppBuilder(dpp)
        try:
            return _convert(opened, builder, sink, from_sdist=from_sdist)
        except BaseException:
            builder.abandon()
            raise
    finally:
        opened.close()


def _convert(wheel: Wheel, builder: DppBuilder, sink: Sink | None, *, from_sdist: bool) -> Converted:
    from blast_core.released_requirements import parse_released_requirement

    requirements = tuple(map(parse_released_requirement, wheel.requirements))
    natives = read_contents(wheel, sink, tap=builder, digests=True).native
    for native in natives:
        builder.add_native(native)
    sha256 = _hash_wheel(wheel)
    digest = builder.finish(
        PackageFacts(
            name=wheel.name,
            version=wheel.version,
            requires_python=wheel.requires_python,
            summary=wheel.summary,
            wheel_filename=wheel.filename,
            wheel_sha256=sha256,
            wheel_size=wheel.archive.source.size,
            dist_info=wheel.dist_info,
            tags=wheel.tags,
            import_names=wheel.import_names,
            provides_extras=wheel.provides_extras,
            startup=wheel.startup,
            entry_points=wheel.entry_points,
            warnings=wheel.warnings,
            requirements=requirements,
            root_is_purelib=wheel.root_is_purelib,
            foldable=is_foldable(builder.files, natives, wheel.dist_info),
            from_sdist=from_sdist,
        )
    )
    return Converted(digest, sha256.hex(), builder.size, wheel.warnings)


def _hash_wheel(wheel: Wheel) -> bytes:
    source = wheel.archive.source
    hasher = hashlib.sha256()
    for start in range(0, source.size, CHUNK):
        hasher.update(source.read(start, min(CHUNK, source.size - start)))
    source.check_unchanged()
    return hasher.digest()
