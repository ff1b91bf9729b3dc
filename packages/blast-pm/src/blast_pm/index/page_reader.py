"""Pages of indexes, from the database while they are fresh, else from the index."""

from __future__ import annotations

from _thread import allocate_lock

from blast_core.digests import blake3_digest
from blast_core.limits import INDEX_PAGE
from blast_pm.index.abilities import common_base
from blast_pm.index.strategies import Kinship
from blast_pm.metadata.page_records import PageRecord, load_page, make_page, missing_page, save_page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from blast_pm.index.abilities import AbilityBook
    from blast_pm.index.fetch import Answer, Fetcher
    from blast_pm.index.local import LocalIndex
    from blast_pm.index.model import IndexLocation
    from blast_pm.metadata.write_behind import WriteBehind

__all__ = ["PageReader"]

# Where an index says nothing of its answers' age: what the public index says of its own.
_DEFAULT_TTL_S = 600
_MAX_TTL_S = 24 * 3600
# A clock that was put back must not make pages eternal.
_CLOCK_SLACK_S = 60


class PageReader:
    """Reads pages of all indexes.

    Args:
        store: where records are kept.
        fetcher: returns what fetches from the network; first called when something must be fetched.
        book: the indexes' abilities.
        offline: take what is stored, however old.
        refresh: ask again even for what is fresh, once per project and index.
        refresh_names: the same for these projects only.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        store: WriteBehind,
        fetcher: Callable[[], Fetcher],
        book: AbilityBook,
        *,
        offline: bool,
        refresh: bool,
        clock: Callable[[], float],
        refresh_names: Collection[str] = (),
    ) -> None:
        self._store = store
        self._fetcher = fetcher
        self._book = book
        self._offline = offline
        self._refresh = refresh
        self._refresh_names = frozenset(refresh_names)
        self._clock = clock
        self._local: dict[str, LocalIndex] = {}
        self._flat: dict[str, Answer] = {}
        self._flat_lock = allocate_lock()
        self._kinship = Kinship(store)
        self._parsing = allocate_lock()
        self._began = clock()

    def stored(self, location: IndexLocation, name: str) -> PageRecord | None:
        """Return the record that may be used without asking the index, None when it must be asked.

        Files of a local index are looked at each time, which needs no network.
        """
        if location.url.startswith("file:"):
            return self._read_local(location, name)
        record = load_page(self._store, location.url, location.name, name)
        return record if record is not None and self._is_fresh(record) else None

    def read(self, location: IndexLocation, name: str) -> PageRecord:
        """Return the record of a project on one index, asking the index when it must be.

        Raises:
            IndexAccessError: the index can't be reached, refuses, or answers something else than a page.
        """
        if location.url.startswith("file:"):
            return self._read_local(location, name)
        old = load_page(self._store, location.url, location.name, name)
        if old is not None and self._is_fresh(old):
            return old
        return self._fetch(location, name, old)

    def _is_fresh(self, record: PageRecord) -> bool:
        if self._offline:
            return True
        now = self._clock()
        if self._must_ask(record.name) and record.fetched < self._began:
            return False
        return record.fetched - _CLOCK_SLACK_S <= now < record.expires

    def _must_ask(self, name: str) -> bool:
        return self._refresh or name in self._refresh_names

    def _fetch(self, location: IndexLocation, name: str, old: PageRecord | None) -> PageRecord:
        answer = self._ask_flat(location, name) if location.flat else self._ask(location, name, old)
        fetched = int(self._clock())
        expires = fetched + _time_to_live(answer.headers.get("cache-control", ""))
        if answer.status == 304 and old is not None:
            record = old.renewed(fetched, expires)
            pack = None
        elif answer.status == 200:
            # One page at a time: threads would only take turns, each with a tree of some megabytes in its hands.
            with self._parsing:
                record, pack = self._make_record(location, name, old, answer, (fetched, expires))
            if location.flat and not record.head.size:
                record, pack = missing_page(name, location.name, fetched, expires), None
        else:
            # Whoever publishes a project for the first time wants to see it soon.
            record, pack = missing_page(name, location.name, fetched, min(expires, fetched + _DEFAULT_TTL_S)), None
        save_page(self._store, location.url, record, pack)
        return record

    def _ask(self, location: IndexLocation, name: str, old: PageRecord | None) -> Answer:
        from blast_pm.index.pages import ACCEPT

        headers = {"Accept": ACCEPT, "Cache-Control": "no-cache"} if self._must_ask(name) else {"Accept": ACCEPT}
        if old is not None and old.etag:
            headers["If-None-Match"] = old.etag
        elif old is not None and old.modified:
            headers["If-Modified-Since"] = old.modified
        # The name is normalised and checked: letters, digits and hyphens need no quoting.
        url, absent = f"{location.url}{name}/", (404, 410, *location.absent)
        return self._fetcher().get(url, headers, limit=INDEX_PAGE, read=(200,), accept=(304, *absent))

    def _ask_flat(self, location: IndexLocation, name: str) -> Answer:
        """Return the one page of a flat index, fetched once by this process for all projects."""
        with self._flat_lock:
            answer = self._flat.get(location.name)
            if answer is None:
                from blast_pm.index.pages import ACCEPT_HTML

                headers = {"Accept": ACCEPT_HTML}
                if self._must_ask(name):
                    headers["Cache-Control"] = "no-cache"
                answer = self._fetcher().get(location.url, headers, limit=INDEX_PAGE, read=(200,), accept=(404, 410))
                self._flat[location.name] = answer
            return answer

    def _make_record(
        self, location: IndexLocation, name: str, old: PageRecord | None, answer: Answer, times: tuple[int, int]
    ) -> tuple[PageRecord, Callable[[], bytes] | None]:
        page_id = blake3_digest(answer.url.encode() + b"\0" + answer.body)[:8]
        validators = (answer.headers.get("etag", ""), answer.headers.get("last-modified", ""))
        if old is not None and old.exists and old.page_id == page_id:
            return old.renewed(*times, validators), None
        from blast_pm.index.pages import open_page

        content_type = answer.headers.get("content-type", "")
        files, same = open_page(answer.body, content_type, answer.url, location.name)
        if same or old is not None:
            self._kinship.learn(location.url, name, same)
        known = self._book.of(location.url)
        known.json = "json" in content_type
        base = common_base(location.url, files if isinstance(files, list) else files.first())
        if not known.base:
            known.base = base
        return make_page(name, location.name, page_id, files, known.base or base, times=times, validators=validators)

    def _read_local(self, location: IndexLocation, name: str) -> PageRecord:
        index = self._local.get(location.name)
        if index is None:
            from blast_pm.index.local import LocalIndex

            index = self._local[location.name] = LocalIndex(location, self._store)
        files = index.files(name)
        if files is None:
            return missing_page(name, location.name, 0, 0)
        base = common_base(location.url, files)
        known = self._book.of(location.url)
        known.base = known.base or base
        stamp = "\n".join(f"{file.url}\0{file.sha256}\0{file.requires_python}\0{file.yanked}" for file in files)
        page_id = blake3_digest(stamp.encode())[:8]
        return make_page(name, location.name, page_id, files, base, times=(0, 0), validators=("", ""))[0]


def _time_to_live(cache_control: str) -> int:
    """Return for how many seconds an answer may be used without asking again."""
    for directive in cache_control.lower().replace(" ", "").split(","):
        if directive in ("no-store", "no-cache"):
            return 0
        name, _, value = directive.partition("=")
        if name == "max-age" and value.isascii() and value.isdigit():
            return min(int(value[:9]), _MAX_TTL_S)
    return _DEFAULT_TTL_S
