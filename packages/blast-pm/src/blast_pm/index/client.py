"""The one door to package indexes: pages, metadata and files, whatever the index can and wherever it is.

Nothing of the network is imported before the first request is really made, and no thread starts before something is
really worth waiting for: a warm command pays for reading the database only.
"""

from __future__ import annotations

import os
import time
from _thread import allocate_lock

from blast_core.errors import OfflineError, ProjectNotFound, UsageError
from blast_core.names import is_valid_name
from blast_pm.index.abilities import AbilityBook
from blast_pm.index.model import ProjectPage
from blast_pm.index.page_reader import PageReader
from blast_pm.index.strategies import BEST_MATCH, FIRST_INDEX, Kinship, check_strategy, merge_pages
from blast_pm.index.tasks import TaskPool
from blast_pm.metadata.write_behind import WriteBehind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from blast_pm.index.abilities import Abilities
    from blast_pm.index.credentials import CredentialStore
    from blast_pm.index.fetch import Fetcher
    from blast_pm.index.model import IndexFile, IndexLocation
    from blast_pm.index.transport import Transport
    from blast_pm.index.transport.options import NetworkOptions
    from blast_pm.metadata.page_records import PageRecord
    from blast_pm.metadata.store import Database

__all__ = ["PyPiClient"]

# With 64 a lock of a hundred thousand files from far away holds 185 MB, where 200 are the limit; with 48 it is 165.
_WORKERS = 48
# Most servers on this machine or beside it take a tenth of that.
_FAR_AWAY_S = 0.01


