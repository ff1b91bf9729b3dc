"""From a wheel in staging to an object of the store: one pass over its bytes, then two renames.

What it needs is imported here and not in its functions: they run in several threads, and two threads that begin to
import modules that import each other meet half of one.
"""

from __future__ import annotations

from hashlib import sha256 as new_sha256

from blake3 import blake3 as new_blake3

from blast_core.archive.contents import read_contents
from blast_core.archive.source import open_on_disk, open_source
from blast_core.archive.wheel import STANDARD, check_wheel
from blast_core.errors import BlastError, DigestMismatch
from blast_core.limits import CHUNK
from blast_core.names import normalize_name
from blast_pm.install.plan import make_tree_plan
from blast_pm.store.archives import StoredWheel
from blast_pm.store.publish import is_complete, publish_archive, publish_tree
from blast_pm.store.rows import StoredDistribution
from blast_pm.store.unpack import TreeWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from blast_core.archive.arriving import ArrivedMember
    from blast_core.archive.source import BytesSource, FileSource
    from blast_core.archive.wheel import Policy, Wheel
    from blast_pm.install.plan import Distribution
    from blast_pm.store.arriving import ArrivingWheel
    from blast_pm.store.home import StorePaths

__all__ = ["adopt_object", "ingest_wheel"]


def ingest_wheel(
    wheel: str,
    filename: str,
    sha256: str,
    paths: StorePaths,
    policy: Policy = STANDARD,
    *,
    is_checked: bool = False,
    arriving: ArrivingWheel | None = None,
) -> StoredDistribution:
    """Check, unpack and publish a wheel; the row is the caller's to write.

    Args:
        wheel: path of the wheel in a staging directory, from where it goes into the store; its tree is made beside it.
        filename: the wheel's real name.
        sha256: what its digest has to be, hexadecimal; "" for whatever it is.
        paths: the store.
        policy: how strict the front door is.
        is_checked: who wrote it has computed this digest of the bytes on their way.
        arriving: what was unpacked of it on its way; it is closed here.

    Raises:
        DigestMismatch: the wheel has another digest; nothing was published.
        IntegrityError: the wheel is malformed or hostile; nothing was published.
        OSError: the disk refused; at most whole objects were published.
    """
    try:
        stored, mode = _unpack(wheel, filename, sha256, paths, policy, arriving, is_checked=is_checked)
    finally:
        if arriving is not None:
            arriving.close()
    archive = paths.archive(stored.blake3)
    publish_archive(wheel, archive, mode)
    with StoredWheel(archive) as published:
        publish_tree(wheel + ".tree", stored.tree, published)
    return stored


def _unpack(
    wheel: str,
    filename: str,
    sha256: str,
    paths: StorePaths,
    policy: Policy,
    arriving: ArrivingWheel | None,
    *,
    is_checked: bool,
) -> tuple[StoredDistribution, int]:
    """Make the tree beside the wheel; return what it will be in the store, and the mode of files there."""
    name = arriving.settle() if arriving is not None and is_checked else None
    if name is None and arriving is not None:
        arriving.close()
    source = open_source(wheel, filename) if name is None else open_on_disk(wheel, filename)
    try:
        found = sha256
        if name is None:
            found, name = _hash(source, sha256 if is_checked else "")
        if sha256 and found != sha256:
            raise DigestMismatch(
                f"{filename} is not the file that was asked for",
                reason=f"its sha256 is {found}, not {sha256}",
                hint="the file on the index changed, or something on the way changes it; compare with its publisher",
            )
        opened = check_wheel(source, filename, policy=policy)
        writer, arrived = _begin_tree(wheel + ".tree", opened, arriving)
        with writer:
            contents = read_contents(opened, writer, arrived=arrived)
            writer.seal()
        stored = _describe(contents, name, found, paths)
        source.check_unchanged()
    finally:
        source.close()
    return stored, writer.file_mode


def _begin_tree(
    path: str, wheel: Wheel, arriving: ArrivingWheel | None
) -> tuple[TreeWriter, Mapping[int, ArrivedMember]]:
    """Return the tree that was begun while the wheel came, or an empty one, and what is in it already."""
    if arriving is not None:
        taken = arriving.take(wheel)
        if taken is not None:
            return taken
        arriving.close()
    return TreeWriter(path), {}


def adopt_object(blake3: str, sha256: str, paths: StorePaths) -> StoredDistribution | None:
    """Return an object that somebody else has just published, or None if it is not there or not complete.

    Cost: reads the wheel, all of it.
    """
    try:
        digest = bytes.fromhex(blake3)
        with StoredWheel(paths.archive(blake3)) as archive:
            if archive.sha256 != sha256 or not is_complete(paths.tree(digest), archive):
                return None
            return _describe(archive, digest, sha256, paths)
    except (OSError, ValueError, BlastError):
        return None


def _hash(source: BytesSource | FileSource, known: str) -> tuple[str, bytes]:
    """Return the SHA-256 in hex, which others know a wheel by, and the BLAKE3, which the store does.

    Args:
        source: the wheel.
        known: its SHA-256, which is not computed then; "" if it is not known.
    """
    sha256, blake3 = new_sha256(), new_blake3()
    for start in range(0, source.size, CHUNK):
        piece = source.read(start, min(CHUNK, source.size - start))
        blake3.update(piece)
        if not known:
            sha256.update(piece)
    return known or sha256.hexdigest(), blake3.digest()


def _describe(contents: Distribution, blake3: bytes, sha256: str, paths: StorePaths) -> StoredDistribution:
    return StoredDistribution(
        name=normalize_name(contents.name),
        version=contents.version,
        sha256=sha256,
        blake3=blake3.hex(),
        tree=paths.tree(blake3),
        plan=make_tree_plan(contents),
    )
