"""From a wheel in staging to an object of the store: one pass over its bytes, then two renames.

What it needs is imported here and not in its functions: they run in several threads, and two threads that begin to
import modules that import each other meet half of one.
"""

from __future__ import annotations

from blast_core.archive.wheel import STANDARD
from blast_core.errors import DigestMismatch
from blast_core.formats.dpp.convert import convert_wheel
from blast_core.formats.dpp.reader import DppPackage
from blast_core.names import normalize_name
from blast_pm.install.plan import make_tree_plan
from blast_pm.store.publish import is_complete, publish_container, publish_tree
from blast_pm.store.rows import StoredDistribution
from blast_pm.store.unpack import TreeWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_core.archive.wheel import Policy
    from blast_pm.store.home import StorePaths

__all__ = ["adopt_object", "ingest_wheel"]


def ingest_wheel(
    wheel: str, filename: str, sha256: str, paths: StorePaths, policy: Policy = STANDARD
) -> StoredDistribution:
    """Convert, unpack and publish a wheel; the row is the caller's to write.

    Args:
        wheel: path of the wheel in a staging directory; files with its name and other endings are made beside it.
        filename: the wheel's real name.
        sha256: what its digest has to be, hexadecimal; "" for whatever it is.
        paths: the store.
        policy: how strict the front door is.

    Raises:
        DigestMismatch: the wheel has another digest; nothing was published.
        IntegrityError: the wheel is malformed or hostile; nothing was published.
        OSError: the disk refused; at most whole objects were published.
    """
    staged, tree = wheel + ".dpp", wheel + ".tree"
    with TreeWriter(tree) as writer:
        converted = convert_wheel(wheel, staged, filename=filename, sink=writer, policy=policy)
        if sha256 and converted.sha256 != sha256:
            raise DigestMismatch(
                f"{filename} is not the file that was asked for",
                reason=f"its sha256 is {converted.sha256}, not {sha256}",
                hint="the file on the index changed, or something on the way changes it; compare with its publisher",
            )
        writer.seal()
    path = paths.container(converted.blake3.hex())
    publish_container(staged, path)
    with DppPackage.open(path) as container:
        publish_tree(tree, paths.tree(converted.blake3), container)
        return _describe(container, converted.blake3, converted.sha256, paths)


def adopt_object(blake3: str, sha256: str, paths: StorePaths) -> StoredDistribution | None:
    """Return an object that somebody else has just published, or None if it is not there or not complete."""
    try:
        digest = bytes.fromhex(blake3)
        with DppPackage.open(paths.container(blake3)) as container:
            if container.wheel_sha256 != sha256 or not is_complete(paths.tree(digest), container):
                return None
            return _describe(container, digest, sha256, paths)
    except (OSError, ValueError):  # FormatError is a ValueError
        return None


def _describe(container: DppPackage, digest: bytes, sha256: str, paths: StorePaths) -> StoredDistribution:
    return StoredDistribution(
        name=normalize_name(container.name),
        version=container.version,
        sha256=sha256,
        blake3=digest.hex(),
        tree=paths.tree(digest),
        plan=make_tree_plan(container),
    )