class PyPiClient:
    """Asks indexes, remembers their answers, fetches files; safe to use from many threads.

    Args:
        locations: indexes in the order of asking.
        transport: makes the exchanges; made from ``network`` when it is first needed if None.
        database: where answers are kept.
        offline: use what is stored, however old, and refuse the network.
        refresh: ask again even for what is fresh.
        refresh_names: the same for these projects only, normalised.
        strategy: ``first-index``: the first that knows a project is the only one asked for it; ``unsafe-best-match``:
            all are asked, and the files of all count.
        pins: names of the indexes that projects are pinned to, by normalised project name.
        credentials: returns who is known where; those in the locations' addresses if None.
        network: certificates, proxies and time limits of the transport.
        staging: directory for files that are fetched for their metadata only; beside the database if "", and None for
            no directory: they are fetched into memory.
        clock: seconds since 1970.
        sleep: waits between attempts.
        note: told what a user may want to know with ``-v``, such as a transport that stands in for another.
        warn: told what every user should know.
    """

    def __init__(  # noqa: PLR0913 - the services and options of everything behind the door
        self,
        locations: Sequence[IndexLocation],
        transport: Transport | None = None,
        database: Database | None = None,
        *,
        offline: bool = False,
        refresh: bool = False,
        refresh_names: Collection[str] = (),
        strategy: str = FIRST_INDEX,
        pins: Mapping[str, str] | None = None,
        credentials: Callable[[], CredentialStore] | None = None,
        network: NetworkOptions | None = None,
        staging: str | None = "",
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        note: Callable[[str], None] | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        if database is None:
            raise UsageError("an index client needs a database")
        self.locations = tuple(locations)
        self.offline = offline
        self.tasks = TaskPool(_WORKERS, lambda: self.is_far_away)
        self.store = WriteBehind(database)
        self._by_name = {location.name: location for location in self.locations}
        self._pins = dict(pins or {})
        self._transport = transport
        self._network = network
        self._credentials = credentials
        self._sleep = sleep
        self._clock = clock
        self._note = note
        self._warn = warn
        self._fetcher_made: Fetcher | None = None
        self._opening = allocate_lock()
        self._staging = staging
        if staging == "":
            self._staging = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(database.path))), "tmp")
        self._book = AbilityBook(self.store, clock())
        self._pages = PageReader(
            self.store,
            self._fetcher,
            self._book,
            offline=offline,
            refresh=refresh,
            refresh_names=refresh_names,
            clock=clock,
        )
        check_strategy(strategy)
        #: As it was given.
        self.strategy = strategy
        self._merges = strategy == BEST_MATCH
        self._joined = any(location.joined for location in self.locations)
        self._merged: dict[str, PageRecord] = {}

    # Pages

    def page(self, name: str) -> ProjectPage:
        """Return all files that the first index which knows the project offers.

        Raises:
            ProjectNotFound: no index knows it.
            OfflineError: it isn't stored, and the network is forbidden.
            IndexAccessError: an index can't be reached, refuses, or answers something else than a page.
        """
        record = self.record(name)
        files = tuple(file for group in record.files for file in group)
        return ProjectPage(record.name, files, record.base, record.index)

    def record(self, name: str) -> PageRecord:
        """Return the page of a project as a record; see `page`.

        Blocks until it is there; a fetch that runs in the background already is waited for.
        """
        found = self.stored_record(name)
        if found is None:
            found = self.tasks.result(("page", name), lambda: self._fetch_record(name))
        if not found.exists:
            raise self._not_found(name)
        return found

    def stored_record(self, name: str) -> PageRecord | None:
        """Return the record that may be used without asking any index, None when one must be asked.

        Its ``exists`` is False when every index is known not to have the project.
        """
        known: PageRecord | None = self.tasks.peek(("page", name)) or self._merged.get(name)
        if known is not None:
            return known
        if self._merges or self._joined:
            return self._merge(name, self._pages.stored)
        for location in self._locations_of(name):
            known = self._pages.stored(location, name)
            if known is None or known.exists:
                return known
        return known

    def prefetch(self, names: Iterable[str]) -> None:
        """Begin to fetch pages that aren't stored; errors wait for whoever asks for the page."""
        if self.offline:
            return
        for name in names:
            if not self.tasks.is_known(("page", name)) and self.stored_record(name) is None:
                self.tasks.start(("page", name), lambda name=name: self._fetch_record(name))  # type: ignore[misc]

    def _fetch_record(self, name: str) -> PageRecord:
        record: PageRecord | None = None
        if self._merges or self._joined:
            record = self._merge(name, self._pages.read)
            if record is None:
                raise self._not_found(name)
            return record
        for location in self._locations_of(name):
            record = self._pages.read(location, name)
            if record.exists:
                return record
        if record is None:
            raise self._not_found(name)
        return record

    def _merge(self, name: str, read: Callable[[IndexLocation, str], PageRecord | None]) -> PageRecord | None:
        """Return what all indexes that count have together, None when ``read`` finds one of them unknown."""
        records: list[PageRecord] = []
        is_found = False
        for location in self._locations_of(name):
            if is_found and not (self._merges or location.joined):
                continue
            record = read(location, name)
            if record is None:
                return None
            records.append(record)
            is_found |= record.exists
        found = [record for record in records if record.exists]
        if len(found) < 2:
            return found[0] if found else records[-1] if records else None
        merged = self._merged[name] = merge_pages(found)
        if (
            self._warn is not None
            and self._merges
            and Kinship(self.store).are_strangers(name, [self.location(record.index) for record in found])
        ):
            places = " and ".join(record.index for record in found)
            self._warn(f"{name} is on {places}, which don't say that it is the same project; its best version counts")
        return merged

    def _locations_of(self, name: str) -> Sequence[IndexLocation]:
        if not is_valid_name(name):
            raise ProjectNotFound(f"{name!r} is not the name of a project", reason="it has letters that no name has")
        pinned = self._pins.get(name)
        if pinned is not None:
            return (self.location(pinned),)
        return [location for location in self.locations if not location.explicit]

    def _not_found(self, name: str) -> ProjectNotFound:
        asked = ", ".join(location.name for location in self._locations_of(name)) or "none"
        return ProjectNotFound(
            f"no index has a project named {name}",
            reason=f"asked: {asked}",
            hint="check the spelling, or add the index that has it",
            project=name,
        )

    # Metadata and files

    def metadata(self, file: IndexFile) -> bytes:
        """Return the METADATA of a wheel, or the PKG-INFO of a source distribution, as it is; b"" if that has none.

        Tries a sidecar file (PEP 658), then ranges on the wheel's end, then the whole file, as far as the index is
        known to allow; what it allows is remembered.

        Raises:
            DigestMismatch: a sidecar or the file is not what was promised.
            ArchiveRejected: the file holds no metadata that can be read.
            IndexAccessError: the index can't be reached or refuses.
            OfflineError: the network is forbidden.
        """
        from blast_pm.index.metadata_reader import read_metadata

        return read_metadata(file, self._fetcher(), self._abilities(file.index), self._metadata_of_whole)

    def _metadata_of_whole(self, file: IndexFile) -> bytes:
        from blast_pm.index.file_urls import path_of_url
        from blast_pm.index.wheel_tail import read_wheel_metadata
        from blast_pm.metadata.sdists import read_pkg_info

        read = read_wheel_metadata if file.filename.endswith(".whl") else read_pkg_info
        if file.url.startswith("file:"):
            try:
                return read(path_of_url(file.url), file.filename)
            except FileNotFoundError as error:
                raise OfflineError(f"{path_of_url(file.url)} is missing") from error
        if self._staging is None:
            descriptor = os.memfd_create("blast-index")
            try:
                self.download(file, descriptor)
                return read(f"/proc/self/fd/{descriptor}", file.filename)
            finally:
                os.close(descriptor)
        from blast_core.fs import make_directories, unlink

        make_directories(self._staging)
        path = os.path.join(self._staging, f"index-{os.getpid()}-{os.urandom(6).hex()}")
        self.download(file, path)
        try:
            return read(path, file.filename)
        finally:
            unlink(path)

    def download(self, file: IndexFile, destination: str | int, progress: Callable[[int], None] | None = None) -> str:
        """Write a file to ``destination``, a path which must not exist or a descriptor; return its sha256.

        See `blast_pm.index.download.download` for arguments and errors.
        """
        from blast_pm.index.download import download

        return download(file, destination, self._fetcher(), progress)

    # Addresses

    def location(self, index: str) -> IndexLocation:
        """Return the location named ``index``.

        Raises:
            UsageError: no location has that name.
        """
        found = self._by_name.get(index)
        if found is None:
            raise UsageError(
                f"no index is named {index}",
                reason=f"known are {', '.join(self._by_name) or 'none'}",
                hint="name it in [[tool.blast.index]], or lock again",
            )
        return found

    def file_base(self, index: str) -> str:
        """Return the address that the index's files are below, "" while no page of it was ever read.

        A lock keeps the paths below it, so that it names no host.
        """
        return self._abilities(index).base

    def url_of(self, index: str, path: str) -> str:
        """Return the address of a file that a lock names: ``path`` below the file base, or a whole address.

        Raises:
            UsageError: no location has that name.
            IndexAccessError: the file base isn't known, and can't be found out.
        """
        if "://" in path:
            return path
        base = self.file_base(index) or self._find_base(index, path)
        return base + path

    def _find_base(self, index: str, path: str) -> str:
        """Read the page of the file's project, which tells where the index keeps its files."""
        from urllib.parse import unquote

        from blast_core.names import normalize_name

        filename = unquote(path.rpartition("/")[2])
        stem = filename.partition("-")[0] if filename.endswith(".whl") else filename.rpartition("-")[0]
        name = normalize_name(stem)
        self._pages.read(self.location(index), name)
        base = self._abilities(index).base
        if not base:
            raise ProjectNotFound(
                f"the index {index} doesn't tell where its files are",
                reason=f"it has no page with files of {name}",
                hint="lock again with the indexes that are configured now",
            )
        return base

    # Life

    @property
    def is_far_away(self) -> bool:
        """Whether every answer had to be waited for: how long tasks take tells more of who else is at work."""
        fetcher = self._fetcher_made
        return fetcher is not None and _FAR_AWAY_S < fetcher.shortest_wait_s < float("inf")

    def flush(self) -> None:
        """Write what was learned into the database."""
        self._book.save()
        self.store.flush()

    def close(self) -> None:
        """Stop background work, write what was learned, drop connections; safe to call twice."""
        self.tasks.close()
        self.flush()
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def _abilities(self, index: str) -> Abilities:
        return self._book.of(self.location(index).url)

    def _fetcher(self) -> Fetcher:
        if self._fetcher_made is None:
            from blast_pm.index.credentials import CredentialStore
            from blast_pm.index.fetch import Fetcher

            self._fetcher_made = Fetcher(
                self._open_transport,
                self._credentials() if self._credentials is not None else CredentialStore(self.locations),
                offline=self.offline,
                timeout_s=self._network.timeout_s if self._network is not None else 30.0,
                sleep=self._sleep,
                now=self._clock,
            )
        return self._fetcher_made

    def _open_transport(self) -> Transport:
        with self._opening:
            if self._transport is None:
                from blast_pm.index.transport.choosing import open_transport
                from blast_pm.index.transport.options import NetworkOptions

                self._transport = open_transport(
                    self._network or NetworkOptions(),
                    connections=_WORKERS,
                    secure=any(location.url.startswith("https:") for location in self.locations),
                    note=self._note,
                )
            return self._transport
