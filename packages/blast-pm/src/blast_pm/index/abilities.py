"""What an index can, found out by use and remembered: sidecar metadata, ranges, and where its files are."""

from __future__ import annotations

import marshal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from blast_pm.index.model import IndexFile
    from blast_pm.metadata.write_behind import WriteBehind

__all__ = ["Abilities", "AbilityBook", "common_base"]

_FORMAT = 1
# Indexes learn new ways; what was not there is looked for again after a week.
_REMEMBERED_S = 7 * 24 * 3600
# An index that has sidecars may lack some, so a single miss proves nothing.
_MISSES = 3


class Abilities:
    """What is known of one index; None means not known yet.

    Attributes:
        json: whether its last page was JSON.
        sidecars: whether ``<file>.metadata`` answers.
        ranges: whether range requests are answered with 206.
        base: address that its files' addresses are below, "" while unknown.
        misses: sidecars that were not there while none was seen.
    """

    __slots__ = ("base", "json", "misses", "ranges", "sidecars")

    def __init__(self) -> None:
        self.json: bool | None = None
        self.sidecars: bool | None = None
        self.ranges: bool | None = None
        self.base = ""
        self.misses = 0

    def saw_sidecar(self) -> None:
        """A sidecar answered."""
        self.sidecars = True

    def missed_sidecar(self) -> None:
        """A sidecar that the page didn't announce was not there."""
        if self.sidecars is None:
            self.misses += 1
            if self.misses >= _MISSES:
                self.sidecars = False


class AbilityBook:
    """Remembers the abilities of indexes in the database ``misc``, by address.

    Args:
        store: the database.
        now: seconds since 1970.
    """

    def __init__(self, store: WriteBehind, now: float) -> None:
        self._store = store
        self._now = int(now)
        self._known: dict[str, Abilities] = {}
        self._saved: dict[str, bytes] = {}

    def of(self, url: str) -> Abilities:
        """Return what is known of the index at ``url``; the same object each time."""
        found = self._known.get(url)
        if found is None:
            found = self._known.setdefault(url, self._load(url))
        return found

    def save(self) -> None:
        """Keep what was learned."""
        for url, known in list(self._known.items()):
            learned = (known.json, known.sidecars, known.ranges, known.base)
            row = marshal.dumps((_FORMAT, self._now // 86400 * 86400, *learned))
            if any(value not in (None, "") for value in learned) and self._saved.get(url) != row:
                self._saved[url] = row
                self._store.put("misc", _key(url), row)

    def _load(self, url: str) -> Abilities:
        known = Abilities()
        row = self._store.read("misc", _key(url), bytes)
        if row is None:
            return known
        try:
            fields = marshal.loads(row)  # noqa: S302 - this user's own database
        except (ValueError, EOFError, TypeError, MemoryError):
            return known
        if not isinstance(fields, tuple) or len(fields) != 6 or fields[0] != _FORMAT:
            return known
        learned = fields[1]
        known.base = fields[5]
        if 0 <= self._now - learned < _REMEMBERED_S:
            known.json, known.sidecars, known.ranges = fields[2:5]
            # Written once a week, not by every command.
            self._saved[url] = marshal.dumps((_FORMAT, self._now // 86400 * 86400, *fields[2:]))
        return known


def _key(url: str) -> bytes:
    return b"abilities\0" + url.encode()


def common_base(index_url: str, files: Iterable[IndexFile]) -> str:
    """Return the address that an index's files are below, ending in ``/``; "" for no files.

    Files on another host than the index: that host's root. On the same host: the longest common path, so that a
    mirror's ``…/simple/`` and ``…/packages/`` share ``…/``.
    """
    from blast_pm.index.credentials import origin_of

    first = next(iter(files), None)
    if first is None:
        return ""
    url = first.url
    if url.startswith("file:"):
        return url[: url.rindex("/") + 1]
    if origin_of(url) != origin_of(index_url):
        return url[: url.index("/", url.index("://") + 3) + 1]
    shared = 0
    for one, other in zip(url, index_url, strict=False):
        if one != other:
            break
        shared += 1
    return url[: url.rindex("/", 0, shared) + 1]
