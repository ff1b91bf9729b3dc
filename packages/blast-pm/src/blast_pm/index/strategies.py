"""What counts of a project that several indexes have.

``first-index`` is the rule: who can publish on one index must not be able to take a name that another index serves.
``unsafe-best-match`` looks at all of them, as pip does. PEP 708 lets indexes say that they mean the same project
(``tracks``, ``alternate-locations``); where none says so, Blast tells.
"""

from __future__ import annotations

import marshal

from blast_core.digests import blake3_digest
from blast_core.errors import UsageError
from blast_pm.metadata.page_records import make_page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_pm.index.model import IndexFile, IndexLocation
    from blast_pm.metadata.page_records import PageRecord
    from blast_pm.metadata.write_behind import WriteBehind

__all__ = ["BEST_MATCH", "FIRST_INDEX", "Kinship", "check_strategy", "merge_pages"]

FIRST_INDEX = "first-index"
BEST_MATCH = "unsafe-best-match"


def check_strategy(strategy: str) -> None:
    """Refuse what is no strategy, or one that Blast doesn't have.

    Raises:
        UsageError: it is neither `FIRST_INDEX` nor `BEST_MATCH`.
    """
    if strategy in (FIRST_INDEX, BEST_MATCH):
        return
    raise UsageError(
        f"the index strategy {strategy} can't be used",
        reason=f"Blast has {FIRST_INDEX} and {BEST_MATCH}",
        hint="pin the project to an index in [tool.blast.sources], or use unsafe-best-match",
    )


def merge_pages(records: Sequence[PageRecord]) -> PageRecord:
    """Return one record with the files of all; of equal file names the first index's counts.

    Every file is said to be of the first index, and those of others keep their whole address, so that the answer is the
    same whether the pages are fetched or stored.
    """
    first = records[0]
    files: dict[str, IndexFile] = {}
    for record in records:
        for group in record.files:
            for file in group:
                files.setdefault(file.filename, file._replace(index=first.index))
    page_id = blake3_digest(b"".join(record.page_id for record in records))[:8]
    times = (min(record.fetched for record in records), min(record.expires for record in records))
    return make_page(first.name, first.index, page_id, files.values(), first.base, times=times, validators=("", ""))[0]


class Kinship:
    """Remembers which projects of an index say that they are the same as another index's (PEP 708).

    Args:
        store: the database.
    """

    def __init__(self, store: WriteBehind) -> None:
        self._store = store

    def learn(self, index_url: str, name: str, others: Sequence[str]) -> None:
        """Remember the addresses that a page names; what was remembered before is forgotten."""
        known = self._others(index_url, name)
        if tuple(others) != known:
            self._store.put("misc", _key(index_url, name), marshal.dumps(tuple(others)))

    def are_strangers(self, name: str, locations: Sequence[IndexLocation]) -> bool:
        """Tell whether some of these indexes, which all have the project, don't say that they mean the same.

        The first one's word counts for all that it names, and theirs for the first.
        """
        first, *rest = locations
        own = self._others(first.url, name)
        return any(
            not _names(own, location.url, name) and not _names(self._others(location.url, name), first.url, name)
            for location in rest
        )

    def _others(self, index_url: str, name: str) -> tuple[str, ...]:
        row = self._store.read("misc", _key(index_url, name), bytes)
        try:
            return tuple(map(str, marshal.loads(row))) if row else ()  # noqa: S302 - this user's own database
        except (ValueError, EOFError, TypeError, MemoryError):
            return ()


def _names(others: Sequence[str], index_url: str, name: str) -> bool:
    return any(other.rstrip("/") == f"{index_url}{name}" for other in others)


def _key(index_url: str, name: str) -> bytes:
    return b"kin\0%s\0%s" % (index_url.encode(), name.encode())
