"""Random histories of several clients: what the memory store answers is what a model of a few lines says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blast_core.errors import BlastError, StoreLocked
from blast_live.memstore.engine import Begun, Engine, Found
from blast_live.memstore.model import Part, Record
from blast_live.memstore.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.property

_OWNERS = st.integers(1, 4)
_KEYS = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4, unique=True)
_BLOBS = st.lists(st.integers(0, 7), min_size=1, max_size=3, unique=True)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("get"), _OWNERS, _KEYS),
        st.tuples(st.just("look"), _OWNERS, _KEYS),
        st.tuples(st.just("begin"), _OWNERS, _KEYS),
        st.tuples(st.just("claim"), _OWNERS, _KEYS),
        st.tuples(st.just("put"), _OWNERS, _BLOBS),
        st.tuples(st.just("commit"), _OWNERS, st.lists(_BLOBS, min_size=1, max_size=4)),
        st.tuples(st.just("install"), _OWNERS, st.tuples(_KEYS, st.lists(_BLOBS, min_size=4, max_size=4))),
        st.tuples(st.just("install"), _OWNERS, st.tuples(_KEYS, st.lists(_BLOBS, min_size=4, max_size=4))),
        st.tuples(st.just("rollback"), _OWNERS, st.none()),
        st.tuples(st.just("release"), _OWNERS, st.none()),
        st.tuples(st.just("leave"), _OWNERS, st.none()),
        st.tuples(st.just("evict"), _OWNERS, _KEYS),
        st.tuples(st.just("later"), _OWNERS, st.sampled_from([1.0, 10.0, 30.0])),
    ),
    max_size=60,
)
_WAIT_S = 5.0
_PATIENCE_S = 50.0


def blob(number: int) -> tuple[bytes, int]:
    """Return the digest and the size of the blob with a number; some are empty."""
    return bytes([number]) * 32, 10 * (number % 4)


class History:
    """Plays steps to an engine, and to a model: what is committed, and who has which keys since when."""

    def __init__(self, max_size: int, max_blobs: int) -> None:
        self.closed: list[int] = []
        self.table = Table(max_size, max_blobs, self.closed.append)
        self.engine = Engine(self.table, _PATIENCE_S)
        self.now = 0.0
        self.next_fd = 1000
        self.kept: set[int] = set()
        self.committed: dict[str, tuple[bytes, ...]] = {}
        self.claims: dict[int, tuple[tuple[str, ...], float]] = {}
        self.waits: dict[int, tuple[str, tuple[str, ...], float]] = {}
        self.lent: dict[int, set[bytes]] = {owner: set() for owner in range(1, 5)}
        self.is_roomy = max_size >= 1000

    def play(self, name: str, owner: int, more: object) -> None:
        if name == "later":
            assert isinstance(more, float)
            self.now += more
        elif owner not in self.waits or name == "leave":  # who waits asks for nothing
            try:
                getattr(self, f"do_{name}")(owner, more)
            except StoreLocked:
                assert name in {"get", "claim"}
                assert owner in self.claims, "only who has begun something can close a circle"
            except BlastError:
                # No transaction, a second one, a part that was not put, no room: nothing has changed.
                assert name in {"begin", "claim", "put", "commit", "install"}
        self.settle()
        self.check()

    def do_get(self, owner: int, keys: Sequence[str]) -> None:
        found = self.engine.get(owner, keys, _WAIT_S, self.now)
        busy = self.busy(owner, keys)
        assert (found is None) == bool(busy)
        if found is None:
            self.waits[owner] = ("get", tuple(keys), self.now)
        else:
            self.see(owner, keys, found)

    def do_look(self, owner: int, keys: Sequence[str]) -> None:
        self.see(owner, keys, self.engine.look(owner, keys))

    def do_begin(self, owner: int, keys: Sequence[str]) -> None:
        begun = self.engine.begin(owner, keys, only_missing=False, wait_s=_WAIT_S, now=self.now)
        assert (begun is None) == bool(self.busy(owner, keys))
        if begun is None:
            self.waits[owner] = ("begin", tuple(keys), self.now)
        else:
            self.take(owner, keys, begun)

    def do_claim(self, owner: int, keys: Sequence[str]) -> None:
        begun = self.engine.begin(owner, keys, only_missing=True, wait_s=_WAIT_S, now=self.now)
        assert begun is not None
        busy = self.busy(owner, keys)
        assert set(begun.busy) == busy
        self.see(owner, [key for key in keys if key not in busy], Found(begun.records, begun.claimed))
        if begun.claimed:
            assert owner not in self.claims
            self.claims[owner] = (begun.claimed, self.now)

    def do_put(self, owner: int, numbers: Sequence[int]) -> None:
        for number in numbers:
            self.next_fd += 1
            if self.engine.put(owner, *blob(number), self.next_fd):
                self.kept.add(self.next_fd)
            assert owner in self.claims

    def do_install(self, owner: int, wish: tuple[Sequence[str], Sequence[Sequence[int]]]) -> None:
        keys, blobs = wish
        if owner not in self.claims:
            self.do_begin(owner, keys)
        if owner not in self.waits:
            for numbers in blobs:
                self.do_put(owner, numbers)
            self.do_commit(owner, blobs)

    def do_commit(self, owner: int, blobs: Sequence[Sequence[int]]) -> None:
        keys = self.claims[owner][0] if owner in self.claims else ("a",)
        records = [
            Record(key, tuple(Part(str(number), *blob(number)) for number in numbers))
            for key, numbers in zip(keys, blobs, strict=False)
        ]
        self.engine.commit(owner, records)
        del self.claims[owner]
        self.lend(owner, records)
        self.committed |= {record.key: tuple(part.digest for part in record.parts) for record in records}

    def do_rollback(self, owner: int, _: None) -> None:
        self.engine.rollback(owner)
        self.claims.pop(owner, None)

    def do_release(self, owner: int, _: None) -> None:
        self.table.release(owner)
        self.lent[owner].clear()

    def do_leave(self, owner: int, _: None) -> None:
        self.engine.leave(owner)
        self.lent[owner].clear()
        self.claims.pop(owner, None)
        self.waits.pop(owner, None)
        assert not any(self.table.borrows(owner, blob(number)[0]) for number in range(8))

    def do_evict(self, _: int, keys: Sequence[str]) -> None:
        gone, kept = self.table.evict(keys)
        for key in gone:
            del self.committed[key]
        assert set(gone) | set(kept) == {key for key in keys if key in self.committed} | set(gone)

    def busy(self, owner: int, keys: Sequence[str]) -> set[str]:
        return {key for other, (theirs, _) in self.claims.items() if other != owner for key in theirs} & set(keys)

    def take(self, owner: int, keys: Sequence[str], begun: Begun) -> None:
        assert begun == Begun((), tuple(keys), ())
        assert owner not in self.claims
        self.claims[owner] = (tuple(keys), self.now)

    def lend(self, owner: int, records: Sequence[Record]) -> None:
        self.lent[owner] |= {part.digest for record in records for part in record.parts}

    def see(self, owner: int, keys: Sequence[str], found: Found) -> None:
        """Compare an answer with what is committed: no other bytes, nothing of an open transaction, nothing halved."""
        seen = {record.key: tuple(part.digest for part in record.parts) for record in found.records}
        assert set(seen) | set(found.missing) == set(keys)
        self.lend(owner, found.records)
        for key, digests in seen.items():
            assert self.committed[key] == digests
        for key in found.missing:
            assert not self.is_roomy or key not in self.committed
            self.committed.pop(key, None)

    def settle(self) -> None:
        for owner in [owner for owner, (_, begun) in self.claims.items() if self.now - begun >= _PATIENCE_S]:
            del self.claims[owner]
        for owner, answer in self.engine.settle(self.now):
            kind, keys, since = self.waits.pop(owner)
            if isinstance(answer, BlastError):
                late = self.now - since >= _WAIT_S
                assert late or owner in self.claims, answer
            elif isinstance(answer, Found):
                assert kind == "get"
                self.see(owner, keys, answer)
            else:
                assert kind == "begin"
                self.take(owner, keys, answer)
        for owner, (_, keys, since) in self.waits.items():
            assert self.busy(owner, keys), "who waits for nothing was not answered"
            assert self.now - since < _WAIT_S
        assert self.engine.waiting() == len(self.waits)

    def check(self) -> None:
        totals = self.table.totals()
        assert totals.size <= self.table.max_size
        assert totals.blobs <= self.table.max_blobs
        open_fds = self.kept - set(self.closed)
        assert len(self.closed) == len(set(self.closed)), "closed twice"
        assert set(self.closed) <= self.kept, "closed what is not the store's"
        assert totals.blobs == len(open_fds)
        for owner, lent in self.lent.items():
            for digest in lent:
                assert self.table.descriptor(digest) in open_fds, "what is borrowed was taken away"
                assert self.table.borrows(owner, digest)
        listed = {each.record.key: each.record for each in self.table.listing()}
        assert set(listed) <= set(self.committed)
        assert not self.is_roomy or set(listed) == set(self.committed)
        for record in listed.values():
            assert {self.table.descriptor(part.digest) for part in record.parts} <= open_fds
        borrowed: set[bytes] = set().union(*self.lent.values())
        for key, digests in self.committed.items():
            assert key in listed or not borrowed & set(digests), "a record went of which a part is borrowed"
        assert len(self.engine.claims) == len(self.claims)
        assert set(self.table._staged) <= set(self.claims)
        for owner in self.waits:
            assert not self.leads_to(owner, owner, set()), "they wait for each other"

    def leads_to(self, owner: int, goal: int, seen: set[int]) -> bool:
        """Tell whether ``goal`` is among those that ``owner`` waits for, or they, and so on."""
        keys = self.waits[owner][1] if owner in self.waits else ()
        for other in {
            other for other, (theirs, _) in self.claims.items() if other != owner and set(theirs) & set(keys)
        }:
            if other == goal or (other not in seen and self.leads_to(other, goal, seen | {other})):
                return True
        return False


def play(steps: Sequence[tuple[str, int, object]], max_size: int, max_blobs: int) -> None:
    """Play a history, then have everybody leave: nothing is left but records, and they can be evicted."""
    history = History(max_size, max_blobs)
    for name, owner, more in steps:
        history.play(name, owner, more)
    for owner in range(1, 5):
        history.play("leave", owner, None)
    assert history.engine.deadline() is None
    assert history.table.totals().pinned == 0
    history.table.shrink(-1)
    assert history.table.totals()[:3] == (0, 0, 0)
    assert set(history.closed) == history.kept


@given(_STEPS)
def test_with_room_for_all_a_history_equals_the_models(steps: list[tuple[str, int, object]]) -> None:
    play(steps, 10_000, 100)


@given(_STEPS, st.integers(0, 90), st.integers(1, 6))
def test_with_little_room_nothing_is_halved_leaked_or_taken_from_a_borrower(
    steps: list[tuple[str, int, object]], max_size: int, max_blobs: int
) -> None:
    play(steps, max_size, max_blobs)
