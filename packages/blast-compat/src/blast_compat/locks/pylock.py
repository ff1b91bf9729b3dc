"""``pylock.toml`` (PEP 751) both ways: the text of a lock, which people review, diff and merge.

The standard tables say what any installer needs. What only the binary lock holds beside it (index names, paths below an
index's file base, exact requirements, masks of targets and groups, the input hash) stands in ``[tool.blast]`` and
``[packages.tool.blast]``, and there only where the standard tables do not say it already. So for every lawful lock

    read_pylock(write_pylock(lock, file_url)) == canonical_lock(lock) with text_hash = BLAKE3 of the text
"""

from blast_compat.locks.pylock_reader import read_pylock, read_urls
from blast_compat.locks.pylock_writer import write_pylock

__all__ = ["read_pylock", "read_urls", "write_pylock"]
