"""The directories below ``BLAST_HOME`` (`blast_core.home`)."""

from __future__ import annotations

import os

__all__ = ["StorePaths"]


class StorePaths:
    """The paths below a home; making one touches no disk.

    Attributes:
        home: the root, absolute.
        archives: ``store/whl``, immutable wheels by BLAKE3.
        trees: ``t``, the same unpacked. The name is short so that a link to a file below fits an ext4 inode.
        staging: ``tmp``, where everything is built before a rename puts it in its place.
        usage_lock: held shared by who reads or adds objects, exclusively by who removes them.
    """

    __slots__ = ("archives", "home", "staging", "trees", "usage_lock")

    def __init__(self, home: str) -> None:
        self.home = os.path.abspath(home)
        self.archives = os.path.join(self.home, "store", "whl")
        self.trees = os.path.join(self.home, "t")
        self.staging = os.path.join(self.home, "tmp")
        self.usage_lock = os.path.join(self.home, "store", "lock")

    def archive(self, blake3: str) -> str:
        """Return the path of the wheel with these 64 hexadecimal digits, there or not."""
        return os.path.join(self.archives, blake3[:2], blake3[2:4], blake3 + ".whl")

    def tree(self, blake3: bytes) -> str:
        """Return the path of the unpacked tree of the wheel with this digest, there or not."""
        from blast_core.digests import tree_name

        return f"{self.trees}/{tree_name(blake3)}"
