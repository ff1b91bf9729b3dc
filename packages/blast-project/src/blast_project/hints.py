"""Hints: finished locks under what they were made from, so that the same question is not answered twice.

A hint is found again only if nothing that led to it changed: the project's inputs, the wishes of the command, what was
preferred, where the indexes are, and the page of every project that was looked at, each by its id. It holds the bytes
of the lock's files, so that with a hint and without one the same is written. Losing hints costs time alone.

Rows in the database ``hints``, of which there is a fixed number, so that the oldest give way:

    d          marshalled: format, and (key, slot) pairs, the one kept last first
    0, 1, …    marshalled: format, key, pages, bases of files, notes, releases, text, content
"""

from __future__ import annotations

import marshal

from blast_core.errors import BlastError
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from blast_pm.index.client import PyPiClient
    from blast_project.project import Project
    from blast_project.session import Session

__all__ = ["SLOTS", "Hint", "Pages", "find_hint", "hint_key", "keep_hint", "may_hint", "times_of"]

#: How many locks are remembered; one of a project with 241 packages takes 2 MB.
SLOTS = 16

# Raise it when the resolver may answer the same question differently, or a lock is written differently.
_FORMAT = 2
_DIRECTORY = b"d"
_MOST_BYTES = 32 << 20
_OFF = ("", "0", "false", "no", "off")

#: By name of each project that was looked at its index and the id of its page; both empty if no index knows it.
Pages = tuple[tuple[str, str, bytes], ...]


class Hint(NamedTuple):
    """A lock as it was made.

    Attributes:
        notes: what was said of it, a sentence each.
        releases: see ``blast_project.lock_files.LockResult``.
        text: of pylock.toml; None where there is none.
        content: of blast.lock.
    """

    notes: tuple[str, ...]
    releases: tuple[tuple[str, str, str, str], ...]
    text: bytes | None
    content: bytes


def may_hint(session: Session, project: Project) -> bool:
    """Tell whether an answer may be remembered: not where the user forbids it, nor where addresses tell of projects."""
    if session.settings.environ.get("BLAST_NO_HINTS", "").lower() not in _OFF:
        return False
    return project.workspace is None and not any(row.requirement.url for row in project.requirements())


def hint_key(session: Session, *parts: object) -> bytes:
    """Return the key of a question.

    Args:
        session: whose indexes and policy on versions and files count, moments included.
        parts: all else that the answer depends on; values whose ``repr`` tells them apart.

    Returns:
        20 bytes.
    """
    from _blake2 import blake2b  # hashlib would load OpenSSL

    from blast_core import __version__

    client = session.client
    places = [tuple(row._replace(credentials=None)) for row in client.locations]
    policy = session.policy
    strategy = client.strategy
    question = repr((__version__, _FORMAT, places, strategy, policy.resolution, policy.files, policy.resolver, parts))
    return blake2b(question.encode("utf-8", "surrogateescape"), digest_size=20).digest()


def find_hint(session: Session, key: bytes) -> tuple[Hint, tuple[int, int]] | None:
    """Return the hint for a question if all pages that led to it are what they were, and fresh; None otherwise.

    With it comes when the newest of these pages was fetched and when the first expires, in seconds since 1970.

    Cost: two rows, and a small one for each page.
    """
    database = session.database
    slot = dict(_entries(session)).get(key)
    if slot is None:
        return None
    found = database.read("hints", b"%d" % slot, lambda value: _decode_slot(value, key))
    if found is None:
        return None
    pages, bases, hint = found
    client = session.client
    # The text holds whole addresses.
    times = times_of(client, pages) if bases == _bases(client) else None
    return (hint, times) if times is not None else None


def keep_hint(session: Session, key: bytes, pages: Pages | None, hint: Hint) -> None:
    """Remember the answer to a question, in the place of the oldest where all are taken.

    Args:
        session: services; what is kept is written when the session ends.
        key: of the question.
        pages: what it was found from; None where that doesn't tell all, and then nothing is remembered.
        hint: the answer.
    """
    if pages is None:
        return
    size = len(hint.content) + len(hint.text or b"")
    if size > _MOST_BYTES:
        return
    entries = _entries(session)
    slots = dict(entries)
    unused = [slot for slot in range(SLOTS) if slot not in slots.values()]
    slot = slots.get(key, unused[0] if unused else entries[-1][1])
    others = [entry for entry in entries if entry[1] != slot]
    store = session.client.store
    store.put("hints", b"%d" % slot, marshal.dumps((_FORMAT, key, pages, _bases(session.client), *hint)))
    store.put("hints", _DIRECTORY, marshal.dumps((_FORMAT, ((key, slot), *others))))


def times_of(client: PyPiClient, pages: Pages) -> tuple[int, int] | None:
    """Return when pages were fetched last and expire first; None if one is another, or must be asked for.

    Args:
        client: of the indexes.
        pages: what something was found from.
    """
    newest, first = 0, 1 << 62
    for name, index, page_id in pages:
        try:
            page = client.stored_record(name)
        except BlastError:
            return None
        if page is None:
            return None
        if page.exists != bool(index) or (page.exists and (page.index, page.page_id) != (index, page_id)):
            return None
        newest, first = max(newest, page.fetched), min(first, page.expires)
    return newest, first


def _entries(session: Session) -> tuple[tuple[bytes, int], ...]:
    return session.database.read("hints", _DIRECTORY, _decode_directory) or ()


def _bases(client: PyPiClient) -> tuple[str, ...]:
    return tuple([client.file_base(row.name) for row in client.locations])


def _decode_directory(value: memoryview | bytes) -> tuple[tuple[bytes, int], ...] | None:
    fields = _decode(value, 2)
    return fields[1] if fields is not None else None


def _decode_slot(value: memoryview | bytes, key: bytes) -> tuple[Pages, tuple[str, ...], Hint] | None:
    fields = _decode(value, 8)
    return (fields[2], fields[3], Hint(*fields[4:])) if fields is not None and fields[1] == key else None


def _decode(value: memoryview | bytes, length: int) -> tuple[Any, ...] | None:
    try:
        fields = marshal.loads(value)  # noqa: S302 - this user's own database
    except (ValueError, EOFError, TypeError, MemoryError):
        return None
    return fields if isinstance(fields, tuple) and len(fields) == length and fields[0] == _FORMAT else None
