"""Core metadata of a file, by the least that the index can do: sidecar, ranges, or the whole file."""

from __future__ import annotations

from blast_core.errors import ArchiveRejected, DigestMismatch, IndexAccessError
from blast_core.limits import METADATA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from blast_pm.index.abilities import Abilities
    from blast_pm.index.fetch import Answer, Fetcher
    from blast_pm.index.model import IndexFile

__all__ = ["read_metadata"]

_FIRST_LINE = b"metadata-version:"
_ABSENT = (403, 404, 405, 410, 501)  # object stores answer 403 for what isn't there


def read_metadata(file: IndexFile, fetcher: Fetcher, known: Abilities, whole: Callable[[IndexFile], bytes]) -> bytes:
    """Return the metadata of one file.

    Args:
        file: a wheel or a source distribution.
        fetcher: fetches from the network.
        known: abilities of the file's index; what is found out is noted there.
        whole: fetches the whole file, verified, and returns its metadata.

    Raises:
        DigestMismatch: a sidecar is not what the page announced.
        ArchiveRejected: the file holds no metadata that can be read.
        IndexAccessError: the index can't be reached, or refuses.
    """
    if file.url.startswith("file:"):
        return whole(file)
    is_wheel = file.filename.endswith(".whl")
    if file.has_metadata or (file.has_metadata is None and is_wheel and known.sidecars is not False):
        found = _read_sidecar(file, fetcher, known)
        if found is not None:
            return found
    if is_wheel and known.ranges is not False:
        found = _read_tail(file, fetcher, known)
        if found is not None:
            return found
    return whole(file)


def _read_sidecar(file: IndexFile, fetcher: Fetcher, known: Abilities) -> bytes | None:
    url = f"{file.url}.metadata"
    answer = fetcher.get(url, {}, limit=METADATA, read=(200,), accept=_ABSENT)
    if answer.status != 200:
        if not file.has_metadata:
            known.missed_sidecar()
        return None
    if file.metadata_sha256:
        import hashlib

        found = hashlib.sha256(answer.body).hexdigest()
        if found != file.metadata_sha256:
            raise DigestMismatch(
                f"the metadata of {file.filename} is not what the index announced",
                reason=f"sha256 {found}, expected {file.metadata_sha256}",
                hint="the index or something on the way changed it; try again later, or report it to the index",
            )
    elif answer.body[: len(_FIRST_LINE)].lower() != _FIRST_LINE:
        # A login page or a catch-all answer with status 200.
        known.missed_sidecar()
        return None
    known.saw_sidecar()
    return answer.body


def _read_tail(file: IndexFile, fetcher: Fetcher, known: Abilities) -> bytes | None:
    """Read METADATA with range requests; None when the server or the archive doesn't allow it."""
    from blast_pm.index.wheel_tail import TAIL_BYTES, tail_metadata

    first = _read_range(file, fetcher, f"-{TAIL_BYTES}")
    size = _total_size(first)
    if first.status != 206 or size <= 0:
        known.ranges = False if first.status == 200 else known.ranges
        return None
    known.ranges = True

    def read_at(start: int, stop: int) -> bytes:
        answer = _read_range(file, fetcher, f"{start}-{stop - 1}", stop - start)
        if answer.status != 206 or answer.headers.get("content-range", "") != f"bytes {start}-{stop - 1}/{size}":
            raise IndexAccessError(f"{file.filename}: the index answered another range than asked for")
        return answer.body

    try:
        if first.headers.get("content-range", "") != f"bytes {size - len(first.body)}-{size - 1}/{size}":
            return None
        return tail_metadata(first.body, size, read_at, file.filename)
    except (ArchiveRejected, IndexAccessError):
        # The whole file decides: it is verified by its digest, ranges are not.
        return None


def _read_range(file: IndexFile, fetcher: Fetcher, wanted: str, size: int = 1 << 20) -> Answer:
    headers: Mapping[str, str] = {"Range": f"bytes={wanted}", "Accept-Encoding": "identity"}
    # A status of 200 means that the whole file follows: it is not read.
    return fetcher.get(file.url, headers, limit=size, read=(206,), accept=(200, 416, 501))


def _total_size(answer: Answer) -> int:
    text = answer.headers.get("content-range", "").rpartition("/")[2]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
